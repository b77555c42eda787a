#include "chatd/auth/principal.h"
#include "chatd/ops/async.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "chatd/room/home.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

/* Participants that one call may name. */
#define MEMBERS_MAX 1000

struct room_create {
	struct store_room_create create;
	struct home_join *told; /* one for each participant */
	size_t to_tell;
	struct op *op;
};

static int take_alias(struct op *op, const struct room_create_params *params, struct room_row *room)
{
	char alias[65];
	bool given = params->alias.len > 0;
	if (!given && (params->is_direct || op->principal != NULL)) {
		return 0; /* a user's rooms take no name from others by accident */
	}
	if (model_alias_fold(given ? params->alias : params->name, alias) == 0) {
		room->alias = bytes_str(arena_strdup(op->arena, alias));
		return 0;
	}
	return given ? op_fail(op, ERR_BAD_ROOM,
			       "an alias is [a-z0-9][a-z0-9._-]{0,63} and no UUID")
		     : 0;
}

static void add_member(struct room_create *state, struct bytes who, enum member_role role)
{
	struct store_new_member *member = &state->create.members[state->create.member_count];
	ident_user(who, &member->user);
	for (size_t i = 0; i < state->create.member_count; i++) {
		if (uuid_eq(&state->create.members[i].user, &member->user)) {
			return;
		}
	}
	member->identity = who;
	member->role = role;
	state->create.member_count++;
}

static int take_members(struct op *op, const struct room_create_params *params)
{
	struct room_create *state = op->state;
	size_t named = params->members != NULL ? params->members->count : 0;
	if (named > MEMBERS_MAX) {
		return op_fail(op, ERR_TOO_LARGE, "at most %d members in one call", MEMBERS_MAX);
	}
	state->create.members =
		arena_alloc(op->arena, (named + 1) * sizeof(struct store_new_member));
	struct bytes owner = op->principal != NULL ? op->principal->identity : params->owner;
	if (owner.len > 0) {
		add_member(state, owner, ROLE_OWNER);
	}
	for (size_t i = 0; i < named; i++) {
		const struct value *who = &params->members->items[i];
		struct uuid id;
		bool text = who->kind == VALUE_TEXT && !who->bad_text;
		int err = change_user(op, text ? who->text : BYTES_NONE, &id);
		if (err != 0) {
			return err;
		}
		add_member(state, who->text, ROLE_MEMBER);
	}
	if (params->is_direct && state->create.member_count != 2) {
		return op_fail(op, ERR_BAD_REQUEST, "%s",
			op->principal != NULL
				? "a direct room has two participants: you and exactly one other"
				: "a direct room has exactly two participants");
	}
	return 0;
}

static int check_params(struct op *op, struct room_create_params *params)
{
	params->is_direct = params->is_direct || params->type == ROOM_DIRECT;
	params->is_private = params->is_private || params->visibility == ROOM_PRIVATE;
	int err = change_check_avatar(op, params->avatar_url);
	if (err == 0 && (params->name.len > 0 || !params->is_direct)) {
		err = change_check_name(op, params->name);
	}
	return err;
}

static void take_room(struct op *op, const struct room_create_params *params, struct room_row *room)
{
	/* Rooms made together lie together in the store: random ids write 2.5 times the pages. */
	uuid_v7(clock_wall_ms(op->sv->clock), &room->id);
	room->name = params->name;
	room->avatar_url = params->avatar_url;
	room->type = params->is_direct ? ROOM_DIRECT : ROOM_GROUP;
	bool hidden = params->is_private || params->is_direct;
	room->visibility = hidden ? ROOM_PRIVATE : ROOM_PUBLIC;
	room->encrypted = params->is_encrypted;
	if (op->principal != NULL) {
		room->has_creator = true;
		room->creator = op->principal->user_id;
	}
}

static int create(struct op *op)
{
	struct room_create *state = op->state;
	struct room_create_params *params = op->params;
	struct room_row *room = &state->create.room;
	state->op = op;
	int err = check_params(op, params);
	if (err == 0) {
		err = take_alias(op, params, room);
	}
	if (err == 0) {
		err = take_members(op, params);
	}
	if (err != 0) {
		return err;
	}
	take_room(op, params, room);
	async_store(op, &state->create.call);
	err = store_room_create(op->sv->store, &state->create);
	return err != 0 ? err : OP_WAIT;
}

static void on_told(struct home_call *call, int err)
{
	struct op *op = CONTAINER_OF(call, struct home_join, call)->owner;
	struct room_create *state = op->state;
	(void)err; /* telling does not fail */
	if (--state->to_tell == 0) {
		op_resume(op, 0);
	}
}

/* Who is connected enters the room at once, and gets RoomCreated. */
static int tell(struct op *op)
{
	struct room_create *state = op->state;
	int err = op_error(op);
	if (err == ERR_EXISTS) {
		return op_fail(
			op, err, "the alias '%.*s' is taken", BYTES_ARG(state->create.room.alias));
	}
	if (err != 0 || !state->create.created || state->create.member_count == 0) {
		return err != 0 ? err : OP_NEXT;
	}
	state->create.room.member_count = state->create.member_count;
	state->to_tell = state->create.member_count;
	state->told = arena_alloc(op->arena, state->to_tell * sizeof(struct home_join));
	for (size_t i = 0; i < state->create.member_count; i++) {
		struct home_join *told = &state->told[i];
		told->owner = op;
		told->announce = true;
		told->invited = true;
		told->add.room = state->create.room.id;
		told->add.user = state->create.members[i].user;
		told->add.row = state->create.room;
		home_join(op->sv, told, on_told);
	}
	return OP_WAIT;
}

static int reply(struct op *op)
{
	const struct room_create *state = op->state;
	op->created = state->create.created;
	op->version = state->create.room.version;
	op->result = render_room(op->arena, &state->create.room);
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"create", create, OP_COMMIT},
	{"tell", tell, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_room_create = {
	.name = "room_create",
	.steps = steps,
	.state_size = sizeof(struct room_create),
	.params_size = sizeof(struct room_create_params),
	.needs = OP_USER | OP_OPERATOR_WRITE,
	.doc = "Make a room.",
};
