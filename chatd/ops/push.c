/* Invocations that come from outside of any room's order: pushes of back ends, notices of the
 * operator. */
#include "chatd/conn/conns.h"
#include "chatd/op/tour.h"
#include "chatd/ops/access.h"
#include "chatd/ops/change.h"
#include "chatd/ops/ops.h"
#include "chatd/room/event.h"
#include "chatd/room/home.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"

#define METHOD_MAX 128

struct push {
	struct uuid target;
	struct outmsg *msg;
	struct tour tour;
	struct room_access access;
	struct home_notice notice;
	struct op *op;
	int64_t connections;
};

static struct outmsg *encode(struct op *op, struct bytes method, const struct value *arguments)
{
	struct hub_message message = {
		.type = HUB_INVOCATION,
		.target = method,
		.arguments = arguments != NULL ? *arguments : value_array(op->arena, 0),
	};
	return room_encode(op->sv->codecs, &message);
}

static int check_method(struct op *op, struct bytes method)
{
	bool good = method.len >= 1 && method.len <= METHOD_MAX && utf8_plain(method) &&
		    bytes_find_char(method, ' ') < 0;
	return good ? 0
		    : op_fail(op, ERR_BAD_REQUEST, "'method' must be 1 to %d bytes without blanks",
			      METHOD_MAX);
}

/* ---- on each worker ---- */

static void send_to(struct conn *conn, struct outmsg_local **local, struct push *state)
{
	if (conn->state != CONN_OPEN && conn->state != CONN_OPENING) {
		return;
	}
	if (*local == NULL) {
		*local = outmsg_local_create(state->msg);
	}
	conn_send_local(conn, *local);
	state->connections++;
}

static void visit_user(struct services *sv, struct tour *tour)
{
	struct push *state = CONTAINER_OF(tour, struct push, tour);
	struct conn_user *user = conns_user(sv->conns, &state->target);
	struct outmsg_local *local = NULL;
	if (user == NULL) {
		return;
	}
	LIST_FOREACH (&user->conns, node) {
		send_to(CONTAINER_OF(node, struct conn, in_user), &local, state);
	}
	outmsg_local_done(&local);
}

static void visit_connection(struct services *sv, struct tour *tour)
{
	struct push *state = CONTAINER_OF(tour, struct push, tour);
	struct conn *conn = conns_find(sv->conns, &state->target);
	struct outmsg_local *local = NULL;
	if (conn != NULL) {
		send_to(conn, &local, state);
		outmsg_local_done(&local);
	}
}

struct everybody {
	struct push *state;
	struct outmsg_local *local;
};

static void send_to_each(struct conn *conn, void *ctx)
{
	struct everybody *all = ctx;
	send_to(conn, &all->local, all->state);
}

static void visit_all(struct services *sv, struct tour *tour)
{
	struct everybody all = {.state = CONTAINER_OF(tour, struct push, tour)};
	conns_each(sv->conns, send_to_each, &all);
	outmsg_local_done(&all.local);
}

static void visited(struct tour *tour)
{
	op_resume(CONTAINER_OF(tour, struct push, tour)->op, 0);
}

static int go(struct op *op, struct bytes method, const struct value *arguments,
	void (*visit)(struct services *sv, struct tour *tour))
{
	struct push *state = op->state;
	state->op = op;
	state->msg = encode(op, method, arguments);
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}

static int reply(struct op *op)
{
	const struct push *state = op->state;
	op->result = value_object(op->arena, 1);
	value_put(&op->result, "connections", value_int(state->connections));
	return OP_DONE;
}

static void release(struct op *op)
{
	struct push *state = op->state;
	outmsg_unref(&state->msg);
}

/* ---- to a user ---- */

static int push_user(struct op *op)
{
	struct push *state = op->state;
	const struct push_params *params = op->params;
	int err = check_method(op, params->method);
	if (err == 0) {
		err = change_user(op, params->target, &state->target);
	}
	return err != 0 ? err : go(op, params->method, params->arguments, visit_user);
}

