#include "chatd/transport/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/way_fixture.h"

#define LONG ((size_t)200000) /* four pieces of a body */
#define GONE "No Connection with that ID"

static void post_fill(struct way *way, struct peer *peer, char fill, size_t size)
{
	char *body = mem_alloc(size);
	memset(body, fill, size);
	peer_post_bytes(way, peer, bytes_of(body, size));
	free(body);
}

/* So many of a letter are next in what the owner got; they are taken off. */
static void expect_fill(struct way *way, char fill, size_t size)
{
	assert_true(way->payload.len >= size);
	for (size_t i = 0; i < size; i++) {
		assert_int_equal(way->payload.data[i], fill);
	}
	buf_consume(&way->payload, size);
}

static void pause_it(struct way *way)
{
	way->transport->ops->pause(way->transport);
}

static void resume_it(struct way *way)
{
	way->transport->ops->resume(way->transport);
	way_turn(way);
}

static void close_it(struct way *way)
{
	way->act = NULL;
	way_close(way);
}

static void refuse_it(struct way *way)
{
	way->transport->too_large = true;
	close_it(way);
}

/* ---- feeding ---- */

static void bodies_are_fed_and_answered(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	peer_post(way, peer, "one");
	assert_non_null(strstr(buf_cstr(&peer->got), "Content-Type: text/plain\r\n"));
	peer_expect(peer, 200, "");
	peer_post(way, peer, ""); /* taken, and nobody is told */
	peer_expect(peer, 200, "");
	peer_post(way, peer, "two");
	peer_expect(peer, 200, "");
	way_expect_payload(way, "onetwo");
	assert_int_equal(way->payloads, 2);
}

static void long_bodies_come_in_pieces(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	post_fill(way, peer, 'a', LONG);
	peer_expect(peer, 200, "");
	assert_int_equal(way->payloads, 4);
	expect_fill(way, 'a', LONG);
}

/* ---- back-pressure ---- */

static void the_buffer_takes_64_kib(void **state)
{
	struct way *way = *state;
	struct peer *peers[4] = {peer_open(way), peer_open(way), peer_open(way), peer_open(way)};
	pause_it(way);
	post_fill(way, peers[0], 'a', INBOX_MAX - 3);
	peer_expect(peers[0], 200, "");
	peer_post(way, peers[0], "bbb"); /* full to the last byte */
	peer_expect(peers[0], 200, "");
	peer_post(way, peers[1], "c");
	peer_expect_nothing(peers[1]);
	peer_post(way, peers[2], "d");
	peer_expect_nothing(peers[2]);
	peer_post(way, peers[3], ""); /* keeps its place too */
	peer_expect_nothing(peers[3]);
	assert_int_equal(way->payloads, 0);
	resume_it(way);
	for (int i = 1; i < 4; i++) {
		peer_expect(peers[i], 200, "");
	}
	expect_fill(way, 'a', INBOX_MAX - 3);
	way_expect_payload(way, "bbbcd");
	peer_post(way, peers[0], "e"); /* straight again */
	peer_expect(peers[0], 200, "");
	way_expect_payload(way, "e");
}

static void one_that_is_too_long_waits(void **state)
{
	struct way *way = *state;
	struct peer *first = peer_open(way);
	struct peer *second = peer_open(way);
	pause_it(way);
	post_fill(way, first, 'a', INBOX_MAX + 1);
	peer_expect_nothing(first);
	peer_post(way, second, "b"); /* would fit, but is not the first */
	peer_expect_nothing(second);
	resume_it(way);
	peer_expect(first, 200, "");
	peer_expect(second, 200, "");
	expect_fill(way, 'a', INBOX_MAX + 1);
	way_expect_payload(way, "b");
}

static void paused_in_the_middle_of_a_body(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	struct peer *second = peer_open(way);
	way->act = pause_it;
	post_fill(way, peer, 'a', LONG);
	peer_post(way, second, "b");
	for (unsigned pieces = 1; pieces < 4; pieces++) {
		assert_int_equal(way->payloads, pieces);
		peer_expect_nothing(peer);
		resume_it(way);
	}
	assert_int_equal(way->payloads, 4);
	peer_expect(peer, 200, ""); /* the last piece is with him, though he paused again */
	peer_expect_nothing(second);
	resume_it(way);
	peer_expect(second, 200, "");
	expect_fill(way, 'a', LONG);
	way_expect_payload(way, "b");
}

static void resumed_inside_it_goes_on(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	pause_it(way);
	post_fill(way, peer, 'a', LONG);
	way->transport->ops->resume(way->transport);
	pause_it(way); /* before the turn ends */
	way_turn(way);
	assert_int_equal(way->payloads, 0);
	resume_it(way);
	expect_fill(way, 'a', LONG);
	peer_expect(peer, 200, "");
}

