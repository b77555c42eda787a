/* The HTTP server of a worker: answers of shared chunks, and who is told when they are out. */
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

#define POLL "GET /poll HTTP/1.1\r\nHost: h\r\n\r\n"
#define POLLED OK("Content-Type: text/x\r\nContent-Length: 5\r\n", "abcde")
#define BIG_SIZE 400000

enum { NOT_TOLD = 1 };

struct told {
	struct http_fixture *f;
	int err; /* NOT_TOLD before */
	unsigned requests; /* of the fixture when it was called */
};

struct chunks_test {
	struct chunk *parts[3]; /* "ab", "", "cde" */
	struct chunk *big;
	struct told told[16];
	size_t count; /* of answers that were given */
	bool inside;
};

static void on_written(void *ctx, int err)
{
	struct told *told = ctx;
	const struct chunks_test *t = told->f->test;
	assert_false(t->inside);
	assert_int_equal(told->err, NOT_TOLD);
	told->err = err;
	told->requests = told->f->requests;
}

static void answer_with(struct http_fixture *f, struct http_exchange *x, int status,
	struct chunk *const *chunks, size_t count)
{
	struct chunks_test *t = f->test;
	struct told *told = &t->told[t->count++];
	*told = (struct told){.f = f, .err = NOT_TOLD};
	t->inside = true;
	http_respond_chunks(x, status, "text/x", NULL, chunks, count, on_written, told);
	t->inside = false;
}

static void answer(struct http_fixture *f, struct http_exchange *x)
{
	struct chunks_test *t = f->test;
	answer_with(f, x, 200, t->parts, 3);
}

static void answer_pending(struct http_fixture *f)
{
	answer(f, f->pending[--f->pending_count]);
}

static bool serve(struct http_fixture *f, struct http_exchange *x)
{
	struct chunks_test *t = f->test;
	if (bytes_eq(x->path, BYTES_LIT("/poll")) || bytes_eq(x->path, BYTES_LIT("/now"))) {
		answer(f, x);
	} else if (bytes_eq(x->path, BYTES_LIT("/none"))) {
		answer_with(f, x, 204, t->parts, 3);
	} else if (bytes_eq(x->path, BYTES_LIT("/same"))) {
		answer_with(f, x, 304, t->parts, 3);
	} else if (bytes_eq(x->path, BYTES_LIT("/nothing"))) {
		answer_with(f, x, 200, NULL, 0);
	} else if (bytes_eq(x->path, BYTES_LIT("/large"))) {
		answer_with(f, x, 200, &t->big, 1);
	} else if (bytes_eq(x->path, BYTES_LIT("/untold"))) {
		http_respond_chunks(x, 200, "text/x", NULL, t->parts, 3, NULL, NULL);
	} else if (bytes_eq(x->path, BYTES_LIT("/some"))) {
		http_respond(x, 200, NULL, NULL, bytes_of(t->big->data, 50000));
	} else {
		return false;
	}
	return true;
}

static int setup(void **state)
{
	assert_int_equal(http_setup(state), 0);
	struct http_fixture *f = *state;
	struct chunks_test *t = mem_zalloc(sizeof(*t));
	t->parts[0] = chunk_copy(BYTES_LIT("ab"));
	t->parts[1] = chunk_copy(BYTES_NONE);
	t->parts[2] = chunk_copy(BYTES_LIT("cde"));
	t->big = chunk_create(BIG_SIZE);
	memset(chunk_space(t->big), 'B', BIG_SIZE);
	f->test = t;
	f->serve = serve;
	return 0;
}

/* Whoever waited was told, and nobody holds a chunk. */
static int teardown(void **state)
{
	struct http_fixture *f = *state;
	struct chunks_test *t = f->test;
	http_server_destroy(&f->server);
	loop_turn(f->loop, 0);
	for (size_t i = 0; i < t->count; i++) {
		assert_int_not_equal(t->told[i].err, NOT_TOLD);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(t->parts[i]->refs, 1);
		chunk_unref(t->parts[i]);
	}
	assert_int_equal(t->big->refs, 1);
	chunk_unref(t->big);
	int err = http_teardown(state);
	free(t);
	return err;
}

