#include "chatd/op/upload.h"

#include "tests/own/own.h"
#include "tests/own/timed.h"

struct sum {
	struct own_timed timed; /* first */
	int64_t first, second;
	bool second_turn;
};

static int await_item(struct op *op)
{
	const struct own_upload_params *params = op->params;
	return upload_wait(params->first, op);
}

/* ---- sums ---- */

static int add(struct op *op)
{
	const struct own_upload_params *params = op->params;
	struct sum *sum = op->state;
	const struct value *item;
	int got = upload_read(params->first, &item);
	if (got < 0) {
		return upload_fail(params->first, op);
	}
	if (got > 0) {
		sum->first += item->integer;
		return OP_NEXT;
	}
	op->result = value_int(sum->first);
	return OP_DONE;
}

static const struct op_step sum_steps[] = {
	{"await", await_item, 0}, {"add", add, 0}, {"again", op_step_again, 0}, {0}};

#define UPLOAD \
	.state_size = sizeof(struct sum), .params_size = sizeof(struct own_upload_params), \
	.paced = true, .needs = OP_USER

const struct op_def op_own_sum = {
	.name = "own_sum", .steps = sum_steps, .doc = "Add the numbers of a stream.", UPLOAD};

/* SumText: what breaks the stream is the result. */
static int add_text(struct op *op)
{
	const struct own_upload_params *params = op->params;
	struct sum *sum = op->state;
	const struct value *item;
	int got = upload_read(params->first, &item);
	if (got > 0) {
		sum->first += item->integer;
		return OP_NEXT;
	}
	const char *text =
		got < 0 ? arena_printf(op->arena, "HubException: %s", params->first->error)
			: arena_printf(op->arena, "sum %lld", (long long)sum->first);
	op->result = value_str(text);
	return OP_DONE;
}

static const struct op_step sum_text_steps[] = {
	{"await", await_item, 0}, {"add", add_text, 0}, {"again", op_step_again, 0}, {0}};
const struct op_def op_own_sum_text = {
	.name = "own_sum_text", .steps = sum_text_steps, .doc = "The same, as text.", UPLOAD};

/* SumBoth(first, factor, second): first + factor * second, one after the other. */
static int await_both(struct op *op)
{
	const struct own_upload_params *params = op->params;
	const struct sum *sum = op->state;
	return upload_wait(sum->second_turn ? params->second : params->first, op);
}

static int add_both(struct op *op)
{
	const struct own_upload_params *params = op->params;
	struct sum *sum = op->state;
	struct upload *upload = sum->second_turn ? params->second : params->first;
	const struct value *item;
	int got = upload_read(upload, &item);
	if (got < 0) {
		return upload_fail(upload, op);
	}
	if (got > 0) {
		*(sum->second_turn ? &sum->second : &sum->first) += item->integer;
		return OP_NEXT;
	}
	if (!sum->second_turn) {
		sum->second_turn = true;
		return OP_NEXT;
	}
	op->result = value_int(sum->first + params->number * sum->second);
	return OP_DONE;
}

static const struct op_step sum_both_steps[] = {
	{"await", await_both, 0}, {"add", add_both, 0}, {"again", op_step_again, 0}, {0}};
const struct op_def op_own_sum_both = {
	.name = "own_sum_both", .steps = sum_both_steps, .doc = "Add two streams.", UPLOAD};

/* SumSlowly(ms, stream): takes so long for each item. */
static int add_slowly(struct op *op)
{
	const struct own_upload_params *params = op->params;
	int next = add(op);
	return next == OP_NEXT ? own_wait(op, params->number) : next;
}

static const struct op_step sum_slowly_steps[] = {
	{"await", await_item, 0}, {"add", add_slowly, 0}, {"again", op_step_again, 0}, {0}};
const struct op_def op_own_sum_slowly = {
	.name = "own_sum_slowly",
	.steps = sum_slowly_steps,
	.release = own_release,
	.gone = own_gone,
	.doc = "Add the numbers of a stream, but take time for it.",
	UPLOAD,
};

/* Ignore(ms, stream): ends without having read. */
static int pause(struct op *op)
{
	const struct own_upload_params *params = op->params;
	return own_wait(op, params->number);
}

static const struct op_step ignore_steps[] = {{"pause", pause, 0}, {0}};
const struct op_def op_own_ignore = {
	.name = "own_ignore",
	.steps = ignore_steps,
	.release = own_release,
	.gone = own_gone,
	.doc = "Read nothing of a stream.",
	UPLOAD,
};

/* ---- a stream that is sent back ---- */

static int send_back(struct op *op)
{
	const struct own_upload_params *params = op->params;
	const struct value *item;
	int got = upload_read(params->first, &item);
	if (got < 0) {
		return upload_fail(params->first, op);
	}
	if (got == 0) {
		return OP_DONE;
	}
	op_emit(op, item);
	return op_congested(op) ? OP_WAIT : OP_NEXT;
}

static const struct op_step echo_stream_steps[] = {
	{"await", await_item, 0}, {"send", send_back, 0}, {"again", op_step_again, 0}, {0}};
const struct op_def op_own_echo_stream = {.name = "own_echo_stream",
	.steps = echo_stream_steps,
	.doc = "Send a stream back.",
	UPLOAD};