static const struct op_step user_steps[] = {
	{"push", push_user, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_push_user = {
	.name = "push_user",
	.steps = user_steps,
	.state_size = sizeof(struct push),
	.params_size = sizeof(struct push_params),
	.release = release,
	.needs = OP_USER | OP_ADMIN,
	.doc = "Invoke a client method on all connections of a user.",
};

/* ---- to a connection ---- */

static int push_connection(struct op *op)
{
	struct push *state = op->state;
	const struct push_params *params = op->params;
	int err = check_method(op, params->method);
	if (err != 0) {
		return err;
	}
	if (conn_id_parse(params->target, &state->target) != 0) {
		return op_fail(op, ERR_NOT_FOUND, "no such connection");
	}
	return go(op, params->method, params->arguments, visit_connection);
}

static int reply_connection(struct op *op)
{
	const struct push *state = op->state;
	return state->connections == 0 ? op_fail(op, ERR_NOT_FOUND, "no such connection")
				       : reply(op);
}

static const struct op_step connection_steps[] = {
	{"push", push_connection, OP_COMMIT},
	{"reply", reply_connection, 0},
	{0},
};

const struct op_def op_push_connection = {
	.name = "push_connection",
	.steps = connection_steps,
	.state_size = sizeof(struct push),
	.params_size = sizeof(struct push_params),
	.release = release,
	.needs = OP_USER | OP_ADMIN,
	.doc = "Invoke a client method on one connection.",
};

/* ---- to a room ---- */

/* A back end acts for the operator: it need be no member. */
static int find_room(struct op *op)
{
	struct push *state = op->state;
	const struct push_params *params = op->params;
	int err = check_method(op, params->method);
	return err != 0 ? err : access_read_any(op, &state->access, params->target);
}

static void on_published(struct home_call *call, int err)
{
	struct home_notice *notice = CONTAINER_OF(call, struct home_notice, call);
	op_resume(CONTAINER_OF(notice, struct push, notice)->op, err);
}

static int push_room(struct op *op)
{
	struct push *state = op->state;
	const struct push_params *params = op->params;
	int err = access_check(op, &state->access);
	if (err != 0) {
		return err;
	}
	state->op = op;
	state->notice.room = state->access.info.id;
	state->notice.msg = encode(op, params->method, params->arguments);
	home_notice(op->sv, &state->notice, on_published);
	return OP_WAIT;
}

static int pushed(struct op *op)
{
	return op_error(op) != 0 ? op_error(op) : OP_DONE;
}

static const struct op_step room_steps[] = {
	{"find", find_room, 0},
	{"push", push_room, OP_COMMIT},
	{"reply", pushed, 0},
	{0},
};

const struct op_def op_push_room = {
	.name = "push_room",
	.steps = room_steps,
	.state_size = sizeof(struct push),
	.params_size = sizeof(struct push_params),
	.release = release,
	.needs = OP_USER | OP_ADMIN,
	.doc = "Invoke a client method on the connections of all members of a room.",
};

/* ---- to everybody ---- */

static int notify(struct op *op)
{
	const struct notify_params *params = op->params;
	struct value arguments = value_array(op->arena, 2);
	value_add(&arguments, value_text(params->text));
	value_add(&arguments, value_time(clock_wall_ms(op->sv->clock)));
	return go(op, BYTES_LIT("ServerNotification"), &arguments, visit_all);
}

static const struct op_step notify_steps[] = {
	{"notify", notify, OP_COMMIT},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_notify_send = {
	.name = "notify_send",
	.steps = notify_steps,
	.state_size = sizeof(struct push),
	.params_size = sizeof(struct notify_params),
	.release = release,
	.needs = OP_OPERATOR_WRITE,
	.doc = "Send ServerNotification to all clients.",
};
