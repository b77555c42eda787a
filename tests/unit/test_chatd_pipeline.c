/* One connection's calls: which run together, which wait, and in which order they are answered
 * (signalr-hub-protocol.md, section 6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/op/op.h"
#include "lib/base/err.h"
#include "tests/unit/call_help.h"

static int open_parallel(void **state)
{
	return call_open_with(state, "[hub]\nmax_parallel_invocations = 3\n");
}

static void send(struct call_fixture *f, int id, const char *content)
{
	client_say(f->alice,
		"{'type':1,'invocationId':'%d','target':'SendMessage','arguments':['general','%s']"
		"}",
		id, content);
}

/* The ids of Completions that came since the last time, as "1 2!": ! where it is an error. */
static const char *answers(struct call_fixture *f)
{
	static char text[1000];
	size_t len = 0;
	text[0] = '\0';
	for (const char *record; (record = client_next_other(f->alice)) != NULL;) {
		int id;
		assert_int_equal(sscanf(record, "{\"type\":3,\"invocationId\":\"%d\"", &id), 1);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d%s",
			len > 0 ? " " : "", id, strstr(record, "\"error\"") != NULL ? "!" : "");
		assert_true(len < sizeof(text));
	}
	return text;
}

static size_t appended(struct call_fixture *f)
{
	return fake_store_first(f->hub.store) == FAKE_APPEND
		       ? fake_store_first_append(f->hub.store)->count
		       : 0;
}

static void sixteen_messages_are_under_way_together(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 1; i <= 20; i++) {
		send(f, i, "text");
	}
	hub_turns(&f->hub, 3);
	assert_int_equal(appended(f), 16);
	assert_true(f->alice->paused);
	assert_string_equal(answers(f), "");
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_false(f->alice->paused);
	assert_int_equal(appended(f), 4);
	assert_string_equal(answers(f), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
	hub_settle(&f->hub);
	assert_string_equal(answers(f), "17 18 19 20");
	room_expect_range(f->alice, &f->room, 1, 20);
}

static void answers_keep_the_order_of_the_calls(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	send(f, 2, ""); /* is known to be wrong at once */
	send(f, 3, "text");
	send(f, 4, "");
	hub_turns(&f->hub, 3);
	assert_string_equal(answers(f), "");
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	assert_string_equal(answers(f), "1 2! 3 4!");
	send(f, 5, "");
	hub_turn(&f->hub);
	assert_string_equal(answers(f), "5!");
}

/* Kept answers count, so that one who sends nothing but errors behind a slow call is held too. */
static void kept_answers_are_bounded(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	for (int i = 2; i <= 40; i++) {
		send(f, i, "");
	}
	hub_turns(&f->hub, 3);
	assert_true(f->alice->paused);
	assert_string_equal(answers(f), "");
	hub_settle(&f->hub);
	assert_string_equal(answers(f),
		"1 2! 3! 4! 5! 6! 7! 8! 9! 10! 11! 12! 13! 14! 15! 16! 17! 18! 19! 20! 21! 22! 23! "
		"24! "
		"25! 26! 27! 28! 29! 30! 31! 32! 33! 34! 35! 36! 37! 38! 39! 40!");
}

static void another_method_waits_for_its_permit(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	client_say(f->alice, "{'type':1,'invocationId':'2','target':'GetHistory','arguments':["
			     "'general',null,10]}");
	send(f, 3, "text");
	hub_turns(&f->hub, 3);
	assert_true(f->alice->paused);
	assert_int_equal(fake_store_held(f->hub.store), 1);
	assert_int_equal(appended(f), 1); /* nothing behind the waiting one is looked at */
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	assert_string_equal(answers(f), "1");
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	assert_int_equal(fake_store_held(f->hub.store), 1);
	hub_settle(&f->hub);
	assert_string_equal(answers(f), "2 3");
}

static void another_room_waits_too(void **state)
{
	struct call_fixture *f = *state;
	struct uuid other = hub_room(&f->hub, 1, "other");
	hub_member(&f->hub, &other, "alice");
	send(f, 1, "text");
	client_say(f->alice, "{'type':1,'invocationId':'2','target':'SendMessage','arguments':["
			     "'other','text']}");
	hub_turns(&f->hub, 4);
	assert_int_equal(appended(f), 1);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_string_equal(answers(f), "1");
	hub_settle(&f->hub);
	assert_string_equal(answers(f), "2");
}

