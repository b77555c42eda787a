#include "chatd/hub/call.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/hub/answers.h"
#include "chatd/hub/call_private.h"
#include "chatd/hub/flows.h"
#include "chatd/hub/streams.h"
#include "chatd/hub/uploads.h"
#include "chatd/op/limits.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

/* Messages of one connection to one room that may be under way together. */
#define ORDERED_MAX 16

static void call_set_state(struct call *call, enum call_state state)
{
	assert(call->state < state || state == CALL_WAITING);
	call->state = state;
}

/* ---- order ---- */

static bool same_row(const struct call *a, const struct call *b)
{
	return a->method->ordered && b->method->ordered && bytes_eq_nocase(a->room, b->room);
}

static bool is_behind_running(const struct call *call)
{
	LIST_FOREACH (&call->conn->calls, node) {
		const struct call *other = CONTAINER_OF(node, const struct call, node);
		if (other == call) {
			return false;
		}
		if (other->state == CALL_RUNNING && same_row(other, call)) {
			return true;
		}
	}
	return false;
}

void call_free(struct call *call)
{
	list_remove(&call->node);
	list_remove(&call->in_stalled);
	outmsg_unref(&call->answer);
	free((void *)(uintptr_t)call->room.ptr);
	free(call);
}

static void send_kept(struct call *call)
{
	if (call->answer != NULL) {
		struct outmsg_local *local = outmsg_local_create(call->answer);
		conn_send_local(call->conn, local);
		outmsg_local_done(&local);
	}
	call_free(call);
}

/* Sends the answers whose turn has come. */
static void flush_answers(struct conn *conn)
{
	LIST_FOREACH (&conn->calls, node) {
		struct call *call = CONTAINER_OF(node, struct call, node);
		if (call->state == CALL_ENDED && !is_behind_running(call)) {
			send_kept(call);
		}
	}
}

static void mark_uncertain(struct call *call)
{
	bool behind = false;
	LIST_FOREACH (&call->conn->calls, node) {
		struct call *other = CONTAINER_OF(node, struct call, node);
		if (behind && other->state == CALL_RUNNING && same_row(other, call)) {
			other->uncertain = true;
		}
		behind = behind || other == call;
	}
}

/* ---- permits ---- */

/* Streams take none, and who reads an upload neither, as in ASP.NET Core: a call that waited for
 * its permit behind it would keep the items from being read that it waits for. */
static bool takes_permit(const struct call *call)
{
	return !call->method->streams && call->method->upload_count == 0;
}

/* Messages to the room of those under way ride along on their permit; other calls wait until all of
 * them have ended. Those that ended behind a slow one count: their answers are kept for it. */
static bool may_run(const struct conn *conn, const struct call *call)
{
	if (conn->state != CONN_OPEN || !takes_permit(call)) {
		return conn->state == CONN_OPEN;
	}
	unsigned permits = 0;
	unsigned row = 0;
	LIST_FOREACH (&conn->calls, node) {
		const struct call *other = CONTAINER_OF(node, const struct call, node);
		row += same_row(other, call) ? 1 : 0;
		permits += other->beside || !takes_permit(other) ? 0 : 1;
	}
	if (row > 0 && row == permits) {
		return row < ORDERED_MAX;
	}
	return permits < conn->sv->conf->hub.max_parallel_invocations;
}

/* What can only be seen when its turn has come. true: it was refused, and is gone. */
static bool refuse_to_run(struct call *call)
{
	struct conn *conn = call->conn;
	struct arena *arena = call->op->arena;
	const struct hub_message asked = {
		.type = call->method->streams ? HUB_STREAM_INVOCATION : HUB_INVOCATION,
		.invocation_id = call->invocation_id,
		.target = call->target,
	};
	bool whole = false;
	const char *why = NULL;
	if (call->method->streams) {
		why = streams_refuse(conn, call->invocation_id, arena, &whole);
	}
	if (why == NULL) {
		why = uploads_open(call);
	}
	if (why == NULL) {
		return false;
	}
	if (whole) {
		answer_error(conn, &asked, why);
	} else {
		answer_refuse(conn, &asked, arena, REFUSAL_UNEXPECTED, why);
	}
	op_discard(&call->op);
	call_free(call);
	return true;
}

static void call_run(struct call *call)
{
	struct conn *conn = call->conn;
	if (refuse_to_run(call)) {
		return;
	}
	call_set_state(call, CALL_RUNNING);
	call->op->origin = (struct op_origin){.door = OP_DOOR_HUB, .connection = conn->id};
	if (call->method->streams) {
		stream_run(call);
		return;
	}
	list_append(&conn->calls, &call->node);
	op_start(call->op, &conn->caller, conn->principal, conn);
}

void calls_go_on(struct conn *conn)
{
	struct call *call = conn->waiting;
	if (call != NULL && may_run(conn, call)) {
		conn->waiting = NULL;
		conn_release(conn);
		call_run(call);
	}
}

void call_begin_asking(struct call *call)
{
	if (!call->method->streams && !call->method->ordered) {
		struct conn *conn = call->conn;
		call->beside = true;
		list_remove(&call->node);
		list_append(&flows_of(conn)->asking, &call->node);
		calls_go_on(conn);
	}
}

void call_end_asking(struct call *call)
{
	if (!call->method->streams && !call->method->ordered) {
		list_remove(&call->node);
		list_append(&call->conn->calls, &call->node);
	}
}

