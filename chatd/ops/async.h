/* How a step waits: the answer of the store or of a room's home resumes the operation. */
#ifndef CHATD_OPS_ASYNC_H
#define CHATD_OPS_ASYNC_H

#include "chatd/op/op.h"
#include "lib/store/store.h"

/* Prepares a store call on the operation's arena that resumes op with the call's error. */
void async_store(struct op *op, struct store_call *call);

#endif
