/* Participants: added, removed, given roles, listed. Every change takes the lock of the room's row
 * first, with what it is judged by behind it, and raises member_version. */
#include "lib/base/err.h"
#include "lib/store/judge.h"
#include "lib/store/pg_asks.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

static void ask_pair(
	struct pg_talk *talk, enum pg_sql sql, const struct uuid *room, const struct uuid *user)
{
	struct pg_params params = {.count = 0};

	pg_param_id(&params, room);
	pg_param_id(&params, user);
	pg_talk_add(talk, sql, &params);
}

static void put_role(struct pg_talk *talk, enum pg_sql sql, const struct uuid *room,
	const struct uuid *user, enum member_role role)
{
	struct pg_params params = {.count = 0};

	pg_param_id(&params, room);
	pg_param_id(&params, user);
	pg_param_int2(&params, (int16_t)role);
	pg_talk_add(talk, sql, &params);
}

/* more: by how many they are. Gives the room as it is then. */
static void changed(struct pg_talk *talk, const struct uuid *room, int64_t more)
{
	struct pg_params params = {.count = 0};

	pg_param_id(&params, room);
	pg_param_int(&params, more);
	pg_talk_add(talk, PG_SQL_MEMBERS_CHANGED, &params);
}

/* ---- add ---- */

static int add_ask(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_add *req = CONTAINER_OF(call, struct store_member_add, call);

	req->added = false;
	pg_ask_room(talk, PG_SQL_ROOM_LOCK, &req->room);
	pg_ask_roles(talk, &req->room, &req->actor, &req->user);
	return PG_ON;
}

static int add_write(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_add *req = CONTAINER_OF(call, struct store_member_add, call);
	/* The operator adds others too. */
	enum store_change_kind kind = req->public_only ? CHANGE_JOINED : CHANGE_ADDED;
	enum member_role by, role;
	int err = pg_one_room(pg_talk_result(talk, 0), call->arena, &req->row);

	if (err != 0) {
		return err;
	}
	pg_read_roles(pg_talk_result(talk, 1), &by, &role);
	err = judge_member_add(req, by, role);
	if (err != 0 || !req->added) {
		return err;
	}
	changed(talk, &req->room, 1);
	pg_name_user(talk, &req->user, req->identity);
	put_role(talk, PG_SQL_MEMBER_ADD, &req->room, &req->user, req->now);
	pg_note_change(talk, kind, &req->room, &req->user);
	return PG_COMMIT;
}

static int add_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_add *req = CONTAINER_OF(call, struct store_member_add, call);

	return pg_one_room(pg_talk_result(talk, 0), call->arena, &req->row);
}

static const pg_step_fn add_steps[] = {add_ask, add_write, add_read, NULL};
const struct pg_work pg_member_add_work = {PG_CHANGE, add_steps, 0};

/* ---- remove ---- */

static int remove_ask(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_remove *req = CONTAINER_OF(call, struct store_member_remove, call);

	req->has_successor = false;
	pg_ask_room(talk, PG_SQL_ROOM_LOCK, &req->room);
	pg_ask_roles(talk, &req->room, &req->actor, &req->user);
	ask_pair(talk, PG_SQL_MEMBER_NEXT, &req->room, &req->user);
	return PG_ON;
}

/* Where no Owner is left the one with the highest role becomes it, and of those the oldest. */
static void find_successor(const struct pg_result *next, struct store_member_remove *req)
{
	if (pg_rows(next) == 0 || pg_int(next, 0, 1) == ROLE_OWNER) {
		return;
	}
	req->has_successor = pg_id(next, 0, 0, &req->successor);
}

static void leave_pair(struct pg_talk *talk, const struct store_member_remove *req)
{
	pg_ask_room(talk, PG_SQL_ROOM_UNPAIR, &req->room);
	if (req->row.archived_ms == 0) {
		pg_note_change(talk, CHANGE_ROOM_SET, &req->room, NULL);
	}
}

static int remove_write(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_remove *req = CONTAINER_OF(call, struct store_member_remove, call);
	enum member_role by, role;
	int err = pg_one_room(pg_talk_result(talk, 0), call->arena, &req->row);

	if (err != 0) {
		return err;
	}
	pg_read_roles(pg_talk_result(talk, 1), &by, &role);
	err = judge_member_remove(req, by, role);
	if (err != 0) {
		return err;
	}
	find_successor(pg_talk_result(talk, 2), req);
	ask_pair(talk, PG_SQL_MEMBER_DROP, &req->room, &req->user);
	pg_note_change(talk, CHANGE_REMOVED, &req->room, &req->user);
	if (req->has_successor) {
		put_role(talk, PG_SQL_MEMBER_SET_ROLE, &req->room, &req->successor, ROLE_OWNER);
		pg_note_change(talk, CHANGE_ROLE, &req->room, &req->successor);
	}
	if (req->row.type == ROOM_DIRECT) {
		leave_pair(talk, req);
	}
	changed(talk, &req->room, -1);
	return PG_COMMIT;
}

