/* Users: shown, listed, and what one changes of oneself. */
#include "chatd/auth/principal.h"
#include "chatd/conn/conns.h"
#include "chatd/op/tour.h"
#include "chatd/ops/async.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/pages.h"
#include "chatd/ops/people.h"
#include "lib/base/err.h"

struct user_show {
	struct uuid user;
	struct store_user_open open; /* of the caller himself, who may be new */
	struct store_user_find find;
	struct tour tour;
	int64_t connections;
	struct op *op;
	bool self;
};

static int64_t count_connections(const struct services *sv, const struct uuid *user)
{
	const struct conn_user *here = conns_user(sv->conns, user);
	int64_t count = 0;
	if (here != NULL) {
		LIST_FOREACH (&here->conns, node) {
			count++;
		}
	}
	return count;
}

static void visit(struct services *sv, struct tour *tour)
{
	struct user_show *state = CONTAINER_OF(tour, struct user_show, tour);
	state->connections += count_connections(sv, &state->user);
}

static void visited(struct tour *tour)
{
	op_resume(CONTAINER_OF(tour, struct user_show, tour)->op, 0);
}

static int ask_workers(struct op *op)
{
	struct user_show *state = op->state;
	int err = op_error(op);
	if (err == ERR_NOT_FOUND) {
		return op_fail(op, err, "no such user");
	}
	if (err != 0) {
		return err;
	}
	state->op = op;
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}

static int find_self(struct op *op)
{
	struct user_show *state = op->state;
	state->self = true;
	state->user = op->principal->user_id;
	state->open.user = op->principal->user_id;
	state->open.identity = op->principal->identity;
	state->open.display_name = op->principal->display_name;
	async_store(op, &state->open.call);
	int err = store_user_open(op->sv->store, &state->open);
	return err != 0 ? err : OP_WAIT;
}

static int find(struct op *op)
{
	struct user_show *state = op->state;
	const struct user_params *params = op->params;
	int err = change_user(op, params->user, &state->user);
	if (err != 0) {
		return err;
	}
	if (op->principal != NULL && uuid_eq(&state->user, &op->principal->user_id)) {
		return find_self(op);
	}
	state->find.user = state->user;
	async_store(op, &state->find.call);
	err = store_user_find(op->sv->store, &state->find);
	return err != 0 ? err : OP_WAIT;
}

static int reply(struct op *op)
{
	const struct user_show *state = op->state;
	const struct user_row *row = state->self ? &state->open.row : &state->find.row;
	enum people_view view = op->principal == NULL ? PEOPLE_OPERATOR
				: state->self	      ? PEOPLE_SELF
						      : PEOPLE_OTHER;
	op->version = state->self ? row->version : 0;
	op->result = people_user(op->arena, row, view, state->connections);
	return OP_DONE;
}

static const struct op_step show_steps[] = {
	{"find", find, 0},
	{"workers", ask_workers, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_user_show = {
	.name = "user_show",
	.steps = show_steps,
	.state_size = sizeof(struct user_show),
	.params_size = sizeof(struct user_params),
	.needs = OP_USER | OP_OPERATOR_READ,
	.doc = "Show a user.",
};

static const struct op_step me_steps[] = {
	{"find", find_self, 0},
	{"workers", ask_workers, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_user_me = {
	.name = "user_me",
	.steps = me_steps,
	.state_size = sizeof(struct user_show),
	.params_size = sizeof(struct user_params),
	.needs = OP_USER,
	.doc = "Show oneself.",
};

/* ---- what one changes of oneself ---- */

static int change_self(struct op *op)
{
	struct store_user_update *update = op->state;
	const struct user_update_params *params = op->params;
	update->set_name = params->name_given == PARAM_PRESENT;
	update->set_avatar = params->avatar_given != PARAM_ABSENT;
	if (!update->set_name && !update->set_avatar) {
		return op_fail(op, ERR_BAD_REQUEST, "nothing is to be changed");
	}
	int err = update->set_name ? change_check_name(op, params->display_name) : 0;
	if (err == 0) {
		err = change_check_avatar(op, params->avatar_url);
	}
	if (err != 0) {
		return err;
	}
	update->user = op->principal->user_id;
	update->identity = op->principal->identity;
	update->display_name = params->display_name;
	update->avatar_url = params->avatar_url;
	update->expect_version = op->expect_version;
	async_store(op, &update->call);
	err = store_user_update(op->sv->store, update);
	return err != 0 ? err : OP_WAIT;
}

static int reply_self(struct op *op)
{
	const struct store_user_update *update = op->state;
	if (op_error(op) != 0) {
		return change_fail(op, op_error(op));
	}
	op->version = update->row.version;
	op->result = people_user(op->arena, &update->row, PEOPLE_SELF, -1);
	return OP_DONE;
}

static const struct op_step update_steps[] = {
	{"change", change_self, OP_COMMIT},
	{"reply", reply_self, 0},
	{0},
};

const struct op_def op_user_update = {
	.name = "user_update",
	.steps = update_steps,
	.state_size = sizeof(struct store_user_update),
	.params_size = sizeof(struct user_update_params),
	.needs = OP_USER,
	.doc = "Change one's own profile.",
};

/* ---- all, for the operator ---- */

#define PAGE 200

struct user_list {
	struct store_user_list list;
	struct pages pages;
};

static int read_page(struct op *op)
{
	struct user_list *state = op->state;
	const struct user_list_params *params = op->params;
	state->list.banned_only = params->banned;
	state->list.limit = PAGE;
	async_store(op, &state->list.call);
	state->list.call.arena = pages_next(&state->pages);
	int err = store_user_list(op->sv->store, &state->list);
	return err != 0 ? err : OP_WAIT;
}

static int emit_page(struct op *op)
{
	struct user_list *state = op->state;
	struct store_user_list *list = &state->list;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	struct arena *scratch = arena_create(0);
	for (size_t i = 0; i < list->count; i++) {
		struct value item = people_user(scratch, &list->users[i], PEOPLE_OPERATOR, -1);
		op_emit(op, &item);
		arena_reset(scratch);
	}
	arena_destroy(&scratch);
	if (list->count < list->limit) {
		return OP_DONE;
	}
	list->after_identity = list->users[list->count - 1].identity;
	list->after_id = list->users[list->count - 1].id;
	return op_congested(op) ? OP_WAIT : OP_NEXT;
}

static void release_list(struct op *op)
{
	struct user_list *state = op->state;
	pages_finish(&state->pages);
}

static const struct op_step list_steps[] = {
	{"read", read_page, 0},
	{"emit", emit_page, 0},
	{"next", op_step_again, 0},
	{0},
};

const struct op_def op_user_list = {
	.name = "user_list",
	.steps = list_steps,
	.state_size = sizeof(struct user_list),
	.params_size = sizeof(struct user_list_params),
	.release = release_list,
	.needs = OP_OPERATOR_READ,
	.doc = "List all users.",
};
