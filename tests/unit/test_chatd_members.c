#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/room_help.h"

/* Two workers; the room's home is worker 0. alice and bob are in it, each with a device on both
 * workers, all of them live. */
struct fixture {
	struct hub hub;
	struct uuid room, bob_id;
	struct hub_client *alice[2], *bob[2];
};

static struct hub_client *live(struct fixture *f, unsigned worker, const char *user)
{
	struct hub_client *client = client_start(&f->hub, worker, user);
	room_join(client, &f->room, "");
	hub_settle(&f->hub);
	client_skip(client);
	return client;
}

static int open_with(void **state, const char *conf)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, conf);
	f->room = hub_room(&f->hub, 0, "general");
	f->bob_id = hub_user("bob");
	hub_member(&f->hub, &f->room, "alice");
	hub_member(&f->hub, &f->room, "bob");
	for (unsigned i = 0; i < 2; i++) {
		f->alice[i] = live(f, i, "alice");
		f->bob[i] = live(f, i, "bob");
	}
	*state = f;
	return 0;
}

static int open_fixture(void **state)
{
	return open_with(state, "");
}

static int open_creating(void **state)
{
	return open_with(state, "[hub]\ncreate_rooms = true\n");
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

static void expect_notice(
	struct hub_client *client, const char *target, const struct uuid *user, struct fixture *f)
{
	char text[200];
	snprintf(text, sizeof(text), "{'type':1,'target':'%s','arguments':['%s','%s']}", target,
		uuid_text(user), uuid_text(&f->room));
	client_expect(client, text);
}

static void leave(struct hub_client *client)
{
	client_say(client,
		"{'type':1,'invocationId':'9','target':'LeaveRoom','arguments':['General']}");
}

/* bob is removed by another process; nobody here is told. */
static void remove_silently(struct fixture *f)
{
	fake_store_member_gone(f->hub.store, &f->room, &f->bob_id);
}

/* ---- what is told ---- */

static void who_leaves_leaves_on_all_devices(void **state)
{
	struct fixture *f = *state;
	room_send(&f->hub, &f->room, 1);
	for (int i = 0; i < 2; i++) {
		client_skip(f->alice[i]);
		client_skip(f->bob[i]);
	}
	leave(f->bob[1]);
	hub_settle(&f->hub);
	room_send(&f->hub, &f->room, 1);
	expect_notice(f->alice[0], "UserLeft", &f->bob_id, f);
	expect_notice(f->alice[1], "UserLeft", &f->bob_id, f);
	expect_notice(f->bob[0], "UserLeft", &f->bob_id, f);
	client_expect(f->bob[1], "{'type':3,'invocationId':'9','result':null}");
	assert_null(client_next(f->bob[0]));
	assert_null(client_next(f->bob[1]));
	room_expect_seqs(f->alice[0], &f->room, "1 2");
	room_expect_seqs(f->alice[1], &f->room, "1 2");
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_LIST), 0);
	leave(f->bob[0]);
	hub_settle(&f->hub);
	client_expect(f->bob[0],
		"{'type':3,'invocationId':'9','error':'An unexpected error occurred invoking "
		"`LeaveRoom` on the server. HubException: not_a_member: you are not a "
		"member of this room'}");
}

static void who_joins_is_in_on_all_devices(void **state)
{
	struct fixture *f = *state;
	struct uuid carol = hub_user("carol");
	struct hub_client *here = client_start(&f->hub, 0, "carol");
	struct hub_client *there = client_start(&f->hub, 1, "carol");
	room_send(&f->hub, &f->room, 1);
	client_skip(f->alice[0]);
	client_skip(f->bob[1]);
	client_say(here,
		"{'type':1,'invocationId':'1','target':'joinroom','arguments':['GENERAL',null]}");
	hub_settle(&f->hub);
	expect_notice(f->alice[0], "UserJoined", &carol, f);
	expect_notice(f->bob[1], "UserJoined", &carol, f);
	expect_notice(there, "UserJoined", &carol, f);
	assert_true(fake_store_is_member(f->hub.store, &f->room, &carol));
	room_expect_joined(here, &f->room, &(struct room_answer){.last_seq = 1});
	room_send(&f->hub, &f->room, 1);
	room_expect_seqs(here, &f->room, "2");
	room_expect_seqs(there, &f->room, "2");
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_LIST), 0);
	/* Once more: nothing is written, nobody is told. */
	size_t adds = fake_store_calls(f->hub.store, FAKE_MEMBER_ADD);
	client_skip(f->alice[0]);
	room_join(there, &f->room, ",0");
	hub_settle(&f->hub);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_ADD), adds);
	assert_null(client_next(f->alice[0]));
	room_expect_seqs(there, &f->room, "2 1");
}

