/* The limits at the doors, on frozen time: who is refused, with which text, in which order, and
 * what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/auth/limits.h"
#include "chatd/auth/principal.h"
#include "chatd/op/limits.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "tests/unit/call_help.h"

#define CALLS(wait) "HubException: rate_limited: too many calls, try again in " wait " s"
#define MESSAGES(wait) \
	"HubException: rate_limited: too many messages in this room, try again in " wait " s"

/* Four calls of a user, ten messages in a room may come at once. */
static int open_limited(void **state)
{
	return call_open_with(state, "[limits]\nuser_rate = 2/s\nroom_rate = 5\n");
}

static int open_few_rooms(void **state)
{
	return call_open_with(state, "[limits]\nuser_rate = 0\nroom_rate = 1\n");
}

static void send(struct hub_client *client, int id, const char *content)
{
	client_say(client,
		"{'type':1,'invocationId':'%d','target':'SendMessage','arguments':['general','%s']"
		"}",
		id, content);
}

/* The ids of Completions that came since the last time, as "1 2!": ! where it is an error. */
static const char *answers(struct hub_client *client)
{
	static char text[1000];
	size_t len = 0;
	text[0] = '\0';
	for (const char *record; (record = client_next_other(client)) != NULL;) {
		int id;
		assert_int_equal(sscanf(record, "{\"type\":3,\"invocationId\":\"%d\"", &id), 1);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d%s",
			len > 0 ? " " : "", id, strstr(record, "\"error\"") != NULL ? "!" : "");
	}
	return text;
}

static uint64_t counted(const struct call_fixture *f, size_t offset)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < f->hub.count; i++) {
		sum += *(const uint64_t *)(const void *)((const char *)&f->hub.metrics[i] + offset);
	}
	return sum;
}
#define COUNTED(f, field) counted(f, offsetof(struct metrics, field))

/* ---- calls of a user ---- */

static void a_call_over_the_rate_is_refused(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 1; i <= 4; i++) {
		send(f->alice, i, "text");
		hub_settle(&f->hub);
	}
	assert_string_equal(answers(f->alice), "1 2 3 4");
	call_expect_error(
		f, "SendMessage", "'general','fifth'", UNEXPECTED("SendMessage") " " CALLS("0.50"));
	call_expect_error(
		f, "GetHistory", "'general',null,1", UNEXPECTED("GetHistory") " " CALLS("0.50"));
	assert_int_equal(COUNTED(f, rate_limited_user), 2);
	assert_int_equal(COUNTED(f, rate_limited_room), 0);
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 4);
	assert_non_null(client_conn(f->alice));
}

static void after_the_time_told_it_is_taken(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 1; i <= 4; i++) {
		send(f->alice, i, "text");
	}
	hub_settle(&f->hub);
	client_skip(f->alice);
	fake_time_skip(145000);
	hub_turn(&f->hub);
	call_expect_error(f, "SendMessage", "'general','x'",
		UNEXPECTED("SendMessage") " " CALLS("0.36")); /* 0.355, rounded up */
	fake_time_skip(354999);
	hub_turn(&f->hub);
	call_expect_error(
		f, "SendMessage", "'general','x'", UNEXPECTED("SendMessage") " " CALLS("0.01"));
	fake_time_skip(1);
	hub_turn(&f->hub);
	send(f->alice, 8, "text");
	send(f->alice, 9, "text");
	hub_settle(&f->hub);
	assert_string_equal(answers(f->alice), "8 9!");
}

/* Answers of messages keep the order of the calls, whether they were refused or not. */
static void refusals_keep_the_order_of_the_calls(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 1; i <= 7; i++) {
		send(f->alice, i, "text");
	}
	hub_turns(&f->hub, 3);
	assert_string_equal(answers(f->alice), "");
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	assert_string_equal(answers(f->alice), "1 2 3 4 5! 6! 7!");
	send(f->alice, 8, "text");
	hub_turn(&f->hub);
	assert_string_equal(answers(f->alice), "8!");
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 4);
	assert_int_equal(COUNTED(f, rate_limited_user), 4);
}

/* Of others nothing is executed: they overtake, as all do that were never begun. */
static void other_refusals_come_at_once(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 1; i <= 4; i++) {
		send(f->alice, i, "text");
	}
	client_say(f->alice,
		"{'type':1,'invocationId':'5','target':'LeaveRoom','arguments':['general']}");
	hub_turns(&f->hub, 3);
	assert_false(f->alice->paused);
	assert_string_equal(answers(f->alice), "5!");
	hub_settle(&f->hub);
	assert_string_equal(answers(f->alice), "1 2 3 4");
	struct uuid alice = hub_user("alice");
	assert_true(fake_store_is_member(f->hub.store, &f->room, &alice));
}

