/* Participants of a room: shown, added, removed, given a role. */
#include "chatd/auth/principal.h"
#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/people.h"
#include "lib/base/err.h"

const char *const member_role_choices[] = {"Member", "Admin", "Owner", NULL};
static const enum member_role role_of[] = {ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER};

struct member {
	struct room_access access;
	struct uuid user;
	union {
		struct home_join join;
		struct home_leave leave;
		struct home_role role;
	} home;
	struct store_member_page page;
	struct op *op;
	bool changed; /* what was asked for is stored; only the answer is to be read yet */
};

static void resume(struct home_call *call, int err)
{
	/* All three begin with the call. */
	op_resume(CONTAINER_OF(call, struct member, home.join.call)->op, err);
}

static int find(struct op *op)
{
	struct member *state = op->state;
	const struct member_params *params = op->params;
	state->op = op;
	int err = change_user(op, params->user, &state->user);
	return err != 0 ? err : access_read(op, &state->access, params->room);
}

static bool is_self(const struct op *op)
{
	const struct member *state = op->state;
	return op->principal != NULL && uuid_eq(&state->user, &op->principal->user_id);
}

static int no_participant(struct op *op)
{
	return op_fail(op, ERR_NOT_FOUND, "no such participant");
}

/* ---- the participant as the answer shows him ---- */

/* That nothing was done must not be said any more. */
static int not_read(struct op *op, int err)
{
	const struct member *state = op->state;
	return state->changed ? op_fail(op, ERR_UNCERTAIN,
					"it was done, but reading the participant again failed: %s",
					err_text(err))
			      : err;
}

static int read_back(struct op *op)
{
	struct member *state = op->state;
	state->page.room = state->access.info.id;
	state->page.after = state->user;
	state->page.only = true;
	state->page.limit = 1;
	async_store(op, &state->page.call);
	int err = store_member_page(op->sv->store, &state->page);
	return err != 0 ? not_read(op, err) : OP_WAIT;
}

static int reply(struct op *op)
{
	const struct member *state = op->state;
	if (op_error(op) == ERR_NOT_FOUND) {
		return access_not_found(op);
	}
	if (op_error(op) != 0) {
		return not_read(op, op_error(op));
	}
	if (state->page.count == 0) { /* gone again meanwhile, or never there */
		return no_participant(op);
	}
	op->result = people_member(op, op->arena, &state->access.info.id, &state->page.members[0]);
	return OP_DONE;
}

static int show(struct op *op)
{
	struct member *state = op->state;
	int err = access_check_member(op, &state->access);
	return err != 0 ? err : read_back(op);
}

