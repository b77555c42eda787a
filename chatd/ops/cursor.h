/* Where the next page of a list begins: opaque to clients, and good only for the same list of the
 * same user. */
#ifndef CHATD_OPS_CURSOR_H
#define CHATD_OPS_CURSOR_H

#include "chatd/op/op.h"
#include "lib/base/ident.h"

/* A place in a list: the last row of the page before. */
struct cursor {
	struct uuid id;
	struct bytes text; /* what the list is sorted by before the id, or len 0 */
};

/* list: which one, with what narrows it, such as "rooms/mine/Direct". base64url of id, text, and a
 * MAC under the fleet secret over them, the list and the caller. */
struct value cursor_write(const struct op *op, const char *list, const struct cursor *cursor);
/* 0, or ERR_BAD_REQUEST with the message set: no cursor of ours, or another list's or user's. The
 * text lies on the op's arena. */
int cursor_read(struct op *op, const char *list, struct bytes text, struct cursor *ret_cursor);

#endif
