#include "lib/net/stream.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/net/stream_private.h"

/* A peer that vanished is found when a ping was sent to it, which by default may be 16 s later, and
 * is to be gone within 30 s. */
enum { USER_TIMEOUT_MS = 13000 };
/* Where no pings are sent, the kernel asks: the second time that is not answered comes behind
 * USER_TIMEOUT_MS, and ends it. */
enum { PROBE_AFTER_S = 10, PROBE_AGAIN_S = 4 };

/* ---- the pool ---- */

struct stream_pool *stream_pool_create(struct loop *loop)
{
	struct stream_pool *pool = mem_zalloc(sizeof(*pool));
	pool->loop = loop;
	list_init(&pool->dirty);
	list_init(&pool->lingering);
	list_init(&pool->farewells);
	loop_defer_init(&pool->flush, stream_pool_flush, pool);
	pool->buffer = mem_alloc(STREAM_READ_SIZE);
	return pool;
}

void stream_pool_destroy(struct stream_pool **pool)
{
	struct stream_pool *p = *pool;
	struct list_node *node;
	if (p == NULL) {
		return;
	}
	stream_farewells_drop(p);
	while ((node = list_first(&p->lingering)) != NULL) {
		stream_drop(CONTAINER_OF(node, struct stream_linger, node)->stream);
	}
	assert(p->count == 0);
	loop_defer_cancel(&p->flush);
	free(p->buffer);
	free(p);
	*pool = NULL;
}

void stream_pool_set_sndbuf(struct stream_pool *pool, int bytes)
{
	pool->sndbuf = bytes;
}

size_t stream_pool_count(const struct stream_pool *pool)
{
	return pool->count - pool->lingering_count;
}

void stream_pool_drop_lingering(struct stream_pool *pool, size_t bytes)
{
	size_t dropped = 0;
	LIST_FOREACH (&pool->lingering, node) {
		struct stream *stream = CONTAINER_OF(node, struct stream_linger, node)->stream;
		if (dropped >= bytes) {
			return;
		}
		if (stream->queue.bytes > 0) {
			dropped += stream->queue.bytes;
			stream_drop(stream);
		}
	}
}

size_t stream_pool_lingering(const struct stream_pool *pool)
{
	return pool->lingering_count + pool->farewell_count;
}

struct loop *stream_pool_loop(const struct stream_pool *pool)
{
	return pool->loop;
}

size_t stream_pool_queued(const struct stream_pool *pool)
{
	return pool->queued;
}

/* ---- streams ---- */

static void prepare_socket(int fd, int sndbuf)
{
	const int on = 1;
	const unsigned timeout = USER_TIMEOUT_MS;
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && (flags & O_NONBLOCK) == 0) {
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	}
	/* The first says whether it is TCP. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	}
	if (sndbuf > 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	}
}

struct stream *stream_open(
	struct stream_pool *pool, int fd, const struct stream_events *events, void *ctx)
{
	struct stream *s = mem_zalloc(sizeof(*s));
	prepare_socket(fd, pool->sndbuf);
	s->pool = pool;
	s->fd = fd;
	s->events = events;
	s->ctx = ctx;
	s->watch = loop_fd_open(pool->loop, fd, LOOP_READ, stream_on_ready, s);
	pool->count++;
	return s;
}

void stream_set_owner(struct stream *stream, const struct stream_events *events, void *ctx)
{
	stream->events = events;
	stream->ctx = ctx;
	stream->drain_unwanted = false;
}

void stream_close(struct stream **stream)
{
	if (*stream != NULL) {
		stream_drop(*stream);
		*stream = NULL;
	}
}

static void stream_linger(struct stream **stream, uint64_t limit_us, bool shut)
{
	struct stream *s = *stream;
	if (s == NULL) {
		return;
	}
	*stream = NULL;
	if (s->state == STREAM_DEAF || s->state == STREAM_BROKEN) {
		stream_drop(s);
		return;
	}
	struct stream_linger *linger = mem_zalloc(sizeof(*linger));
	linger->stream = s;
	linger->shut = shut;
	linger->peer_ended = s->state == STREAM_ENDED;
	linger->timer = loop_timer_create(s->pool->loop, stream_on_linger_limit, linger);
	loop_timer_set(linger->timer, limit_us);
	list_append(&s->pool->lingering, &linger->node);
	s->pool->lingering_count++;
	s->linger = linger;
	stream_resume(s);
	stream_set_state(s, STREAM_LINGERING);
	/* The end of the turn sends the rest and our end. */
	stream_mark_dirty(s);
}

