#include "chatd/transport/ws.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/wire/ws.h"

/* How often the closing ones are looked at. */
#define CLOSING_SWEEP_US 100000
/* While more is queued, of the pings only the last is answered (RFC 6455 section 5.5.3), and later:
 * a peer that pings and does not read would fill our memory with pongs. */
#define PONG_QUEUE_MAX 4096

enum ws_state {
	WS_OPEN, /* owned; bytes go both ways */
	WS_LEFT, /* owned; the peer's Close came, the owner still sends and then closes */
	WS_CLOSING, /* our Close is queued or sent, the owner has gone; on pool->closing until the
		       peer's Close, its end, or the deadline */
	WS_ENDED, /* nothing is read any more; owned until the owner was told */
};

struct ws_pool {
	struct loop *loop;
	struct ws_params params;
	struct list closing; /* in the order of their deadlines */
	size_t closing_count;
	struct loop_timer *sweep;
};

struct ws {
	struct transport base;
	struct ws_pool *pool;
	struct stream *stream;
	struct list_node in_closing;
	uint64_t deadline_us; /* WS_CLOSING */
	enum ws_state state;
	bool pong_due; /* payload of the ping to be answered is in pong */
	bool drain_wanted; /* by the owner */
	bool in_events; /* inside on_data: freeing waits */
	bool free_later; /* to be freed when on_data returns */
	struct ws_reader reader;
	struct buf pong;
};

static struct ws *ws_of(struct transport *transport)
{
	return CONTAINER_OF(transport, struct ws, base);
}

static const struct ws *ws_of_const(const struct transport *transport)
{
	return CONTAINER_OF(transport, const struct ws, base);
}

static void ws_set_state(struct ws *ws, enum ws_state state)
{
	assert(ws->state < state);
	ws->state = state;
}

static void ws_free(struct ws *ws)
{
	if (list_linked(&ws->in_closing)) {
		list_remove(&ws->in_closing);
		ws->pool->closing_count--;
	}
	if (ws->in_events) {
		ws->free_later = true;
		return;
	}
	ws_reader_finish(&ws->reader);
	buf_finish(&ws->pong);
	free(ws);
}

static void ws_send_frame(struct ws *ws, enum ws_opcode opcode, struct bytes payload)
{
	char header[WS_HEADER_MAX];
	size_t header_len = ws_write_header(header, opcode, true, payload.len, NULL);
	struct chunk *chunk = chunk_create(header_len + payload.len);
	memcpy(chunk_space(chunk), header, header_len);
	if (payload.len > 0) {
		memcpy(chunk_space(chunk) + header_len, payload.ptr, payload.len);
	}
	stream_send(ws->stream, chunk);
	chunk_unref(chunk);
}

static void ws_send_close(struct ws *ws, uint16_t code)
{
	char payload[WS_CONTROL_MAX];
	size_t len = ws_write_close(payload, code, BYTES_NONE);
	ws_send_frame(ws, WS_CLOSE, bytes_of(payload, len));
}

/* Not for every write of a busy connection: only where somebody waits. */
static void ws_watch_drain(struct ws *ws)
{
	stream_want_drain(ws->stream, ws->drain_wanted || ws->pong_due);
}

static void ws_take_ping(struct ws *ws, struct bytes payload)
{
	if (stream_queued(ws->stream) <= PONG_QUEUE_MAX) {
		/* An older one that still waits is not answered behind a newer one. */
		ws->pong_due = false;
		ws_watch_drain(ws);
		ws_send_frame(ws, WS_PONG, payload);
		return;
	}
	ws->pong.len = 0;
	buf_append_bytes(&ws->pong, payload);
	ws->pong_due = true;
	ws_watch_drain(ws);
}

static void ws_send_due_pong(struct ws *ws)
{
	if (ws->pong_due && ws->state == WS_OPEN && stream_queued(ws->stream) <= PONG_QUEUE_MAX) {
		ws->pong_due = false;
		ws_watch_drain(ws);
		ws_send_frame(ws, WS_PONG, buf_bytes(&ws->pong));
		buf_finish(&ws->pong);
	}
}

/* Tells the owner, if there is one, and lets go of it. */
static void ws_tell_end(struct ws *ws, int err)
{
	const struct transport_events *events = ws->base.events;
	if (events != NULL) {
		ws->base.events = NULL;
		events->on_end(ws->base.ctx, err);
	}
}

