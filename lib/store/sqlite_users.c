/* Users: named by others, and opened by themselves. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

int sqlite_user_name(
	struct sqlite_connection *connection, const struct uuid *user, struct bytes identity)
{
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_USER_NAME);
	char text[UUID_TEXT_SIZE];

	uuid_format(user, text);
	sqlite_bind_id(stmt, 1, user);
	sqlite_bind_text(stmt, 2, identity.len != 0 ? identity : bytes_str(text));
	sqlite_bind_int(stmt, 3, connection->now_ms);
	return sqlite_run(stmt, NULL);
}

static int read_user(struct sqlite *db, struct store_user_open *req)
{
	bool opened = false;
	int err = sqlite_user_by_id(db, req->call.arena, &req->user, &req->row, &opened);

	return err == 0 && !opened ? ERR_NOT_FOUND : err;
}

static int read_rooms(struct sqlite *db, struct store_user_open *req)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_USER_ROOMS);
	struct arena *arena = req->call.arena;
	size_t cap = 0;
	int err;

	req->rooms = NULL;
	req->room_count = 0;
	sqlite_bind_id(stmt, 1, &req->user);
	while ((err = sqlite_step(stmt)) == 1) {
		req->rooms = sqlite_rows_grow(
			arena, req->rooms, req->room_count, &cap, sizeof(*req->rooms));
		sqlite_row_room(stmt, arena, &req->rooms[req->room_count++]);
	}
	return err;
}

void sqlite_user_open_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_user_open *req = CONTAINER_OF(call, struct store_user_open, call);

	call->err = read_user(db, req);
	if (call->err == 0) {
		call->err = read_rooms(db, req);
	}
}

int sqlite_user_come(struct sqlite_connection *connection, const struct uuid *user,
	struct bytes identity, struct bytes display_name)
{
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_USER_OPEN);
	char text[UUID_TEXT_SIZE];

	if (identity.len == 0) {
		uuid_format(user, text);
		identity = bytes_str(text);
	}
	sqlite_bind_id(stmt, 1, user);
	sqlite_bind_text(stmt, 2, identity);
	sqlite_bind_text(stmt, 3, display_name.len != 0 ? display_name : identity);
	sqlite_bind_int(stmt, 4, connection->now_ms);
	return sqlite_run(stmt, NULL);
}

void sqlite_user_make_work(struct store_call *call, void *connection)
{
	struct store_user_open *req = CONTAINER_OF(call, struct store_user_open, call);

	call->err = sqlite_user_come(connection, &req->user, req->identity, req->display_name);
	if (call->err == 0) {
		sqlite_user_open_work(call, connection);
	}
}