static void plain_done(struct conn *conn, struct call *call, int err)
{
	struct op *op = call->op;
	call->op = NULL;
	call_set_state(call, CALL_ENDED);
	if (err == 0 && call->uncertain) {
		err = ERR_UNCERTAIN;
		op->message = err_text(err);
	}
	if (err == ERR_UNCERTAIN && call->method->ordered) {
		mark_uncertain(call);
	}
	if (call->invocation_id.len > 0) {
		const struct hub_message completion = answer_of(call, op, err);
		if (is_behind_running(call)) {
			call->answer = outmsg_single(conn->codec, &completion);
		} else {
			conn_send(conn, &completion);
		}
	}
	flush_answers(conn);
	calls_go_on(conn);
	conn_call_ended(conn);
}

bool call_streams(const struct call *call)
{
	return call->method->streams;
}

void call_done(struct conn *conn, struct call *call, int err)
{
	if (call->method->streams) {
		stream_done(call, err);
	} else {
		plain_done(conn, call, err);
	}
}

void calls_drop(struct conn *conn)
{
	struct call *waiting = conn->waiting;
	conn->waiting = NULL;
	if (waiting != NULL) {
		op_discard(&waiting->op);
		call_free(waiting);
	}
	LIST_FOREACH (&conn->calls, node) {
		call_free(CONTAINER_OF(node, struct call, node));
	}
}

/* ---- taking a call ---- */

/* What is wrong with the call as such. true: it was refused. */
static bool refuse_form(struct conn *conn, const struct hub_message *message, struct arena *arena,
	const struct hub_method *method)
{
	bool streaming = message->type == HUB_STREAM_INVOCATION;
	if ((method->op->needs & OP_ADMIN) != 0 && !conn->principal->admin) {
		answer_refuse(conn, message, arena, REFUSAL_UNAUTHORIZED, NULL);
		return true;
	}
	if (streaming != method->streams) {
		answer_refuse(conn, message, arena,
			streaming ? REFUSAL_NOT_STREAMING : REFUSAL_STREAMING, NULL);
		return true;
	}
	if (message->stream_id_count != method->upload_count) {
		answer_refuse(conn, message, arena, REFUSAL_UNEXPECTED,
			arena_printf(arena,
				"HubException: Client sent %u stream(s), Hub method expects %zu.",
				message->stream_id_count, method->upload_count));
		return true;
	}
	return false;
}

static const char too_many[] = "too many calls";

static int fail_limited(struct op *op)
{
	return op_fail_limited(op, too_many, *(const uint64_t *)op->state);
}

/* A call over limits.user_rate that has a place in a row: it is answered when its turn comes. */
static const struct op_step limited_steps[] = {
	{"limited", fail_limited, 0},
	{0},
};
static const struct op_def op_limited = {
	.name = "limited",
	.steps = limited_steps,
	.state_size = sizeof(uint64_t),
	.needs = OP_USER,
	.doc = "Refuse a call of a user who makes too many.",
};

/* Others over it are answered at once. */
static bool refuse_limited(struct conn *conn, const struct hub_message *message,
	struct arena *arena, const struct hub_method *method, uint64_t retry_us)
{
	if (retry_us == 0 || method->ordered) {
		return false;
	}
	answer_refuse(conn, message, arena, REFUSAL_UNEXPECTED,
		arena_printf(arena, "HubException: %s: %s", err_code(ERR_RATE_LIMITED),
			limits_text(arena, too_many, retry_us)));
	return true;
}

static struct op *make_op(
	struct conn *conn, const struct op_def *def, struct arena *arena, uint64_t retry_us)
{
	struct op *op = op_create(conn->sv, retry_us == 0 ? def : &op_limited, arena);
	if (retry_us != 0) {
		*(uint64_t *)op->state = retry_us;
	}
	return op;
}

/* Binds the arguments. NULL: they do not bind, and the call was refused. */
static void *bind_params(struct conn *conn, const struct hub_message *message, struct arena *arena,
	const struct hub_method *method)
{
	struct params_error error;
	void *params = arena_alloc(arena, method->op->params_size);
	int err = params_bind_array(
		method->params, method->param_count, &message->arguments, params, &error);
	if (err == 0 && method->fits != NULL && !method->fits(params)) {
		error = (struct params_error){.fault = PARAMS_TYPE};
		err = ERR_BAD_REQUEST;
	}
	if (err != 0) {
		answer_binding(conn, message, arena, &error);
		return NULL;
	}
	return params;
}

static struct call *call_create(struct conn *conn, const struct hub_message *message,
	const struct hub_method *method, struct op *op)
{
	struct call *call = mem_zalloc(sizeof(*call));
	call->conn = conn;
	call->method = method;
	call->op = op;
	call->invocation_id = message->invocation_id;
	call->target = arena_dup(op->arena, message->target);
	if (method->ordered) {
		struct bytes room = *(const struct bytes *)op->params;
		call->room = bytes_of(mem_dup_bytes(room), room.len);
	}
	op->door = call;
	uploads_make(call, message);
	return call;
}

bool calls_take(struct conn *conn, const struct hub_message *message, struct arena *arena)
{
	uint64_t retry_us = 0;
	limits_user(conn->sv, conn->principal, &retry_us);
	const struct hub_method *method =
		hub_method_find(message->target, message->arguments.count);
	if (method == NULL) {
		answer_refuse(conn, message, arena, REFUSAL_FAILED,
			"HubException: Method does not exist.");
		return false;
	}
	if (refuse_limited(conn, message, arena, method, retry_us)) {
		return false;
	}
	void *params = bind_params(conn, message, arena, method);
	if (params == NULL || refuse_form(conn, message, arena, method)) {
		return false;
	}
	struct op *op = make_op(conn, method->op, arena, retry_us);
	op->params = params;
	struct call *call = call_create(conn, message, method, op);
	if (may_run(conn, call)) {
		call_run(call);
	} else {
		conn->waiting = call;
		conn_hold(conn);
	}
	return true;
}
