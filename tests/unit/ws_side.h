/* A WebSocket of chatd's on real sockets, its owner, and the peer's plain descriptor, for
 * test_chatd_ws.c and test_chatd_ws_end.c. */
#ifndef TESTS_UNIT_WS_SIDE_H
#define TESTS_UNIT_WS_SIDE_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chatd/transport/ws.h"
#include "lib/loop/loop.h"
#include "tests/unit/tcp_pair.h"
#include "tests/unit/ws_echo.h"

#define CLOSE_TIMEOUT_US 300000
#define NORMAL BYTES_LIT("\x03\xe8")

enum act { NOTHING, CLOSE, ABORT };

struct side {
	struct loop *loop;
	struct stream_pool *streams;
	struct ws_pool *sockets;
	struct stream *stream;
	struct transport *transport; /* NULL once the owner has forgotten it */
	int peer;
	struct buf got; /* payload */
	struct buf heard; /* by the peer */
	int ends, end_err, drains;
	enum act in_payload, in_closing, in_drain;
	bool stays; /* the answer to on_closing */
};

static inline void act(struct side *side, enum act what)
{
	struct transport *transport = side->transport;
	if (what != NOTHING && transport != NULL) {
		side->transport = NULL;
		if (what == CLOSE) {
			transport->ops->close(transport);
		} else {
			transport->ops->abort(transport);
		}
	}
}

static inline void on_payload(void *ctx, struct bytes payload)
{
	struct side *side = ctx;
	assert_non_null(side->transport);
	buf_append_bytes(&side->got, payload);
	act(side, side->in_payload);
}

static inline void on_end(void *ctx, int err)
{
	struct side *side = ctx;
	assert_non_null(side->transport);
	side->transport = NULL;
	side->ends++;
	side->end_err = err;
}

static inline bool on_closing(void *ctx)
{
	struct side *side = ctx;
	act(side, side->in_closing);
	return side->stays;
}

static inline void on_drain(void *ctx)
{
	struct side *side = ctx;
	side->drains++;
	act(side, side->in_drain);
}

static const struct transport_events events = {
	.on_payload = on_payload,
	.on_end = on_end,
	.on_closing = on_closing,
	.on_drain = on_drain,
};

/* tcp: with ends in order and resets; else a pair whose buffer is as small as can be. */
static inline void side_open(struct side *side, bool tcp, struct bytes early)
{
	static const struct stream_events none;
	const struct ws_params params = {CLOSE_TIMEOUT_US, 1000000};
	const int least = 1;
	int ends[2];
	side->loop = loop_create();
	side->streams = stream_pool_create(side->loop);
	side->sockets = ws_pool_create(side->loop, &params);
	if (tcp) {
		tcp_pair(ends);
	} else {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	}
	side->peer = ends[1];
	side->stream = stream_open(side->streams, ends[0], &none, NULL);
	side->transport = ws_open(side->sockets, side->stream);
	transport_own(side->transport, &events, side);
	ws_start(side->transport, early);
}

static inline void turns(struct side *side, int count)
{
	for (int i = 0; i < count; i++) {
		loop_turn(side->loop, 0);
	}
}

static inline void side_finish(struct side *side)
{
	act(side, ABORT);
	turns(side, 2);
	ws_pool_destroy(&side->sockets);
	close(side->peer);
	assert_int_equal(stream_pool_count(side->streams), 0);
	stream_pool_destroy(&side->streams);
	loop_destroy(&side->loop);
	buf_finish(&side->got);
	buf_finish(&side->heard);
}

static inline void say(struct side *side, uint8_t first, struct bytes payload)
{
	struct buf out = {0};
	put_frame(&out, first, payload);
	assert_int_equal(send(side->peer, out.data, out.len, MSG_NOSIGNAL), out.len);
	buf_finish(&out);
	turns(side, 3);
}

/* What the peer can read now. 1: more may come; 0: the end; -1: a reset. */
static inline int listen_once(struct side *side)
{
	char piece[4096];
	ssize_t n = recv(side->peer, piece, sizeof(piece), MSG_DONTWAIT);
	if (n > 0) {
		buf_append(&side->heard, piece, (size_t)n);
		return 1;
	}
	if (n == 0) {
		return 0;
	}
	if (errno == ECONNRESET) {
		return -1;
	}
	assert_int_equal(errno, EAGAIN);
	loop_turn(side->loop, 1);
	return 1;
}

static inline void expect_heard(struct side *side, const char *lines)
{
	for (int i = 0; i < 20; i++) {
		listen_once(side);
	}
	assert_sees("the peer", &side->heard, bytes_str(lines));
	buf_clear(&side->heard);
}

/* end: 0 in order, -1 by a reset. */
static inline void expect_end(struct side *side, const char *lines, int end)
{
	int how = 1;
	for (int i = 0; i < 2000 && how == 1; i++) {
		how = listen_once(side);
	}
	assert_int_equal(how, end);
	assert_sees("the peer", &side->heard, bytes_str(lines));
	buf_clear(&side->heard);
}

static inline void owner_sends(struct side *side, size_t size)
{
	char header[WS_HEADER_MAX];
	size_t len = ws_write_header(header, WS_BINARY, true, size, NULL);
	struct chunk *chunk = chunk_create(len + size);
	memcpy(chunk_space(chunk), header, len);
	memset(chunk_space(chunk) + len, 'x', size);
	side->transport->ops->send(side->transport, chunk);
	chunk_unref(chunk);
}

static inline size_t queued(const struct side *side)
{
	return side->transport->ops->queued(side->transport);
}

/* Sends until so much waits that the kernel did not take. */
static inline void fill(struct side *side, size_t size)
{
	while (queued(side) < size) {
		owner_sends(side, 500);
		turns(side, 1);
	}
}

/* The peer reads until at most so much waits; 0: all. */
static inline void drain(struct side *side, size_t left)
{
	while (side->transport != NULL && queued(side) > left) {
		listen_once(side);
		turns(side, 1);
	}
}

static inline size_t count_in(struct side *side, const char *word)
{
	struct buf lines = {0};
	size_t count = 0;
	for (int i = 0; i < 50; i++) {
		listen_once(side);
	}
	view_frames(&side->heard, &lines);
	for (const char *p = buf_cstr(&lines); (p = strstr(p, word)) != NULL; p++) {
		count++;
	}
	buf_finish(&lines);
	return count;
}

#endif
