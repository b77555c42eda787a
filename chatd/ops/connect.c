#include "chatd/conn/conn.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "chatd/room/rooms.h"

static int open_user(struct op *op)
{
	struct store_user_open *open = op->state;
	open->user = op->principal->user_id;
	open->identity = op->principal->identity;
	open->display_name = op->principal->display_name;
	async_store(op, &open->call);
	int err = store_user_open(op->sv->store, open);
	return err != 0 ? err : OP_WAIT;
}

static int restore_rooms(struct op *op)
{
	const struct store_user_open *open = op->state;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	rooms_restore(op->connection, open->rooms, open->room_count);
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"user", open_user, 0},
	{"rooms", restore_rooms, 0},
	{0},
};

const struct op_def op_connect = {
	.name = "connect",
	.steps = steps,
	.state_size = sizeof(struct store_user_open),
	.needs = OP_USER | OP_CONNECTION,
	.doc = "Read the user and restore the rooms of a new connection.",
};