static void an_unknown_alias_becomes_a_room_where_that_is_wanted(void **state)
{
	struct fixture *f = *state;
	struct hub_client *carol = client_start(&f->hub, 0, "carol");
	struct hub_client *other = client_start(&f->hub, 1, "carol");
	client_say(carol, "{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['Tea']}");
	hub_settle(&f->hub);
	const char *answer = client_next(carol);
	assert_non_null(strstr(answer, "\"lastSeq\":0,"));
	assert_non_null(strstr(answer, "\"recovered\":true"));
	assert_non_null(strstr(client_next(other), "\"target\":\"UserJoined\""));
	client_say(f->bob[0],
		"{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['tea',0]}");
	client_say(f->bob[0], "{'type':1,'target':'SendMessage','arguments':['tea','for two']}");
	hub_settle(&f->hub);
	assert_int_equal(carol->seen_count, 1);
	assert_int_equal(other->seen_count, 1);
	assert_int_equal(f->bob[0]->seen_count, 1);
	client_skip(carol);
	client_say(carol,
		"{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['no room!']}");
	hub_settle(&f->hub);
	room_expect_error(carol, "HubException: bad_room: ");
}

/* ---- what was missed ---- */

static void a_missed_removal_is_found_before_delivery(void **state)
{
	struct fixture *f = *state;
	remove_silently(f);
	room_send(&f->hub, &f->room, 3);
	for (int i = 0; i < 2; i++) {
		room_expect_seqs(f->alice[i], &f->room, "1 2 3");
		room_expect_seqs(f->bob[i], &f->room, "");
	}
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_LIST), 2);
}

static void nothing_is_delivered_while_the_participants_are_unknown(void **state)
{
	static struct sending sending;
	struct fixture *f = *state;
	remove_silently(f);
	sending_start(&f->hub, 1, &sending, &f->room, "text");
	hub_turns(&f->hub, 4);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_held(f->hub.store), 2);
	fake_store_fail(f->hub.store, ERR_UNAVAILABLE, false);
	fake_store_fail(f->hub.store, ERR_UNAVAILABLE, false);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_held(f->hub.store), 0);
	room_expect_seqs(f->alice[0], &f->room, "");
	fake_store_refuse(f->hub.store, ERR_BUSY);
	fake_time_skip(500000);
	hub_turns(&f->hub, 4);
	fake_store_refuse(f->hub.store, 0);
	fake_time_skip(500000);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_MEMBER_LIST);
	room_expect_seqs(f->alice[0], &f->room, "");
	hub_settle(&f->hub);
	room_send(&f->hub, &f->room, 1);
	for (int i = 0; i < 2; i++) {
		room_expect_seqs(f->alice[i], &f->room, "1 2");
		room_expect_seqs(f->bob[i], &f->room, "");
	}
}

/* carol joins in silence; while the participants are read for that, bob is removed. */
static void a_change_that_is_missed_while_they_are_read_is_found_too(void **state)
{
	static struct sending sendings[2];
	struct fixture *f = *state;
	hub_member(&f->hub, &f->room, "carol");
	sending_start(&f->hub, 0, &sendings[0], &f->room, "text");
	hub_turns(&f->hub, 4);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_held(f->hub.store), 2);
	fake_store_answer(f->hub.store); /* worker 0's */
	hub_turns(&f->hub, 1);
	fake_store_read(f->hub.store); /* worker 1's list still has bob in it */
	remove_silently(f);
	sending_start(&f->hub, 0, &sendings[1], &f->room, "not for bob");
	hub_turns(&f->hub, 4);
	while (fake_store_held(f->hub.store) > 1) {
		fake_store_answer_behind(f->hub.store);
		hub_turns(&f->hub, 4);
	}
	sending_expect(&sendings[1], 0, APPEND_STORED);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_MEMBER_LIST);
	hub_settle(&f->hub);
	room_send(&f->hub, &f->room, 1);
	for (int i = 0; i < 2; i++) {
		room_expect_seqs(f->alice[i], &f->room, "1 2 3");
		assert_null(strstr(client_seqs(f->bob[i], &f->room), "2"));
	}
}

static void who_joins_while_they_are_read_stays(void **state)
{
	static struct sending sending;
	struct fixture *f = *state;
	struct hub_client *carol = client_start(&f->hub, 1, "carol");
	remove_silently(f);
	sending_start(&f->hub, 0, &sending, &f->room, "text");
	hub_turns(&f->hub, 4);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	fake_store_answer(f->hub.store); /* worker 0's */
	hub_turns(&f->hub, 1);
	fake_store_read(f->hub.store); /* worker 1's list has no carol in it yet */
	room_join(carol, &f->room, ",0");
	hub_turns(&f->hub, 4);
	while (fake_store_held(f->hub.store) > 1) {
		fake_store_answer_behind(f->hub.store);
		hub_turns(&f->hub, 4);
	}
	assert_int_equal(fake_store_first(f->hub.store), FAKE_MEMBER_LIST);
	hub_settle(&f->hub);
	room_send(&f->hub, &f->room, 1);
	room_expect_seqs(carol, &f->room, "1 2");
	room_expect_seqs(f->alice[1], &f->room, "1 2");
	room_expect_seqs(f->bob[1], &f->room, "");
}

