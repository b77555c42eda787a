#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/hub/flows.h"
#include "lib/base/err.h"
#include "tests/unit/own_help.h"

#define STREAMING "An error occurred on the server while streaming results."

static void a_stream_has_items_and_one_end(void **state)
{
	struct own_fixture *f = *state;
	own_stream(f, "1", "StreamAIResponse", "'general','one two'");
	own_expect(f, OWN_ITEM("1", "'one'"), NULL);
	hub_sleep(&f->hub, 200000);
	own_expect(f, OWN_ITEM("1", "'two'"), OWN_END("1"), NULL);
	own_stream(f, "2", "Count", "3,0");
	own_expect(
		f, OWN_ITEM("2", "1"), OWN_ITEM("2", "2"), OWN_ITEM("2", "3"), OWN_END("2"), NULL);
	own_stream(f, "3", "Count", "0,0");
	own_expect(f, OWN_END("3"), NULL);
	own_expect_alive(f);
}

static void a_stream_is_cancelled(void **state)
{
	struct own_fixture *f = *state;
	own_stream(f, "1", "Count", "1000,100");
	own_expect(f, OWN_ITEM("1", "1"), NULL);
	client_say(f->alice, OWN_CANCEL("2"));
	hub_sleep(&f->hub, 150000);
	own_expect(f, OWN_ITEM("1", "2"), NULL);
	client_say(f->alice, OWN_CANCEL("1"));
	client_say(f->alice, OWN_CANCEL("1"));
	own_expect(f, OWN_END("1"), NULL);
	hub_sleep(&f->hub, 300000);
	own_expect(f, NULL);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void a_cancel_comes_with_the_call(void **state)
{
	struct own_fixture *f = *state;
	client_say(f->alice, "{'type':4,'invocationId':'1','target':'Count','arguments':[1000,50]}"
			     "\x1e" OWN_CANCEL("1") "\x1e" OWN_CANCEL("1"));
	own_expect(f, OWN_ITEM("1", "1"), OWN_END("1"), NULL);
}

/* The stream is always ready to send more, and yet its cancellation is read. */
static void a_stream_without_a_pause_is_cancelled(void **state)
{
	struct own_fixture *f = *state;
	f->alice->slow = true;
	own_stream(f, "1", "Flood", "1000000,1000");
	struct conn *conn = client_conn(f->alice);
	assert_int_equal(conn->stalled_streams, 1);
	assert_true(f->alice->drain_wanted);
	assert_true(f->alice->queued < OWN_SEND_QUEUE / 2);
	f->alice->slow = false;
	hub_turns(&f->hub, 20);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 1);
	client_say(f->alice, OWN_CANCEL("1"));
	hub_turns(&f->hub, 5);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
	assert_int_equal(conn->stalled_streams, 0);
	assert_string_equal(f->alice->records[f->alice->record_count - 1],
		"{\"type\":3,\"invocationId\":\"1\"}");
	assert_null(strstr(f->alice->records[f->alice->record_count - 2], "\"type\":3"));
	client_skip(f->alice);
	own_expect_alive(f);
}

static void streams_go_as_fast_as_they_are_read(void **state)
{
	struct own_fixture *f = *state;
	f->alice->slow = true;
	own_stream(f, "1", "Flood", "3000,100");
	own_stream(f, "2", "Flood", "3000,100");
	size_t most = 0;
	for (int i = 0; i < 5000 && op_list_count(f->hub.sv[0].ops) > 0; i++) {
		client_take(f->alice, 4096);
		most = f->alice->queued > most ? f->alice->queued : most;
		hub_turn(&f->hub);
	}
	assert_true(most < OWN_SEND_QUEUE);
	client_take(f->alice, SIZE_MAX);
	f->alice->slow = false;
	hub_turns(&f->hub, 10);
	client_take(f->alice, SIZE_MAX);
	int items[3] = {0};
	int ends[3] = {0};
	for (const char *record; (record = client_next(f->alice)) != NULL;) {
		int id = strstr(record, "\"invocationId\":\"1\"") != NULL ? 1 : 2;
		assert_int_equal(ends[id], 0);
		ends[id] += strncmp(record, "{\"type\":3", 9) == 0;
		items[id] += strncmp(record, "{\"type\":2", 9) == 0;
	}
	assert_int_equal(items[1], 3000);
	assert_int_equal(items[2], 3000);
	assert_int_equal(ends[1], 1);
	assert_int_equal(ends[2], 1);
}

static void the_client_goes_while_streams_wait(void **state)
{
	struct own_fixture *f = *state;
	f->alice->slow = true;
	own_stream(f, "1", "Flood", "1000000,1000");
	f->alice->slow = true;
	struct hub_client *carol = client_start(&f->hub, 0, "carol");
	client_say(carol, "{'type':4,'invocationId':'1','target':'Count','arguments':[1000,50]}");
	hub_turns(&f->hub, 2);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 2);
	client_drop(f->alice);
	client_drop(carol);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void an_id_is_in_use(void **state)
{
	struct own_fixture *f = *state;
	own_stream(f, "1", "Count", "2,100");
	own_stream(f, "1", "Count", "5,0");
	own_expect(f, OWN_ITEM("1", "1"), OWN_ERROR("1", "Invocation ID `1` is already in use."),
		NULL);
	/* A plain call may have it. */
	own_call(f, "1", "Echo", "'beside'");
	own_expect(f, OWN_RESULT("1", "'beside'"), NULL);
	hub_sleep(&f->hub, 300000);
	own_expect(f, OWN_ITEM("1", "2"), OWN_END("1"), NULL);
	own_stream(f, "1", "Count", "1,0");
	own_expect(f, OWN_ITEM("1", "1"), OWN_END("1"), NULL);
}

