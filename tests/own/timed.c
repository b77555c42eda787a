#include "tests/own/timed.h"

#include "lib/base/err.h"

static void on_time(void *ctx)
{
	struct own_timed *timed = ctx;
	op_resume(timed->op, 0);
}

int own_wait(struct op *op, int64_t ms)
{
	struct own_timed *timed = op->state;
	if (ms <= 0) {
		return OP_NEXT;
	}
	timed->op = op;
	if (timed->timer == NULL) {
		timed->timer = loop_timer_create(op->sv->loop, on_time, timed);
	}
	loop_timer_set(timed->timer, (uint64_t)ms * 1000);
	return OP_WAIT;
}

void own_release(struct op *op)
{
	struct own_timed *timed = op->state;
	loop_timer_destroy(&timed->timer);
}

void own_gone(struct op *op)
{
	struct own_timed *timed = op->state;
	if (timed->timer != NULL && loop_timer_armed(timed->timer)) {
		loop_timer_cancel(timed->timer);
		op_resume(op, ERR_CLOSED);
	}
}