static void what_fails_before_it_runs_overtakes(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	client_say(f->alice, "{'type':1,'invocationId':'2','target':'NoSuch','arguments':[]}");
	client_say(f->alice, "{'type':1,'invocationId':'3','target':'SendMessage','arguments':[]}");
	hub_turns(&f->hub, 3);
	assert_string_equal(answers(f), "2! 3!");
	hub_settle(&f->hub);
	assert_string_equal(answers(f), "1");
}

/* A Close behind a call that runs is acted upon at once, and nothing is answered any more. */
static void a_close_behind_a_running_call_ends_it_all(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	client_say(f->alice, "{'type':7}");
	assert_true(f->alice->closed);
	hub_settle(&f->hub);
	client_expect(f->alice, "{'type':7}");
	assert_null(client_next(f->alice));
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 1);
}

static void a_close_behind_a_waiting_call_waits(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	client_say(f->alice, "{'type':1,'invocationId':'2','target':'LeaveRoom','arguments':["
			     "'general']}");
	client_say(f->alice, "{'type':7}");
	hub_turns(&f->hub, 3);
	assert_non_null(client_conn(f->alice));
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	assert_true(f->alice->closed);
	hub_settle(&f->hub);
	struct uuid alice = hub_user("alice");
	assert_false(fake_store_is_member(f->hub.store, &f->room, &alice));
	assert_non_null(strstr(client_next_other(f->alice), "\"invocationId\":\"1\""));
	client_expect(f->alice, "{'type':7}");
}

static void with_more_permits_calls_overtake(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	client_say(f->alice, "{'type':1,'invocationId':'2','target':'GetHistory','arguments':["
			     "'general',null,10]}");
	client_say(f->alice, "{'type':1,'invocationId':'3','target':'JoinRoom','arguments':["
			     "'general']}");
	client_say(f->alice, "{'type':1,'invocationId':'4','target':'GetHistory','arguments':["
			     "'general',null,10]}");
	hub_turns(&f->hub, 3);
	assert_string_equal(answers(f), "3");
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), 2);
	hub_settle(&f->hub);
	/* The message came through another worker. */
	assert_string_equal(answers(f), "2 4 1");
}

/* ---- unknown commits ---- */

static void what_is_behind_an_unknown_one_is_unknown_too(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 1; i <= 3; i++) {
		send(f, i, "text");
		hub_turns(&f->hub, 3);
	}
	assert_int_equal(appended(f), 1);
	for (int tries = 0; tries <= 50; tries++) {
		fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
		hub_turns(&f->hub, 4);
		fake_time_skip(200000);
		hub_turns(&f->hub, 4);
	}
	assert_string_equal(answers(f), "1!");
	hub_settle(&f->hub); /* the others were stored after all */
	char seqs[20];
	strcpy(seqs, client_seqs(f->alice, &f->room));
	assert_string_equal(seqs, "1 2");
	f->alice->next = 0;
	int uncertain = 0;
	for (const char *record; (record = client_next_other(f->alice)) != NULL;) {
		uncertain += strstr(record, "HubException: uncertain: ") != NULL ? 1 : 0;
	}
	assert_int_equal(uncertain, 3);
	send(f, 4, "text");
	hub_settle(&f->hub);
	assert_string_equal(answers(f), "4");
}

/* ---- clients that say goodbye ---- */

static void the_last_answers_are_waited_for(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	send(f, 2, "text");
	client_leave(f->alice);
	assert_non_null(client_conn(f->alice));
	send(f, 3, "what comes behind it is not looked at");
	hub_settle(&f->hub);
	assert_true(f->alice->closed);
	assert_string_equal(answers(f), "1 2"); /* and no Close of the hub's */
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 2);
}

static void without_calls_a_goodbye_ends_it(void **state)
{
	struct call_fixture *f = *state;
	client_leave(f->alice);
	assert_true(f->alice->gone);
	assert_null(client_conn(f->alice));
}

