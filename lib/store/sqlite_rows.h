/* Rows of the statements in sql.c into those of model.h; text is copied to the arena. */
#ifndef LIB_STORE_SQLITE_ROWS_H
#define LIB_STORE_SQLITE_ROWS_H

#include "lib/base/arena.h"
#include "lib/store/model.h"
#include "lib/store/sqlite.h"

/* How many columns of a room, user or message a statement has before its own. */
enum { ROOM_COLUMN_COUNT = 15, USER_COLUMN_COUNT = 10, MESSAGE_COLUMN_COUNT = 15 };

void sqlite_row_room(struct sqlite_stmt *stmt, struct arena *arena, struct room_row *ret_row);
void sqlite_row_member(struct sqlite_stmt *stmt, struct arena *arena, struct member_row *ret_row);
void sqlite_row_user(struct sqlite_stmt *stmt, struct arena *arena, struct user_row *ret_row);
/* at: the column where the message begins. 0 or ERR_NOMEM. */
int sqlite_row_message(struct sqlite_stmt *stmt, int at, struct arena *arena,
	const struct uuid *room, struct message_row *ret_row);

/* Runs a statement that is bound and gives one room or none. 0, ERR_NOT_FOUND, or what SQLite had.
 */
int sqlite_one_room(struct sqlite_stmt *stmt, struct arena *arena, struct room_row *ret_row);
int sqlite_room_by_id(
	struct sqlite *db, struct arena *arena, const struct uuid *id, struct room_row *ret_row);
/* The user in SQL_USER_GET; ret_opened (or NULL): he has come himself. 0 or ERR_NOT_FOUND. */
int sqlite_user_by_id(struct sqlite *db, struct arena *arena, const struct uuid *id,
	struct user_row *ret_row, bool *ret_opened);
/* ROLE_NONE where there is no such room or he is not in it. */
int sqlite_role(struct sqlite *db, const struct uuid *room, const struct uuid *user,
	enum member_role *ret_role);

/* An array that grows on an arena; what it grew out of is released with the arena. */
void *sqlite_rows_grow(struct arena *arena, void *rows, size_t count, size_t *cap, size_t size);

#endif
