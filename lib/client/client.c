#include "lib/client/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/client/client_private.h"
#include "lib/hubproto/codec.h"
#include "lib/hubproto/handshake.h"

#define SECOND_US UINT64_C(1000000)
#define OPEN_TIMEOUT_US (15 * SECOND_US)
#define KEEPALIVE_US (15 * SECOND_US)
#define SERVER_TIMEOUT_US (30 * SECOND_US)

enum {
	MAX_MESSAGE = 4 << 20,
	MAX_QUEUED = 4 << 20,
	MAX_CALLS = 1024,
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

void client_enter(struct client *c)
{
	c->busy++;
}

void client_leave(struct client *c)
{
	if (--c->busy == 0 && c->closed) {
		client_free(c);
	}
}

/* ---- the end ---- */

void client_set_state(struct client *c, enum client_state state)
{
	assert(state > c->state);
	c->state = state;
}

void client_end(struct client *c, int err, struct bytes text, bool allow_reconnect)
{
	client_set_state(c, CLIENT_ENDED);
	loop_timer_cancel(c->timer);
	opening_cancel(&c->opening);
	stream_close_flushed(&c->stream, CLIENT_GOODBYE_US);
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
	stream_set_owner(stream, &client_stream_events, c);
	handshake_write_request(&out, &hub_codec_json, 1);
	client_send_text(c, buf_bytes(&out));
	buf_finish(&out);
	if (rest.len > 0) {
		client_receive(c, rest);
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
		client_send_ping(c);
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
		client_send_message(c, &(struct hub_message){.type = HUB_CLOSE});
	}
	if (c->state == CLIENT_OPEN || c->state == CLIENT_HANDSHAKE) {
		client_send_close(c);
		stream_close_flushed(&c->stream, CLIENT_GOODBYE_US);
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
		client_send_text(c, buf_bytes(&out));
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
