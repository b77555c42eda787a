/* The HTTP server of a worker: peers that send or ask for much more than is good for them. */
#include "chatd/net/http_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/loop/loop.h"
#include "lib/net/chunk.h"
#include "lib/net/stream.h"
#include "tests/unit/http_fixture.h"

#define BUSY_START "HTTP/1.1 503 Service Unavailable\r\n"
#define REQUESTS 10000
#define PAGE_SIZE 65536
#define QUEUE_HIGH 65536 /* above it the next request waits */

/* ---- requests ---- */

struct flood {
	struct chunk *page;
	struct buf out; /* what the peer is still to send */
	unsigned told;
	unsigned lost;
	size_t queued_most;
};

static void on_written(void *ctx, int err)
{
	struct flood *flood = ctx;
	flood->told++;
	flood->lost += err != 0 ? 1 : 0;
}

static bool serve(struct http_fixture *f, struct http_exchange *x)
{
	struct flood *flood = f->test;
	if (!bytes_eq(x->path, BYTES_LIT("/page")) && !bytes_eq(x->path, BYTES_LIT("/copy"))) {
		return false;
	}
	char number[16];
	struct bytes digits = bytes_of(number, 5);
	snprintf(number, sizeof(number), "%05u", f->requests);
	if (bytes_eq(x->path, BYTES_LIT("/copy"))) {
		http_respond(x, 200, NULL, NULL, digits);
		return true;
	}
	struct chunk *chunks[] = {chunk_copy(digits), flood->page};
	http_respond_chunks(x, 200, NULL, NULL, chunks, 2, on_written, flood);
	chunk_unref(chunks[0]);
	return true;
}

static int setup(void **state)
{
	assert_int_equal(http_setup(state), 0);
	struct http_fixture *f = *state;
	struct flood *flood = mem_zalloc(sizeof(*flood));
	flood->page = chunk_create(PAGE_SIZE);
	memset(chunk_space(flood->page), 'p', PAGE_SIZE);
	f->test = flood;
	f->serve = serve;
	return 0;
}

static int teardown(void **state)
{
	struct http_fixture *f = *state;
	struct flood *flood = f->test;
	int err = http_teardown(state);
	chunk_unref(flood->page);
	buf_finish(&flood->out);
	free(flood);
	return err;
}

static void prepare(struct flood *flood, const char *request)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		buf_append_str(&flood->out, request);
	}
}

/* Sends what the server takes, and turns the loop once. */
static void push(struct http_fixture *f)
{
	struct flood *flood = f->test;
	while (flood->out.len > 0) {
		ssize_t n = send(f->client, flood->out.data, flood->out.len, MSG_NOSIGNAL);
		if (n < 0) {
			break;
		}
		buf_consume(&flood->out, (size_t)n);
	}
	loop_turn(f->loop, 0);
	size_t queued = stream_pool_queued(f->pool);
	flood->queued_most = queued > flood->queued_most ? queued : flood->queued_most;
}

/* Takes the whole answers off what came: each body begins with the number of its request. */
static void expect_answers(struct http_fixture *f, unsigned *next, size_t body)
{
	struct bytes got = buf_bytes(&f->got);
	const char *end;
	while ((end = memmem(got.ptr, got.len, "\r\n\r\n", 4)) != NULL) {
		size_t head = (size_t)(end - got.ptr) + 4;
		char number[16];
		if (got.len < head + body) {
			break;
		}
		snprintf(number, sizeof(number), "%05u", ++*next);
		assert_memory_equal(got.ptr + head, number, 5);
		got = bytes_of(got.ptr + head + body, got.len - head - body);
	}
	buf_consume(&f->got, f->got.len - got.len);
}

static void read_some(struct http_fixture *f)
{
	static char part[262144];
	ssize_t n = recv(f->client, part, sizeof(part), 0);
	if (n > 0) {
		buf_append(&f->got, part, (size_t)n);
	}
}

static void push_unread(struct http_fixture *f)
{
	for (int i = 0; i < 100; i++) {
		push(f);
	}
}