/* The room is what the last statement gave; how many there were is what remove_write did. */
static int remove_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_remove *req = CONTAINER_OF(call, struct store_member_remove, call);
	size_t at = 2;

	at += req->has_successor ? 2 : 0;
	if (req->row.type == ROOM_DIRECT) {
		at += req->row.archived_ms == 0 ? 2 : 1;
	}
	return pg_one_room(pg_talk_result(talk, at), call->arena, &req->row);
}

static const pg_step_fn remove_steps[] = {remove_ask, remove_write, remove_read, NULL};
const struct pg_work pg_member_remove_work = {PG_CHANGE, remove_steps, 0};

/* ---- role ---- */

static int role_ask(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_role *req = CONTAINER_OF(call, struct store_member_role, call);

	req->changed = false;
	pg_ask_room(talk, PG_SQL_ROOM_LOCK, &req->room);
	pg_ask_roles(talk, &req->room, &req->actor, &req->user);
	ask_pair(talk, PG_SQL_MEMBER_NEXT, &req->room, &req->user);
	return PG_ON;
}

static int role_write(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_role *req = CONTAINER_OF(call, struct store_member_role, call);
	const struct pg_result *others = pg_talk_result(talk, 2);
	enum member_role by, role, next = ROLE_NONE;
	int err = pg_one_room(pg_talk_result(talk, 0), call->arena, &req->row);

	if (err != 0) {
		return err;
	}
	pg_read_roles(pg_talk_result(talk, 1), &by, &role);
	if (pg_rows(others) != 0) {
		next = (enum member_role)pg_int(others, 0, 1);
	}
	err = judge_member_role(req, by, role, next);
	if (err != 0 || !req->changed) {
		return err;
	}
	changed(talk, &req->room, 0);
	put_role(talk, PG_SQL_MEMBER_SET_ROLE, &req->room, &req->user, req->role);
	pg_note_change(talk, CHANGE_ROLE, &req->room, &req->user);
	return PG_COMMIT;
}

static int role_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_role *req = CONTAINER_OF(call, struct store_member_role, call);

	return pg_one_room(pg_talk_result(talk, 0), call->arena, &req->row);
}

static const pg_step_fn role_steps[] = {role_ask, role_write, role_read, NULL};
const struct pg_work pg_member_role_work = {PG_CHANGE, role_steps, 0};

/* ---- list ---- */

static int list_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_member_list *req = CONTAINER_OF(call, struct store_member_list, call);

	pg_ask_room(talk, PG_SQL_MEMBER_LIST, &req->room);
	return PG_ON;
}

/* Each row begins with the room's member_version; a room without anybody has one row. */
static int list_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_list *req = CONTAINER_OF(call, struct store_member_list, call);
	const struct pg_result *result = pg_talk_result(talk, 0);
	size_t count = pg_rows(result);

	req->members = NULL;
	req->count = 0;
	if (count == 0) {
		return ERR_NOT_FOUND;
	}
	req->member_version = (uint64_t)pg_int(result, 0, 0);
	if (pg_is_null(result, 0, 1)) {
		return PG_DONE;
	}
	req->members = arena_alloc(call->arena, count * sizeof(*req->members));
	req->count = count;
	for (size_t i = 0; i < count; i++) {
		pg_row_member(result, i, 1, call->arena, &req->members[i]);
	}
	return PG_DONE;
}

static const pg_step_fn list_steps[] = {list_ask, list_read, NULL};
const struct pg_work pg_member_list_work = {PG_READ, list_steps, 0};

static int page_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_member_page *req = CONTAINER_OF(call, struct store_member_page, call);
	struct pg_params params = {.count = 0}, room = {.count = 0};

	pg_param_id(&room, &req->room);
	pg_param_null(&room);
	pg_talk_add(talk, PG_SQL_ROOM_BY_ID, &room);
	pg_param_id(&params, &req->room);
	pg_param_id(&params, &req->after);
	if (!req->only) {
		pg_param_int(&params, req->limit);
	}
	pg_talk_add(talk, req->only ? PG_SQL_MEMBER_ONE : PG_SQL_MEMBER_PAGE, &params);
	return PG_ON;
}

static int page_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_member_page *req = CONTAINER_OF(call, struct store_member_page, call);

	pg_all_members(pg_talk_result(talk, 1), call->arena, &req->members, &req->count);
	return pg_rows(pg_talk_result(talk, 0)) != 0 ? PG_DONE : ERR_NOT_FOUND;
}

static const pg_step_fn page_steps[] = {page_ask, page_read, NULL};
const struct pg_work pg_member_page_work = {PG_READ, page_steps, 0};
