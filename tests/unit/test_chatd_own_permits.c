#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/own_help.h"

#define CLOSED_WITH_ERROR \
	"{'type':7,'error':'Connection closed with an error.','allowReconnect':true}"
#define UNKNOWN(id) \
	OWN_ERROR(id, "Failed to invoke `NoSuch` due to an error on the server. HubException: " \
		      "Method does not exist.")

static int open_impatient(void **state)
{
	return own_open_with(state, "[hub]\nclient_timeout = 1s\nkeepalive = 500ms\n");
}

static void what_fails_before_it_runs_does_not_wait(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "100");
	own_call(f, "2", "NoSuch", "");
	own_call(f, "3", "Echo", "5");
	own_call(f, "4", "Forbidden", "");
	own_call(f, "5", "Sum", "");
	own_expect(f, UNKNOWN("2"),
		OWN_ERROR("3", "Failed to invoke `Echo` due to an error on the server."),
		OWN_ERROR("4", "Failed to invoke `Forbidden` because user is unauthorized"),
		OWN_ERROR("5", OWN_UNEXPECTED("Sum") " HubException: Client sent 0 stream(s), Hub "
						     "method expects 1."),
		NULL);
	hub_sleep(&f->hub, 150000);
	own_expect(f, OWN_RESULT("1", "null"), NULL);
}

static void the_next_call_waits_and_all_behind_it(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "100");
	own_call(f, "2", "Void", "");
	own_call(f, "3", "NoSuch", "");
	own_stream(f, "4", "Count", "1,0");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 150000);
	own_expect(f, OWN_RESULT("1", "null"), OWN_RESULT("2", "null"), UNKNOWN("3"),
		OWN_ITEM("4", "1"), OWN_END("4"), NULL);
}

static void with_two_permits_they_overtake(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "100");
	own_call(f, "2", "Void", "");
	own_expect(f, OWN_RESULT("2", "null"), NULL);
	own_call(f, "1", "Slow", "50");
	own_call(f, "3", "Void", "");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 60000);
	own_expect(f, OWN_RESULT("1", "null"), OWN_RESULT("3", "null"), NULL);
	hub_sleep(&f->hub, 60000);
	own_expect(f, OWN_RESULT("1", "null"), NULL);
}

static void streams_start_and_end_behind_a_call(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "200");
	own_stream(f, "2", "Count", "1000,50");
	own_stream(f, "3", "Count", "1,0");
	client_say(f->alice, OWN_CANCEL("2"));
	client_say(f->alice, OWN_CANCEL("1"));
	own_expect(f, OWN_ITEM("2", "1"), OWN_ITEM("3", "1"), OWN_END("3"), OWN_END("2"), NULL);
	own_stream(f, "4", "Count", "1000,150");
	own_call(f, "5", "Void", "");
	client_say(f->alice, OWN_CANCEL("4"));
	hub_sleep(&f->hub, 60000);
	own_expect(f, OWN_ITEM("4", "1"), NULL);
	hub_sleep(&f->hub, 400000);
	own_expect(f, OWN_ITEM("4", "2"), OWN_RESULT("1", "null"), OWN_RESULT("5", "null"),
		OWN_END("4"), NULL);
}

static void a_close_behind_a_call(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "100");
	client_say(f->alice, "{'type':7}");
	own_expect(f, "{'type':7}", NULL);
	assert_true(f->alice->closed);
	hub_sleep(&f->hub, 200000);
	own_expect(f, NULL);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void a_close_behind_one_that_waits(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "100");
	own_call(f, "2", "Void", "");
	client_say(f->alice, "{'type':7}");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 150000);
	own_expect(f, OWN_RESULT("1", "null"), OWN_RESULT("2", "null"), "{'type':7}", NULL);
}

static void nonsense_behind_a_call(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "100");
	client_say(f->alice, "nonsense");
	own_expect(f, CLOSED_WITH_ERROR, NULL);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

/* What has committed runs to its end, and tells nobody. */
static void a_committed_call_outlives_its_client(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Commit", "100");
	client_drop(f->alice);
	hub_turns(&f->hub, 2);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 1);
	hub_sleep(&f->hub, 150000);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void the_client_time_out_runs_beside_a_call(void **state)
{
	struct own_fixture *f = *state;
	client_say(f->alice, "{'type':6}");
	own_call(f, "1", "Slow", "3000");
	hub_sleep(&f->hub, 2000000);
	const char *last = f->alice->records[f->alice->record_count - 1];
	assert_non_null(strstr(last, "Connection closed with an error."));
	assert_true(f->alice->closed);
	client_skip(f->alice);
}

