#include "lib/store/sqlite_rows.h"

#include "lib/base/err.h"

static struct bytes text(struct sqlite_stmt *stmt, int column, struct arena *arena)
{
	struct bytes b = sqlite_bytes(stmt, column);

	return b.len != 0 ? arena_dup(arena, b) : BYTES_NONE;
}

void sqlite_row_room(struct sqlite_stmt *stmt, struct arena *arena, struct room_row *ret_row)
{
	memset(ret_row, 0, sizeof(*ret_row));
	sqlite_id(stmt, 0, &ret_row->id);
	ret_row->alias = text(stmt, 1, arena);
	ret_row->name = text(stmt, 2, arena);
	ret_row->avatar_url = text(stmt, 3, arena);
	ret_row->type = (enum room_type)sqlite_int(stmt, 4);
	ret_row->visibility = (enum room_visibility)sqlite_int(stmt, 5);
	ret_row->encrypted = sqlite_int(stmt, 6) != 0;
	ret_row->has_creator = sqlite_id(stmt, 7, &ret_row->creator);
	ret_row->created_ms = sqlite_int(stmt, 8);
	ret_row->last_activity_ms = sqlite_int(stmt, 9);
	ret_row->archived_ms = sqlite_int(stmt, 10);
	ret_row->last_seq = (uint64_t)sqlite_int(stmt, 11);
	ret_row->member_version = (uint64_t)sqlite_int(stmt, 12);
	ret_row->member_count = (uint64_t)sqlite_int(stmt, 13);
	ret_row->version = (uint64_t)sqlite_int(stmt, 14);
}

void sqlite_row_member(struct sqlite_stmt *stmt, struct arena *arena, struct member_row *ret_row)
{
	memset(ret_row, 0, sizeof(*ret_row));
	sqlite_id(stmt, 0, &ret_row->user);
	ret_row->identity = text(stmt, 1, arena);
	ret_row->display_name = text(stmt, 2, arena);
	ret_row->role = (enum member_role)sqlite_int(stmt, 3);
	ret_row->joined_ms = sqlite_int(stmt, 4);
	ret_row->last_read_ms = sqlite_int(stmt, 5);
	ret_row->last_read_seq = (uint64_t)sqlite_int(stmt, 6);
	ret_row->last_delivered_seq = (uint64_t)sqlite_int(stmt, 7);
	ret_row->muted = sqlite_int(stmt, 8) != 0;
}

void sqlite_row_user(struct sqlite_stmt *stmt, struct arena *arena, struct user_row *ret_row)
{
	memset(ret_row, 0, sizeof(*ret_row));
	sqlite_id(stmt, 0, &ret_row->id);
	ret_row->identity = text(stmt, 1, arena);
	ret_row->display_name = text(stmt, 2, arena);
	ret_row->avatar_url = text(stmt, 3, arena);
	ret_row->created_ms = sqlite_int(stmt, 4);
	ret_row->last_seen_ms = sqlite_int(stmt, 5);
	ret_row->banned_ms = sqlite_int(stmt, 6);
	ret_row->ban_reason = text(stmt, 7, arena);
	ret_row->tokens_from_ms = sqlite_int(stmt, 8);
	ret_row->version = (uint64_t)sqlite_int(stmt, 9);
}

/* Senders decide the sizes, and a page has up to 1,000 of them. */
static int try_text(
	struct sqlite_stmt *stmt, int column, struct arena *arena, struct bytes *ret_text)
{
	struct bytes b = sqlite_bytes(stmt, column);
	char *copy;

	if (b.len == 0) {
		*ret_text = BYTES_NONE;
		return 0;
	}
	copy = arena_try_alloc(arena, b.len + 1);
	if (copy == NULL) {
		return ERR_NOMEM;
	}
	memcpy(copy, b.ptr, b.len);
	copy[b.len] = '\0';
	*ret_text = bytes_of(copy, b.len);
	return 0;
}

int sqlite_row_message(struct sqlite_stmt *stmt, int at, struct arena *arena,
	const struct uuid *room, struct message_row *ret_row)
{
	memset(ret_row, 0, sizeof(*ret_row));
	ret_row->room = *room;
	ret_row->seq = (uint64_t)sqlite_int(stmt, at);
	sqlite_id(stmt, at + 1, &ret_row->sender);
	ret_row->type = (enum message_type)sqlite_int(stmt, at + 2);
	ret_row->ref_seq = (uint64_t)sqlite_int(stmt, at + 3);
	ret_row->sent_ms = sqlite_int(stmt, at + 4);
	ret_row->epoch_no = (uint32_t)sqlite_int(stmt, at + 5);
	ret_row->encrypted = sqlite_int(stmt, at + 8) != 0;
	sqlite_id(stmt, at + 12, &ret_row->imported_id);
	ret_row->edited_ms = sqlite_int(stmt, at + 13);
	ret_row->deleted_ms = sqlite_int(stmt, at + 14);

	int err = try_text(stmt, at + 6, arena, &ret_row->client_message_id);
	err = err != 0 ? err : try_text(stmt, at + 7, arena, &ret_row->content);
	err = err != 0 ? err : try_text(stmt, at + 9, arena, &ret_row->nonce);
	err = err != 0 ? err : try_text(stmt, at + 10, arena, &ret_row->auth_tag);
	return err != 0 ? err : try_text(stmt, at + 11, arena, &ret_row->attachment);
}

int sqlite_one_room(struct sqlite_stmt *stmt, struct arena *arena, struct room_row *ret_row)
{
	int err = sqlite_step(stmt);

	if (err != 1) {
		return err == 0 ? ERR_NOT_FOUND : err;
	}
	sqlite_row_room(stmt, arena, ret_row);
	sqlite_end(stmt);
	return 0;
}

int sqlite_room_by_id(
	struct sqlite *db, struct arena *arena, const struct uuid *id, struct room_row *ret_row)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_BY_ID);

	sqlite_bind_id(stmt, 1, id);
	return sqlite_one_room(stmt, arena, ret_row);
}

int sqlite_user_by_id(struct sqlite *db, struct arena *arena, const struct uuid *id,
	struct user_row *ret_row, bool *ret_opened)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_USER_GET);

	sqlite_bind_id(stmt, 1, id);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err == 0 ? ERR_NOT_FOUND : err;
	}
	sqlite_row_user(stmt, arena, ret_row);
	if (ret_opened != NULL) {
		*ret_opened = sqlite_int(stmt, USER_COLUMN_COUNT) != 0;
	}
	sqlite_end(stmt);
	return 0;
}

int sqlite_role(struct sqlite *db, const struct uuid *room, const struct uuid *user,
	enum member_role *ret_role)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MEMBER_ROLE);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_id(stmt, 2, user);
	int err = sqlite_step(stmt);
	if (err < 0) {
		return err;
	}
	*ret_role = err == 1 ? (enum member_role)sqlite_int(stmt, 0) : ROLE_NONE;
	sqlite_end(stmt);
	return 0;
}

void *sqlite_rows_grow(struct arena *arena, void *rows, size_t count, size_t *cap, size_t size)
{
	if (count < *cap) {
		return rows;
	}
	*cap = count < 8 ? 8 : count * 2;
	void *grown = arena_alloc(arena, *cap * size);
	if (count > 0) {
		memcpy(grown, rows, count * size);
	}
	return grown;
}
