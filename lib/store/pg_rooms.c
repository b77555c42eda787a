/* Rooms: found and made. */
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/store/judge.h"
#include "lib/store/pg_asks.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

/* ---- find ---- */

/* What find_ask asked for, in the order in which it counts. */
struct find {
	bool first; /* an id or an alias */
	bool name;
};

/* What is no text for PostgreSQL is nobody's name. */
static bool can_be_name(struct bytes text)
{
	return bytes_find_char(text, '\0') < 0 && utf8_valid(text);
}

static void params_user(struct pg_params *params, const struct store_room_find *req)
{
	if (req->has_user) {
		pg_param_id(params, &req->user);
	} else {
		pg_param_null(params);
	}
}

static void find_by_text(
	struct pg_talk *talk, enum pg_sql sql, struct bytes text, const struct store_room_find *req)
{
	struct pg_params params = {.count = 0};

	pg_param_text(&params, text);
	params_user(&params, req);
	pg_talk_add(talk, sql, &params);
}

static int find_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_room_find *req = CONTAINER_OF(call, struct store_room_find, call);
	struct find *find = pg_talk_state(talk);
	struct pg_params params = {.count = 0};
	char alias[65];
	struct uuid id;

	if (uuid_parse(req->ref, &id) == 0) {
		pg_param_id(&params, &id);
		params_user(&params, req);
		pg_talk_add(talk, PG_SQL_ROOM_BY_ID, &params);
		find->first = true;
	} else if (model_alias_fold(req->ref, alias) == 0) {
		find_by_text(talk, PG_SQL_ROOM_BY_ALIAS, bytes_str(alias), req);
		find->first = true;
	}
	if (req->by_name && can_be_name(req->ref)) {
		find_by_text(talk, PG_SQL_ROOM_BY_NAME, req->ref, req);
		find->name = true;
	}
	return find->first || find->name ? PG_ON : ERR_NOT_FOUND;
}

static int find_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_find *req = CONTAINER_OF(call, struct store_room_find, call);
	const struct find *find = pg_talk_state(talk);
	const struct pg_result *found = pg_talk_result(talk, 0);

	if (find->first && find->name && pg_rows(found) == 0) {
		found = pg_talk_result(talk, 1);
	}
	if (pg_rows(found) > 1) {
		return ERR_CONFLICT;
	}
	int err = pg_one_room(found, call->arena, &req->room);
	if (err == 0) {
		req->role = (enum member_role)pg_int(found, 0, PG_ROOM_COLUMN_COUNT);
	}
	return err;
}

static const pg_step_fn find_steps[] = {find_ask, find_read, NULL};
const struct pg_work pg_room_find_work = {PG_READ, find_steps, sizeof(struct find)};

/* ---- create ---- */

/* How often the one who was in the way may be gone when he is looked for. */
enum { CREATE_TRIES = 4 };

struct create {
	struct judge_room wanted;
	const struct store_new_member **members; /* each once, in the order of their ids */
	size_t member_count;
	unsigned tries;
};

/* Of one user the first comes first. */
static int by_user(const void *a, const void *b)
{
	const struct store_new_member *one = *(const struct store_new_member *const *)a;
	const struct store_new_member *two = *(const struct store_new_member *const *)b;
	int order = memcmp(one->user.b, two->user.b, sizeof(one->user.b));

	return order != 0 ? order : (one > two) - (one < two);
}

static void sort_members(struct create *create, const struct store_room_create *req)
{
	size_t count = 0;

	if (req->member_count == 0) {
		return;
	}
	create->members =
		arena_alloc(req->call.arena, req->member_count * sizeof(*create->members));
	for (size_t i = 0; i < req->member_count; i++) {
		create->members[i] = &req->members[i];
	}
	qsort(create->members, req->member_count, sizeof(*create->members), by_user);
	for (size_t i = 0; i < req->member_count; i++) {
		const struct store_new_member *member = create->members[i];
		if (count == 0 || !uuid_eq(&create->members[count - 1]->user, &member->user)) {
			create->members[count++] = member;
		}
	}
	create->member_count = count;
}

static void add_room(struct pg_talk *talk, const struct create *create)
{
	const struct room_row *room = &create->wanted.row;
	struct pg_params params = {.count = 0};

	pg_param_id(&params, &room->id);
	pg_param_text_or_null(&params, room->alias);
	pg_param_text(&params, room->name);
	pg_param_text_or_null(&params, room->avatar_url);
	pg_param_int2(&params, (int16_t)room->type);
	pg_param_int2(&params, (int16_t)room->visibility);
	pg_param_bool(&params, room->encrypted);
	if (room->has_creator) {
		pg_param_id(&params, &room->creator);
	} else {
		pg_param_null(&params);
	}
	pg_param_blob_or_null(&params, bytes_of(create->wanted.pair, create->wanted.pair_len));
	pg_param_int(&params, (int64_t)create->member_count);
	pg_talk_add(talk, PG_SQL_ROOM_ADD, &params);
}

