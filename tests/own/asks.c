#include "chatd/op/ask.h"

#include <stdlib.h>

#include "lib/base/err.h"
#include "tests/own/own.h"
#include "tests/own/timed.h"

struct asking {
	struct own_timed timed; /* first */
	struct op_ask ask;
};

static const struct param text = {
	.name = "result",
	.kind = PARAM_TEXT,
	.flags = PARAM_NULLABLE,
	.doc = "What the client says.",
};

static int ask(struct op *op, const struct param *kind, const struct value *argument)
{
	struct asking *asking = op->state;
	struct value arguments = value_array(op->arena, 1);
	if (argument != NULL) {
		value_add(&arguments, *argument);
	}
	asking->ask.kind = kind;
	int err = op_ask(op, &asking->ask, BYTES_LIT("Ask"), &arguments);
	return err == 0 ? OP_WAIT : op_ask_fail(&asking->ask, op);
}

static int ask_text(struct op *op)
{
	return ask(op, &text, NULL);
}

static int ask_any(struct op *op)
{
	const struct own_any_params *params = op->params;
	return ask(op, NULL, params->value);
}

static int reply(struct op *op)
{
	const struct asking *asking = op->state;
	if (op_error(op) != 0) {
		return op_ask_fail(&asking->ask, op);
	}
	op->result = asking->ask.answer;
	return OP_DONE;
}

/* AskText: why there is no answer is the result. */
static int reply_text(struct op *op)
{
	const struct asking *asking = op->state;
	op->result = op_error(op) != 0 ? value_str(asking->ask.error) : asking->ask.answer;
	return OP_DONE;
}

static void on_deadline(void *ctx)
{
	struct asking *asking = ctx;
	op_ask_withdraw(&asking->ask);
}

/* AskWithin(ms): does not wait longer. */
static int ask_within(struct op *op)
{
	const struct own_int_params *params = op->params;
	struct asking *asking = op->state;
	asking->timed.timer = loop_timer_create(op->sv->loop, on_deadline, asking);
	loop_timer_set(asking->timed.timer, (uint64_t)params->number * 1000);
	return ask(op, &text, NULL);
}

/* AskThenSlow: the answer is the milliseconds that the rest takes. */
static int take_time(struct op *op)
{
	const struct asking *asking = op->state;
	if (op_error(op) != 0) {
		return op_ask_fail(&asking->ask, op);
	}
	const struct value *answer = &asking->ask.answer;
	return own_wait(op, answer->kind == VALUE_TEXT ? strtol(answer->text.ptr, NULL, 10) : 0);
}

#define OP(id, question, answer, text) \
	static const struct op_step id##_steps[] = { \
		{"ask", question, 0}, {"reply", answer, 0}, {0}}; \
	const struct op_def op_own_##id = { \
		.name = "own_" #id, \
		.steps = id##_steps, \
		.state_size = sizeof(struct asking), \
		.params_size = sizeof(struct own_any_params), \
		.release = own_release, \
		.paced = true, \
		.needs = OP_USER, \
		.doc = text, \
	}

OP(ask, ask_text, reply, "Ask the caller for a text.");
OP(ask_text, ask_text, reply_text, "The same, and tell why there is none.");
OP(ask_any, ask_any, reply, "Ask the caller for anything.");
OP(ask_within, ask_within, reply, "Ask the caller, but not for ever.");

static const struct op_step ask_then_slow_steps[] = {
	{"ask", ask_text, 0}, {"wait", take_time, 0}, {"reply", reply, 0}, {0}};
const struct op_def op_own_ask_then_slow = {
	.name = "own_ask_then_slow",
	.steps = ask_then_slow_steps,
	.state_size = sizeof(struct asking),
	.release = own_release,
	.gone = own_gone,
	.needs = OP_USER,
	.doc = "Ask the caller how long to wait.",
};
