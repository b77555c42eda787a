#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"

/* Messages that are removed at a time: other writers go between. */
#define PURGE_ROWS 2000

struct history_purge {
	struct room_access access;
	struct store_purge purge;
	uint64_t purged;
};

static int find(struct op *op)
{
	struct history_purge *state = op->state;
	const struct history_purge_params *params = op->params;
	if (params->before == 0 && params->older_than_ms == 0) {
		return op_fail(op, ERR_USAGE, "say what is to go: --before or --older-than");
	}
	return access_read(op, &state->access, params->room);
}

static int check(struct op *op)
{
	struct history_purge *state = op->state;
	const struct history_purge_params *params = op->params;
	int err = access_check(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->purge.room = state->access.info.id;
	state->purge.before_seq = (uint64_t)params->before;
	if (params->older_than_ms != 0) {
		state->purge.before_ms = clock_wall_ms(op->sv->clock) - params->older_than_ms;
	}
	state->purge.plan = params->plan;
	state->purge.limit = PURGE_ROWS;
	return OP_NEXT;
}

static int purge_fail(struct op *op, int err)
{
	const struct history_purge *state = op->state;
	if (state->purged > 0) {
		return op_fail(op, ERR_PARTIAL, "%llu messages are gone, then: %s",
			(unsigned long long)state->purged, err_text(err));
	}
	return err == ERR_NOT_FOUND ? access_not_found(op) : err;
}

static int purge(struct op *op)
{
	struct history_purge *state = op->state;
	async_store(op, &state->purge.call);
	int err = store_purge(op->sv->store, &state->purge);
	return err != 0 ? purge_fail(op, err) : OP_WAIT;
}

static int count(struct op *op)
{
	struct history_purge *state = op->state;
	if (op_error(op) != 0) {
		return purge_fail(op, op_error(op));
	}
	state->purged += state->purge.purged;
	return OP_NEXT;
}

static int reply(struct op *op)
{
	const struct history_purge *state = op->state;
	if (state->purge.more && !state->purge.plan) {
		return OP_AGAIN;
	}
	op->result = value_object(op->arena, 2);
	value_put(&op->result, "purged", value_int((int64_t)state->purged));
	value_put(&op->result, "firstKept", value_int((int64_t)state->purge.first_kept_seq));
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"check", check, 0},
	{"purge", purge, 0},
	{"count", count, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_history_purge = {
	.name = "history_purge",
	.steps = steps,
	.state_size = sizeof(struct history_purge),
	.params_size = sizeof(struct history_purge_params),
	.paced = true,
	.needs = OP_OPERATOR_WRITE,
	.doc = "Delete old messages of a room.",
};
