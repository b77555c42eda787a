/* A page of a room's messages, and one message by its id. */
#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

#define LIMIT_DEFAULT 50
/* Content that one answer may hold; what is left out is on the next page. */
#define PAGE_BYTES ((size_t)1024 * 1024)

struct message_page {
	struct room_access access;
	struct store_page page;
	struct store_message_find message;
};

static bool goes_forward(const struct message_page_params *params)
{
	return params->after_given == PARAM_PRESENT;
}

static int find(struct op *op)
{
	struct message_page *state = op->state;
	const struct message_page_params *params = op->params;
	if (goes_forward(params) && params->before_given == PARAM_PRESENT) {
		return op_fail(op, ERR_BAD_REQUEST, "'before' and 'after' exclude each other");
	}
	return access_find(op, &state->access, params->room);
}

static int read_page(struct op *op)
{
	struct message_page *state = op->state;
	const struct message_page_params *params = op->params;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	bool forward = goes_forward(params);
	state->page.room = state->access.info.id;
	state->page.after_seq = forward ? (uint64_t)params->after : 0;
	state->page.before_seq =
		params->before_given == PARAM_PRESENT ? (uint64_t)params->before : 0;
	state->page.newest = !forward;
	state->page.limit = (uint32_t)(params->limit > 0 ? params->limit : LIMIT_DEFAULT);
	state->page.max_bytes = PAGE_BYTES;
	async_store(op, &state->page.call);
	err = store_page(op->sv->store, &state->page);
	return err != 0 ? err : OP_WAIT;
}

/* What was asked for and is not there any more. */
static struct value gap(const struct op *op, const struct store_page *page, bool forward)
{
	uint64_t first = forward ? page->after_seq + 1 : 1;
	if (!forward || first >= page->first_kept_seq || page->first_kept_seq == 0) {
		return value_null;
	}
	struct value out = value_object(op->arena, 2);
	value_put(&out, "from", value_int((int64_t)first));
	value_put(&out, "to", value_int((int64_t)(page->first_kept_seq - 1)));
	return out;
}

static int reply(struct op *op)
{
	const struct message_page *state = op->state;
	const struct store_page *page = &state->page;
	const struct message_page_params *params = op->params;
	bool forward = goes_forward(params);
	if (op_error(op) != 0) {
		return op_error(op) == ERR_NOT_FOUND ? access_not_found(op) : op_error(op);
	}
	struct value next = value_null;
	if (page->count > 0) {
		uint64_t first = page->rows[0].seq, last = page->rows[page->count - 1].seq;
		bool more = forward ? last < page->last_seq : first > page->first_kept_seq;
		next = more ? value_int((int64_t)(forward ? last : first)) : value_null;
	}
	op->result = value_object(op->arena, 5);
	value_put(&op->result, "items",
		render_messages(op->arena, op->sv->store, page->rows, page->count));
	value_put(&op->result, "lastSeq", value_int((int64_t)page->last_seq));
	value_put(&op->result, "epoch", value_str(op->sv->store->epoch));
	value_put(&op->result, forward ? "nextAfter" : "nextBefore", next);
	value_put(&op->result, "gap", gap(op, page, forward));
	return OP_DONE;
}

static const struct op_step page_steps[] = {
	{"find", find, 0},
	{"read", read_page, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_message_page = {
	.name = "message_page",
	.steps = page_steps,
	.state_size = sizeof(struct message_page),
	.params_size = sizeof(struct message_page_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Read messages of a room, page by page.",
};

/* ---- one ---- */

static int find_room(struct op *op)
{
	struct message_page *state = op->state;
	const struct message_params *params = op->params;
	if (uuid_parse(params->message, &state->message.id) != 0) {
		return op_fail(op, ERR_BAD_REQUEST, "a message is named by its id, a UUID");
	}
	return access_find(op, &state->access, params->room);
}

static int read_message(struct op *op)
{
	struct message_page *state = op->state;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->message.room = state->access.info.id;
	async_store(op, &state->message.call);
	err = store_message_find(op->sv->store, &state->message);
	return err != 0 ? err : OP_WAIT;
}

static int reply_message(struct op *op)
{
	const struct message_page *state = op->state;
	if (op_error(op) == ERR_NOT_FOUND) {
		return op_fail(op, ERR_NOT_FOUND, "no such message in this room");
	}
	if (op_error(op) != 0) {
		return op_error(op);
	}
	op->result = render_message(op->arena, op->sv->store, &state->message.row);
	return OP_DONE;
}

static const struct op_step show_steps[] = {
	{"find", find_room, 0},
	{"read", read_message, 0},
	{"reply", reply_message, 0},
	{0},
};

const struct op_def op_message_show = {
	.name = "message_show",
	.steps = show_steps,
	.state_size = sizeof(struct message_page),
	.params_size = sizeof(struct message_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Show one message.",
};
