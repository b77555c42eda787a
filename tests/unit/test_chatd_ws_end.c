/* WebSockets on real sockets: peers that leave while something is under way for them, what is
 * closing, and what the owner may set. */
#include "chatd/transport/ws.h"

#include <netinet/in.h>

#include "tests/unit/ws_side.h"

/* One more WebSocket of the same worker. */
static void side_join(struct side *side, const struct side *first)
{
	static const struct stream_events none;
	const int least = 1;
	int ends[2];
	*side = (struct side){
		.loop = first->loop, .streams = first->streams, .sockets = first->sockets};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	side->peer = ends[1];
	side->stream = stream_open(side->streams, ends[0], &none, NULL);
	side->transport = ws_open(side->sockets, side->stream);
	transport_own(side->transport, &events, side);
}

static void side_part(struct side *side)
{
	act(side, ABORT);
	close(side->peer);
	buf_finish(&side->got);
	buf_finish(&side->heard);
}

/* ---- peers that leave ---- */

/* It has ended only what it sends: what is queued for it still goes out, and nothing else does. */
static void test_half_closed(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	size_t sent = 0;
	for (; queued(&side) < 6000; sent++) {
		owner_sends(&side, 500);
		turns(&side, 1);
	}
	shutdown(side.peer, SHUT_WR);
	turns(&side, 3);
	assert_int_equal(side.ends, 1);
	assert_int_equal(side.end_err, ERR_CLOSED);
	int how = 1;
	for (int i = 0; i < 2000 && how == 1; i++) {
		how = listen_once(&side);
	}
	assert_int_equal(how, 0);
	assert_int_equal(count_in(&side, "binary["), sent);
	side_finish(&side);
}

static void test_reset(void **state)
{
	const struct linger at_once = {.l_onoff = 1};
	(void)state;
	for (int stays = 0; stays <= 1; stays++) {
		struct side side = {.stays = stays == 1};
		side_open(&side, true, BYTES_NONE);
		if (stays == 1) {
			say(&side, 0x88, NORMAL);
		}
		setsockopt(side.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(side.peer);
		side.peer = -1;
		turns(&side, 3);
		assert_int_equal(side.ends, 1);
		assert_int_equal(side.end_err, ERR_CLOSED);
		side_finish(&side);
	}
}

/* An owner who has nothing to say about it need not be asked. */
static void test_closed_unasked(void **state)
{
	static const struct transport_events few = {.on_payload = on_payload, .on_end = on_end};
	struct side side = {.stays = true};
	(void)state;
	side_open(&side, true, BYTES_NONE);
	transport_own(side.transport, &few, &side);
	say(&side, 0x88, NORMAL);
	expect_end(&side, "close 1000[]\n", 0);
	assert_int_equal(side.ends, 1);
	assert_int_equal(side.end_err, 0);
	side_finish(&side);
}

/* ---- empty frames ---- */

static void test_empty(void **state)
{
	struct side side = {.in_payload = ABORT}; /* it would be noticed */
	(void)state;
	side_open(&side, true, BYTES_NONE);
	say(&side, 0x81, BYTES_LIT(""));
	say(&side, 0x02, BYTES_LIT(""));
	say(&side, 0x80, BYTES_LIT(""));
	say(&side, 0x89, BYTES_LIT(""));
	say(&side, 0x8a, BYTES_LIT(""));
	expect_heard(&side, "pong[]\n");
	assert_non_null(side.transport);
	side_finish(&side);
}

/* ---- the owner's wishes ---- */

/* What it is told may come while more waits than a pong may wait behind. */
static void test_pong_waits_on(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	side.transport->ops->set_low(side.transport, 20000);
	side.transport->ops->want_drain(side.transport, true);
	fill(&side, 15000);
	side.drains = 0;
	say(&side, 0x89, BYTES_LIT("due"));
	drain(&side, 9500);
	assert_int_equal(side.drains, 1);
	assert_true(queued(&side) > 4096);
	owner_sends(&side, 3); /* so the pong comes behind it */
	drain(&side, 0);
	assert_int_equal(count_in(&side, "binary[xxx]\npong[due]\n"), 1);
	side_finish(&side);
}

/* Behind our Close no pong comes. */
static void test_no_pong_behind_close(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	fill(&side, 6000);
	say(&side, 0x89, BYTES_LIT("due"));
	act(&side, CLOSE);
	assert_int_equal(count_in(&side, "close 1000[]"), 1);
	assert_memory_equal(side.heard.data + side.heard.len - 4, "\x88\x02\x03\xe8", 4);
	side_finish(&side);
}

static void test_pause(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, true, BYTES_NONE);
	side.transport->ops->pause(side.transport);
	say(&side, 0x81, BYTES_LIT("later"));
	assert_int_equal(side.got.len, 0);
	side.transport->ops->resume(side.transport);
	turns(&side, 3);
	assert_string_equal(buf_cstr(&side.got), "later");
	side_finish(&side);
}

