#include "chatd/net/http_conn.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/net/http_internal.h"
#include "lib/base/log.h"
#include "lib/metrics/metrics.h"
#include "lib/net/stream.h"

#define SECOND_US ((uint64_t)1000000)
/* While draining, a client that has to come again has so long for it. */
#define AGAIN_US (2 * SECOND_US)

const struct http_limits http_limits_default = {
	.head = {.head_max = 16384, .line_max = 8192, .headers_max = HTTP1_HEADERS_MAX},
	.body_max = 131072,
	.drain_max = 65536,
	.pipeline_max = 16384,
	.header_timeout_us = 15 * SECOND_US,
	.idle_timeout_us = 130 * SECOND_US,
	.body_grace_us = 5 * SECOND_US,
	.body_rate = 240,
	.send_stall_us = 10 * SECOND_US,
	.sweep_us = SECOND_US / 2,
};

/* ---- deadlines ---- */

static bool is_over(const struct http_server *server, const struct http_conn *conn, uint64_t limit)
{
	return loop_now_us(server->params.loop) - conn->since >= limit;
}

/* These lists are in the order of their deadlines: the first that is not due ends the look. */
static void sweep_ordered(struct http_server *server, enum http_conn_state state, uint64_t limit)
{
	struct list_node *node;
	while ((node = list_first(&server->lists[state])) != NULL) {
		struct http_conn *conn = CONTAINER_OF(node, struct http_conn, node);
		if (!is_over(server, conn, limit)) {
			return;
		}
		if (conn->in.len > 0) {
			http_conn_fail(conn, 408, "The request head took too long.");
		} else {
			http_conn_destroy(conn);
		}
	}
}

static void sweep_bodies(struct http_server *server, enum http_conn_state state)
{
	const struct http_limits *limits = &server->limits;
	LIST_FOREACH (&server->lists[state], node) {
		struct http_conn *conn = CONTAINER_OF(node, struct http_conn, node);
		uint64_t earned = conn->body_got * SECOND_US / limits->body_rate;
		if (!is_over(server, conn, limits->body_grace_us + earned)) {
			continue;
		}
		if (state == HTTP_CONN_BODY) {
			http_conn_fail(conn, 408, "The body came too slowly.");
		} else {
			http_conn_destroy(conn);
		}
	}
}

/* Where an answer may wait to be read: it makes no progress, or never will. */
static void sweep_stalled(struct http_server *server, enum http_conn_state state)
{
	uint64_t now = loop_now_us(server->params.loop);
	LIST_FOREACH (&server->lists[state], node) {
		struct http_conn *conn = CONTAINER_OF(node, struct http_conn, node);
		uint64_t stalled = stream_stalled_since(conn->stream);
		if (stream_is_broken(conn->stream) ||
			(stalled != 0 && now - stalled >= server->limits.send_stall_us)) {
			stream_reset(&conn->stream);
			http_conn_destroy(conn);
		}
	}
}

/* The one with the most in its send queue, or NULL where all are empty; *ret_total: in all. */
static struct http_conn *find_largest(const struct http_server *server, size_t *ret_total)
{
	struct http_conn *largest = NULL;
	size_t most = 0;
	*ret_total = 0;
	for (size_t i = 0; i < HTTP_CONN_CLOSED; i++) {
		LIST_FOREACH (&server->lists[i], node) {
			struct http_conn *conn = CONTAINER_OF(node, struct http_conn, node);
			size_t queued = stream_queued(conn->stream);
			*ret_total += queued;
			if (queued > most) {
				most = queued;
				largest = conn;
			}
		}
	}
	return largest;
}

/* Who reads a little now and then does not stall, and yet holds its answer: all of them together
 * are bounded. */