static void without_an_id_it_is_dropped_and_counted(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 0; i < 7; i++) {
		client_say(f->alice,
			"{'type':1,'target':'SendMessage','arguments':['general','text']}");
	}
	client_say(f->alice, "{'type':1,'target':'LeaveRoom','arguments':['general']}");
	hub_settle(&f->hub);
	assert_string_equal(answers(f->alice), "");
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 4);
	assert_int_equal(COUNTED(f, rate_limited_user), 4);
	assert_non_null(client_conn(f->alice));
}

/* What cannot be called is told to be so; it was a call all the same. */
static void bad_calls_count_too(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 0; i < 4; i++) {
		call_expect_error(
			f, "NoSuch", "", FAILED("NoSuch") " HubException: Method does not exist.");
	}
	send(f->alice, 1, "text");
	hub_settle(&f->hub);
	assert_string_equal(answers(f->alice), "1!");
	call_expect_error(f, "SendMessage", "'general'", FAILED("SendMessage"));
}

/* Pings and acknowledgements are no calls. */
static void pings_count_nothing(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 0; i < 100; i++) {
		client_say(f->alice, "{'type':6}");
	}
	send(f->alice, 1, "text");
	hub_settle(&f->hub);
	assert_string_equal(answers(f->alice), "1");
}

static void connections_of_a_user_share_it(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *second = client_start(&f->hub, 1, "alice");
	struct hub_client *bob = client_start(&f->hub, 1, "bob");
	hub_member(&f->hub, &f->room, "bob");
	for (int i = 1; i <= 3; i++) {
		send(f->alice, i, "text");
		send(second, i, "text");
		send(bob, i, "text");
		hub_settle(&f->hub);
	}
	assert_string_equal(answers(f->alice), "1 2 3!");
	assert_string_equal(answers(second), "1 2 3!");
	assert_string_equal(answers(bob), "1 2 3");
	assert_int_equal(f->hub.metrics[0].rate_limited_user, 1);
	assert_int_equal(f->hub.metrics[1].rate_limited_user, 1);
}

/* ---- messages in a room ---- */

static void a_room_takes_so_many_from_all(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *people[4];
	char name[] = "person-0";
	for (unsigned i = 0; i < 4; i++, name[7]++) {
		hub_member(&f->hub, &f->room, name);
		people[i] = client_start(&f->hub, i % 2, name);
	}
	hub_sleep(&f->hub, 1500000);
	for (int i = 1; i <= 3; i++) {
		for (unsigned person = 0; person < 4; person++) {
			send(people[person], i, "text");
			hub_settle(&f->hub);
		}
	}
	assert_string_equal(answers(people[0]), "1 2 3");
	assert_string_equal(answers(people[1]), "1 2 3");
	assert_string_equal(answers(people[2]), "1 2 3!");
	assert_string_equal(answers(people[3]), "1 2 3!");
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 10);
	assert_int_equal(COUNTED(f, rate_limited_room), 2);
	assert_int_equal(COUNTED(f, rate_limited_user), 0);
	call_expect_error(
		f, "SendMessage", "'general','x'", UNEXPECTED("SendMessage") " " MESSAGES("0.20"));
	/* Not the room's reading, and no other room. */
	assert_null(strstr(call_method(f, "GetHistory", "'general',null,1"), "error"));
	fake_time_skip(200000);
	hub_turn(&f->hub);
	assert_null(strstr(call_method(f, "SendMessage", "'general','x'"), "error"));
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 11);
}

/* Who may not write, or writes nonsense, takes nothing from those who may. */
static void what_is_refused_anyway_takes_nothing(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *stranger = client_start(&f->hub, 1, "stranger");
	for (int i = 1; i <= 5; i++) {
		send(stranger, i, "text");
		send(f->alice, i, "");
		hub_settle(&f->hub);
	}
	assert_string_equal(answers(stranger), "1! 2! 3! 4! 5!");
	assert_string_equal(answers(f->alice), "1! 2! 3! 4! 5!");
	send(f->alice, 6, "text");
	send(f->alice, 7, "text");
	send(f->alice, 8, "text");
	hub_settle(&f->hub);
	assert_string_equal(answers(f->alice), "6 7 8!");
	assert_int_equal(COUNTED(f, rate_limited_room), 1);
}