/* A page that was asked for before the change must not reach one who is no participant any more. */
static void a_page_under_way_is_not_sent_to_who_was_removed(void **state)
{
	static struct sending sending;
	struct fixture *f = *state;
	struct hub_client *bob = client_start(&f->hub, 1, "bob");
	room_send(&f->hub, &f->room, 3);
	room_join(bob, &f->room, ",0");
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	remove_silently(f);
	sending_start(&f->hub, 0, &sending, &f->room, "not for bob");
	hub_turns(&f->hub, 4);
	/* The append is answered before the page: then all participants are in doubt. */
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	room_expect_seqs(bob, &f->room, "");
	hub_settle(&f->hub);
	room_expect_seqs(bob, &f->room, "");
	room_expect_error(bob, "HubException: not_a_member: ");
	room_expect_seqs(f->alice[1], &f->room, "1 2 3 4");
}

/* Another's page goes on after the doubt, from where it was. */
static void a_page_under_way_is_read_again_for_who_is_in(void **state)
{
	static struct sending sending;
	struct fixture *f = *state;
	struct hub_client *alice = client_start(&f->hub, 1, "alice");
	room_send(&f->hub, &f->room, 3);
	room_join(alice, &f->room, ",0");
	hub_turns(&f->hub, 4);
	remove_silently(f);
	sending_start(&f->hub, 0, &sending, &f->room, "text");
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_settle(&f->hub);
	room_expect_range(alice, &f->room, 1, 4);
	room_expect_joined(
		alice, &f->room, &(struct room_answer){.last_seq = 3, .from = 1, .to = 3});
}

/* bob's rooms are read, he is removed and all are told, and only then the rooms arrive. */
static void a_row_from_before_a_removal_lets_nobody_in(void **state)
{
	struct fixture *f = *state;
	struct hub_client *late = client_open(&f->hub, 1, "bob");
	client_handshake(late);
	fake_store_answer(f->hub.store);
	leave(f->bob[0]);
	loop_turn(f->hub.sv[0].loop, 0);
	fake_store_answer(f->hub.store);
	loop_turn(f->hub.sv[0].loop, 0); /* the home publishes; worker 1 has the rows first */
	hub_settle(&f->hub);
	hub_sleep(&f->hub, 1500000);
	room_send(&f->hub, &f->room, 2);
	room_expect_seqs(late, &f->room, "");
	room_expect_seqs(f->alice[1], &f->room, "1 2");
}

static void the_same_when_the_row_comes_last(void **state)
{
	struct fixture *f = *state;
	struct hub_client *late = client_open(&f->hub, 1, "bob");
	client_handshake(late);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_USER_OPEN);
	fake_store_read(f->hub.store); /* it has read, but the answer is still to come */
	leave(f->bob[0]);
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_false(fake_store_is_member(f->hub.store, &f->room, &f->bob_id));
	hub_settle(&f->hub);
	hub_sleep(&f->hub, 1500000);
	room_send(&f->hub, &f->room, 2);
	room_expect_seqs(late, &f->room, "");
	room_expect_seqs(f->alice[1], &f->room, "1 2");
}

/* ---- calls of those who lose the room ---- */

static void a_call_that_waits_learns_that_the_room_is_lost(void **state)
{
	struct fixture *f = *state;
	room_send(&f->hub, &f->room, 1);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",0");
	room_join(bob, &f->room, ",0"); /* waits behind it, and joins anew */
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	leave(f->bob[1]);
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	hub_settle(&f->hub);
	assert_non_null(strstr(client_next_other(bob), "\"target\":\"UserLeft\""));
	room_expect_error(bob, "HubException: not_a_member: ");
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 1, .from = 1, .to = 1});
	room_expect_seqs(bob, &f->room, "1");
}

static void the_same_for_older_numbers(void **state)
{
	struct fixture *f = *state;
	room_send(&f->hub, &f->room, 4);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",4");
	hub_settle(&f->hub);
	client_skip(bob);
	room_join(bob, &f->room, ",2");
	room_join(bob, &f->room, ",0");
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	leave(f->bob[1]);
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_settle(&f->hub);
	assert_non_null(strstr(client_next_other(bob), "\"target\":\"UserLeft\""));
	room_expect_error(bob, "HubException: not_a_member: ");
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 4, .from = 1, .to = 4});
	room_expect_seqs(bob, &f->room, "1 2 3 4");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(who_leaves_leaves_on_all_devices),
		TEST(who_joins_is_in_on_all_devices),
		cmocka_unit_test_setup_teardown(
			an_unknown_alias_becomes_a_room_where_that_is_wanted, open_creating,
			close_fixture),
		TEST(a_missed_removal_is_found_before_delivery),
		TEST(nothing_is_delivered_while_the_participants_are_unknown),
		TEST(a_change_that_is_missed_while_they_are_read_is_found_too),
		TEST(who_joins_while_they_are_read_stays),
		TEST(a_page_under_way_is_not_sent_to_who_was_removed),
		TEST(a_page_under_way_is_read_again_for_who_is_in),
		TEST(a_row_from_before_a_removal_lets_nobody_in),
		TEST(the_same_when_the_row_comes_last),
		TEST(a_call_that_waits_learns_that_the_room_is_lost),
		TEST(the_same_for_older_numbers),
	};
#undef TEST
	return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
