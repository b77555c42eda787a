/* A user goes for good: kept out first, then out of his rooms one by one, then the content of what
 * he sent, then his name. What is done stays done where it is broken off; asked again it goes on.
 */
#include "chatd/auth/bars.h"
#include "chatd/ops/async.h"
#include "chatd/ops/change.h"
#include "chatd/ops/keep_out.h"
#include "chatd/ops/ops.h"
#include "chatd/room/home.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

#define SCAN_ROWS 2000

struct user_erase {
	struct uuid user;
	struct store_user_bar bar;
	struct keep_out out;
	struct store_rooms_page rooms;
	struct home_leave leave;
	struct store_sent_erase sent;
	struct store_user_erase erase;
	struct arena *scratch; /* of one round */
	struct op *op;
	struct uuid after; /* the room that he was taken out of last */
	uint64_t left, erased;
};

static void fresh_scratch(struct user_erase *state)
{
	arena_destroy(&state->scratch);
	state->scratch = arena_create(4096);
}

/* From the first step that stores something on, it is not true that nothing was done. */
static int broken_off(struct op *op, int err)
{
	const struct user_erase *state = op->state;
	return op_fail(op, ERR_PARTIAL,
		"broken off: %s; so far he left %llu rooms, and %llu messages are erased: erase "
		"again to go on",
		err_text(err), (unsigned long long)state->left, (unsigned long long)state->erased);
}

static int find(struct op *op)
{
	struct user_erase *state = op->state;
	const struct user_params *params = op->params;
	int err = change_user(op, params->user, &state->user);
	if (err != 0) {
		return err;
	}
	state->op = op;
	struct store_user_find *find = arena_alloc(op->arena, sizeof(*find));
	find->user = state->user;
	async_store(op, &find->call);
	err = store_user_find(op->sv->store, find);
	return err != 0 ? err : OP_WAIT;
}

static int revoke(struct op *op)
{
	struct user_erase *state = op->state;
	if (op_error(op) == ERR_NOT_FOUND) {
		return op_fail(op, ERR_NOT_FOUND, "no such user");
	}
	if (op_error(op) != 0) {
		return op_error(op);
	}
	state->bar.user = state->user;
	state->bar.set_tokens_from = true;
	async_store(op, &state->bar.call);
	int err = store_user_bar(op->sv->store, &state->bar);
	return err != 0 ? err : OP_WAIT;
}

static int bar(struct op *op)
{
	struct user_erase *state = op->state;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	return keep_out(op, &state->out, &state->bar.row);
}

/* ---- out of his rooms ---- */

static int next_room(struct op *op)
{
	struct user_erase *state = op->state;
	fresh_scratch(state);
	state->rooms = (struct store_rooms_page){
		.user = state->user, .after_id = state->after, .limit = 1};
	async_store(op, &state->rooms.call);
	state->rooms.call.arena = state->scratch;
	int err = store_rooms_page(op->sv->store, &state->rooms);
	return err != 0 ? broken_off(op, err) : OP_WAIT;
}

static void on_left(struct home_call *call, int err)
{
	struct home_leave *leave = CONTAINER_OF(call, struct home_leave, call);
	op_resume(CONTAINER_OF(leave, struct user_erase, leave)->op, err);
}

/* Answers OP_NEXT where no room is left: the step behind goes on, else back to next_room(). */
static int leave_room(struct op *op)
{
	struct user_erase *state = op->state;
	if (op_error(op) != 0) {
		return broken_off(op, op_error(op));
	}
	if (state->rooms.count == 0) {
		return OP_NEXT;
	}
	state->leave = (struct home_leave){.arena = state->scratch};
	state->after = state->rooms.rooms[0].room.id;
	state->leave.remove.room = state->after;
	state->leave.remove.user = state->user;
	state->leave.remove.even_direct = true;
	home_leave(op->sv, &state->leave, on_left);
	return OP_WAIT;
}

static int left_room(struct op *op)
{
	struct user_erase *state = op->state;
	int err = op_error(op);
	if (state->rooms.count == 0) {
		return OP_NEXT;
	}
	if (err != 0 && err != ERR_NOT_MEMBER && err != ERR_NOT_FOUND) {
		return broken_off(op, err);
	}
	state->left += err == 0 ? 1 : 0;
	return OP_AGAIN;
}

/* ---- what he sent ---- */

static int erase_sent(struct op *op)
{
	struct user_erase *state = op->state;
	state->sent.user = state->user;
	state->sent.scan_max = SCAN_ROWS;
	async_store(op, &state->sent.call);
	int err = store_sent_erase(op->sv->store, &state->sent);
	return err != 0 ? broken_off(op, err) : OP_WAIT;
}

static int count_erased(struct op *op)
{
	struct user_erase *state = op->state;
	if (op_error(op) != 0) {
		return broken_off(op, op_error(op));
	}
	state->erased += state->sent.erased;
	return OP_NEXT;
}

static int more_sent(struct op *op)
{
	const struct user_erase *state = op->state;
	return state->sent.more ? OP_AGAIN : OP_NEXT;
}

/* ---- his name ---- */

static int erase_name(struct op *op)
{
	struct user_erase *state = op->state;
	state->erase.user = state->user;
	async_store(op, &state->erase.call);
	int err = store_user_erase(op->sv->store, &state->erase);
	return err != 0 ? broken_off(op, err) : OP_WAIT;
}

static int reply(struct op *op)
{
	const struct user_erase *state = op->state;
	if (op_error(op) == ERR_CONFLICT) {
		return op_fail(op, ERR_CONFLICT, "he was added to a room meanwhile: erase again");
	}
	if (op_error(op) != 0) {
		return broken_off(op, op_error(op));
	}
	/* Tokens that were issued since he was kept out are refused too. */
	const struct user_row *row = &state->erase.row;
	bars_set(op->sv->bars, &row->id, row->banned_ms, row->ban_reason, row->tokens_from_ms);
	op->result = value_object(op->arena, 3);
	value_put(&op->result, "id", render_uuid(op->arena, &state->user));
	value_put(&op->result, "roomsLeft", value_int((int64_t)state->left));
	value_put(&op->result, "messagesErased", value_int((int64_t)state->erased));
	return OP_DONE;
}

static void release(struct op *op)
{
	struct user_erase *state = op->state;
	arena_destroy(&state->scratch);
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"revoke", revoke, OP_COMMIT},
	{"keep out", bar, 0},
	{"next room", next_room, 0},
	{"leave", leave_room, 0},
	{"left", left_room, 0},
	{"erase sent", erase_sent, 0},
	{"count", count_erased, 0},
	{"more", more_sent, 0},
	{"erase name", erase_name, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_user_erase = {
	.name = "user_erase",
	.steps = steps,
	.state_size = sizeof(struct user_erase),
	.params_size = sizeof(struct user_params),
	.release = release,
	.paced = true,
	.needs = OP_OPERATOR_WRITE,
	.doc = "Erase a user: his name, memberships, and the content of what he sent.",
};