void stream_close_flushed(struct stream **stream, uint64_t limit_us)
{
	stream_linger(stream, limit_us, false);
}

void stream_close_answered(struct stream **stream, uint64_t limit_us)
{
	stream_linger(stream, limit_us, true);
}

void stream_reset(struct stream **stream)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct stream *s = *stream;
	if (s == NULL) {
		return;
	}
	if (stream_can_send(s) && s->queue.count > 0 && !s->blocked) {
		stream_write(s);
	}
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_close(stream);
}

void stream_send(struct stream *stream, struct chunk *chunk)
{
	if (chunk->len == 0 || !stream_can_send(stream)) {
		return;
	}
	send_queue_push(&stream->queue, chunk);
	stream->pool->queued += chunk->len;
	if (!stream->blocked) {
		stream_mark_dirty(stream);
	}
}

void stream_send_copy(struct stream *stream, struct bytes b)
{
	struct chunk *chunk = chunk_copy(b);
	stream_send(stream, chunk);
	chunk_unref(chunk);
}

void stream_flush(struct stream *stream)
{
	if (stream->queue.count == 0 || stream->blocked || !stream_can_send(stream)) {
		return;
	}
	list_remove(&stream->dirty);
	stream_write(stream);
	if (stream->drain_due || stream->end_due) {
		stream_mark_dirty(stream);
	}
}

size_t stream_queued(const struct stream *stream)
{
	return stream->queue.bytes;
}

uint64_t stream_stalled_since(const struct stream *stream)
{
	return stream->stalled_us;
}

void stream_want_drain(struct stream *stream, bool want)
{
	stream->drain_unwanted = !want;
}

void stream_set_low(struct stream *stream, size_t low)
{
	stream->low = low;
}

void stream_pause(struct stream *stream)
{
	stream->paused = true;
	if (stream->state == STREAM_DEAF) {
		/* Reading would have found the end; now nothing would. */
		stream_set_state(stream, STREAM_BROKEN);
		loop_fd_set(stream->watch, 0);
		stream->end_due = true;
		stream_mark_dirty(stream);
	}
}

void stream_resume(struct stream *stream)
{
	stream->paused = false;
	if (stream_can_read(stream)) {
		stream_watch(stream, LOOP_READ, true);
	}
}

void stream_probe(struct stream *stream)
{
	const int on = 1, after = PROBE_AFTER_S, again = PROBE_AGAIN_S;
	if (stream->probes) {
		return;
	}
	stream->probes = true;
	/* The first says whether it is TCP. */
	if (setsockopt(stream->fd, IPPROTO_TCP, TCP_KEEPIDLE, &after, sizeof(after)) == 0) {
		setsockopt(stream->fd, IPPROTO_TCP, TCP_KEEPINTVL, &again, sizeof(again));
		setsockopt(stream->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
}

int stream_fd(const struct stream *stream)
{
	return stream->fd;
}

bool stream_is_broken(const struct stream *stream)
{
	return !stream_can_send(stream);
}

void stream_take_queue(struct stream *stream, struct buf *unsent)
{
	send_queue_copy(&stream->queue, unsent);
	stream_drop_queue(stream);
}

int stream_release(struct stream **stream)
{
	struct stream *s = *stream;
	int fd = s->fd;
	assert(s->queue.count == 0);
	*stream = NULL;
	stream_retire(s);
	return fd;
}
