#include "chatd/ops/async.h"

static void on_store(struct store_call *call, int err)
{
	op_resume(call->owner, err);
}

void async_store(struct op *op, struct store_call *call)
{
	store_call_init(call, services_mailbox(op->sv), op->arena, on_store);
	call->owner = op;
}
