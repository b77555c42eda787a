/* Editing and deleting a message: entries of their own in the room's order. */
#include "chatd/auth/principal.h"
#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/posting.h"
#include "chatd/room/home.h"
#include "lib/base/err.h"

struct message_change {
	struct room_access access;
	struct store_message_find target;
	struct home_send send;
	struct op *op;
};

static int find(struct op *op)
{
	struct message_change *state = op->state;
	const struct message_params *params = op->params;
	state->op = op;
	if (uuid_parse(params->message, &state->target.id) != 0) {
		return op_fail(op, ERR_BAD_REQUEST, "a message is named by its id, a UUID");
	}
	if (params->client_message_id_given == PARAM_PRESENT) {
		int err = posting_check_id(op, params->client_message_id);
		if (err != 0) {
			return err;
		}
	}
	return access_find(op, &state->access, params->room);
}

static int find_edited(struct op *op)
{
	const struct message_params *params = op->params;
	int err = posting_check_content(op, params->content, false);
	return err != 0 ? err : find(op);
}

static int read_target(struct op *op)
{
	const struct message_params *params = op->params;
	struct message_change *state = op->state;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	/* A repeat gets its first answer even now; whether it is one the store knows. */
	if (state->access.info.archived && params->client_message_id_given != PARAM_PRESENT) {
		return op_fail(op, ERR_ARCHIVED, "the room is archived");
	}
	state->target.room = state->access.info.id;
	async_store(op, &state->target.call);
	err = store_message_find(op->sv->store, &state->target);
	return err != 0 ? err : OP_WAIT;
}

static int prepare(struct op *op, enum message_type type, struct bytes content)
{
	struct message_change *state = op->state;
	const struct message_params *params = op->params;
	struct append_item *item = &state->send.item;
	if (op_error(op) == ERR_NOT_FOUND) {
		return op_fail(op, ERR_NOT_FOUND, "no such message in this room");
	}
	if (op_error(op) != 0) {
		return op_error(op);
	}
	item->room = state->access.info.id;
	item->sender = op->principal->user_id;
	item->type = type;
	item->ref_seq = state->target.row.seq;
	item->content = content;
	posting_set_key(op, item,
		params->client_message_id_given == PARAM_PRESENT ? params->client_message_id
								 : BYTES_NONE);
	return posting_take_rate(op, &item->room);
}

static int prepare_edit(struct op *op)
{
	const struct message_change *state = op->state;
	const struct message_params *params = op->params;
	if (state->access.info.encrypted) {
		return op_fail(op, ERR_BAD_CONTENT, "the room is encrypted: plaintext is refused");
	}
	return prepare(op, MESSAGE_EDIT, params->content);
}

static int prepare_delete(struct op *op)
{
	return prepare(op, MESSAGE_DELETE, BYTES_NONE);
}

static void on_stored(struct home_call *call, int err)
{
	struct home_send *send = CONTAINER_OF(call, struct home_send, call);
	op_resume(CONTAINER_OF(send, struct message_change, send)->op, err);
}

static int insert(struct op *op)
{
	struct message_change *state = op->state;
	home_send(op->sv, &state->send, on_stored);
	return OP_WAIT;
}

static int reply(struct op *op)
{
	const struct message_change *state = op->state;
	return op_error(op) != 0 ? op_error(op) : posting_reply(op, &state->send.item);
}

static const struct op_step edit_steps[] = {
	{"member", find_edited, 0},
	{"target", read_target, 0},
	{"prepare", prepare_edit, 0},
	{"insert", insert, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_message_edit = {
	.name = "message_edit",
	.steps = edit_steps,
	.state_size = sizeof(struct message_change),
	.params_size = sizeof(struct message_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Give a message another text.",
};

static const struct op_step delete_steps[] = {
	{"member", find, 0},
	{"target", read_target, 0},
	{"prepare", prepare_delete, 0},
	{"insert", insert, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_message_delete = {
	.name = "message_delete",
	.steps = delete_steps,
	.state_size = sizeof(struct message_change),
	.params_size = sizeof(struct message_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Take the content of a message; its number stays.",
};
