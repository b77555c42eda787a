#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/hub/flows.h"
#include "chatd/op/upload.h"
#include "lib/base/err.h"
#include "tests/unit/own_help.h"

static void say_item(struct own_fixture *f, const char *id, const char *item)
{
	client_say(f->alice, "{'type':2,'invocationId':'%s','item':%s}", id, item);
}

static void say_items(struct own_fixture *f, const char *id, int from, int to)
{
	char item[16];
	for (int i = from; i <= to; i++) {
		snprintf(item, sizeof(item), "%d", i);
		say_item(f, id, item);
	}
}

static void say_end(struct own_fixture *f, const char *id)
{
	client_say(f->alice, "{'type':3,'invocationId':'%s'}", id);
}

static void items_are_read(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "Sum", "", "'9'");
	say_item(f, "9", "2");
	hub_turns(&f->hub, 2);
	say_items(f, "9", 3, 4);
	own_expect(f, NULL);
	say_end(f, "9");
	own_expect(f, OWN_RESULT("1", "9"), NULL);
	/* All in one turn; and the id is free again. */
	client_say(f->alice,
		"{'type':1,'invocationId':'2','target':'Sum','arguments':[],'streamIds':['9']}\x1e"
		"{'type':2,'invocationId':'9','item':2}\x1e{'type':2,'invocationId':'9','item':3}"
		"\x1e{'type':3,'invocationId':'9','result':5}");
	own_expect(f, OWN_RESULT("2", "5"), NULL);
}

static void what_comes_late_is_dropped(void **state)
{
	struct own_fixture *f = *state;
	say_item(f, "9", "1");
	own_upload(f, "1", "SumText", "", "'9'");
	say_end(f, "9");
	say_item(f, "9", "3");
	say_end(f, "9");
	client_say(f->alice, "{'type':3,'invocationId':'9','error':'late'}");
	own_expect(f, OWN_RESULT("1", "'sum 0'"), NULL);
	own_expect_alive(f);
}

static void streams_break(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "Sum", "", "'9'");
	client_say(f->alice, "{'type':3,'invocationId':'9','error':'boom'}");
	own_expect(f, OWN_ERROR("1", OWN_UNEXPECTED("Sum") " HubException: boom"), NULL);
	own_upload(f, "2", "SumText", "", "'9'");
	say_item(f, "9", "1");
	client_say(f->alice, "{'type':3,'invocationId':'9','error':''}");
	own_expect(f, OWN_RESULT("2", "'HubException: Unknown error.'"), NULL);
	static const char *const bad[] = {"'x'", "2147483648", "1.0", "null", "{}", "[1]"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		own_upload(f, "3", "SumText", "", "'9'");
		say_item(f, "9", "1");
		say_item(f, "9", bad[i]);
		say_item(f, "9", "1");
		own_expect(
			f, OWN_RESULT("3", "'HubException: Failed to bind Stream message.'"), NULL);
	}
	own_expect_alive(f);
}

static void so_many_streams_as_the_method_has(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Sum", "");
	own_expect(f,
		OWN_ERROR("1", OWN_UNEXPECTED("Sum") " HubException: Client sent 0 stream(s), Hub "
						     "method expects 1."),
		NULL);
	own_upload(f, "1", "Sum", "", "'8','9'");
	own_expect(f,
		OWN_ERROR("1", OWN_UNEXPECTED("Sum") " HubException: Client sent 2 stream(s), Hub "
						     "method expects 1."),
		NULL);
	own_upload(f, "1", "SumBoth", "10", "'8','9'");
	say_items(f, "9", 1, 3);
	say_items(f, "8", 1, 2);
	say_end(f, "9");
	own_expect(f, NULL);
	say_end(f, "8");
	own_expect(f, OWN_RESULT("1", "63"), NULL);
	own_upload(f, "1", "SumBoth", "10", "'8','8'");
	own_expect(f,
		OWN_ERROR("1", OWN_UNEXPECTED("SumBoth") " HubException: Stream ID `8` is already "
							 "in use."),
		NULL);
	own_expect_alive(f);
}

static void a_running_id_is_refused(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "Sum", "", "'9'");
	own_upload(f, "2", "Sum", "", "'9'");
	own_expect(f,
		OWN_ERROR("2",
			OWN_UNEXPECTED("Sum") " HubException: Stream ID `9` is already in use."),
		NULL);
	say_item(f, "9", "3");
	say_end(f, "9");
	own_expect(f, OWN_RESULT("1", "3"), NULL);
}

