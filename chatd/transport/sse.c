#include "chatd/transport/sse.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/list.h"

struct sse {
	struct transport base;
	struct stream *stream; /* NULL once it has ended */
	struct loop *loop;
	struct inbox inbox;
	uint64_t linger_us;
	struct loop_defer burial; /* it is fed from deeper down: freed at the end of the turn */
};

struct chunk *sse_event(struct bytes payload)
{
	static const struct bytes before = BYTES_LIT("data: ");
	static const struct bytes after = BYTES_LIT("\r\n\r\n");
	assert(payload.len == 0 || memchr(payload.ptr, '\n', payload.len) == NULL);
	struct chunk *chunk = chunk_create(before.len + payload.len + after.len);
	char *space = chunk_space(chunk);
	memcpy(space, before.ptr, before.len);
	if (payload.len > 0) {
		memcpy(space + before.len, payload.ptr, payload.len);
	}
	memcpy(space + before.len + payload.len, after.ptr, after.len);
	return chunk;
}

static struct sse *sse_of(struct transport *transport)
{
	return CONTAINER_OF(transport, struct sse, base);
}

static const struct sse *sse_of_const(const struct transport *transport)
{
	return CONTAINER_OF(transport, const struct sse, base);
}

static void sse_bury(void *ctx)
{
	struct sse *sse = ctx;
	inbox_finish(&sse->inbox);
	free(sse);
}

/* The stream is gone. Tells the owner, if there is one. */
static void sse_end(struct sse *sse, int err)
{
	const struct transport_events *events = sse->base.events;
	sse->base.events = NULL;
	inbox_end(&sse->inbox);
	loop_defer(sse->loop, &sse->burial, LOOP_FLUSH);
	if (events != NULL) {
		events->on_end(sse->base.ctx, err);
	}
}

/* ---- the stream ---- */

static void sse_on_data(void *ctx, struct bytes data)
{
	(void)ctx; /* the request is over, and no other one can be answered here */
	(void)data;
}

static void sse_on_end(void *ctx, int err)
{
	struct sse *sse = ctx;
	(void)err;
	stream_close(&sse->stream);
	sse_end(sse, ERR_CLOSED);
}

static void sse_on_drain(void *ctx)
{
	struct sse *sse = ctx;
	if (sse->base.events != NULL) {
		sse->base.events->on_drain(sse->base.ctx);
	}
}

static const struct stream_events sse_stream_events = {
	.on_data = sse_on_data,
	.on_end = sse_on_end,
	.on_drain = sse_on_drain,
};

/* ---- operations ---- */

static void sse_send(struct transport *transport, struct chunk *chunk)
{
	stream_send(sse_of(transport)->stream, chunk);
}

static void sse_close(struct transport *transport)
{
	struct sse *sse = sse_of(transport);
	sse->base.events = NULL;
	stream_close_flushed(&sse->stream, sse->linger_us);
	sse_end(sse, 0);
}

static void sse_abort(struct transport *transport)
{
	struct sse *sse = sse_of(transport);
	sse->base.events = NULL;
	stream_reset(&sse->stream);
	sse_end(sse, ERR_CLOSED);
}

static size_t sse_queued(const struct transport *transport)
{
	return stream_queued(sse_of_const(transport)->stream);
}

static uint64_t sse_stalled_since(const struct transport *transport)
{
	return stream_stalled_since(sse_of_const(transport)->stream);
}

static void sse_set_low(struct transport *transport, size_t low)
{
	stream_set_low(sse_of(transport)->stream, low);
}

static void sse_want_drain(struct transport *transport, bool want)
{
	stream_want_drain(sse_of(transport)->stream, want);
}

static void sse_pause(struct transport *transport)
{
	inbox_pause(&sse_of(transport)->inbox);
}

static void sse_resume(struct transport *transport)
{
	inbox_resume(&sse_of(transport)->inbox);
}

static const struct transport_ops sse_ops = {
	.name = "ServerSentEvents",
	.framing = FRAMING_SSE,
	.text_only = true,
	.send = sse_send,
	.close = sse_close,
	.abort = sse_abort,
	.queued = sse_queued,
	.stalled_since = sse_stalled_since,
	.set_low = sse_set_low,
	.want_drain = sse_want_drain,
	.pause = sse_pause,
	.resume = sse_resume,
};

struct transport *sse_open(struct loop *loop, struct stream *stream, uint64_t linger_us)
{
	struct sse *sse = mem_zalloc(sizeof(*sse));
	sse->base.ops = &sse_ops;
	sse->stream = stream;
	sse->loop = loop;
	sse->linger_us = linger_us;
	inbox_init(&sse->inbox, loop);
	loop_defer_init(&sse->burial, sse_bury, sse);
	stream_set_owner(stream, &sse_stream_events, sse);
	stream_want_drain(stream, false);
	stream_send_copy(stream, BYTES_LIT(":\r\n"));
	return &sse->base;
}

struct inbox *sse_inbox(struct transport *transport)
{
	return &sse_of(transport)->inbox;
}
