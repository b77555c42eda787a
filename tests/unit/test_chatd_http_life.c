/* The HTTP server of a worker: peers that vanish, upgrades, deadlines, drain. */
#include "chatd/net/http_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/loop/loop.h"
#include "lib/net/stream.h"
#include "tests/unit/http_fixture.h"

/* ---- peers that vanish ---- */

static void gone_while_pending(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_false(http_is_gone(f->pending[0]));
	shutdown(f->client, SHUT_WR);
	http_turn(f);
	assert_int_equal(f->gone, 1);
	assert_true(http_is_gone(f->pending[0]));
	/* Only its sending side ended: whoever answers is heard. */
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_LIT("x"));
	http_turn(f);
	http_expect(f, OK("Content-Length: 1\r\n", "x"));
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

static void closed_while_pending(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	close(f->client);
	f->client = -1;
	http_turn(f);
	assert_int_equal(f->gone, 1);
	/* The fields are good until the end. */
	assert_string_equal(f->pending[0]->path.ptr, "/later");
	assert_string_equal(f->pending[0]->peer, "192.0.2.1:4711");
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_LIT("x"));
	http_turn(f);
	assert_int_equal(http_server_count(f->server), 0);
}

static void answered_inside_gone(void **state)
{
	struct http_fixture *f = *state;
	f->answer_when_gone = true;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	close(f->client);
	f->client = -1;
	http_turn(f);
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->pending_count, 0);
	assert_int_equal(http_server_count(f->server), 0);
}

/* The end came before the request was looked at: gone is told all the same, but not from within
 * http_on_gone(). */
static void gone_before_it_began(void **state)
{
	struct http_fixture *f = *state;
	http_talk(
		f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(f->client, SHUT_WR);
	http_turn(f);
	assert_int_equal(f->gone, 1);
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_NONE);
	http_turn(f);
	assert_int_equal(f->requests, 2);
	assert_int_equal(f->gone, 2);
	http_respond(f->pending[1], 200, NULL, NULL, BYTES_NONE);
	http_turn(f);
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

static void ended_inside_a_request(void **state)
{
	static const char *const pieces[] = {"", "GE", "GET / HTTP/1.1\r\nHost: h\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"};
	struct http_fixture *f = *state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		http_talk(f, pieces[i]);
		shutdown(f->client, SHUT_WR);
		http_turn(f);
		assert_true(f->closed);
		http_expect(f, "");
		assert_int_equal(http_server_count(f->server), 0);
		http_reconnect(f);
	}
	assert_int_equal(f->requests, 0);
}

static void server_destroyed_while_pending(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	http_server_destroy(&f->server);
	assert_int_equal(f->gone, 1);
	http_turn(f);
	assert_true(f->closed);
	http_respond(f->pending[0], 200, "text/plain", NULL, BYTES_LIT("x"));
	/* One that is pending and never told anything more: taken back. */
	http_restart(f);
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	http_on_gone(f->pending[1], NULL, NULL);
	http_server_destroy(&f->server);
	assert_int_equal(f->gone, 1);
	http_abort(f->pending[1]);
}

/* Who learns that one has gone ends another, whose connection is still there. */
static void answered_while_destroyed(void **state)
{
	struct http_fixture *f = *state;
	int first = f->client;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	http_connect_early(f, BYTES_NONE);
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	f->answer_when_gone = true;
	http_server_destroy(&f->server);
	assert_int_equal(f->gone, 1);
	assert_int_equal(stream_pool_count(f->pool), 0);
	http_abort(f->pending[0]);
	close(first);
}

static void aborted(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /abort HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, "");
	assert_true(f->closed || f->reset);
	assert_int_equal(http_server_count(f->server), 0);
}

/* ---- upgrades ---- */

static void upgrade_with_early_frames(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f,
		"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /upgrade HTTP/1.1\r\nHost: h\r\n\r\nfirst ");
	http_expect(f, OK(PLAIN("8"), "GET /1? ") "HTTP/1.1 101 Switching Protocols\r\n\r\n");
	assert_int_equal(f->upgrade_err, 0);
	assert_int_equal(http_server_count(f->server), 0);
	assert_string_equal(buf_cstr(&f->rest), "first ");
	http_talk(f, "second");
	assert_string_equal(buf_cstr(&f->upgraded), "second");
	stream_send_copy(f->stream, BYTES_LIT("hello"));
	http_turn(f);
	http_expect(f, "hello");
}

