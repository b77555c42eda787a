#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"
#include "tests/own/own.h"
#include "tests/own/timed.h"

#define WORD_MS 40 /* between two items of StreamAIResponse */

struct stream {
	struct own_timed timed; /* first */
	struct bytes rest; /* of the prompt */
	int64_t count, next; /* of numbers */
};

/* ---- StreamAIResponse ---- */

static int begin(struct op *op)
{
	const struct own_stream_params *params = op->params;
	struct stream *stream = op->state;
	long long count = 0;
	stream->rest = params->prompt;
	if (sscanf(params->prompt.ptr, "count to %18lld", &count) == 1) {
		stream->rest = BYTES_LIT("");
		stream->count = count;
	}
	return OP_NEXT;
}

static bool next_word(struct stream *stream, struct bytes *ret_word)
{
	struct bytes *rest = &stream->rest;
	while (rest->len > 0 && rest->ptr[0] == ' ') {
		rest->ptr++;
		rest->len--;
	}
	const char *end = memchr(rest->ptr, ' ', rest->len);
	size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
	*ret_word = bytes_of(rest->ptr, len);
	rest->ptr += len;
	rest->len -= len;
	return len > 0;
}

static int emit_word(struct op *op)
{
	struct stream *stream = op->state;
	char number[24];
	struct bytes word;
	if (!next_word(stream, &word)) {
		if (stream->next >= stream->count) {
			return OP_DONE;
		}
		snprintf(number, sizeof(number), "%lld", (long long)++stream->next);
		word = bytes_str(number);
	}
	struct value item = value_text(word);
	op_emit(op, &item);
	return own_wait(op, WORD_MS);
}

/* The table ends with "again", which goes two back. */
static int go_on(struct op *op)
{
	(void)op;
	return OP_NEXT;
}

static const struct op_step stream_steps[] = {
	{"begin", begin, 0},
	{"emit", emit_word, 0},
	{"go on", go_on, 0},
	{"again", op_step_again, 0},
	{0},
};
const struct op_def op_own_stream = {
	.name = "own_stream",
	.steps = stream_steps,
	.state_size = sizeof(struct stream),
	.params_size = sizeof(struct own_stream_params),
	.release = own_release,
	.gone = own_gone,
	.paced = true,
	.needs = OP_USER,
	.doc = "Stream the words of a text.",
};

/* ---- streams that fail ---- */

static int emit_one(struct op *op)
{
	struct value item = value_int(1);
	op_emit(op, &item);
	return OP_NEXT;
}

static int fail(struct op *op)
{
	return op_fail_said(op, ERR_CONFLICT, "InvalidOperationException", "inner text");
}

static int fail_hub(struct op *op)
{
	return op_fail_said(op, ERR_CONFLICT, "HubException", "hub text");
}

static int emit_nan(struct op *op)
{
	struct value item = {.kind = VALUE_DOUBLE, .number = NAN};
	op_emit(op, &item);
	return OP_NEXT;
}

#define OP(id, text) \
	const struct op_def op_own_##id = { \
		.name = "own_" #id, .steps = id##_steps, .needs = OP_USER, .doc = text}

static const struct op_step failing_stream_steps[] = {
	{"emit", emit_one, 0}, {"fail", fail, 0}, {0}};
OP(failing_stream, "Fail after one item.");
static const struct op_step failing_hub_stream_steps[] = {
	{"emit", emit_one, 0}, {"fail", fail_hub, 0}, {0}};
OP(failing_hub_stream, "Fail after one item with a HubException.");
static const struct op_step nan_stream_steps[] = {
	{"emit", emit_one, 0}, {"nan", emit_nan, 0}, {"emit", emit_one, 0}, {0}};
OP(nan_stream, "Make an item that JSON cannot say.");

#undef OP

/* ---- numbers ---- */

/* Flood(count, bytes): texts as fast as they are taken. */
static int flood(struct op *op)
{
	const struct own_int_params *params = op->params;
	struct stream *stream = op->state;
	size_t len = params->other > 0 && params->other < 65536 ? (size_t)params->other : 1;
	char text[65536];
	memset(text, 'x', len);
	struct value item = value_text(bytes_of(text, len));
	while (stream->next < params->number) {
		stream->next++;
		op_emit(op, &item);
		if (op_congested(op)) {
			return OP_WAIT;
		}
	}
	return OP_DONE;
}

#define NUMBERS \
	.state_size = sizeof(struct stream), .params_size = sizeof(struct own_int_params), \
	.release = own_release, .gone = own_gone, .paced = true, .needs = OP_USER

static const struct op_step flood_steps[] = {
	{"flood", flood, 0}, {"go on", go_on, 0}, {"again", op_step_again, 0}, {0}};
const struct op_def op_own_flood = {
	.name = "own_flood", .steps = flood_steps, .doc = "Stream texts without a pause.", NUMBERS};

/* Count(count, ms): numbers from 1, with a pause behind each. */
static int count(struct op *op)
{
	const struct own_int_params *params = op->params;
	struct stream *stream = op->state;
	if (stream->next >= params->number) {
		return OP_DONE;
	}
	struct value item = value_int(++stream->next);
	op_emit(op, &item);
	return own_wait(op, params->other);
}

static int await_room(struct op *op)
{
	return op_congested(op) ? OP_WAIT : OP_NEXT;
}

static const struct op_step count_steps[] = {
	{"count", count, 0}, {"room", await_room, 0}, {"again", op_step_again, 0}, {0}};
const struct op_def op_own_count = {
	.name = "own_count", .steps = count_steps, .doc = "Stream numbers.", NUMBERS};
