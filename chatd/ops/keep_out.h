/* What the store says of a user's bans and revocations comes into force on this node. */
#ifndef CHATD_OPS_KEEP_OUT_H
#define CHATD_OPS_KEEP_OUT_H

#include "chatd/op/op.h"
#include "chatd/op/tour.h"
#include "lib/store/store.h"

/* Embedded in the operation's state. */
struct keep_out {
	struct tour tour;
	struct op *op;
	struct uuid user;
};

/* At every door from now on, and on connections that are open: OP_WAIT, and the operation goes on
 * when all workers have done it. */
int keep_out(struct op *op, struct keep_out *state, const struct user_row *row);

#endif