/* The room is made where nobody has what it wants; who has it is looked for in the same exchange,
 * behind the attempt, so that whoever it waited for is seen. */
static void try_room(struct pg_talk *talk, const struct create *create)
{
	const struct judge_room *wanted = &create->wanted;
	struct pg_params pair = {.count = 0}, alias = {.count = 0}, id = {.count = 0};

	add_room(talk, create);
	pg_ask_room(talk, PG_SQL_DEAD_GET, &wanted->row.id);
	if (wanted->pair_len != 0) {
		pg_param_blob(&pair, bytes_of(wanted->pair, wanted->pair_len));
		pg_param_null(&pair);
		pg_talk_add(talk, PG_SQL_ROOM_BY_PAIR, &pair);
	}
	if (wanted->row.alias.len != 0) {
		pg_param_text(&alias, wanted->row.alias);
		pg_param_null(&alias);
		pg_talk_add(talk, PG_SQL_ROOM_BY_ALIAS, &alias);
	}
	pg_param_id(&id, &wanted->row.id);
	pg_param_null(&id);
	pg_talk_add(talk, PG_SQL_ROOM_BY_ID, &id);
}

static int create_try(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_create *req = CONTAINER_OF(call, struct store_room_create, call);
	struct create *create = pg_talk_state(talk);

	req->created = false;
	int err = judge_room_create(req, &create->wanted);
	if (err != 0) {
		return err;
	}
	sort_members(create, req);
	try_room(talk, create);
	return PG_ON;
}

/* 0: nobody is in the way any more; 1: req->room is the Direct room of that pair; else an error. */
static int find_rival(
	struct pg_talk *talk, const struct create *create, struct store_room_create *req)
{
	struct arena *arena = req->call.arena;
	size_t at = 2;

	if (create->wanted.pair_len != 0 &&
		pg_one_room(pg_talk_result(talk, at++), arena, &req->room) == 0) {
		return 1;
	}
	if (create->wanted.row.alias.len != 0 &&
		pg_one_room(pg_talk_result(talk, at++), arena, &req->room) == 0) {
		return ERR_EXISTS;
	}
	return pg_one_room(pg_talk_result(talk, at), arena, &req->room) == 0 ? ERR_EXISTS : 0;
}

static enum member_role role_of(
	const struct store_room_create *req, const struct store_new_member *member)
{
	if (req->asked.has_creator && uuid_eq(&member->user, &req->asked.creator)) {
		return ROLE_OWNER;
	}
	return member->role != ROLE_NONE ? member->role : ROLE_MEMBER;
}

static void add_members(
	struct pg_talk *talk, const struct create *create, const struct store_room_create *req)
{
	struct pg_params name = {.count = 0}, add = {.count = 0};
	struct pg_array users = {.count = 0}, identities = {.count = 0}, roles = {.count = 0};

	pg_array_begin(&users, PG_UUID);
	pg_array_begin(&identities, PG_TEXT);
	pg_array_begin(&roles, PG_INT2);
	for (size_t i = 0; i < create->member_count; i++) {
		const struct store_new_member *member = create->members[i];
		pg_array_id(&users, &member->user);
		pg_array_bytes_or_null(&identities, member->identity);
		pg_array_int2(&roles, (int16_t)role_of(req, member));
	}
	pg_param_array(&name, &users);
	pg_param_array(&name, &identities);
	pg_talk_add(talk, PG_SQL_USERS_NAME, &name);
	pg_param_id(&add, &create->wanted.row.id);
	pg_param_array(&add, &users);
	pg_param_array(&add, &roles);
	pg_param_int(&add, pg_talk_origin(talk));
	pg_talk_add(talk, PG_SQL_MEMBERS_ADD, &add);
	pg_array_finish(&users);
	pg_array_finish(&identities);
	pg_array_finish(&roles);
}

static int create_fill(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_create *req = CONTAINER_OF(call, struct store_room_create, call);
	struct create *create = pg_talk_state(talk);
	bool dead = pg_rows(pg_talk_result(talk, 1)) > 0;

	if (pg_one_room(pg_talk_result(talk, 0), call->arena, &req->room) == 0) {
		if (dead) {
			return ERR_CONFLICT;
		}
		req->created = true;
		if (create->member_count != 0) {
			add_members(talk, create, req);
		}
		return PG_COMMIT;
	}
	int rival = find_rival(talk, create, req);
	if (rival != 0) {
		return rival == 1 ? PG_DONE : rival;
	}
	if (++create->tries == CREATE_TRIES) {
		return ERR_BUSY;
	}
	try_room(talk, create);
	return PG_STAY;
}

static const pg_step_fn create_steps[] = {create_try, create_fill, NULL};
const struct pg_work pg_room_create_work = {PG_CHANGE, create_steps, sizeof(struct create)};
