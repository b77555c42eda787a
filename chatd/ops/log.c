#include "chatd/op/log_ring.h"
#include "chatd/op/log_switch.h"
#include "chatd/op/server_control.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

/* ---- log level ---- */

static int set_level(struct op *op)
{
	const struct log_level_params *params = op->params;
	if (params->level_given == PARAM_PRESENT) {
		log_switch_set(op->sv->control->log_switch, (enum log_level)params->level,
			(uint64_t)params->for_ms * 1000);
	} else if (params->for_ms > 0) {
		return op_fail(op, ERR_USAGE, "--for goes with a level");
	}
	return OP_NEXT;
}

static int show_level(struct op *op)
{
	const struct log_switch *log_switch = op->sv->control->log_switch;
	int64_t until_ms = log_switch_until_ms(log_switch);
	op->result = value_object(op->arena, 3);
	value_put(&op->result, "level", value_str(log_level_name(log_get_level())));
	value_put(&op->result, "configured",
		value_str(log_level_name(log_switch_configured(log_switch))));
	value_put(&op->result, "until", until_ms != 0 ? value_time(until_ms) : value_null);
	return OP_DONE;
}

static const struct op_step level_steps[] = {
	{"set", set_level, 0},
	{"show", show_level, 0},
	{0},
};

const struct op_def op_log_level = {
	.name = "log_level",
	.steps = level_steps,
	.params_size = sizeof(struct log_level_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Show or set the level of the log.",
};

/* ---- log tail ---- */

#define LINES_USUAL 20

struct log_tail {
	struct op *op;
	struct log_cursor cursor;
	size_t left; /* lines to be shown still; SIZE_MAX: it follows */
	struct log_follower follower; /* on the ring's list while a step waits for lines */
};

static int seek(struct op *op)
{
	const struct log_tail_params *params = op->params;
	struct log_tail *state = op->state;
	state->op = op;
	size_t lines = params->lines_given == PARAM_ABSENT ? LINES_USUAL : (size_t)params->lines;
	state->left = params->follow ? SIZE_MAX : lines;
	log_ring_seek(
		op->sv->control->log_ring, (enum log_level)params->level, lines, &state->cursor);
	return OP_NEXT;
}

static void emit_lost(struct op *op, struct arena *scratch, uint64_t lost)
{
	struct value item = value_object(scratch, 4);
	struct value fields = value_object(scratch, 1);
	value_put(&fields, "count", value_int((int64_t)lost));
	value_put(&item, "time", value_time(clock_wall_ms(op->sv->clock)));
	value_put(&item, "level", value_str(log_level_name(LOG_WARN)));
	value_put(&item, "event", value_str("lines lost: this reader is too slow"));
	value_put(&item, "fields", fields);
	op_emit(op, &item);
}

static void emit_line(struct op *op, struct arena *scratch, struct bytes text)
{
	struct value item;
	const char *why;
	if (json_read(scratch, text, &item, &why) == 0) {
		op_emit(op, &item);
	}
}

/* Until there are no more, or the reader has enough for now. */
static int emit_lines(struct op *op)
{
	struct log_tail *state = op->state;
	struct log_ring *ring = op->sv->control->log_ring;
	struct arena *scratch = arena_create(4096);
	struct buf text = {0};
	uint64_t lost;
	bool congested = false;
	while (!congested && state->left > 0 &&
		log_ring_next(ring, &state->cursor, &text, &lost) == 0) {
		if (lost > 0) {
			emit_lost(op, scratch, lost);
		}
		emit_line(op, scratch, buf_bytes(&text));
		state->left -= state->left != SIZE_MAX ? 1 : 0;
		buf_clear(&text);
		arena_reset(scratch);
		congested = op_congested(op);
	}
	buf_finish(&text);
	arena_destroy(&scratch);
	return congested ? OP_WAIT : OP_NEXT;
}

static void wake(struct log_follower *follower)
{
	op_resume(CONTAINER_OF(follower, struct log_tail, follower)->op, 0);
}

static int await_lines(struct op *op)
{
	struct log_tail *state = op->state;
	struct log_ring *ring = op->sv->control->log_ring;
	state->follower.wake = wake;
	if (state->left == SIZE_MAX && log_ring_follow(ring, &state->cursor, &state->follower)) {
		return OP_WAIT;
	}
	return OP_NEXT;
}

/* Lines came while the reader was congested, or it has been woken for them. */
static int go_on(struct op *op)
{
	struct log_tail *state = op->state;
	struct log_ring *ring = op->sv->control->log_ring;
	bool follows = state->left == SIZE_MAX && !log_ring_ended(ring);
	bool more = state->left > 0 && log_ring_has_more(ring, &state->cursor);
	return more || follows ? OP_AGAIN : OP_DONE;
}

static void tail_gone(struct op *op)
{
	struct log_tail *state = op->state;
	if (list_linked(&state->follower.node)) {
		log_ring_unfollow(&state->follower);
		op_resume(op, ERR_CLOSED);
	}
}

static const struct op_step tail_steps[] = {
	{"seek", seek, 0},
	{"emit", emit_lines, 0},
	{"await", await_lines, 0},
	{"again", go_on, 0},
	{0},
};

const struct op_def op_log_tail = {
	.name = "log_tail",
	.steps = tail_steps,
	.state_size = sizeof(struct log_tail),
	.params_size = sizeof(struct log_tail_params),
	.gone = tail_gone,
	.endless = true,
	.needs = OP_OPERATOR_READ,
	.doc = "Show the last lines of the log, and what comes.",
};
