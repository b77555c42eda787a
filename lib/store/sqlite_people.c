/* Users as others see and treat them: found, listed, renamed, banned, erased. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

/* ---- find and list ---- */

void sqlite_user_find_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_user_find *req = CONTAINER_OF(call, struct store_user_find, call);

	call->err = sqlite_user_by_id(db, call->arena, &req->user, &req->row, NULL);
}

static int read_users(struct sqlite_stmt *stmt, struct arena *arena, struct user_row **ret_users,
	size_t *ret_count)
{
	struct user_row *users = NULL;
	size_t count = 0, cap = 0;
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		users = sqlite_rows_grow(arena, users, count, &cap, sizeof(*users));
		sqlite_row_user(stmt, arena, &users[count++]);
	}
	*ret_users = users;
	*ret_count = count;
	return err;
}

void sqlite_user_list_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_user_list *req = CONTAINER_OF(call, struct store_user_list, call);
	struct sqlite_stmt *stmt =
		sqlite_stmt(db, req->banned_only ? SQL_USER_LIST_BANNED : SQL_USER_LIST);
	bool from_start = req->after_identity.ptr == NULL;

	/* No id is shorter than the empty one. */
	sqlite_bind_text(stmt, 1, req->after_identity);
	sqlite_bind_blob(stmt, 2, from_start ? BYTES_NONE : uuid_bytes(&req->after_id));
	sqlite_bind_int(stmt, 3, req->limit);
	call->err = read_users(stmt, call->arena, &req->users, &req->count);
}

void sqlite_bar_list_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_bar_list *req = CONTAINER_OF(call, struct store_bar_list, call);
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_BAR_LIST);

	sqlite_bind_id(stmt, 1, &req->after);
	sqlite_bind_int(stmt, 2, req->limit);
	call->err = read_users(stmt, call->arena, &req->users, &req->count);
}

/* ---- the profile ---- */

static int write_profile(struct sqlite *db, const struct user_row *row)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_USER_SET);

	sqlite_bind_id(stmt, 1, &row->id);
	sqlite_bind_text(stmt, 2, row->display_name);
	sqlite_bind_text_or_null(stmt, 3, row->avatar_url);
	return sqlite_run(stmt, NULL);
}

/* true: something is different now. */
static bool merge(const struct store_user_update *req, struct user_row *row)
{
	bool other = false;

	if (req->set_name && !bytes_eq(row->display_name, req->display_name)) {
		row->display_name = req->display_name;
		other = true;
	}
	if (req->set_avatar && !bytes_eq(row->avatar_url, req->avatar_url)) {
		row->avatar_url = req->avatar_url;
		other = true;
	}
	return other;
}

static int update(struct sqlite_connection *connection, struct store_user_update *req)
{
	struct sqlite *db = connection->db;
	struct arena *arena = req->call.arena;
	int err = sqlite_user_come(connection, &req->user, req->identity, BYTES_NONE);

	if (err == 0) {
		err = sqlite_user_by_id(db, arena, &req->user, &req->row, NULL);
	}
	if (err != 0) {
		return err;
	}
	if (req->expect_version != 0 && req->expect_version != req->row.version) {
		return ERR_PRECONDITION;
	}
	if (!merge(req, &req->row)) {
		return 0;
	}
	err = write_profile(db, &req->row);
	return err != 0 ? err : sqlite_user_by_id(db, arena, &req->user, &req->row, NULL);
}

void sqlite_user_update_work(struct store_call *call, void *connection)
{
	struct store_user_update *req = CONTAINER_OF(call, struct store_user_update, call);

	call->err = update(connection, req);
}

/* ---- bars ---- */

/* Tokens tell their age in whole seconds: one of this second is refused as well. */
static int64_t tokens_from(const struct sqlite_connection *connection, const struct user_row *row)
{
	int64_t next = (connection->now_ms / 1000 + 1) * 1000;

	return next > row->tokens_from_ms ? next : row->tokens_from_ms;
}

static void bind_time(struct sqlite_stmt *stmt, int at, int64_t ms)
{
	if (ms != 0) {
		sqlite_bind_int(stmt, at, ms);
	} else {
		sqlite_bind_null(stmt, at);
	}
}

static int write_bar(struct sqlite *db, const struct user_row *row)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_USER_BAR);

	sqlite_bind_id(stmt, 1, &row->id);
	bind_time(stmt, 2, row->banned_ms);
	sqlite_bind_text_or_null(stmt, 3, row->ban_reason);
	bind_time(stmt, 4, row->tokens_from_ms);
	return sqlite_run(stmt, NULL);
}

/* Who is banned once more stays banned since then, for the new reason. */
static int bar(struct sqlite_connection *connection, struct store_user_bar *req)
{
	struct sqlite *db = connection->db;
	struct user_row *row = &req->row;
	int err = sqlite_user_name(connection, &req->user, req->identity);

	if (err == 0) {
		err = sqlite_user_by_id(db, req->call.arena, &req->user, row, NULL);
	}
	if (err != 0) {
		return err;
	}
	if (req->set_banned && req->banned) {
		row->banned_ms = row->banned_ms != 0 ? row->banned_ms : connection->now_ms;
		row->ban_reason = arena_dup(req->call.arena, req->reason);
	}
	if (req->set_banned && !req->banned) {
		row->banned_ms = 0;
		row->ban_reason = BYTES_NONE;
	}
	if (req->set_tokens_from) {
		row->tokens_from_ms = tokens_from(connection, row);
	}
	return write_bar(db, row);
}

void sqlite_user_bar_work(struct store_call *call, void *connection)
{
	struct store_user_bar *req = CONTAINER_OF(call, struct store_user_bar, call);

	call->err = bar(connection, req);
}

/* ---- erase ---- */

static int check_no_rooms(struct sqlite *db, const struct uuid *user)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_ANYWHERE);

	sqlite_bind_id(stmt, 1, user);
	int err = sqlite_step(stmt);
	sqlite_end(stmt);
	return err == 1 ? ERR_CONFLICT : err;
}

static int erase(struct sqlite_connection *connection, struct store_user_erase *req)
{
	struct sqlite *db = connection->db;
	struct arena *arena = req->call.arena;
	char text[UUID_TEXT_SIZE];
	int err = sqlite_user_by_id(db, arena, &req->user, &req->row, NULL);

	if (err == 0) {
		err = check_no_rooms(db, &req->user);
	}
	if (err != 0) {
		return err;
	}
	uuid_format(&req->user, text);
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_USER_ERASE);
	sqlite_bind_id(stmt, 1, &req->user);
	sqlite_bind_text(stmt, 2, bytes_str(text));
	sqlite_bind_int(stmt, 3, tokens_from(connection, &req->row));
	sqlite_bind_int(stmt, 4, connection->now_ms);
	err = sqlite_run(stmt, NULL);
	return err != 0 ? err : sqlite_user_by_id(db, arena, &req->user, &req->row, NULL);
}

void sqlite_user_erase_work(struct store_call *call, void *connection)
{
	struct store_user_erase *req = CONTAINER_OF(call, struct store_user_erase, call);

	call->err = erase(connection, req);
}
