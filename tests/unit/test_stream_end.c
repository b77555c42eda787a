/* How streams end, and what callbacks may do: the other half of test_stream.c. */
#include "lib/net/stream.h"

#include "tests/unit/stream_side.h"

#include <errno.h>

/* ---- ends ---- */

static void test_peer_ends(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, true);
	peer_send(&side, "last words");
	shutdown(side.peer, SHUT_WR);
	turn_until(&side.ends, 1);
	assert_int_equal(side.end_err, 0);
	assert_string_equal(buf_cstr(&side.got), "last words");
	/* Our side still works. */
	stream_send_copy(side.stream, BYTES_LIT("answer"));
	turns(3);
	assert_peer_gets(&side, "answer");
	assert_int_equal(side.ends, 1);
	side_finish(&side);
}

/* An owner who waits for the rest to be sent learns that it will not be. */
static void test_peer_gone_after_end(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	fill(&side);
	turns(1);
	shutdown(side.peer, SHUT_WR);
	turn_until(&side.ends, 1);
	int drains = side.drains;
	close(side.peer);
	side.peer = -1;
	turn_until(&side.drains, drains + 1);
	assert_int_equal(stream_queued(side.stream), 0);
	assert_int_equal(side.ends, 1);
	stream_send_copy(side.stream, BYTES_LIT("into the void"));
	assert_int_equal(stream_queued(side.stream), 0);
	turns(3);
	side_finish(&side);
}

static void peer_resets(struct side *side)
{
	const struct linger now = {1, 0};
	setsockopt(side->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(side->peer);
	side->peer = -1;
}

static void test_reset_by_peer(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, true);
	fill(&side);
	peer_resets(&side);
	turn_until(&side.ends, 1);
	assert_int_equal(side.end_err, ERR_CLOSED);
	assert_int_equal(stream_pool_queued(pool), 0);
	stream_send_copy(side.stream, BYTES_LIT("x"));
	assert_int_equal(stream_queued(side.stream), 0);
	turns(3);
	assert_int_equal(side.ends, 1);
	side_finish(&side);
}

/* Sending fails first, but what the peer said before it left is still heard. */
static void test_last_words_before_broken_pipe(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	peer_send(&side, "goodbye");
	close(side.peer);
	side.peer = -1;
	stream_send_copy(side.stream, BYTES_LIT("x"));
	stream_flush(side.stream);
	assert_int_equal(side.ends, 0);
	assert_int_equal(stream_pool_queued(pool), 0);
	turns(3);
	assert_string_equal(buf_cstr(&side.got), "goodbye");
	assert_int_equal(side.ends, 1);
	assert_int_equal(side.end_err, ERR_CLOSED);
	assert_int_equal(side.drains, 0);
	side_finish(&side);
}

/* Paused: reading would not find it, so the end of the turn tells. */
static void test_broken_pipe_while_paused(void **state)
{
	(void)state;
	for (int pause_late = 0; pause_late < 2; pause_late++) {
		struct side side;
		side_open(&side, false);
		if (pause_late == 0) {
			stream_pause(side.stream);
		}
		close(side.peer);
		side.peer = -1;
		stream_send_copy(side.stream, BYTES_LIT("x"));
		stream_flush(side.stream);
		stream_pause(side.stream);
		assert_int_equal(side.ends, 0);
		turns(1);
		assert_int_equal(side.ends, 1);
		assert_int_equal(side.end_err, ERR_CLOSED);
		side_finish(&side);
	}
}

/* ---- inside callbacks ---- */

static void close_now(struct side *side)
{
	stream_close(&side->stream);
}

static void test_close_inside(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	side.on_data = close_now;
	peer_send(&side, "x");
	turns(3);
	assert_int_equal(side.data_calls, 1);
	assert_int_equal(side.ends, 0);
	assert_null(side.stream);
	side_finish(&side);
	side_open(&side, false);
	side.on_drain = close_now;
	stream_send_copy(side.stream, BYTES_LIT("x"));
	turns(3);
	assert_int_equal(side.drains, 1);
	assert_null(side.stream);
	assert_peer_gets(&side, "x");
	side_finish(&side);
	side_open(&side, false);
	side.on_end = close_now;
	shutdown(side.peer, SHUT_WR);
	turns(3);
	assert_int_equal(side.ends, 1);
	assert_null(side.stream);
	side_finish(&side);
}

static struct side *other_side;

static void close_other(struct side *side)
{
	(void)side;
	stream_close(&other_side->stream);
}

