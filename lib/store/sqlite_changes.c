/* Rooms that change: what is set of them, and their end. */
#include "lib/base/err.h"
#include "lib/store/judge.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

static int run_for_room(struct sqlite *db, enum sql_id id, const struct uuid *room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);

	sqlite_bind_id(stmt, 1, room);
	return sqlite_run(stmt, NULL);
}

/* ---- update ---- */

/* ERR_EXISTS where another room has the alias that this one is to have. */
static int check_alias(struct sqlite *db, const struct store_room_update *req)
{
	struct sqlite_stmt *stmt;
	struct room_row other;

	if ((req->changes & ROOM_SET_ALIAS) == 0 || req->row.alias.len == 0) {
		return 0;
	}
	stmt = sqlite_stmt(db, SQL_ROOM_BY_ALIAS);
	sqlite_bind_text(stmt, 1, req->row.alias);
	int err = sqlite_one_room(stmt, req->call.arena, &other);
	if (err != 0) {
		return err == ERR_NOT_FOUND ? 0 : err;
	}
	return uuid_eq(&other.id, &req->room) ? 0 : ERR_EXISTS;
}

static int write_room(struct sqlite *db, const struct room_row *row)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_SET);

	sqlite_bind_id(stmt, 1, &row->id);
	sqlite_bind_text_or_null(stmt, 2, row->alias);
	sqlite_bind_text(stmt, 3, row->name);
	sqlite_bind_text_or_null(stmt, 4, row->avatar_url);
	sqlite_bind_int(stmt, 5, (int64_t)row->visibility);
	if (row->archived_ms != 0) {
		sqlite_bind_int(stmt, 6, row->archived_ms);
	} else {
		sqlite_bind_null(stmt, 6);
	}
	return sqlite_run(stmt, NULL);
}

static int update(struct sqlite_connection *connection, struct store_room_update *req)
{
	struct sqlite *db = connection->db;
	enum member_role by = ROLE_NONE;
	int err = sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_actor_role(db, &req->room, &req->actor, &by);
	}
	if (err == 0) {
		err = judge_room_update(req, by, connection->now_ms);
	}
	if (err == 0) {
		err = check_alias(db, req);
	}
	if (err != 0 || !req->changed) {
		return err;
	}
	err = write_room(db, &req->row);
	return err != 0 ? err : sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);
}

void sqlite_room_update_work(struct store_call *call, void *connection)
{
	struct store_room_update *req = CONTAINER_OF(call, struct store_room_update, call);

	req->changed = false;
	call->err = update(connection, req);
}

/* ---- delete ---- */

/* Its messages have no room from now on, and wait for store_room_sweep(). */
static int delete_room(struct sqlite *db, struct store_room_delete *req)
{
	enum member_role by = ROLE_NONE;
	int err = sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_actor_role(db, &req->room, &req->actor, &by);
	}
	if (err == 0) {
		err = judge_room_delete(req, by);
	}
	if (err == 0) {
		err = run_for_room(db, SQL_DEAD_ADD, &req->room);
	}
	if (err == 0) {
		err = run_for_room(db, SQL_MEMBERS_DROP, &req->room);
	}
	return err != 0 ? err : run_for_room(db, SQL_ROOM_DROP, &req->room);
}

void sqlite_room_delete_work(struct store_call *call, void *connection)
{
	struct store_room_delete *req = CONTAINER_OF(call, struct store_room_delete, call);

	call->err = delete_room(((struct sqlite_connection *)connection)->db, req);
}
