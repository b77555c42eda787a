/* Rooms in pages: for the operator, and as a user sees them. */
#include "lib/base/err.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

/* Names may be empty, but no room's id is nil. */
static void param_id_after(
	struct pg_params *params, struct bytes after_name, const struct uuid *after_id)
{
	static const struct uuid none;

	pg_param_id(params, after_name.ptr == NULL ? &none : after_id);
}

/* ---- for the operator ---- */

static int list_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_room_list *req = CONTAINER_OF(call, struct store_room_list, call);
	struct pg_params params = {.count = 0};

	pg_param_text(&params, req->after_name);
	param_id_after(&params, req->after_name, &req->after_id);
	pg_param_int(&params, req->limit);
	pg_talk_add(talk, PG_SQL_ROOM_LIST, &params);
	return PG_ON;
}

static int list_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_list *req = CONTAINER_OF(call, struct store_room_list, call);
	const struct pg_result *result = pg_talk_result(talk, 0);

	req->count = pg_rows(result);
	req->rooms = NULL;
	if (req->count != 0) {
		req->rooms = arena_alloc(call->arena, req->count * sizeof(*req->rooms));
	}
	for (size_t i = 0; i < req->count; i++) {
		pg_row_room(result, i, 0, call->arena, &req->rooms[i]);
	}
	return PG_DONE;
}

static const pg_step_fn list_steps[] = {list_ask, list_read, NULL};
const struct pg_work pg_room_list_work = {PG_READ, list_steps, 0};

/* ---- for a user ---- */

static int page_ask(struct pg_talk *talk, struct store_call *call)
{
	struct store_rooms_page *req = CONTAINER_OF(call, struct store_rooms_page, call);
	struct pg_params params = {.count = 0};

	req->rooms = NULL;
	req->count = 0;
	if (req->all_public && req->has_type && req->type == ROOM_DIRECT) {
		return PG_DONE; /* these are Private: who looked would look through all */
	}
	pg_param_id(&params, &req->user);
	if (req->all_public) {
		param_id_after(&params, req->after_name, &req->after_id);
	} else {
		pg_param_id(&params, &req->after_id);
	}
	if (req->has_type) {
		pg_param_int2(&params, (int16_t)req->type);
	} else {
		pg_param_null(&params);
	}
	pg_param_int(&params, req->limit);
	if (req->all_public) {
		pg_param_text(&params, req->after_name);
	}
	pg_talk_add(talk, req->all_public ? PG_SQL_ROOMS_PUBLIC : PG_SQL_ROOMS_OF_USER, &params);
	return PG_ON;
}

static int read_listed(const struct pg_result *result, size_t row, struct arena *arena,
	struct room_listed *ret_room)
{
	const int own = PG_ROOM_COLUMN_COUNT, message = PG_ROOM_COLUMN_COUNT + 2;

	memset(ret_room, 0, sizeof(*ret_room));
	pg_row_room(result, row, 0, arena, &ret_room->room);
	ret_room->role = (enum member_role)pg_int(result, row, own);
	ret_room->last_read_seq = (uint64_t)pg_int(result, row, own + 1);
	ret_room->has_last = !pg_is_null(result, row, message);
	if (!ret_room->has_last) {
		return 0; /* none was sent, or all were removed */
	}
	return pg_row_message(result, row, message, arena, &ret_room->room.id, &ret_room->last);
}

static int page_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_rooms_page *req = CONTAINER_OF(call, struct store_rooms_page, call);
	const struct pg_result *result = pg_talk_result(talk, 0);
	int err = 0;

	req->count = pg_rows(result);
	if (req->count != 0) {
		req->rooms = arena_alloc(call->arena, req->count * sizeof(*req->rooms));
	}
	for (size_t i = 0; i < req->count && err == 0; i++) {
		err = read_listed(result, i, call->arena, &req->rooms[i]);
	}
	return err;
}

static const pg_step_fn page_steps[] = {page_ask, page_read, NULL};
const struct pg_work pg_rooms_page_work = {PG_READ, page_steps, 0};
