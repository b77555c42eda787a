/* What is set of a room: changed, archived, and the room deleted. */
#include "chatd/ops/access.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

struct changing {
	struct room_access access;
	struct home_update update;
	struct op *op;
};

static void on_changed(struct home_call *call, int err)
{
	struct home_update *update = CONTAINER_OF(call, struct home_update, call);
	op_resume(CONTAINER_OF(update, struct changing, update)->op, err);
}

static int start(struct op *op, struct changing *state)
{
	state->op = op;
	state->update.arena = op->arena;
	state->update.update.room = state->access.info.id;
	state->update.update.actor = change_actor(op);
	state->update.update.expect_version = op->expect_version;
	home_update(op->sv, &state->update, on_changed);
	return OP_WAIT;
}

static int take_alias(
	struct op *op, const struct room_update_params *params, struct store_room_update *update)
{
	char alias[65];
	if (params->alias_given == PARAM_ABSENT) {
		return 0;
	}
	update->changes |= ROOM_SET_ALIAS;
	if (params->alias_given == PARAM_NULL || params->alias.len == 0) {
		return 0;
	}
	int err = model_alias_fold(params->alias, alias);
	if (err != 0) {
		return op_fail(op, err, "an alias is [a-z0-9][a-z0-9._-]{0,63} and no UUID");
	}
	update->alias = bytes_str(arena_strdup(op->arena, alias));
	return 0;
}

static int take_texts(
	struct op *op, const struct room_update_params *params, struct store_room_update *update)
{
	int err = 0;
	if (params->name_given == PARAM_PRESENT) {
		update->changes |= ROOM_SET_NAME;
		update->name = params->name;
		err = change_check_name(op, params->name);
	}
	if (err == 0 && params->avatar_given != PARAM_ABSENT) {
		update->changes |= ROOM_SET_AVATAR;
		update->avatar_url = params->avatar_url;
		err = change_check_avatar(op, params->avatar_url);
	}
	return err != 0 ? err : take_alias(op, params, update);
}

static int take_changes(
	struct op *op, const struct room_update_params *params, struct store_room_update *update)
{
	int err = take_texts(op, params, update);
	if (err != 0) {
		return err;
	}
	if (params->visibility_given == PARAM_PRESENT) {
		update->changes |= ROOM_SET_VISIBILITY;
		update->visibility = (enum room_visibility)params->visibility;
	}
	if (params->make_public || params->make_private) {
		update->changes |= ROOM_SET_VISIBILITY;
		update->visibility = params->make_private ? ROOM_PRIVATE : ROOM_PUBLIC;
	}
	if (params->archived_given == PARAM_PRESENT) {
		update->changes |= ROOM_SET_ARCHIVED;
		update->archived = params->archived;
	}
	if (update->changes != 0) {
		return 0;
	}
	return op_fail(op, op->principal == NULL ? ERR_USAGE : ERR_BAD_REQUEST,
		"nothing is to be changed");
}

static int find(struct op *op)
{
	struct changing *state = op->state;
	const struct room_update_params *params = op->params;
	int err = take_changes(op, params, &state->update.update);
	return err != 0 ? err : access_read(op, &state->access, params->room);
}

static int change(struct op *op)
{
	struct changing *state = op->state;
	int err = access_check_member(op, &state->access);
	return err != 0 ? err : start(op, state);
}

static int reply(struct op *op)
{
	const struct changing *state = op->state;
	const struct store_room_update *update = &state->update.update;
	if (op_error(op) == ERR_EXISTS) {
		return op_fail(
			op, ERR_EXISTS, "the alias '%.*s' is taken", BYTES_ARG(update->alias));
	}
	if (op_error(op) == ERR_FORBIDDEN && state->access.find.room.type == ROOM_DIRECT) {
		return op_fail(op, ERR_FORBIDDEN, "a direct room is always private");
	}
	if (op_error(op) != 0) {
		return change_fail(op, op_error(op));
	}
	op->version = update->row.version;
	op->result = render_room(op->arena, &update->row);
	return OP_DONE;
}

static const struct op_step update_steps[] = {
	{"find", find, 0},
	{"change", change, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_room_update = {
	.name = "room_update",
	.steps = update_steps,
	.state_size = sizeof(struct changing),
	.params_size = sizeof(struct room_update_params),
	.needs = OP_USER | OP_MEMBER | OP_OPERATOR_WRITE,
	.doc = "Change what is set of a room.",
};

/* ---- archive ---- */

static int find_archived(struct op *op)
{
	struct changing *state = op->state;
	const struct room_archive_params *params = op->params;
	state->update.update.changes = ROOM_SET_ARCHIVED;
	state->update.update.archived = !params->undo;
	return access_read(op, &state->access, params->room);
}

static const struct op_step archive_steps[] = {
	{"find", find_archived, 0},
	{"change", change, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_room_archive = {
	.name = "room_archive",
	.steps = archive_steps,
	.state_size = sizeof(struct changing),
	.params_size = sizeof(struct room_archive_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Make a room read-only, or writable again.",
};
