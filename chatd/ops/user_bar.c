/* Keeping users out: bans, and tokens that are no good any more. They hold at once, on live
 * connections too. */
#include "chatd/ops/async.h"
#include "chatd/ops/change.h"
#include "chatd/ops/keep_out.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/people.h"

struct user_bar {
	struct store_user_bar bar;
	struct keep_out out;
};

static int start(struct op *op)
{
	struct user_bar *state = op->state;
	const struct user_params *params = op->params;
	int err = change_user(op, params->user, &state->bar.user);
	if (err != 0) {
		return err;
	}
	state->bar.identity = params->user;
	async_store(op, &state->bar.call);
	err = store_user_bar(op->sv->store, &state->bar);
	return err != 0 ? err : OP_WAIT;
}

static int start_ban(struct op *op)
{
	struct user_bar *state = op->state;
	const struct user_params *params = op->params;
	state->bar.set_banned = true;
	state->bar.banned = true;
	state->bar.reason = params->reason;
	return start(op);
}

static int start_unban(struct op *op)
{
	struct user_bar *state = op->state;
	state->bar.set_banned = true;
	return start(op);
}

static int start_revoke(struct op *op)
{
	struct user_bar *state = op->state;
	state->bar.set_tokens_from = true;
	return start(op);
}

static int apply(struct op *op)
{
	struct user_bar *state = op->state;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	return keep_out(op, &state->out, &state->bar.row);
}

static int reply(struct op *op)
{
	const struct user_bar *state = op->state;
	op->result = people_user(op->arena, &state->bar.row, PEOPLE_OPERATOR, -1);
	return OP_DONE;
}

static const struct op_step ban_steps[] = {
	{"store", start_ban, OP_COMMIT},
	{"apply", apply, 0},
	{"reply", reply, 0},
	{0},
};
static const struct op_step unban_steps[] = {
	{"store", start_unban, OP_COMMIT},
	{"apply", apply, 0},
	{"reply", reply, 0},
	{0},
};
static const struct op_step revoke_steps[] = {
	{"store", start_revoke, OP_COMMIT},
	{"apply", apply, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_user_ban = {
	.name = "user_ban",
	.steps = ban_steps,
	.state_size = sizeof(struct user_bar),
	.params_size = sizeof(struct user_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Ban a user.",
};
const struct op_def op_user_unban = {
	.name = "user_unban",
	.steps = unban_steps,
	.state_size = sizeof(struct user_bar),
	.params_size = sizeof(struct user_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Take a ban back.",
};
const struct op_def op_user_revoke_tokens = {
	.name = "user_revoke_tokens",
	.steps = revoke_steps,
	.state_size = sizeof(struct user_bar),
	.params_size = sizeof(struct user_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Refuse all tokens that a user has so far.",
};
