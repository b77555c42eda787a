#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/attach.h"
#include "chatd/ops/ops.h"
#include "chatd/room/home.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

struct join_room {
	struct room_access access;
	struct store_room_create create;
	struct store_new_member owner;
	struct home_join join;
	struct catchup_waiter waiter;
	struct op *op;
	struct attach_result result;
	bool made; /* the room was made by this call */
	bool naming; /* counted in conn->naming */
};

static void naming_begins(struct op *op)
{
	((struct join_room *)op->state)->naming = true;
	((struct conn *)op->connection)->naming++;
}

static void naming_is_over(struct op *op)
{
	struct join_room *state = op->state;
	if (state->naming && op->connection != NULL) {
		((struct conn *)op->connection)->naming--;
	}
	state->naming = false;
}

static int find(struct op *op)
{
	struct join_room *state = op->state;
	const struct join_room_params *params = op->params;
	state->op = op;
	naming_begins(op);
	return access_find(op, &state->access, params->room);
}

/* With hub.create_rooms an unknown alias becomes a Public room, as groups of SignalR come into
 * being by being joined. */
static int create(struct op *op)
{
	struct join_room *state = op->state;
	const struct join_room_params *params = op->params;
	struct uuid id;
	bool unknown = state->access.was_read && op_error(op) == ERR_NOT_FOUND;
	if (!unknown || !op->sv->conf->hub.create_rooms || uuid_parse(params->room, &id) == 0) {
		int err = access_check(op, &state->access);
		return err != 0 ? err : OP_NEXT;
	}
	char alias[65];
	int err = model_alias_fold(params->room, alias);
	if (err != 0) {
		return op_fail(op, err, "the name of a room is [a-z0-9][a-z0-9._-]{0,63}");
	}
	struct room_row *room = &state->create.room;
	uuid_v7(clock_wall_ms(op->sv->clock), &room->id);
	room->alias = bytes_str(arena_strdup(op->arena, alias));
	room->name = params->room;
	room->has_creator = true;
	room->creator = op->principal->user_id;
	state->owner = (struct store_new_member){
		.user = op->principal->user_id,
		.identity = op->principal->identity,
		.role = ROLE_OWNER,
	};
	state->create.members = &state->owner;
	state->create.member_count = 1;
	state->made = true;
	async_store(op, &state->create.call);
	err = store_room_create(op->sv->store, &state->create);
	return err != 0 ? err : OP_WAIT;
}

static void on_joined(struct home_call *call, int err)
{
	struct home_join *join = CONTAINER_OF(call, struct home_join, call);
	op_resume(CONTAINER_OF(join, struct join_room, join)->op, err);
}

static void join_start(struct op *op, struct join_room *state)
{
	state->join.arena = op->arena;
	state->join.add.user = op->principal->user_id;
	state->join.add.role = ROLE_MEMBER;
	state->join.add.public_only = true;
	if (op->connection != NULL) { /* it may have gone while the room was made */
		state->join.except = ((const struct conn *)op->connection)->id;
	}
	home_join(op->sv, &state->join, on_joined);
}

static int join(struct op *op)
{
	struct join_room *state = op->state;
	if (state->made) {
		int err = op_error(op);
		if (err != 0 && err != ERR_EXISTS) {
			return err;
		}
		/* Somebody else may have made it in between: then it is joined. */
		room_info_of(&state->create.room, &state->access.info);
		state->join.announce = err == 0;
		state->join.add.row = state->create.room;
		state->access.role = ROLE_NONE;
	}
	if (state->access.role != ROLE_NONE) {
		return OP_NEXT;
	}
	state->join.add.room = state->access.info.id;
	join_start(op, state);
	return OP_WAIT;
}

static int attach_now(struct op *op, struct room_entry *entry);

static int enter(struct op *op)
{
	struct join_room *state = op->state;
	int err = op_error(op);
	naming_is_over(op);
	if (err == ERR_NOT_FOUND) {
		return access_not_found(op);
	}
	if (err != 0) {
		return err;
	}
	if (op->connection == NULL) {
		return OP_DONE; /* it left in the middle; the membership stays */
	}
	if (state->access.role == ROLE_NONE) {
		room_info_of(&state->join.add.row, &state->access.info);
	}
	return attach_now(op, rooms_enter(op->connection, &state->access.info, true));
}

static void on_caught_up(struct catchup_waiter *waiter, int err)
{
	op_resume(CONTAINER_OF(waiter, struct join_room, waiter)->op, err);
}

static int attach_now(struct op *op, struct room_entry *entry)
{
	struct join_room *state = op->state;
	const struct join_room_params *params = op->params;
	struct attach_request request = {
		.has_last = params->last_seq_given == PARAM_PRESENT,
		.last_seq = (uint64_t)params->last_seq,
		.epoch = params->epoch,
	};
	state->waiter.done = on_caught_up;
	return rooms_attach(entry, &request, &state->result, &state->waiter) == 1 ? OP_WAIT
										  : OP_NEXT;
}

static int reply(struct op *op)
{
	struct join_room *state = op->state;
	if (op_error(op) == ERR_CLOSED) { /* he was removed before all was sent */
		return op_fail(op, ERR_NOT_MEMBER, "you are not a member of this room");
	}
	if (op_error(op) != 0) {
		return op_error(op);
	}
	attach_settle(&state->result, &state->waiter);
	op->result = attach_render(op, &state->access.info.id, &state->result);
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"create", create, OP_COMMIT}, /* a room that was made is told to its owner's devices */
	{"join", join, 0},
	{"enter", enter, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_join_room = {
	.name = "join_room",
	.steps = steps,
	.state_size = sizeof(struct join_room),
	.release = naming_is_over,
	.params_size = sizeof(struct join_room_params),
	.needs = OP_USER | OP_CONNECTION,
	.doc = "Become a member of a room, and catch up from a number.",
};