/* Flushing one closes the next of the same round. */
static void test_close_another_while_flushing(void **state)
{
	struct side a, b;
	(void)state;
	side_open(&a, false);
	side_open(&b, false);
	other_side = &b;
	a.on_drain = close_other;
	stream_send_copy(a.stream, BYTES_LIT("a"));
	stream_send_copy(b.stream, BYTES_LIT("b"));
	turns(2);
	assert_peer_gets(&a, "a");
	assert_peer_sees_end(&b);
	assert_int_equal(b.drains, 0);
	side_finish(&a);
	side_finish(&b);
}

static void send_more(struct side *side)
{
	if (side->drains < 10) {
		stream_send_copy(side->stream, BYTES_LIT("m"));
	}
}

/* Who waits for nothing is not called; whoever takes over is, until he says the same. */
static void test_drain_unwanted(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	stream_want_drain(side.stream, false);
	stream_send_copy(side.stream, BYTES_LIT("a"));
	turns(2);
	assert_peer_gets(&side, "a");
	assert_int_equal(side.drains, 0);
	stream_send_copy(side.stream, BYTES_LIT("b"));
	stream_want_drain(side.stream, true);
	turns(2);
	assert_peer_gets(&side, "b");
	assert_int_equal(side.drains, 1);
	stream_want_drain(side.stream, false);
	stream_set_owner(side.stream, &side_events, &side);
	stream_send_copy(side.stream, BYTES_LIT("c"));
	turns(2);
	assert_peer_gets(&side, "c");
	assert_int_equal(side.drains, 2);
	side_finish(&side);
}

static void test_send_inside_drain(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	side.on_drain = send_more;
	stream_send_copy(side.stream, BYTES_LIT("m"));
	turns(1);
	assert_int_equal(side.drains, 10);
	assert_peer_gets(&side, "mmmmmmmmmm");
	side_finish(&side);
}

static struct side new_owner;

static void hand_over(struct side *side)
{
	new_owner.stream = side->stream;
	new_owner.peer = side->peer;
	side->stream = NULL;
	side->peer = -1;
	stream_set_owner(new_owner.stream, &side_events, &new_owner);
}

static void test_new_owner_inside(void **state)
{
	struct side side;
	static char text[70000];
	(void)state;
	new_owner = (struct side){0};
	side_open(&side, false);
	side.on_data = hand_over;
	memset(text, 't', sizeof(text));
	assert_int_equal(send(side.peer, text, sizeof(text), 0), sizeof(text));
	turns(3);
	/* The first buffer went to the old owner, the rest to the new one. */
	assert_int_equal(side.data_calls, 1);
	assert_int_equal(side.got.len + new_owner.got.len, sizeof(text));
	assert_true(new_owner.got.len > 0);
	shutdown(new_owner.peer, SHUT_WR);
	turns(2);
	assert_int_equal(new_owner.ends, 1);
	assert_int_equal(side.ends, 0);
	side_finish(&side);
	side_finish(&new_owner);
}

static int released_fd;

static void release_now(struct side *side)
{
	released_fd = stream_release(&side->stream);
}

static void test_release(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	side.on_data = release_now;
	peer_send(&side, "x");
	turns(2);
	assert_null(side.stream);
	peer_send(&side, "rest");
	turns(2);
	char got[10];
	assert_int_equal(recv(released_fd, got, sizeof(got), 0), 4);
	/* It works on in another stream. */
	side.on_data = NULL;
	side.stream = stream_open(pool, released_fd, &side_events, &side);
	peer_send(&side, "y");
	turns(2);
	assert_string_equal(buf_cstr(&side.got), "xy");
	side_finish(&side);
}

/* ---- closing ---- */

static void test_close_flushed(void **state)
{
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		struct side side;
		side_open(&side, tcp != 0);
		size_t sent = fill(&side);
		stream_send_copy(side.stream, BYTES_LIT("bye"));
		sent += 3;
		/* Unread input would make a plain close cut off what is on its way. */
		peer_send(&side, "unread");
		stream_close_flushed(&side.stream, 5000000);
		assert_null(side.stream);
		assert_int_equal(stream_pool_lingering(pool), 1);
		assert_int_equal(stream_pool_count(pool), 0);
		int data_calls = side.data_calls;
		size_t got = 0;
		for (int i = 0; i < 2000 && got < sent; i++) {
			got += peer_drain(&side);
			loop_turn(loop, 1);
		}
		assert_int_equal(got, sent);
		turns(2);
		assert_peer_sees_end(&side);
		peer_send(&side, "still talking");
		turns(2);
		assert_int_equal(stream_pool_lingering(pool), 1);
		shutdown(side.peer, SHUT_WR);
		for (int i = 0; i < 100 && stream_pool_lingering(pool) > 0; i++) {
			loop_turn(loop, 20);
		}
		assert_int_equal(stream_pool_lingering(pool), 0);
		assert_int_equal(side.data_calls, data_calls);
		assert_int_equal(side.ends, 0);
		side_finish(&side);
	}
}

