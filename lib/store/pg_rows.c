#include "lib/store/pg_rows.h"

#include "lib/base/err.h"

static struct bytes text(
	const struct pg_result *result, size_t row, int column, struct arena *arena)
{
	struct bytes b = pg_text(result, row, column);

	return b.len != 0 ? arena_dup(arena, b) : BYTES_NONE;
}

static uint64_t number(const struct pg_result *result, size_t row, int column)
{
	return (uint64_t)pg_int(result, row, column);
}

void pg_row_room(const struct pg_result *result, size_t row, int at, struct arena *arena,
	struct room_row *ret_row)
{
	memset(ret_row, 0, sizeof(*ret_row));
	pg_id(result, row, at, &ret_row->id);
	ret_row->alias = text(result, row, at + 1, arena);
	ret_row->name = text(result, row, at + 2, arena);
	ret_row->avatar_url = text(result, row, at + 3, arena);
	ret_row->type = (enum room_type)pg_int(result, row, at + 4);
	ret_row->visibility = (enum room_visibility)pg_int(result, row, at + 5);
	ret_row->encrypted = pg_bool(result, row, at + 6);
	ret_row->has_creator = pg_id(result, row, at + 7, &ret_row->creator);
	ret_row->created_ms = pg_time(result, row, at + 8);
	ret_row->last_activity_ms = pg_time(result, row, at + 9);
	ret_row->archived_ms = pg_time(result, row, at + 10);
	ret_row->last_seq = number(result, row, at + 11);
	ret_row->member_version = number(result, row, at + 12);
	ret_row->member_count = number(result, row, at + 13);
	ret_row->version = number(result, row, at + 14);
}

void pg_row_member(const struct pg_result *result, size_t row, int at, struct arena *arena,
	struct member_row *ret_row)
{
	memset(ret_row, 0, sizeof(*ret_row));
	pg_id(result, row, at, &ret_row->user);
	ret_row->identity = text(result, row, at + 1, arena);
	ret_row->display_name = text(result, row, at + 2, arena);
	ret_row->role = (enum member_role)pg_int(result, row, at + 3);
	ret_row->joined_ms = pg_time(result, row, at + 4);
	ret_row->last_read_ms = pg_time(result, row, at + 5);
	ret_row->last_read_seq = number(result, row, at + 6);
	ret_row->last_delivered_seq = number(result, row, at + 7);
	ret_row->muted = pg_bool(result, row, at + 8);
}

void pg_row_user(const struct pg_result *result, size_t row, int at, struct arena *arena,
	struct user_row *ret_row)
{
	memset(ret_row, 0, sizeof(*ret_row));
	pg_id(result, row, at, &ret_row->id);
	ret_row->identity = text(result, row, at + 1, arena);
	ret_row->display_name = text(result, row, at + 2, arena);
	ret_row->avatar_url = text(result, row, at + 3, arena);
	ret_row->created_ms = pg_time(result, row, at + 4);
	ret_row->last_seen_ms = pg_time(result, row, at + 5);
	ret_row->banned_ms = pg_time(result, row, at + 6);
	ret_row->ban_reason = text(result, row, at + 7, arena);
	ret_row->tokens_from_ms = pg_time(result, row, at + 8);
	ret_row->version = number(result, row, at + 9);
}

/* Copies text to *at, which moves behind it and its NUL. */
static struct bytes copy(char **at, struct bytes text)
{
	char *begin = *at;

	if (text.len == 0) {
		return BYTES_NONE;
	}
	memcpy(begin, text.ptr, text.len);
	begin[text.len] = '\0';
	*at += text.len + 1;
	return bytes_of(begin, text.len);
}

/* A page has up to 1,000 rows, each with up to five texts of any size: one allocation for each row.
 */
static int message_texts(
	const struct bytes *values, struct arena *arena, struct message_row *ret_row)
{
	struct bytes texts[] = {
		values[6],
		values[ret_row->encrypted ? 8 : 7],
		values[10],
		values[11],
		values[12],
	};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		size += texts[i].len != 0 ? texts[i].len + 1 : 0;
	}
	if (size == 0) {
		return 0;
	}
	char *place = arena_try_alloc(arena, size);
	if (place == NULL) {
		return ERR_NOMEM;
	}
	ret_row->client_message_id = copy(&place, texts[0]);
	ret_row->content = copy(&place, texts[1]);
	ret_row->nonce = copy(&place, texts[2]);
	ret_row->auth_tag = copy(&place, texts[3]);
	ret_row->attachment = copy(&place, texts[4]);
	return 0;
}

int pg_row_message(const struct pg_result *result, size_t row, int at, struct arena *arena,
	const struct uuid *room, struct message_row *ret_row)
{
	struct bytes values[PG_MESSAGE_COLUMN_COUNT];

	pg_texts(result, row, at, PG_MESSAGE_COLUMN_COUNT, values);
	memset(ret_row, 0, sizeof(*ret_row));
	ret_row->room = *room;
	ret_row->seq = (uint64_t)pg_number(values[0]);
	pg_uuid(values[1], &ret_row->sender);
	ret_row->type = (enum message_type)pg_number(values[2]);
	ret_row->ref_seq = (uint64_t)pg_number(values[3]);
	ret_row->sent_ms = pg_moment(values[4]);
	ret_row->epoch_no = (uint32_t)pg_number(values[5]);
	ret_row->encrypted = pg_number(values[9]) != 0;
	pg_uuid(values[13], &ret_row->imported_id);
	ret_row->edited_ms = pg_moment(values[14]);
	ret_row->deleted_ms = pg_moment(values[15]);
	return message_texts(values, arena, ret_row);
}

int pg_one_room(const struct pg_result *result, struct arena *arena, struct room_row *ret_row)
{
	if (pg_rows(result) == 0) {
		return ERR_NOT_FOUND;
	}
	pg_row_room(result, 0, 0, arena, ret_row);
	return 0;
}

void pg_all_members(const struct pg_result *result, struct arena *arena,
	struct member_row **ret_members, size_t *ret_count)
{
	size_t count = pg_rows(result);
	struct member_row *members = NULL;

	if (count != 0) {
		members = arena_alloc(arena, count * sizeof(*members));
	}
	for (size_t i = 0; i < count; i++) {
		pg_row_member(result, i, 0, arena, &members[i]);
	}
	*ret_members = members;
	*ret_count = count;
}

void pg_all_users(const struct pg_result *result, struct arena *arena, struct user_row **ret_users,
	size_t *ret_count)
{
	size_t count = pg_rows(result);
	struct user_row *users = NULL;

	if (count != 0) {
		users = arena_alloc(arena, count * sizeof(*users));
	}
	for (size_t i = 0; i < count; i++) {
		pg_row_user(result, i, 0, arena, &users[i]);
	}
	*ret_users = users;
	*ret_count = count;
}