static void but_not_while_a_call_waits(void **state)
{
	struct own_fixture *f = *state;
	client_say(f->alice, "{'type':6}");
	own_call(f, "1", "Slow", "3000");
	own_call(f, "2", "Void", "");
	hub_sleep(&f->hub, 2500000);
	assert_non_null(client_conn(f->alice));
	hub_sleep(&f->hub, 800000);
	assert_non_null(client_conn(f->alice));
	hub_sleep(&f->hub, 1500000);
	assert_true(f->alice->closed);
}

static void methods_fail_as_they_like(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Fail", "");
	own_call(f, "2", "FailHub", "");
	own_call(f, "3", "FailArg", "-1");
	own_call(f, "4", "FailArg", "1");
	client_say(f->alice, "{'type':1,'target':'Fail','arguments':[]}");
	own_expect(f, OWN_ERROR("1", OWN_UNEXPECTED("Fail")),
		OWN_ERROR("2", OWN_UNEXPECTED("FailHub") " HubException: hub text"),
		OWN_ERROR("3", OWN_UNEXPECTED("FailArg")), OWN_RESULT("4", "null"), NULL);
}

static void and_in_detail(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Fail", "");
	own_call(f, "2", "FailHub", "");
	own_expect(f,
		OWN_ERROR("1", OWN_UNEXPECTED("Fail") " InvalidOperationException: inner text"),
		OWN_ERROR("2", OWN_UNEXPECTED("FailHub") " HubException: hub text"), NULL);
}

static void a_method_ends_its_connection(void **state)
{
	struct own_fixture *f = *state;
	own_stream(f, "s", "Count", "1000,50");
	client_skip(f->alice);
	client_say(f->alice, "{'type':1,'invocationId':'1','target':'Abort','arguments':[]}\x1e"
			     "{'type':1,'invocationId':'2','target':'Void','arguments':[]}");
	own_expect(f, "{'type':7}", NULL);
	assert_true(f->alice->closed);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

/* The one whose turn has come ends the connection, inside the end of the one before. */
static void one_that_waited_ends_its_connection(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskBack", "");
	own_call(f, "2", "Slow", "50");
	own_call(f, "3", "Abort", "");
	hub_sleep(&f->hub, 60000);
	own_expect(f, "{'type':1,'invocationId':'s1','target':'Ask','arguments':[]}",
		OWN_RESULT("2", "null"), "{'type':7}", NULL);
	struct hub_client *carol = client_start(&f->hub, 0, "carol");
	client_say(carol, "{'type':1,'invocationId':'1','target':'Slow','arguments':[50]}");
	client_say(carol, "{'type':1,'invocationId':'2','target':'AskBack','arguments':[]}");
	client_say(carol, "{'type':1,'invocationId':'3','target':'Abort','arguments':[]}");
	hub_sleep(&f->hub, 60000);
	assert_true(carol->closed);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void products_methods_are_there_too(void **state)
{
	struct own_fixture *f = *state;
	hub_room(&f->hub, 1, "general");
	own_call(f, "1", "Slow", "50");
	own_call(f, "2", "JoinRoom", "'general'");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 60000);
	hub_settle(&f->hub);
	const char *answer = client_next_other(f->alice);
	assert_non_null(strstr(answer, "\"invocationId\":\"1\",\"result\":null"));
	while ((answer = client_next_other(f->alice)) != NULL && strstr(answer, "\"2\"") == NULL) {
	}
	assert_non_null(answer);
	assert_non_null(strstr(answer, "\"result\":{"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, own_open, own_close)
#define WITH(open, name) cmocka_unit_test_setup_teardown(name, open, own_close)
	const struct CMUnitTest tests[] = {
		TEST(what_fails_before_it_runs_does_not_wait),
		TEST(the_next_call_waits_and_all_behind_it),
		WITH(own_open_two, with_two_permits_they_overtake),
		TEST(streams_start_and_end_behind_a_call),
		TEST(a_close_behind_a_call),
		TEST(a_close_behind_one_that_waits),
		TEST(nonsense_behind_a_call),
		TEST(a_committed_call_outlives_its_client),
		WITH(open_impatient, the_client_time_out_runs_beside_a_call),
		WITH(open_impatient, but_not_while_a_call_waits),
		TEST(methods_fail_as_they_like),
		WITH(own_open_detailed, and_in_detail),
		TEST(a_method_ends_its_connection),
		TEST(one_that_waited_ends_its_connection),
		TEST(products_methods_are_there_too),
	};
#undef TEST
#undef WITH
	return cmocka_run_group_tests_name("permits", tests, NULL, NULL);
}
