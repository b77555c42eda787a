/* Statements that several works for rooms and members send, and the reading of what they give. */
#ifndef LIB_STORE_PG_ASKS_H
#define LIB_STORE_PG_ASKS_H

#include "lib/store/pg_talk.h"

/* Adds a statement whose only parameter is a room. */
void pg_ask_room(struct pg_talk *talk, enum pg_sql sql, const struct uuid *room);

/* Adds PG_SQL_MEMBER_ROLES for an actor and a user (or NULL), behind the room's lock. */
void pg_ask_roles(struct pg_talk *talk, const struct uuid *room, const struct store_actor *actor,
	const struct uuid *user);
/* ret_role may be NULL. ROLE_NONE: not in the room; also of the operator. */
void pg_read_roles(
	const struct pg_result *result, enum member_role *ret_by, enum member_role *ret_role);

/* Adds PG_SQL_USERS_NAME for one. identity of len 0: his id's text. */
void pg_name_user(struct pg_talk *talk, const struct uuid *user, struct bytes identity);

/* Tells other programs on this store, with the transaction's COMMIT. room, user: NULL where the
 * kind has none. */
void pg_note_change(struct pg_talk *talk, enum store_change_kind kind, const struct uuid *room,
	const struct uuid *user);

#endif
