/* Server-sent events (WHATWG HTML section 9.2) for what the server sends, POST for what we send. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/client/carrier.h"
#include "lib/client/http_line.h"
#include "lib/client/negotiate.h"
#include "lib/client/poster.h"
#include "lib/wire/sse.h"

enum sse_state {
	CLIENT_SSE_ASKING, /* GET is sent, no answer yet */
	CLIENT_SSE_OPEN, /* events come, what is sent is posted */
	CLIENT_SSE_ENDED, /* nothing more comes */
};

struct client_sse {
	struct carrier carrier;
	enum sse_state state;
	struct destination *destination;
	struct http_line *line; /* of the events */
	struct sse_reader reader;
	struct poster poster;
};

static struct client_sse *sse_of(struct carrier *carrier)
{
	return CONTAINER_OF(carrier, struct client_sse, carrier);
}

static void set_state(struct client_sse *sse, enum sse_state state)
{
	assert(state > sse->state);
	sse->state = state;
}

static void sse_end(struct client_sse *sse, int err, struct bytes text)
{
	if (sse->state != CLIENT_SSE_ENDED) {
		set_state(sse, CLIENT_SSE_ENDED);
	}
	carrier_tell_end(&sse->carrier, err, text);
}

static void sse_heard(struct client_sse *sse)
{
	sse->carrier.heard_us = loop_now_us(stream_pool_loop(sse->destination->pool));
}

/* ---- the answer to GET ---- */

static bool is_event_stream(const struct http1_response *response)
{
	const struct bytes *type = http1_header(&response->headers, "Content-Type");
	struct bytes rest = type != NULL ? *type : BYTES_NONE;
	return bytes_eq_nocase(bytes_trim(bytes_split(&rest, ';')), BYTES_LIT("text/event-stream"));
}

static void on_head(void *ctx, const struct http1_response *response)
{
	struct client_sse *sse = ctx;
	char text[NEGOTIATE_STATUS_SIZE];
	carrier_enter(&sse->carrier);
	if (response->status >= 300) {
		negotiate_status_text(response->status, text);
		sse_end(sse, negotiate_status_err(response->status), bytes_str(text));
	} else if (response->status != 200 || !is_event_stream(response)) {
		sse_end(sse, ERR_UNREACHABLE, BYTES_LIT(NEGOTIATE_NO_SIGNALR));
	} else {
		set_state(sse, CLIENT_SSE_OPEN);
		sse_heard(sse);
		carrier_tell_start(&sse->carrier);
	}
	carrier_leave(&sse->carrier);
}

static void on_body(void *ctx, struct bytes piece)
{
	struct client_sse *sse = ctx;
	struct sse_event event;
	int err = 0;
	carrier_enter(&sse->carrier);
	sse_heard(sse);
	while (err == 0 && carrier_is_wanted(&sse->carrier)) {
		err = sse_reader_next(&sse->reader, &piece, &event);
		/* Other types are for other listeners. */
		if (err == 0 && bytes_eq(event.type, BYTES_LIT("message"))) {
			carrier_tell_payload(&sse->carrier, CARRIER_UNMARKED, event.data);
		}
	}
	if (err == ERR_TOO_LARGE) {
		sse_end(sse, err, BYTES_LIT("the server sent too long a message"));
	}
	carrier_leave(&sse->carrier);
}

/* Without a hub Close before it: servers end in order with one, so that this was somebody between.
 */
static void on_done(void *ctx)
{
	struct client_sse *sse = ctx;
	carrier_enter(&sse->carrier);
	sse_end(sse, ERR_CLOSED, BYTES_LIT("the stream of events has ended"));
	carrier_leave(&sse->carrier);
}

static void on_fail(void *ctx, int err, const char *text)
{
	struct client_sse *sse = ctx;
	carrier_enter(&sse->carrier);
	if (sse->state == CLIENT_SSE_ASKING) {
		sse_end(sse, ERR_UNREACHABLE, bytes_str(text));
	} else if (err == ERR_CLOSED) {
		sse_end(sse, err, BYTES_LIT("the connection was lost"));
	} else {
		sse_end(sse, err, bytes_str(text));
	}
	carrier_leave(&sse->carrier);
}

static const struct http_line_events line_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_done = on_done,
	.on_fail = on_fail,
};

/* ---- sending ---- */

static void sse_send(struct carrier *carrier, struct bytes payload, bool binary)
{
	(void)binary;
	poster_send(&sse_of(carrier)->poster, payload);
}

static size_t sse_queued(const struct carrier *carrier)
{
	return poster_queued(&CONTAINER_OF(carrier, const struct client_sse, carrier)->poster);
}

static void sse_set_token(struct carrier *carrier, struct bytes token)
{
	destination_set_token(sse_of(carrier)->destination, token);
}

/* ---- lifetime ---- */

/* The hub Close is posted, and the server then ends the events: ending them before would look like
 * a loss. */
static void sse_close(struct carrier *carrier, uint16_t code)
{
	struct client_sse *sse = sse_of(carrier);
	bool goodbye = code != 0 && poster_queued(&sse->poster) > 0;
	poster_goodbye(&sse->poster, false);
	if (goodbye && sse->state == CLIENT_SSE_OPEN) {
		http_line_leave(&sse->line, CARRIER_GOODBYE_US);
	}
	http_line_close(&sse->line);
}

static void sse_free(struct carrier *carrier)
{
	struct client_sse *sse = sse_of(carrier);
	poster_finish(&sse->poster);
	sse_reader_finish(&sse->reader);
	destination_unref(&sse->destination);
	free(sse);
}

static const struct carrier_ops ops = {
	.transport = CLIENT_TRANSPORT_SSE,
	.send = sse_send,
	.queued = sse_queued,
	.set_token = sse_set_token,
	.close = sse_close,
	.free = sse_free,
};

static int ask_for_events(struct client_sse *sse)
{
	struct buf out = {0};
	destination_write_request(sse->destination, &out, "GET", 0);
	http1_write_header(&out, "Accept", BYTES_LIT("text/event-stream"));
	http1_write_header(&out, "Cache-Control", BYTES_LIT("no-cache"));
	http1_write_end(&out);
	int err = http_line_ask(sse->line, buf_bytes(&out), 0);
	destination_wipe(&out);
	return err;
}

int client_sse_start(struct destination *destination, const struct carrier_events *events,
	void *ctx, struct carrier **ret_carrier)
{
	struct client_sse *sse = mem_zalloc(sizeof(*sse));
	struct carrier *carrier = &sse->carrier;
	carrier->ops = &ops;
	carrier_set_owner(carrier, events, ctx);
	sse->destination = destination_ref(destination);
	sse_reader_init(&sse->reader, destination->max_event);
	poster_init(&sse->poster, destination, carrier);
	sse->line =
		http_line_create(destination->pool, destination->address.peer, &line_events, sse);
	int err = ask_for_events(sse);
	if (err != 0) {
		carrier_close(&carrier, 0);
		return err;
	}
	*ret_carrier = carrier;
	return 0;
}
