/* Rows of the statements in pg_sql_*.c into those of model.h; text is copied to the arena. The
 * lists of columns stand here, because the readers know them by their place: a statement takes one
 * as it is, from the table with that letter, and says by `at` where in its rows it begins. */
#ifndef LIB_STORE_PG_ROWS_H
#define LIB_STORE_PG_ROWS_H

#include "lib/base/arena.h"
#include "lib/store/model.h"
#include "lib/store/pg_link.h"

/* rooms r */
#define PG_ROOM_COLUMNS \
	"r.id, r.alias, r.name, r.avatar_url, r.type, r.visibility, r.encrypted, r.creator_id, " \
	"r.created_at, r.last_activity_at, r.archived_at, r.last_seq, r.member_version, " \
	"r.member_count, r.version"
/* messages m */
#define PG_MESSAGE_COLUMNS \
	"m.seq, m.sender_id, m.type, m.ref_seq, m.sent_at, m.epoch_no, m.client_message_id, " \
	"m.content, m.encrypted_content, m.encrypted, m.nonce, m.auth_tag, m.attachment, m.id, " \
	"m.edited_at, m.deleted_at"
/* participants p LEFT JOIN users u */
#define PG_MEMBER_COLUMNS \
	"p.user_id, u.identity, u.display_name, p.role, p.joined_at, p.last_read_at, " \
	"p.last_read_seq, p.last_delivered_seq, p.muted"
/* users u */
#define PG_USER_COLUMNS \
	"u.id, u.identity, u.display_name, u.avatar_url, u.created_at, u.last_seen_at, " \
	"u.banned_at, u.ban_reason, u.tokens_from, u.version"

/* How many they are: a statement's own columns begin behind. */
enum {
	PG_ROOM_COLUMN_COUNT = 15,
	PG_MESSAGE_COLUMN_COUNT = 16,
	PG_MEMBER_COLUMN_COUNT = 9,
	PG_USER_COLUMN_COUNT = 10,
};

void pg_row_room(const struct pg_result *result, size_t row, int at, struct arena *arena,
	struct room_row *ret_row);
void pg_row_member(const struct pg_result *result, size_t row, int at, struct arena *arena,
	struct member_row *ret_row);
void pg_row_user(const struct pg_result *result, size_t row, int at, struct arena *arena,
	struct user_row *ret_row);
/* Senders decide the sizes: 0 or ERR_NOMEM. room: that of the message. */
int pg_row_message(const struct pg_result *result, size_t row, int at, struct arena *arena,
	const struct uuid *room, struct message_row *ret_row);

/* The result of a statement that gives one room or none: 0 or ERR_NOT_FOUND. */
int pg_one_room(const struct pg_result *result, struct arena *arena, struct room_row *ret_row);
/* All rows of a statement that gives members or users, and nothing before their columns; NULL and 0
 * where there are none. */
void pg_all_members(const struct pg_result *result, struct arena *arena,
	struct member_row **ret_members, size_t *ret_count);
void pg_all_users(const struct pg_result *result, struct arena *arena, struct user_row **ret_users,
	size_t *ret_count);

#endif
