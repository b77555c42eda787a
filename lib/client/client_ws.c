/* WebSockets (RFC 6455): the upgrade, then frames both ways. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/client/carrier.h"
#include "lib/client/destination.h"
#include "lib/client/http_line.h"
#include "lib/client/negotiate.h"
#include "lib/wire/ws.h"

enum ws_state {
	CLIENT_WS_UPGRADING, /* line is set, no stream */
	CLIENT_WS_OPEN, /* frames go both ways */
	CLIENT_WS_ENDED, /* our Close is sent, or the stream is lost */
};

struct client_ws {
	struct carrier carrier;
	enum ws_state state;
	struct loop *loop;
	size_t max_queued;
	struct destination *destination; /* UPGRADING */
	struct http_line *line; /* UPGRADING */
	struct stream *stream; /* from OPEN on, until closed */
	struct ws_reader reader;
	char key[WS_KEY_SIZE];
};

static struct client_ws *ws_of(struct carrier *carrier)
{
	return CONTAINER_OF(carrier, struct client_ws, carrier);
}

static void set_state(struct client_ws *ws, enum ws_state state)
{
	assert(state > ws->state);
	ws->state = state;
}

static void ws_end(struct client_ws *ws, int err, struct bytes text)
{
	if (ws->state != CLIENT_WS_ENDED) {
		set_state(ws, CLIENT_WS_ENDED);
	}
	carrier_tell_end(&ws->carrier, err, text);
}

/* ---- sending ---- */

/* One masked frame (RFC 6455 section 5.3). */
static void send_frame(struct client_ws *ws, enum ws_opcode opcode, struct bytes payload)
{
	uint8_t mask[4];
	struct chunk *chunk = chunk_create(ws_header_size(payload.len, true) + payload.len);
	char *space = chunk_space(chunk);
	random_bytes(mask, sizeof(mask));
	size_t head = ws_write_header(space, opcode, true, payload.len, mask);
	if (payload.len > 0) {
		memcpy(space + head, payload.ptr, payload.len);
		ws_mask(space + head, payload.len, mask, 0);
	}
	stream_send(ws->stream, chunk);
	chunk_unref(chunk);
}

static void send_close(struct client_ws *ws, uint16_t code)
{
	char payload[WS_CONTROL_MAX];
	size_t len = ws_write_close(payload, code, BYTES_NONE);
	send_frame(ws, WS_CLOSE, bytes_of(payload, len));
}

static void ws_send(struct carrier *carrier, struct bytes payload, bool binary)
{
	send_frame(ws_of(carrier), binary ? WS_BINARY : WS_TEXT, payload);
}

static size_t ws_queued(const struct carrier *carrier)
{
	const struct client_ws *ws = CONTAINER_OF(carrier, const struct client_ws, carrier);
	return ws->stream != NULL ? stream_queued(ws->stream) : 0;
}

/* ---- what comes ---- */

static void on_ping(struct client_ws *ws, struct bytes payload)
{
	size_t queued = stream_queued(ws->stream);
	if (queued > ws->max_queued && queued - ws->max_queued > CARRIER_ANSWERS_MAX) {
		ws_end(ws, ERR_CLOSED, BYTES_LIT("the server takes no answers"));
		return;
	}
	send_frame(ws, WS_PONG, payload);
}

/* Without a hub Close before it. */
static void on_close(struct client_ws *ws, const struct ws_event *event)
{
	struct bytes text = event->payload;
	send_close(ws, WS_CODE_NORMAL);
	if (event->code == WS_CODE_NORMAL) {
		ws_end(ws, 0, text);
	} else {
		ws_end(ws, ERR_CLOSED,
			text.len > 0 ? text : BYTES_LIT("the server closed the connection"));
	}
}

static void on_event(struct client_ws *ws, const struct ws_event *event)
{
	switch (event->type) {
	case WS_EVENT_DATA:
		carrier_tell_payload(&ws->carrier,
			event->opcode == WS_TEXT ? CARRIER_TEXT : CARRIER_BINARY, event->payload);
		break;
	case WS_EVENT_PING:
		on_ping(ws, event->payload);
		break;
	case WS_EVENT_PONG:
		break;
	case WS_EVENT_CLOSE:
		on_close(ws, event);
		break;
	case WS_EVENT_ERROR:
		send_close(ws, event->code);
		ws_end(ws, ERR_BAD_REQUEST, event->payload);
		break;
	}
}

static void ws_receive(struct client_ws *ws, struct bytes data)
{
	/* The reader writes into its input only to unmask, and what servers send is not masked. */
	char *at = (char *)(uintptr_t)data.ptr;
	size_t len = data.len;
	struct ws_event event;
	ws->carrier.heard_us = loop_now_us(ws->loop);
	while (carrier_is_wanted(&ws->carrier) &&
		ws_reader_next(&ws->reader, &at, &len, &event) == 0) {
		on_event(ws, &event);
	}
}

static void on_stream_data(void *ctx, struct bytes data)
{
	struct client_ws *ws = ctx;
	carrier_enter(&ws->carrier);
	ws_receive(ws, data);
	carrier_leave(&ws->carrier);
}

static void on_stream_end(void *ctx, int err)
{
	struct client_ws *ws = ctx;
	(void)err;
	carrier_enter(&ws->carrier);
	ws_end(ws, ERR_CLOSED, BYTES_LIT("the connection was lost"));
	carrier_leave(&ws->carrier);
}

