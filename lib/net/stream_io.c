#include "lib/net/stream_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"

enum { READS_PER_EVENT = 4 }; /* of a full buffer, then others have their turn */

void stream_set_state(struct stream *s, enum stream_state state)
{
	static const uint8_t allowed[] = {
		[STREAM_OPEN] = 1 << STREAM_DEAF | 1 << STREAM_ENDED | 1 << STREAM_BROKEN |
				1 << STREAM_LINGERING | 1 << STREAM_CLOSED,
		[STREAM_DEAF] = 1 << STREAM_BROKEN | 1 << STREAM_CLOSED,
		[STREAM_ENDED] = 1 << STREAM_BROKEN | 1 << STREAM_LINGERING | 1 << STREAM_CLOSED,
		[STREAM_BROKEN] = 1 << STREAM_CLOSED,
		[STREAM_LINGERING] = 1 << STREAM_CLOSED,
		[STREAM_CLOSED] = 0,
	};
	assert((allowed[s->state] & 1 << state) != 0);
	(void)allowed;
	s->state = (uint8_t)state;
}

bool stream_can_read(const struct stream *s)
{
	return s->state == STREAM_OPEN || s->state == STREAM_DEAF || s->state == STREAM_LINGERING;
}

static void stream_leave(struct stream *s)
{
	s->entered--;
	if (s->entered == 0 && s->state == STREAM_CLOSED) {
		free(s);
	}
}

void stream_watch(struct stream *s, int event, bool on)
{
	int events = loop_fd_events(s->watch);
	loop_fd_set(s->watch, on ? events | event : events & ~event);
}

void stream_mark_dirty(struct stream *s)
{
	struct stream_pool *pool = s->pool;
	if (list_linked(&s->dirty)) {
		return;
	}
	if (list_empty(&pool->dirty)) {
		loop_defer(pool->loop, &pool->flush, LOOP_FLUSH);
	}
	list_append(&pool->dirty, &s->dirty);
}

void stream_drop_queue(struct stream *s)
{
	s->pool->queued -= s->queue.bytes;
	s->stalled_us = 0;
	send_queue_clear(&s->queue);
}

static void linger_finish(struct stream *s)
{
	struct stream_linger *linger = s->linger;
	if (linger == NULL) {
		return;
	}
	s->linger = NULL;
	list_remove(&linger->node);
	s->pool->lingering_count--;
	loop_timer_destroy(&linger->timer);
	free(linger);
}

void stream_retire(struct stream *s)
{
	stream_set_state(s, STREAM_CLOSED);
	linger_finish(s);
	loop_fd_close(&s->watch);
	list_remove(&s->dirty);
	stream_drop_queue(s);
	s->pool->count--;
	s->entered++;
	stream_leave(s);
}

void stream_drop(struct stream *s)
{
	int fd = s->fd;
	stream_retire(s);
	close(fd);
}

/* ---- lingering ---- */

void stream_on_linger_limit(void *ctx)
{
	struct stream_linger *linger = ctx;
	stream_drop(linger->stream);
}

/* After each progress: our end follows the last byte, and the peer's end closes. */
static void linger_step(struct stream *s)
{
	struct stream_linger *linger = s->linger;
	if (s->queue.count > 0) {
		return;
	}
	if (!linger->shut) {
		linger->shut = true;
		if (shutdown(s->fd, SHUT_WR) != 0) {
			linger->peer_ended = true;
		}
	}
	if (linger->peer_ended) {
		stream_drop(s);
	}
}

/* ---- sending ---- */

/* Sending failed. Never calls the owner: that is left to the end of the turn, or to reading. */
static void stream_break(struct stream *s, int error)
{
	bool gone = error == EPIPE || error == ECONNRESET;
	stream_drop_queue(s);
	s->end_err = (int8_t)(gone || error == ETIMEDOUT || error == EHOSTUNREACH ? ERR_CLOSED
										  : ERR_SYSTEM);
	if (s->state == STREAM_LINGERING) {
		/* Nothing can be sent, so there is nothing to wait for. */
		s->linger->shut = s->linger->peer_ended = true;
		return;
	}
	if (s->state == STREAM_OPEN && gone && !s->paused) {
		stream_set_state(s, STREAM_DEAF);
		stream_watch(s, LOOP_WRITE, false);
		return;
	}
	/* An owner who knows of the end already learns that he need not wait for the rest. */
	s->end_due = s->state == STREAM_OPEN;
	s->drain_due = s->state == STREAM_ENDED;
	stream_set_state(s, STREAM_BROKEN);
	loop_fd_set(s->watch, 0);
	stream_mark_dirty(s);
}

static bool fell_to(size_t before, size_t after, size_t mark)
{
	return before > mark && after <= mark;
}

