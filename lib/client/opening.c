#include "lib/client/opening.h"

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/client/client.h"
#include "lib/client/destination.h"
#include "lib/client/http_line.h"
#include "lib/client/negotiate.h"

/* Bytes of an answer to negotiate. */
enum { BODY_MAX = 64 * 1024 };

#define NOBODY "nobody answers at that address"

enum opening_state {
	OPENING_NEGOTIATE, /* line is set, asking */
	OPENING_TRANSPORT, /* carrier is set, not started */
};

struct opening {
	enum opening_state state;
	struct destination *destination;
	opening_done_fn done;
	void *ctx;
	unsigned left; /* set of 1 << enum client_transport: not tried yet */
	enum client_transport wanted; /* what the options say */
	uint64_t attempt_us; /* for a transport behind which there is another one */
	struct loop_timer *timer; /* in TRANSPORT, where there is another one */
	struct http_line *line; /* NEGOTIATE */
	struct buf body; /* of negotiate's answer so far */
	struct carrier *carrier; /* TRANSPORT */
};

static const struct {
	const char *offer; /* in a sentence */
	uint8_t formats; /* what it can carry */
	int (*start)(struct destination *destination, const struct carrier_events *events,
		void *ctx, struct carrier **ret_carrier);
} ways[CLIENT_TRANSPORT_COUNT] = {
	[CLIENT_TRANSPORT_AUTO] = {"transport", 0, NULL},
	[CLIENT_TRANSPORT_WEBSOCKETS] = {"WebSockets", NEGOTIATE_TEXT | NEGOTIATE_BINARY,
		client_ws_start},
	[CLIENT_TRANSPORT_SSE] = {"server-sent events", NEGOTIATE_TEXT, client_sse_start},
	[CLIENT_TRANSPORT_LONGPOLLING] = {"long polling", NEGOTIATE_TEXT | NEGOTIATE_BINARY,
		client_poll_start},
};

static uint8_t format_of(const struct opening *o)
{
	return o->destination->binary ? NEGOTIATE_BINARY : NEGOTIATE_TEXT;
}

static void opening_free(struct opening *o)
{
	http_line_close(&o->line);
	carrier_close(&o->carrier, 0);
	loop_timer_destroy(&o->timer);
	destination_unref(&o->destination);
	destination_wipe(&o->body); /* the id is in it */
	free(o);
}

/* Gives the result, and is gone. */
static void opening_fail(struct opening *o, int err, struct bytes text)
{
	o->done(o->ctx, err, text, NULL);
	opening_free(o);
}

static void opening_fail_str(struct opening *o, int err, const char *text)
{
	opening_fail(o, err, bytes_str(text));
}

/* ---- a transport ---- */

static int opening_negotiate(struct opening *o);

/* The transport could not be started: the next one, or the end of it. */
static void opening_next(struct opening *o, int err, struct bytes text)
{
	if (o->left == 0) {
		opening_fail(o, err, text);
		return;
	}
	loop_timer_cancel(o->timer);
	carrier_close(&o->carrier, 0);
	o->state = OPENING_NEGOTIATE;
	if (opening_negotiate(o) != 0) {
		opening_fail_str(o, ERR_UNREACHABLE, NOBODY);
	}
}

static void on_timer(void *ctx)
{
	opening_next(ctx, ERR_TIMEOUT, BYTES_LIT("the server does not answer"));
}

static void on_start(void *ctx)
{
	struct opening *o = ctx;
	struct carrier *carrier = o->carrier;
	o->carrier = NULL;
	o->done(o->ctx, 0, BYTES_NONE, carrier);
	opening_free(o);
}

/* Before it has started there is nothing that could come. */
static void on_payload(void *ctx, enum carrier_mark mark, struct bytes payload)
{
	(void)ctx;
	(void)mark;
	(void)payload;
}

static void on_carrier_end(void *ctx, int err, struct bytes text)
{
	opening_next(ctx, err, text);
}

static const struct carrier_events carrier_events = {
	.on_start = on_start, .on_payload = on_payload, .on_end = on_carrier_end};

static int opening_start_transport(struct opening *o, enum client_transport transport)
{
	o->left &= ~(1U << transport);
	o->state = OPENING_TRANSPORT;
	if (o->left != 0) {
		loop_timer_set(o->timer, o->attempt_us);
	}
	return ways[transport].start(o->destination, &carrier_events, o, &o->carrier);
}

/* ---- negotiate ---- */

