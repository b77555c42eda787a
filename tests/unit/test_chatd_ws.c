/* WebSockets on real sockets: what the owner is told, what he may do inside of it, and how each
 * ends for the peer. */
#include "chatd/transport/ws.h"

#include "tests/unit/ws_side.h"

static void test_both_ways(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, true, BYTES_NONE);
	say(&side, 0x01, BYTES_LIT("Hel"));
	say(&side, 0x89, BYTES_LIT("ping"));
	say(&side, 0x80, BYTES_LIT("lo"));
	say(&side, 0x82, BYTES_LIT(", "));
	say(&side, 0x8a, BYTES_LIT("pong"));
	say(&side, 0x81, BYTES_LIT("world"));
	owner_sends(&side, 3);
	expect_heard(&side, "pong[ping]\nbinary[xxx]\n");
	assert_string_equal(buf_cstr(&side.got), "Hello, world");
	say(&side, 0x88, BYTES_LIT("\x0f\xa0"));
	expect_end(&side, "close 1000[]\n", 0);
	assert_int_equal(side.ends, 1);
	assert_int_equal(side.end_err, 0);
	side_finish(&side);
}

/* Of bytes behind the upgrade, and inside the very first event. */
static void test_early(void **state)
{
	struct buf early = {0};
	(void)state;
	for (enum act what = NOTHING; what <= ABORT; what++) {
		struct side side = {.in_payload = what};
		buf_clear(&early);
		put_frame(&early, 0x81, BYTES_LIT("first"));
		put_frame(&early, 0x89, BYTES_LIT("ping"));
		side_open(&side, true, buf_bytes(&early));
		assert_string_equal(buf_cstr(&side.got), "first");
		if (what == NOTHING) {
			expect_heard(&side, "pong[ping]\n");
		} else {
			expect_end(&side, what == CLOSE ? "close 1000[]\n" : "", -1);
		}
		side_finish(&side);
	}
	buf_finish(&early);
}