static void close_flushed_now(struct side *side)
{
	stream_send_copy(side->stream, BYTES_LIT("bye"));
	stream_close_flushed(&side->stream, 1000000);
}

static void test_close_flushed_inside(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	side.on_data = close_flushed_now;
	stream_pause(side.stream);
	stream_resume(side.stream);
	peer_send(&side, "x");
	turns(2);
	assert_peer_gets(&side, "bye");
	assert_peer_sees_end(&side);
	close(side.peer);
	side.peer = -1;
	turns(2);
	assert_int_equal(stream_pool_lingering(pool), 0);
	side_finish(&side);
	/* The peer ended first: nothing to wait for after the rest. */
	side_open(&side, false);
	side.on_end = close_flushed_now;
	shutdown(side.peer, SHUT_WR);
	turns(2);
	assert_int_equal(stream_pool_lingering(pool), 0);
	assert_peer_gets(&side, "bye");
	assert_peer_sees_end(&side);
	side_finish(&side);
}

/* The peer's end is noticed although the owner had stopped reading. */
static void test_close_flushed_paused(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	stream_pause(side.stream);
	peer_send(&side, "unread");
	turns(2);
	stream_close_flushed(&side.stream, 60000000);
	shutdown(side.peer, SHUT_WR);
	turns(3);
	assert_int_equal(stream_pool_lingering(pool), 0);
	assert_int_equal(side.data_calls, 0);
	side_finish(&side);
}

static void test_close_flushed_limit(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	fill(&side);
	uint64_t start = loop_now_us(loop);
	stream_close_flushed(&side.stream, 30000);
	while (stream_pool_lingering(pool) > 0 && loop_now_us(loop) - start < 5000000) {
		loop_turn(loop, 10);
	}
	assert_in_range(loop_now_us(loop) - start, 30000, 2000000);
	assert_int_equal(stream_pool_queued(pool), 0);
	side_finish(&side);
	/* A peer that has gone is not waited for. */
	side_open(&side, false);
	fill(&side);
	stream_close_flushed(&side.stream, 60000000);
	close(side.peer);
	side.peer = -1;
	turns(3);
	assert_int_equal(stream_pool_lingering(pool), 0);
	side_finish(&side);
	/* What lingers at the end goes with the pool (teardown). */
	side_open(&side, false);
	fill(&side);
	stream_close_flushed(&side.stream, 60000000);
	stream_pool_destroy(&pool);
	pool = stream_pool_create(loop);
	side_finish(&side);
}

static void test_reset(void **state)
{
	struct side side;
	char byte;
	(void)state;
	side_open(&side, true);
	turns(1);
	stream_reset(&side.stream);
	assert_int_equal(recv(side.peer, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	stream_reset(&side.stream);
	side_finish(&side);
	side_open(&side, false);
	stream_send_copy(side.stream, BYTES_LIT("once"));
	stream_reset(&side.stream);
	assert_peer_gets(&side, "once");
	side_finish(&side);
}

static void test_sndbuf(void **state)
{
	struct side side;
	int plain, small;
	socklen_t size = sizeof(int);
	(void)state;
	side_open(&side, true);
	getsockopt(stream_fd(side.stream), SOL_SOCKET, SO_SNDBUF, &plain, &size);
	side_finish(&side);
	stream_pool_set_sndbuf(pool, 16384);
	side_open(&side, true);
	getsockopt(stream_fd(side.stream), SOL_SOCKET, SO_SNDBUF, &small, &size);
	assert_int_equal(small, 2 * 16384); /* socket(7): the kernel doubles it */
	assert_int_not_equal(plain, small);
	side_finish(&side);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stream_setup, stream_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_peer_ends),
		TEST(test_peer_gone_after_end),
		TEST(test_reset_by_peer),
		TEST(test_last_words_before_broken_pipe),
		TEST(test_broken_pipe_while_paused),
		TEST(test_close_inside),
		TEST(test_close_another_while_flushing),
		TEST(test_drain_unwanted),
		TEST(test_send_inside_drain),
		TEST(test_new_owner_inside),
		TEST(test_release),
		TEST(test_close_flushed),
		TEST(test_close_flushed_inside),
		TEST(test_close_flushed_paused),
		TEST(test_close_flushed_limit),
		TEST(test_reset),
		TEST(test_sndbuf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