/* Sends what is queued, then ends TCP in order. */
static void ws_end_flushed(struct ws *ws, int err)
{
	ws_set_state(ws, WS_ENDED);
	stream_close_flushed(&ws->stream, ws->pool->params.close_timeout_us);
	ws_tell_end(ws, err);
	ws_free(ws);
}

static void ws_end_reset(struct ws *ws, int err)
{
	ws_set_state(ws, WS_ENDED);
	stream_reset(&ws->stream);
	ws_tell_end(ws, err);
	ws_free(ws);
}

static void ws_peer_close(struct ws *ws)
{
	const struct transport_events *events = ws->base.events;
	bool stays = ws->state == WS_OPEN && events->on_closing != NULL &&
		     events->on_closing(ws->base.ctx);
	if (ws->state == WS_ENDED) {
		return; /* the owner has aborted it */
	}
	if (stays && ws->state == WS_OPEN) {
		ws_set_state(ws, WS_LEFT);
		return;
	}
	if (ws->state == WS_OPEN) {
		ws_send_close(ws, WS_CODE_NORMAL);
	}
	ws_end_flushed(ws, 0);
}

/* A bad Close frame is answered and ends in order; any other breach ends with a reset. */
static void ws_breach(struct ws *ws, const struct ws_event *event)
{
	if (ws->state == WS_OPEN) {
		ws_send_close(ws, event->code);
	}
	if (event->opcode == WS_CLOSE) {
		ws_end_flushed(ws, ERR_BAD_REQUEST);
	} else {
		ws_end_reset(ws, ERR_BAD_REQUEST);
	}
}

static void ws_take_event(struct ws *ws, const struct ws_event *event)
{
	switch (event->type) {
	case WS_EVENT_DATA:
		if (ws->state == WS_OPEN && event->payload.len > 0) {
			ws->base.events->on_payload(ws->base.ctx, event->payload);
		}
		break;
	case WS_EVENT_PING:
		if (ws->state == WS_OPEN) {
			ws_take_ping(ws, event->payload);
		}
		break;
	case WS_EVENT_PONG:
		break;
	case WS_EVENT_CLOSE:
		ws_peer_close(ws);
		break;
	case WS_EVENT_ERROR:
		ws_breach(ws, event);
		break;
	}
}

static void ws_on_data(void *ctx, struct bytes data)
{
	struct ws *ws = ctx;
	ws->in_events = true;
	/* The stream's read buffer is ours until we return: it is unmasked in place. */
	char *ptr = (char *)(uintptr_t)data.ptr;
	size_t left = data.len;
	while (ws->state != WS_ENDED) {
		struct ws_event event;
		if (ws_reader_next(&ws->reader, &ptr, &left, &event) != 0) {
			break;
		}
		ws_take_event(ws, &event);
	}
	ws->in_events = false;
	if (ws->free_later) {
		ws_free(ws);
	}
}

static void ws_on_end(void *ctx, int err)
{
	struct ws *ws = ctx;
	if (err == 0 && stream_queued(ws->stream) > 0) {
		ws_end_flushed(ws, ERR_CLOSED);
		return;
	}
	ws_set_state(ws, WS_ENDED);
	stream_close(&ws->stream);
	ws_tell_end(ws, ERR_CLOSED);
	ws_free(ws);
}

static void ws_on_drain(void *ctx)
{
	struct ws *ws = ctx;
	ws_send_due_pong(ws);
	if (ws->base.events != NULL && ws->drain_wanted) {
		ws->base.events->on_drain(ws->base.ctx);
	}
}

static const struct stream_events ws_stream_events = {
	.on_data = ws_on_data,
	.on_end = ws_on_end,
	.on_drain = ws_on_drain,
};

static void ws_send(struct transport *transport, struct chunk *chunk)
{
	stream_send(ws_of(transport)->stream, chunk);
}

static void ws_close(struct transport *transport)
{
	struct ws *ws = ws_of(transport);
	struct ws_pool *pool = ws->pool;
	ws->base.events = NULL;
	ws_send_close(ws, WS_CODE_NORMAL);
	if (ws->state == WS_LEFT) {
		ws_end_flushed(ws, 0);
		return;
	}
	ws_set_state(ws, WS_CLOSING);
	ws->deadline_us = loop_now_us(pool->loop) + pool->params.close_timeout_us;
	stream_resume(ws->stream);
	list_append(&pool->closing, &ws->in_closing);
	pool->closing_count++;
	if (!loop_timer_armed(pool->sweep)) {
		loop_timer_set(pool->sweep, CLOSING_SWEEP_US);
	}
}