/* They take no permit; the id is free when the stream has ended, though its method runs on. */
static void an_id_is_free_when_its_stream_has_ended(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "SumSlowly", "50", "'9'");
	say_item(f, "9", "3");
	say_end(f, "9");
	own_upload(f, "2", "Sum", "", "'9'");
	say_item(f, "9", "4");
	say_end(f, "9");
	own_expect(f, OWN_RESULT("2", "4"), NULL);
	hub_sleep(&f->hub, 100000);
	own_expect(f, OWN_RESULT("1", "3"), NULL);
}

/* Else the items behind a call that waits for its permit would never be read. */
static void calls_go_on_beside_an_upload(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "Sum", "", "'9'");
	own_call(f, "2", "Void", "");
	own_expect(f, OWN_RESULT("2", "null"), NULL);
	own_call(f, "3", "Slow", "50");
	own_upload(f, "4", "Sum", "", "'10'");
	own_call(f, "5", "Void", "");
	say_item(f, "9", "2");
	say_end(f, "9");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 100000);
	own_expect(f, OWN_RESULT("3", "null"), OWN_RESULT("5", "null"), OWN_RESULT("1", "2"), NULL);
	say_end(f, "10");
	own_expect(f, OWN_RESULT("4", "0"), NULL);
}

/* Methods that run on when their streams have ended are bounded as well. */
static void so_many_calls_may_run(void **state)
{
	struct own_fixture *f = *state;
	char id[32];
	for (int i = 0; i < UPLOADS_MAX; i++) {
		snprintf(id, sizeof(id), "'u%d'", i);
		own_upload(f, "1", "Ignore", "50", id);
		snprintf(id, sizeof(id), "u%d", i);
		say_end(f, id);
	}
	own_upload(f, "x", "Ignore", "50", "'ux'");
	own_expect(f,
		OWN_ERROR("x", OWN_UNEXPECTED("Ignore") " HubException: busy: at most 16 upload "
							"streams may run at once"),
		NULL);
	hub_sleep(&f->hub, 100000);
	client_skip(f->alice);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
	own_upload(f, "2", "Ignore", "1", "'ux'");
	hub_sleep(&f->hub, 10000);
	own_expect(f, OWN_RESULT("2", "null"), NULL);
}

static void the_client_goes_while_two_run(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "SumSlowly", "50", "'9'");
	own_upload(f, "2", "Sum", "", "'10'");
	client_drop(f->alice);
	hub_turns(&f->hub, 2);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void a_full_stream_stops_the_reading(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "SumSlowly", "50", "'9'");
	say_items(f, "9", 1, 1);
	hub_turns(&f->hub, 2);
	/* The first is being worked on; ten wait; the next one has no place. */
	say_items(f, "9", 2, UPLOAD_PLACES + 1);
	assert_false(client_conn(f->alice)->held);
	say_items(f, "9", UPLOAD_PLACES + 2, UPLOAD_PLACES + 2);
	assert_true(client_conn(f->alice)->held);
	assert_true(f->alice->paused);
	/* What is behind it is not looked at. */
	own_call(f, "x", "NoSuch", "");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 60000);
	own_expect(f,
		OWN_ERROR("x", "Failed to invoke `NoSuch` due to an error on the server. "
			       "HubException: Method does not exist."),
		NULL);
	assert_false(f->alice->paused);
	say_end(f, "9");
	hub_sleep(&f->hub, 700000);
	own_expect(f, OWN_RESULT("1", "78"), NULL);
}

/* All at once, many times what there is room for. */
static void thousands_of_items(void **state)
{
	struct own_fixture *f = *state;
	struct buf all = {0};
	own_upload(f, "1", "SumSlowly", "5", "'9'");
	for (int i = 0; i < 100; i++) {
		buf_printf(&all, "{\"type\":2,\"invocationId\":\"9\",\"item\":%d}\x1e", i);
	}
	buf_printf(&all, "{\"type\":3,\"invocationId\":\"9\"}\x1e");
	client_bytes(f->alice, buf_bytes(&all));
	buf_finish(&all);
	hub_sleep(&f->hub, 1200000);
	own_expect(f, OWN_RESULT("1", "4950"), NULL);
	own_expect_alive(f);
}

