#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "chatd/op/canary.h"
#include "chatd/op/tour.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"

struct health {
	struct store_room_find find;
	struct store_ping ping;
	struct tour tour;
	struct canary_ask canary;
	struct op *op;
	int store_err, hub_err;
	bool one_drains;
};

/* ---- is it alive ---- */

static int put_status(struct op *op, const char *status)
{
	op->result = value_object(op->arena, 2);
	value_put(&op->result, "status", value_str(status));
	return OP_DONE;
}

static int report_live(struct op *op)
{
	return put_status(op, "Healthy");
}

static const struct op_step live_steps[] = {
	{"report", report_live, 0},
	{0},
};
const struct op_def op_health_live = {
	.name = "health_live",
	.steps = live_steps,
	.doc = "Whether the process answers.",
};

/* ---- through all parts ---- */

/* Reading: a room that cannot be, whose «not found» is the healthiest answer. */
static int ask_reader(struct op *op)
{
	struct health *state = op->state;
	state->op = op;
	state->find.ref = BYTES_LIT("00000000-0000-0000-0000-000000000000");
	async_store(op, &state->find.call);
	int err = store_room_find(op->sv->store, &state->find);
	if (err != 0) {
		op_resume(op, err);
	}
	return OP_WAIT;
}

static int ask_writer(struct op *op)
{
	struct health *state = op->state;
	state->store_err = op_error(op) == ERR_NOT_FOUND ? 0 : op_error(op);
	async_store(op, &state->ping.call);
	int err = store_ping(op->sv->store, &state->ping);
	if (err != 0) {
		op_resume(op, err);
	}
	return OP_WAIT;
}

static void visit(struct services *sv, struct tour *tour)
{
	struct health *state = CONTAINER_OF(tour, struct health, tour);
	state->one_drains = state->one_drains || sv->draining;
}

static void visited(struct tour *tour)
{
	op_resume(CONTAINER_OF(tour, struct health, tour)->op, 0);
}

static int ask_workers(struct op *op)
{
	struct health *state = op->state;
	if (state->store_err == 0) {
		state->store_err = op_error(op);
	}
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}

static void on_canary(struct canary_ask *ask)
{
	op_resume(CONTAINER_OF(ask, struct health, canary)->op, ask->err);
}

static int ask_sockets(struct op *op)
{
	struct health *state = op->state;
	canary_ask(op->sv->canary, op->sv, &state->canary, on_canary);
	return OP_WAIT;
}

static int report(struct op *op)
{
	struct health *state = op->state;
	state->hub_err = op_error(op);
	bool keyless = jwt_verifier_waits(op->sv->verifier);
	bool well = state->store_err == 0 && state->hub_err == 0 && !keyless;
	put_status(op, !well ? "Unhealthy" : state->one_drains ? "Degraded" : "Healthy");
	/* What is the matter is for those who run it. */
	if (op->principal != NULL && op->principal->admin) {
		struct value checks = value_object(op->arena, 3);
		value_put(&checks, "database",
			value_str(state->store_err == 0 ? "Healthy" : err_code(state->store_err)));
		value_put(&checks, "hub",
			value_str(state->hub_err != 0 ? err_code(state->hub_err)
				  : state->one_drains ? "draining"
						      : "Healthy"));
		if (keyless) {
			value_put(&checks, "keys", value_str("unavailable"));
		}
		value_put(&op->result, "checks", checks);
	}
	return OP_DONE;
}

static int report_ready(struct op *op)
{
	struct health *state = op->state;
	state->hub_err = op_error(op);
	if (state->one_drains) {
		return op_fail(op, ERR_UNAVAILABLE, "the node is draining");
	}
	if (state->store_err != 0) {
		return op_fail(op, ERR_UNAVAILABLE, "the store does not answer");
	}
	if (state->hub_err != 0) {
		return op_fail(op, ERR_UNAVAILABLE, "the node does not answer on its own address");
	}
	if (jwt_verifier_waits(op->sv->verifier)) {
		return op_fail(op, ERR_UNAVAILABLE,
			"the keys of tokens have not been fetched yet (auth.jwks_url)");
	}
	return put_status(op, "Healthy");
}

static const struct op_step health_steps[] = {
	{"read", ask_reader, 0},
	{"write", ask_writer, 0},
	{"workers", ask_workers, 0},
	{"sockets", ask_sockets, 0},
	{"report", report, 0},
	{0},
};
const struct op_def op_health = {
	.name = "health",
	.steps = health_steps,
	.state_size = sizeof(struct health),
	.doc = "Whether the node can do its work.",
};

static const struct op_step ready_steps[] = {
	{"read", ask_reader, 0},
	{"write", ask_writer, 0},
	{"workers", ask_workers, 0},
	{"sockets", ask_sockets, 0},
	{"report", report_ready, 0},
	{0},
};
const struct op_def op_health_ready = {
	.name = "health_ready",
	.steps = ready_steps,
	.state_size = sizeof(struct health),
	.doc = "Whether the node takes clients.",
};
