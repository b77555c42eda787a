/* Users: opened by themselves, found and listed. */
#include "lib/base/err.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"
#include "lib/store/pg_users.h"

void pg_user_add(struct pg_talk *talk, enum pg_sql sql, const struct uuid *user)
{
	struct pg_params params = {0};

	pg_param_id(&params, user);
	pg_talk_add(talk, sql, &params);
}

void pg_user_come(struct pg_talk *talk, const struct uuid *user, struct bytes identity,
	struct bytes display_name)
{
	struct pg_params params = {0};
	char text[UUID_TEXT_SIZE];

	if (identity.len == 0) {
		uuid_format(user, text);
		identity = bytes_str(text);
	}
	pg_param_id(&params, user);
	pg_param_text(&params, identity);
	pg_param_text(&params, display_name.len != 0 ? display_name : identity);
	pg_talk_add(talk, PG_SQL_USER_COME, &params);
}

int pg_user_read(const struct pg_result *result, struct arena *arena, struct user_row *ret_row)
{
	if (pg_rows(result) == 0) {
		return ERR_NOT_FOUND;
	}
	pg_row_user(result, 0, 0, arena, ret_row);
	return 0;
}

/* ---- open ---- */

static int open_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_user_open *req = CONTAINER_OF(call, struct store_user_open, call);

	pg_user_add(talk, PG_SQL_USER_GET, &req->user);
	pg_user_add(talk, PG_SQL_USER_ROOMS, &req->user);
	return PG_ON;
}

static void open_rooms(const struct pg_result *result, struct store_user_open *req)
{
	size_t count = pg_rows(result);

	req->rooms = NULL;
	req->room_count = count;
	if (count > 0) {
		req->rooms = arena_alloc(req->call.arena, count * sizeof(*req->rooms));
	}
	for (size_t i = 0; i < count; i++) {
		pg_row_room(result, i, 0, req->call.arena, &req->rooms[i]);
	}
}

/* user: which of the step's results; his rooms are the one behind. */
static int open_read(const struct pg_talk *talk, struct store_user_open *req, size_t user)
{
	int err = pg_user_read(pg_talk_result(talk, user), req->call.arena, &req->row);

	if (err == 0) {
		open_rooms(pg_talk_result(talk, user + 1), req);
	}
	return err;
}

/* One who is new is made by the link that reads: no order with other writes needs to be kept, and
 * two instances that open him at once find the same row. */
static int open_judge(struct pg_talk *talk, struct store_call *call)
{
	struct store_user_open *req = CONTAINER_OF(call, struct store_user_open, call);
	const struct pg_result *user = pg_talk_result(talk, 0);

	if (pg_rows(user) > 0 && pg_bool(user, 0, PG_USER_COLUMN_COUNT)) {
		return open_read(talk, req, 0);
	}
	pg_user_come(talk, &req->user, req->identity, req->display_name);
	(void)open_ask(talk, call);
	return PG_ON;
}

static int open_made(struct pg_talk *talk, struct store_call *call)
{
	return open_read(talk, CONTAINER_OF(call, struct store_user_open, call), 1);
}

static const pg_step_fn open_steps[] = {open_ask, open_judge, open_made, NULL};
const struct pg_work pg_user_open_work = {PG_READ, open_steps, 0};

/* ---- find ---- */

static int find_ask(struct pg_talk *talk, struct store_call *call)
{
	pg_user_add(talk, PG_SQL_USER_GET, &CONTAINER_OF(call, struct store_user_find, call)->user);
	return PG_ON;
}

static int find_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_user_find *req = CONTAINER_OF(call, struct store_user_find, call);

	return pg_user_read(pg_talk_result(talk, 0), call->arena, &req->row);
}

static const pg_step_fn find_steps[] = {find_ask, find_read, NULL};
const struct pg_work pg_user_find_work = {PG_READ, find_steps, 0};

/* ---- lists ---- */

static int list_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_user_list *req = CONTAINER_OF(call, struct store_user_list, call);
	static const struct uuid none;
	bool from_start = req->after_identity.ptr == NULL;
	struct pg_params params = {0};

	pg_param_text(&params, req->after_identity);
	pg_param_id(&params, from_start ? &none : &req->after_id);
	pg_param_int(&params, req->limit);
	pg_talk_add(talk, req->banned_only ? PG_SQL_USER_LIST_BANNED : PG_SQL_USER_LIST, &params);
	return PG_ON;
}

static int list_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_user_list *req = CONTAINER_OF(call, struct store_user_list, call);

	pg_all_users(pg_talk_result(talk, 0), call->arena, &req->users, &req->count);
	return PG_DONE;
}

static const pg_step_fn list_steps[] = {list_ask, list_read, NULL};
const struct pg_work pg_user_list_work = {PG_READ, list_steps, 0};

static int bars_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_bar_list *req = CONTAINER_OF(call, struct store_bar_list, call);
	struct pg_params params = {0};

	pg_param_id(&params, &req->after);
	pg_param_int(&params, req->limit);
	pg_talk_add(talk, PG_SQL_BAR_LIST, &params);
	return PG_ON;
}

static int bars_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_bar_list *req = CONTAINER_OF(call, struct store_bar_list, call);

	pg_all_users(pg_talk_result(talk, 0), call->arena, &req->users, &req->count);
	return PG_DONE;
}

static const pg_step_fn bars_steps[] = {bars_ask, bars_read, NULL};
const struct pg_work pg_bar_list_work = {PG_READ, bars_steps, 0};