static void answers_that_never_come_are_not_waited_for(void **state)
{
	struct call_fixture *f = *state;
	send(f, 1, "text");
	client_leave(f->alice);
	for (int i = 0; i < 100 && client_conn(f->alice) != NULL; i++) {
		fake_time_skip(100000);
		hub_turns(&f->hub, 3);
	}
	assert_true(f->alice->closed);
	hub_settle(&f->hub);
	assert_string_equal(answers(f), "");
}

/* The last answer comes while the worker goes through the user's connections. */
static void the_last_answer_may_be_that_the_room_is_lost(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *other = client_start(&f->hub, 1, "alice");
	hub_message(&f->hub, &f->room);
	struct hub_client *alice = client_start(&f->hub, 0, "alice");
	client_drop(f->alice);
	room_join(alice, &f->room, ",0");
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	client_leave(alice);
	client_say(other, "{'type':1,'target':'LeaveRoom','arguments':['general']}");
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_true(alice->closed);
	assert_non_null(strstr(client_next_other(alice), "\"target\":\"UserLeft\""));
	room_expect_error(alice, "HubException: not_a_member: ");
}

/* ---- clients that vanish ---- */

static void what_a_vanished_client_sent_is_published(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *other = client_start(&f->hub, 1, "alice");
	hub_sleep(&f->hub, 1500000);
	for (int i = 1; i <= 20; i++) {
		send(f, i, "text");
	}
	hub_turns(&f->hub, 3);
	client_drop(f->alice);
	hub_settle(&f->hub);
	room_expect_range(other, &f->room, 1, 16); /* the others were never looked at */
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
}

static void ten_thousand_clients_vanish(void **state)
{
	static const char *const calls[] = {
		"{'type':1,'invocationId':'1','target':'SendMessage','arguments':['general','x']}",
		"{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['general',0]}",
		"{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['other']}",
		"{'type':1,'invocationId':'1','target':'LeaveRoom','arguments':['other']}",
		"{'type':1,'invocationId':'1','target':'GetHistory','arguments':['general',null,9]"
		"}",
		"{'type':1,'invocationId':'1','target':'Sync','arguments':[{'general':0}]}",
	};
	enum { KINDS = sizeof(calls) / sizeof(calls[0]) };
	struct call_fixture *f = *state;
	hub_room(&f->hub, 0, "other");
	hub_message(&f->hub, &f->room);
	for (int round = 0; round < 500; round++) {
		struct hub_client *clients[20];
		for (int i = 0; i < 20; i++) {
			clients[i] = client_open(&f->hub, (unsigned)i % 2, "alice");
			client_handshake(clients[i]);
		}
		hub_turn(&f->hub);
		if (round % 4 != 0) { /* else they go before their rooms are read */
			fake_store_answer_all(f->hub.store);
			hub_turns(&f->hub, 2);
		}
		for (int i = 0; i < 20; i++) {
			client_say(clients[i], "%s", calls[(round + i) % KINDS]);
			client_say(clients[i], "%s", calls[(round / 7 + i) % KINDS]);
		}
		hub_turns(&f->hub, round % 5);
		for (int i = 0; i < 20; i++) {
			client_drop(clients[i]);
		}
		hub_settle(&f->hub);
		hub_forget(&f->hub, f->alice);
		assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
		assert_int_equal(op_list_count(f->hub.sv[1].ops), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, call_open, call_close)
	const struct CMUnitTest tests[] = {
		TEST(sixteen_messages_are_under_way_together),
		TEST(answers_keep_the_order_of_the_calls),
		TEST(kept_answers_are_bounded),
		TEST(another_method_waits_for_its_permit),
		TEST(another_room_waits_too),
		TEST(what_fails_before_it_runs_overtakes),
		TEST(a_close_behind_a_running_call_ends_it_all),
		TEST(a_close_behind_a_waiting_call_waits),
		cmocka_unit_test_setup_teardown(
			with_more_permits_calls_overtake, open_parallel, call_close),
		TEST(what_is_behind_an_unknown_one_is_unknown_too),
		TEST(the_last_answers_are_waited_for),
		TEST(without_calls_a_goodbye_ends_it),
		TEST(answers_that_never_come_are_not_waited_for),
		TEST(the_last_answer_may_be_that_the_room_is_lost),
		TEST(what_a_vanished_client_sent_is_published),
		TEST(ten_thousand_clients_vanish),
	};
#undef TEST
	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
