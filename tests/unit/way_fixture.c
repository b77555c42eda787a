#include "tests/unit/way_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/loop/loop.h"
#include "lib/net/stream.h"

/* ---- the owner ---- */

static void act(struct way *way)
{
	if (way->act != NULL) {
		way->act(way);
	}
}

static void on_payload(void *ctx, struct bytes payload)
{
	struct way *way = ctx;
	assert_true(payload.len > 0);
	buf_append_bytes(&way->payload, payload);
	way->payloads++;
	act(way);
}

static void on_end(void *ctx, int err)
{
	struct way *way = ctx;
	way->ends++;
	way->end_err = err;
	if (way->events) {
		way->transport = NULL;
	}
}

static void on_terminate(void *ctx)
{
	struct way *way = ctx;
	way->terminates++;
	act(way);
}

static void on_drain(void *ctx)
{
	struct way *way = ctx;
	way->drains++;
	act(way);
}

static const struct transport_events owner = {
	.on_payload = on_payload,
	.on_end = on_end,
	.on_terminate = on_terminate,
	.on_drain = on_drain,
};

static void on_ended(void *ctx)
{
	struct way *way = ctx;
	assert_int_equal(way->ended, 0);
	way->ended++;
	way->transport = NULL;
	way->inbox = NULL;
}

/* ---- the handler ---- */

static void open_events(struct way *way, struct http_exchange *x)
{
	struct stream *stream = NULL;
	if (http_respond_endless(x, SSE_CONTENT_TYPE, SSE_HEADERS, &stream) != 0) {
		http_respond(x, 400, NULL, NULL, BYTES_NONE);
		return;
	}
	way->transport = sse_open(way->http->loop, stream, CLOSE_TIMEOUT_US);
	way->inbox = sse_inbox(way->transport);
	transport_own(way->transport, &owner, way);
	if (way->early != NULL) {
		inbox_inherit(way->inbox, way->early);
	}
	inbox_start(way->inbox, way->transport);
}

static bool serve(struct http_fixture *f, struct http_exchange *x)
{
	struct way *way = f->test;
	enum http1_method method = x->head.method;
	if (way->events && method == HTTP1_GET && way->transport == NULL) {
		open_events(way, x);
	} else if (method == HTTP1_POST && way->inbox != NULL) {
		inbox_take(way->inbox, x);
	} else if (way->transport == NULL || way->events) {
		inbox_no_connection(x, NULL);
	} else if (method == HTTP1_DELETE) {
		longpoll_delete(way->transport, x);
	} else {
		longpoll_take(way->transport, x);
	}
	return true;
}

static struct way *way_create(void)
{
	struct way *way = mem_zalloc(sizeof(*way));
	void *http = NULL;
	fake_time_freeze();
	assert_int_equal(http_setup(&http), 0);
	way->http = http;
	way->http->test = way;
	way->http->serve = serve;
	way->http->limits.body_max = 4 * 1024 * 1024;
	http_server_set_limits(way->http->server, &way->http->limits);
	return way;
}

int way_setup_events(void **state)
{
	struct way *way = way_create();
	way->events = true;
	*state = way;
	return 0;
}

int way_setup_polls(void **state)
{
	static const struct longpoll_params params = {
		.poll_timeout_us = POLL_TIMEOUT_US,
		.away_timeout_us = AWAY_TIMEOUT_US,
		.close_timeout_us = CLOSE_TIMEOUT_US,
	};
	struct way *way = way_create();
	way->pool = longpoll_pool_create(way->http->loop, &params);
	way->transport = longpoll_open(way->pool, on_ended, way);
	transport_own(way->transport, &owner, way);
	way->inbox = longpoll_inbox(way->transport);
	inbox_start(way->inbox, way->transport);
	*state = way;
	return 0;
}

/* In the order of a worker: the server first, whose exchanges and answers are told to be gone. */
int way_teardown(void **state)
{
	struct way *way = *state;
	void *http = way->http;
	http_server_destroy(&way->http->server);
	if (way->pool != NULL) {
		longpoll_pool_abort(way->pool);
		assert_int_equal(longpoll_pool_queued(way->pool), 0);
		assert_int_equal(way->ended, 1); /* once, whatever happened */
	} else if (way->transport != NULL) {
		way_abort(way);
	}
	assert_true(way->ends <= 1);
	loop_turn(way->http->loop, 0);
	longpoll_pool_destroy(&way->pool);
	for (unsigned i = 0; i < way->peer_count; i++) {
		if (way->peers[i].fd >= 0) {
			close(way->peers[i].fd);
		}
		buf_finish(&way->peers[i].got);
	}
	buf_finish(&way->payload);
	free(way);
	return http_teardown(&http);
}

/* ---- peers ---- */

struct peer *peer_open(struct way *way)
{
	assert_true(way->peer_count < WAY_PEERS);
	struct peer *peer = &way->peers[way->peer_count++];
	int first = way->http->client;
	http_connect_early(way->http, BYTES_NONE);
	peer->fd = way->http->client;
	way->http->client = first;
	return peer;
}

void peer_drop(struct way *way, struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
	way_turn(way);
}

