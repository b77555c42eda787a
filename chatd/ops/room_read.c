#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/pages.h"
#include "chatd/ops/people.h"
#include "chatd/room/render.h"

#define PAGE 100

/* ---- one room ---- */

static int find(struct op *op)
{
	const struct room_ref_params *params = op->params;
	return access_read(op, op->state, params->room);
}

static int reply(struct op *op)
{
	struct room_access *access = op->state;
	int err = access_check(op, access);
	if (err != 0) {
		return err;
	}
	op->version = access->find.room.version;
	op->result = render_room(op->arena, &access->find.room);
	if (op->principal != NULL) {
		bool member = access->role != ROLE_NONE;
		op->result = people_extend(op->arena, &op->result, 1);
		value_put(&op->result, "role",
			member ? value_str(model_role_name(access->role)) : value_null);
	}
	return OP_DONE;
}

static const struct op_step show_steps[] = {
	{"find", find, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_room_show = {
	.name = "room_show",
	.steps = show_steps,
	.state_size = sizeof(struct room_access),
	.params_size = sizeof(struct room_ref_params),
	.needs = OP_USER | OP_OPERATOR_READ,
	.doc = "Show a room.",
};

/* ---- all rooms, page by page ---- */

struct room_list {
	struct store_room_list list;
	struct pages pages;
};

static int read_page(struct op *op)
{
	struct room_list *state = op->state;
	struct store_room_list *list = &state->list;
	list->limit = PAGE;
	async_store(op, &list->call);
	list->call.arena = pages_next(&state->pages);
	int err = store_room_list(op->sv->store, list);
	return err != 0 ? err : OP_WAIT;
}

static int emit_page(struct op *op)
{
	struct room_list *state = op->state;
	struct store_room_list *list = &state->list;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	for (size_t i = 0; i < list->count; i++) {
		struct arena *scratch = arena_create(0);
		struct value item = render_room(scratch, &list->rooms[i]);
		op_emit(op, &item);
		arena_destroy(&scratch);
	}
	if (list->count < list->limit) {
		return OP_DONE;
	}
	list->after_name = list->rooms[list->count - 1].name;
	list->after_id = list->rooms[list->count - 1].id;
	return op_congested(op) ? OP_WAIT : OP_NEXT;
}

static void release_list(struct op *op)
{
	struct room_list *state = op->state;
	pages_finish(&state->pages);
}

static const struct op_step list_steps[] = {
	{"read", read_page, 0},
	{"emit", emit_page, 0},
	{"next", op_step_again, 0},
	{0},
};

const struct op_def op_room_list = {
	.name = "room_list",
	.steps = list_steps,
	.state_size = sizeof(struct room_list),
	.release = release_list,
	.needs = OP_OPERATOR_READ,
	.doc = "List all rooms.",
};
