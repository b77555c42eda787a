#include "chatd/transport/longpoll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/net/stream.h"
#include "tests/unit/way_fixture.h"

/* ---- polls ---- */

static void the_first_poll_is_answered_at_once(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	way_send(way, "early"); /* not even this makes it carry anything */
	peer_get(way, peer);
	const char *head = buf_cstr(&peer->got);
	assert_non_null(strstr(head, "Content-Type: application/octet-stream\r\n"));
	assert_non_null(strstr(head, "Cache-Control: no-cache, no-store\r\n"));
	assert_non_null(strstr(head, "Pragma: no-cache\r\n"));
	assert_non_null(strstr(head, "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
	peer_expect(peer, 200, "");
	peer_get(way, peer);
	peer_expect(peer, 200, "early");
	peer_get(way, peer);
	peer_expect_nothing(peer);
}

static void what_a_turn_sends_is_one_answer(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	for (int i = 0; i < 11; i++) { /* more than the queue has inside */
		way_send(way, "ab");
	}
	assert_int_equal(way->transport->ops->queued(way->transport), 22);
	assert_int_equal(longpoll_pool_queued(way->pool), 22);
	way_turn(way);
	assert_int_equal(longpoll_pool_queued(way->pool), 0);
	assert_int_equal(way->transport->ops->queued(way->transport), 0);
	assert_non_null(strstr(buf_cstr(&peer->got), "Content-Type: application/octet-stream"));
	peer_expect(peer, 200, "ababababababababababab");
	peer_expect_nothing(peer);
	way_send(way, "one");
	way_turn(way);
	way_send(way, "two");
	way_turn(way);
	peer_expect_nothing(peer); /* no poll is there */
	peer_get(way, peer);
	peer_expect(peer, 200, "onetwo");
}

static void a_newer_poll_displaces(void **state)
{
	struct way *way = *state;
	struct peer *first = peer_parked(way);
	struct peer *second = peer_polling(way);
	assert_non_null(strstr(buf_cstr(&first->got), "Content-Type: text/plain\r\n"));
	peer_expect(first, 204, "");
	peer_expect_nothing(second);
	way_send(way, "x");
	way_turn(way);
	peer_expect(second, 200, "x");
	peer_expect_nothing(first);
	assert_int_equal(way->ends, 0);
}

static void a_poll_ends_without_data(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way_sleep(way, POLL_TIMEOUT_US - 1000000);
	peer_expect_nothing(peer);
	way_sleep(way, 2500000);
	assert_non_null(strstr(buf_cstr(&peer->got), "Content-Type: text/plain\r\n"));
	peer_expect(peer, 200, "");
	assert_int_equal(way->ends, 0);
	way_sleep(way, AWAY_TIMEOUT_US - 2000000);
	peer_get(way, peer); /* away for less than the time-out */
	way_send(way, "still");
	way_turn(way);
	peer_expect(peer, 200, "still");
	assert_int_equal(way->ends, 0);
}

static void who_does_not_poll_is_lost(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_away(way);
	way_send(way, "never fetched");
	way_sleep(way, AWAY_TIMEOUT_US - 500000);
	assert_int_equal(way->ends, 0);
	way_sleep(way, 2000000);
	assert_int_equal(way->ends, 1);
	assert_int_equal(way->end_err, ERR_CLOSED);
	assert_int_equal(way->ended, 1);
	assert_int_equal(longpoll_pool_queued(way->pool), 0);
	peer_get(way, peer);
	peer_expect(peer, 404, "No Connection with that ID");
}

static void other_timeouts_hold_from_now_on(void **state)
{
	const struct longpoll_params shorter = {
		.poll_timeout_us = 1000000,
		.away_timeout_us = 500000,
		.close_timeout_us = CLOSE_TIMEOUT_US,
	};
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	longpoll_pool_set_params(way->pool, &shorter);
	way_sleep(way, 2100000); /* a look at the deadlines is under way already */
	peer_expect(peer, 200, "");
	way_sleep(way, 1500000);
	assert_int_equal(way->ends, 1);
	assert_int_equal(way->end_err, ERR_CLOSED);
}

static void a_peer_that_goes_while_parked_may_come_again(void **state)
{
	struct way *way = *state;
	peer_drop(way, peer_parked(way));
	assert_int_equal(way->ends, 0);
	way_send(way, "kept");
	way_turn(way);
	struct peer *again = peer_polling(way);
	peer_expect(again, 200, "kept");
}

/* Its side ended, but it reads still: nothing of what it gets may be a goodbye. */
static void half_closed_peers_are_not_sent_away(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
	way_turn(way);
	peer_expect(peer, 200, "");
	way_sleep(way, AWAY_TIMEOUT_US + 2000000);
	assert_int_equal(way->ends, 1); /* it counts as away */
}

/* ---- slow and broken answers ---- */

static void an_answer_is_queued_until_it_is_written(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way->transport->ops->want_drain(way->transport, true);
	peer_stall(way, peer);
	assert_int_equal(way->transport->ops->queued(way->transport), WAY_BIG);
	assert_int_equal(longpoll_pool_queued(way->pool), 0); /* the HTTP server's now */
	assert_int_equal(way->transport->ops->stalled_since(way->transport), 0);
	way_send(way, "more");
	way_turn(way);
	assert_int_equal(way->transport->ops->queued(way->transport), WAY_BIG + 4);
	assert_int_equal(way->drains, 0);
	peer_read_big(way, peer);
	assert_int_equal(way->drains, 1);
	assert_int_equal(way->transport->ops->queued(way->transport), 4);
	peer_get(way, peer);
	peer_expect(peer, 200, "more");
	assert_int_equal(way->drains, 2);
	way->transport->ops->want_drain(way->transport, false);
	peer_get(way, peer);
	way_send(way, "x");
	way_turn(way);
	assert_int_equal(way->drains, 2);
}

/* The time for which somebody may be away begins when he has got his answer. */
static void slow_readers_are_not_away(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way->http->limits.send_stall_us = 60000000;
	http_server_set_limits(way->http->server, &way->http->limits);
	peer_stall(way, peer);
	way_sleep(way, AWAY_TIMEOUT_US + 5000000);
	assert_int_equal(way->ends, 0);
	peer_read_big(way, peer);
	way_sleep(way, AWAY_TIMEOUT_US - 2000000);
	assert_int_equal(way->ends, 0);
	way_sleep(way, 4000000);
	assert_int_equal(way->ends, 1);
}

static void an_answer_that_is_lost_ends_it(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	peer_drop(way, peer);
	assert_int_equal(way->ends, 1);
	assert_int_equal(way->end_err, ERR_CLOSED);
	assert_int_equal(way->ended, 1);
}

/* The same where another poll waits already for the next answer: it must not be forgotten. */
static void a_poll_behind_a_lost_answer_is_told(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	struct peer *second = peer_polling(way);
	way_send(way, "second");
	way_turn(way);
	peer_expect_nothing(second); /* what comes first is on its way still */
	peer_drop(way, peer);
	assert_int_equal(way->ends, 1);
	peer_expect(second, 404, "No Connection with that ID");
	peer_drop(way, second);
}

static void answers_keep_their_order(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	struct peer *second = peer_polling(way);
	way_send(way, "second");
	way_turn(way);
	peer_expect_nothing(second);
	peer_read_big(way, peer);
	peer_expect(second, 200, "second");
}

static void a_stalled_answer_is_given_up(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	way_sleep(way, way->http->limits.send_stall_us + 2000000);
	assert_int_equal(way->ends, 1);
	assert_int_equal(way->end_err, ERR_CLOSED);
}

/* ---- input ---- */

static void posts_are_fed(void **state)
{
	struct way *way = *state;
	struct peer *poll = peer_parked(way);
	struct peer *peer = peer_open(way);
	peer_post(way, peer, "abc");
	peer_expect(peer, 200, "");
	way_expect_payload(way, "abc");
	way->transport->ops->pause(way->transport);
	peer_post(way, peer, "def");
	peer_expect(peer, 200, ""); /* in the buffer */
	way_expect_payload(way, "");
	way->transport->ops->resume(way->transport);
	way_turn(way);
	way_expect_payload(way, "def");
	way->act = way_say_goodbye; /* inside of feeding */
	peer_post(way, peer, "g");
	peer_expect(peer, 200, "");
	peer_expect(poll, 200, "bye");
}

/* ---- destruction (the fixture's teardown) with each thing that may be under way ---- */

static void destroyed_while_parked(void **state)
{
	struct way *way = *state;
	(void)peer_parked(way);
	way_send(way, "x"); /* not even flushed */
}

static void destroyed_under_an_answer(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	(void)peer_polling(way);
	way_send(way, "x");
}

static void destroyed_while_closing(void **state)
{
	struct way *way = *state;
	(void)peer_parked(way);
	way_send_fill(way, 'b', WAY_BIG);
	way_say_goodbye(way);
}

#define POLLS(test) cmocka_unit_test_setup_teardown(test, way_setup_polls, way_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLLS(the_first_poll_is_answered_at_once),
		POLLS(what_a_turn_sends_is_one_answer),
		POLLS(a_newer_poll_displaces),
		POLLS(a_poll_ends_without_data),
		POLLS(who_does_not_poll_is_lost),
		POLLS(other_timeouts_hold_from_now_on),
		POLLS(a_peer_that_goes_while_parked_may_come_again),
		POLLS(half_closed_peers_are_not_sent_away),
		POLLS(an_answer_is_queued_until_it_is_written),
		POLLS(slow_readers_are_not_away),
		POLLS(an_answer_that_is_lost_ends_it),
		POLLS(a_poll_behind_a_lost_answer_is_told),
		POLLS(answers_keep_their_order),
		POLLS(a_stalled_answer_is_given_up),
		POLLS(posts_are_fed),
		POLLS(destroyed_while_parked),
		POLLS(destroyed_under_an_answer),
		POLLS(destroyed_while_closing),
	};
	return cmocka_run_group_tests_name("longpoll", tests, NULL, NULL);
}
