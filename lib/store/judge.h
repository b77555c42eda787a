/* What may be done to a room, and by whom: judgements that every back end makes on what it read in
 * the transaction that does it. Nothing here asks a database. Errors are those of the requests in
 * store_rooms.h, in the order in which they are to be found out. */
#ifndef LIB_STORE_JUDGE_H
#define LIB_STORE_JUDGE_H

#include "lib/store/store_rooms.h"

/* The role that an actor acts with: Owner for the operator. in_room: what the store says that
 * actor->by is in the room (ROLE_NONE: not in it; of the operator it does not matter). 0, or an
 * error of struct store_actor. */
int judge_actor(const struct room_row *room, const struct store_actor *actor,
	enum member_role in_room, enum member_role *ret_role);

/* A room as it is to be made. */
struct judge_room {
	struct room_row row; /* views alias, and the request */
	char alias[65]; /* folded */
	uint8_t pair[32]; /* of a Direct room: both ids, the lower first, so that a pair has one
			     key */
	size_t pair_len; /* 0: none */
};
/* 0, ERR_BAD_ROOM or ERR_BAD_REQUEST. *ret_room must not move afterwards. */
int judge_room_create(const struct store_room_create *req, struct judge_room *ret_room);

/* In all that follow: req->row is the room as the store has it; by: judge_actor()'s in_room; role:
 * that of req->user. */

/* Makes req->row what it is to be, and sets req->changed. Whether another room has its alias is
 * left to the caller, after an answer of 0. now_ms: when it is archived; not 0. */
int judge_room_update(struct store_room_update *req, enum member_role by, int64_t now_ms);
int judge_room_delete(const struct store_room_delete *req, enum member_role by);
/* Sets req->now, and req->added where he is to become that. */
int judge_member_add(struct store_member_add *req, enum member_role by, enum member_role role);
int judge_member_remove(
	const struct store_member_remove *req, enum member_role by, enum member_role role);
/* Sets req->changed. next: the highest role of the others in the room; only looked at where role is
 * Owner. */
int judge_member_role(struct store_member_role *req, enum member_role by, enum member_role role,
	enum member_role next);

#endif
