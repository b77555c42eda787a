/* Two workers with the hub's HTTP routes, on frozen time, and clients' sockets: for the tests of
 * what the hub answers to requests. */
#ifndef TESTS_UNIT_DOORS_H
#define TESTS_UNIT_DOORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chatd/auth/conn_token.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "chatd/conn/conns.h"
#include "chatd/hub/endpoint.h"
#include "chatd/net/http_conn.h"
#include "chatd/transport/longpoll.h"
#include "chatd/transport/ws.h"
#include "lib/conf/conf.h"
#include "lib/net/stream.h"
#include "lib/store/store.h"
#include "tests/unit/hub_fixture.h"
#include "tests/unit/jwt_help.h"

#define DOORS_WORKERS 2
#define DOORS_INCARNATION 7
#define DOORS_CLIENTS 12
#define DOORS_TTL_S 600
#define DOORS_LEEWAY_S 5 /* as the setting */
#define HUB "/chathub"

struct doors {
	struct hub hub;
	struct jwt_verifier *verifier;
	char alice[512]; /* header with her token */
	char bob[512];
	int fds[DOORS_CLIENTS];
	unsigned opened;
	struct buf got; /* of the last one that was asked on */
};

static inline enum http_decision doors_on_head(
	void *ctx, struct http_exchange *exchange, size_t *body_max)
{
	return hub_endpoint_head(ctx, exchange, body_max);
}

static inline void doors_on_request(void *ctx, struct http_exchange *exchange)
{
	if (hub_endpoint_owns(ctx, exchange->path)) {
		hub_endpoint_request(ctx, exchange);
	} else {
		http_respond(exchange, 404, NULL, NULL, BYTES_LIT("elsewhere"));
	}
}

static const struct http_handler doors_handler = {
	.on_head = doors_on_head, .on_request = doors_on_request};

static inline void doors_start_worker(struct doors *doors, struct services *sv)
{
	const struct ws_params sockets = {.close_timeout_us = 5000000, .max_frame = 1024 * 1024};
	const struct http_server_params http = {
		.loop = sv->loop,
		.pool = sv->streams,
		.clock = sv->clock,
		.limits = &http_limits_default,
		.metrics = sv->metrics,
		.number = sv->worker,
		.handler = &doors_handler,
		.ctx = sv,
	};
	sv->verifier = doors->verifier;
	sv->incarnation = DOORS_INCARNATION;
	sv->principals = principal_cache_create(8);
	sv->sockets = ws_pool_create(sv->loop, &sockets);
	sv->http = http_server_create(&http);
}

/* As chatd/run/worker.c closes one. */
static inline void doors_stop_worker(struct services *sv)
{
	http_server_destroy(&sv->http);
	conns_abort_all(sv->conns);
	ws_pool_destroy(&sv->sockets);
	longpoll_pool_abort(sv->polls);
	principal_cache_destroy(&sv->principals);
}

static inline void doors_token(struct doors *doors, const char *name, size_t size, char *header)
{
	const struct jwt_mint_params params = {.user = bytes_str(name), .ttl_s = DOORS_TTL_S};
	struct buf token = {0};
	assert_int_equal(
		jwt_mint(doors->verifier, &params, clock_wall_ms(&fake_clock), &token, NULL), 0);
	snprintf(header, size, "Authorization: Bearer %.*s\r\n", BYTES_ARG(buf_bytes(&token)));
	buf_finish(&token);
}

static inline void doors_open(struct doors *doors, const char *settings)
{
	*doors = (struct doors){0};
	hub_open(&doors->hub, DOORS_WORKERS, settings);
	doors->verifier = jwt_verifier_of(
		&(struct jwt_params){.secret = BYTES_LIT(SECRET), .leeway_s = DOORS_LEEWAY_S});
	doors_token(doors, "alice", sizeof(doors->alice), doors->alice);
	doors_token(doors, "bob", sizeof(doors->bob), doors->bob);
	for (unsigned worker = 0; worker < DOORS_WORKERS; worker++) {
		doors_start_worker(doors, &doors->hub.sv[worker]);
	}
}

static inline void doors_close(struct doors *doors)
{
	for (unsigned i = 0; i < doors->opened; i++) {
		close(doors->fds[i]);
	}
	hub_settle(&doors->hub);
	for (unsigned worker = 0; worker < DOORS_WORKERS; worker++) {
		doors_stop_worker(&doors->hub.sv[worker]);
	}
	hub_close(&doors->hub);
	jwt_verifier_unref(&doors->verifier);
	buf_finish(&doors->got);
}

/* ---- clients ---- */

/* A new connection at that worker. */
static inline int doors_connect(struct doors *doors, unsigned worker)
{
	int ends[2];
	assert_true(doors->opened < DOORS_CLIENTS);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	doors->fds[doors->opened++] = ends[0];
	http_server_adopt(doors->hub.sv[worker].http, ends[1], "192.0.2.1:4711");
	return ends[0];
}

static inline void doors_hang_up(struct doors *doors)
{
	for (; doors->opened > 0; doors->opened--) {
		close(doors->fds[doors->opened - 1]);
	}
	hub_settle(&doors->hub);
}

/* What has come on it, instead of what came before. */
static inline const char *doors_read(struct doors *doors, int fd)
{
	char piece[4096];
	ssize_t n;
	buf_clear(&doors->got);
	hub_settle(&doors->hub);
	while ((n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0) {
		buf_append(&doors->got, piece, (size_t)n);
	}
	return buf_cstr(&doors->got);
}

static inline void doors_put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* line: "GET /path"; headers, body: NULL for none. Answers what comes back. */
static inline const char *doors_ask(
	struct doors *doors, int fd, const char *line, const char *headers, const char *body)
{
	struct buf out = {0};
	buf_printf(&out, "%s HTTP/1.1\r\nHost: h\r\n%s", line, headers != NULL ? headers : "");
	if (body != NULL) {
		buf_printf(&out, "Content-Length: %zu\r\n", strlen(body));
	}
	buf_printf(&out, "\r\n%s", body != NULL ? body : "");
	doors_put(fd, buf_cstr(&out));
	buf_finish(&out);
	return doors_read(doors, fd);
}

/* The answer has that status, and ends with that text. */
static inline void expect_answer(const char *answer, int status, const char *end)
{
	char start[32];
	size_t len = strlen(answer), end_len = strlen(end);
	snprintf(start, sizeof(start), "HTTP/1.1 %d ", status);
	if (strncmp(answer, start, strlen(start)) != 0 || len < end_len ||
		strcmp(answer + len - end_len, end) != 0) {
		fail_msg("not %d with \"%s\" at its end:\n%s", status, end, answer);
	}
}

/* ---- connection tokens ---- */

/* One of that worker for alice. */
static inline struct conn_token doors_id(unsigned worker)
{
	struct conn_token token = {
		.incarnation = DOORS_INCARNATION,
		.worker = (uint16_t)worker,
		.issued_ms = clock_wall_ms(&fake_clock),
	};
	struct uuid user = hub_user("alice");
	uuid_random(&token.id);
	conn_token_user_hash(&user, token.user_hash);
	return token;
}

/* "METHOD /path?id=...", good until the next call. */
static inline const char *doors_line(
	struct doors *doors, const char *start, const struct conn_token *token)
{
	static char line[256];
	const struct store *store = doors->hub.sv[0].store;
	char text[CONN_TOKEN_SIZE];
	conn_token_issue(bytes_of(store->fleet_secret, sizeof(store->fleet_secret)), token, text);
	snprintf(line, sizeof(line), "%s?id=%s", start, text);
	return line;
}

#endif
