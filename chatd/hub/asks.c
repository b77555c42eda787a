#include "chatd/hub/asks.h"

#include <stdio.h>

#include "chatd/hub/ask_ids.h"
#include "chatd/hub/call.h"
#include "chatd/hub/call_private.h"
#include "chatd/hub/flows.h"
#include "chatd/op/ask.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

static void ask_forget(struct op_ask *ask)
{
	list_remove(&ask->in_door);
	ask_ids_drop(ask->op->sv->asks, ask->number);
}

/* While the call is there. */
static void ask_close(struct op_ask *ask)
{
	if (list_linked(&ask->in_door)) {
		ask_forget(ask);
		call_end_asking(ask->op->door);
	}
}

static void give_up(struct op_wait *wait)
{
	ask_close(CONTAINER_OF(wait, struct op_ask, wait));
}

/* Calls that wait for their client, or go on without a permit because they did. */
static size_t count_open(const struct conn *conn)
{
	size_t count = 0;
	LIST_FOREACH (&conn->flows->asks, node) {
		count++;
	}
	LIST_FOREACH (&conn->calls, node) {
		count += CONTAINER_OF(node, const struct call, node)->beside ? 1 : 0;
	}
	return count;
}

int asks_send(
	struct call *call, struct op_ask *ask, struct bytes target, const struct value *arguments)
{
	struct conn *conn = call->conn;
	struct flows *flows = flows_of(conn);
	if (count_open(conn) >= ASKS_MAX) {
		return ERR_BUSY;
	}
	char id[ASK_ID_SIZE];
	ask->number = ask_ids_take(conn->sv->asks, &conn->id);
	ask->wait.give_up = give_up;
	list_append(&flows->asks, &ask->in_door);
	ask_id_format(ask->number, id);
	const struct hub_message question = {
		.type = HUB_INVOCATION,
		.invocation_id = bytes_str(id),
		.target = target,
		.arguments = *arguments,
	};
	conn_send(conn, &question);
	call_begin_asking(call);
	return 0;
}

static struct op_ask *find(const struct conn *conn, uint64_t number)
{
	LIST_FOREACH (&conn->flows->asks, node) {
		struct op_ask *ask = CONTAINER_OF(node, struct op_ask, in_door);
		if (ask->number == number) {
			return ask;
		}
	}
	return NULL;
}

static struct bytes error_of(const struct hub_message *message)
{
	if (message->outcome == HUB_OUTCOME_RESULT) {
		return BYTES_LIT("");
	}
	bool said = message->outcome == HUB_OUTCOME_ERROR && message->error.len > 0;
	return said ? message->error : BYTES_LIT("Client didn't provide a result.");
}

static void refuse_foreign(struct conn *conn, const struct hub_message *message)
{
	char detail[160];
	snprintf(detail, sizeof(detail),
		"InvalidOperationException: Connection ID '%s' is not valid for invocation ID "
		"'%.*s'.",
		conn->id_text, BYTES_ARG(message->invocation_id));
	conn_fail(conn, detail);
}

void asks_answer(struct conn *conn, const struct hub_message *message)
{
	uint64_t number = ask_id_parse(message->invocation_id);
	enum ask_owner owner =
		number != 0 ? ask_ids_owner(conn->sv->asks, number, &conn->id) : ASK_OWNER_NONE;
	if (owner == ASK_OWNER_OTHER) {
		refuse_foreign(conn, message);
		return;
	}
	struct op_ask *ask = owner == ASK_OWNER_SELF ? find(conn, number) : NULL;
	if (ask == NULL) {
		log_event(LOG_DEBUG, "completion dropped", LOG_STR("connection", conn->id_text),
			LOG_BYTES("id", message->invocation_id));
		return;
	}
	ask_close(ask);
	op_ask_answer(ask, &message->item, error_of(message));
}

void asks_drop(struct conn *conn)
{
	LIST_FOREACH (&conn->flows->asks, node) {
		ask_forget(CONTAINER_OF(node, struct op_ask, in_door));
	}
	LIST_FOREACH (&conn->flows->asking, node) {
		call_free(CONTAINER_OF(node, struct call, node));
	}
}
