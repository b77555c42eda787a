#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/hub/ask_ids.h"
#include "chatd/hub/flows.h"
#include "lib/base/err.h"
#include "tests/unit/own_help.h"

#define QUESTION(id) "{'type':1,'invocationId':'" id "','target':'Ask','arguments':[]}"

static void the_client_answers(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskBack", "");
	own_expect(f, QUESTION("s1"), NULL);
	client_say(f->alice, OWN_RESULT("999", "'red'"));
	client_say(f->alice, OWN_RESULT("s2", "'red'"));
	client_say(f->alice, OWN_RESULT("s01", "'red'"));
	client_say(f->alice, OWN_RESULT("s", "'red'"));
	client_say(f->alice, OWN_RESULT("s18446744073709551617", "'red'"));
	client_say(f->alice, OWN_RESULT("s1x", "'red'"));
	own_expect(f, NULL);
	client_say(f->alice, OWN_RESULT("s1", "'blue'"));
	client_say(f->alice, OWN_RESULT("s1", "'late'"));
	own_expect(f, OWN_RESULT("1", "'blue'"), NULL);
	own_call(f, "2", "AskAny", "{'a':1}");
	own_expect(f, "{'type':1,'invocationId':'s2','target':'Ask','arguments':[{'a':1}]}", NULL);
	client_say(f->alice, OWN_RESULT("s2", "{'b':[1,null,2.5,'x',true]}"));
	own_expect(f, OWN_RESULT("2", "{'b':[1,null,2.5,'x',true]}"), NULL);
	own_call(f, "3", "AskBack", "");
	own_expect(f, QUESTION("s3"), NULL);
	client_say(f->alice, OWN_RESULT("s3", "null"));
	own_expect(f, OWN_RESULT("3", "null"), NULL);
}

static void the_client_has_no_answer(void **state)
{
	static const char *const answers[][2] = {
		{"'error':'no idea'", "no idea"},
		{"'error':''", "Client didn`t provide a result."},
		{"'headers':{}", "Client didn`t provide a result."},
		{"'result':5",
			"Error trying to deserialize result to String. `result` must be a text."},
	};
	struct own_fixture *f = *state;
	char text[300];
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		int number = 2 * (int)i + 1;
		own_call(f, "1", "AskBack", "");
		client_skip(f->alice);
		client_say(f->alice, "{'type':3,'invocationId':'s%d',%s}", number, answers[i][0]);
		snprintf(text, sizeof(text), OWN_ERROR("1", "%s HubException: %s"),
			OWN_UNEXPECTED("AskBack"), answers[i][1]);
		own_expect(f, text, NULL);
		own_call(f, "2", "AskText", "");
		client_skip(f->alice);
		client_say(
			f->alice, "{'type':3,'invocationId':'s%d',%s}", number + 1, answers[i][0]);
		snprintf(text, sizeof(text), OWN_RESULT("2", "'%s'"), answers[i][1]);
		own_expect(f, text, NULL);
	}
}

/* It has given its permit back: others run, and go on running beside it. */
static void others_run_meanwhile(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskBack", "");
	own_expect(f, QUESTION("s1"), NULL);
	own_expect_alive(f);
	own_call(f, "2", "Slow", "50");
	own_call(f, "3", "Echo", "'waits'");
	own_expect(f, NULL);
	hub_sleep(&f->hub, 60000);
	own_expect(f, OWN_RESULT("2", "null"), OWN_RESULT("3", "'waits'"), NULL);
	client_say(f->alice, OWN_RESULT("s1", "'blue'"));
	own_expect(f, OWN_RESULT("1", "'blue'"), NULL);
}

/* The answer stands behind a call that waits: it is read when that one has its permit. */
static void a_call_that_waited_runs(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "Slow", "50");
	own_call(f, "2", "AskBack", "");
	own_call(f, "3", "AskBack", "");
	client_say(f->alice, OWN_RESULT("s2", "'three'"));
	client_say(f->alice, OWN_RESULT("s1", "'two'"));
	own_expect(f, NULL);
	hub_sleep(&f->hub, 60000);
	own_expect(f, OWN_RESULT("1", "null"), QUESTION("s1"), QUESTION("s2"),
		OWN_RESULT("3", "'three'"), OWN_RESULT("2", "'two'"), NULL);
}

static void nobody_answers_for_another(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskBack", "");
	own_expect(f, QUESTION("s1"), NULL);
	client_say(f->bob, OWN_RESULT("s1", "'mine'"));
	hub_turns(&f->hub, 2);
	client_expect(f->bob, "{'type':7,'error':'Connection closed with an error.',"
			      "'allowReconnect':true}");
	assert_true(f->bob->closed);
	client_say(f->alice, OWN_RESULT("s1", "'blue'"));
	own_expect(f, OWN_RESULT("1", "'blue'"), NULL);
}

static void a_question_has_its_time(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskWithin", "50");
	own_expect(f, QUESTION("s1"), NULL);
	hub_sleep(&f->hub, 60000);
	own_expect(f,
		OWN_ERROR("1", OWN_UNEXPECTED("AskWithin") " HubException: The client did not "
							   "answer in time."),
		NULL);
	client_say(f->alice, OWN_RESULT("s1", "'late'"));
	client_say(f->bob, OWN_RESULT("s1", "'late, too'"));
	own_expect_alive(f);
	assert_non_null(client_conn(f->bob));
	own_call(f, "2", "AskWithin", "50");
	client_say(f->alice, OWN_RESULT("s2", "'in time'"));
	hub_sleep(&f->hub, 60000);
	own_expect(f, QUESTION("s2"), OWN_RESULT("2", "'in time'"), NULL);
}