/* The method has ended: its stream with it, and the reading goes on. */
static void the_method_ends_before_its_stream(void **state)
{
	struct own_fixture *f = *state;
	client_say(f->alice, "{'type':4,'invocationId':'1','target':'EchoStream','arguments':[],"
			     "'streamIds':['9']}");
	say_item(f, "9", "{'a':[1,null,'x']}");
	own_expect(f, OWN_ITEM("1", "{'a':[1,null,'x']}"), NULL);
	say_item(f, "9", "null");
	own_expect(f, OWN_ITEM("1", "null"), NULL);
	client_say(f->alice, OWN_CANCEL("1"));
	say_item(f, "9", "1");
	own_expect(f, OWN_END("1"), NULL);
	own_upload(f, "2", "Sum", "", "'9'");
	say_end(f, "9");
	own_expect(f, OWN_RESULT("2", "0"), NULL);
}

static void the_method_ends_while_its_stream_is_full(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "Ignore", "50", "'9'");
	say_items(f, "9", 1, 11);
	assert_true(client_conn(f->alice)->held);
	say_items(f, "9", 12, 30);
	own_call(f, "2", "Echo", "'behind'");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 100000);
	own_expect(f, OWN_RESULT("1", "null"), OWN_RESULT("2", "'behind'"), NULL);
	assert_false(f->alice->paused);
}

static void the_client_goes_while_its_stream_is_full(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "SumSlowly", "100000", "'9'");
	say_items(f, "9", 1, 12);
	assert_true(client_conn(f->alice)->held);
	client_drop(f->alice);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

/* As in ASP.NET Core: who fills the stream that is not read yet waits for ever. */
static void one_stream_waits_for_another(void **state)
{
	struct own_fixture *f = *state;
	own_upload(f, "1", "SumBoth", "1", "'8','9'");
	say_items(f, "9", 1, 11);
	assert_true(client_conn(f->alice)->held);
	say_item(f, "8", "1");
	hub_sleep(&f->hub, 100000);
	assert_true(client_conn(f->alice)->held);
	client_drop(f->alice);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void there_may_be_so_many(void **state)
{
	struct own_fixture *f = *state;
	char id[32];
	for (int i = 0; i < UPLOADS_MAX; i++) {
		client_say(f->alice,
			"{'type':4,'invocationId':'%d','target':'EchoStream','arguments':[],"
			"'streamIds':['u%d']}",
			i, i);
	}
	own_expect(f, NULL);
	client_say(f->alice, "{'type':4,'invocationId':'x','target':'EchoStream','arguments':[],"
			     "'streamIds':['ux']}");
	own_expect(f,
		OWN_ERROR("x", OWN_UNEXPECTED("EchoStream") " HubException: busy: at most 16 "
							    "upload streams may run at once"),
		NULL);
	for (int i = 0; i < 100000; i++) {
		say_item(f, "unknown", "1");
	}
	for (int i = 0; i < UPLOADS_MAX; i++) {
		snprintf(id, sizeof(id), "u%d", i);
		say_end(f, id);
	}
	hub_turns(&f->hub, 4);
	client_skip(f->alice);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
	own_expect_alive(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, own_open, own_close)
#define TWO(name) cmocka_unit_test_setup_teardown(name, own_open_two, own_close)
	const struct CMUnitTest tests[] = {
		TEST(items_are_read),
		TEST(what_comes_late_is_dropped),
		TEST(streams_break),
		TEST(so_many_streams_as_the_method_has),
		TWO(a_running_id_is_refused),
		TEST(an_id_is_free_when_its_stream_has_ended),
		TEST(calls_go_on_beside_an_upload),
		TEST(so_many_calls_may_run),
		TEST(the_client_goes_while_two_run),
		TEST(a_full_stream_stops_the_reading),
		TEST(thousands_of_items),
		TEST(the_method_ends_before_its_stream),
		TEST(the_method_ends_while_its_stream_is_full),
		TEST(the_client_goes_while_its_stream_is_full),
		TEST(one_stream_waits_for_another),
		TEST(there_may_be_so_many),
	};
#undef TEST
#undef TWO
	return cmocka_run_group_tests_name("uploads", tests, NULL, NULL);
}
