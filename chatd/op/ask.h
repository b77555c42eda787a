/* A question to the client behind an operation's caller (SignalR's client results): it goes out as
 * an Invocation with an id of the server's, and the client's Completion is the answer. */
#ifndef CHATD_OP_ASK_H
#define CHATD_OP_ASK_H

#include "chatd/op/op.h"

/* Embedded in the operation's state; one at a time. */
struct op_ask {
	const struct param *kind; /* in: what the answer must be, NULL: anything; constant */
	struct value answer; /* out, on the operation's arena; null where kind may be null */
	const char *error; /* out: why there is none, on the operation's arena */
	/* The door's. */
	struct op_wait wait;
	struct list_node in_door;
	struct op *op;
	uint64_t number;
};

/* 0: asked, the step answers OP_WAIT; the next step finds in op_error() 0 and ask->answer, or an
 * error and ask->error. Else nothing was asked: ERR_CLOSED (the caller has gone), ERR_NOT_SUPPORTED
 * (nobody stands behind this door, or not yet), ERR_BUSY (too many questions are open). The answer
 * may never come: whoever cannot wait for ever arms a timer and calls op_ask_withdraw(). */
int op_ask(struct op *op, struct op_ask *ask, struct bytes target, const struct value *arguments);
/* Nobody waits for it any longer: the client is not told, and its late answer is dropped. The step
 * that waits goes on with ERR_TIMEOUT. Where none waits for it, nothing happens. */
void op_ask_withdraw(struct op_ask *ask);
/* Fails the operation with what the client said, or why it said nothing. */
int op_ask_fail(const struct op_ask *ask, struct op *op);

/* For doors: the answer to a question that is open; it has left the door's list. error empty: item
 * is it. item and error need not outlive the call. The operation may go on, and even end, inside.
 */
void op_ask_answer(struct op_ask *ask, const struct value *item, struct bytes error);

#endif
