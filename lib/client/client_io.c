#include "lib/client/client_private.h"

#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/hubproto/codec.h"
#include "lib/hubproto/handshake.h"

/* What we owe a server that asks and asks but takes no answer: so many bytes beyond max_queued. */
enum { ANSWERS_MAX = 64 * 1024 };

/* ---- sending ---- */

static void send_frame(struct client *c, enum ws_opcode opcode, struct bytes payload)
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
	stream_send(c->stream, chunk);
	chunk_unref(chunk);
}

static void send_close_code(struct client *c, uint16_t code)
{
	char payload[WS_CONTROL_MAX];
	size_t len = ws_write_close(payload, code, BYTES_NONE);
	send_frame(c, WS_CLOSE, bytes_of(payload, len));
}

void client_send_text(struct client *c, struct bytes payload)
{
	send_frame(c, WS_TEXT, payload);
}

void client_send_message(struct client *c, const struct hub_message *message)
{
	struct buf out = {0};
	hub_codec_json.write(&out, message);
	send_frame(c, WS_TEXT, buf_bytes(&out));
	buf_finish(&out);
}

void client_send_ping(struct client *c)
{
	client_send_message(c, &(struct hub_message){.type = HUB_PING});
	c->pinged_us = loop_now_us(c->loop);
}

void client_send_close(struct client *c)
{
	send_close_code(c, WS_CODE_NORMAL);
}

/* ---- the end ---- */

/* The server breaks the protocol. */
static void client_refuse(struct client *c, int err, uint16_t code, const char *text)
{
	send_close_code(c, code);
	client_end(c, err, bytes_str(text), false);
}

/* Whether records that come are still of interest. */
static bool client_alive(const struct client *c)
{
	return !c->closed && c->state != CLIENT_ENDED;
}

/* Whether there is room for an answer to the server; where there is none the connection ends. */
static bool client_may_answer(struct client *c)
{
	size_t queued = stream_queued(c->stream);
	if (queued <= c->max_queued || queued - c->max_queued <= ANSWERS_MAX) {
		return true;
	}
	client_end(c, ERR_CLOSED, BYTES_LIT("the server takes no answers"), false);
	return false;
}

/* ---- records ---- */

static void on_invocation(struct client *c, const struct hub_message *message)
{
	if (message->invocation_id.len > 0) {
		if (!client_may_answer(c)) {
			return;
		}
		client_send_message(
			c, &(struct hub_message){.type = HUB_COMPLETION,
				   .invocation_id = message->invocation_id,
				   .outcome = HUB_OUTCOME_ERROR,
				   .error = BYTES_LIT("Client didn't provide a result.")});
	}
	if (c->events->on_invocation != NULL) {
		c->events->on_invocation(c->ctx, message->target, &message->arguments);
	}
}

static void on_hub_close(struct client *c, const struct hub_message *message)
{
	client_send_close(c);
	client_end(c, message->error.len > 0 ? ERR_UNAVAILABLE : 0, message->error,
		message->allow_reconnect);
}

static void on_message(struct client *c, const struct hub_message *message)
{
	switch (message->type) {
	case HUB_INVOCATION:
		on_invocation(c, message);
		break;
	case HUB_COMPLETION:
		calls_answer(&c->calls, message);
		break;
	case HUB_CLOSE:
		on_hub_close(c, message);
		break;
	default: /* pings, and what no server sends */
		break;
	}
}

static void on_handshake(struct client *c, struct arena *arena, struct bytes record)
{
	const char *text = "";
	int err = handshake_read_response(arena, record, &text);
	if (err != 0) {
		client_refuse(c, err, WS_CODE_NORMAL, text);
		return;
	}
	client_set_state(c, CLIENT_OPEN);
	/* It also arms the server's own watch over us. */
	client_send_ping(c);
	loop_timer_set(c->timer,
		c->keepalive_us < c->server_timeout_us ? c->keepalive_us : c->server_timeout_us);
	if (c->events->on_open != NULL) {
		c->events->on_open(c->ctx);
	}
}

