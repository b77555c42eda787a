/* Rows of the statements in sql.c into those of model.h; text is copied to the arena. */
#ifndef LIB_STORE_SQLITE_ROWS_H
#define LIB_STORE_SQLITE_ROWS_H

#include "lib/base/arena.h"
#include "lib/store/model.h"
#include "lib/store/sqlite.h"

/* Columns of a room, as many as SQL_ROOM_* and SQL_USER_ROOMS have before their own. */
enum { ROOM_COLUMN_COUNT = 14 };

void sqlite_row_room(struct sqlite_stmt *stmt, struct arena *arena, struct room_row *ret_row);
/* SQL_MEMBER_LIST. */
void sqlite_row_member(struct sqlite_stmt *stmt, struct arena *arena, struct member_row *ret_row);
/* SQL_USER_GET; *ret_opened: he has come himself. */
void sqlite_row_user(struct sqlite_stmt *stmt, struct arena *arena, const struct uuid *id,
	struct user_row *ret_row, bool *ret_opened);
/* SQL_PAGE_*. 0 or ERR_NOMEM. */
int sqlite_row_message(struct sqlite_stmt *stmt, struct arena *arena, const struct uuid *room,
	struct message_row *ret_row);

/* Runs a statement that is bound and gives one room or none. 0, ERR_NOT_FOUND, or what SQLite had.
 */
int sqlite_one_room(struct sqlite_stmt *stmt, struct arena *arena, struct room_row *ret_row);
int sqlite_room_by_id(
	struct sqlite *db, struct arena *arena, const struct uuid *id, struct room_row *ret_row);
/* ROLE_NONE where there is no such room or he is not in it. */
int sqlite_role(struct sqlite *db, const struct uuid *room, const struct uuid *user,
	enum member_role *ret_role);

/* An array that grows on an arena; what it grew out of is released with the arena. */
void *sqlite_rows_grow(struct arena *arena, void *rows, size_t count, size_t *cap, size_t size);

#endif
