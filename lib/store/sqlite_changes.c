/* Rooms that change: what is set of them, and their end. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

static int expect(const struct room_row *row, uint64_t version)
{
	return version == 0 || version == row->version ? 0 : ERR_PRECONDITION;
}

static int run_for_room(struct sqlite *db, enum sql_id id, const struct uuid *room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);

	sqlite_bind_id(stmt, 1, room);
	return sqlite_run(stmt, NULL);
}

/* ---- update ---- */

/* Gives *field the text; true where it had another one. */
static bool put(struct bytes *field, struct bytes text)
{
	bool other = !bytes_eq(*field, text);

	*field = text;
	return other;
}

/* alias: folded, or empty. ERR_EXISTS where another room has it. */
static int check_alias(struct sqlite *db, const struct store_room_update *req, struct bytes alias)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_BY_ALIAS);
	struct room_row other;

	sqlite_bind_text(stmt, 1, alias);
	int err = sqlite_one_room(stmt, req->call.arena, &other);
	if (err != 0) {
		return err == ERR_NOT_FOUND ? 0 : err;
	}
	return uuid_eq(&other.id, &req->room) ? 0 : ERR_EXISTS;
}

static int put_alias(struct sqlite *db, struct store_room_update *req, struct room_row *row)
{
	struct bytes alias = BYTES_NONE;
	char folded[65];
	int err = 0;

	if (req->alias.len != 0) {
		err = model_alias_fold(req->alias, folded);
		if (err == 0) {
			alias = arena_dup(req->call.arena, bytes_str(folded));
			err = check_alias(db, req, alias);
		}
	}
	if (err == 0) {
		req->changed |= put(&row->alias, alias);
	}
	return err;
}

/* row: as it is, and then as it is to be. */
static int merge(
	struct sqlite_connection *connection, struct store_room_update *req, struct room_row *row)
{
	if ((req->changes & ROOM_SET_NAME) != 0) {
		req->changed |= put(&row->name, req->name);
	}
	if ((req->changes & ROOM_SET_AVATAR) != 0) {
		req->changed |= put(&row->avatar_url, req->avatar_url);
	}
	if ((req->changes & ROOM_SET_VISIBILITY) != 0) {
		if (row->type == ROOM_DIRECT) {
			return ERR_FORBIDDEN;
		}
		req->changed |= row->visibility != req->visibility;
		row->visibility = req->visibility;
	}
	if ((req->changes & ROOM_SET_ARCHIVED) != 0 && req->archived != (row->archived_ms != 0)) {
		req->changed = true;
		row->archived_ms = req->archived ? connection->now_ms : 0;
	}
	return (req->changes & ROOM_SET_ALIAS) != 0 ? put_alias(connection->db, req, row) : 0;
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
	int err = sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);

	if (err == 0) {
		err = sqlite_actor_check(db, &req->row, &req->actor, ROLE_ADMIN);
	}
	if (err == 0) {
		err = expect(&req->row, req->expect_version);
	}
	if (err == 0) {
		err = merge(connection, req, &req->row);
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
	int err = sqlite_room_by_id(db, req->call.arena, &req->room, &req->row);

	if (err == 0) {
		bool direct = req->row.type == ROOM_DIRECT;
		err = sqlite_actor_check(
			db, &req->row, &req->actor, direct ? ROLE_MEMBER : ROLE_OWNER);
	}
	if (err == 0) {
		err = expect(&req->row, req->expect_version);
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
