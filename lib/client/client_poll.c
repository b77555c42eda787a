/* Long polling: what the server sends comes as answers to GET, what we send goes by POST, and
 * DELETE ends it (TransportProtocols.md). The server answers the first poll at once, empty. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/client/carrier.h"
#include "lib/client/http_line.h"
#include "lib/client/negotiate.h"
#include "lib/client/poster.h"

enum poll_state {
	CLIENT_POLL_FIRST, /* the first poll is under way */
	CLIENT_POLL_OPEN, /* a poll is under way, but inside its end */
	CLIENT_POLL_ENDED, /* nothing more comes */
};

struct client_poll {
	struct carrier carrier;
	enum poll_state state;
	struct destination *destination;
	struct http_line *line; /* of the polls */
	uint64_t polls;
	struct poster poster;
};

static struct client_poll *poll_of(struct carrier *carrier)
{
	return CONTAINER_OF(carrier, struct client_poll, carrier);
}

static void set_state(struct client_poll *poll, enum poll_state state)
{
	assert(state > poll->state);
	poll->state = state;
}

static void poll_end(struct client_poll *poll, int err, struct bytes text)
{
	if (poll->state != CLIENT_POLL_ENDED) {
		set_state(poll, CLIENT_POLL_ENDED);
	}
	carrier_tell_end(&poll->carrier, err, text);
}

static int poll_next(struct client_poll *poll)
{
	struct buf out = {0};
	destination_write_request(poll->destination, &out, "GET", ++poll->polls);
	http1_write_end(&out);
	int err = http_line_ask(poll->line, buf_bytes(&out), poll->destination->request_timeout_us);
	destination_wipe(&out);
	return err;
}

/* ---- answers to polls ---- */

/* 204 without a hub Close before it: servers end in order with one. */
static void on_head(void *ctx, const struct http1_response *response)
{
	struct client_poll *poll = ctx;
	int status = response->status;
	bool first = poll->state == CLIENT_POLL_FIRST;
	char text[NEGOTIATE_STATUS_SIZE];
	carrier_enter(&poll->carrier);
	poll->carrier.heard_us = loop_now_us(stream_pool_loop(poll->destination->pool));
	if (status >= 300) {
		negotiate_status_text(status, text);
		poll_end(poll, first ? negotiate_status_err(status) : negotiate_running_err(status),
			bytes_str(text));
	} else if (status == 204) {
		poll_end(poll, ERR_CLOSED, BYTES_LIT("the server ended the connection"));
	} else if (status != 200) {
		poll_end(poll, ERR_UNREACHABLE, BYTES_LIT(NEGOTIATE_NO_SIGNALR));
	}
	carrier_leave(&poll->carrier);
}

static void on_body(void *ctx, struct bytes piece)
{
	struct client_poll *poll = ctx;
	carrier_enter(&poll->carrier);
	if (poll->state == CLIENT_POLL_FIRST) {
		poll_end(poll, ERR_BAD_REQUEST,
			BYTES_LIT("the server sent a message before the handshake"));
	} else {
		carrier_tell_payload(&poll->carrier, CARRIER_UNMARKED, piece);
	}
	carrier_leave(&poll->carrier);
}

/* The next poll goes before anything else is done: the server waits for it. */
static void on_done(void *ctx)
{
	struct client_poll *poll = ctx;
	bool first = poll->state == CLIENT_POLL_FIRST;
	if (!carrier_is_wanted(&poll->carrier)) {
		return;
	}
	carrier_enter(&poll->carrier);
	if (poll_next(poll) != 0) {
		poll_end(poll, ERR_CLOSED, BYTES_LIT("the connection was lost"));
	} else if (first) {
		set_state(poll, CLIENT_POLL_OPEN);
		carrier_tell_start(&poll->carrier);
	}
	carrier_leave(&poll->carrier);
}

static void on_fail(void *ctx, int err, const char *text)
{
	struct client_poll *poll = ctx;
	carrier_enter(&poll->carrier);
	if (poll->state == CLIENT_POLL_FIRST && err != ERR_TIMEOUT) {
		poll_end(poll, ERR_UNREACHABLE, bytes_str(text));
	} else if (err == ERR_CLOSED || err == ERR_UNREACHABLE) {
		poll_end(poll, ERR_CLOSED, BYTES_LIT("the connection was lost"));
	} else {
		poll_end(poll, err, bytes_str(text));
	}
	carrier_leave(&poll->carrier);
}

static const struct http_line_events line_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_done = on_done,
	.on_fail = on_fail,
};

/* ---- sending ---- */

static void poll_send(struct carrier *carrier, struct bytes payload, bool binary)
{
	(void)binary;
	poster_send(&poll_of(carrier)->poster, payload);
}

static size_t poll_queued(const struct carrier *carrier)
{
	return poster_queued(&CONTAINER_OF(carrier, const struct client_poll, carrier)->poster);
}

static void poll_set_token(struct carrier *carrier, struct bytes token)
{
	destination_set_token(poll_of(carrier)->destination, token);
}

/* ---- lifetime ---- */

/* What comes no more is not waited for: the poll is dropped. A connection that the server ended by
 * itself is deleted too, who knows whether it keeps what is left of it for the next poll. */
static void poll_close(struct carrier *carrier, uint16_t code)
{
	struct client_poll *poll = poll_of(carrier);
	http_line_close(&poll->line);
	if (poll->state != CLIENT_POLL_FIRST) {
		poster_goodbye(&poll->poster, code != 0);
	}
}

static void poll_free(struct carrier *carrier)
{
	struct client_poll *poll = poll_of(carrier);
	poster_finish(&poll->poster);
	destination_unref(&poll->destination);
	free(poll);
}

static const struct carrier_ops ops = {
	.transport = CLIENT_TRANSPORT_LONGPOLLING,
	.inherent_keepalive = true,
	.send = poll_send,
	.queued = poll_queued,
	.set_token = poll_set_token,
	.close = poll_close,
	.free = poll_free,
};

int client_poll_start(struct destination *destination, const struct carrier_events *events,
	void *ctx, struct carrier **ret_carrier)
{
	struct client_poll *poll = mem_zalloc(sizeof(*poll));
	struct carrier *carrier = &poll->carrier;
	carrier->ops = &ops;
	carrier_set_owner(carrier, events, ctx);
	poll->destination = destination_ref(destination);
	poster_init(&poll->poster, destination, carrier);
	poll->line =
		http_line_create(destination->pool, destination->address.peer, &line_events, poll);
	int err = poll_next(poll);
	if (err != 0) {
		carrier_close(&carrier, 0);
		return err;
	}
	*ret_carrier = carrier;
	return 0;
}