/* The owner ends it inside an event: nothing more is told, and the peer sees what it should. */
static void test_end_inside(void **state)
{
	static const struct {
		enum act in_payload, in_closing;
		bool stays;
		const char *heard;
		int end;
	} rows[] = {
		{CLOSE, NOTHING, false, "close 1000[]\n", 0},
		{ABORT, NOTHING, false, "", -1},
		{NOTHING, CLOSE, false, "close 1000[]\n", 0},
		{NOTHING, CLOSE, true, "close 1000[]\n", 0},
		{NOTHING, ABORT, false, "", -1},
		{NOTHING, ABORT, true, "", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = {.in_payload = rows[i].in_payload,
			.in_closing = rows[i].in_closing,
			.stays = rows[i].stays};
		struct buf all = {0};
		put_frame(&all, 0x81, BYTES_LIT("a"));
		put_frame(&all, 0x81, BYTES_LIT("b"));
		put_frame(&all, 0x88, NORMAL);
		put_frame(&all, 0x81, BYTES_LIT("c"));
		side_open(&side, true, BYTES_NONE);
		assert_int_equal(send(side.peer, all.data, all.len, 0), all.len);
		expect_end(&side, rows[i].heard, rows[i].end);
		assert_int_equal(side.ends, 0);
		assert_string_equal(
			buf_cstr(&side.got), rows[i].in_payload != NOTHING ? "a" : "ab");
		assert_int_equal(ws_pool_closing(side.sockets), 0);
		buf_finish(&all);
		side_finish(&side);
	}
}

/* The peer says goodbye, the owner has something left to send. */
static void test_left(void **state)
{
	struct side side = {.stays = true};
	(void)state;
	side_open(&side, true, BYTES_NONE);
	say(&side, 0x88, NORMAL);
	say(&side, 0x81, BYTES_LIT("behind"));
	say(&side, 0x89, BYTES_LIT("behind"));
	expect_heard(&side, "");
	assert_int_equal(side.got.len, 0);
	owner_sends(&side, 4);
	act(&side, CLOSE);
	expect_end(&side, "binary[xxxx]\nclose 1000[]\n", 0);
	side_finish(&side);
	/* It went away meanwhile. */
	side = (struct side){.stays = true};
	side_open(&side, true, BYTES_NONE);
	say(&side, 0x88, NORMAL);
	shutdown(side.peer, SHUT_WR);
	turns(&side, 3);
	assert_int_equal(side.ends, 1);
	assert_int_equal(side.end_err, ERR_CLOSED);
	side_finish(&side);
}

/* After our Close nothing is served or answered, the peer's Close ends it in order, a breach or its
 * silence by a reset. */
static void test_closing(void **state)
{
	static const struct {
		struct frame answer;
		int end;
	} rows[] = {
		{{0x88, NORMAL}, 0},
		{{0x88, BYTES_LIT("")}, 0},
		{{0x88, BYTES_LIT("\x03\xe7")}, 0},
		{{0xff, BYTES_LIT("")}, -1},
		{{0, BYTES_NONE}, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = {0};
		side_open(&side, true, BYTES_NONE);
		act(&side, CLOSE);
		assert_int_equal(ws_pool_closing(side.sockets), 1);
		say(&side, 0x81, BYTES_LIT("late"));
		say(&side, 0x89, BYTES_LIT("late"));
		expect_heard(&side, "close 1000[]\n");
		if (rows[i].answer.payload.ptr != NULL) {
			say(&side, rows[i].answer.first, rows[i].answer.payload);
		} else {
			uint64_t begun = loop_now_us(side.loop);
			while (ws_pool_closing(side.sockets) > 0) {
				loop_turn(side.loop, 20);
				assert_true(loop_now_us(side.loop) - begun < 5000000);
			}
		}
		expect_end(&side, "", rows[i].end);
		assert_int_equal(side.got.len + (size_t)side.ends, 0);
		side_finish(&side);
	}
}

static void test_ends(void **state)
{
	static const struct {
		struct frame frame;
		const char *heard;
		int end;
	} rows[] = {
		{{0x81, BYTES_LIT("\xff")}, "close 1007[]\n", -1},
		{{0x83, BYTES_LIT("")}, "close 1002[]\n", -1},
		{{0x08, NORMAL}, "close 1002[]\n", -1},
		{{0x88, BYTES_LIT("x")}, "close 1002[]\n", 0},
		{{0x88, BYTES_LIT("\x03\xec")}, "close 1002[]\n", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = {.stays = true};
		side_open(&side, true, BYTES_NONE);
		say(&side, rows[i].frame.first, rows[i].frame.payload);
		expect_end(&side, rows[i].heard, rows[i].end);
		assert_int_equal(side.ends, 1);
		assert_int_equal(side.end_err, ERR_BAD_REQUEST);
		side_finish(&side);
	}
}

/* Who pings and does not read gets the last pong only, and makes us hold one payload. */
static void test_unread_pongs(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	fill(&side, 5000);
	size_t before = queued(&side);
	for (int i = 0; i < 1000; i++) {
		say(&side, 0x89, BYTES_LIT("many"));
	}
	say(&side, 0x89, BYTES_LIT("last"));
	assert_int_equal(queued(&side), before);
	drain(&side, 0);
	assert_int_equal(count_in(&side, "pong[many]"), 0);
	assert_int_equal(count_in(&side, "pong[last]"), 1);
	assert_int_equal(side.drains, 0); /* the owner wanted none */
	side_finish(&side);
}

/* One that waits is not sent behind that of a later ping. */
static void test_older_pong(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	fill(&side, 6000);
	say(&side, 0x89, BYTES_LIT("older"));
	drain(&side, 4096);
	assert_true(queued(&side) > 0);
	say(&side, 0x89, BYTES_LIT("newer"));
	drain(&side, 0);
	assert_int_equal(count_in(&side, "pong[newer]"), 1);
	assert_int_equal(count_in(&side, "pong[older]"), 0);
	side_finish(&side);
}

static void test_end_in_drain(void **state)
{
	(void)state;
	for (enum act what = CLOSE; what <= ABORT; what++) {
		struct side side = {.in_drain = what};
		side_open(&side, false, BYTES_NONE);
		fill(&side, 6000);
		side.transport->ops->want_drain(side.transport, true);
		say(&side, 0x89, BYTES_LIT("due"));
		drain(&side, 0);
		assert_int_equal(side.drains, 1);
		assert_null(side.transport);
		assert_int_equal(count_in(&side, "close 1000[]"), what == CLOSE ? 1 : 0);
		side_finish(&side);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_end_inside),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_closing),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_unread_pongs),
		cmocka_unit_test(test_older_pong),
		cmocka_unit_test(test_end_in_drain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
