#include "lib/client/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/client/client_private.h"
#include "lib/client/negotiate.h"
#include "lib/wire/ws.h"

#define SECOND_US UINT64_C(1000000)
#define OPEN_TIMEOUT_US (15 * SECOND_US)
#define KEEPALIVE_US (15 * SECOND_US)
#define SERVER_TIMEOUT_US (30 * SECOND_US)
#define REQUEST_TIMEOUT_US (100 * SECOND_US)

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
	carrier_close(&c->carrier, 0);
	loop_timer_destroy(&c->timer);
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

void client_end(struct client *c, uint16_t code, int err, struct bytes text, bool allow_reconnect)
{
	client_set_state(c, CLIENT_ENDED);
	loop_timer_cancel(c->timer);
	opening_cancel(&c->opening);
	carrier_close(&c->carrier, code);
	while (!c->closed && calls_fail_first(&c->calls, ERR_CLOSED, text)) {
	}
	if (!c->closed && c->events->on_close != NULL) {
		c->events->on_close(c->ctx, err, text, allow_reconnect);
	}
}

static void client_time_out(struct client *c, const char *text)
{
	client_end(c, 0, ERR_TIMEOUT, bytes_str(text), false);
}

/* ---- opening ---- */

static void on_opened(void *ctx, int err, struct bytes text, struct carrier *carrier)
{
	struct client *c = ctx;
	c->opening = NULL;
	client_enter(c);
	if (err != 0) {
		client_end(c, 0, err, text, false);
	} else {
		client_set_state(c, CLIENT_HANDSHAKE);
		c->carrier = carrier;
		carrier_set_owner(carrier, &client_carrier_events, c);
		client_send_handshake(c);
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
		client_time_out(c, "the server does not answer");
		return;
	}
	uint64_t silence = time_left(c->carrier->heard_us, c->server_timeout_us, now);
	if (silence == 0) {
		client_time_out(c, "the server has fallen silent");
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

static struct client_options with_defaults(const struct client_options *options)
{
	struct client_options all = *options;
	all.open_timeout_us = or_default(all.open_timeout_us, OPEN_TIMEOUT_US);
	all.keepalive_us = or_default(all.keepalive_us, KEEPALIVE_US);
	all.server_timeout_us = or_default(all.server_timeout_us, SERVER_TIMEOUT_US);
	all.request_timeout_us = or_default(all.request_timeout_us, REQUEST_TIMEOUT_US);
	all.max_message = or_default(all.max_message, MAX_MESSAGE);
	all.max_queued = or_default(all.max_queued, MAX_QUEUED);
	all.max_calls = all.max_calls != 0 ? all.max_calls : MAX_CALLS;
	return all;
}

static struct client *client_create(struct loop *loop, const struct client_options *options,
	const struct client_events *events, void *ctx)
{
	struct client *c = mem_zalloc(sizeof(*c));
	c->loop = loop;
	c->events = events;
	c->ctx = ctx;
	c->codec = hub_codec_find(bytes_str(client_encoding_name(options->encoding)));
	c->keepalive_us = options->keepalive_us;
	c->server_timeout_us = options->server_timeout_us;
	c->max_message = options->max_message;
	c->max_queued = options->max_queued;
	c->max_calls = options->max_calls;
	calls_init(&c->calls);
	c->timer = loop_timer_create(loop, on_timer, c);
	return c;
}

int client_open(struct loop *loop, struct stream_pool *pool, const struct client_options *options,
	const struct client_events *events, void *ctx, struct client **ret_client)
{
	const struct client_options all = with_defaults(options);
	if (client_options_fault(options) != NULL) {
		return ERR_USAGE;
	}
	struct client *c = client_create(loop, &all, events, ctx);
	int err = opening_start(pool, &all, on_opened, c, &c->opening);
	if (err != 0) {
		client_free(c);
		return err;
	}
	loop_timer_set(c->timer, all.open_timeout_us);
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
	carrier_close(&c->carrier, WS_CODE_NORMAL);
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
	c->codec->write(&out, &(struct hub_message){.type = HUB_INVOCATION,
				      .invocation_id = id,
				      .target = target,
				      .arguments = *arguments});
	if (out.len + c->carrier->ops->queued(c->carrier) > c->max_queued) {
		err = ERR_BUSY;
	} else {
		c->carrier->ops->send(c->carrier, buf_bytes(&out), c->codec->binary);
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

int client_set_token(struct client *client, struct bytes token)
{
	if (!negotiate_token_valid(token)) {
		return ERR_USAGE;
	}
	if (client->state != CLIENT_OPEN) {
		return ERR_CLOSED;
	}
	if (client->carrier->ops->set_token != NULL) {
		client->carrier->ops->set_token(client->carrier, token);
	}
	return 0;
}

bool client_is_open(const struct client *client)
{
	return client->state == CLIENT_OPEN;
}

uint32_t client_calls(const struct client *client)
{
	return client->calls.count;
}

enum client_transport client_transport(const struct client *client)
{
	return client->carrier != NULL ? client->carrier->ops->transport : CLIENT_TRANSPORT_AUTO;
}