static void ws_abort(struct transport *transport)
{
	struct ws *ws = ws_of(transport);
	ws->base.events = NULL;
	ws_end_reset(ws, ERR_CLOSED);
}

static size_t ws_queued(const struct transport *transport)
{
	return stream_queued(ws_of_const(transport)->stream);
}

static uint64_t ws_stalled_since(const struct transport *transport)
{
	return stream_stalled_since(ws_of_const(transport)->stream);
}

static void ws_set_low(struct transport *transport, size_t low)
{
	stream_set_low(ws_of(transport)->stream, low);
}

static void ws_want_drain(struct transport *transport, bool want)
{
	struct ws *ws = ws_of(transport);
	ws->drain_wanted = want;
	ws_watch_drain(ws);
}

static void ws_pause(struct transport *transport)
{
	stream_pause(ws_of(transport)->stream);
}

static void ws_resume(struct transport *transport)
{
	stream_resume(ws_of(transport)->stream);
}

static const struct transport_ops ws_ops = {
	.name = "WebSockets",
	.framing = FRAMING_WS,
	.send = ws_send,
	.close = ws_close,
	.abort = ws_abort,
	.queued = ws_queued,
	.stalled_since = ws_stalled_since,
	.set_low = ws_set_low,
	.want_drain = ws_want_drain,
	.pause = ws_pause,
	.resume = ws_resume,
};

static void pool_sweep(void *ctx)
{
	struct ws_pool *pool = ctx;
	uint64_t now = loop_now_us(pool->loop);
	LIST_FOREACH (&pool->closing, node) {
		struct ws *ws = CONTAINER_OF(node, struct ws, in_closing);
		if (ws->deadline_us > now) {
			break;
		}
		ws_end_reset(ws, ERR_TIMEOUT);
	}
	if (!list_empty(&pool->closing)) {
		loop_timer_set(pool->sweep, CLOSING_SWEEP_US);
	}
}

struct ws_pool *ws_pool_create(struct loop *loop, const struct ws_params *params)
{
	struct ws_pool *pool = mem_zalloc(sizeof(*pool));
	pool->loop = loop;
	pool->params = *params;
	list_init(&pool->closing);
	pool->sweep = loop_timer_create(loop, pool_sweep, pool);
	return pool;
}

void ws_pool_set_params(struct ws_pool *pool, const struct ws_params *params)
{
	pool->params = *params;
}

void ws_pool_drop_closing(struct ws_pool *pool, size_t bytes)
{
	size_t dropped = 0;
	LIST_FOREACH (&pool->closing, node) {
		struct ws *ws = CONTAINER_OF(node, struct ws, in_closing);
		size_t queued = stream_queued(ws->stream);
		if (dropped >= bytes) {
			return;
		}
		if (queued > 0) {
			dropped += queued;
			ws_end_reset(ws, ERR_NOMEM);
		}
	}
}

size_t ws_pool_closing(const struct ws_pool *pool)
{
	return pool->closing_count;
}

void ws_pool_destroy(struct ws_pool **pool)
{
	if (*pool == NULL) {
		return;
	}
	LIST_FOREACH (&(*pool)->closing, node) {
		ws_end_reset(CONTAINER_OF(node, struct ws, in_closing), ERR_CLOSED);
	}
	loop_timer_destroy(&(*pool)->sweep);
	free(*pool);
	*pool = NULL;
}

struct transport *ws_open(struct ws_pool *pool, struct stream *stream)
{
	struct ws *ws = mem_zalloc(sizeof(*ws));
	ws->base.ops = &ws_ops;
	ws->pool = pool;
	ws->stream = stream;
	ws_reader_init(&ws->reader, WS_SERVER, pool->params.max_frame);
	stream_set_owner(stream, &ws_stream_events, ws);
	ws_watch_drain(ws);
	return &ws->base;
}

void ws_start(struct transport *transport, struct bytes early)
{
	if (early.len > 0) {
		ws_on_data(ws_of(transport), early);
	}
}

char *ws_frame_in_place(char *payload, size_t len, bool binary)
{
	char header[WS_HEADER_MAX];
	size_t header_len = ws_write_header(header, binary ? WS_BINARY : WS_TEXT, true, len, NULL);
	assert(header_len <= WS_HEADROOM);
	memcpy(payload - header_len, header, header_len);
	return payload - header_len;
}
