/* Rooms in pages: for the operator, and as a user sees them. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

/* Names may be empty, but no id is shorter than the empty one. */
static struct bytes id_after(struct bytes after_name, const struct uuid *after_id)
{
	return after_name.ptr == NULL ? BYTES_NONE : uuid_bytes(after_id);
}

/* ---- for the operator ---- */

void sqlite_room_list_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_room_list *req = CONTAINER_OF(call, struct store_room_list, call);
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_LIST);
	size_t cap = 0;
	int err;

	req->rooms = NULL;
	req->count = 0;
	sqlite_bind_text(stmt, 1, req->after_name);
	sqlite_bind_blob(stmt, 2, id_after(req->after_name, &req->after_id));
	sqlite_bind_int(stmt, 3, req->limit);
	while ((err = sqlite_step(stmt)) == 1) {
		req->rooms = sqlite_rows_grow(
			call->arena, req->rooms, req->count, &cap, sizeof(*req->rooms));
		sqlite_row_room(stmt, call->arena, &req->rooms[req->count++]);
	}
	call->err = err;
}

/* ---- for a user ---- */

static int read_listed(struct sqlite_stmt *stmt, struct arena *arena, struct room_listed *ret_room)
{
	const int own = ROOM_COLUMN_COUNT, message = ROOM_COLUMN_COUNT + 2;

	memset(ret_room, 0, sizeof(*ret_room));
	sqlite_row_room(stmt, arena, &ret_room->room);
	ret_room->role = (enum member_role)sqlite_int(stmt, own);
	ret_room->last_read_seq = (uint64_t)sqlite_int(stmt, own + 1);
	ret_room->has_last = sqlite_int(stmt, message) != 0;
	if (!ret_room->has_last) {
		return 0; /* none was sent, or all were removed */
	}
	return sqlite_row_message(stmt, message, arena, &ret_room->room.id, &ret_room->last);
}

static struct sqlite_stmt *bind_page(struct sqlite *db, const struct store_rooms_page *req)
{
	struct sqlite_stmt *stmt =
		sqlite_stmt(db, req->all_public ? SQL_ROOMS_PUBLIC : SQL_ROOMS_OF_USER);

	sqlite_bind_id(stmt, 1, &req->user);
	sqlite_bind_blob(stmt, 2,
		req->all_public ? id_after(req->after_name, &req->after_id)
				: uuid_bytes(&req->after_id));
	sqlite_bind_int(stmt, 3, req->has_type ? (int64_t)req->type : -1);
	sqlite_bind_int(stmt, 4, req->limit);
	if (req->all_public) {
		sqlite_bind_text(stmt, 5, req->after_name);
	}
	return stmt;
}

void sqlite_rooms_page_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_rooms_page *req = CONTAINER_OF(call, struct store_rooms_page, call);
	struct sqlite_stmt *stmt = bind_page(db, req);
	size_t cap = 0;
	int err;

	req->rooms = NULL;
	req->count = 0;
	if (req->all_public && req->has_type && req->type == ROOM_DIRECT) {
		call->err = 0; /* these are Private: who looked would look through all */
		return;
	}
	while ((err = sqlite_step(stmt)) == 1) {
		req->rooms = sqlite_rows_grow(
			call->arena, req->rooms, req->count, &cap, sizeof(*req->rooms));
		err = read_listed(stmt, call->arena, &req->rooms[req->count++]);
		if (err != 0) {
			break;
		}
	}
	sqlite_end(stmt);
	call->err = err;
}