static void the_client_goes_before_it_answers(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskBack", "");
	own_call(f, "2", "AskWithin", "5000");
	client_drop(f->alice);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
	client_say(f->bob, OWN_RESULT("s1", "'nobody`s any more'"));
	hub_turns(&f->hub, 2);
	assert_non_null(client_conn(f->bob));
}

/* A client that is leaving answers nothing any more. */
static void no_end_waits_for_an_answer(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskBack", "");
	client_skip(f->alice);
	conn_leave(client_conn(f->alice));
	own_expect(f, "{'type':7,'allowReconnect':true}", NULL);
	assert_true(f->alice->closed);
	struct hub_client *carol = client_start(&f->hub, 0, "carol");
	client_say(carol, "{'type':1,'invocationId':'1','target':'AskBack','arguments':[]}");
	hub_turns(&f->hub, 2);
	client_leave(carol);
	assert_true(carol->gone);
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

/* But one that has its answer is a call like others. */
static void an_end_waits_for_what_was_answered(void **state)
{
	struct own_fixture *f = *state;
	own_call(f, "1", "AskThenSlow", "");
	own_expect(f, QUESTION("s1"), NULL);
	client_say(f->alice, OWN_RESULT("s1", "'50'"));
	conn_leave(client_conn(f->alice));
	own_expect(f, NULL);
	hub_sleep(&f->hub, 60000);
	own_expect(f, OWN_RESULT("1", "'50'"), NULL);
	conn_leave(client_conn(f->alice));
	own_expect(f, "{'type':7,'allowReconnect':true}", NULL);
}

static void there_may_be_so_many(void **state)
{
	struct own_fixture *f = *state;
	char id[16];
	for (int i = 0; i < ASKS_MAX; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		own_call(f, id, "AskBack", "");
	}
	client_skip(f->alice);
	own_call(f, "x", "AskText", "");
	own_expect(f,
		OWN_ERROR("x", OWN_UNEXPECTED("AskText") " HubException: Too much is under way; "
							 "nothing was done, try again"),
		NULL);
	own_expect_alive(f);
	client_say(f->alice, OWN_RESULT("s7", "'blue'"));
	own_expect(f, OWN_RESULT("a6", "'blue'"), NULL);
	own_call(f, "x", "AskBack", "");
	own_expect(f, QUESTION("s101"), NULL);
}

/* ---- ids ---- */

static void ids_are_read_as_they_are_written(void **state)
{
	static const uint64_t numbers[] = {1, 9, 10, 4711, 9999999999999999999ULL};
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char id[ASK_ID_SIZE];
		ask_id_format(numbers[i], id);
		assert_true(ask_id_parse(bytes_str(id)) == numbers[i]);
	}
	assert_true(ask_id_parse(BYTES_LIT("")) == 0);
	assert_true(ask_id_parse(BYTES_LIT("s0")) == 0);
	assert_true(ask_id_parse(BYTES_LIT("S1")) == 0);
	assert_true(ask_id_parse(BYTES_LIT("s1 ")) == 0);
	assert_true(ask_id_parse(BYTES_LIT("s-1")) == 0);
}

static void ids_have_owners(void **state)
{
	struct ask_ids *ids = ask_ids_create();
	struct uuid one, other;
	(void)state;
	uuid_random(&one);
	uuid_random(&other);
	assert_int_equal(ask_ids_owner(ids, 1, &one), ASK_OWNER_NONE);
	assert_int_equal(ask_ids_take(ids, &one), 1);
	assert_int_equal(ask_ids_take(ids, &other), 2);
	assert_int_equal(ask_ids_owner(ids, 1, &one), ASK_OWNER_SELF);
	assert_int_equal(ask_ids_owner(ids, 2, &one), ASK_OWNER_OTHER);
	ask_ids_drop(ids, 1);
	ask_ids_drop(ids, 1);
	assert_int_equal(ask_ids_owner(ids, 1, &one), ASK_OWNER_NONE);
	assert_int_equal(ask_ids_owner(ids, 1, &other), ASK_OWNER_NONE);
	ask_ids_destroy(&ids);
	assert_null(ids);
	ask_ids_destroy(&ids);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, own_open, own_close)
	const struct CMUnitTest tests[] = {
		TEST(the_client_answers),
		TEST(the_client_has_no_answer),
		TEST(others_run_meanwhile),
		TEST(a_call_that_waited_runs),
		TEST(nobody_answers_for_another),
		TEST(a_question_has_its_time),
		TEST(the_client_goes_before_it_answers),
		TEST(no_end_waits_for_an_answer),
		TEST(an_end_waits_for_what_was_answered),
		TEST(there_may_be_so_many),
		cmocka_unit_test(ids_are_read_as_they_are_written),
		cmocka_unit_test(ids_have_owners),
	};
#undef TEST
	return cmocka_run_group_tests_name("asks", tests, NULL, NULL);
}
