/* Rooms: found and made. */
#include "lib/base/err.h"
#include "lib/store/judge.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

/* ---- find ---- */

static int by_text(struct sqlite *db, enum sql_id id, struct bytes text, struct arena *arena,
	struct room_row *ret_row)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);

	sqlite_bind_text(stmt, 1, text);
	return sqlite_one_room(stmt, arena, ret_row);
}

static int by_name(
	struct sqlite *db, struct bytes name, struct arena *arena, struct room_row *ret_row)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_BY_NAME);

	sqlite_bind_text(stmt, 1, name);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err == 0 ? ERR_NOT_FOUND : err;
	}
	sqlite_row_room(stmt, arena, ret_row);
	err = sqlite_step(stmt);
	if (err == 1) {
		sqlite_end(stmt);
		return ERR_CONFLICT;
	}
	return err;
}

static int by_ref(struct sqlite *db, const struct store_room_find *req, struct room_row *ret_row)
{
	struct arena *arena = req->call.arena;
	char alias[65];
	struct uuid id;
	int err = ERR_NOT_FOUND;

	if (uuid_parse(req->ref, &id) == 0) {
		err = sqlite_room_by_id(db, arena, &id, ret_row);
	} else if (model_alias_fold(req->ref, alias) == 0) {
		err = by_text(db, SQL_ROOM_BY_ALIAS, bytes_str(alias), arena, ret_row);
	}
	if (err == ERR_NOT_FOUND && req->by_name) {
		err = by_name(db, req->ref, arena, ret_row);
	}
	return err;
}

void sqlite_room_find_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_room_find *req = CONTAINER_OF(call, struct store_room_find, call);

	req->role = ROLE_NONE;
	call->err = by_ref(db, req, &req->room);
	if (call->err == 0 && req->has_user) {
		call->err = sqlite_role(db, &req->room.id, &req->user, &req->role);
	}
}

/* ---- create ---- */

/* Whether messages of a deleted room of that id are still being removed. */
static int check_dead(struct sqlite *db, const struct uuid *id)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_DEAD_GET);

	sqlite_bind_id(stmt, 1, id);
	int err = sqlite_step(stmt);
	sqlite_end(stmt);
	return err == 1 ? ERR_CONFLICT : err;
}

/* 0: nobody has what the room wants; 1: *ret_row is the Direct room of that pair; ERR_EXISTS:
 * *ret_row has the alias or the id; ERR_CONFLICT: a room that was deleted had the id. */
static int find_rival(struct sqlite *db, const struct room_row *wanted, struct bytes pair,
	struct arena *arena, struct room_row *ret_row)
{
	int err = ERR_NOT_FOUND;

	if (pair.len != 0) {
		struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_BY_PAIR);
		sqlite_bind_blob(stmt, 1, pair);
		err = sqlite_one_room(stmt, arena, ret_row);
		if (err == 0) {
			return 1;
		}
	}
	if (err == ERR_NOT_FOUND && wanted->alias.len != 0) {
		err = by_text(db, SQL_ROOM_BY_ALIAS, wanted->alias, arena, ret_row);
	}
	if (err == ERR_NOT_FOUND) {
		err = sqlite_room_by_id(db, arena, &wanted->id, ret_row);
	}
	if (err == 0) {
		return ERR_EXISTS;
	}
	return err == ERR_NOT_FOUND ? check_dead(db, &wanted->id) : err;
}

static int add_room(struct sqlite *db, const struct room_row *room, struct bytes pair, int64_t now)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_ADD);

	sqlite_bind_id(stmt, 1, &room->id);
	sqlite_bind_text_or_null(stmt, 2, room->alias);
	sqlite_bind_text(stmt, 3, room->name);
	sqlite_bind_text_or_null(stmt, 4, room->avatar_url);
	sqlite_bind_int(stmt, 5, (int64_t)room->type);
	sqlite_bind_int(stmt, 6, (int64_t)room->visibility);
	sqlite_bind_int(stmt, 7, room->encrypted ? 1 : 0);
	sqlite_bind_blob_or_null(
		stmt, 8, room->has_creator ? uuid_bytes(&room->creator) : BYTES_NONE);
	sqlite_bind_int(stmt, 9, now);
	sqlite_bind_blob_or_null(stmt, 10, pair);
	return sqlite_run(stmt, NULL);
}

static int add_member(struct sqlite_connection *connection, const struct uuid *room,
	const struct store_new_member *member, enum member_role role, int64_t *ret_added)
{
	struct sqlite_stmt *stmt;
	int err = sqlite_user_name(connection, &member->user, member->identity);

	if (err != 0) {
		return err;
	}
	stmt = sqlite_stmt(connection->db, SQL_MEMBER_ADD);
	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_id(stmt, 2, &member->user);
	sqlite_bind_int(stmt, 3, (int64_t)role);
	sqlite_bind_int(stmt, 4, connection->now_ms);
	return sqlite_run(stmt, ret_added);
}

static int add_members(struct sqlite_connection *connection, const struct store_room_create *req)
{
	const struct room_row *room = &req->asked;
	int64_t count = 0;

	for (size_t i = 0; i < req->member_count; i++) {
		const struct store_new_member *member = &req->members[i];
		bool creator = room->has_creator && uuid_eq(&member->user, &room->creator);
		enum member_role role = member->role != ROLE_NONE ? member->role : ROLE_MEMBER;
		int64_t added = 0;
		int err = add_member(
			connection, &room->id, member, creator ? ROLE_OWNER : role, &added);
		if (err != 0) {
			return err;
		}
		count += added;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_MEMBERS_CHANGED);
	sqlite_bind_id(stmt, 1, &room->id);
	sqlite_bind_int(stmt, 2, 0);
	sqlite_bind_int(stmt, 3, count);
	return sqlite_run(stmt, NULL);
}

static int create(struct sqlite_connection *connection, struct store_room_create *req)
{
	struct arena *arena = req->call.arena;
	struct judge_room wanted;
	int err = judge_room_create(req, &wanted);

	if (err != 0) {
		return err;
	}
	struct bytes pair = bytes_of(wanted.pair, wanted.pair_len);
	err = find_rival(connection->db, &wanted.row, pair, arena, &req->room);
	if (err != 0) {
		return err == 1 ? 0 : err;
	}
	req->created = true;
	err = add_room(connection->db, &wanted.row, pair, connection->now_ms);
	if (err == 0) {
		err = add_members(connection, req);
	}
	return err != 0 ? err
			: sqlite_room_by_id(connection->db, arena, &wanted.row.id, &req->room);
}

void sqlite_room_create_work(struct store_call *call, void *connection)
{
	struct store_room_create *req = CONTAINER_OF(call, struct store_room_create, call);

	req->created = false;
	call->err = create(connection, req);
}
