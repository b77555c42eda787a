/* All that is stored of a user: himself, his rooms, what he sent. */
#include "chatd/ops/async.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/people.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

#define ROOMS_PAGE 100
#define SCAN_ROWS 2000

struct user_export {
	struct store_user_find find;
	struct store_rooms_page rooms;
	struct store_sent_page sent;
	struct arena *page;
};

static void emit(struct op *op, const char *kind, struct arena *scratch, struct value data)
{
	struct value item = value_object(scratch, 2);
	value_put(&item, "kind", value_str(kind));
	value_put(&item, "data", data);
	op_emit(op, &item);
}

static int find(struct op *op)
{
	struct user_export *state = op->state;
	const struct user_params *params = op->params;
	int err = change_user(op, params->user, &state->find.user);
	if (err != 0) {
		return err;
	}
	async_store(op, &state->find.call);
	err = store_user_find(op->sv->store, &state->find);
	return err != 0 ? err : OP_WAIT;
}

static int emit_user(struct op *op)
{
	const struct user_export *state = op->state;
	if (op_error(op) == ERR_NOT_FOUND) {
		return op_fail(op, ERR_NOT_FOUND, "no such user");
	}
	if (op_error(op) != 0) {
		return op_error(op);
	}
	emit(op, "user", op->arena, people_user(op->arena, &state->find.row, PEOPLE_OPERATOR, -1));
	return OP_NEXT;
}

static void fresh_page(struct user_export *state)
{
	arena_destroy(&state->page);
	state->page = arena_create(16384);
}

/* ---- rooms ---- */

static int read_rooms(struct op *op)
{
	struct user_export *state = op->state;
	fresh_page(state);
	state->rooms.user = state->find.user;
	state->rooms.limit = ROOMS_PAGE;
	async_store(op, &state->rooms.call);
	state->rooms.call.arena = state->page;
	int err = store_rooms_page(op->sv->store, &state->rooms);
	return err != 0 ? err : OP_WAIT;
}

static int emit_rooms(struct op *op)
{
	struct user_export *state = op->state;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	struct arena *scratch = arena_create(0);
	for (size_t i = 0; i < state->rooms.count; i++) {
		const struct room_listed *listed = &state->rooms.rooms[i];
		struct value room = render_room(scratch, &listed->room);
		struct value data = people_extend(scratch, &room, 2);
		value_put(&data, "role", value_str(model_role_name(listed->role)));
		value_put(&data, "lastReadSeq", value_int((int64_t)listed->last_read_seq));
		emit(op, "room", scratch, data);
		state->rooms.after_id = listed->room.id;
		arena_reset(scratch);
	}
	arena_destroy(&scratch);
	return op_congested(op) ? OP_WAIT : OP_NEXT;
}

static int more_rooms(struct op *op)
{
	const struct user_export *state = op->state;
	return state->rooms.count == ROOMS_PAGE ? OP_AGAIN : OP_NEXT;
}

/* ---- messages ---- */

static int read_sent(struct op *op)
{
	struct user_export *state = op->state;
	fresh_page(state);
	state->sent.user = state->find.user;
	state->sent.scan_max = SCAN_ROWS;
	async_store(op, &state->sent.call);
	state->sent.call.arena = state->page;
	int err = store_sent_page(op->sv->store, &state->sent);
	return err != 0 ? err : OP_WAIT;
}

static int emit_sent(struct op *op)
{
	struct user_export *state = op->state;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	struct arena *scratch = arena_create(2048);
	for (size_t i = 0; i < state->sent.count; i++) {
		emit(op, "message", scratch,
			render_message(scratch, op->sv->store, &state->sent.rows[i]));
		arena_reset(scratch);
	}
	arena_destroy(&scratch);
	return op_congested(op) ? OP_WAIT : OP_NEXT;
}

static int more_sent(struct op *op)
{
	const struct user_export *state = op->state;
	return state->sent.more ? OP_AGAIN : OP_DONE;
}

static void release(struct op *op)
{
	struct user_export *state = op->state;
	arena_destroy(&state->page);
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"user", emit_user, 0},
	{"read rooms", read_rooms, 0},
	{"emit rooms", emit_rooms, 0},
	{"more rooms", more_rooms, 0},
	{"read sent", read_sent, 0},
	{"emit sent", emit_sent, 0},
	{"more sent", more_sent, 0},
	{0},
};

const struct op_def op_user_export = {
	.name = "user_export",
	.steps = steps,
	.state_size = sizeof(struct user_export),
	.params_size = sizeof(struct user_params),
	.release = release,
	.paced = true,
	.needs = OP_OPERATOR_READ,
	.doc = "Read all that is stored of a user.",
};