static void streams_fail(void **state)
{
	struct own_fixture *f = *state;
	own_stream(f, "1", "FailingStream", "");
	own_expect(f, OWN_ITEM("1", "1"), OWN_ERROR("1", STREAMING), NULL);
	own_stream(f, "1", "FailingHubStream", "");
	own_expect(
		f, OWN_ITEM("1", "1"), OWN_ERROR("1", STREAMING " HubException: hub text"), NULL);
	own_stream(f, "1", "NanStream", "");
	own_expect(f, OWN_ITEM("1", "1"), OWN_ERROR("1", STREAMING), NULL);
	own_stream(f, "1", "Echo", "'text'");
	own_expect(f,
		OWN_ERROR("1", "The client attempted to invoke the non-streaming `Echo` method "
			       "with a streaming invocation."),
		NULL);
	own_call(f, "1", "Count", "1,1");
	own_expect(f,
		OWN_ERROR("1", "The client attempted to invoke the streaming `Count` method with "
			       "a non-streaming invocation."),
		NULL);
	own_stream(f, "1", "NoSuch", "");
	own_expect(f,
		OWN_ERROR("1", "Failed to invoke `NoSuch` due to an error on the server. "
			       "HubException: Method does not exist."),
		NULL);
	own_stream(f, "1", "Count", "1");
	own_expect(
		f, OWN_ERROR("1", "Failed to invoke `Count` due to an error on the server."), NULL);
	own_call(f, "1", "Nan", "");
	own_expect(f, OWN_ERROR("1", OWN_UNEXPECTED("Nan")), NULL);
}

static void streams_fail_in_detail(void **state)
{
	struct own_fixture *f = *state;
	own_stream(f, "1", "FailingStream", "");
	own_expect(f, OWN_ITEM("1", "1"),
		OWN_ERROR("1", STREAMING " InvalidOperationException: inner text"), NULL);
	own_stream(f, "1", "NanStream", "");
	own_expect(f, OWN_ITEM("1", "1"),
		OWN_ERROR("1", STREAMING " ArgumentException: NaN and infinity cannot be written "
					 "as JSON."),
		NULL);
	own_call(f, "1", "Nan", "");
	own_expect(f,
		OWN_ERROR("1", OWN_UNEXPECTED("Nan") " ArgumentException: NaN and infinity cannot "
						     "be written as JSON."),
		NULL);
}

static void there_may_be_so_many(void **state)
{
	struct own_fixture *f = *state;
	char id[16];
	for (int i = 0; i < 10000; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		client_say(f->alice,
			"{'type':4,'invocationId':'%s','target':'Count','arguments':[1000,100000]}",
			id);
		if (i % 50 == 0) {
			hub_turns(&f->hub, 2);
		}
	}
	hub_turns(&f->hub, 4);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), STREAMS_MAX);
	client_skip(f->alice);
	own_stream(f, "x", "Count", "1,0");
	own_expect(f,
		OWN_ERROR("x", OWN_UNEXPECTED("Count") " HubException: busy: at most 100 streams "
						       "may run at once"),
		NULL);
	client_say(f->alice, OWN_CANCEL("s7"));
	own_expect(f, OWN_END("s7"), NULL);
	own_stream(f, "x", "Count", "1,0");
	own_expect(f, OWN_ITEM("x", "1"), OWN_END("x"), NULL);
}

/* A stream is no call that a leaving node waits for, nor does a goodbye. */
static void a_stream_does_not_hold_up_the_end(void **state)
{
	struct own_fixture *f = *state;
	own_stream(f, "1", "Count", "1000,100");
	client_skip(f->alice);
	conn_leave(client_conn(f->alice));
	own_expect(f, "{'type':7,'allowReconnect':true}", NULL);
	assert_true(f->alice->closed);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
	struct hub_client *carol = client_start(&f->hub, 0, "carol");
	client_say(carol, "{'type':4,'invocationId':'1','target':'Count','arguments':[1000,50]}");
	hub_turns(&f->hub, 2);
	client_leave(carol);
	assert_true(carol->gone);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, own_open, own_close)
#define DETAILED(name) cmocka_unit_test_setup_teardown(name, own_open_detailed, own_close)
	const struct CMUnitTest tests[] = {
		TEST(a_stream_has_items_and_one_end),
		TEST(a_stream_is_cancelled),
		TEST(a_cancel_comes_with_the_call),
		TEST(a_stream_without_a_pause_is_cancelled),
		TEST(streams_go_as_fast_as_they_are_read),
		TEST(the_client_goes_while_streams_wait),
		TEST(an_id_is_in_use),
		TEST(streams_fail),
		DETAILED(streams_fail_in_detail),
		TEST(there_may_be_so_many),
		TEST(a_stream_does_not_hold_up_the_end),
	};
#undef TEST
#undef DETAILED
	return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