static const struct op_step show_steps[] = {
	{"find", find, 0},
	{"read", show, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_member_show = {
	.name = "member_show",
	.steps = show_steps,
	.state_size = sizeof(struct member),
	.params_size = sizeof(struct member_params),
	.needs = OP_USER | OP_MEMBER,
	.doc = "Show a participant of a room.",
};

/* ---- add ---- */

/* Whoever adds himself joins, where the room is Public. */
static int add(struct op *op)
{
	struct member *state = op->state;
	const struct member_params *params = op->params;
	struct home_join *join = &state->home.join;
	int err = is_self(op) ? access_check(op, &state->access)
			      : access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	if (is_self(op) && params->role_given == PARAM_PRESENT &&
		role_of[params->role] != ROLE_MEMBER) {
		return op_fail(op, ERR_FORBIDDEN, "who joins is a Member at first");
	}
	join->arena = op->arena;
	join->invited = !is_self(op);
	join->add.room = state->access.info.id;
	join->add.user = state->user;
	join->add.identity = is_self(op) ? op->principal->identity : params->user;
	join->add.role = params->role_given == PARAM_PRESENT ? role_of[params->role] : ROLE_MEMBER;
	if (is_self(op)) {
		join->add.public_only = true;
	} else {
		join->add.actor = change_actor(op);
	}
	home_join(op->sv, join, resume);
	return OP_WAIT;
}

static int added(struct op *op)
{
	struct member *state = op->state;
	if (op_error(op) == ERR_FORBIDDEN && state->access.find.room.type == ROOM_DIRECT) {
		return op_fail(op, ERR_FORBIDDEN, "a direct room has exactly two participants");
	}
	if (op_error(op) != 0) {
		return change_fail(op, op_error(op));
	}
	state->changed = true;
	op->created = state->home.join.add.added;
	return read_back(op);
}

static const struct op_step add_steps[] = {
	{"find", find, 0},
	{"add", add, OP_COMMIT},
	{"read", added, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_member_add = {
	.name = "member_add",
	.steps = add_steps,
	.state_size = sizeof(struct member),
	.params_size = sizeof(struct member_params),
	.needs = OP_USER | OP_OPERATOR_WRITE,
	.doc = "Add a participant to a room, or join a Public one.",
};

/* ---- role ---- */

static int set_role(struct op *op)
{
	struct member *state = op->state;
	const struct member_params *params = op->params;
	struct home_role *role = &state->home.role;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	role->arena = op->arena;
	role->role.room = state->access.info.id;
	role->role.user = state->user;
	role->role.role = role_of[params->role];
	role->role.actor = change_actor(op);
	home_role(op->sv, role, resume);
	return OP_WAIT;
}

static int role_set(struct op *op)
{
	struct member *state = op->state;
	switch (op_error(op)) {
	case 0:
		state->changed = true;
		return read_back(op);
	case ERR_CONFLICT:
		return op_fail(
			op, ERR_CONFLICT, "he is the last Owner: make somebody else Owner first");
	case ERR_NOT_MEMBER:
		return no_participant(op);
	case ERR_FORBIDDEN:
		if (state->access.find.room.type == ROOM_DIRECT) {
			return op_fail(op, ERR_FORBIDDEN, "a direct room has no other roles");
		}
		return change_fail(op, ERR_FORBIDDEN);
	default:
		return change_fail(op, op_error(op));
	}
}

static const struct op_step role_steps[] = {
	{"find", find, 0},
	{"change", set_role, OP_COMMIT},
	{"read", role_set, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_member_role = {
	.name = "member_role",
	.steps = role_steps,
	.state_size = sizeof(struct member),
	.params_size = sizeof(struct member_params),
	.needs = OP_USER | OP_MEMBER | OP_OPERATOR_WRITE,
	.doc = "Give a participant of a room another role.",
};

/* ---- remove ---- */

static int remove_member(struct op *op)
{
	struct member *state = op->state;
	struct home_leave *leave = &state->home.leave;
	int err = access_check_member(op, &state->access);
	if (err != 0) {
		return err;
	}
	leave->arena = op->arena;
	leave->remove.room = state->access.info.id;
	leave->remove.user = state->user;
	leave->remove.actor = change_actor(op);
	home_leave(op->sv, leave, resume);
	return OP_WAIT;
}

static int removed(struct op *op)
{
	const struct member *state = op->state;
	if (op_error(op) == ERR_NOT_MEMBER) {
		return no_participant(op);
	}
	if (op_error(op) == ERR_FORBIDDEN && state->access.find.room.type == ROOM_DIRECT) {
		return op_fail(op, ERR_FORBIDDEN,
			"a direct room has exactly two participants: it can only be deleted");
	}
	return op_error(op) != 0 ? change_fail(op, op_error(op)) : OP_DONE;
}

static const struct op_step remove_steps[] = {
	{"find", find, 0},
	{"remove", remove_member, OP_COMMIT},
	{"reply", removed, 0},
	{0},
};

const struct op_def op_member_remove = {
	.name = "member_remove",
	.steps = remove_steps,
	.state_size = sizeof(struct member),
	.params_size = sizeof(struct member_params),
	.needs = OP_USER | OP_MEMBER | OP_OPERATOR_WRITE,
	.doc = "Remove a participant of a room, or leave it.",
};