/* Later, and with so much read ahead that reading was stopped. */
static void upgrade_later(void **state)
{
	struct http_fixture *f = *state;
	char early[32768];
	memset(early, 'e', sizeof(early));
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(send(f->client, early, sizeof(early), MSG_NOSIGNAL), sizeof(early));
	http_turn(f);
	http_put(f, "tail");
	http_turn(f);
	http_do_upgrade(f, f->pending[0]);
	assert_int_equal(f->upgrade_err, 0);
	http_turn(f);
	http_expect(f, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
	assert_int_equal(f->rest.len + f->upgraded.len, sizeof(early) + 4);
	assert_true(f->rest.len >= sizeof(early));
}

static void upgrade_refused(void **state)
{
	struct http_fixture *f = *state;
	http_talk(f, "GET /upgrade HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(f->upgrade_err, ERR_BAD_REQUEST);
	http_expect(f, "HTTP/1.1 400 Bad Request\r\n" DATE "Content-Length: 0\r\n\r\n");
	/* With its body there it can be. */
	http_talk(f, "abcGET /upgrade HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(f->upgrade_err, 0);
	stream_close(&f->stream);

	http_reconnect(f);
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(f->client, SHUT_WR);
	http_turn(f);
	http_do_upgrade(f, f->pending[0]);
	assert_int_equal(f->upgrade_err, ERR_CLOSED);
	http_turn(f);
	assert_int_equal(http_server_count(f->server), 0);
}

/* ---- deadlines ---- */

static void quick_limits(struct http_fixture *f)
{
	f->limits.sweep_us = 5000;
	f->limits.header_timeout_us = 60000;
	f->limits.idle_timeout_us = 60000;
	f->limits.body_grace_us = 60000;
	f->limits.body_rate = 1000;
	f->limits.send_stall_us = 60000;
	http_restart(f);
}

static void header_timeouts(void **state)
{
	struct http_fixture *f = *state;
	quick_limits(f);
	/* Nothing came: nothing is said. */
	http_wait_ms(f, 30);
	assert_false(f->closed);
	http_wait_ms(f, 80);
	assert_true(f->closed);
	http_expect(f, "");
	/* Bytes that trickle do not help. */
	http_reconnect(f);
	for (int i = 0; i < 12 && !f->closed; i++) {
		send(f->client, "G", 1, MSG_NOSIGNAL);
		http_wait_ms(f, 10);
	}
	assert_true(f->closed);
	http_expect_start(f, "HTTP/1.1 408 Request Timeout\r\n");
	/* Nor in a later request. */
	http_reconnect(f);
	http_talk(f, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2");
	http_expect(f, OK(PLAIN("8"), "GET /1? "));
	http_wait_ms(f, 110);
	http_expect_start(f, "HTTP/1.1 408 Request Timeout\r\n");
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

static void idle_timeouts(void **state)
{
	struct http_fixture *f = *state;
	quick_limits(f);
	for (int i = 0; i < 4; i++) {
		http_wait_ms(f, 25);
		http_talk(f, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
		http_expect(f, OK(PLAIN("8"), "GET /1? "));
	}
	assert_false(f->closed);
	http_wait_ms(f, 110);
	http_expect(f, "");
	assert_true(f->closed);
	/* One that waits for its answer is not idle. */
	http_reconnect(f);
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	http_wait_ms(f, 150);
	assert_false(f->closed);
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_NONE);
	http_turn(f);
	http_expect(f, OK("Content-Length: 0\r\n", ""));
	assert_int_equal(f->gone, 0);
}

static void slow_bodies(void **state)
{
	struct http_fixture *f = *state;
	quick_limits(f);
	http_talk(f, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
	for (int i = 0; i < 12 && !f->closed; i++) {
		send(f->client, "x", 1, MSG_NOSIGNAL);
		http_wait_ms(f, 10);
	}
	http_expect_start(f, "HTTP/1.1 408 Request Timeout\r\n");
	assert_true(f->closed);
	/* 400 bytes earn 400 ms. */
	char part[400];
	memset(part, 'x', sizeof(part));
	http_reconnect(f);
	http_talk(f, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 800\r\n\r\n");
	assert_int_equal(send(f->client, part, 400, MSG_NOSIGNAL), 400);
	http_wait_ms(f, 120);
	assert_int_equal(send(f->client, part, 400, MSG_NOSIGNAL), 400);
	http_wait_ms(f, 10);
	http_expect_start(f, "HTTP/1.1 200 OK\r\n");
	/* What nobody needs does not wait for ever either. */
	http_reconnect(f);
	http_talk(f, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
	http_expect(f, OK(PLAIN("11"), "POST /now? "));
	http_wait_ms(f, 110);
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

static void stalled_readers(void **state)
{
	struct http_fixture *f = *state;
	int small = 4096;
	quick_limits(f);
	assert_int_equal(setsockopt(f->client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (int i = 0; i < 3; i++) {
		http_put(f, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	for (int i = 0; i < 60 && http_server_count(f->server) > 0; i++) {
		loop_turn(f->loop, 10);
	}
	assert_int_equal(http_server_count(f->server), 0);
	assert_int_equal(stream_pool_queued(f->pool), 0);
}

/* Each of them reads a little, but all together hold too much: the one that holds most goes. */
static void greedy_readers(void **state)
{
	struct http_fixture *f = *state;
	f->limits.sweep_us = 5000;
	http_restart(f);
	int clients[4];
	for (int i = 0; i < 4; i++) {
		http_put(f, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
		for (int turn = 0; turn < 4; turn++) {
			loop_turn(f->loop, 0);
		}
		clients[i] = f->client;
		if (i < 3) {
			http_connect_early(f, BYTES_NONE);
		}
	}
	char taken[30000];
	assert_int_equal(recv(clients[1], taken, sizeof(taken), 0), sizeof(taken));
	f->limits.queue_max = stream_pool_queued(f->pool) / 2;
	assert_true(f->limits.queue_max > 0);
	http_server_set_limits(f->server, &f->limits);
	for (int i = 0; i < 60 && stream_pool_queued(f->pool) > f->limits.queue_max; i++) {
		loop_turn(f->loop, 10);
	}
	assert_true(stream_pool_queued(f->pool) <= f->limits.queue_max);
	size_t dropped = 4 - http_server_count(f->server);
	assert_in_range(dropped, 1, 3);
	assert_int_equal(f->metrics.send_memory_dropped, dropped);
	/* Those that stay get all of it. */
	size_t whole = 0;
	for (int i = 0; i < 4; i++) {
		f->client = clients[i];
		f->closed = f->reset = false;
		buf_clear(&f->got);
		http_wait_ms(f, 30);
		whole += f->got.len + (i == 1 ? sizeof(taken) : 0) >= 300000 ? 1 : 0;
		close(clients[i]);
	}
	f->client = -1;
	assert_int_equal(whole, 4 - dropped);
}

/* ---- drain ---- */

static void drain(void **state)
{
	struct http_fixture *f = *state;
	int busy;
	http_talk(f, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	busy = f->client;
	http_connect_early(f, BYTES_NONE);
	http_talk(f, "GET /idle HTTP/1.1\r\nHost: h\r\n\r\n");
	http_expect(f, OK(PLAIN("11"), "GET /idle? "));
	http_server_drain(f->server);
	http_turn(f);
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 1);
	close(f->client);
	f->client = busy;
	f->closed = false;
	http_respond(f->pending[0], 200, NULL, NULL, BYTES_NONE);
	http_turn(f);
	http_expect(f, OK("Content-Length: 0\r\nConnection: close\r\n", ""));
	assert_true(f->closed);
	assert_int_equal(http_server_count(f->server), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)
	const struct CMUnitTest tests[] = {
		CASE(gone_while_pending),
		CASE(closed_while_pending),
		CASE(answered_inside_gone),
		CASE(gone_before_it_began),
		CASE(ended_inside_a_request),
		CASE(server_destroyed_while_pending),
		CASE(answered_while_destroyed),
		CASE(aborted),
		CASE(upgrade_with_early_frames),
		CASE(upgrade_later),
		CASE(upgrade_refused),
		CASE(header_timeouts),
		CASE(idle_timeouts),
		CASE(slow_bodies),
		CASE(stalled_readers),
		CASE(greedy_readers),
		CASE(drain),
	};
#undef CASE
	return cmocka_run_group_tests_name("chatd_http_life", tests, NULL, NULL);
}