static void on_record(struct client *c, struct arena *arena, struct bytes record)
{
	struct hub_message message;
	const char *why = "";
	if (c->state == CLIENT_HANDSHAKE) {
		on_handshake(c, arena, record);
		return;
	}
	int err = hub_codec_json.read(arena, record, &message, &why);
	if (err != 0) {
		client_refuse(c, err == ERR_NOMEM ? ERR_TOO_LARGE : err, WS_CODE_NORMAL, why);
		return;
	}
	on_message(c, &message);
}

/* Serves the whole records in *input, and leaves what is not whole. */
static void on_records(struct client *c, struct bytes *input)
{
	struct arena *arena = arena_create(0);
	struct bytes record;
	while (client_alive(c) && input->len > 0) {
		int err = hub_codec_json.next_record(input, c->max_message, &c->scanned, &record);
		if (err == ERR_AGAIN) {
			break;
		}
		if (err != 0) {
			client_refuse(
				c, err, WS_CODE_TOO_BIG, "the server sent too long a message");
			break;
		}
		on_record(c, arena, record);
		arena_reset(arena);
	}
	arena_destroy(&arena);
}

/* false: no memory, and the connection has ended. */
static bool keep(struct client *c, struct bytes input)
{
	if (buf_try_reserve(&c->in, input.len) != 0) {
		client_refuse(c, ERR_TOO_LARGE, WS_CODE_TOO_BIG,
			"there is no memory for the server's message");
		return false;
	}
	buf_append_bytes(&c->in, input);
	return true;
}

static void on_payload(struct client *c, struct bytes payload)
{
	struct bytes input = payload;
	if (c->in.len == 0) {
		on_records(c, &input);
		if (client_alive(c) && input.len > 0) {
			keep(c, input);
		}
		return;
	}
	if (!keep(c, payload)) {
		return;
	}
	input = buf_bytes(&c->in);
	on_records(c, &input);
	buf_consume(&c->in, c->in.len - input.len);
	if (c->in.len == 0) {
		buf_finish(&c->in);
	}
}

/* ---- the WebSocket ---- */

/* Without a hub Close before it. */
static void on_ws_close(struct client *c, const struct ws_event *event)
{
	client_send_close(c);
	if (event->code == WS_CODE_NORMAL && c->state == CLIENT_OPEN) {
		client_end(c, 0, event->payload, false);
		return;
	}
	client_end(c, ERR_CLOSED,
		event->payload.len > 0 ? event->payload
				       : BYTES_LIT("the server closed the connection"),
		false);
}

static void on_ws_event(struct client *c, const struct ws_event *event)
{
	switch (event->type) {
	case WS_EVENT_DATA:
		if (event->opcode != WS_TEXT) {
			client_refuse(c, ERR_BAD_REQUEST, WS_CODE_UNSUPPORTED,
				"the server sent binary data");
		} else if (event->payload.len > 0) {
			on_payload(c, event->payload);
		}
		break;
	case WS_EVENT_PING:
		if (client_may_answer(c)) {
			send_frame(c, WS_PONG, event->payload);
		}
		break;
	case WS_EVENT_PONG:
		break;
	case WS_EVENT_CLOSE:
		on_ws_close(c, event);
		break;
	case WS_EVENT_ERROR:
		send_close_code(c, event->code);
		client_end(c, ERR_BAD_REQUEST, event->payload, false);
		break;
	}
}

void client_receive(struct client *c, struct bytes data)
{
	/* The reader writes into its input only to unmask, and what servers send is not masked. */
	char *at = (char *)(uintptr_t)data.ptr;
	size_t len = data.len;
	struct ws_event event;
	client_enter(c);
	c->heard_us = loop_now_us(c->loop);
	while (client_alive(c) && ws_reader_next(&c->reader, &at, &len, &event) == 0) {
		on_ws_event(c, &event);
	}
	client_leave(c);
}

static void on_data(void *ctx, struct bytes data)
{
	client_receive(ctx, data);
}

static void on_end(void *ctx, int err)
{
	struct client *c = ctx;
	(void)err;
	client_enter(c);
	client_end(c, ERR_CLOSED, BYTES_LIT("the connection was lost"), false);
	client_leave(c);
}

const struct stream_events client_stream_events = {.on_data = on_data, .on_end = on_end};