/* Until each is answered once, in their order. */
static void push_read(struct http_fixture *f, size_t body)
{
	unsigned next = 0;
	for (int i = 0; i < 100 * REQUESTS && next < REQUESTS; i++) {
		push(f);
		read_some(f);
		expect_answers(f, &next, body);
	}
	assert_int_equal(next, REQUESTS);
	assert_int_equal(f->requests, REQUESTS);
}

/* As long as nobody reads the answers no more are given than the queue may hold. */
static void many_small(void **state)
{
	struct http_fixture *f = *state;
	struct flood *flood = f->test;
	prepare(flood, "GET /copy HTTP/1.1\r\nHost: h\r\n\r\n");
	push_unread(f);
	assert_in_range(f->requests, 1, REQUESTS / 2);
	push_read(f, 5);
	assert_in_range(flood->queued_most, 1, QUEUE_HIGH + 1000);
}

static void many_large(void **state)
{
	struct http_fixture *f = *state;
	struct flood *flood = f->test;
	prepare(flood, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
	push_unread(f);
	assert_in_range(f->requests, 1, 20);
	assert_int_equal(f->requests, flood->told + 1);
	push_read(f, 5 + PAGE_SIZE);
	loop_turn(f->loop, 0);
	assert_int_equal(flood->told, REQUESTS);
	assert_int_equal(flood->lost, 0);
	assert_in_range(flood->queued_most, 1, PAGE_SIZE + 1000);
}

/* A connection idles behind an answer that somebody waited for like behind any other. */
static void idle_behind_chunks(void **state)
{
	struct http_fixture *f = *state;
	const struct flood *flood = f->test;
	f->limits.sweep_us = 5000;
	f->limits.idle_timeout_us = 40000;
	http_restart(f);
	http_talk(f, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(flood->told, 1);
	assert_int_equal(flood->lost, 0);
	assert_false(f->closed);
	http_wait_ms(f, 100);
	assert_true(f->closed);
}

/* ---- bodies ---- */

static int connect_also(struct http_fixture *f)
{
	int client = f->client;
	http_connect_early(f, BYTES_NONE);
	return client;
}

static void back_to(struct http_fixture *f, int client)
{
	close(f->client);
	f->client = client;
	f->closed = false;
	buf_clear(&f->got);
}

static void expect_refused(struct http_fixture *f, const char *request)
{
	int before = connect_also(f);
	unsigned requests = f->requests;
	http_talk(f, request);
	http_expect(f, BUSY_START DATE
		"Content-Type: text/plain\r\nContent-Length: 42\r\nConnection: close\r\n"
		"Retry-After: 1\r\n\r\nToo many bodies of requests are under way.");
	assert_true(f->closed);
	assert_int_equal(f->requests, requests);
	back_to(f, before);
}

static void expect_served(struct http_fixture *f, const char *request)
{
	int before = connect_also(f);
	http_talk(f, request);
	http_expect_start(f, "HTTP/1.1 200 OK\r\n");
	back_to(f, before);
}

#define POST(path, length) "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n\r\n"
#define CHUNKS "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Counted are the bytes that are there: while they are gathered, and while the handler has them. */
static void bodies_are_bounded(void **state)
{
	struct http_fixture *f = *state;
	f->limits.bodies_max = 10;
	http_restart(f);
	http_talk(f, POST("/later", "8") "abcdef");
	expect_refused(f, POST("/b", "6"));
	expect_served(f, POST("/b", "4") "1234");
	expect_refused(f, CHUNKS "4\r\n1234\r\n3\r\n567\r\n");
	http_talk(f, "gh");
	assert_int_equal(f->pending_count, 1);
	expect_refused(f, POST("/b", "3"));
	expect_served(f, POST("/b", "2") "12");
	expect_served(f, CHUNKS "2\r\n12\r\n0\r\n\r\n");
	http_respond(f->pending[--f->pending_count], 200, NULL, NULL, BYTES_NONE);
	http_turn(f);
	expect_served(f, POST("/b", "10") "0123456789");
	expect_refused(f, POST("/b", "11"));
}

/* What was told to another connection, which gathered a body. */
static void expect_gave_way(struct http_fixture *f, int client)
{
	int now = f->client;
	f->client = client;
	buf_clear(&f->got);
	http_turn(f);
	http_expect_start(f, BUSY_START);
	assert_true(f->closed);
	back_to(f, now);
}

/* Else who sends large ones, but never their last byte, would keep all others out. */
static void the_largest_gives_way(void **state)
{
	struct http_fixture *f = *state;
	f->limits.bodies_max = 10;
	http_restart(f);
	http_talk(f, POST("/b", "6") "abcde");
	int large = connect_also(f);
	http_talk(f, POST("/b", "5") "abcd");
	/* 9 are there: with the larger one gone there is room enough. */
	expect_served(f, POST("/b", "4") "1234");
	expect_gave_way(f, large);
	int middle = connect_also(f);
	http_talk(f, POST("/b", "6") "abcde");
	large = connect_also(f);
	http_talk(f, CHUNKS "1\r\n1\r\n1\r\n2\r\n0\r\n\r\n");
	http_expect_start(f, "HTTP/1.1 200 OK\r\n");
	expect_gave_way(f, large);
	back_to(f, middle);
	http_talk(f, "e");
	http_expect_start(f, "HTTP/1.1 200 OK\r\n");
}

/* Of a peer that has gone: until the handler has ended it. */
static void bodies_of_the_gone(void **state)
{
	struct http_fixture *f = *state;
	f->limits.bodies_max = 10;
	http_restart(f);
	/* One that never became whole counts no more. */
	http_talk(f, POST("/b", "8") "abcdef");
	http_reconnect(f);
	http_turn(f);
	http_talk(f, "GET /n HTTP/1.1\r\nHost: h\r\n\r\n" POST("/later", "8") "abcdefgh");
	assert_int_equal(f->pending_count, 1);
	int before = connect_also(f);
	close(before);
	http_turn(f);
	assert_int_equal(f->gone, 1);
	expect_refused(f, POST("/b", "3"));
	http_abort(f->pending[--f->pending_count]);
	http_turn(f);
	expect_served(f, POST("/b", "10") "0123456789");
	/* And one that outlives the server. */
	http_talk(f, POST("/later", "8") "abcdefgh");
	http_server_destroy(&f->server);
	http_abort(f->pending[--f->pending_count]);
}

static bool see_body(struct http_fixture *f, struct http_exchange *x)
{
	*(bool *)f->test = http_lacks_body(x);
	return false;
}

static void bodies_that_were_not_read(void **state)
{
	static const struct {
		const char *request;
		bool lacks;
	} rows[] = {
		{"GET /b HTTP/1.1\r\nHost: h\r\n\r\n", false},
		{POST("/b", "2") "12", false},
		{POST("/b", "0"), false},
		{POST("/now", "2") "12", true},
		{POST("/now", "0"), false},
		{"POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			true},
	};
	struct http_fixture *f = *state;
	void *flood = f->test;
	bool lacks;
	f->test = &lacks;
	f->serve = see_body;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lacks = !rows[i].lacks;
		http_talk(f, rows[i].request);
		assert_int_equal(lacks, rows[i].lacks);
	}
	f->test = flood;
}

/* Chunks that trickle: their framing earns as little as what is in them. */
static void trickled_chunks(void **state)
{
	static const char *const ways[] = {
		"1\r\na\r\n",
		"001;e=f\r\na\r\n",
	};
	struct http_fixture *f = *state;
	f->limits.sweep_us = 5000;
	f->limits.body_grace_us = 60000;
	f->limits.body_rate = 1000;
	http_restart(f);
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(ways[i]);
		http_reconnect(f);
		http_talk(f, CHUNKS);
		for (size_t at = 0; at < 100 && !f->closed; at++) {
			send(f->client, ways[i] + at % len, 1, MSG_NOSIGNAL);
			http_wait_ms(f, 5);
		}
		http_expect_start(f, "HTTP/1.1 408 Request Timeout\r\n");
		assert_true(f->closed);
	}
	assert_int_equal(f->requests, 0);
	assert_int_equal(http_server_count(f->server), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(many_small),
		CASE(many_large),
		CASE(idle_behind_chunks),
		CASE(bodies_are_bounded),
		CASE(the_largest_gives_way),
		CASE(bodies_of_the_gone),
		CASE(bodies_that_were_not_read),
		CASE(trickled_chunks),
	};
#undef CASE
	return cmocka_run_group_tests_name("chatd_http_flood", tests, NULL, NULL);
}
