#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"

/* Messages that are removed at a time: other writers go between. */
#define SWEEP_ROWS 2000

struct room_delete {
	struct room_access access;
	struct home_delete remove;
	struct op *op;
};

static int find(struct op *op)
{
	struct room_delete *state = op->state;
	const struct room_ref_params *params = op->params;
	return access_read(op, &state->access, params->room);
}

static void on_deleted(struct home_call *call, int err)
{
	struct home_delete *remove = CONTAINER_OF(call, struct home_delete, call);
	op_resume(CONTAINER_OF(remove, struct room_delete, remove)->op, err);
}

static int remove_room(struct op *op)
{
	struct room_delete *state = op->state;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->op = op;
	state->remove.arena = op->arena;
	state->remove.remove.room = state->access.info.id;
	state->remove.remove.actor = change_actor(op);
	state->remove.remove.expect_version = op->expect_version;
	home_delete(op->sv, &state->remove, on_deleted);
	return OP_WAIT;
}

static int reply(struct op *op)
{
	if (op_error(op) == ERR_FORBIDDEN) {
		return op_fail(op, ERR_FORBIDDEN, "only an Owner may delete a room");
	}
	if (op_error(op) != 0) {
		return change_fail(op, op_error(op));
	}
	op_start(op_create(op->sv, &op_room_sweep, NULL), NULL, NULL, NULL);
	return OP_DONE;
}

static const struct op_step delete_steps[] = {
	{"find", find, 0},
	{"delete", remove_room, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_room_delete = {
	.name = "room_delete",
	.steps = delete_steps,
	.state_size = sizeof(struct room_delete),
	.params_size = sizeof(struct room_ref_params),
	.needs = OP_USER | OP_MEMBER | OP_OPERATOR_WRITE,
	.doc = "Delete a room and all its messages.",
};

/* ---- what deleted rooms left ---- */

static int sweep(struct op *op)
{
	struct store_room_sweep *state = op->state;
	state->limit = SWEEP_ROWS;
	async_store(op, &state->call);
	int err = store_room_sweep(op->sv->store, state);
	return err != 0 ? err : OP_WAIT;
}

static int look(struct op *op)
{
	const struct store_room_sweep *state = op->state;
	if (op_error(op) != 0) {
		return op_error(op); /* the next start goes on */
	}
	return state->more && !op->sv->draining ? OP_NEXT : OP_DONE;
}

static const struct op_step sweep_steps[] = {
	{"sweep", sweep, 0},
	{"look", look, 0},
	{"again", op_step_again, 0},
	{0},
};

const struct op_def op_room_sweep = {
	.name = "room_sweep",
	.steps = sweep_steps,
	.state_size = sizeof(struct store_room_sweep),
	.paced = true,
	.needs = OP_INTERNAL,
	.doc = "Remove the messages of deleted rooms.",
};