/* ---- the functions of the doors ---- */

static void rates_are_those_of_the_settings_in_force(void **state)
{
	struct call_fixture *f = *state;
	struct services *sv = &f->hub.sv[0];
	struct principal from = {.identity = BYTES_LIT("carol"), .expires_ms = INT64_MAX};
	struct principal *carol = principal_create(&from);
	uint64_t retry_us = 0;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(limits_user(sv, carol, &retry_us), 0);
	}
	assert_int_equal(limits_user(sv, carol, &retry_us), ERR_RATE_LIMITED);
	assert_int_equal(retry_us, 500000);
	f->hub.conf->limits.user_rate = 100;
	assert_int_equal(limits_user(sv, carol, &retry_us), ERR_RATE_LIMITED);
	assert_int_equal(retry_us, 10000);
	f->hub.conf->limits.user_rate = 0;
	assert_int_equal(limits_user(sv, carol, &retry_us), 0);
	f->hub.conf->limits.address_connects = 1;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(limits_connect(sv, "192.0.2.1:1", &retry_us), 0);
		assert_int_equal(limits_upgrade(sv, "192.0.2.1:2", &retry_us), 0);
		assert_int_equal(limits_address(sv, "192.0.2.1:4", &retry_us), 0);
	}
	assert_int_equal(limits_connect(sv, "192.0.2.1:3", &retry_us), ERR_RATE_LIMITED);
	assert_int_equal(retry_us, 1000000);
	assert_int_equal(limits_address(sv, "192.0.2.1:3", &retry_us), ERR_RATE_LIMITED);
	assert_int_equal(limits_upgrade(sv, "192.0.2.1:3", &retry_us), ERR_RATE_LIMITED);
	assert_int_equal(limits_connect(sv, "192.0.2.2:3", &retry_us), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(limits_connect(sv, "unix", &retry_us), 0);
	}
	assert_int_equal(sv->metrics->rate_limited_address, 3);
	assert_int_equal(sv->metrics->rate_limited_user, 2);
	principal_unref(&carol);
}

/* Two workers, one bound. */
static void places_are_the_nodes(void **state)
{
	struct call_fixture *f = *state;
	struct services *one = &f->hub.sv[0], *two = &f->hub.sv[1];
	assert_int_equal(limits_connections(f->hub.limits), 1); /* alice */
	f->hub.conf->server.max_connections = 3;
	assert_true(limits_has_place(one));
	assert_true(limits_take_place(one));
	assert_true(limits_take_place(two));
	assert_false(limits_has_place(two));
	assert_false(limits_take_place(one));
	assert_int_equal(COUNTED(f, connections_refused), 2);
	client_drop(f->alice);
	hub_settle(&f->hub);
	assert_true(limits_take_place(one));
	for (int i = 0; i < 3; i++) {
		limits_leave(f->hub.limits);
	}
}

static void times_are_rounded_up(void **state)
{
	struct arena *arena = arena_create(0);
	(void)state;
	assert_string_equal(limits_text(arena, "x", 1), "x, try again in 0.01 s");
	assert_string_equal(limits_text(arena, "x", 350000), "x, try again in 0.35 s");
	assert_string_equal(limits_text(arena, "x", 350001), "x, try again in 0.36 s");
	assert_string_equal(limits_text(arena, "x", 1000000), "x, try again in 1.00 s");
	assert_string_equal(limits_text(arena, "x", 12345678), "x, try again in 12.35 s");
	assert_int_equal(limits_retry_s(1), 1);
	assert_int_equal(limits_retry_s(1000000), 1);
	assert_int_equal(limits_retry_s(1000001), 2);
	assert_int_equal(limits_retry_s(0), 1);
	arena_destroy(&arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_limited, call_close)
	const struct CMUnitTest tests[] = {
		TEST(a_call_over_the_rate_is_refused),
		TEST(after_the_time_told_it_is_taken),
		TEST(refusals_keep_the_order_of_the_calls),
		TEST(other_refusals_come_at_once),
		TEST(without_an_id_it_is_dropped_and_counted),
		TEST(bad_calls_count_too),
		TEST(pings_count_nothing),
		TEST(connections_of_a_user_share_it),
		TEST(a_room_takes_so_many_from_all),
		cmocka_unit_test_setup_teardown(
			what_is_refused_anyway_takes_nothing, open_few_rooms, call_close),
		TEST(rates_are_those_of_the_settings_in_force),
		TEST(places_are_the_nodes),
		cmocka_unit_test(times_are_rounded_up),
	};
#undef TEST
	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
