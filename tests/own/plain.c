#include <stdlib.h>
#include <string.h>

#include "chatd/conn/conn.h"
#include "lib/base/err.h"
#include "tests/own/own.h"
#include "tests/own/timed.h"

/* An op_def of one or two steps. */
#define OP(id, text, ...) \
	const struct op_def op_own_##id = {.name = "own_" #id, \
		.steps = id##_steps, \
		.needs = OP_USER, \
		.doc = text, \
		__VA_ARGS__}
#define PUSH_MAX (64 * 1024 * 1024) /* bytes of one Push */

static int fail(struct op *op)
{
	return op_fail_said(op, ERR_CONFLICT, "InvalidOperationException", "inner text");
}

static const struct op_step fail_steps[] = {{"fail", fail, 0}, {0}};
OP(fail, "Fail as a method does that throws.");

static int fail_hub(struct op *op)
{
	return op_fail_said(op, ERR_CONFLICT, "HubException", "hub text");
}

static const struct op_step fail_hub_steps[] = {{"fail", fail_hub, 0}, {0}};
OP(fail_hub, "Fail as a method does that throws a HubException.");

static int fail_arg(struct op *op)
{
	const struct own_int_params *params = op->params;
	if (params->number >= 0) {
		return OP_NEXT;
	}
	const char *text = arena_printf(op->arena,
		"n ('%lld') must be a non-negative value. (Parameter 'n')\nActual value was %lld.",
		(long long)params->number, (long long)params->number);
	return op_fail_said(op, ERR_BAD_REQUEST, "ArgumentOutOfRangeException", text);
}

static const struct op_step fail_arg_steps[] = {{"fail", fail_arg, 0}, {0}};
OP(fail_arg, "Refuse a negative number.", .params_size = sizeof(struct own_int_params));

static int nothing(struct op *op)
{
	(void)op;
	return OP_NEXT;
}

static const struct op_step forbidden_steps[] = {{"nothing", nothing, 0}, {0}};
const struct op_def op_own_forbidden = {
	.name = "own_forbidden",
	.steps = forbidden_steps,
	.needs = OP_USER | OP_ADMIN,
	.doc = "Do nothing, for administrators.",
};

static int wait(struct op *op)
{
	const struct own_int_params *params = op->params;
	return own_wait(op, params->number);
}

#define TIMED \
	.state_size = sizeof(struct own_timed), .params_size = sizeof(struct own_int_params), \
	.release = own_release

static const struct op_step slow_steps[] = {{"wait", wait, 0}, {0}};
OP(slow, "Take so many milliseconds.", TIMED, .gone = own_gone);

static const struct op_step commit_steps[] = {{"wait", wait, OP_COMMIT}, {"end", nothing, 0}, {0}};
OP(commit, "Take so many milliseconds, whether the caller stays or not.", TIMED);

/* So many messages of so many bytes to the caller. */
static int push(struct op *op)
{
	const struct own_int_params *params = op->params;
	if (params->number < 0 || params->other < 0 || params->other > PUSH_MAX ||
		params->number * (params->other + 1) > PUSH_MAX) {
		return op_fail(op, ERR_TOO_LARGE, "more than is sent at once");
	}
	char *text = mem_alloc((size_t)params->other + 1);
	memset(text, 'x', (size_t)params->other);
	struct value arguments = value_array(op->arena, 1);
	value_add(&arguments, value_text(bytes_of(text, (size_t)params->other)));
	const struct hub_message message = {
		.type = HUB_INVOCATION,
		.target = BYTES_LIT("Push"),
		.arguments = arguments,
	};
	for (int64_t i = 0; i < params->number && op->connection != NULL; i++) {
		conn_send(op->connection, &message);
	}
	free(text);
	return OP_NEXT;
}

static const struct op_step push_steps[] = {{"push", push, 0}, {0}};
OP(push, "Send messages to the caller.", .params_size = sizeof(struct own_int_params));

static int abort_it(struct op *op)
{
	conn_close(op->connection, NULL, false);
	return OP_NEXT;
}

static const struct op_step abort_steps[] = {{"abort", abort_it, 0}, {0}};
OP(abort, "End the connection.");
