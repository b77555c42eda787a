/* Stored messages sent again, to all members who are connected or to one connection. Page by page
 * with a pause, so that a reader who keeps up is not closed as slow. */
#include "chatd/conn/conns.h"
#include "chatd/op/tour.h"
#include "chatd/ops/access.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "chatd/room/home.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

#define PAGE 100
#define PAUSE_US 50000
/* Of send_queue: what one page may weigh. */
#define SEND_QUEUE_PART 8

struct history_replay {
	struct room_access access;
	struct store_page page;
	struct arena *rows;
	struct home_notice notice;
	struct tour tour;
	struct uuid connection;
	struct outmsg *msg; /* for the connection */
	struct loop_timer *pause;
	struct op *op;
	uint64_t to, sent, first, last;
	uint64_t passed; /* the last one of the pages that got through; 0: none did */
	bool reached; /* the connection is there */
};

static int find(struct op *op)
{
	struct history_replay *state = op->state;
	const struct history_replay_params *params = op->params;
	state->op = op;
	if (params->to != 0 && params->to < params->from) {
		return op_fail(op, ERR_USAGE, "--to is below --from");
	}
	if (params->connection.len > 0 &&
		conn_id_parse(params->connection, &state->connection) != 0) {
		return op_fail(op, ERR_NOT_FOUND, "no such connection");
	}
	return access_read(op, &state->access, params->room);
}

static int check(struct op *op)
{
	struct history_replay *state = op->state;
	const struct history_replay_params *params = op->params;
	int err = access_check(op, &state->access);
	if (err != 0) {
		return err;
	}
	uint64_t head = state->access.info.last_seq;
	state->to = params->to == 0 || (uint64_t)params->to > head ? head : (uint64_t)params->to;
	state->page.room = state->access.info.id;
	state->page.after_seq = (uint64_t)params->from - 1;
	state->page.before_seq = state->to + 1;
	state->page.limit = PAGE;
	state->page.max_bytes = op->sv->conf->limits.send_queue / SEND_QUEUE_PART;
	return OP_NEXT;
}

static void start_read(struct op *op)
{
	struct history_replay *state = op->state;
	arena_destroy(&state->rows);
	state->rows = arena_create(16384);
	async_store(op, &state->page.call);
	state->page.call.arena = state->rows;
	int err = store_page(op->sv->store, &state->page);
	if (err != 0) {
		op_resume(op, err);
	}
}

static void on_pause_over(void *ctx)
{
	start_read(ctx);
}

static int read_page(struct op *op)
{
	struct history_replay *state = op->state;
	if (state->sent == 0) {
		start_read(op);
		return OP_WAIT;
	}
	if (state->pause == NULL) {
		state->pause = loop_timer_create(op->sv->loop, on_pause_over, op);
	}
	loop_timer_set(state->pause, PAUSE_US);
	return OP_WAIT;
}

/* ---- sending ---- */

static void visit(struct services *sv, struct tour *tour)
{
	struct history_replay *state = CONTAINER_OF(tour, struct history_replay, tour);
	struct conn *conn = conns_find(sv->conns, &state->connection);
	if (conn == NULL || conn->state != CONN_OPEN) {
		return;
	}
	struct outmsg_local *local = outmsg_local_create(state->msg);
	conn_send_local(conn, local);
	outmsg_local_done(&local);
	state->reached = true;
}

static void visited(struct tour *tour)
{
	op_resume(CONTAINER_OF(tour, struct history_replay, tour)->op, 0);
}

static void on_published(struct home_call *call, int err)
{
	struct home_notice *notice = CONTAINER_OF(call, struct home_notice, call);
	op_resume(CONTAINER_OF(notice, struct history_replay, notice)->op, err);
}

static struct outmsg *encode_page(struct op *op)
{
	struct history_replay *state = op->state;
	struct outmsg_builder builder;
	outmsg_begin(&builder, op->sv->codecs);
	struct arena *scratch = arena_create(2048);
	for (size_t i = 0; i < state->page.count; i++) {
		const struct message_row *row = &state->page.rows[i];
		struct hub_message message = render_replayed_message(scratch, op->sv->store, row);
		outmsg_add(&builder, &message);
		arena_reset(scratch);
		state->first = state->sent++ == 0 ? row->seq : state->first;
		state->last = state->page.after_seq = row->seq;
	}
	arena_destroy(&scratch);
	return outmsg_end(&builder);
}

static int replay_fail(struct op *op, int err, const char *what)
{
	const struct history_replay *state = op->state;
	if (state->passed == 0) {
		return op_fail(op, err, "%s", what);
	}
	return op_fail(op, ERR_PARTIAL,
		"%s; %llu is the last one that got through: replay again with --from after it",
		what, (unsigned long long)state->passed);
}

static int send_page(struct op *op)
{
	struct history_replay *state = op->state;
	const struct history_replay_params *params = op->params;
	int err = op_error(op);
	if (err != 0) {
		return replay_fail(op, err, err == ERR_NOT_FOUND ? "no such room" : err_text(err));
	}
	if (state->page.count == 0) {
		state->page.after_seq = state->to;
		state->reached = true;
		return OP_NEXT;
	}
	struct outmsg *msg = encode_page(op);
	if (params->connection.len == 0) {
		state->notice = (struct home_notice){.room = state->page.room, .msg = msg};
		home_notice(op->sv, &state->notice, on_published);
		return OP_WAIT;
	}
	outmsg_unref(&state->msg);
	state->msg = msg;
	state->reached = false;
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}

static int reply(struct op *op)
{
	struct history_replay *state = op->state;
	const struct history_replay_params *params = op->params;
	if (params->connection.len > 0 && !state->reached) {
		return replay_fail(op, ERR_NOT_FOUND, "no such connection");
	}
	state->passed = state->last;
	if (state->page.after_seq < state->to) {
		return OP_AGAIN;
	}
	bool any = state->sent > 0;
	op->result = value_object(op->arena, 3);
	value_put(&op->result, "sent", value_int((int64_t)state->sent));
	value_put(&op->result, "from", any ? value_int((int64_t)state->first) : value_null);
	value_put(&op->result, "to", any ? value_int((int64_t)state->last) : value_null);
	return OP_DONE;
}

static void release(struct op *op)
{
	struct history_replay *state = op->state;
	arena_destroy(&state->rows);
	outmsg_unref(&state->msg);
	loop_timer_destroy(&state->pause);
}

/* The caller has gone amid a pause: nobody is waited for. */
static void gone(struct op *op)
{
	struct history_replay *state = op->state;
	if (state->pause != NULL && loop_timer_armed(state->pause)) {
		loop_timer_cancel(state->pause);
		op_resume(op, ERR_CLOSED);
	}
}

static const struct op_step steps[] = {
	{"find", find, 0},
	{"check", check, 0},
	{"read", read_page, 0},
	{"send", send_page, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_history_replay = {
	.name = "history_replay",
	.steps = steps,
	.state_size = sizeof(struct history_replay),
	.params_size = sizeof(struct history_replay_params),
	.release = release,
	.gone = gone,
	.paced = true,
	.needs = OP_OPERATOR_WRITE,
	.doc = "Send stored messages of a room again.",
};
