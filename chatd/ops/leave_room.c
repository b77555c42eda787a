#include "chatd/ops/access.h"
#include "chatd/ops/ops.h"
#include "chatd/room/home.h"
#include "chatd/room/rooms.h"
#include "lib/base/err.h"

struct leave_room {
	struct room_access access;
	struct home_leave leave;
	struct op *op;
};

static int find(struct op *op)
{
	struct leave_room *state = op->state;
	const struct leave_room_params *params = op->params;
	state->op = op;
	return access_find(op, &state->access, params->room);
}

static void on_left(struct home_call *call, int err)
{
	struct home_leave *leave = CONTAINER_OF(call, struct home_leave, call);
	op_resume(CONTAINER_OF(leave, struct leave_room, leave)->op, err);
}

static int leave(struct op *op)
{
	struct leave_room *state = op->state;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->leave.arena = op->arena;
	state->leave.remove.room = state->access.info.id;
	state->leave.remove.user = op->principal->user_id;
	if (op->connection != NULL) {
		state->leave.except = ((const struct conn *)op->connection)->id;
	}
	home_leave(op->sv, &state->leave, on_left);
	return OP_WAIT;
}

static int reply(struct op *op)
{
	const struct leave_room *state = op->state;
	if (op_error(op) == ERR_NOT_MEMBER) {
		return op_fail(op, ERR_NOT_MEMBER, "you are not a member of this room");
	}
	if (op_error(op) == ERR_FORBIDDEN) {
		return op_fail(op, ERR_FORBIDDEN,
			"a direct room has exactly two participants: it can only be deleted");
	}
	if (op_error(op) == ERR_NOT_FOUND) { /* it was deleted since the caller was found in it */
		return access_not_found(op);
	}
	if (op_error(op) != 0) {
		return op_error(op);
	}
	if (op->connection != NULL) {
		struct room_entry *entry =
			rooms_entry_by_id(op->connection, &state->access.info.id);
		rooms_leave(&entry);
	}
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"leave", leave, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_leave_room = {
	.name = "leave_room",
	.steps = steps,
	.state_size = sizeof(struct leave_room),
	.params_size = sizeof(struct leave_room_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Stop being a member of a room, on all devices.",
};
