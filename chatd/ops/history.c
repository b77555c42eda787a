#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "chatd/room/render.h"

#define PAGE 200
/* What one page may weigh; what is left out is on the next. */
#define PAGE_BYTES ((size_t)1024 * 1024)
/* What is shown where nobody said how much. */
#define SHOWN 50

struct history {
	struct room_access access;
	struct store_page page;
	uint64_t left; /* messages still wanted */
	uint64_t until; /* the last number wanted: at most the head when it began, however fast the
			   room grows; 0: not known yet */
};

static int find(struct op *op)
{
	struct history *state = op->state;
	const struct history_params *params = op->params;
	state->left = params->limit > 0 ? (uint64_t)params->limit : UINT64_MAX;
	return access_read(op, &state->access, params->room);
}

static int find_shown(struct op *op)
{
	struct history_params *params = op->params;
	if (params->limit == 0) {
		params->limit = SHOWN;
	}
	return find(op);
}

static int check(struct op *op)
{
	struct history *state = op->state;
	const struct history_params *params = op->params;
	int err = access_check(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->page.room = state->access.info.id;
	state->page.max_bytes = PAGE_BYTES;
	state->page.before_seq = (uint64_t)params->before;
	state->page.after_seq = (uint64_t)params->after;
	state->until = state->access.info.last_seq;
	if (params->before > 0 && (uint64_t)params->before <= state->until) {
		state->until = (uint64_t)params->before - 1;
	}
	/* A limit without a beginning counts from the new end; numbers have no holes. */
	if (params->after_given != PARAM_PRESENT && state->until > state->left) {
		state->page.after_seq = state->until - state->left;
	}
	return OP_NEXT;
}

static int read_page(struct op *op)
{
	struct history *state = op->state;
	state->page.limit = (uint32_t)(state->left < PAGE ? state->left : PAGE);
	async_store(op, &state->page.call);
	state->page.call.arena = arena_create(16384);
	int err = store_page(op->sv->store, &state->page);
	if (err != 0) {
		arena_destroy(&state->page.call.arena);
	}
	return err != 0 ? err : OP_WAIT;
}

static void emit_rows(struct op *op, struct history *state)
{
	for (size_t i = 0; i < state->page.count; i++) {
		struct arena *scratch = arena_create(2048);
		struct value item = render_message(scratch, op->sv->store, &state->page.rows[i]);
		op_emit(op, &item);
		arena_destroy(&scratch);
		state->page.after_seq = state->page.rows[i].seq;
	}
	state->left -= state->page.count;
}

static int emit_page(struct op *op)
{
	struct history *state = op->state;
	if (op_error(op) != 0) {
		arena_destroy(&state->page.call.arena);
		return op_error(op);
	}
	emit_rows(op, state);
	arena_destroy(&state->page.call.arena);
	bool whole = state->page.count == state->page.limit || state->page.cut;
	bool last = !whole || state->left == 0 || state->page.after_seq >= state->until;
	if (last) {
		return OP_DONE;
	}
	return op_congested(op) ? OP_WAIT : OP_NEXT;
}

static void release(struct op *op)
{
	struct history *state = op->state;
	arena_destroy(&state->page.call.arena);
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"check", check, 0},
	{"read", read_page, 0},
	{"emit", emit_page, 0},
	{"next", op_step_again, 0},
	{0},
};

const struct op_def op_history = {
	.name = "history",
	.steps = steps,
	.state_size = sizeof(struct history),
	.params_size = sizeof(struct history_params),
	.release = release,
	.paced = true,
	.needs = OP_OPERATOR_READ,
	.doc = "Read messages of a room, page by page.",
};

static const struct op_step show_steps[] = {
	{"find", find_shown, 0},
	{"check", check, 0},
	{"read", read_page, 0},
	{"emit", emit_page, 0},
	{"next", op_step_again, 0},
	{0},
};

const struct op_def op_history_show = {
	.name = "history_show",
	.steps = show_steps,
	.state_size = sizeof(struct history),
	.params_size = sizeof(struct history_params),
	.release = release,
	.paced = true,
	.needs = OP_OPERATOR_READ,
	.doc = "Show the last messages of a room, or those around a number.",
};
