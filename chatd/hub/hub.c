#include "chatd/hub/hub.h"

#include <stdlib.h>

#include "chatd/conn/claims.h"
#include "chatd/hub/asks.h"
#include "chatd/hub/call.h"
#include "chatd/hub/flows.h"
#include "chatd/hub/streams.h"
#include "chatd/hub/uploads.h"
#include "chatd/op/ask.h"
#include "chatd/ops/ops.h"
#include "chatd/room/rooms.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

static void on_op_done(struct op_caller *caller, struct op *op, int err)
{
	struct conn *conn = CONTAINER_OF(caller, struct conn, caller);
	if (op->door != NULL) {
		call_done(conn, op->door, err);
		return;
	}
	if (err != 0) { /* op_connect; the runner has said so */
		conn_close(conn, "Connection closed with an error.", true);
		return;
	}
	conn_opened(conn);
	calls_go_on(conn);
}

static void on_op_emit(struct op_caller *caller, struct op *op, const struct value *item)
{
	(void)caller;
	if (op->door != NULL && call_streams(op->door)) {
		stream_emit(op->door, item);
	}
}

static bool on_op_congested(struct op_caller *caller, struct op *op)
{
	(void)caller;
	return op->door != NULL && call_streams(op->door) && stream_congested(op->door);
}

/* Before the connection is open its client cannot answer. */
static int on_op_ask(struct op_caller *caller, struct op_ask *ask, struct bytes target,
	const struct value *arguments)
{
	(void)caller;
	struct call *call = ask->op->door;
	return call != NULL ? asks_send(call, ask, target, arguments) : ERR_NOT_SUPPORTED;
}

static const struct op_caller_events hub_caller_events = {
	.done = on_op_done,
	.emit = on_op_emit,
	.congested = on_op_congested,
	.ask = on_op_ask,
};

static void on_handshake(struct conn *conn)
{
	op_caller_init(&conn->caller, &hub_caller_events);
	struct op *op = op_create(conn->sv, &op_connect, NULL);
	op->origin = (struct op_origin){.door = OP_DOOR_HUB, .connection = conn->id};
	op_start(op, &conn->caller, conn->principal, conn);
}

static bool on_message(struct conn *conn, const struct hub_message *message, struct arena *arena)
{
	switch (message->type) {
	case HUB_INVOCATION:
	case HUB_STREAM_INVOCATION:
		return calls_take(conn, message, arena);
	case HUB_STREAM_ITEM:
		return uploads_item(conn, message, arena);
	case HUB_COMPLETION:
		if (!uploads_end(conn, message)) {
			asks_answer(conn, message);
		}
		return false;
	case HUB_CANCEL_INVOCATION:
		streams_cancel(conn, message->invocation_id);
		return false;
	default:
		return false;
	}
}

static void on_drain(struct conn *conn)
{
	rooms_on_drain(conn);
	streams_on_drain(conn);
}

static void on_gone(struct conn *conn)
{
	calls_drop(conn);
	flows_drop(conn);
	rooms_drop(conn);
	if (conn->has_claim) {
		conn->has_claim = false;
		claims_end(conn->sv, conn->claim_worker, &conn->id,
			conn->sv->conf->limits.connect_timeout_us);
	}
}

const struct conn_events hub_conn_events = {
	.on_handshake = on_handshake,
	.on_message = on_message,
	.on_drain = on_drain,
	.on_gone = on_gone,
};

void hub_hold_over(struct conn *conn)
{
	rooms_hold_over(conn);
}