static int told(const struct http_fixture *f, size_t i)
{
	const struct chunks_test *t = f->test;
	assert_true(i < t->count);
	return t->told[i].err;
}

/* ---- what is sent ---- */

static void whole_answers(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, POLL);
	http_expect(f, POLLED);
	assert_int_equal(told(f, 0), 0);
	http_talk(f, "HEAD /poll HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, OK("Content-Type: text/x\r\nContent-Length: 5\r\n", ""));
	assert_int_equal(told(f, 1), 0);
	http_talk(f, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "HTTP/1.1 204 No Content\r\n" DATE "Content-Type: text/x\r\n\r\n");
	assert_int_equal(told(f, 2), 0);
	http_talk(f, "GET /same HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "HTTP/1.1 304 Not Modified\r\n" DATE "Content-Type: text/x\r\n\r\n");
	assert_int_equal(told(f, 3), 0);
	http_talk(f, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, OK("Content-Type: text/x\r\nContent-Length: 0\r\n", ""));
	assert_int_equal(told(f, 4), 0);
	http_talk(f, "GET /untold HTTP/1.1\r\nHost: h\r\n\r\n" POLL);
	http_expect(f, POLLED POLLED);
	http_talk(f, "GET /poll HTTP/1.0\r\n\r\n");
	http_expect(f,
		OK("Content-Type: text/x\r\nContent-Length: 5\r\nConnection: close\r\n", "abcde"));
	assert_int_equal(told(f, 6), 0);
	assert_true(f->closed);
	assert_int_equal(f->metrics.http_requests, 8);
	assert_int_equal(http_server_count(f->server), 0);
}

/* The bytes are not copied: each queue holds a reference until they have left. */
static void chunks_are_shared(void **state)
{
	struct http_fixture *f = *state;
	struct chunks_test *t = f->test;
	int first = f->client;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	http_connect_early(f, BYTES_NONE);
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	answer_pending(f);
	answer_pending(f);
	assert_int_equal(t->parts[0]->refs, 3);
	assert_int_equal(t->parts[1]->refs, 1); /* of an empty one there is nothing to send */
	assert_int_equal(t->parts[2]->refs, 3);
	http_turn(f);
	assert_int_equal(t->parts[0]->refs, 1);
	http_expect(f, POLLED);
	close(f->client);
	f->client = first;
	http_turn(f);
	http_expect(f, POLLED);
	assert_int_equal(told(f, 0), 0);
	assert_int_equal(told(f, 1), 0);
}

static void pipelined(void **state)
{
	struct http_fixture *f = *state;
	const struct chunks_test *t = f->test;
	http_talk(f, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n" POLL POLL
		     "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n" POLL);
	http_expect(f, OK(PLAIN("8"), "GET /1? ") POLLED POLLED OK(PLAIN("8"), "GET /2? ") POLLED);
	assert_int_equal(t->count, 3);
	/* Each was told before the next request was looked at. */
	assert_int_equal(t->told[0].requests, 2);
	assert_int_equal(t->told[1].requests, 3);
	assert_int_equal(t->told[2].requests, 5);
	/* And what came while the answer was awaited. */
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n" POLL);
	http_expect(f, "");
	answer_pending(f);
	http_turn(f);
	http_expect(f, POLLED POLLED);
	assert_int_equal(told(f, 3), 0);
	assert_int_equal(told(f, 4), 0);
}

/* With a body that nobody needs: it is dropped after the answer, which is out before it has come.
 */
static void unread_bodies(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234");
	http_expect(f, POLLED);
	assert_int_equal(told(f, 0), 0);
	http_talk(f, "56789" POLL);
	http_expect(f, POLLED);
	assert_int_equal(told(f, 1), 0);
	/* The same with the body there at once. */
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n012" POLL);
	http_expect(f, POLLED POLLED);
	/* And with one that is too large to be dropped. */
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n012");
	http_expect_start(f, "HTTP/1.1 200 OK\r\n");
	assert_int_equal(told(f, 4), 0);
	assert_true(f->closed);
}

/* ---- when it is told ---- */

static void turn_unread(struct http_fixture *f)
{
	for (int i = 0; i < 10; i++) {
		loop_turn(f->loop, 0);
	}
}

static void turn_read(struct http_fixture *f)
{
	for (int i = 0; i < 20; i++) {
		http_turn(f);
	}
}

static void leave(struct http_fixture *f)
{
	close(f->client);
	f->client = -1;
}

static void told_when_all_is_taken(void **state)
{
	struct http_fixture *f = *state;
	char part[1000];
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n" POLL);
	turn_unread(f);
	assert_int_equal(told(f, 0), NOT_TOLD);
	/* Some of it was read. */
	assert_int_equal(recv(f->client, part, sizeof(part), 0), sizeof(part));
	turn_unread(f);
	assert_int_equal(told(f, 0), NOT_TOLD);
	assert_int_equal(f->requests, 1);
	turn_read(f);
	assert_int_equal(told(f, 0), 0);
	assert_int_equal(told(f, 1), 0);
	size_t head = strlen(OK("Content-Type: text/x\r\nContent-Length: 400000\r\n", ""));
	assert_int_equal(f->got.len, head + BIG_SIZE - sizeof(part) + strlen(POLLED));
	/* And before the connection closes behind it. */
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	turn_unread(f);
	assert_int_equal(told(f, 2), NOT_TOLD);
	assert_int_equal(http_server_count(f->server), 1);
	turn_read(f);
	assert_int_equal(told(f, 2), 0);
	assert_true(f->closed);
}

/* Only the peer's sending side has ended. */
static void half_closed(void **state)
{
	struct http_fixture *f = *state;
	http_talk(
		f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(f->client, SHUT_WR);
	turn_unread(f);
	answer_pending(f);
	turn_unread(f);
	assert_int_equal(told(f, 0), 0);
	assert_int_equal(told(f, 1), NOT_TOLD);
	turn_read(f);
	http_expect_start(f, POLLED);
	assert_int_equal(told(f, 1), 0);
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

static void drained_server(void **state)
{
	struct http_fixture *f = *state;
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	turn_unread(f);
	http_server_drain(f->server);
	turn_unread(f);
	assert_int_equal(told(f, 0), NOT_TOLD);
	turn_read(f);
	assert_int_equal(told(f, 0), 0);
	assert_true(f->got.len > BIG_SIZE);
	assert_true(f->closed);
}

/* ---- when it is lost ---- */

static void gone_before(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	leave(f);
	http_turn(f);
	assert_int_equal(f->gone, 1);
	answer_pending(f);
	assert_int_equal(told(f, 0), NOT_TOLD);
	http_turn(f);
	assert_int_equal(told(f, 0), ERR_CLOSED);
}

/* The peer is gone, and nobody has noticed when it is answered. */
static void gone_unnoticed(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	leave(f);
	answer_pending(f);
	http_turn(f);
	assert_int_equal(told(f, 0), ERR_CLOSED);
	assert_int_equal(http_server_count(f->server), 0);
	/* With the end of its sending side known before. */
	http_connect_early(f, BYTES_NONE);
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(f->client, SHUT_WR);
	http_turn(f);
	leave(f);
	answer_pending(f);
	http_turn(f);
	assert_int_equal(told(f, 1), ERR_CLOSED);
	assert_int_equal(http_server_count(f->server), 0);
}

/* The connection broke under an earlier answer, while the request was with the handler. */
static void broken_before(void **state)
{
	struct http_fixture *f = *state;
	stream_pool_set_sndbuf(f->pool, 4096);
	http_reconnect(f);
	http_put(f, "GET /some HTTP/1.1\r\nHost: h\r\n\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(f->client, SHUT_WR);
	turn_unread(f);
	assert_int_equal(f->pending_count, 1);
	assert_true(stream_pool_queued(f->pool) > 0);
	leave(f);
	turn_unread(f);
	assert_int_equal(stream_pool_queued(f->pool), 0);
	answer_pending(f);
	http_turn(f);
	assert_int_equal(told(f, 0), ERR_CLOSED);
	assert_int_equal(http_server_count(f->server), 0);
}

static void gone_while_it_leaves(void **state)
{
	struct http_fixture *f = *state;
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	turn_unread(f);
	assert_int_equal(told(f, 0), NOT_TOLD);
	leave(f);
	http_turn(f);
	assert_int_equal(told(f, 0), ERR_CLOSED);
	assert_int_equal(http_server_count(f->server), 0);
	assert_int_equal(stream_pool_queued(f->pool), 0);
}

static void stalled(void **state)
{
	struct http_fixture *f = *state;
	f->limits.sweep_us = 5000;
	f->limits.send_stall_us = 60000;
	http_restart(f);
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		loop_turn(f->loop, 10);
	}
	assert_int_equal(told(f, 0), NOT_TOLD);
	for (int i = 0; i < 30 && http_server_count(f->server) > 0; i++) {
		loop_turn(f->loop, 10);
	}
	assert_int_equal(told(f, 0), ERR_CLOSED);
	assert_int_equal(http_server_count(f->server), 0);
	/* Also where the rest of a body is awaited meanwhile. */
	stream_pool_set_sndbuf(f->pool, 4096);
	http_reconnect(f);
	f->serve = NULL;
	http_put(f, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n");
	f->answer_now = true;
	turn_unread(f);
	struct chunks_test *t = f->test;
	answer_with(f, f->pending[--f->pending_count], 200, &t->big, 1);
	turn_unread(f);
	assert_int_equal(told(f, 1), NOT_TOLD);
	for (int i = 0; i < 30 && http_server_count(f->server) > 0; i++) {
		/* Once for the byte, and once to wait. */
		send(f->client, "x", 1, MSG_NOSIGNAL);
		loop_turn(f->loop, 0);
		loop_turn(f->loop, 10);
	}
	assert_int_equal(told(f, 1), ERR_CLOSED);
	assert_int_equal(http_server_count(f->server), 0);
}

static void greedy(void **state)
{
	struct http_fixture *f = *state;
	int first = f->client;
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	turn_unread(f);
	http_connect_early(f, BYTES_NONE);
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	turn_unread(f);
	f->limits.sweep_us = 5000;
	f->limits.queue_max = stream_pool_queued(f->pool) - 1;
	http_server_set_limits(f->server, &f->limits);
	for (int i = 0; i < 200 && http_server_count(f->server) > 1; i++) {
		loop_turn(f->loop, 10);
	}
	turn_unread(f);
	assert_int_equal(http_server_count(f->server), 1);
	assert_int_equal(f->metrics.send_memory_dropped, 1);
	assert_int_equal(told(f, 0) == ERR_CLOSED ? told(f, 1) : told(f, 0), NOT_TOLD);
	assert_int_equal(told(f, 0) == ERR_CLOSED ? told(f, 0) : told(f, 1), ERR_CLOSED);
	close(first);
}

/* Those that are left are told before the server has gone, also one that was lost just now. */
static void server_destroyed(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	close(f->client);
	http_turn(f);
	http_connect_early(f, BYTES_NONE);
	http_put(f, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
	turn_unread(f);
	answer_pending(f);
	assert_int_equal(told(f, 0), NOT_TOLD);
	assert_int_equal(told(f, 1), NOT_TOLD);
	http_server_destroy(&f->server);
	assert_int_equal(told(f, 0), ERR_CLOSED);
	assert_int_equal(told(f, 1), ERR_CLOSED);
	/* One that outlives the server. */
	http_restart(f);
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	http_server_destroy(&f->server);
	answer_pending(f);
	assert_int_equal(told(f, 2), NOT_TOLD);
	loop_turn(f->loop, 0);
	assert_int_equal(told(f, 2), ERR_CLOSED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(whole_answers),
		CASE(chunks_are_shared),
		CASE(pipelined),
		CASE(unread_bodies),
		CASE(told_when_all_is_taken),
		CASE(half_closed),
		CASE(drained_server),
		CASE(gone_before),
		CASE(gone_unnoticed),
		CASE(broken_before),
		CASE(gone_while_it_leaves),
		CASE(stalled),
		CASE(greedy),
		CASE(server_destroyed),
	};
#undef CASE
	return cmocka_run_group_tests_name("chatd_http_chunks", tests, NULL, NULL);
}
