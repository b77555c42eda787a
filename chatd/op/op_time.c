#include "chatd/op/op_time.h"

#include <inttypes.h>

#include "chatd/op/op.h"
#include "lib/base/clock.h"
#include "lib/loop/loop.h"

uint64_t op_time_now(const struct loop *loop)
{
	uint64_t turn_us = loop_now_us(loop);
	uint64_t coarse_us = clock_coarse_us();
	return coarse_us > turn_us ? coarse_us : turn_us;
}

void op_time_start(struct op_time *time, const struct loop *loop)
{
	time->started_us = time->step_us = op_time_now(loop);
}

void op_time_add(struct op_time *time, size_t step, const struct loop *loop)
{
	uint64_t now = op_time_now(loop);
	uint64_t took = now - time->step_us;
	if (took == 0) {
		return;
	}
	uint32_t *place = &time->steps_us[step < OP_STEPS_TIMED ? step : OP_STEPS_TIMED - 1];
	*place = took < UINT32_MAX - *place ? *place + (uint32_t)took : UINT32_MAX;
	time->step_us = now;
}

void op_time_text(
	const struct op_time *time, const struct op_step *steps, size_t begun, struct buf *out)
{
	for (size_t i = 0; i < begun && i < OP_STEPS_TIMED; i++) {
		buf_printf(out, "%s%s=%" PRIu32, i > 0 ? " " : "", steps[i].name,
			time->steps_us[i] / 1000);
	}
}
