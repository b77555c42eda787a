/* The HTTP server of a worker: answers, pipelining, framing, bodies. */
#include "chatd/net/http_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/loop/loop.h"
#include "tests/unit/http_fixture.h"

static void expect_error(struct http_fixture *f, const char *request, const char *start)
{
	unsigned before = f->requests;
	http_reconnect(f);
	http_talk(f, request);
	http_expect_start(f, start);
	assert_non_null(strstr(buf_cstr(&f->got), "\r\nConnection: close\r\n"));
	assert_non_null(strstr(buf_cstr(&f->got), "\r\nContent-Type: text/plain\r\n"));
	assert_true(f->closed);
	assert_int_equal(f->requests, before);
	assert_int_equal(http_server_count(f->server), 0);
}

/* ---- answers ---- */

static void plain_requests(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /a%20b?x=%20y HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, OK(PLAIN("16"), "GET /a b?x=%20y "));
	assert_false(f->closed);
	http_talk(f, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
	http_expect(f, OK(PLAIN("14"), "POST /p? hello"));
	http_talk(f, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "HTTP/1.1 404 Not Found\r\n" DATE
		       "Content-Length: 0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n");
	http_talk(f, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "HTTP/1.1 204 No Content\r\n" DATE "Content-Type: text/plain\r\n\r\n");
	http_talk(f, "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, OK(PLAIN("9"), ""));
	http_talk(f, "GET /always HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "HTTP/1.1 204 No Content\r\n" DATE "X-Always: 0\r\nX-One: 1\r\n\r\n");
	assert_int_equal(f->metrics.http_requests, 6);
	assert_int_equal(http_server_count(f->server), 1);
	assert_false(f->closed);
}

static void refusals_in_the_handlers_words(void **state)
{
	struct http_fixture *f = *state;
	f->fail_type = "text/x";
	http_restart(f);
	http_talk(f, "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "HTTP/1.1 400 Bad Request\r\n" DATE
		       "Content-Type: text/x\r\nContent-Length: 31\r\nConnection: close\r\n\r\n"
		       "<400: malformed request target>");
	assert_true(f->closed);
	http_reconnect(f);
	http_talk(f, "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
	http_expect(f, "HTTP/1.1 413 Content Too Large\r\n" DATE
		       "Content-Type: text/x\r\nContent-Length: 29\r\nConnection: close\r\n\r\n"
		       "<413: The body is too large.>");
}

/* Who is not asked about heads gets whole bodies, up to the bound of all. */
static void handler_of_whole_requests(void **state)
{
	struct http_fixture *f = *state;
	f->headless = true;
	f->limits.body_max = 5;
	http_restart(f);
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
	http_expect(f, "");
	http_talk(f, "cde");
	http_expect(f, OK(PLAIN("16"), "POST /now? abcde"));
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
	http_expect_start(f, "HTTP/1.1 413 ");
	assert_true(f->closed);
}

static void keep_alive_rules(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	http_expect(f, OK(PLAIN("8") "Connection: close\r\n", "GET /a? "));
	assert_true(f->closed);
	http_reconnect(f);
	http_talk(f, "GET /a HTTP/1.0\r\n\r\n");
	http_expect(f, OK(PLAIN("8") "Connection: close\r\n", "GET /a? "));
	assert_true(f->closed);
	http_reconnect(f);
	http_talk(f, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	http_expect(f, OK(PLAIN("8") "Connection: keep-alive\r\n", "GET /a? "));
	assert_false(f->closed);
	http_talk(f, "GET /a HTTP/1.0\r\n\r\n");
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

static void pipelining(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
		     "\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\nGET /4 HTTP/1.1\r\nHo");
	http_expect(f, OK(PLAIN("8"), "GET /1? ") OK(PLAIN("14"), "POST /2? abcde")
			       OK(PLAIN("8"), "GET /3? "));
	http_talk(f, "st: h\r\n\r\n");
	http_expect(f, OK(PLAIN("8"), "GET /4? "));
}

/* Answers come in the order of the requests, whenever they are given. */
static void pipelining_while_pending(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
		     "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "");
	assert_int_equal(f->requests, 1);
	f->depth++; /* nothing may be called from within */
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_LIT("one"));
	f->depth--;
	http_turn(f);
	http_expect(f, OK("Content-Length: 3\r\n", "one") OK(PLAIN("8"), "GET /2? "));
	assert_int_equal(f->requests, 3);
	http_respond(f->pending[1], 200, NULL, NULL, BYTES_LIT("three"));
	http_turn(f);
	http_expect(f, OK("Content-Length: 5\r\n", "three") OK(PLAIN("8"), "GET /4? "));
	assert_int_equal(f->gone, 0);
}

/* What is read ahead is bounded: the peer is stopped, and all of it is served in the end. */
static void reading_ahead_is_bounded(void **state)
{
	static const char request[] = "GET /n HTTP/1.1\r\nHost: h\r\n\r\n";
	struct http_fixture *f = *state;
	size_t sent = 0;
	size_t tries = 0;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	while (tries < 20) {
		ssize_t n = send(f->client, request + sent % (sizeof(request) - 1),
			sizeof(request) - 1 - sent % (sizeof(request) - 1), MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			assert_true(sent < 4 << 20);
		} else {
			tries++;
			http_turn(f);
		}
	}
	assert_int_equal(f->requests, 1);
	http_expect(f, "");
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_NONE);
	for (int i = 0; i < 20000 && f->requests < 1 + sent / (sizeof(request) - 1); i++) {
		http_turn(f);
	}
	assert_int_equal(f->requests, 1 + sent / (sizeof(request) - 1));
	assert_int_equal(f->metrics.http_requests, f->requests);
}

static void trickled_bytes(void **state)
{
	struct http_fixture *f = *state;
	static const char request[] =
		"POST /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
		"POST /u HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz";
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(send(f->client, request + i, 1, MSG_NOSIGNAL), 1);
		http_turn(f);
	}
	http_expect(f, OK(PLAIN("14"), "POST /t? abcde") OK(PLAIN("12"), "POST /u? xyz"));
}

static void early_bytes(void **state)
{
	struct http_fixture *f = *state;
	close(f->client);
	http_connect_early(f, BYTES_LIT("GET /e HTTP/1.1\r\nHo"));
	assert_int_equal(f->requests, 0);
	http_talk(f, "st: h\r\n\r\n");
	http_expect(f, OK(PLAIN("8"), "GET /e? "));
	close(f->client);
	http_connect_early(f, BYTES_LIT("GET /e HTTP/1.1\r\nHost: h\r\n\r\n"));
	assert_int_equal(f->requests, 1);
	http_turn(f);
	http_expect(f, OK(PLAIN("8"), "GET /e? "));
}

/* ---- framing ---- */

static void framing_tricks(void **state)
{
	struct http_fixture *f = *state;
	static const struct {
		const char *request, *start;
	} cases[] = {
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"
		 "\r\n\r\n0\r\n\r\n",
			"HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
			"HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", "HTTP/1.1 400 "},
		{"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 400 "},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 "},
		{"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 "},
		{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505 "},
		{"\x16\x03\x01\x02\x01\r\n\r\n", "HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
			"HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a\n\r\n",
			"HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 131073\r\n\r\n", "HTTP/1.1 413 "},
		{"POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 413 "},
		{"POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
			"HTTP/1.1 413 "}, /* before any of it came */
		{"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffff",
			"HTTP/1.1 413 "},
		{"POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "3\r\nabc\r\n2\r\nde\r\n",
			"HTTP/1.1 413 "},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_error(f, cases[i].request, cases[i].start);
	}
}

static void long_heads(void **state)
{
	struct http_fixture *f = *state;
	struct buf request = {NULL, 0, 0};
	buf_append_str(&request, "GET /");
	while (request.len < 9000) {
		buf_append_char(&request, 'a');
	}
	expect_error(f, buf_cstr(&request), "HTTP/1.1 414 ");
	buf_clear(&request);
	buf_append_str(&request, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
	while (request.len < 17000) {
		buf_append_char(&request, 'a');
	}
	expect_error(f, buf_cstr(&request), "HTTP/1.1 431 ");
	buf_finish(&request);
}

/* A refusal behind an answered request closes, but the answer before it arrives. */
static void refusal_after_an_answer(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nrubbish\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
	http_expect_start(f, OK(PLAIN("8"), "GET /1? ") "HTTP/1.1 400 Bad Request\r\n");
	assert_int_equal(f->requests, 1);
	assert_true(f->closed);
}

/* ---- bodies ---- */

static void expect_continue(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f,
		"POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	http_expect(f, "HTTP/1.1 100 Continue\r\n\r\n");
	http_talk(f, "abc");
	http_expect(f, OK(PLAIN("12"), "POST /c? abc"));
	/* The body is there already: no need to ask for it. */
	http_talk(f,
		"POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
		"abc");
	http_expect(f, OK(PLAIN("12"), "POST /c? abc"));
}

static void answer_without_the_body(void **state)
{
	struct http_fixture *f = *state;
	/* At once, though the body never comes; then the body is dropped, and the next request is
	 * served. */
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
	http_expect(f, OK(PLAIN("11"), "POST /now? "));
	http_talk(f, "GET /x HTT");
	http_expect(f, "");
	http_talk(f, "GET /y HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, OK(PLAIN("8"), "GET /y? "));
	/* Body and next request in one piece. */
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
		     "chunked\r\n\r\n3\r\nabc\r\n0\r\n"
		     "\r\nGET /z HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, OK(PLAIN("11"), "POST /now? ") OK(PLAIN("8"), "GET /z? "));
	/* With Expect the client may leave the body out: the connection can not go on. */
	http_talk(f,
		"POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n"
		"\r\n");
	http_expect(f, OK(PLAIN("11") "Connection: close\r\n", "POST /now? "));
	assert_true(f->closed);
	/* Who ends its side within a body that is dropped has its answer already. */
	http_reconnect(f);
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
	http_expect(f, OK(PLAIN("11"), "POST /now? "));
	assert_int_equal(shutdown(f->client, SHUT_WR), 0);
	http_turn(f);
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
	/* Too much to be read for nothing. */
	http_reconnect(f);
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n");
	http_expect(f, OK(PLAIN("11") "Connection: close\r\n", "POST /now? "));
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

/* Chunks of which nobody knows how many come are dropped only so far. */
static void dropping_is_bounded(void **state)
{
	struct http_fixture *f = *state;
	char chunk[1024];
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	http_expect(f, OK(PLAIN("11"), "POST /now? "));
	memset(chunk, 'c', sizeof(chunk));
	for (int i = 0; i < 70 && !f->closed; i++) {
		assert_true(send(f->client, "400\r\n", 5, MSG_NOSIGNAL) == 5);
		assert_true(send(f->client, chunk, 1024, MSG_NOSIGNAL) == 1024);
		assert_true(send(f->client, "\r\n", 2, MSG_NOSIGNAL) == 2);
		http_turn(f);
	}
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

static void big_bodies(void **state)
{
	struct http_fixture *f = *state;
	struct buf request = {NULL, 0, 0};
	buf_append_str(&request, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 131072\r\n\r\n");
	size_t head = request.len;
	while (request.len < head + 131072) {
		buf_append_char(&request, (char)('a' + request.len % 26));
	}
	buf_append_str(&request, "GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
	for (size_t sent = 0; sent < request.len;) {
		ssize_t n = send(f->client, request.data + sent, request.len - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		http_turn(f);
	}
	http_expect_start(f, OK(PLAIN("131081"), "POST /b? "));
	size_t answer = strlen(OK(PLAIN("131081"), "POST /b? "));
	assert_memory_equal(f->got.data + answer, request.data + head, 131072);
	buf_consume(&f->got, answer + 131072);
	http_expect(f, OK(PLAIN("8"), "GET /n? "));
	buf_finish(&request);
}

/* An answer above what the socket takes, read late; the request behind it waits. */
static void big_answers(void **state)
{
	struct http_fixture *f = *state;
	http_put(f, "GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		loop_turn(f->loop, 0);
	}
	assert_int_equal(f->requests, 1);
	for (int i = 0; i < 20; i++) {
		http_turn(f);
	}
	assert_int_equal(f->requests, 2);
	size_t head = strlen(OK("Content-Length: 300000\r\n", ""));
	assert_true(f->got.len > head + 300000);
	buf_consume(&f->got, head + 300000);
	http_expect(f, OK(PLAIN("8"), "GET /n? "));
	/* And one that is the last. */
	http_put(f, "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		loop_turn(f->loop, 0);
	}
	assert_int_equal(http_server_count(f->server), 1);
	for (int i = 0; i < 20; i++) {
		http_turn(f);
	}
	assert_true(f->got.len > 300000);
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)
	const struct CMUnitTest tests[] = {
		CASE(plain_requests),
		CASE(refusals_in_the_handlers_words),
		CASE(handler_of_whole_requests),
		CASE(keep_alive_rules),
		CASE(pipelining),
		CASE(pipelining_while_pending),
		CASE(reading_ahead_is_bounded),
		CASE(trickled_bytes),
		CASE(early_bytes),
		CASE(framing_tricks),
		CASE(long_heads),
		CASE(refusal_after_an_answer),
		CASE(expect_continue),
		CASE(answer_without_the_body),
		CASE(dropping_is_bounded),
		CASE(big_bodies),
		CASE(big_answers),
	};
#undef CASE
	return cmocka_run_group_tests_name("chatd_http_conn", tests, NULL, NULL);
}
