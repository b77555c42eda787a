#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

#define LIMIT_DEFAULT 50
/* Of send_queue: a page of large messages is shorter than was asked for, and escapes make six bytes
 * of one, so that no client is dropped for its own question. */
#define SEND_QUEUE_PART 8

struct get_history {
	struct room_access access;
	struct store_page page;
};

static int find(struct op *op)
{
	struct get_history *state = op->state;
	const struct get_history_params *params = op->params;
	return access_find(op, &state->access, params->room);
}

static int read_page(struct op *op)
{
	struct get_history *state = op->state;
	const struct get_history_params *params = op->params;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	bool forward = params->after_given == PARAM_PRESENT;
	state->page.room = state->access.info.id;
	state->page.after_seq = forward ? (uint64_t)params->after : 0;
	state->page.before_seq =
		params->before_given == PARAM_PRESENT ? (uint64_t)params->before : 0;
	state->page.newest = !forward;
	state->page.limit = LIMIT_DEFAULT;
	state->page.max_bytes = op->sv->conf->limits.send_queue / SEND_QUEUE_PART;
	if (params->limit_given == PARAM_PRESENT) {
		state->page.limit = (uint32_t)params->limit;
	}
	async_store(op, &state->page.call);
	err = store_page(op->sv->store, &state->page);
	return err != 0 ? err : OP_WAIT;
}

static int reply(struct op *op)
{
	const struct get_history *state = op->state;
	if (op_error(op) == ERR_NOT_FOUND) {
		return access_not_found(op);
	}
	if (op_error(op) != 0) {
		return op_error(op);
	}
	op->result = render_messages(op->arena, op->sv->store, state->page.rows, state->page.count);
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"read", read_page, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_get_history = {
	.name = "get_history",
	.steps = steps,
	.state_size = sizeof(struct get_history),
	.params_size = sizeof(struct get_history_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Read a page of a room's messages.",
};
