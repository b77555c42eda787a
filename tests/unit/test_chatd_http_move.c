/* The HTTP server of a worker: connections that move to another worker's. */
#include "chatd/net/http_conn.h"

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
#include "lib/net/chunk.h"
#include "lib/net/stream.h"
#include "tests/unit/http_fixture.h"

#define MEDIUM_SIZE 50000
#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* What goes from one to the other: in the test one mail at a time. */
struct move_test {
	struct http_fixture *to;
	struct http_moved moved;
	bool under_way;
	unsigned moves;
	unsigned told; /* of answers of chunks */
};

static void on_written(void *ctx, int err)
{
	struct move_test *m = ctx;
	assert_int_equal(err, 0);
	m->told++;
}

static void move(struct http_fixture *f, struct http_exchange *x)
{
	struct move_test *m = f->test;
	assert_false(m->under_way);
	assert_int_equal(http_move(x, &m->moved), 0);
	m->under_way = true;
	m->moves++;
}

/* What starts with /m is served by the other one. */
static bool serve(struct http_fixture *f, struct http_exchange *x)
{
	struct move_test *m = f->test;
	if (bytes_starts(x->path, BYTES_LIT("/m"))) {
		move(f, x);
		return true;
	}
	if (bytes_eq(x->path, BYTES_LIT("/some"))) {
		static char medium[MEDIUM_SIZE];
		memset(medium, 'M', sizeof(medium));
		http_respond(x, 200, NULL, NULL, bytes_of(medium, sizeof(medium)));
		return true;
	}
	if (bytes_eq(x->path, BYTES_LIT("/chunks"))) {
		struct chunk *chunk = chunk_copy(BYTES_LIT("chunks"));
		http_respond_chunks(x, 200, NULL, NULL, &chunk, 1, on_written, m);
		chunk_unref(chunk);
		return true;
	}
	return false;
}

static int setup(void **state)
{
	struct move_test *m = mem_zalloc(sizeof(*m));
	void *to;
	assert_int_equal(http_setup(state), 0);
	assert_int_equal(http_setup(&to), 0);
	struct http_fixture *f = *state;
	m->to = to;
	close(m->to->client);
	m->to->client = -1;
	http_turn(m->to);
	f->test = m;
	f->serve = serve;
	f->answer_now = true;
	return 0;
}

static int teardown(void **state)
{
	struct http_fixture *f = *state;
	struct move_test *m = f->test;
	void *to = m->to;
	if (m->under_way) {
		http_moved_drop(&m->moved);
	}
	http_teardown(&to);
	free(m);
	return http_teardown(state);
}

/* Turns both, hands over what is on its way, and reads what came. */
static void turn(struct http_fixture *f)
{
	struct move_test *m = f->test;
	for (int i = 0; i < 3; i++) {
		http_turn(f);
		if (m->under_way) {
			m->under_way = false;
			http_server_adopt_moved(m->to->server, &m->moved);
			assert_int_equal(m->moved.fd, -1);
			assert_null(m->moved.unread.data);
			assert_null(m->moved.unsent.data);
		}
		http_turn(m->to);
		http_turn(f);
	}
}

static void talk(struct http_fixture *f, const char *text)
{
	buf_clear(&f->got);
	http_put(f, text);
	turn(f);
}

static void expect_moved(const struct http_fixture *f, unsigned moves, unsigned requests)
{
	const struct move_test *m = f->test;
	assert_int_equal(m->moves, moves);
	assert_int_equal(m->to->requests, requests);
	assert_int_equal(http_server_count(f->server), 0);
	assert_int_equal(stream_pool_count(f->pool), 0);
	assert_int_equal(stream_pool_queued(f->pool), 0);
}

static void plain(void **state)
{
	struct http_fixture *f = *state;
	const struct move_test *m = f->test;
	talk(f, GET("/m?x=1"));
	http_expect(f, OK(PLAIN("11"), "GET /m?x=1 "));
	expect_moved(f, 1, 1);
	assert_int_equal(http_server_count(m->to->server), 1);
	/* It stays there. */
	talk(f, GET("/m") GET("/n"));
	http_expect(f, OK(PLAIN("8"), "GET /m? ") OK(PLAIN("8"), "GET /n? "));
	expect_moved(f, 1, 3);
	assert_false(f->closed);
	/* Of the one that moved nothing was counted where it came from. */
	assert_int_equal(f->metrics.http_requests, 0);
	assert_int_equal(m->to->metrics.http_requests, 3);
}

static void later(void **state)
{
	struct http_fixture *f = *state;
	const struct move_test *m = f->test;
	talk(f, GET("/later") GET("/n"));
	move(f, f->pending[0]);
	assert_string_equal(m->moved.peer, "192.0.2.1:4711");
	assert_string_equal(buf_cstr((struct buf *)&m->moved.unread), GET("/later") GET("/n"));
	expect_moved(f, 1, 0);
	turn(f);
	http_expect(f, "");
	assert_int_equal(m->to->pending_count, 1);
	assert_string_equal(m->to->pending[0]->peer, "192.0.2.1:4711");
	http_respond(m->to->pending[0], 200, NULL, NULL, BYTES_LIT("x"));
	turn(f);
	http_expect(f, OK("Content-Length: 1\r\n", "x") OK(PLAIN("8"), "GET /n? "));
}

