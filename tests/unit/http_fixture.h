/* An HTTP server on a real loop with one end of a socket pair, for the tests of chatd/net. The
 * handler serves: /later (kept in pending), /upgrade, /abort, /empty (404 with extra headers),
 * /none (204), /always (204 with headers of both kinds), /big (300,000 bytes), /now (answered
 * without its body), /small (a body of at most 4 bytes), and echoes everything else. */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include <stdbool.h>

#include "chatd/net/http_conn.h"
#include "lib/metrics/metrics.h"

struct loop;

#define DATE "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
#define OK(type_and_length, body) "HTTP/1.1 200 OK\r\n" DATE type_and_length "\r\n" body
#define PLAIN(length) "Content-Type: text/plain\r\nContent-Length: " length "\r\n"

struct http_fixture {
	struct loop *loop;
	struct stream_pool *pool;
	struct http_server *server;
	struct metrics metrics;
	struct http_limits limits;
	int client; /* our end */
	struct buf got; /* what came back */
	bool closed; /* the server ended its side */
	bool reset;
	struct http_exchange *pending[8]; /* of /later and /half */
	size_t pending_count;
	unsigned requests; /* calls of on_request */
	unsigned depth; /* of calls of ours that must not nest */
	unsigned gone;
	bool answer_when_gone;
	bool answer_now; /* on_head wants no body */
	/* The test's own handler, which is asked first: whether the request is its own. */
	bool (*serve)(struct http_fixture *f, struct http_exchange *x);
	void *test; /* whatever it needs */
	const char *fail_type; /* for http_restart(): refusals are "<status: text>" of that type */
	bool headless; /* for http_restart(): a handler without on_head */
	struct stream *stream; /* of /upgrade */
	struct buf rest;
	struct buf upgraded; /* what came after the upgrade */
	int upgrade_err;
};

/* cmocka's setup and teardown; *state is the fixture. */
int http_setup(void **state);
int http_teardown(void **state);
/* A new server with f->limits, and a new connection. */
void http_restart(struct http_fixture *f);
/* A new connection in place of the old one; http_connect_early() leaves the old one open. */
void http_reconnect(struct http_fixture *f);
void http_connect_early(struct http_fixture *f, struct bytes early);
/* Turns the loop a few times, and reads what came back. */
void http_turn(struct http_fixture *f);
/* Turns the loop for that long. */
void http_wait_ms(struct http_fixture *f, int ms);
void http_put(struct http_fixture *f, const char *text);
/* Forgets what came back, puts, turns. */
void http_talk(struct http_fixture *f, const char *text);
/* What came back is exactly this; forgets it. */
void http_expect(struct http_fixture *f, const char *text);
void http_expect_start(struct http_fixture *f, const char *text);
/* What the handler does for /upgrade. */
void http_do_upgrade(struct http_fixture *f, struct http_exchange *x);

#endif