/* Forgets what is not offered, and takes the first of the others. */
static void opening_choose(struct opening *o, const struct negotiation *negotiation)
{
	for (unsigned i = 0; i < CLIENT_TRANSPORT_COUNT; i++) {
		if ((negotiation->formats[i] & format_of(o)) == 0) {
			o->left &= ~(1U << i);
		}
	}
	if (o->left == 0) {
		struct buf text = {0};
		buf_printf(&text, "the server offers no %s with %s", ways[o->wanted].offer,
			o->destination->binary ? "binary data" : "text");
		opening_fail(o, ERR_NOT_SUPPORTED, buf_bytes(&text));
		buf_finish(&text);
		return;
	}
	enum client_transport first = CLIENT_TRANSPORT_AUTO;
	while ((o->left & 1U << first) == 0) {
		first++;
	}
	if (opening_start_transport(o, first) != 0) {
		opening_fail_str(o, ERR_UNREACHABLE, NOBODY);
	}
}

static void on_head(void *ctx, const struct http1_response *response)
{
	struct opening *o = ctx;
	char text[NEGOTIATE_STATUS_SIZE];
	if (response->status >= 300) {
		negotiate_status_text(response->status, text);
		opening_fail_str(o, negotiate_status_err(response->status), text);
	} else if (response->status != 200) {
		opening_fail_str(o, ERR_UNREACHABLE, NEGOTIATE_NO_SIGNALR);
	}
}

static void on_body(void *ctx, struct bytes piece)
{
	struct opening *o = ctx;
	if (o->body.len + piece.len > BODY_MAX) {
		opening_fail_str(o, ERR_UNREACHABLE, NEGOTIATE_NO_SIGNALR);
		return;
	}
	buf_append_bytes(&o->body, piece);
}

static void on_done(void *ctx)
{
	struct opening *o = ctx;
	struct negotiation negotiation;
	struct bytes text;
	struct arena *arena = arena_create(0);
	int err = negotiate_read(arena, buf_bytes(&o->body), &negotiation, &text);
	http_line_close(&o->line);
	destination_wipe(&o->body);
	if (err != 0) {
		opening_fail(o, err, text);
	} else {
		destination_set_id(o->destination, negotiation.id);
		opening_choose(o, &negotiation);
	}
	arena_destroy(&arena);
}

static void on_fail(void *ctx, int err, const char *text)
{
	opening_fail_str(ctx, err == ERR_TIMEOUT ? err : ERR_UNREACHABLE, text);
}

static const struct http_line_events line_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_done = on_done,
	.on_fail = on_fail,
};

static int opening_negotiate(struct opening *o)
{
	struct buf out = {0};
	struct destination *d = o->destination;
	o->line = http_line_create(d->pool, d->address.peer, &line_events, o);
	destination_write_negotiate(d, &out);
	int err = http_line_ask(o->line, buf_bytes(&out), 0);
	destination_wipe(&out);
	return err;
}

/* ---- public ---- */

static unsigned candidates(const struct opening *o)
{
	unsigned set = 0;
	for (unsigned i = 0; i < CLIENT_TRANSPORT_COUNT; i++) {
		bool wanted = o->wanted == CLIENT_TRANSPORT_AUTO || o->wanted == i;
		if (wanted && (ways[i].formats & format_of(o)) != 0) {
			set |= 1U << i;
		}
	}
	return set;
}

int opening_start(struct stream_pool *pool, const struct client_options *options,
	opening_done_fn done, void *ctx, struct opening **ret_opening)
{
	struct destination *destination;
	int err = destination_create(pool, options, &destination);
	if (err != 0) {
		return err;
	}
	struct opening *o = mem_zalloc(sizeof(*o));
	o->destination = destination;
	o->done = done;
	o->ctx = ctx;
	o->wanted = options->transport;
	o->left = candidates(o);
	o->attempt_us = options->open_timeout_us / 3;
	o->timer = loop_timer_create(stream_pool_loop(pool), on_timer, o);
	if (options->skip_negotiation) {
		o->left = 1U << CLIENT_TRANSPORT_WEBSOCKETS;
		err = opening_start_transport(o, CLIENT_TRANSPORT_WEBSOCKETS);
	} else {
		err = opening_negotiate(o);
	}
	if (err != 0) {
		opening_free(o);
		return err;
	}
	*ret_opening = o;
	return 0;
}

void opening_cancel(struct opening **opening)
{
	if (*opening != NULL) {
		opening_free(*opening);
		*opening = NULL;
	}
}
