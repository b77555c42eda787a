/* The HTTP server over a socket pair on a real loop. The input is a row of commands: a byte below
 * 0xf0 sends that many of the bytes behind it; the others turn the loop, answer, abort or upgrade
 * what is pending, or end the peer's side. What the handler does with a request is in its path. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chatd/net/http_conn.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"
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
};

struct peer {
	struct http_server *server;
	struct loop *loop;
	int fd;
	struct http_exchange *pending;
	struct stream *stream;
	struct buf rest;
	bool answer_when_gone;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void answer(struct peer *peer, struct http_exchange *x)
{
	if (peer->pending == x) {
		peer->pending = NULL;
	}
	http_respond(x, 200, "text/plain", NULL, x->body);
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
	if (peer->pending == x) {
		peer->pending = NULL;
	}
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
	default:
		answer(peer, x);
		break;
	}
}

static enum http_decision on_head(void *ctx, struct http_exchange *x, size_t *body_max)
{
	(void)ctx;
	*body_max = 4096;
	return x->path.len > 1 && x->path.ptr[1] == 'n' ? HTTP_ANSWER_NOW : HTTP_READ_BODY;
}

static const struct http_handler handler = {.on_head = on_head, .on_request = on_request};

static void read_all(struct peer *peer)
{
	char chunk[4096];
	while (recv(peer->fd, chunk, sizeof(chunk), MSG_DONTWAIT) > 0) {
	}
}

static void run_command(struct peer *peer, uint8_t command)
{
	switch (command) {
	case ANSWER:
	case ABORT:
	case UPGRADE:
		if (peer->pending == NULL) {
			break;
		}
		if (command == ANSWER) {
			answer(peer, peer->pending);
		} else if (command == UPGRADE) {
			upgrade(peer, peer->pending);
		} else {
			http_abort(peer->pending);
			peer->pending = NULL;
		}
		break;
	case SHUT:
		shutdown(peer->fd, SHUT_WR);
		break;
	case DRAIN:
		http_server_drain(peer->server);
		break;
	case FORGET_GONE:
		if (peer->pending != NULL) {
			http_on_gone(peer->pending, NULL, NULL);
		}
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
	struct peer peer = {.loop = loop_create()};
	struct stream_pool *pool = stream_pool_create(peer.loop);
	int fds[2];
	log_set_level(LOG_OFF);
	limits.pipeline_max = 64;
	limits.drain_max = 256;
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
		answer(&peer, peer.pending);
	}
	http_server_destroy(&peer.server);
	if (peer.pending != NULL) {
		answer(&peer, peer.pending);
	}
	stream_close(&peer.stream);
	stream_pool_destroy(&pool);
	loop_destroy(&peer.loop);
	buf_finish(&peer.rest);
	return 0;
}