/* Requests before it are answered by the first, those behind it by the other, in their order; the
 * answers before it are still queued when it moves. */
static void pipelined(void **state)
{
	struct http_fixture *f = *state;
	const struct move_test *m = f->test;
	talk(f, GET("/1") GET("/chunks") GET("/2") GET("/m") GET("/3") "GET /4 HTTP/1.1\r\nHo");
	http_expect(f, OK(PLAIN("8"), "GET /1? ") OK("Content-Length: 6\r\n", "chunks")
			       OK(PLAIN("8"), "GET /2? ") OK(PLAIN("8"), "GET /m? ")
				       OK(PLAIN("8"), "GET /3? "));
	expect_moved(f, 1, 2);
	assert_int_equal(m->told, 1);
	talk(f, "st: h\r\n\r\n");
	http_expect(f, OK(PLAIN("8"), "GET /4? "));
	expect_moved(f, 1, 3);
}

/* An answer that the peer reads late: part of it is sent by the one, and the rest by the other. */
static void partly_sent(void **state)
{
	struct http_fixture *f = *state;
	const struct move_test *m = f->test;
	static const char *const requests[] = {
		GET("/some") GET("/m") GET("/n"), /* moves before anything was sent */
		GET("/some") GET("/later") GET("/n"), /* and behind a part */
	};
	for (size_t i = 0; i < 2; i++) {
		stream_pool_set_sndbuf(f->pool, 4096);
		stream_pool_set_sndbuf(m->to->pool, 4096);
		http_reconnect(f);
		loop_turn(f->loop, 0);
		http_put(f, requests[i]);
		loop_turn(f->loop, 0);
		if (i == 1) {
			char part[1000];
			assert_int_equal(f->pending_count, 1);
			assert_int_equal(recv(f->client, part, 1000, 0), 1000);
			loop_turn(f->loop, 0);
			buf_append(&f->got, part, 1000);
			move(f, f->pending[0]);
		}
		assert_in_range(m->moved.unsent.len, 10000, MEDIUM_SIZE);
		expect_moved(f, (unsigned)i + 1, (unsigned)i * 2);
		for (int turns = 0; turns < 40; turns++) {
			turn(f);
		}
		if (i == 1) {
			http_respond(m->to->pending[0], 200, NULL, NULL, BYTES_LIT("x"));
			turn(f);
		}
		http_expect_start(f, OK("Content-Length: 50000\r\n", "MMMM"));
		size_t head = strlen(OK("Content-Length: 50000\r\n", ""));
		for (size_t at = head; at < head + MEDIUM_SIZE; at++) {
			assert_int_equal(f->got.data[at], 'M');
		}
		buf_consume(&f->got, head + MEDIUM_SIZE);
		http_expect(f, i == 0 ? OK(PLAIN("8"), "GET /m? ") OK(PLAIN("8"), "GET /n? ")
				      : OK("Content-Length: 1\r\n", "x")
						OK(PLAIN("8"), "GET /n? "));
		expect_moved(f, (unsigned)i + 1, (unsigned)i * 2 + 2);
	}
}

/* ---- bodies ---- */

static void bodies(void **state)
{
	struct http_fixture *f = *state;
	static const char *const ways[] = {
		"Content-Length: 5\r\n\r\nhello",
		"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: r\r\n\r\n",
	};
	for (size_t i = 0; i < 2; i++) {
		http_reconnect(f);
		buf_clear(&f->got);
		http_put(f, "POST /m HTTP/1.1\r\nHost: h\r\n");
		http_put(f, ways[i]);
		talk(f, GET("/n"));
		http_expect(f, OK(PLAIN("14"), "POST /m? hello") OK(PLAIN("8"), "GET /n? "));
		/* In pieces, of which the head is one or not. */
		http_reconnect(f);
		talk(f, "POST /m HTTP/1.1\r\nHost: h\r\n");
		for (const char *byte = ways[i]; *byte != '\0'; byte++) {
			assert_int_equal(send(f->client, byte, 1, MSG_NOSIGNAL), 1);
			turn(f);
		}
		http_put(f, GET("/n"));
		turn(f);
		http_expect(f, OK(PLAIN("14"), "POST /m? hello") OK(PLAIN("8"), "GET /n? "));
	}
	expect_moved(f, 4, 8);
}

