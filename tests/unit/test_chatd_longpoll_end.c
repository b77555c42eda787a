/* Long polling: how it ends. */
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

/* ---- DELETE ---- */

static void delete_with_a_poll(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	struct peer *other = peer_open(way);
	way->act = way_say_goodbye;
	peer_delete(way, other);
	assert_int_equal(way->terminates, 1);
	assert_int_equal(way->ends, 0); /* he closed it himself */
	assert_int_equal(way->ended, 1);
	assert_non_null(strstr(buf_cstr(&other->got), "Content-Type: text/plain\r\n"));
	peer_expect(other, 202, "");
	peer_expect(peer, 200, "bye"); /* and no 204 behind it */
	peer_get(way, peer);
	peer_expect(peer, 404, "No Connection with that ID");
	peer_delete(way, other);
	peer_expect(other, 404, "No Connection with that ID");
	peer_post(way, other, "late");
	peer_expect(other, 404, "No Connection with that ID");
}

static void delete_with_a_poll_and_no_goodbye(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	struct peer *other = peer_open(way);
	way->act = way_say_nothing; /* as before the handshake */
	peer_delete(way, other);
	peer_expect(other, 202, "");
	peer_expect(peer, 204, "");
	assert_int_equal(way->ended, 1);
}

static void delete_without_a_poll(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_away(way);
	way->act = way_say_goodbye;
	peer_delete(way, peer);
	peer_expect(peer, 202, "");
	assert_int_equal(way->ended, 1);
	assert_int_equal(longpoll_pool_queued(way->pool), 0); /* the goodbye is lost */
	peer_get(way, peer);
	peer_expect(peer, 404, "No Connection with that ID");
}

/* The owner does nothing: it ends all the same. */
static void delete_does_not_depend_on_the_owner(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	peer_get(way, peer);
	peer_delete(way, peer);
	assert_int_equal(way->terminates, 1);
	assert_int_equal(way->ends, 1);
	assert_int_equal(way->end_err, 0);
	assert_int_equal(way->ended, 1);
}

static void delete_while_an_answer_is_under_way(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	struct peer *second = peer_polling(way);
	struct peer *other = peer_open(way);
	way->act = way_say_goodbye;
	peer_delete(way, other);
	peer_expect(other, 202, "");
	peer_expect(second, 200, "bye");
	assert_int_equal(way->ended, 1);
	peer_read_big(way, peer); /* what was begun is finished */
}

static void delete_of_what_is_closed(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_away(way);
	way_say_goodbye(way);
	peer_delete(way, peer);
	peer_expect(peer, 202, "");
	assert_int_equal(way->terminates + way->ends, 0); /* there is no owner to be told */
	assert_int_equal(way->ended, 1);
	assert_int_equal(longpoll_pool_queued(way->pool), 0);
}

static void delete_that_is_answered_by_an_abort(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	struct peer *other = peer_open(way);
	way->act = way_abort;
	peer_delete(way, other);
	peer_expect(other, 202, "");
	peer_expect_nothing(peer);
	assert_true(peer->closed);
	assert_int_equal(way->ended, 1);
	assert_int_equal(way->ends, 0);
}

/* ---- close and abort ---- */

static void close_with_a_poll(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way_say_goodbye(way);
	assert_int_equal(way->ended, 0);
	way_turn(way);
	peer_expect(peer, 200, "bye");
	assert_int_equal(way->ended, 0); /* its end is told by the next one */
	assert_int_equal(longpoll_pool_closing(way->pool), 0);
	peer_get(way, peer);
	peer_expect(peer, 204, "");
	assert_int_equal(way->ended, 1);
	peer_get(way, peer);
	peer_expect(peer, 404, "No Connection with that ID");
	assert_int_equal(way->ends, 0);
}

static void close_without_a_poll(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_away(way);
	way_say_goodbye(way);
	way_turn(way);
	assert_int_equal(longpoll_pool_closing(way->pool), 1);
	peer_post(way, peer, "late");
	peer_expect(peer, 404, "No Connection with that ID");
	peer_get(way, peer);
	peer_expect(peer, 200, "bye");
	assert_int_equal(longpoll_pool_closing(way->pool), 0);
	peer_get(way, peer);
	peer_expect(peer, 204, "");
	assert_int_equal(way->ended, 1);
}

static void close_with_nothing_to_say(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way_close(way);
	way_turn(way);
	peer_expect(peer, 204, "");
	assert_int_equal(way->ended, 1);
}

