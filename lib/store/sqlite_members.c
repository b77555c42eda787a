/* Participants: added, removed, given roles, listed. Every change raises the room's member_version.
 */
#include "lib/base/err.h"
#include "lib/store/judge.h"
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

static int set_role(
	struct sqlite *db, const struct uuid *room, const struct uuid *user, enum member_role role)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_SET_ROLE);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_id(stmt, 2, user);
	sqlite_bind_int(stmt, 3, (int64_t)role);
	return sqlite_run(stmt, NULL);
}

/* Whether the room has an Owner besides the user: 1, 0 or an error. */
static int has_other_owner(struct sqlite *db, const struct uuid *room, const struct uuid *user)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_OWNER);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_id(stmt, 2, user);
	int err = sqlite_step(stmt);
	sqlite_end(stmt);
	return err;
}

/* ---- add ---- */

static int insert(struct sqlite_connection *connection, const struct store_member_add *req)
{
	int err = sqlite_user_name(connection, &req->user, req->identity);
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
	enum member_role by = ROLE_NONE, role = ROLE_NONE;
	struct sqlite *db = connection->db;
	struct arena *arena = req->call.arena;
	int err = sqlite_room_by_id(db, arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_both_roles(db, &req->room, &req->actor, &req->user, &by, &role);
	}
	if (err == 0) {
		err = judge_member_add(req, by, role);
	}
	if (err != 0 || !req->added) {
		return err;
	}
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

/* Where no Owner is left the one with the highest role becomes it, and of those the oldest. */
static int find_successor(struct sqlite *db, struct store_member_remove *req)
{
	int err = has_other_owner(db, &req->room, &req->user);

	if (err != 0) {
		return err < 0 ? err : 0;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_SUCCESSOR);
	sqlite_bind_id(stmt, 1, &req->room);
	err = sqlite_step(stmt);
	if (err != 1) {
		return err;
	}
	sqlite_id(stmt, 0, &req->successor);
	sqlite_end(stmt);
	req->has_successor = true;
	return set_role(db, &req->room, &req->successor, ROLE_OWNER);
}

static int delete_member(struct sqlite *db, const struct store_member_remove *req)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_DROP);

	sqlite_bind_id(stmt, 1, &req->room);
	sqlite_bind_id(stmt, 2, &req->user);
	return sqlite_run(stmt, NULL);
}

static int unpair(struct sqlite_connection *connection, const struct uuid *room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_ROOM_UNPAIR);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_int(stmt, 2, connection->now_ms);
	return sqlite_run(stmt, NULL);
}

static int drop(struct sqlite_connection *connection, struct store_member_remove *req)
{
	struct sqlite *db = connection->db;
	struct arena *arena = req->call.arena;
	enum member_role by = ROLE_NONE, role = ROLE_NONE;
	int err = sqlite_room_by_id(db, arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_both_roles(db, &req->room, &req->actor, &req->user, &by, &role);
	}
	if (err == 0) {
		err = judge_member_remove(req, by, role);
	}
	if (err == 0) {
		err = delete_member(db, req);
	}
	if (err == 0 && role == ROLE_OWNER) {
		err = find_successor(db, req);
	}
	if (err == 0 && req->row.type == ROOM_DIRECT) {
		err = unpair(connection, &req->room);
	}
	if (err == 0) {
		err = changed(db, &req->room, -1);
	}
	return err != 0 ? err : sqlite_room_by_id(db, arena, &req->room, &req->row);
}

void sqlite_member_remove_work(struct store_call *call, void *connection)
{
	struct store_member_remove *req = CONTAINER_OF(call, struct store_member_remove, call);

	req->has_successor = false;
	call->err = drop(connection, req);
}

/* ---- role ---- */

/* *ret_next: Owner where another one is. Nobody asks for it unless the user is one. */
static int read_next(struct sqlite *db, const struct store_member_role *req, enum member_role role,
	enum member_role *ret_next)
{
	int err = role == ROLE_OWNER ? has_other_owner(db, &req->room, &req->user) : 0;

	*ret_next = err == 1 ? ROLE_OWNER : ROLE_NONE;
	return err < 0 ? err : 0;
}

static int change_role(struct sqlite *db, struct store_member_role *req)
{
	enum member_role by = ROLE_NONE, role = ROLE_NONE, next = ROLE_NONE;
	int err = sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_both_roles(db, &req->room, &req->actor, &req->user, &by, &role);
	}
	if (err == 0) {
		err = read_next(db, req, role, &next);
	}
	if (err == 0) {
		err = judge_member_role(req, by, role, next);
	}
	if (err != 0 || !req->changed) {
		return err;
	}
	err = set_role(db, &req->room, &req->user, req->role);
	if (err == 0) {
		err = changed(db, &req->room, 0);
	}
	return err != 0 ? err : sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);
}

void sqlite_member_role_work(struct store_call *call, void *connection)
{
	struct store_member_role *req = CONTAINER_OF(call, struct store_member_role, call);

	req->changed = false;
	call->err = change_role(((struct sqlite_connection *)connection)->db, req);
}

/* ---- list ---- */

static int read_members(struct sqlite_stmt *stmt, struct arena *arena,
	struct member_row **ret_members, size_t *ret_count)
{
	struct member_row *members = NULL;
	size_t count = 0, cap = 0;
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		members = sqlite_rows_grow(arena, members, count, &cap, sizeof(*members));
		sqlite_row_member(stmt, arena, &members[count++]);
	}
	*ret_members = members;
	*ret_count = count;
	return err;
}

void sqlite_member_list_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_member_list *req = CONTAINER_OF(call, struct store_member_list, call);
	struct room_row room;

	call->err = sqlite_room_by_id(db, call->arena, &req->room, &room);
	if (call->err != 0) {
		return;
	}
	req->member_version = room.member_version;
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_LIST);
	sqlite_bind_id(stmt, 1, &req->room);
	call->err = read_members(stmt, call->arena, &req->members, &req->count);
}

void sqlite_member_page_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_member_page *req = CONTAINER_OF(call, struct store_member_page, call);
	struct room_row room;

	call->err = sqlite_room_by_id(db, call->arena, &req->room, &room);
	if (call->err != 0) {
		return;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(db, req->only ? SQL_MEMBER_ONE : SQL_MEMBER_PAGE);
	sqlite_bind_id(stmt, 1, &req->room);
	sqlite_bind_id(stmt, 2, &req->after);
	sqlite_bind_int(stmt, 3, req->limit);
	call->err = read_members(stmt, call->arena, &req->members, &req->count);
}
