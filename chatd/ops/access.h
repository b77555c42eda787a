/* The room that an operation names, and what its caller is in it. */
#ifndef CHATD_OPS_ACCESS_H
#define CHATD_OPS_ACCESS_H

#include "chatd/op/op.h"
#include "chatd/room/event.h"
#include "lib/store/store.h"

/* Embedded in the operation's state. */
struct room_access {
	struct store_room_find find; /* find.room and find.role are set once it was read */
	struct room_info info;
	enum member_role role; /* ROLE_NONE: not in it; operators: ROLE_OWNER */
	bool as_operator;
	bool was_read; /* the store was asked: find.room is complete */
};

/* Looks among the connection's rooms, else asks the store. OP_NEXT (a room of the connection),
 * OP_WAIT, or an error. */
int access_find(struct op *op, struct room_access *access, struct bytes ref);
/* The same, always from the store (for what a room's row says). */
int access_read(struct op *op, struct room_access *access, struct bytes ref);
/* The same for one who acts for the operator, whoever he is: every room, and the role of an Owner.
 */
int access_read_any(struct op *op, struct room_access *access, struct bytes ref);
/* After access_find() or access_read(), in the next step: 0, or ERR_NOT_FOUND with one and the same
 * text for rooms that are missing and rooms that the caller may not see. */
int access_check(struct op *op, struct room_access *access);
/* access_check(), and he must be a member: ERR_NOT_MEMBER only where he may see the room. */
int access_check_member(struct op *op, struct room_access *access);
/* The one text of ERR_NOT_FOUND. */
int access_not_found(struct op *op);

#endif