static void a_client_that_hangs_up_was_heard(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	pause_it(way);
	post_fill(way, peer, 'a', LONG);
	peer_drop(way, peer);
	resume_it(way);
	expect_fill(way, 'a', LONG);
}

static void what_waits_is_bounded(void **state)
{
	struct way *way = *state;
	struct peer *first = peer_open(way);
	struct peer *second = peer_open(way);
	pause_it(way);
	post_fill(way, first, 'a', INBOX_POSTS_MAX + 1); /* one may, however long it is */
	peer_expect_nothing(first);
	peer_post(way, second, "b");
	assert_non_null(strstr(buf_cstr(&second->got), "Retry-After: 1\r\n"));
	peer_expect(second, 503, "Too much of this connection is waiting");
	resume_it(way);
	peer_expect(first, 200, "");
	expect_fill(way, 'a', INBOX_POSTS_MAX + 1);
	pause_it(way);
	post_fill(way, first, 'c', INBOX_POSTS_MAX - 1);
	peer_post(way, second, "d"); /* room for just this one */
	peer_expect_nothing(second);
	resume_it(way);
	expect_fill(way, 'c', INBOX_POSTS_MAX - 1);
	way_expect_payload(way, "d");
	pause_it(way);
	post_fill(way, first, 'e', INBOX_POSTS_MAX - 1);
	peer_expect(second, 200, "");
	peer_post(way, second, "ff"); /* one byte too long for what is left */
	peer_expect(second, 503, "Too much of this connection is waiting");
	resume_it(way);
	expect_fill(way, 'e', INBOX_POSTS_MAX - 1);
}

/* Bodies that wait do not give way to others: they get half of what there is for all. */
static void what_waits_in_all_is_bounded(void **state)
{
	struct way *way = *state;
	way->http->limits.bodies_max = 4 * LONG;
	http_server_set_limits(way->http->server, &way->http->limits);
	struct peer *first = peer_open(way);
	struct peer *second = peer_open(way);
	struct peer *third = peer_open(way);
	pause_it(way);
	post_fill(way, first, 'a', LONG);
	post_fill(way, second, 'b', LONG);
	peer_expect_nothing(second);
	peer_post(way, third, "c");
	assert_non_null(strstr(buf_cstr(&third->got), "Retry-After: 1\r\n"));
	peer_expect(third, 503, "Too much is waiting");
	resume_it(way);
	peer_expect(first, 200, "");
	peer_expect(second, 200, "");
	expect_fill(way, 'a', LONG);
	expect_fill(way, 'b', LONG);
	post_fill(way, first, 'd', 3 * LONG); /* served at once: it waits for nobody */
	peer_expect(first, 200, "");
	expect_fill(way, 'd', 3 * LONG);
	pause_it(way);
	post_fill(way, second, 'e', 2 * LONG);
	peer_expect_nothing(second);
	resume_it(way);
	peer_expect(second, 200, "");
	expect_fill(way, 'e', 2 * LONG);
}

static bool resume_and_take(struct http_fixture *f, struct http_exchange *x)
{
	struct way *way = f->test;
	way->transport->ops->resume(way->transport);
	inbox_take(way->inbox, x);
	return true;
}

/* Who comes between the owner's resume and the end of its turn does not overtake. */
static void nobody_overtakes_what_waits(void **state)
{
	struct way *way = *state;
	struct peer *first = peer_open(way);
	struct peer *second = peer_open(way);
	pause_it(way);
	peer_post(way, first, "a"); /* in the buffer */
	peer_expect(first, 200, "");
	bool (*serve)(struct http_fixture *, struct http_exchange *) = way->http->serve;
	way->http->serve = resume_and_take;
	peer_post(way, second, "b");
	peer_expect(second, 200, "");
	way_expect_payload(way, "ab");
	way->http->serve = serve;
	pause_it(way);
	post_fill(way, first, 'c', INBOX_MAX + 1); /* unanswered */
	way->http->serve = resume_and_take;
	peer_post(way, second, "d");
	peer_expect(first, 200, "");
	peer_expect(second, 200, "");
	expect_fill(way, 'c', INBOX_MAX + 1);
	way_expect_payload(way, "d");
}

/* ---- ends ---- */

static void ended_inside_of_a_body(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	struct peer *second = peer_open(way);
	pause_it(way);
	post_fill(way, peer, 'a', LONG);
	peer_post(way, second, "b");
	way->act = close_it;
	resume_it(way);
	assert_int_equal(way->payloads, 1); /* nothing after the end */
	peer_expect(peer, 200, ""); /* it has had its effect */
	peer_expect(second, 404, GONE);
	peer_post(way, peer, "c");
	peer_expect(peer, 404, GONE);
	assert_int_equal(way->payloads, 1);
}