static void test_stalled(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	assert_int_equal(side.transport->ops->stalled_since(side.transport), 0);
	fill(&side, 6000);
	assert_true(side.transport->ops->stalled_since(side.transport) > 0);
	drain(&side, 0);
	assert_int_equal(side.transport->ops->stalled_since(side.transport), 0);
	side_finish(&side);
}

/* Settings that come later are for WebSockets that come later. */
static void test_params(void **state)
{
	const struct ws_params narrow = {CLOSE_TIMEOUT_US, 3};
	struct side side = {0}, later;
	(void)state;
	side_open(&side, true, BYTES_NONE);
	ws_pool_set_params(side.sockets, &narrow);
	side_join(&later, &side);
	say(&side, 0x81, BYTES_LIT("four"));
	say(&later, 0x81, BYTES_LIT("four"));
	assert_string_equal(buf_cstr(&side.got), "four");
	assert_int_equal(side.ends, 0);
	expect_heard(&later, "close 1009[]\n");
	assert_int_equal(later.ends, 1);
	side_part(&later);
	side_finish(&side);
}

/* ---- closing ---- */

/* Memory is short: of those that are closing only such go as hold some. */
static void test_drop_closing(void **state)
{
	(void)state;
	for (int full = 0; full <= 1; full++) {
		struct side side = {0};
		side_open(&side, false, BYTES_NONE);
		if (full == 1) {
			fill(&side, 6000);
		}
		act(&side, CLOSE);
		turns(&side, 3);
		ws_pool_drop_closing(side.sockets, 1);
		assert_int_equal(ws_pool_closing(side.sockets), full == 1 ? 0 : 1);
		side_finish(&side);
	}
}

/* Those that have waited longest go first, and no more of them than must. */
static void test_drop_some(void **state)
{
	struct side first = {0}, second, third;
	(void)state;
	side_open(&first, false, BYTES_NONE);
	side_join(&second, &first);
	side_join(&third, &first);
	fill(&first, 6000);
	fill(&second, 6000);
	fill(&third, 6000);
	act(&first, CLOSE);
	act(&second, CLOSE);
	act(&third, CLOSE);
	ws_pool_drop_closing(first.sockets, 6000);
	assert_int_equal(ws_pool_closing(first.sockets), 2);
	assert_int_equal(count_in(&first, "close 1000[]"), 0);
	assert_int_equal(count_in(&second, "close 1000[]"), 1);
	ws_pool_drop_closing(first.sockets, 1); /* the second one holds nothing any more */
	assert_int_equal(ws_pool_closing(first.sockets), 1);
	assert_int_equal(count_in(&third, "close 1000[]"), 0);
	side_part(&second);
	side_part(&third);
	side_finish(&first);
}

static void test_no_pool(void **state)
{
	struct ws_pool *none = NULL;
	(void)state;
	ws_pool_destroy(&none);
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_closed_unasked),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_pong_waits_on),
		cmocka_unit_test(test_no_pong_behind_close),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_drop_closing),
		cmocka_unit_test(test_drop_some),
		cmocka_unit_test(test_no_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
