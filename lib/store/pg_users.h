/* What the works about users share (pg_users.c). For pg_users.c and pg_people.c only. */
#ifndef LIB_STORE_PG_USERS_H
#define LIB_STORE_PG_USERS_H

#include "lib/store/pg_talk.h"

/* Adds a statement that takes the user alone. */
void pg_user_add(struct pg_talk *talk, enum pg_sql sql, const struct uuid *user);
/* Adds PG_SQL_USER_COME: identity of len 0 is the id's text, display_name of len 0 the identity. */
void pg_user_come(struct pg_talk *talk, const struct uuid *user, struct bytes identity,
	struct bytes display_name);
/* The only row of a statement that begins with PG_USER_COLUMNS. 0 or ERR_NOT_FOUND. */
int pg_user_read(const struct pg_result *result, struct arena *arena, struct user_row *ret_row);

#endif
