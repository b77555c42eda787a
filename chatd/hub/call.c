#include "chatd/hub/call.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/hub/methods.h"
#include "chatd/op/limits.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"

/* Messages of one connection to one room that may be under way together. */
#define ORDERED_MAX 16

enum call_state {
	CALL_WAITING, /* conn->waiting: its permit is not there yet */
	CALL_RUNNING, /* the operation runs */
	CALL_ENDED, /* answer is ready, but an earlier ordered call has not ended */
};

struct call {
	struct list_node
		node; /* of conn->calls, in the order of the calls, while it is running or ended */
	struct conn *conn;
	const struct hub_method *method;
	struct op *op; /* until it has ended */
	struct bytes invocation_id; /* on the operation's arena; len 0: no answer is wanted */
	struct bytes target;
	struct bytes room; /* of ordered calls; owned: it outlives the operation and its arena */
	enum call_state state;
	bool uncertain; /* an earlier one of its row is, so it is too */
	struct outmsg *answer; /* CALL_ENDED, NULL where none is wanted */
};

static void call_set_state(struct call *call, enum call_state state)
{
	assert(call->state < state || state == CALL_WAITING);
	call->state = state;
}

/* ---- answers ---- */

static struct outmsg *encode_completion(
	const struct conn *conn, struct bytes id, const struct value *result, const char *error)
{
	struct hub_message message = {
		.type = HUB_COMPLETION,
		.invocation_id = id,
		.outcome = error != NULL ? HUB_OUTCOME_ERROR : HUB_OUTCOME_RESULT,
		.error = bytes_str(error),
		.item = result != NULL ? *result : value_null,
	};
	return outmsg_single(conn->codec, &message);
}

static void send_answer(struct conn *conn, struct outmsg **answer)
{
	if (*answer != NULL) {
		struct outmsg_local *local = outmsg_local_create(*answer);
		conn_send_local(conn, local);
		outmsg_local_done(&local);
		outmsg_unref(answer);
	}
}

/* How ASP.NET Core begins: the target stands between. */
enum refusal { FAILED_TO_INVOKE, UNEXPECTED, NOT_STREAMING };
static const struct {
	const char *before, *after;
} refusals[] = {
	[FAILED_TO_INVOKE] = {"Failed to invoke '", "' due to an error on the server."},
	[UNEXPECTED] = {"An unexpected error occurred invoking '", "' on the server."},
	[NOT_STREAMING] = {"The client attempted to invoke the non-streaming '",
		"' method with a streaming invocation."},
};

/* An answer to a call that was never started: at once, whatever else is under way. */
static void refuse(struct conn *conn, const struct hub_message *message, struct arena *arena,
	enum refusal refusal, const char *detail)
{
	log_event(LOG_DEBUG, "call refused", LOG_STR("connection", conn->id_text),
		LOG_BYTES("target", message->target),
		LOG_STR("why", detail != NULL ? detail : "-"));
	if (message->invocation_id.len == 0) {
		return;
	}
	const char *text = arena_printf(arena, "%s%.*s%s%s%s", refusals[refusal].before,
		BYTES_ARG(message->target), refusals[refusal].after, detail != NULL ? " " : "",
		detail != NULL ? detail : "");
	struct outmsg *answer = encode_completion(conn, message->invocation_id, NULL, text);
	send_answer(conn, &answer);
}

/* What ASP.NET Core says where a hub method throws: the detail of our own errors is public, that of
 * internal ones is not. */