/* Whoever reads the body asks for it. */
static void expect_continue(void **state)
{
	struct http_fixture *f = *state;
	talk(f, "POST /m HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	http_expect(f, "HTTP/1.1 100 Continue\r\n\r\n");
	talk(f, "abc" GET("/n"));
	http_expect(f, OK(PLAIN("12"), "POST /m? abc") OK(PLAIN("8"), "GET /n? "));
	expect_moved(f, 1, 2);
}

/* What was used can not be read anew. */
static void body_that_was_read(void **state)
{
	struct http_fixture *f = *state;
	struct http_moved moved;
	f->answer_now = false;
	talk(f, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET("/m"));
	assert_int_equal(http_move(f->pending[0], &moved), ERR_BAD_REQUEST);
	http_respond(f->pending[0], 200, NULL, NULL, f->pending[0]->body);
	turn(f);
	http_expect(f, OK("Content-Length: 3\r\n", "abc") OK(PLAIN("8"), "GET /m? "));
	expect_moved(f, 1, 1);
}

/* ---- peers that end ---- */

static void half_closed(void **state)
{
	struct http_fixture *f = *state;
	const struct move_test *m = f->test;
	/* Before anybody looked. */
	http_put(f, "POST /m HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET("/n"));
	shutdown(f->client, SHUT_WR);
	turn(f);
	http_expect(f, OK(PLAIN("12"), "POST /m? abc") OK(PLAIN("8"), "GET /n? "));
	assert_true(f->closed);
	/* While the request was with the handler, who knows. */
	http_reconnect(f);
	talk(f, GET("/later") GET("/n"));
	shutdown(f->client, SHUT_WR);
	turn(f);
	assert_int_equal(f->gone, 1);
	assert_true(http_is_gone(f->pending[0]));
	move(f, f->pending[0]);
	turn(f);
	assert_int_equal(m->to->gone, 1);
	http_respond(m->to->pending[0], 200, NULL, NULL, BYTES_LIT("x"));
	turn(f);
	http_expect(f, OK("Content-Length: 1\r\n", "x") OK(PLAIN("8"), "GET /n? "));
	assert_true(f->closed);
	expect_moved(f, 2, 4);
	assert_int_equal(http_server_count(m->to->server), 0);
}

static void closed(void **state)
{
	struct http_fixture *f = *state;
	struct move_test *m = f->test;
	struct http_moved moved;
	/* Closed with an answer unread: the connection breaks. */
	http_put(f, GET("/n") GET("/later"));
	loop_turn(f->loop, 0);
	loop_turn(f->loop, 0);
	close(f->client);
	f->client = -1;
	turn(f);
	assert_int_equal(f->gone, 1);
	assert_int_equal(http_server_count(f->server), 0);
	assert_int_equal(http_move(f->pending[0], &moved), ERR_CLOSED);
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_NONE);
	/* Nobody has noticed yet: what it sent is served. */
	http_connect_early(f, BYTES_NONE);
	http_put(f, "POST /m HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET("/chunks"));
	close(f->client);
	f->client = -1;
	turn(f);
	expect_moved(f, 1, 2);
	assert_int_equal(http_server_count(m->to->server), 0);
}

static void dropped(void **state)
{
	struct http_fixture *f = *state;
	struct move_test *m = f->test;
	http_talk(f, GET("/some") GET("/m") GET("/n"));
	assert_true(m->under_way);
	http_moved_drop(&m->moved);
	assert_int_equal(m->moved.fd, -1);
	http_moved_drop(&m->moved);
	m->under_way = false;
	turn(f);
	assert_true(f->closed || f->reset);
	expect_moved(f, 1, 0);
}

/* The other one drains: the request is still served, and the connection closes. */
static void to_a_drained_one(void **state)
{
	struct http_fixture *f = *state;
	const struct move_test *m = f->test;
	http_server_drain(m->to->server);
	talk(f, GET("/m") GET("/n"));
	http_expect(f, OK(PLAIN("8") "Connection: close\r\n", "GET /m? "));
	assert_true(f->closed);
	assert_int_equal(http_server_count(m->to->server), 0);
}

/* Reading had stopped, since so much was read ahead: it goes on. */
static void much_read_ahead(void **state)
{
	struct http_fixture *f = *state;
	const struct move_test *m = f->test;
	const size_t each = strlen(GET("/n"));
	size_t sent = 0;
	talk(f, GET("/later"));
	while (sent < 4000 * each) {
		ssize_t n =
			send(f->client, GET("/n") + sent % each, each - sent % each, MSG_NOSIGNAL);
		if (n < 0) {
			http_turn(f);
			n = send(f->client, GET("/n") + sent % each, each - sent % each,
				MSG_NOSIGNAL);
		}
		if (n < 0) {
			break;
		}
		sent += (size_t)n;
	}
	http_turn(f);
	move(f, f->pending[0]);
	assert_true(m->moved.unread.len > f->limits.pipeline_max);
	turn(f);
	http_respond(m->to->pending[0], 200, NULL, NULL, BYTES_NONE);
	for (int i = 0; i < 1000 && m->to->requests < 1 + sent / each; i++) {
		turn(f);
	}
	expect_moved(f, 1, 1 + (unsigned)(sent / each));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(plain),
		CASE(later),
		CASE(pipelined),
		CASE(partly_sent),
		CASE(bodies),
		CASE(expect_continue),
		CASE(body_that_was_read),
		CASE(half_closed),
		CASE(closed),
		CASE(dropped),
		CASE(to_a_drained_one),
		CASE(much_read_ahead),
	};
#undef CASE
	return cmocka_run_group_tests_name("chatd_http_move", tests, NULL, NULL);
}
