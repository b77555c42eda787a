#include "chatd/transport/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/loop/loop.h"
#include "lib/net/stream.h"
#include "tests/unit/way_fixture.h"

#define FIRST ":\r\n"

/* A peer with a stream of events, whose head and first comment it has read. */
static struct peer *reader_open(struct way *way)
{
	struct peer *peer = peer_open(way);
	peer_get(way, peer);
	assert_int_equal(peer->closed, false);
	peer_expect(peer, 200, "");
	assert_int_equal(peer->got.len, strlen(FIRST));
	buf_clear(&peer->got);
	return peer;
}

static void expect_text(struct peer *peer, const char *text)
{
	assert_string_equal(peer->got.len > 0 ? buf_cstr(&peer->got) : "", text);
	buf_clear(&peer->got);
}

static void send_event(struct way *way, const char *text)
{
	struct chunk *event = sse_event(bytes_str(text));
	way->transport->ops->send(way->transport, event);
	chunk_unref(event);
}

/* ---- what is sent ---- */

static void bytes_of_an_event(void **state)
{
	static const struct {
		const char *payload, *event;
	} cases[] = {
		{"{}\x1e", "data: {}\x1e\r\n\r\n"},
		{"{\"type\":6}\x1e{\"type\":6}\x1e",
			"data: {\"type\":6}\x1e{\"type\":6}\x1e\r\n\r\n"},
		{"", "data: \r\n\r\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct chunk *event = sse_event(bytes_str(cases[i].payload));
		assert_int_equal(event->refs, 1);
		assert_int_equal(event->len, strlen(cases[i].event));
		assert_memory_equal(event->data, cases[i].event, event->len);
		chunk_unref(event);
	}
}

static void the_stream_opens_with_a_comment(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	peer_get(way, peer);
	const char *text = buf_cstr(&peer->got);
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(text, "\r\nContent-Type: text/event-stream\r\n"));
	assert_non_null(strstr(text, "\r\nCache-Control: no-cache,no-store\r\n"));
	assert_non_null(strstr(text, "\r\nPragma: no-cache\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Encoding: identity\r\n"));
	assert_non_null(strstr(text, "\r\nX-Accel-Buffering: no\r\n"));
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_null(strstr(text, "Content-Length"));
	assert_null(strstr(text, "Transfer-Encoding"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n" FIRST);
}

static void events_leave_at_the_end_of_the_turn(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	send_event(way, "one");
	send_event(way, "two");
	assert_int_equal(way->transport->ops->queued(way->transport), 26);
	way_turn(way);
	assert_int_equal(way->transport->ops->queued(way->transport), 0);
	expect_text(peer, "data: one\r\n\r\ndata: two\r\n\r\n");
	assert_int_equal(way->drains, 0);
}

static void what_is_sent_behind_the_request_is_dropped(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	peer_get(way, peer);
	peer_expect_nothing(peer);
	assert_int_equal(way->payloads, 0);
	assert_int_equal(way->http->requests, 1);
	send_event(way, "on");
	way_turn(way);
	expect_text(peer, "data: on\r\n\r\n");
}

/* ---- ends ---- */

static void close_sends_what_is_queued(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	send_event(way, "bye");
	way_close(way);
	way->inbox = NULL;
	way_turn(way);
	expect_text(peer, "data: bye\r\n\r\n");
	assert_true(peer->closed);
	assert_int_equal(way->ends, 0);
}

static void close_waits_only_so_long(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	peer->slow = true;
	way_send_fill(way, 'b', WAY_BIG);
	way_close(way);
	way->inbox = NULL;
	way_sleep(way, CLOSE_TIMEOUT_US - 1000000);
	assert_int_equal(stream_pool_lingering(way->http->pool), 1);
	way_sleep(way, 2000000);
	assert_int_equal(stream_pool_lingering(way->http->pool), 0);
	assert_int_equal(stream_pool_queued(way->http->pool), 0);
}

static void abort_drops_all(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	peer->slow = true;
	way_send_fill(way, 'b', WAY_BIG);
	way_abort(way);
	way->inbox = NULL;
	way_turn(way);
	assert_int_equal(stream_pool_lingering(way->http->pool), 0);
	assert_int_equal(stream_pool_queued(way->http->pool), 0);
	peer->slow = false;
	way_turn(way);
	assert_true(peer->closed);
	assert_true(peer->got.len < WAY_BIG);
	assert_int_equal(way->ends, 0);
}

static void the_peer_goes(void **state)
{
	struct way *way = *state;
	peer_drop(way, reader_open(way));
	assert_int_equal(way->ends, 1);
	assert_int_equal(way->end_err, ERR_CLOSED);
	way->inbox = NULL;
}

/* Nothing could be told from a peer that went. */
static void the_peer_ends_its_side(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
	way_turn(way);
	assert_int_equal(way->ends, 1);
	assert_int_equal(way->end_err, ERR_CLOSED);
	assert_true(peer->closed);
	way->inbox = NULL;
}

/* ---- draining ---- */

static void draining_is_told_where_it_is_wanted(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	const struct transport_ops *ops = way->transport->ops;
	send_event(way, "unwanted");
	way_turn(way);
	assert_int_equal(way->drains, 0);
	ops->want_drain(way->transport, true);
	ops->set_low(way->transport, WAY_BIG);
	peer->slow = true;
	way_send_fill(way, 'b', 2 * WAY_BIG);
	way_turn(way);
	assert_int_equal(way->drains, 0);
	assert_true(ops->queued(way->transport) > WAY_BIG);
	fake_time_skip(1000);
	way_turn(way);
	assert_int_not_equal(ops->stalled_since(way->transport), 0);
	peer->slow = false;
	for (int i = 0; i < 20; i++) {
		way_turn(way);
	}
	assert_int_equal(way->drains, 2); /* at the mark, and when empty */
	assert_int_equal(ops->queued(way->transport), 0);
	assert_int_equal(ops->stalled_since(way->transport), 0);
}

static void end_inside(struct way *way)
{
	way->act = NULL;
	way_abort(way);
}

static void it_may_end_inside_of_draining(void **state)
{
	struct way *way = *state;
	struct peer *peer = reader_open(way);
	way->transport->ops->want_drain(way->transport, true);
	way->act = end_inside;
	send_event(way, "x");
	way_turn(way);
	assert_int_equal(way->drains, 1);
	assert_true(peer->closed);
	way->inbox = NULL;
}

/* ---- input ---- */

static void posts_bring_input(void **state)
{
	struct way *way = *state;
	struct peer *reader = reader_open(way);
	struct peer *peer = peer_open(way);
	peer_post(way, peer, "abc");
	peer_expect(peer, 200, "");
	way->transport->ops->pause(way->transport);
	peer_post(way, peer, "def");
	way_expect_payload(way, "abc");
	way->transport->ops->resume(way->transport);
	way_turn(way);
	way_expect_payload(way, "def");
	peer_expect(peer, 200, "");
	way->act = way_say_goodbye;
	peer_post(way, peer, "g");
	way->inbox = NULL;
	peer_expect(peer, 200, "");
	expect_text(reader, "bye");
	assert_true(reader->closed);
}

static void nothing_is_fed_behind_the_end(void **state)
{
	struct way *way = *state;
	struct peer *peer = peer_open(way);
	char body[3 * INBOX_MAX];
	memset(body, 'a', sizeof(body));
	(void)reader_open(way);
	way->act = way_say_goodbye; /* at the first of three pieces */
	peer_post_bytes(way, peer, bytes_of(body, sizeof(body)));
	way->inbox = NULL;
	assert_int_equal(way->payloads, 1);
	peer_expect(peer, 200, "");
}

static void what_waits_at_the_end_is_refused(void **state)
{
	struct way *way = *state;
	struct peer *reader = reader_open(way);
	struct peer *peer = peer_open(way);
	char body[INBOX_MAX + 1];
	memset(body, 'a', sizeof(body));
	way->transport->ops->pause(way->transport);
	peer_post_bytes(way, peer, bytes_of(body, sizeof(body)));
	peer_expect_nothing(peer);
	peer_drop(way, reader);
	way->inbox = NULL;
	way_turn(way);
	peer_expect(peer, 404, "No Connection with that ID");
	assert_int_equal(way->payloads, 0);
}

#define EVENTS(test) cmocka_unit_test_setup_teardown(test, way_setup_events, way_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_of_an_event),
		EVENTS(the_stream_opens_with_a_comment),
		EVENTS(events_leave_at_the_end_of_the_turn),
		EVENTS(what_is_sent_behind_the_request_is_dropped),
		EVENTS(close_sends_what_is_queued),
		EVENTS(close_waits_only_so_long),
		EVENTS(abort_drops_all),
		EVENTS(the_peer_goes),
		EVENTS(the_peer_ends_its_side),
		EVENTS(draining_is_told_where_it_is_wanted),
		EVENTS(it_may_end_inside_of_draining),
		EVENTS(posts_bring_input),
		EVENTS(nothing_is_fed_behind_the_end),
		EVENTS(what_waits_at_the_end_is_refused),
	};
	return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