static void ended_inside_of_the_buffer(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	struct peer *second = peer_open(way);
	pause_it(way);
	peer_post(way, peer, "a");
	peer_expect(peer, 200, "");
	post_fill(way, second, 'b', INBOX_MAX);
	way->act = close_it;
	resume_it(way);
	assert_int_equal(way->payloads, 1);
	peer_expect(second, 404, GONE);
}

static void too_long_a_message_is_413(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	way->act = refuse_it;
	post_fill(way, peer, 'a', LONG);
	peer_expect(peer, 413, "A message in it is longer than the maximum message size");
	assert_int_equal(way->payloads, 1);
	peer_post(way, peer, "c");
	peer_expect(peer, 404, GONE);
}

static void ended_while_it_waits(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	struct peer *second = peer_open(way);
	pause_it(way);
	peer_post(way, peer, "a");
	peer_expect(peer, 200, "");
	post_fill(way, peer, 'b', INBOX_MAX);
	peer_post(way, second, "c");
	way->transport->ops->resume(way->transport); /* what would go on, does not */
	way_close(way);
	way_turn(way);
	peer_expect(peer, 404, GONE);
	peer_expect(second, 404, GONE);
	assert_int_equal(way->payloads, 0);
}

/* ---- before there is a transport ---- */

static void what_came_early_comes_first(void **state)
{
	struct way *way = *state;
	struct peer *poster = peer_open(way);
	struct peer *second = peer_open(way);
	struct peer *reader = peer_open(way);
	struct inbox early;
	inbox_init(&early, way->http->loop);
	way->inbox = way->early = &early;
	peer_post(way, poster, "a");
	peer_expect(poster, 200, "");
	post_fill(way, poster, 'b', LONG);
	peer_post(way, second, "c");
	peer_expect_nothing(poster);
	peer_get(way, reader);
	inbox_finish(&early); /* it is empty */
	peer_expect(poster, 200, "");
	peer_expect(second, 200, "");
	expect_fill(way, 'a', 1);
	expect_fill(way, 'b', LONG);
	way_expect_payload(way, "c");
	pause_it(way); /* the account of what waits came along, and is even */
	assert_int_equal(way->inbox->posted, 0);
}

static void what_waits_goes_elsewhere(void **state)
{
	struct way *way = *state;
	struct peer *poster = peer_open(way);
	struct peer *second = peer_open(way);
	struct inbox early;
	struct buf out = {0};
	inbox_init(&early, way->http->loop);
	way->inbox = &early;
	peer_post(way, poster, "a");
	peer_expect(poster, 200, "");
	post_fill(way, poster, 'b', INBOX_MAX);
	peer_post(way, second, "c");
	inbox_drain(&early, &out);
	way_turn(way);
	peer_expect(poster, 200, "");
	peer_expect(second, 200, "");
	assert_int_equal(out.len, INBOX_MAX + 2);
	assert_int_equal(out.data[0], 'a');
	assert_int_equal(out.data[INBOX_MAX], 'b');
	assert_int_equal(out.data[INBOX_MAX + 1], 'c');
	inbox_finish(&early);
	way->inbox = NULL;
	buf_finish(&out);
}

static void nobody_came(void **state)
{
	struct way *way = *state;
	struct peer *poster = peer_open(way);
	struct inbox early;
	inbox_init(&early, way->http->loop);
	way->inbox = &early;
	peer_post(way, poster, "a");
	peer_expect(poster, 200, "");
	post_fill(way, poster, 'b', INBOX_MAX);
	inbox_finish(&early);
	way->inbox = NULL;
	way_turn(way);
	peer_expect(poster, 404, GONE);
}

#define POLLS(test) cmocka_unit_test_setup_teardown(test, way_setup_polls, way_teardown)
#define EVENTS(test) cmocka_unit_test_setup_teardown(test, way_setup_events, way_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLLS(bodies_are_fed_and_answered),
		POLLS(long_bodies_come_in_pieces),
		POLLS(the_buffer_takes_64_kib),
		POLLS(one_that_is_too_long_waits),
		POLLS(paused_in_the_middle_of_a_body),
		POLLS(resumed_inside_it_goes_on),
		POLLS(a_client_that_hangs_up_was_heard),
		POLLS(what_waits_is_bounded),
		POLLS(what_waits_in_all_is_bounded),
		POLLS(nobody_overtakes_what_waits),
		POLLS(ended_inside_of_a_body),
		POLLS(ended_inside_of_the_buffer),
		POLLS(too_long_a_message_is_413),
		POLLS(ended_while_it_waits),
		EVENTS(what_came_early_comes_first),
		EVENTS(what_waits_goes_elsewhere),
		EVENTS(nobody_came),
	};
	return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