static void last_words_are_kept_for_some_time(void **state)
{
	struct way *way = *state;
	way_say_goodbye(way);
	assert_int_equal(longpoll_pool_queued(way->pool), 3);
	way_sleep(way, CLOSE_TIMEOUT_US - 500000);
	assert_int_equal(way->ended, 0);
	way_sleep(way, 1500000);
	assert_int_equal(way->ended, 1);
	assert_int_equal(way->ends, 0);
	assert_int_equal(longpoll_pool_queued(way->pool), 0);
}

static void last_words_count_until_they_are_written(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer->slow = true;
	way_send_fill(way, 'b', WAY_BIG);
	way_close(way);
	way_turn(way);
	assert_int_equal(longpoll_pool_closing(way->pool), 1);
	peer_read_big(way, peer);
	assert_int_equal(longpoll_pool_closing(way->pool), 0);
	assert_int_equal(way->ended, 0);
}

static void close_behind_an_answer_that_is_under_way(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	struct peer *second = peer_polling(way);
	way_say_goodbye(way);
	way_turn(way);
	assert_int_equal(longpoll_pool_closing(way->pool), 1);
	longpoll_pool_drop_closing(way->pool, WAY_BIG); /* that leaves as soon as it may */
	peer_expect_nothing(second);
	way_sleep(way, CLOSE_TIMEOUT_US + 1000000); /* the HTTP server has its eyes on it */
	assert_int_equal(way->ended, 0);
	peer_read_big(way, peer);
	peer_expect(second, 200, "bye");
	assert_int_equal(longpoll_pool_closing(way->pool), 0);
	assert_int_equal(way->ended, 0);
}

static void who_has_left_is_told_of_no_drain(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way->transport->ops->want_drain(way->transport, true);
	peer_stall(way, peer);
	way_close(way);
	peer_read_big(way, peer);
	assert_int_equal(way->drains, 0);
}

static void what_nobody_fetches_may_be_dropped(void **state)
{
	struct way *way = *state;
	longpoll_pool_drop_closing(way->pool, 1000);
	assert_int_equal(way->ended, 0); /* it is owned */
	way_say_goodbye(way);
	longpoll_pool_drop_closing(way->pool, 0);
	assert_int_equal(way->ended, 0);
	longpoll_pool_drop_closing(way->pool, 1);
	assert_int_equal(way->ended, 1);
	assert_int_equal(longpoll_pool_queued(way->pool), 0);
}

/* Who has got his last words and waits for the 204 holds nothing that could be freed. */
static void who_holds_nothing_is_not_dropped(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way_say_goodbye(way);
	way_turn(way);
	peer_expect(peer, 200, "bye");
	longpoll_pool_drop_closing(way->pool, 1000);
	assert_int_equal(way->ended, 0);
	peer_get(way, peer);
	peer_expect(peer, 204, "");
}

static void abort_breaks_the_poll(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	way_send(way, "lost");
	way_abort(way);
	assert_int_equal(way->ended, 1);
	way_turn(way);
	peer_expect_nothing(peer); /* neither data nor a goodbye */
	assert_true(peer->closed);
	assert_int_equal(way->ends, 0);
	assert_int_equal(longpoll_pool_queued(way->pool), 0);
}

static void abort_under_an_answer(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_parked(way);
	peer_stall(way, peer);
	way_abort(way);
	assert_int_equal(way->ended, 1);
	way_turn(way);
	peer_drop(way, peer);
	assert_int_equal(way->ends, 0);
}

#define POLLS(test) cmocka_unit_test_setup_teardown(test, way_setup_polls, way_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLLS(delete_with_a_poll),
		POLLS(delete_with_a_poll_and_no_goodbye),
		POLLS(delete_without_a_poll),
		POLLS(delete_does_not_depend_on_the_owner),
		POLLS(delete_while_an_answer_is_under_way),
		POLLS(delete_of_what_is_closed),
		POLLS(delete_that_is_answered_by_an_abort),
		POLLS(close_with_a_poll),
		POLLS(close_without_a_poll),
		POLLS(close_with_nothing_to_say),
		POLLS(last_words_are_kept_for_some_time),
		POLLS(last_words_count_until_they_are_written),
		POLLS(close_behind_an_answer_that_is_under_way),
		POLLS(who_has_left_is_told_of_no_drain),
		POLLS(what_nobody_fetches_may_be_dropped),
		POLLS(who_holds_nothing_is_not_dropped),
		POLLS(abort_breaks_the_poll),
		POLLS(abort_under_an_answer),
	};
	return cmocka_run_group_tests_name("longpoll end", tests, NULL, NULL);
}