static void peer_send(struct way *way, struct peer *peer, struct bytes bytes)
{
	while (bytes.len > 0) {
		ssize_t sent = send(peer->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (sent < 0) {
			assert_int_equal(errno, EAGAIN);
			sent = 0;
		}
		bytes = bytes_of(bytes.ptr + sent, bytes.len - (size_t)sent);
		way_turn(way);
	}
}

static void peer_request(
	struct way *way, struct peer *peer, const char *method, struct bytes body, bool has_body)
{
	struct buf request = {0};
	buf_printf(&request, "%s /hub HTTP/1.1\r\nHost: h\r\n", method);
	if (has_body) {
		buf_printf(&request, "Content-Length: %zu\r\n", body.len);
	}
	buf_append_str(&request, "\r\n");
	buf_append_bytes(&request, body);
	peer_send(way, peer, buf_bytes(&request));
	buf_finish(&request);
}

void peer_get(struct way *way, struct peer *peer)
{
	peer_request(way, peer, "GET", BYTES_NONE, false);
}

void peer_post_bytes(struct way *way, struct peer *peer, struct bytes body)
{
	peer_request(way, peer, "POST", body, true);
}

void peer_post(struct way *way, struct peer *peer, const char *body)
{
	peer_post_bytes(way, peer, bytes_str(body));
}

void peer_delete(struct way *way, struct peer *peer)
{
	peer_request(way, peer, "DELETE", BYTES_NONE, false);
}

/* Takes one answer off what came: its status, and where its body lies. */
static int take_answer(struct peer *peer, struct bytes *ret_body)
{
	static const char length[] = "Content-Length: ";
	static struct buf last;
	if (peer->got.len == 0) {
		fail_msg("no answer");
	}
	buf_clear(&last);
	buf_append_bytes(&last, buf_bytes(&peer->got));
	const char *text = buf_cstr(&last);
	const char *end = strstr(text, "\r\n\r\n");
	assert_non_null(end);
	const char *size = strstr(text, length);
	size_t len = size != NULL && size < end ? strtoul(size + strlen(length), NULL, 10) : 0;
	size_t head = (size_t)(end - text) + 4;
	assert_true(peer->got.len >= head + len);
	buf_consume(&peer->got, head + len);
	*ret_body = bytes_of(text + head, len);
	return atoi(text + strlen("HTTP/1.1 "));
}

void peer_expect(struct peer *peer, int status, const char *body)
{
	struct bytes got;
	assert_int_equal(take_answer(peer, &got), status);
	if (!bytes_eq(got, bytes_str(body))) {
		fail_msg("\"%.*s\" is not \"%s\"", BYTES_ARG(got), body);
	}
}

void peer_expect_nothing(const struct peer *peer)
{
	if (peer->got.len > 0) {
		fail_msg("unasked: %.*s", BYTES_ARG(buf_bytes(&peer->got)));
	}
}

void peer_stall(struct way *way, struct peer *peer)
{
	peer->slow = true;
	way_send_fill(way, 'b', WAY_BIG);
	way_turn(way);
}

void peer_read_big(struct way *way, struct peer *peer)
{
	struct bytes body;
	peer->slow = false;
	for (int i = 0; i < 20; i++) {
		way_turn(way);
	}
	assert_int_equal(take_answer(peer, &body), 200);
	assert_int_equal(body.len, WAY_BIG);
}

static void peer_receive(struct peer *peer)
{
	static char chunk[65536];
	ssize_t n;
	while ((n = recv(peer->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
		buf_append(&peer->got, chunk, (size_t)n);
	}
	peer->closed = peer->closed || n == 0 || errno == ECONNRESET;
}

struct peer *peer_away(struct way *way)
{
	struct peer *peer = peer_open(way);
	peer_get(way, peer);
	peer_expect(peer, 200, "");
	return peer;
}

struct peer *peer_parked(struct way *way)
{
	struct peer *peer = peer_away(way);
	peer_get(way, peer);
	peer_expect_nothing(peer);
	return peer;
}

struct peer *peer_polling(struct way *way)
{
	struct peer *peer = peer_open(way);
	peer_get(way, peer);
	return peer;
}

/* ---- turning ---- */

void way_turn(struct way *way)
{
	for (int i = 0; i < 4; i++) {
		loop_turn(way->http->loop, 0);
		for (unsigned peer = 0; peer < way->peer_count; peer++) {
			if (way->peers[peer].fd >= 0 && !way->peers[peer].slow) {
				peer_receive(&way->peers[peer]);
			}
		}
	}
}

void way_sleep(struct way *way, uint64_t us)
{
	const uint64_t step = 250000;
	for (uint64_t slept = 0; slept < us; slept += step) {
		fake_time_skip(step);
		way_turn(way);
	}
}

void way_send_fill(struct way *way, char fill, size_t size)
{
	struct chunk *chunk = chunk_create(size);
	memset(chunk_space(chunk), fill, size);
	way->transport->ops->send(way->transport, chunk);
	chunk_unref(chunk);
}

void way_send(struct way *way, const char *text)
{
	struct chunk *chunk = chunk_copy(bytes_str(text));
	way->transport->ops->send(way->transport, chunk);
	chunk_unref(chunk);
}

void way_close(struct way *way)
{
	struct transport *transport = way->transport;
	if (way->events) {
		way->transport = NULL;
	}
	transport->ops->close(transport);
}

void way_abort(struct way *way)
{
	struct transport *transport = way->transport;
	if (way->events) {
		way->transport = NULL;
	}
	transport->ops->abort(transport);
}

void way_expect_payload(struct way *way, const char *text)
{
	assert_string_equal(way->payload.len > 0 ? buf_cstr(&way->payload) : "", text);
	buf_clear(&way->payload);
}

void way_say_goodbye(struct way *way)
{
	way->act = NULL;
	way_send(way, "bye");
	way_close(way);
}

void way_say_nothing(struct way *way)
{
	way->act = NULL;
	way_close(way);
}
