#include "chatd/hub/uploads.h"

#include <assert.h>

#include "chatd/hub/call_private.h"
#include "chatd/hub/flows.h"
#include "chatd/op/upload.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

static struct upload *find(const struct conn *conn, struct bytes id, size_t *ret_count)
{
	struct upload *found = NULL;
	size_t count = 0;
	if (conn->flows != NULL) {
		LIST_FOREACH (&conn->flows->uploads, node) {
			struct upload *upload = CONTAINER_OF(node, struct upload, in_door);
			count++;
			if (bytes_eq(upload->id, id)) {
				found = upload;
			}
		}
	}
	*ret_count = count;
	return found;
}

void uploads_make(struct call *call, const struct hub_message *message)
{
	const struct hub_method *method = call->method;
	assert(message->stream_id_count == method->upload_count);
	for (size_t i = 0; i < method->upload_count; i++) {
		const struct param *param = &method->uploads[i];
		struct upload *upload = upload_create(call->op, message->stream_ids[i], param);
		*(struct upload **)(void *)((char *)call->op->params + param->offset) = upload;
	}
}

static void on_room(struct upload *upload)
{
	struct conn *conn = upload->door;
	assert(conn->flows->full == upload);
	conn->flows->full = NULL;
	conn_release(conn);
}

/* Of calls that run, ended or not: these calls take no permit, so that this is their bound. */
static size_t count_running(const struct conn *conn)
{
	size_t count = 0;
	LIST_FOREACH (&conn->calls, node) {
		count += CONTAINER_OF(node, const struct call, node)->method->upload_count;
	}
	return count;
}

const char *uploads_open(struct call *call)
{
	struct conn *conn = call->conn;
	const size_t running = count_running(conn);
	LIST_FOREACH (&call->op->uploads, node) {
		struct upload *upload = CONTAINER_OF(node, struct upload, in_op);
		size_t count;
		if (find(conn, upload->id, &count) != NULL) {
			return arena_printf(call->op->arena,
				"HubException: Stream ID '%.*s' is already in use.",
				BYTES_ARG(upload->id));
		}
		if (count >= UPLOADS_MAX || running >= UPLOADS_MAX) {
			return arena_printf(call->op->arena,
				"HubException: %s: at most %d upload streams may run at once",
				err_code(ERR_BUSY), UPLOADS_MAX);
		}
		upload->door = conn;
		upload->on_room = on_room;
		list_append(&flows_of(conn)->uploads, &upload->in_door);
	}
	return NULL;
}

/* Of no stream, or of one that has ended. */
static void log_dropped(const struct conn *conn, const struct hub_message *message)
{
	log_event(LOG_DEBUG, "stream item dropped", LOG_STR("connection", conn->id_text),
		LOG_BYTES("stream", message->invocation_id));
}

bool uploads_item(struct conn *conn, const struct hub_message *message, struct arena *arena)
{
	size_t count;
	struct upload *upload = find(conn, message->invocation_id, &count);
	if (upload == NULL) {
		log_dropped(conn, message);
		return false;
	}
	if (upload_put(upload, &message->item, arena)) {
		conn->flows->full = upload;
		conn_hold(conn);
	}
	return true;
}

bool uploads_end(struct conn *conn, const struct hub_message *message)
{
	size_t count;
	struct upload *upload = find(conn, message->invocation_id, &count);
	if (upload == NULL) {
		return false;
	}
	bool failed = message->outcome == HUB_OUTCOME_ERROR;
	struct bytes error = message->error.len > 0 ? message->error : BYTES_LIT("Unknown error.");
	upload_end(upload, failed ? error : BYTES_LIT(""));
	return true;
}

void uploads_drop(struct conn *conn)
{
	struct list_node *node;
	while ((node = list_first(&conn->flows->uploads)) != NULL) {
		upload_lose(CONTAINER_OF(node, struct upload, in_door));
	}
}
