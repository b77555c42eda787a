/* Steps of the test hub that wait for a time, and stop waiting when nobody waits for them. */
#ifndef TESTS_OWN_TIMED_H
#define TESTS_OWN_TIMED_H

#include "chatd/op/op.h"
#include "lib/loop/loop.h"

/* First in the state of its operation. */
struct own_timed {
	struct loop_timer *timer;
	struct op *op;
};

/* The step answers what this does: it goes on after so many milliseconds. */
int own_wait(struct op *op, int64_t ms);
/* op_def.release and op_def.gone. */
void own_release(struct op *op);
void own_gone(struct op *op);

#endif
