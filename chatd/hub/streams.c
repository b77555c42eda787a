#include "chatd/hub/streams.h"

#include "chatd/hub/answers.h"
#include "chatd/hub/call_private.h"
#include "chatd/hub/flows.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

/* NULL where none runs with that id; *ret_count: how many run. */
static struct call *find(const struct conn *conn, struct bytes id, size_t *ret_count)
{
	struct call *found = NULL;
	size_t count = 0;
	if (conn->flows != NULL) {
		LIST_FOREACH (&conn->flows->streams, node) {
			struct call *call = CONTAINER_OF(node, struct call, node);
			count++;
			if (bytes_eq(call->invocation_id, id)) {
				found = call;
			}
		}
	}
	*ret_count = count;
	return found;
}

const char *streams_refuse(
	const struct conn *conn, struct bytes id, struct arena *arena, bool *ret_whole)
{
	size_t count;
	*ret_whole = find(conn, id, &count) != NULL;
	if (*ret_whole) {
		return arena_printf(
			arena, "Invocation ID '%.*s' is already in use.", BYTES_ARG(id));
	}
	if (count < STREAMS_MAX) {
		return NULL;
	}
	return arena_printf(arena, "HubException: %s: at most %d streams may run at once",
		err_code(ERR_BUSY), STREAMS_MAX);
}

void stream_run(struct call *call)
{
	struct conn *conn = call->conn;
	list_append(&flows_of(conn)->streams, &call->node);
	op_start(call->op, &conn->caller, conn->principal, conn);
}

void stream_done(struct call *call, int err)
{
	const struct hub_message completion = answer_of_stream(call, call->op, err);
	struct conn *conn = call->conn;
	list_remove(&call->node);
	conn_send(conn, &completion);
	call_free(call);
}

void stream_emit(struct call *call, const struct value *item)
{
	if (!answer_can_carry(call->conn, item)) {
		call->bad_item = true;
		op_cancel(call->op);
		return;
	}
	const struct hub_message message = {
		.type = HUB_STREAM_ITEM,
		.invocation_id = call->invocation_id,
		.item = *item,
	};
	conn_send(call->conn, &message);
}

/* Half of where a connection that does not read is listened to no longer: else a stream that is
 * always ready to send would keep its own cancellation from being read. It is where on_drain comes,
 * too. */
static bool has_room(const struct conn *conn)
{
	return conn_queued(conn) <= conn->sv->conf->limits.send_queue / 4;
}

static void set_stalled(struct call *call, bool stalled)
{
	struct conn *conn = call->conn;
	if (stalled) {
		list_append(&conn->flows->stalled, &call->in_stalled);
		conn->stalled_streams++;
	} else if (list_linked(&call->in_stalled)) {
		list_remove(&call->in_stalled);
		conn->stalled_streams--;
	}
	conn_watch_drain(conn);
}

static void give_up_room(struct op_wait *wait)
{
	set_stalled(CONTAINER_OF(wait, struct call, room_wait), false);
}

bool stream_congested(struct call *call)
{
	if (has_room(call->conn)) {
		return false;
	}
	if (!list_linked(&call->in_stalled)) {
		set_stalled(call, true);
		call->room_wait.give_up = give_up_room;
		op_wait_on(call->op, &call->room_wait);
	}
	return true;
}

void streams_on_drain(struct conn *conn)
{
	/* What goes on may end the connection, and the flows with it. */
	while (conn->flows != NULL && !list_empty(&conn->flows->stalled) && has_room(conn)) {
		struct list_node *node = list_first(&conn->flows->stalled);
		struct call *call = CONTAINER_OF(node, struct call, in_stalled);
		set_stalled(call, false);
		op_resume(call->op, 0);
	}
}

void streams_cancel(struct conn *conn, struct bytes id)
{
	size_t count;
	struct call *call = find(conn, id, &count);
	if (call != NULL) {
		op_cancel(call->op);
	}
}

void streams_drop(struct conn *conn)
{
	LIST_FOREACH (&conn->flows->streams, node) {
		struct call *call = CONTAINER_OF(node, struct call, node);
		set_stalled(call, false);
		call_free(call);
	}
}