static const char *failure_text(const struct call *call, const struct op *op, int err)
{
	const char *base = arena_printf(op->arena,
		"An unexpected error occurred invoking '%s' on the server.", call->target.ptr);
	bool internal = err == ERR_INTERNAL || err == ERR_SYSTEM || err == ERR_CORRUPT;
	if (internal && !call->conn->sv->conf->hub.detailed_errors) {
		return base;
	}
	return arena_printf(op->arena, "%s HubException: %s: %s", base, err_code(err), op->message);
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

static void call_free(struct call *call)
{
	list_remove(&call->node);
	outmsg_unref(&call->answer);
	free((void *)(uintptr_t)call->room.ptr);
	free(call);
}

/* Sends the answers whose turn has come. */
static void flush_answers(struct conn *conn)
{
	LIST_FOREACH (&conn->calls, node) {
		struct call *call = CONTAINER_OF(node, struct call, node);
		if (call->state == CALL_ENDED && !is_behind_running(call)) {
			send_answer(conn, &call->answer);
			call_free(call);
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

/* Messages to the room of those under way ride along on their permit; other calls wait until all of
 * them have ended. Those that ended behind a slow one count: their answers are kept for it. */
static bool may_run(const struct conn *conn, const struct call *call)
{
	if (conn->state != CONN_OPEN) {
		return false;
	}
	unsigned permits = 0;
	unsigned row = 0;
	LIST_FOREACH (&conn->calls, node) {
		row += same_row(CONTAINER_OF(node, const struct call, node), call) ? 1 : 0;
		permits++;
	}
	if (row > 0 && row == permits) {
		return row < ORDERED_MAX;
	}
	return permits < conn->sv->conf->hub.max_parallel_invocations;
}

static void call_run(struct call *call)
{
	struct conn *conn = call->conn;
	call_set_state(call, CALL_RUNNING);
	list_append(&conn->calls, &call->node);
	call->op->origin = (struct op_origin){.door = OP_DOOR_HUB, .connection = conn->id};
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

void call_done(struct conn *conn, struct call *call, int err)
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
		const char *error = err != 0 ? failure_text(call, op, err) : NULL;
		call->answer = encode_completion(conn, call->invocation_id, &op->result, error);
	}
	flush_answers(conn);
	calls_go_on(conn);
	conn_call_ended(conn);
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

static void refuse_binding(struct conn *conn, const struct hub_message *message,
	struct arena *arena, const struct params_error *error)
{
	if (error->fault != PARAMS_COUNT && error->fault != PARAMS_TYPE) {
		const char *text = params_error_text(arena, error);
		refuse(conn, message, arena, UNEXPECTED,
			arena_printf(
				arena, "HubException: %s: %s", err_code(ERR_BAD_REQUEST), text));
		return;
	}
	const char *detail = NULL;
	if (conn->sv->conf->hub.detailed_errors) {
		detail = error->fault == PARAMS_COUNT ? arena_printf(arena,
								"InvalidDataException: Invocation "
								"provides %zu argument(s) but "
								"target expects %zu.",
								error->given, error->expected)
						      : "InvalidDataException: Error binding "
							"arguments. Make sure that the types "
							"of the provided values match the types of "
							"the hub method being invoked.";
	}
	refuse(conn, message, arena, FAILED_TO_INVOKE, detail);
}

/* What is wrong with the call as such. true: it was refused. */
static bool refuse_form(struct conn *conn, const struct hub_message *message, struct arena *arena,
	const struct hub_method *method)
{
	if (method == NULL) {
		refuse(conn, message, arena, FAILED_TO_INVOKE,
			"HubException: Method does not exist.");
		return true;
	}
	if (message->type == HUB_STREAM_INVOCATION) {
		refuse(conn, message, arena, NOT_STREAMING, NULL);
		return true;
	}
	return false;
}

static bool refuse_streams(
	struct conn *conn, const struct hub_message *message, struct arena *arena)
{
	if (message->stream_id_count == 0) {
		return false;
	}
	refuse(conn, message, arena, UNEXPECTED,
		arena_printf(arena, "HubException: Client sent %u stream(s), Hub method expects 0.",
			message->stream_id_count));
	return true;
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
	refuse(conn, message, arena, UNEXPECTED,
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

bool calls_take(struct conn *conn, const struct hub_message *message, struct arena *arena)
{
	uint64_t retry_us = 0;
	limits_user(conn->sv, conn->principal, &retry_us);
	const struct hub_method *method =
		hub_method_find(message->target, message->arguments.count);
	if (refuse_form(conn, message, arena, method) ||
		refuse_limited(conn, message, arena, method, retry_us)) {
		return false;
	}
	struct params_error error;
	void *params = arena_alloc(arena, method->op->params_size);
	if (params_bind_array(method->params, method->param_count, &message->arguments, params,
		    &error) != 0) {
		refuse_binding(conn, message, arena, &error);
		return false;
	}
	if (refuse_streams(conn, message, arena)) {
		return false;
	}
	struct op *op = make_op(conn, method->op, arena, retry_us);
	op->params = params;
	struct call *call = mem_zalloc(sizeof(*call));
	call->conn = conn;
	call->method = method;
	call->op = op;
	call->invocation_id = message->invocation_id;
	call->target = arena_dup(arena, message->target);
	if (method->ordered) {
		struct bytes room = *(const struct bytes *)params;
		call->room = bytes_of(mem_dup_bytes(room), room.len);
	}
	op->door = call;
	if (may_run(conn, call)) {
		call_run(call);
	} else {
		conn->waiting = call;
		conn_hold(conn);
	}
	return true;
}