static void bound_queues(struct http_server *server)
{
	size_t max = server->limits.queue_max;
	size_t total;
	if (max == 0 || stream_pool_queued(server->params.pool) <= max) {
		return;
	}
	for (;;) {
		struct http_conn *largest = find_largest(server, &total);
		if (total <= max) {
			return;
		}
		if (server->params.metrics != NULL) {
			server->params.metrics->send_memory_dropped++;
		}
		log_event(LOG_INFO, "slow client dropped", LOG_STR("limit", "send_memory"),
			LOG_STR("peer", largest->peer),
			LOG_INT("queued", stream_queued(largest->stream)));
		stream_reset(&largest->stream);
		http_conn_destroy(largest);
	}
}

static void sweep(void *ctx)
{
	struct http_server *server = ctx;
	const struct http_limits *limits = &server->limits;
	sweep_ordered(server, HTTP_CONN_NEW, limits->header_timeout_us);
	sweep_ordered(server, HTTP_CONN_HEAD, limits->header_timeout_us);
	sweep_ordered(
		server, HTTP_CONN_IDLE, server->draining ? AGAIN_US : limits->idle_timeout_us);
	sweep_bodies(server, HTTP_CONN_BODY);
	sweep_bodies(server, HTTP_CONN_DRAINING);
	sweep_stalled(server, HTTP_CONN_DRAINING);
	sweep_stalled(server, HTTP_CONN_WRITING);
	bound_queues(server);
	if (server->count > 0) {
		loop_timer_set(server->sweep, limits->sweep_us);
	}
}

/* ---- the server ---- */

struct http_server *http_server_create(const struct http_server_params *params)
{
	struct http_server *server = mem_zalloc(sizeof(*server));
	server->params = *params;
	server->limits = params->limits != NULL ? *params->limits : http_limits_default;
	assert(server->limits.body_rate > 0);
	for (size_t i = 0; i < HTTP_CONN_CLOSED; i++) {
		list_init(&server->lists[i]);
	}
	list_init(&server->orphans);
	list_init(&server->written);
	server->sweep = loop_timer_create(params->loop, sweep, server);
	return server;
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
	server->limits = *limits;
}

static void destroy_all(struct http_server *server)
{
	struct list_node *node;
	for (size_t i = 0; i < HTTP_CONN_CLOSED; i++) {
		while ((node = list_first(&server->lists[i])) != NULL) {
			http_conn_destroy(CONTAINER_OF(node, struct http_conn, node));
		}
	}
}

static void forget_orphans(struct http_server *server)
{
	struct list_node *node;
	while ((node = list_pop(&server->orphans)) != NULL) {
		CONTAINER_OF(node, struct exchange, node)->server = NULL;
	}
}

void http_server_destroy(struct http_server **server)
{
	if (*server == NULL) {
		return;
	}
	/* A handler who is told that one has gone may answer another, which leaves its list. */
	while ((*server)->count > 0) {
		destroy_all(*server);
	}
	forget_orphans(*server);
	http_written_lose_all(*server);
	loop_timer_destroy(&(*server)->sweep);
	free(*server);
	*server = NULL;
}

void http_server_adopt(struct http_server *server, int fd, const char *peer)
{
	http_server_adopt_early(server, fd, peer, BYTES_NONE);
}

void http_server_adopt_early(
	struct http_server *server, int fd, const char *peer, struct bytes early)
{
	struct buf in = {NULL, 0, 0};
	buf_append_bytes(&in, early);
	http_conn_open(server, fd, peer, &in);
	http_server_arm(server);
}

void http_server_arm(struct http_server *server)
{
	if (!loop_timer_armed(server->sweep)) {
		loop_timer_set(server->sweep, server->limits.sweep_us);
	}
}

void http_server_drain(struct http_server *server)
{
	server->draining = true;
	LIST_FOREACH (&server->lists[HTTP_CONN_IDLE], node) {
		struct http_conn *conn = CONTAINER_OF(node, struct http_conn, node);
		if (!conn->again) {
			http_conn_close_idle(conn);
		}
	}
}

size_t http_server_count(const struct http_server *server)
{
	return server->count;
}
