/* What the runner measures: how long each step of an operation took. */
#ifndef CHATD_OP_OP_TIME_H
#define CHATD_OP_OP_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct loop;
struct op_step;

/* Steps behind that share the last place. */
#define OP_STEPS_TIMED 12

struct op_time {
	uint64_t started_us; /* the operation */
	uint64_t step_us; /* what is going on now */
	uint32_t
		steps_us[OP_STEPS_TIMED]; /* of each step, all its runs added; at most UINT32_MAX */
};

/* Monotonic microseconds, for almost nothing: the loop's time of this turn, or that of the kernel's
 * coarse clock (at most some 4 ms behind), where the turn has taken longer than that. */
uint64_t op_time_now(const struct loop *loop);
void op_time_start(struct op_time *time, const struct loop *loop);
/* What has passed since the last call belongs to the step with this index. */
void op_time_add(struct op_time *time, size_t step, const struct loop *loop);
/* "member=0 insert=1230 reply=4": the milliseconds of each step of the table that was begun. */
void op_time_text(
	const struct op_time *time, const struct op_step *steps, size_t begun, struct buf *out);

#endif
