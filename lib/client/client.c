#include "lib/client/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/client/calls.h"
#include "lib/client/opening.h"
#include "lib/hubproto/codec.h"
#include "lib/hubproto/handshake.h"
#include "lib/wire/ws.h"

#define SECOND_US UINT64_C(1000000)
#define OPEN_TIMEOUT_US (15 * SECOND_US)
#define KEEPALIVE_US (15 * SECOND_US)
#define SERVER_TIMEOUT_US (30 * SECOND_US)
#define GOODBYE_US (2 * SECOND_US)

enum {
	MAX_MESSAGE = 4 << 20,
	MAX_QUEUED = 4 << 20,
	MAX_CALLS = 1024,
};

enum client_state {
	CLIENT_OPENING, /* opening is set, no stream yet; the timer is the deadline */
	CLIENT_HANDSHAKE, /* our handshake is sent; the timer is still the deadline */
	CLIENT_OPEN, /* records go both ways; the timer serves pings and silence */
	CLIENT_ENDED, /* on_close was called or is next; only client_close() is left */
};

struct client {
	enum client_state state;
	uint32_t busy; /* depth of our own functions on the stack: no free meanwhile */
	bool closed; /* by the owner: no callback any more, freed when not busy */
	struct loop *loop;
	struct loop_timer *timer;
	const struct client_events *events;
	void *ctx;
	struct opening *opening;
	struct stream *stream;
	struct ws_reader reader;
	struct buf in; /* the beginning of an unfinished record */
	size_t scanned; /* of in, without a separator */
	uint64_t heard_us; /* when the last bytes came */
	uint64_t pinged_us; /* when our last Ping went */
	uint64_t keepalive_us;
	uint64_t server_timeout_us;
	size_t max_message;
	size_t max_queued;
	uint32_t max_calls;
	struct calls calls;
};

/* ---- lifetime ---- */

static void client_free(struct client *c)
{
	calls_finish(&c->calls);
	opening_cancel(&c->opening);
	stream_close(&c->stream);
	loop_timer_destroy(&c->timer);
	ws_reader_finish(&c->reader);
	buf_finish(&c->in);
	free(c);
}

static void client_enter(struct client *c)
{
	c->busy++;
}

static void client_leave(struct client *c)
{
	if (--c->busy == 0 && c->closed) {
		client_free(c);
	}
}

/* Whether records that come are still of interest. */
static bool client_alive(const struct client *c)
{
	return !c->closed && c->state != CLIENT_ENDED;
}

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

static void send_close(struct client *c, uint16_t code)
{
	char payload[WS_CONTROL_MAX];
	size_t len = ws_write_close(payload, code, BYTES_NONE);
	send_frame(c, WS_CLOSE, bytes_of(payload, len));
}

static void send_message(struct client *c, const struct hub_message *message)
{
	struct buf out = {0};
	hub_codec_json.write(&out, message);
	send_frame(c, WS_TEXT, buf_bytes(&out));
	buf_finish(&out);
}

static void send_ping(struct client *c)
{
	send_message(c, &(struct hub_message){.type = HUB_PING});
	c->pinged_us = loop_now_us(c->loop);
}

/* ---- the end ---- */

static void client_set_state(struct client *c, enum client_state state)
{
	assert(state > c->state);
	c->state = state;
}

/* What is queued, such as a Close, is still sent. The caller has entered. */
static void client_end(struct client *c, int err, struct bytes text, bool allow_reconnect)
{
	client_set_state(c, CLIENT_ENDED);
	loop_timer_cancel(c->timer);
	opening_cancel(&c->opening);
	stream_close_flushed(&c->stream, GOODBYE_US);
	while (!c->closed && calls_fail_first(&c->calls, ERR_CLOSED, text)) {
	}
	if (!c->closed && c->events->on_close != NULL) {
		c->events->on_close(c->ctx, err, text, allow_reconnect);
	}
}

static void client_end_str(struct client *c, int err, const char *text)
{
	client_end(c, err, bytes_str(text), false);
}

/* The server breaks the protocol. */
static void client_refuse(struct client *c, int err, uint16_t code, const char *text)
{
	send_close(c, code);
	client_end_str(c, err, text);
}

/* ---- records ---- */

