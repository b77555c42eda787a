/* Participants: added, removed, listed. Every change raises the room's member_version. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

static int changed(struct sqlite *db, const struct uuid *room, int64_t count)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBERS_CHANGED);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_int(stmt, 2, 1);
	sqlite_bind_int(stmt, 3, count);
	return sqlite_run(stmt, NULL);
}

/* ---- add ---- */

static int insert(struct sqlite_connection *connection, const struct store_member_add *req)
{
	int err = sqlite_user_name(connection, &req->user, BYTES_NONE);
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_MEMBER_ADD);

	if (err != 0) {
		return err;
	}
	sqlite_bind_id(stmt, 1, &req->room);
	sqlite_bind_id(stmt, 2, &req->user);
	sqlite_bind_int(stmt, 3, (int64_t)req->now);
	sqlite_bind_int(stmt, 4, connection->now_ms);
	err = sqlite_run(stmt, NULL);
	return err != 0 ? err : changed(connection->db, &req->room, 1);
}

static int add(struct sqlite_connection *connection, struct store_member_add *req)
{
	struct sqlite *db = connection->db;
	struct arena *arena = req->call.arena;
	int err = sqlite_room_by_id(db, arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_role(db, &req->room, &req->user, &req->now);
	}
	if (err != 0 || req->now != ROLE_NONE) {
		return err;
	}
	if (req->public_only && req->row.visibility != ROOM_PUBLIC) {
		return ERR_NOT_FOUND;
	}
	req->now = req->role != ROLE_NONE ? req->role : ROLE_MEMBER;
	req->added = true;
	err = insert(connection, req);
	return err != 0 ? err : sqlite_room_by_id(db, arena, &req->room, &req->row);
}

void sqlite_member_add_work(struct store_call *call, void *connection)
{
	struct store_member_add *req = CONTAINER_OF(call, struct store_member_add, call);

	req->added = false;
	call->err = add(connection, req);
}

/* ---- remove ---- */

/* 1: there is a row; 0: none. */
static int for_room(struct sqlite *db, enum sql_id id, const struct uuid *room, struct uuid *ret_id)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);

	sqlite_bind_id(stmt, 1, room);
	int err = sqlite_step(stmt);
	if (err == 1) {
		if (ret_id != NULL) {
			sqlite_id(stmt, 0, ret_id);
		}
		sqlite_end(stmt);
	}
	return err;
}

static int run_for_member(
	struct sqlite *db, enum sql_id id, const struct uuid *room, const struct uuid *user)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_id(stmt, 2, user);
	return sqlite_run(stmt, NULL);
}

/* Where no Owner is left the one with the highest role becomes it, and of those the oldest. */
static int find_successor(struct sqlite *db, struct store_member_remove *req)
{
	int err = for_room(db, SQL_MEMBER_OWNER, &req->room, NULL);

	if (err != 0) {
		return err < 0 ? err : 0;
	}
	err = for_room(db, SQL_MEMBER_SUCCESSOR, &req->room, &req->successor);
	if (err != 1) {
		return err;
	}
	req->has_successor = true;
	return run_for_member(db, SQL_MEMBER_PROMOTE, &req->room, &req->successor);
}

static int drop(struct sqlite *db, struct store_member_remove *req)
{
	enum member_role role = ROLE_NONE;
	int err = sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_role(db, &req->room, &req->user, &role);
	}
	if (err == 0 && role == ROLE_NONE) {
		err = ERR_NOT_MEMBER;
	}
	if (err == 0) {
		err = run_for_member(db, SQL_MEMBER_DROP, &req->room, &req->user);
	}
	if (err == 0 && role == ROLE_OWNER) {
		err = find_successor(db, req);
	}
	if (err == 0) {
		err = changed(db, &req->room, -1);
	}
	return err != 0 ? err : sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);
}

void sqlite_member_remove_work(struct store_call *call, void *connection)
{
	struct store_member_remove *req = CONTAINER_OF(call, struct store_member_remove, call);

	req->has_successor = false;
	call->err = drop(((struct sqlite_connection *)connection)->db, req);
}

/* ---- list ---- */

void sqlite_member_list_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_member_list *req = CONTAINER_OF(call, struct store_member_list, call);
	struct room_row room;
	size_t cap = 0;
	int err = sqlite_room_by_id(db, call->arena, &req->room, &room);

	req->members = NULL;
	req->count = 0;
	if (err != 0) {
		call->err = err;
		return;
	}
	req->member_version = room.member_version;
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_LIST);
	sqlite_bind_id(stmt, 1, &req->room);
	while ((err = sqlite_step(stmt)) == 1) {
		req->members = sqlite_rows_grow(
			call->arena, req->members, req->count, &cap, sizeof(*req->members));
		sqlite_row_member(stmt, call->arena, &req->members[req->count++]);
	}
	call->err = err;
}
