#include "lib/client/client_private.h"

#include "lib/base/err.h"
#include "lib/hubproto/handshake.h"
#include "lib/wire/ws.h"

/* ---- sending ---- */

static void send_bytes(struct client *c, struct bytes payload, bool binary)
{
	c->carrier->ops->send(c->carrier, payload, binary);
}

/* Text whatever follows. */
void client_send_handshake(struct client *c)
{
	struct buf out = {0};
	handshake_write_request(&out, c->codec, 1);
	send_bytes(c, buf_bytes(&out), false);
	buf_finish(&out);
}

void client_send_message(struct client *c, const struct hub_message *message)
{
	struct buf out = {0};
	c->codec->write(&out, message);
	send_bytes(c, buf_bytes(&out), c->codec->binary);
	buf_finish(&out);
}

void client_send_ping(struct client *c)
{
	client_send_message(c, &(struct hub_message){.type = HUB_PING});
	c->pinged_us = loop_now_us(c->loop);
}

/* ---- the end ---- */

/* The server breaks the protocol. */
static void client_refuse(struct client *c, int err, uint16_t code, const char *text)
{
	client_end(c, code, err, bytes_str(text), false);
}

/* Whether records that come are still of interest. */
static bool client_alive(const struct client *c)
{
	return !c->closed && c->state != CLIENT_ENDED;
}

/* Whether there is room for an answer to the server; where there is none the connection ends. */
static bool client_may_answer(struct client *c)
{
	size_t queued = c->carrier->ops->queued(c->carrier);
	if (queued <= c->max_queued || queued - c->max_queued <= CARRIER_ANSWERS_MAX) {
		return true;
	}
	client_end(c, 0, ERR_CLOSED, BYTES_LIT("the server takes no answers"), false);
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
	client_end(c, WS_CODE_NORMAL, message->error.len > 0 ? ERR_UNAVAILABLE : 0, message->error,
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
	loop_timer_cancel(c->timer);
	if (!c->carrier->ops->inherent_keepalive) {
		/* It also arms the server's own watch over us. */
		client_send_ping(c);
		loop_timer_set(c->timer, c->keepalive_us < c->server_timeout_us
						 ? c->keepalive_us
						 : c->server_timeout_us);
	}
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
	int err = c->codec->read_bounded(arena, record, c->max_message, &message, &why);
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
		/* The handshake is one record of JSON, whatever follows. */
		const struct hub_codec *codec =
			c->state == CLIENT_HANDSHAKE ? &hub_codec_json : c->codec;
		int err = codec->next_record(input, c->max_message, &c->scanned, &record);
		if (err == ERR_AGAIN) {
			break;
		}
		if (err != 0) {
			bool long_one = err == ERR_TOO_LARGE;
			client_refuse(c, err, long_one ? WS_CODE_TOO_BIG : WS_CODE_NORMAL,
				long_one ? "the server sent too long a message"
					 : "the server sent a malformed message");
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

/* ---- the carrier ---- */

static void on_payload_event(void *ctx, enum carrier_mark mark, struct bytes payload)
{
	struct client *c = ctx;
	enum carrier_mark wanted = c->codec->binary ? CARRIER_BINARY : CARRIER_TEXT;
	/* The answer to a handshake for a binary protocol may be marked as either. */
	bool either = mark == CARRIER_UNMARKED ||
		      (c->state == CLIENT_HANDSHAKE && wanted == CARRIER_BINARY);
	client_enter(c);
	if (mark == wanted || either) {
		on_payload(c, payload);
	} else {
		client_refuse(c, ERR_BAD_REQUEST, WS_CODE_UNSUPPORTED,
			mark == CARRIER_TEXT ? "the server sent text"
					     : "the server sent binary data");
	}
	client_leave(c);
}

static void on_carrier_end(void *ctx, int err, struct bytes text)
{
	struct client *c = ctx;
	client_enter(c);
	if (err == 0 && c->state != CLIENT_OPEN) {
		err = ERR_CLOSED;
		text = text.len > 0 ? text : BYTES_LIT("the server closed the connection");
	}
	client_end(c, 0, err, text, false);
	client_leave(c);
}

/* It has started before it was ours. */
static void on_start(void *ctx)
{
	(void)ctx;
}

const struct carrier_events client_carrier_events = {
	.on_start = on_start, .on_payload = on_payload_event, .on_end = on_carrier_end};
