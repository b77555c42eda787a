#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"

/* The store is asked for a room that cannot be: its «not found» is the healthiest answer. */
static int ask_store(struct op *op)
{
	struct store_room_find *find = op->state;
	find->ref = BYTES_LIT("00000000-0000-0000-0000-000000000000");
	async_store(op, &find->call);
	int err = store_room_find(op->sv->store, find);
	if (err != 0) {
		op_resume(op, err);
	}
	return OP_WAIT;
}

static bool store_answers(const struct op *op)
{
	return op_error(op) == ERR_NOT_FOUND || op_error(op) == 0;
}

static int report(struct op *op)
{
	const char *status = store_answers(op) ? "Healthy" : "Unhealthy";
	op->result = value_object(op->arena, 1);
	value_put(&op->result, "status", value_str(status));
	return OP_DONE;
}

static int report_live(struct op *op)
{
	op->result = value_object(op->arena, 1);
	value_put(&op->result, "status", value_str("Healthy"));
	return OP_DONE;
}

static int report_ready(struct op *op)
{
	if (op->sv->draining) {
		return op_fail(op, ERR_UNAVAILABLE, "the node is draining");
	}
	if (!store_answers(op)) {
		return op_fail(op, ERR_UNAVAILABLE, "the store does not answer");
	}
	return report_live(op);
}

static const struct op_step health_steps[] = {
	{"store", ask_store, 0},
	{"report", report, 0},
	{0},
};
const struct op_def op_health = {
	.name = "health",
	.steps = health_steps,
	.state_size = sizeof(struct store_room_find),
	.doc = "Whether the node can do its work.",
};

static const struct op_step live_steps[] = {
	{"report", report_live, 0},
	{0},
};
const struct op_def op_health_live = {
	.name = "health_live",
	.steps = live_steps,
	.doc = "Whether the process answers.",
};

static const struct op_step ready_steps[] = {
	{"store", ask_store, 0},
	{"report", report_ready, 0},
	{0},
};
const struct op_def op_health_ready = {
	.name = "health_ready",
	.steps = ready_steps,
	.state_size = sizeof(struct store_room_find),
	.doc = "Whether the node takes clients.",
};
