#include "lib/net/stream.h"

#include "tests/unit/stream_side.h"

#include <netinet/tcp.h>

/* ---- both directions ---- */

static void test_send_and_receive(void **state)
{
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		struct side side;
		side_open(&side, tcp != 0);
		assert_int_equal(stream_pool_count(pool), 1);
		peer_send(&side, "hello");
		turn_until(&side.data_calls, 1);
		assert_string_equal(buf_cstr(&side.got), "hello");
		stream_send_copy(side.stream, BYTES_LIT("wor"));
		stream_send_copy(side.stream, BYTES_LIT("ld"));
		stream_send_copy(side.stream, BYTES_NONE);
		assert_int_equal(stream_queued(side.stream), 5);
		assert_int_equal(stream_pool_queued(pool), 5);
		/* Nothing leaves before the end of the turn. */
		assert_int_equal(peer_drain(&side), 0);
		turns(1);
		assert_peer_gets(&side, "world");
		assert_int_equal(side.drains, 1);
		assert_int_equal(stream_stalled_since(side.stream), 0);
		int on = 0;
		socklen_t size = sizeof(on);
		if (tcp != 0) {
			getsockopt(stream_fd(side.stream), IPPROTO_TCP, TCP_NODELAY, &on, &size);
			assert_int_equal(on != 0, 1);
			getsockopt(
				stream_fd(side.stream), IPPROTO_TCP, TCP_USER_TIMEOUT, &on, &size);
			assert_int_equal(on, 13000);
			getsockopt(stream_fd(side.stream), SOL_SOCKET, SO_KEEPALIVE, &on, &size);
			assert_int_equal(on, 0);
		}
		stream_probe(side.stream);
		getsockopt(stream_fd(side.stream), SOL_SOCKET, SO_KEEPALIVE, &on, &size);
		assert_int_equal(on != 0, tcp != 0);
		if (tcp != 0) {
			getsockopt(stream_fd(side.stream), IPPROTO_TCP, TCP_KEEPIDLE, &on, &size);
			assert_int_equal(on, 10);
			getsockopt(stream_fd(side.stream), IPPROTO_TCP, TCP_KEEPINTVL, &on, &size);
			assert_int_equal(on, 4);
		}
		side_finish(&side);
	}
}

/* All that is sent in one turn, by whomever, is one write: a packet socket shows the borders. */
static void test_one_write_per_turn(void **state)
{
	struct side side = {0};
	int ends[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	side.peer = ends[1];
	side.stream = stream_open(pool, ends[0], &side_events, &side);
	for (int i = 0; i < 40; i++) {
		stream_send_copy(side.stream, BYTES_LIT("ab"));
	}
	turns(1);
	char got[1000];
	assert_int_equal(recv(side.peer, got, sizeof(got), MSG_DONTWAIT), 80);
	assert_int_equal(recv(side.peer, got, sizeof(got), MSG_DONTWAIT), -1);
	stream_send_copy(side.stream, BYTES_LIT("now"));
	stream_flush(side.stream);
	assert_int_equal(recv(side.peer, got, sizeof(got), MSG_DONTWAIT), 3);
	assert_int_equal(side.drains, 1);
	turns(1);
	assert_int_equal(side.drains, 2);
	side_finish(&side);
}

static int shared_released;

static void on_shared_release(struct chunk *chunk)
{
	(void)chunk;
	shared_released++;
}

static void test_shared_chunk(void **state)
{
	enum { SIDES = 20 };
	static struct side sides[SIDES];
	struct chunk chunk = {"shared", 6, 1, on_shared_release};
	(void)state;
	shared_released = 0;
	for (int i = 0; i < SIDES; i++) {
		side_open(&sides[i], false);
		stream_send(sides[i].stream, &chunk);
	}
	chunk_unref(&chunk);
	assert_int_equal(stream_pool_queued(pool), 6 * SIDES);
	assert_int_equal(shared_released, 0);
	/* One goes before the turn ends. */
	stream_close(&sides[3].stream);
	turns(1);
	assert_int_equal(shared_released, 1);
	for (int i = 0; i < SIDES; i++) {
		if (i != 3) {
			assert_peer_gets(&sides[i], "shared");
		} else {
			assert_peer_sees_end(&sides[i]);
		}
		side_finish(&sides[i]);
	}
}

/* More than the shared buffer holds comes whole and in order. */
static void test_large_input(void **state)
{
	struct side side;
	static char text[300000];
	size_t sent = 0;
	(void)state;
	side_open(&side, false);
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (char)(i * 7 % 251);
	}
	while (sent < sizeof(text)) {
		ssize_t n = send(side.peer, text + sent, sizeof(text) - sent, MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		turns(1);
	}
	turns(3);
	assert_int_equal(side.got.len, sizeof(text));
	assert_memory_equal(side.got.data, text, sizeof(text));
	side_finish(&side);
}

/* ---- back-pressure ---- */

static void test_stall_and_drain(void **state)
{
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		struct side side;
		side_open(&side, tcp != 0);
		uint64_t start = loop_now_us(loop);
		size_t sent = fill(&side);
		assert_true(stream_stalled_since(side.stream) >= start);
		assert_int_equal(stream_pool_queued(pool), stream_queued(side.stream));
		turns(1);
		/* That it was empty between is told; the rest not yet. */
		int drains = side.drains;
		uint64_t stalled = stream_stalled_since(side.stream);
		usleep(2000);
		turns(2);
		assert_true(stream_stalled_since(side.stream) == stalled);
		/* What comes meanwhile stands behind. */
		stream_send_copy(side.stream, BYTES_LIT("last"));
		sent += 4;
		size_t got = 0;
		for (int i = 0; i < 2000 && got < sent; i++) {
			got += peer_drain(&side);
			loop_turn(loop, 1);
		}
		assert_int_equal(got, sent);
		assert_int_equal(stream_queued(side.stream), 0);
		assert_int_equal(stream_stalled_since(side.stream), 0);
		assert_int_equal(side.drains, drains + 1);
		/* Nothing wakes the loop now, and the next message is not held up. */
		uint64_t quiet = loop_now_us(loop);
		loop_turn(loop, 30);
		assert_true(loop_now_us(loop) - quiet >= 20000);
		stream_send_copy(side.stream, BYTES_LIT("next"));
		turns(1);
		assert_peer_gets(&side, "next");
		side_finish(&side);
	}
}