static void on_invocation(struct client *c, const struct hub_message *message)
{
	if (message->invocation_id.len > 0) {
		send_message(c, &(struct hub_message){.type = HUB_COMPLETION,
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
	send_close(c, WS_CODE_NORMAL);
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
	send_ping(c);
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
		client_refuse(c, err, WS_CODE_NORMAL, why);
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

static void on_payload(struct client *c, struct bytes payload)
{
	struct bytes input = payload;
	if (c->in.len == 0) {
		on_records(c, &input);
		if (client_alive(c)) {
			buf_append_bytes(&c->in, input);
		}
		return;
	}
	buf_append_bytes(&c->in, payload);
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
	send_close(c, WS_CODE_NORMAL);
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
		send_frame(c, WS_PONG, event->payload);
		break;
	case WS_EVENT_PONG:
		break;
	case WS_EVENT_CLOSE:
		on_ws_close(c, event);
		break;
	case WS_EVENT_ERROR:
		send_close(c, event->code);
		client_end(c, ERR_BAD_REQUEST, event->payload, false);
		break;
	}
}

static void on_data(void *ctx, struct bytes data)
{
	struct client *c = ctx;
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

static void on_end(void *ctx, int err)
{
	struct client *c = ctx;
	(void)err;
	client_enter(c);
	client_end_str(c, ERR_CLOSED, "the connection was lost");
	client_leave(c);
}

static const struct stream_events stream_events = {.on_data = on_data, .on_end = on_end};

/* ---- opening ---- */

static void on_opened(
	void *ctx, int err, struct bytes text, struct stream *stream, struct bytes rest)
{
	struct client *c = ctx;
	struct buf out = {0};
	c->opening = NULL;
	client_enter(c);
	if (err != 0) {
		client_end(c, err, text, false);
		client_leave(c);
		return;
	}
	client_set_state(c, CLIENT_HANDSHAKE);
	c->stream = stream;
	stream_set_owner(stream, &stream_events, c);
	handshake_write_request(&out, &hub_codec_json, 1);
	send_frame(c, WS_TEXT, buf_bytes(&out));
	buf_finish(&out);
	if (rest.len > 0) {
		on_data(c, rest);
	}
	client_leave(c);
}

static uint64_t time_left(uint64_t since_us, uint64_t limit_us, uint64_t now_us)
{
	uint64_t gone = now_us - since_us;
	return gone < limit_us ? limit_us - gone : 0;
}

static void serve_timer(struct client *c)
{
	uint64_t now = loop_now_us(c->loop);
	if (c->state != CLIENT_OPEN) {
		client_end_str(c, ERR_TIMEOUT, "the server does not answer");
		return;
	}
	uint64_t silence = time_left(c->heard_us, c->server_timeout_us, now);
	if (silence == 0) {
		client_end_str(c, ERR_TIMEOUT, "the server has fallen silent");
		return;
	}
	if (time_left(c->pinged_us, c->keepalive_us, now) == 0) {
		send_ping(c);
	}
	uint64_t ping = time_left(c->pinged_us, c->keepalive_us, now);
	loop_timer_set(c->timer, ping < silence ? ping : silence);
}

static void on_timer(void *ctx)
{
	client_enter(ctx);
	serve_timer(ctx);
	client_leave(ctx);
}

/* ---- public ---- */

static uint64_t or_default(uint64_t n, uint64_t fallback)
{
	return n != 0 ? n : fallback;
}

int client_open(struct loop *loop, struct stream_pool *pool, const struct client_options *options,
	const struct client_events *events, void *ctx, struct client **ret_client)
{
	struct client *c = mem_zalloc(sizeof(*c));
	c->loop = loop;
	c->events = events;
	c->ctx = ctx;
	c->keepalive_us = or_default(options->keepalive_us, KEEPALIVE_US);
	c->server_timeout_us = or_default(options->server_timeout_us, SERVER_TIMEOUT_US);
	c->max_message = or_default(options->max_message, MAX_MESSAGE);
	c->max_queued = or_default(options->max_queued, MAX_QUEUED);
	c->max_calls = options->max_calls != 0 ? options->max_calls : MAX_CALLS;
	calls_init(&c->calls);
	/* Records have a limit, the frames that gather them need none. */
	ws_reader_init(&c->reader, WS_CLIENT, INT64_MAX);
	c->timer = loop_timer_create(loop, on_timer, c);
	int err = opening_start(pool, options, on_opened, c, &c->opening);
	if (err != 0) {
		client_free(c);
		return err;
	}
	loop_timer_set(c->timer, or_default(options->open_timeout_us, OPEN_TIMEOUT_US));
	*ret_client = c;
	return 0;
}

void client_close(struct client **client)
{
	struct client *c = *client;
	if (c == NULL) {
		return;
	}
	*client = NULL;
	if (c->state == CLIENT_OPEN) {
		send_message(c, &(struct hub_message){.type = HUB_CLOSE});
	}
	if (c->state == CLIENT_OPEN || c->state == CLIENT_HANDSHAKE) {
		send_close(c, WS_CODE_NORMAL);
		stream_close_flushed(&c->stream, GOODBYE_US);
	}
	opening_cancel(&c->opening);
	loop_timer_cancel(c->timer);
	c->closed = true;
	if (c->busy == 0) {
		client_free(c);
	}
}

static int client_call(
	struct client *c, struct bytes id, struct bytes target, const struct value *arguments)
{
	struct buf out = {0};
	int err = 0;
	if (c->state != CLIENT_OPEN) {
		return ERR_CLOSED;
	}
	hub_codec_json.write(&out, &(struct hub_message){.type = HUB_INVOCATION,
					   .invocation_id = id,
					   .target = target,
					   .arguments = *arguments});
	if (out.len + stream_queued(c->stream) > c->max_queued) {
		err = ERR_BUSY;
	} else {
		send_frame(c, WS_TEXT, buf_bytes(&out));
	}
	buf_finish(&out);
	return err;
}

int client_invoke(struct client *client, struct bytes target, const struct value *arguments,
	client_done_fn done, void *ctx)
{
	char id[24];
	struct calls *calls = &client->calls;
	if (calls->count >= client->max_calls) {
		return ERR_BUSY;
	}
	int len = snprintf(id, sizeof(id), "%llu", (unsigned long long)calls->last_id + 1);
	int err = client_call(client, bytes_of(id, (size_t)len), target, arguments);
	if (err == 0) {
		calls_add(calls, done, ctx);
	}
	return err;
}

int client_send(struct client *client, struct bytes target, const struct value *arguments)
{
	return client_call(client, BYTES_NONE, target, arguments);
}

bool client_is_open(const struct client *client)
{
	return client->state == CLIENT_OPEN;
}

uint32_t client_calls(const struct client *client)
{
	return client->calls.count;
}
