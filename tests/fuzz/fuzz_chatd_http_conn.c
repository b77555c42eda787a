/* The HTTP server over a socket pair on a real loop. The input is a row of commands: a byte below
 * 0xf0 sends that many of the bytes behind it; the others turn the loop, answer, abort, upgrade or
 * move what is pending, or end the peer's side. What the handler does with a request is in its
 * path. A connection that moves comes back to the same server. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chatd/net/http_conn.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"
#include "lib/net/chunk.h"
#include "lib/net/stream.h"

enum command {
	FIRST_COMMAND = 0xf0,
	TURN = 0xf0,
	ANSWER = 0xf1,
	ABORT = 0xf2,
	UPGRADE = 0xf3,
	SHUT = 0xf4,
	DRAIN = 0xf5,
	FORGET_GONE = 0xf6,
	READ = 0xf7,
	ANSWER_CHUNKS = 0xf8,
	MOVE = 0xf9,
};

struct peer {
	struct http_server *server;
	struct loop *loop;
	int fd;
	struct http_exchange *pending;
	struct stream *stream;
	struct buf rest;
	bool answer_when_gone;
	struct chunk *chunk; /* what answers are made of */
	unsigned waiting; /* answers whose end was not told yet */
	unsigned moves;
};

enum { MOVES_MAX = 8, CHUNK_SIZE = 40000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Answered, or moved, before its body. */
static bool is_now(const struct http_exchange *x)
{
	return x->path.len > 1 && (x->path.ptr[1] == 'n' || x->path.ptr[1] == 'm');
}

static void up_data(void *ctx, struct bytes data)
{
	(void)ctx;
	(void)data;
}

static void up_end(void *ctx, int err)
{
	struct peer *peer = ctx;
	(void)err;
	stream_close(&peer->stream);
}

static const struct stream_events up_events = {up_data, up_end, NULL};

static void let_go(struct peer *peer, const struct http_exchange *x)
{
	if (peer->pending == x) {
		peer->pending = NULL;
	}
}

static void answer(struct peer *peer, struct http_exchange *x)
{
	let_go(peer, x);
	http_respond(x, 200, "text/plain", NULL, x->body);
}

static void on_written(void *ctx, int err)
{
	struct peer *peer = ctx;
	assert(err == 0 || err == ERR_CLOSED);
	assert(peer->waiting > 0);
	peer->waiting--;
}

static void answer_chunks(struct peer *peer, struct http_exchange *x)
{
	struct chunk *const chunks[] = {peer->chunk, peer->chunk, peer->chunk};
	unsigned before = ++peer->waiting;
	let_go(peer, x);
	http_respond_chunks(x, 200, NULL, NULL, chunks, x->path.len % 4, on_written, peer);
	assert(peer->waiting == before);
}

/* Only so often, and only where nothing of a body was used. */
static void move(struct peer *peer, struct http_exchange *x)
{
	struct http_moved moved;
	bool may = peer->moves < MOVES_MAX && (x->head.framing == HTTP1_BODY_NONE || is_now(x));
	if (!may || http_move(x, &moved) != 0) {
		answer_chunks(peer, x);
		return;
	}
	let_go(peer, x);
	peer->moves++;
	if (peer->moves % 4 == 0) {
		http_moved_drop(&moved);
	} else {
		http_server_adopt_moved(peer->server, &moved);
	}
}

static void upgrade(struct peer *peer, struct http_exchange *x)
{
	struct stream *stream = NULL;
	buf_clear(&peer->rest);
	if (peer->stream != NULL ||
		http_upgrade(x, BYTES_LIT("HTTP/1.1 101 x\r\n\r\n"), &stream, &peer->rest) != 0) {
		answer(peer, x);
		return;
	}
	let_go(peer, x);
	peer->stream = stream;
	stream_set_owner(stream, &up_events, peer);
}

static void on_gone(void *ctx)
{
	struct peer *peer = ctx;
	assert(peer->pending != NULL && http_is_gone(peer->pending));
	if (peer->answer_when_gone) {
		answer(peer, peer->pending);
	}
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct peer *peer = ctx;
	assert(peer->pending == NULL);
	assert(x->path.len > 0 && x->path.ptr[x->path.len] == '\0');
	switch (x->path.len > 1 ? x->path.ptr[1] : 0) {
	case 'l':
	case 'g':
		peer->pending = x;
		peer->answer_when_gone = x->path.ptr[1] == 'g';
		http_on_gone(x, on_gone, peer);
		break;
	case 'a':
		http_abort(x);
		break;
	case 'u':
		upgrade(peer, x);
		break;
	case 'c':
		answer_chunks(peer, x);
		break;
	case 'm':
		move(peer, x);
		break;
	default:
		answer(peer, x);
		break;
	}
}

static enum http_decision on_head(void *ctx, struct http_exchange *x, size_t *body_max)
{
	(void)ctx;
	*body_max = 4096;
	return is_now(x) ? HTTP_ANSWER_NOW : HTTP_READ_BODY;
}

static const struct http_handler handler = {.on_head = on_head, .on_request = on_request};

static void read_all(struct peer *peer)
{
	char chunk[4096];
	while (recv(peer->fd, chunk, sizeof(chunk), MSG_DONTWAIT) > 0) {
	}
}

static void run_pending(struct peer *peer, uint8_t command)
{
	struct http_exchange *x = peer->pending;
	if (x == NULL) {
		return;
	}
	switch (command) {
	case ABORT:
		http_abort(x);
		peer->pending = NULL;
		break;
	case UPGRADE:
		upgrade(peer, x);
		break;
	case ANSWER_CHUNKS:
		answer_chunks(peer, x);
		break;
	case MOVE:
		move(peer, x);
		break;
	case FORGET_GONE:
		http_on_gone(x, NULL, NULL);
		break;
	default:
		answer(peer, x);
		break;
	}
}

static void run_command(struct peer *peer, uint8_t command)
{
	switch (command) {
	case ANSWER:
	case ABORT:
	case UPGRADE:
	case FORGET_GONE:
	case ANSWER_CHUNKS:
	case MOVE:
		run_pending(peer, command);
		break;
	case SHUT:
		shutdown(peer->fd, SHUT_WR);
		break;
	case DRAIN:
		http_server_drain(peer->server);
		break;
	case READ:
		read_all(peer);
		break;
	default:
		loop_turn(peer->loop, 0);
		break;
	}
}

static void run_input(struct peer *peer, const uint8_t *data, size_t size)
{
	while (size > 0) {
		uint8_t command = *data++;
		size--;
		if (command >= FIRST_COMMAND) {
			run_command(peer, command);
			continue;
		}
		size_t len = command < size ? command : size;
		if (send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			return;
		}
		data += len;
		size -= len;
		loop_turn(peer->loop, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_limits limits = http_limits_default;
	struct peer peer = {.loop = loop_create(), .chunk = chunk_create(CHUNK_SIZE)};
	memset(chunk_space(peer.chunk), 'c', CHUNK_SIZE);
	struct stream_pool *pool = stream_pool_create(peer.loop);
	int fds[2];
	log_set_level(LOG_OFF);
	limits.pipeline_max = 64;
	limits.drain_max = 256;
	limits.bodies_max = 2048;
	struct http_server_params params = {.loop = peer.loop,
		.pool = pool,
		.clock = &clock_system,
		.limits = &limits,
		.handler = &handler,
		.ctx = &peer};
	peer.server = http_server_create(&params);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) {
		peer.fd = fds[0];
		http_server_adopt(peer.server, fds[1], "peer");
		run_input(&peer, data, size);
		close(peer.fd);
		loop_turn(peer.loop, 0);
		loop_turn(peer.loop, 0);
	}
	if (size % 2 == 0 && peer.pending != NULL) {
		answer_chunks(&peer, peer.pending);
	}
	http_server_destroy(&peer.server);
	if (peer.pending != NULL) {
		answer_chunks(&peer, peer.pending);
	}
	loop_turn(peer.loop, 0);
	stream_close(&peer.stream);
	stream_pool_destroy(&pool);
	loop_destroy(&peer.loop);
	buf_finish(&peer.rest);
	assert(peer.waiting == 0 && peer.chunk->refs == 1);
	chunk_unref(peer.chunk);
	return 0;
}