static void test_low_mark(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	fill(&side);
	turns(1);
	for (int i = 0; i < 64; i++) {
		char *block = mem_zalloc(10000);
		stream_send_copy(side.stream, bytes_of(block, 10000));
		free(block);
	}
	stream_set_low(side.stream, 400000);
	int drains = side.drains;
	assert_true(stream_queued(side.stream) >= 640000);
	for (int i = 0; i < 1000 && side.drains == drains; i++) {
		char got[20000];
		assert_true(recv(side.peer, got, sizeof(got), MSG_DONTWAIT) != 0);
		loop_turn(loop, 0);
	}
	/* At half of the mark, long before it is empty; and once more when it is. */
	assert_int_equal(side.drains, drains + 1);
	assert_in_range(stream_queued(side.stream), 1, 200000);
	for (int i = 0; i < 1000 && stream_queued(side.stream) > 0; i++) {
		peer_drain(&side);
		loop_turn(loop, 0);
	}
	assert_int_equal(side.drains, drains + 2);
	side_finish(&side);
}

static void pause_now(struct side *side)
{
	stream_pause(side->stream);
}

static void test_pause(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	side.on_data = pause_now;
	peer_send(&side, "one");
	turns(2);
	assert_int_equal(side.data_calls, 1);
	peer_send(&side, "two");
	shutdown(side.peer, SHUT_WR);
	turns(5);
	assert_int_equal(side.data_calls, 1);
	assert_int_equal(side.ends, 0);
	/* Sending goes on. */
	stream_send_copy(side.stream, BYTES_LIT("out"));
	turns(1);
	assert_peer_gets(&side, "out");
	side.on_data = NULL;
	stream_resume(side.stream);
	turns(3);
	assert_string_equal(buf_cstr(&side.got), "onetwo");
	assert_int_equal(side.ends, 1);
	side_finish(&side);
}

/* A pause that is over at once costs nothing and loses nothing. */
static void test_pause_and_resume(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	stream_pause(side.stream);
	stream_resume(side.stream);
	peer_send(&side, "x");
	turns(1);
	assert_int_equal(side.data_calls, 1);
	side_finish(&side);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stream_setup, stream_teardown)

/* What was queued is taken out, without what had left before. */
static void test_take_queue(void **state)
{
	struct side side;
	struct buf unsent = {NULL, 0, 0};
	char got[4096];
	(void)state;
	side_open(&side, false);
	size_t sent = fill(&side);
	size_t queued = stream_queued(side.stream);
	assert_in_range(queued, 1, sent - 1);
	stream_send_copy(side.stream, BYTES_LIT("tail"));
	buf_append_str(&unsent, "before:");
	stream_take_queue(side.stream, &unsent);
	assert_int_equal(unsent.len, 7 + queued + 4);
	assert_memory_equal(unsent.data, "before:", 7);
	assert_memory_equal(unsent.data + unsent.len - 4, "tail", 4);
	assert_int_equal(stream_queued(side.stream), 0);
	assert_int_equal(stream_pool_queued(pool), 0);
	assert_int_equal(stream_stalled_since(side.stream), 0);
	assert_false(stream_is_broken(side.stream));
	int fd = stream_release(&side.stream);
	turns(2);
	/* The rest follows what the kernel had taken, without a gap. */
	size_t came = 0;
	ssize_t n;
	while ((n = recv(side.peer, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		came += (size_t)n;
	}
	assert_int_equal(came + queued, sent);
	close(fd);
	buf_finish(&unsent);
	side_finish(&side);
}

static void test_is_broken(void **state)
{
	struct side side;
	(void)state;
	side_open(&side, false);
	assert_false(stream_is_broken(side.stream));
	close(side.peer);
	side.peer = -1;
	stream_send_copy(side.stream, BYTES_LIT("x"));
	stream_flush(side.stream);
	assert_true(stream_is_broken(side.stream));
	turns(2);
	side_finish(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_send_and_receive),
		TEST(test_one_write_per_turn),
		TEST(test_shared_chunk),
		TEST(test_large_input),
		TEST(test_stall_and_drain),
		TEST(test_low_mark),
		TEST(test_pause),
		TEST(test_pause_and_resume),
		TEST(test_take_queue),
		TEST(test_is_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
