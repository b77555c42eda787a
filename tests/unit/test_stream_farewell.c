/* Streams that are given up but wait for the peer's end, and last words to a peer to whom there was
 * none. */
#include "tests/unit/stream_side.h"

#include <stdio.h>

#define LIMIT UINT64_C(200000)

static void turn_until_nobody_lingers(void)
{
	for (int i = 0; i < 200 && stream_pool_lingering(pool) > 0; i++) {
		loop_turn(loop, 20);
	}
	assert_int_equal(stream_pool_lingering(pool), 0);
}

/* ---- stream_close_answered() ---- */

static void assert_peer_sees_nothing(struct side *side)
{
	char byte;
	assert_int_equal(recv(side->peer, &byte, 1, MSG_DONTWAIT), -1);
}

static void check_answered(bool peer_ends)
{
	struct side side;
	side_open(&side, true);
	stream_send_copy(side.stream, BYTES_LIT("last"));
	uint64_t start = loop_now_us(loop);
	stream_close_answered(&side.stream, LIMIT);
	assert_null(side.stream);
	assert_int_equal(stream_pool_lingering(pool), 1);
	turns(3);
	assert_peer_gets(&side, "last");
	assert_peer_sees_nothing(&side); /* no end of ours */
	peer_send(&side, "an answer that nobody reads");
	turns(3);
	assert_int_equal(stream_pool_lingering(pool), 1);
	if (peer_ends) {
		shutdown(side.peer, SHUT_WR);
	}
	turn_until_nobody_lingers();
	assert_int_equal(loop_now_us(loop) - start >= LIMIT, !peer_ends);
	assert_peer_sees_end(&side);
	assert_int_equal(side.data_calls + side.ends + side.drains, 0);
	side_finish(&side);
}

static void test_answered(void **state)
{
	(void)state;
	check_answered(true);
	check_answered(false);
}

/* The peer had ended its side before: nothing is waited for but the rest. */
static void test_answered_after_end(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, true);
	shutdown(side.peer, SHUT_WR);
	turn_until(&side.ends, 1);
	size_t sent = fill(&side);
	stream_close_answered(&side.stream, 10000000);
	turns(3);
	assert_int_equal(stream_pool_lingering(pool), 1);
	while (sent > 0) {
		char piece[65536];
		loop_turn(loop, 0);
		ssize_t n = recv(side.peer, piece, sizeof(piece), MSG_DONTWAIT);
		sent -= n > 0 ? (size_t)n : 0;
	}
	turn_until_nobody_lingers();
	side_finish(&side);
}

static void test_answered_by_reset(void **state)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct side side;
	(void)state;
	side_open(&side, true);
	stream_close_answered(&side.stream, 10000000);
	turns(2);
	setsockopt(side.peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(side.peer);
	side.peer = -1;
	turn_until_nobody_lingers();
	side_finish(&side);
}

/* ---- stream_farewell() ---- */

static int listen_at(char address[64])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	snprintf(address, 64, "127.0.0.1:%d", ntohs(at.sin_port));
	return listener;
}

static int accept_one(int listener)
{
	int peer = -1;
	for (int i = 0; i < 200 && peer < 0; i++) {
		loop_turn(loop, 5);
		peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
	assert_true(peer >= 0);
	return peer;
}

static void check_farewell(bool peer_ends)
{
	char address[64], got[16] = "";
	char words[] = "last words";
	int listener = listen_at(address);
	stream_farewell(pool, bytes_str(address), bytes_str(words), LIMIT);
	memset(words, 'x', sizeof(words)); /* it is a copy */
	assert_int_equal(stream_pool_lingering(pool), 1);
	int peer = accept_one(listener);
	turns(3);
	assert_int_equal(stream_pool_lingering(pool), 1);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 10);
	assert_string_equal(got, "last words");
	assert_int_equal(recv(peer, got, 1, MSG_DONTWAIT), -1);
	assert_int_equal(send(peer, "answer", 6, 0), 6);
	if (peer_ends) {
		shutdown(peer, SHUT_WR);
	}
	turn_until_nobody_lingers();
	assert_int_equal(recv(peer, got, 1, 0), 0);
	close(peer);
	close(listener);
}

static void test_farewell(void **state)
{
	(void)state;
	check_farewell(true);
	check_farewell(false);
}

static void test_farewell_to_nobody(void **state)
{
	char address[64];
	(void)state;
	close(listen_at(address));
	stream_farewell(pool, bytes_str(address), BYTES_LIT("x"), LIMIT);
	turn_until_nobody_lingers();
	stream_farewell(pool, BYTES_LIT("no address"), BYTES_LIT("x"), LIMIT);
	assert_int_equal(stream_pool_lingering(pool), 0);
}

/* The pool goes before they are connected, or answered. */
static void test_farewell_cut(void **state)
{
	char address[64];
	int listener = listen_at(address);
	(void)state;
	stream_farewell(pool, bytes_str(address), BYTES_LIT("x"), LIMIT);
	int peer = accept_one(listener);
	turns(3);
	stream_farewell(pool, bytes_str(address), BYTES_LIT("y"), LIMIT);
	assert_int_equal(stream_pool_lingering(pool), 2);
	stream_pool_destroy(&pool);
	pool = stream_pool_create(loop);
	turns(3);
	close(peer);
	close(listener);
}

static int setup(void **state)
{
	(void)state;
	loop = loop_create();
	pool = stream_pool_create(loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(stream_pool_count(pool), 0);
	stream_pool_destroy(&pool);
	loop_destroy(&loop);
	return 0;
}

#define STREAM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(test_answered),
		STREAM_TEST(test_answered_after_end),
		STREAM_TEST(test_answered_by_reset),
		STREAM_TEST(test_farewell),
		STREAM_TEST(test_farewell_to_nobody),
		STREAM_TEST(test_farewell_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
