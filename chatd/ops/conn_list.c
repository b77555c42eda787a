/* Hub connections of this node: listed, shown, closed. */
#include "chatd/conn/conns.h"
#include "chatd/op/tour.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

struct conn_ask {
	struct tour tour;
	struct op *op;
	struct uuid id, user;
	bool by_user, by_id;
	const char *error; /* what those that are closed are told */
	bool reconnect;
	int64_t closed;
	struct value *items; /* on the operation's arena */
	size_t count, cap;
};

static struct value loop_time(const struct services *sv, uint64_t us)
{
	int64_t ago_ms = (int64_t)((loop_now_us(sv->loop) - us) / 1000);
	return value_time(clock_wall_ms(sv->clock) - ago_ms);
}

static const char *state_name(const struct conn *conn)
{
	switch (conn->state) {
	case CONN_HANDSHAKE:
		return "Handshake";
	case CONN_OPENING:
		return "Opening";
	case CONN_OPEN:
		return "Open";
	case CONN_ENDED:
		break;
	}
	return "Ended";
}

static struct value render(struct arena *arena, const struct conn *conn)
{
	struct services *sv = conn->sv;
	int64_t rooms = 0;
	LIST_FOREACH (&conn->rooms, node) {
		rooms++;
	}
	struct value out = value_object(arena, 12);
	value_put(&out, "id", value_str(arena_strdup(arena, conn->id_text)));
	value_put(&out, "userId", render_uuid(arena, &conn->principal->user_id));
	value_put(&out, "identity", value_text(arena_dup(arena, conn->principal->identity)));
	value_put(&out, "transport", value_str(conn->transport->ops->name));
	value_put(
		&out, "protocol", conn->codec != NULL ? value_str(conn->codec->name) : value_null);
	value_put(&out, "state", value_str(state_name(conn)));
	value_put(&out, "openedAt", loop_time(sv, conn->opened_us));
	value_put(&out, "rooms", value_int(rooms));
	value_put(&out, "queuedBytes", value_int((int64_t)conn_queued(conn)));
	value_put(&out, "worker", value_int(sv->worker));
	value_put(&out, "lastReceivedAt", loop_time(sv, conn->last_received_us));
	value_put(&out, "expiresAt", value_time(conn->principal->expires_ms));
	return out;
}

static bool is_meant(const struct conn_ask *state, const struct conn *conn)
{
	return conn->state != CONN_ENDED &&
	       (!state->by_user || uuid_eq(&conn->principal->user_id, &state->user)) &&
	       (!state->by_id || uuid_eq(&conn->id, &state->id));
}

static void collect_one(struct conn *conn, void *ctx)
{
	struct conn_ask *state = ctx;
	struct arena *arena = state->op->arena;
	if (!is_meant(state, conn)) {
		return;
	}
	if (state->count == state->cap) {
		size_t cap = state->cap == 0 ? 16 : state->cap * 2;
		struct value *items = arena_alloc(arena, cap * sizeof(*items));
		if (state->count > 0) {
			memcpy(items, state->items, state->count * sizeof(*items));
		}
		state->items = items;
		state->cap = cap;
	}
	state->items[state->count++] = render(arena, conn);
}

static void visit(struct services *sv, struct tour *tour)
{
	conns_each(sv->conns, collect_one, CONTAINER_OF(tour, struct conn_ask, tour));
}

static void visited(struct tour *tour)
{
	op_resume(CONTAINER_OF(tour, struct conn_ask, tour)->op, 0);
}

static int list(struct op *op)
{
	struct conn_ask *state = op->state;
	const struct conn_list_params *params = op->params;
	state->op = op;
	if (params->user.len > 0) {
		state->by_user = true;
		int err = change_user(op, params->user, &state->user);
		if (err != 0) {
			return err;
		}
	}
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}

/* In batches, so that a slow reader of a long list costs no memory twice. */
#define EMIT_BATCH 100