void stream_write(struct stream *s)
{
	size_t before = s->queue.bytes;
	int error = 0;
	bool full = false;
	while (s->queue.count > 0 && !full && error == 0) {
		size_t asked;
		ssize_t n = send_queue_send(&s->queue, s->fd, &asked);
		if (n >= 0) {
			/* A part: the rest would find no room either. */
			full = (size_t)n < asked;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			full = true;
		} else if (errno != EINTR) {
			error = errno;
		}
	}
	size_t after = s->queue.bytes;
	s->pool->queued -= before - after;
	if (full != s->blocked) {
		s->blocked = full;
		stream_watch(s, LOOP_WRITE, full);
	}
	if (after == 0) {
		s->stalled_us = 0;
	} else if (after < before || s->stalled_us == 0) {
		s->stalled_us = loop_now_us(s->pool->loop);
	}
	if (error != 0) {
		stream_break(s, error);
	} else if (fell_to(before, after, 0) || fell_to(before, after, s->low / 2)) {
		s->drain_due = true;
	}
}

/* Tells the owner what writing led to. */
static void stream_tell(struct stream *s)
{
	const struct stream_events *events = s->events;
	bool end = s->end_due;
	bool drain = s->drain_due;
	s->end_due = s->drain_due = false;
	if (s->state == STREAM_LINGERING) {
		linger_step(s);
	} else if (end) {
		events->on_end(s->ctx, s->end_err);
	} else if (drain && !s->drain_unwanted && s->state != STREAM_CLOSED &&
		   events->on_drain != NULL) {
		events->on_drain(s->ctx);
	}
}

static void stream_write_and_tell(struct stream *s)
{
	s->entered++;
	if (stream_can_send(s)) {
		stream_write(s);
	}
	/* Breaking marks it for the end of the turn, which is here. */
	list_remove(&s->dirty);
	stream_tell(s);
	stream_leave(s);
}

/* One round: what callbacks send meanwhile is flushed in the next, after its gathering. */
void stream_pool_flush(void *ctx)
{
	struct stream_pool *pool = ctx;
	struct list round;
	struct list_node *node;
	list_take_all(&round, &pool->dirty);
	while ((node = list_pop(&round)) != NULL) {
		stream_write_and_tell(CONTAINER_OF(node, struct stream, dirty));
	}
}

/* ---- reading ---- */

static void stream_peer_ended(struct stream *s)
{
	stream_watch(s, LOOP_READ, false);
	if (s->state == STREAM_LINGERING) {
		s->linger->peer_ended = true;
		linger_step(s);
	} else if (s->state == STREAM_OPEN) {
		stream_set_state(s, STREAM_ENDED);
		s->events->on_end(s->ctx, 0);
	} else {
		stream_set_state(s, STREAM_BROKEN);
		loop_fd_set(s->watch, 0);
		s->events->on_end(s->ctx, s->end_err);
	}
}

static void stream_read_failed(struct stream *s, int error)
{
	if (s->state == STREAM_LINGERING) {
		stream_drop(s);
		return;
	}
	bool gone = error == ECONNRESET || error == EPIPE || error == ETIMEDOUT ||
		    error == EHOSTUNREACH || error == ENETUNREACH;
	stream_drop_queue(s);
	stream_set_state(s, STREAM_BROKEN);
	loop_fd_set(s->watch, 0);
	s->events->on_end(s->ctx, gone ? ERR_CLOSED : ERR_SYSTEM);
}

/* Whether more may be waiting. */
static bool stream_read_once(struct stream *s)
{
	ssize_t n = recv(s->fd, s->pool->buffer, STREAM_READ_SIZE, 0);
	if (n == 0) {
		stream_peer_ended(s);
		return false;
	}
	if (n < 0) {
		int error = errno;
		if (error != EAGAIN && error != EWOULDBLOCK && error != EINTR) {
			stream_read_failed(s, error);
		}
		return error == EINTR;
	}
	if (s->state != STREAM_LINGERING) {
		s->events->on_data(s->ctx, bytes_of(s->pool->buffer, (size_t)n));
	}
	return n == STREAM_READ_SIZE;
}

static void stream_read(struct stream *s)
{
	bool more = true;
	for (int i = 0; i < READS_PER_EVENT && more && stream_can_read(s); i++) {
		if (s->paused) {
			/* Only now: many a pause is over before anything arrives. */
			stream_watch(s, LOOP_READ, false);
			return;
		}
		more = stream_read_once(s);
	}
}

void stream_on_ready(void *ctx, int events)
{
	struct stream *s = ctx;
	s->entered++;
	if ((events & LOOP_READ) != 0) {
		stream_read(s);
	}
	if ((events & LOOP_WRITE) != 0 && s->blocked && s->state != STREAM_CLOSED) {
		stream_write_and_tell(s);
	}
	stream_leave(s);
}