static const struct stream_events stream_events = {
	.on_data = on_stream_data, .on_end = on_stream_end};

/* ---- the upgrade ---- */

static void write_upgrade(struct client_ws *ws, struct buf *out)
{
	ws_make_key(ws->key);
	destination_write_request(ws->destination, out, "GET", 0);
	http1_write_header(out, "Connection", BYTES_LIT("Upgrade"));
	http1_write_header(out, "Upgrade", BYTES_LIT("websocket"));
	http1_write_header(out, "Sec-WebSocket-Version", BYTES_LIT("13"));
	http1_write_header(out, "Sec-WebSocket-Key", bytes_str(ws->key));
	http1_write_end(out);
}

/* Whether the answer is the right 101 (RFC 6455 section 4.1). */
static bool is_accepted(const struct http1_response *response, const char *key)
{
	char accept[WS_ACCEPT_SIZE];
	const struct http1_headers *headers = &response->headers;
	const struct bytes *answer = http1_header(headers, "Sec-WebSocket-Accept");
	ws_accept_key(bytes_str(key), accept);
	/* We asked for no extension and no subprotocol, so none may be there. */
	return answer != NULL && bytes_eq(*answer, bytes_str(accept)) &&
	       http1_header_count(headers, "Sec-WebSocket-Accept") == 1 &&
	       http1_header(headers, "Sec-WebSocket-Extensions") == NULL &&
	       http1_header(headers, "Sec-WebSocket-Protocol") == NULL &&
	       http1_header_has_token(headers, "Upgrade", "websocket") &&
	       http1_header_has_token(headers, "Connection", "Upgrade");
}

static void on_switched(
	void *ctx, const struct http1_response *response, struct stream *stream, struct bytes rest)
{
	struct client_ws *ws = ctx;
	carrier_enter(&ws->carrier);
	http_line_close(&ws->line);
	destination_unref(&ws->destination);
	ws->stream = stream;
	stream_set_owner(stream, &stream_events, ws);
	if (!is_accepted(response, ws->key)) {
		stream_close(&ws->stream);
		ws_end(ws, ERR_UNREACHABLE, BYTES_LIT(NEGOTIATE_NO_SIGNALR));
	} else {
		set_state(ws, CLIENT_WS_OPEN);
		stream_want_drain(stream, false);
		carrier_tell_start(&ws->carrier);
		ws_receive(ws, rest);
	}
	carrier_leave(&ws->carrier);
}

static void on_head(void *ctx, const struct http1_response *response)
{
	struct client_ws *ws = ctx;
	char text[NEGOTIATE_STATUS_SIZE] = NEGOTIATE_NO_SIGNALR;
	int err = ERR_UNREACHABLE;
	if (response->status >= 300) {
		negotiate_status_text(response->status, text);
		err = negotiate_status_err(response->status);
	}
	carrier_enter(&ws->carrier);
	ws_end(ws, err, bytes_str(text));
	carrier_leave(&ws->carrier);
}

/* Only heads are looked at: nobody waits for the rest. */
static void on_body(void *ctx, struct bytes piece)
{
	(void)ctx;
	(void)piece;
}

static void on_done(void *ctx)
{
	(void)ctx;
}

static void on_fail(void *ctx, int err, const char *text)
{
	struct client_ws *ws = ctx;
	carrier_enter(&ws->carrier);
	ws_end(ws, err == ERR_TIMEOUT ? err : ERR_UNREACHABLE, bytes_str(text));
	carrier_leave(&ws->carrier);
}

static const struct http_line_events line_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_done = on_done,
	.on_switched = on_switched,
	.on_fail = on_fail,
};

/* ---- lifetime ---- */

static void ws_close(struct carrier *carrier, uint16_t code)
{
	struct client_ws *ws = ws_of(carrier);
	if (ws->state == CLIENT_WS_OPEN && code != 0) {
		send_close(ws, code);
	}
	http_line_close(&ws->line);
	stream_close_flushed(&ws->stream, CARRIER_GOODBYE_US);
}

static void ws_free(struct carrier *carrier)
{
	struct client_ws *ws = ws_of(carrier);
	ws_reader_finish(&ws->reader);
	destination_unref(&ws->destination);
	free(ws);
}

static const struct carrier_ops ops = {
	.transport = CLIENT_TRANSPORT_WEBSOCKETS,
	.send = ws_send,
	.queued = ws_queued,
	.close = ws_close,
	.free = ws_free,
};

int client_ws_start(struct destination *destination, const struct carrier_events *events, void *ctx,
	struct carrier **ret_carrier)
{
	struct buf out = {0};
	struct client_ws *ws = mem_zalloc(sizeof(*ws));
	struct carrier *carrier = &ws->carrier;
	carrier->ops = &ops;
	carrier_set_owner(carrier, events, ctx);
	ws->loop = stream_pool_loop(destination->pool);
	ws->max_queued = destination->max_queued;
	ws->destination = destination_ref(destination);
	/* Records have a limit, the frames that gather them need none. */
	ws_reader_init(&ws->reader, WS_CLIENT, INT64_MAX);
	ws->line = http_line_create(destination->pool, destination->address.peer, &line_events, ws);
	write_upgrade(ws, &out);
	int err = http_line_ask(ws->line, buf_bytes(&out), 0);
	destination_wipe(&out);
	if (err != 0) {
		carrier_close(&carrier, 0);
		return err;
	}
	*ret_carrier = carrier;
	return 0;
}
