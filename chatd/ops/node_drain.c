/* Taking a node out of service and back, without ending it; and its settings while it runs. */
#include "chatd/conn/conns.h"
#include "chatd/op/server_control.h"
#include "chatd/op/tour.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

struct node_drain {
	struct tour tour;
	struct op *op;
	uint64_t spread_us;
	int64_t connections;
	bool drain;
};

static void visit(struct services *sv, struct tour *tour)
{
	struct node_drain *state = CONTAINER_OF(tour, struct node_drain, tour);
	sv->draining = state->drain;
	if (state->drain) {
		conns_drain(sv->conns, state->spread_us);
	} else {
		conns_undrain(sv->conns);
	}
	state->connections += (int64_t)conns_count(sv->conns);
}

static void visited(struct tour *tour)
{
	op_resume(CONTAINER_OF(tour, struct node_drain, tour)->op, 0);
}

static int go(struct op *op, bool drain)
{
	struct node_drain *state = op->state;
	struct server_control *control = op->sv->control;
	if (control->stopping(control->server)) {
		return op_fail(op, ERR_CONFLICT, "the daemon is ending");
	}
	state->op = op;
	state->drain = drain;
	op->sv->draining = drain; /* the main thread's, where control commands run */
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}

static int drain(struct op *op)
{
	struct node_drain *state = op->state;
	const struct node_drain_params *params = op->params;
	state->spread_us = params->spread_given == PARAM_PRESENT
				   ? (uint64_t)params->spread_ms * 1000
				   : op->sv->conf->server.drain_spread_us;
	return go(op, true);
}

static int undrain(struct op *op)
{
	return go(op, false);
}

static int reply(struct op *op)
{
	const struct node_drain *state = op->state;
	if (!state->drain) { /* it stopped for the drain */
		op_start(op_create(op->sv, &op_room_sweep, NULL), NULL, NULL, NULL);
	}
	op->result = value_object(op->arena, 2);
	value_put(&op->result, "draining", value_bool(state->drain));
	value_put(&op->result, "connections", value_int(state->connections));
	return OP_DONE;
}

static const struct op_step drain_steps[] = {
	{"drain", drain, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};
static const struct op_step undrain_steps[] = {
	{"undrain", undrain, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_node_drain = {
	.name = "node_drain",
	.steps = drain_steps,
	.state_size = sizeof(struct node_drain),
	.params_size = sizeof(struct node_drain_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Close all connections and take no new ones.",
};
const struct op_def op_node_undrain = {
	.name = "node_undrain",
	.steps = undrain_steps,
	.state_size = sizeof(struct node_drain),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Take clients again.",
};

/* ---- settings ---- */

static void put_change(struct op *op, const struct setting_change *change, const char *old_name,
	const char *new_name, const char *flag_name)
{
	struct arena *scratch = arena_create(0);
	struct value item = value_object(scratch, 4);
	value_put(&item, "key", value_str(change->key));
	value_put(&item, old_name, value_str(change->running));
	value_put(&item, new_name, value_str(change->configured));
	value_put(&item, flag_name, value_bool(change->reloadable));
	op_emit(op, &item);
	arena_destroy(&scratch);
}

static void visit_reloaded(void *ctx, const struct setting_change *change)
{
	put_change(ctx, change, "old", "new", "applied");
}

static void visit_different(void *ctx, const struct setting_change *change)
{
	put_change(ctx, change, "running", "configured", "reloadable");
}

static int read_settings(struct op *op, bool apply, setting_visit_fn visit_change)
{
	struct server_control *control = op->sv->control;
	struct buf why = {0};
	int err = control->reload(control->server, apply, visit_change, op, &why);
	if (err != 0) {
		err = op_fail(op, err, "%s", why.len > 0 ? buf_cstr(&why) : err_text(err));
	}
	buf_finish(&why);
	return err != 0 ? err : OP_DONE;
}

static int reload(struct op *op)
{
	return read_settings(op, true, visit_reloaded);
}

static int diff(struct op *op)
{
	return read_settings(op, false, visit_different);
}

static const struct op_step reload_steps[] = {
	{"reload", reload, OP_COMMIT},
	{0},
};
static const struct op_step diff_steps[] = {
	{"diff", diff, 0},
	{0},
};

const struct op_def op_config_reload = {
	.name = "config_reload",
	.steps = reload_steps,
	.needs = OP_OPERATOR_WRITE,
	.doc = "Read the settings again and apply what can be.",
};
const struct op_def op_config_diff = {
	.name = "config_diff",
	.steps = diff_steps,
	.needs = OP_OPERATOR_READ,
	.doc = "Show where the running settings differ from the configured ones.",
};
