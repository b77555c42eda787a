/* The participants of a room: page by page for users, all by role for the operator. */
#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/cursor.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/people.h"
#include "lib/base/err.h"

#define LIMIT_DEFAULT 50

struct member_page {
	struct room_access access;
	struct store_member_page page;
	struct store_member_list list;
	struct arena *rows; /* of list: as large as the room */
};

static int find(struct op *op)
{
	struct member_page *state = op->state;
	const struct member_page_params *params = op->params;
	return access_find(op, &state->access, params->room);
}

static const char *list_name(const struct op *op)
{
	const struct member_page *state = op->state;
	char id[UUID_TEXT_SIZE];
	uuid_format(&state->access.info.id, id);
	return arena_printf(op->arena, "members/%s", id);
}

static int read_page(struct op *op)
{
	struct member_page *state = op->state;
	const struct member_page_params *params = op->params;
	struct cursor from = {0};
	int err = access_check_member(op, &state->access);
	if (err == 0 && params->cursor.len > 0) {
		err = cursor_read(op, list_name(op), params->cursor, &from);
	}
	if (err != 0) {
		return err;
	}
	state->page.room = state->access.info.id;
	state->page.after = from.id;
	/* One more than asked for tells whether there is a next page. */
	state->page.limit = (uint32_t)(params->limit > 0 ? params->limit : LIMIT_DEFAULT) + 1;
	async_store(op, &state->page.call);
	err = store_member_page(op->sv->store, &state->page);
	return err != 0 ? err : OP_WAIT;
}

static int reply(struct op *op)
{
	const struct member_page *state = op->state;
	const struct store_member_page *page = &state->page;
	if (op_error(op) != 0) {
		return op_error(op) == ERR_NOT_FOUND ? access_not_found(op) : op_error(op);
	}
	bool more = page->count == page->limit;
	size_t count = more ? page->count - 1 : page->count;
	struct value items = value_array(op->arena, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		value_add(&items, people_member(op, op->arena, &page->room, &page->members[i]));
	}
	op->result = value_object(op->arena, 2);
	value_put(&op->result, "items", items);
	struct value next = value_null;
	if (more) {
		const struct cursor to = {.id = page->members[count - 1].user};
		next = cursor_write(op, list_name(op), &to);
	}
	value_put(&op->result, "nextCursor", next);
	return OP_DONE;
}

static const struct op_step page_steps[] = {
	{"find", find, 0},
	{"read", read_page, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_member_page = {
	.name = "member_page",
	.steps = page_steps,
	.state_size = sizeof(struct member_page),
	.params_size = sizeof(struct member_page_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "List participants of a room, page by page.",
};

/* ---- for the operator ---- */

static int find_room(struct op *op)
{
	struct member_page *state = op->state;
	const struct room_ref_params *params = op->params;
	return access_read(op, &state->access, params->room);
}

static int read_all(struct op *op)
{
	struct member_page *state = op->state;
	int err = access_check(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->rows = arena_create(16384);
	state->list.room = state->access.info.id;
	async_store(op, &state->list.call);
	state->list.call.arena = state->rows;
	err = store_member_list(op->sv->store, &state->list);
	return err != 0 ? err : OP_WAIT;
}

static int emit_all(struct op *op)
{
	const struct member_page *state = op->state;
	if (op_error(op) != 0) {
		return op_error(op) == ERR_NOT_FOUND ? access_not_found(op) : op_error(op);
	}
	struct arena *scratch = arena_create(0);
	for (size_t i = 0; i < state->list.count; i++) {
		struct value item =
			people_member(op, scratch, &state->list.room, &state->list.members[i]);
		op_emit(op, &item);
		arena_reset(scratch);
	}
	arena_destroy(&scratch);
	return OP_DONE;
}

static void release(struct op *op)
{
	struct member_page *state = op->state;
	arena_destroy(&state->rows);
}

static const struct op_step list_steps[] = {
	{"find", find_room, 0},
	{"read", read_all, 0},
	{"emit", emit_all, 0},
	{0},
};

const struct op_def op_member_list = {
	.name = "member_list",
	.steps = list_steps,
	.state_size = sizeof(struct member_page),
	.params_size = sizeof(struct room_ref_params),
	.release = release,
	.needs = OP_OPERATOR_READ,
	.doc = "List all participants of a room.",
};
