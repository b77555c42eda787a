#include "chatd/ops/async.h"

#include "lib/base/err.h"

/* What the client is told is a code; what is the matter with the store is for the operator. */
static void log_trouble(const struct store_call *call, int err)
{
	bool trouble = err == ERR_CORRUPT || err == ERR_INTERNAL || err == ERR_SYSTEM ||
		       err == ERR_STORAGE_FULL;
	if (trouble) {
		op_log_trouble(call->owner, err, call->why);
	}
}

static void on_store(struct store_call *call, int err)
{
	log_trouble(call, err);
	op_resume(call->owner, err);
}

void async_store(struct op *op, struct store_call *call)
{
	store_call_init(call, services_mailbox(op->sv), op->arena, on_store);
	call->owner = op;
}
