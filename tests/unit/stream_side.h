/* A stream under test with a plain socket as its peer, for test_stream.c and test_stream_end.c. */
#ifndef TESTS_UNIT_STREAM_SIDE_H
#define TESTS_UNIT_STREAM_SIDE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/net/stream.h"
#include "tests/unit/tcp_pair.h"

static struct loop *loop;
static struct stream_pool *pool;

/* One stream under test, the peer's plain descriptor, and what the owner was told. */
struct side {
	struct stream *stream;
	int peer;
	struct buf got;
	int data_calls, ends, end_err, drains;
	void (*on_data)(struct side *side); /* what the test does inside */
	void (*on_drain)(struct side *side);
	void (*on_end)(struct side *side);
};

static inline void side_data(void *ctx, struct bytes data)
{
	struct side *side = ctx;
	assert_int_equal(side->ends, 0);
	side->data_calls++;
	buf_append_bytes(&side->got, data);
	if (side->on_data != NULL) {
		side->on_data(side);
	}
}

static inline void side_end(void *ctx, int err)
{
	struct side *side = ctx;
	side->ends++;
	side->end_err = err;
	if (side->on_end != NULL) {
		side->on_end(side);
	}
}

static inline void side_drain(void *ctx)
{
	struct side *side = ctx;
	side->drains++;
	if (side->on_drain != NULL) {
		side->on_drain(side);
	}
}

static const struct stream_events side_events = {side_data, side_end, side_drain};

static inline void side_open(struct side *side, bool tcp)
{
	const struct timeval patience = {10, 0};
	int ends[2];
	*side = (struct side){0};
	if (tcp) {
		tcp_pair(ends);
	} else {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	}
	setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	side->peer = ends[1];
	side->stream = stream_open(pool, ends[0], &side_events, side);
}

static inline void side_finish(struct side *side)
{
	stream_close(&side->stream);
	if (side->peer >= 0) {
		close(side->peer);
	}
	buf_finish(&side->got);
}

static inline void turns(int count)
{
	for (int i = 0; i < count; i++) {
		loop_turn(loop, 0);
	}
}

/* Turns until *value is at least wanted, or fails. */
static inline void turn_until(const int *value, int wanted)
{
	for (int i = 0; i < 500 && *value < wanted; i++) {
		loop_turn(loop, 20);
	}
	assert_true(*value >= wanted);
}

static inline void peer_send(struct side *side, const char *text)
{
	assert_int_equal(send(side->peer, text, strlen(text), 0), strlen(text));
}

static inline void assert_peer_gets(struct side *side, const char *text)
{
	char got[4096];
	ssize_t n = recv(side->peer, got, sizeof(got), 0);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static inline void assert_peer_sees_end(struct side *side)
{
	char byte;
	assert_int_equal(recv(side->peer, &byte, 1, 0), 0);
}

/* Queues until the kernel takes no more, and flushes. */
static inline size_t fill(struct side *side)
{
	struct chunk *chunk = chunk_create(65536);
	size_t sent = 0;
	memset(chunk_space(chunk), 'f', 65536);
	for (int i = 0; i < 1000 && stream_queued(side->stream) == 0; i++) {
		stream_send(side->stream, chunk);
		stream_flush(side->stream);
		sent += 65536;
	}
	assert_true(stream_queued(side->stream) > 0);
	chunk_unref(chunk);
	return sent;
}

/* Reads what is there now. */
static inline size_t peer_drain(struct side *side)
{
	static char got[1 << 20];
	size_t all = 0;
	ssize_t n;
	while ((n = recv(side->peer, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		all += (size_t)n;
	}
	return all;
}

static inline int stream_setup(void **state)
{
	(void)state;
	loop = loop_create();
	pool = stream_pool_create(loop);
	return 0;
}

static inline int stream_teardown(void **state)
{
	(void)state;
	assert_int_equal(stream_pool_queued(pool), 0);
	assert_int_equal(stream_pool_count(pool), 0);
	stream_pool_destroy(&pool);
	assert_null(pool);
	loop_destroy(&loop);
	return 0;
}

#endif