static int emit(struct op *op)
{
	struct conn_ask *state = op->state;
	size_t end = state->count < EMIT_BATCH ? 0 : state->count - EMIT_BATCH;
	while (state->count > end) {
		op_emit(op, &state->items[--state->count]);
	}
	return state->count > 0 && op_congested(op) ? OP_WAIT : OP_NEXT;
}

static int keep(struct op *op)
{
	(void)op;
	return OP_NEXT;
}

static int more(struct op *op)
{
	const struct conn_ask *state = op->state;
	return state->count > 0 ? OP_AGAIN : OP_DONE;
}

static const struct op_step list_steps[] = {
	{"ask", list, 0},
	{"emit", emit, 0},
	{"emitted", keep, 0},
	{"more", more, 0},
	{0},
};

const struct op_def op_conn_list = {
	.name = "conn_list",
	.steps = list_steps,
	.state_size = sizeof(struct conn_ask),
	.params_size = sizeof(struct conn_list_params),
	.needs = OP_OPERATOR_READ,
	.doc = "List hub connections.",
};

/* ---- one ---- */

static int no_connection(struct op *op)
{
	return op_fail(op, ERR_NOT_FOUND, "no such connection");
}

static int take_id(struct op *op, struct conn_ask *state)
{
	const struct conn_params *params = op->params;
	state->op = op;
	state->by_id = true;
	return conn_id_parse(params->connection, &state->id) != 0 ? no_connection(op) : 0;
}

static int show(struct op *op)
{
	struct conn_ask *state = op->state;
	int err = take_id(op, state);
	if (err != 0) {
		return err;
	}
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}

static int reply_shown(struct op *op)
{
	const struct conn_ask *state = op->state;
	if (state->count == 0) {
		return no_connection(op);
	}
	op->result = state->items[0];
	return OP_DONE;
}

static const struct op_step show_steps[] = {
	{"ask", show, 0},
	{"reply", reply_shown, 0},
	{0},
};

const struct op_def op_conn_show = {
	.name = "conn_show",
	.steps = show_steps,
	.state_size = sizeof(struct conn_ask),
	.params_size = sizeof(struct conn_params),
	.needs = OP_OPERATOR_READ,
	.doc = "Show a hub connection.",
};

/* ---- kick ---- */

static void close_one(struct conn *conn, void *ctx)
{
	struct conn_ask *state = ctx;
	if (is_meant(state, conn)) {
		conn_close(conn, state->error, state->reconnect);
		state->closed++;
	}
}

static void visit_close(struct services *sv, struct tour *tour)
{
	conns_each(sv->conns, close_one, CONTAINER_OF(tour, struct conn_ask, tour));
}

static int kick(struct op *op)
{
	struct conn_ask *state = op->state;
	const struct conn_params *params = op->params;
	int err;
	if (params->connection.len > 0) {
		err = take_id(op, state);
	} else if (params->user.len > 0) {
		state->op = op;
		state->by_user = true;
		err = change_user(op, params->user, &state->user);
	} else {
		err = op_fail(op, ERR_USAGE, "name a connection, or a user by --user");
	}
	if (err != 0) {
		return err;
	}
	state->reconnect = params->reconnect;
	state->error = params->reason.len > 0
			       ? arena_printf(op->arena, "%.*s", BYTES_ARG(params->reason))
			       : "Connection closed by the operator.";
	tour_start(op->sv, &state->tour, visit_close, visited);
	return OP_WAIT;
}

static int reply_kicked(struct op *op)
{
	const struct conn_ask *state = op->state;
	if (state->by_id && state->closed == 0) {
		return no_connection(op);
	}
	op->result = value_object(op->arena, 1);
	value_put(&op->result, "closed", value_int(state->closed));
	return OP_DONE;
}

static const struct op_step kick_steps[] = {
	{"close", kick, OP_COMMIT},
	{"reply", reply_kicked, 0},
	{0},
};

const struct op_def op_conn_kick = {
	.name = "conn_kick",
	.steps = kick_steps,
	.state_size = sizeof(struct conn_ask),
	.params_size = sizeof(struct conn_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Close a hub connection, or all of a user.",
};
