/* Rooms that are deleted under those who are in them, in every state that they can be in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/room/rooms.h"
#include "lib/base/err.h"
#include "tests/unit/change_help.h"

/* Two workers; the room's home is worker 0. alice and bob are in it, each with a device on both
 * workers, all of them live. */
struct fixture {
	struct hub hub;
	struct uuid room;
	struct hub_client *alice[2], *bob[2];
	struct changing gone;
};

static struct hub_client *live(struct fixture *f, unsigned worker, const char *user)
{
	struct hub_client *client = client_start(&f->hub, worker, user);
	room_join(client, &f->room, "");
	hub_settle(&f->hub);
	client_skip(client);
	return client;
}

static int open_with(void **state, bool live_ones)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, "");
	f->room = hub_room(&f->hub, 0, "general");
	hub_member(&f->hub, &f->room, "alice");
	hub_member(&f->hub, &f->room, "bob");
	for (unsigned i = 0; i < 2 && live_ones; i++) {
		f->alice[i] = live(f, i, "alice");
		f->bob[i] = live(f, i, "bob");
	}
	*state = f;
	return 0;
}

static int open_fixture(void **state)
{
	return open_with(state, true);
}

static int open_empty(void **state)
{
	return open_with(state, false);
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

static void expect_deleted(struct fixture *f, struct hub_client *client)
{
	char text[120];
	snprintf(text, sizeof(text), "{'type':1,'target':'RoomDeleted','arguments':['%s']}",
		uuid_text(&f->room));
	client_expect(client, text);
}

/* All four are told, and nothing more; nobody has the room any more. */
static void expect_all_deleted(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		struct hub_client *both[] = {f->alice[i], f->bob[i]};
		for (int n = 0; n < 2; n++) {
			expect_deleted(f, both[n]);
			assert_null(client_next(both[n]));
			assert_null(rooms_entry_by_id(client_conn(both[n]), &f->room));
		}
	}
}

static void delete_room(struct fixture *f, unsigned worker)
{
	change_delete(&f->hub, worker, &f->gone, &f->room);
}

static void delete_and_settle(struct fixture *f)
{
	delete_room(f, 1);
	hub_settle(&f->hub);
	change_expect(&f->gone, 0);
}

/* ---- those who are live ---- */

static void all_are_told_behind_the_messages(void **state)
{
	struct fixture *f = *state;
	static struct sending before[3], after;
	for (int i = 0; i < 3; i++) {
		sending_start(&f->hub, 0, &before[i], &f->room, "text");
	}
	hub_turns(&f->hub, 2);
	delete_room(f, 0);
	sending_start(&f->hub, 1, &after, &f->room, "too late");
	hub_settle(&f->hub);
	change_expect(&f->gone, 0);
	sending_expect(&before[2], 0, APPEND_STORED);
	sending_expect(&after, 0, APPEND_NOT_MEMBER);
	for (int i = 0; i < 2; i++) {
		room_expect_range(f->alice[i], &f->room, 1, 3);
		room_expect_range(f->bob[i], &f->room, 1, 3);
		for (int n = 0; n < 3; n++) {
			client_next(f->alice[i]);
			client_next(f->bob[i]);
		}
	}
	expect_all_deleted(f);
}

static void a_second_deletion_finds_nothing(void **state)
{
	struct fixture *f = *state;
	static struct changing again;
	delete_room(f, 0);
	change_delete(&f->hub, 1, &again, &f->room);
	hub_settle(&f->hub);
	change_expect(&f->gone, 0);
	change_expect(&again, ERR_NOT_FOUND);
	expect_all_deleted(f);
}

static void other_changes_come_too_late(void **state)
{
	struct fixture *f = *state;
	static struct changing change[5];
	delete_and_settle(f);
	change_name(&f->hub, 1, &change[0], &f->room, "x");
	change_role(&f->hub, 1, &change[1], &f->room, "bob", ROLE_ADMIN);
	change_remove(&f->hub, 0, &change[2], &f->room, "bob");
	change_add(&f->hub, 0, &change[3], &f->room, "carol");
	change_notice(&f->hub, 1, &change[4], &f->room, "hello?");
	hub_settle(&f->hub);
	for (int i = 0; i < 4; i++) {
		change_expect(&change[i], ERR_NOT_FOUND);
	}
	change_expect(&change[4], 0);
	expect_all_deleted(f);
}

static void the_alias_is_free_at_once(void **state)
{
	struct fixture *f = *state;
	delete_and_settle(f);
	expect_all_deleted(f);
	struct uuid fresh = hub_room(&f->hub, 1, "general");
	client_say(f->bob[0],
		"{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['general']}");
	hub_settle(&f->hub);
	room_expect_joined(f->bob[0], &fresh, &(struct room_answer){.last_seq = 0});
	client_say(f->bob[0], "{'type':1,'target':'SendMessage','arguments':['general','x']}");
	hub_settle(&f->hub);
	assert_int_equal(fake_store_head(f->hub.store, &fresh), 1);
	/* The old one is not found by anybody. */
	client_skip(f->alice[0]);
	room_join(f->alice[0], &f->room, "");
	hub_settle(&f->hub);
	room_expect_error(f->alice[0], "HubException: not_found: ");
}

/* ---- those who are not live yet ---- */

static void who_is_held_is_told_too(void **state)
{
	struct fixture *f = *state;
	struct hub_client *held = client_start(&f->hub, 1, "bob");
	delete_and_settle(f);
	expect_deleted(f, held);
	assert_null(client_next(held));
	expect_all_deleted(f);
	hub_sleep(&f->hub, 1500000); /* the end of the hold finds nothing */
	assert_null(client_next(held));
}

static void who_waits_for_older_numbers_is_answered(void **state)
{
	struct fixture *f = *state;
	room_send(&f->hub, &f->room, 3);
	struct hub_client *late = client_start(&f->hub, 1, "bob");
	room_join(late, &f->room, ",0");
	room_join(late, &f->room, ",1"); /* goes on at once, with the connection that lost the room
					  */
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	delete_room(f, 0);
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	expect_deleted(f, late);
	room_expect_error(late, "HubException: not_a_member: ");
	hub_settle(&f->hub); /* the page comes, for nobody */
	room_expect_error(late, "HubException: not_found: ");
	assert_null(client_next(late));
	room_expect_seqs(late, &f->room, "");
}

/* The page says that the room is gone before the home does. */
static void a_page_may_bring_the_news(void **state)
{
	struct fixture *f = *state;
	room_send(&f->hub, &f->room, 3);
	struct hub_client *late = client_start(&f->hub, 1, "bob");
	room_join(late, &f->room, ",0");
	delete_room(f, 1);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	assert_int_equal(fake_store_second(f->hub.store), FAKE_ROOM_DELETE);
	fake_store_answer_behind(f->hub.store);
	fake_store_answer(f->hub.store);
	loop_turn(f->hub.sv[1].loop, 0);
	hub_settle(&f->hub);
	change_expect(&f->gone, 0);
	expect_deleted(f, late);
	room_expect_error(late, "HubException: not_a_member: ");
	assert_null(client_next(late));
}

static void another_process_may_have_deleted_it(void **state)
{
	struct fixture *f = *state;
	room_send(&f->hub, &f->room, 3);
	static struct changing silent;
	struct hub_client *late = client_start(&f->hub, 1, "bob");
	change_delete(&f->hub, 0, &silent, &f->room);
	hub_turns(&f->hub, 3);
	fake_store_read(f->hub.store);
	fake_store_fail(f->hub.store, ERR_UNAVAILABLE, false); /* as if it had not been we */
	hub_settle(&f->hub);
	change_expect(&silent, ERR_UNAVAILABLE);
	assert_false(fake_store_has_room(f->hub.store, &f->room));
	assert_null(client_next(late));
	room_join(late, &f->room, ",0");
	hub_settle(&f->hub);
	expect_deleted(f, late);
	room_expect_error(late, "HubException: not_a_member: ");
	assert_null(rooms_entry_by_id(client_conn(f->alice[1]), &f->room));
	/* Those on the other worker learn of it when an operator asks once more. */
	assert_non_null(rooms_entry_by_id(client_conn(f->alice[0]), &f->room));
	delete_room(f, 1);
	hub_settle(&f->hub);
	change_expect(&f->gone, ERR_NOT_FOUND);
	assert_null(rooms_entry_by_id(client_conn(f->alice[0]), &f->room));
}

/* ---- the feed ---- */

/* Number 1 is of unknown fate, number 2 waits for it: its sender was told that it is stored. */
static void what_waits_behind_a_hole_comes_first(void **state)
{
	struct fixture *f = *state;
	hub_message(&f->hub, &f->room); /* of another process */
	static struct sending sending;
	sending_start(&f->hub, 0, &sending, &f->room, "behind the hole");
	hub_turns(&f->hub, 2);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	sending_expect(&sending, 0, APPEND_STORED);
	room_expect_seqs(f->bob[1], &f->room, "");
	delete_and_settle(f);
	for (int i = 0; i < 2; i++) {
		room_expect_seqs(f->alice[i], &f->room, "2");
		room_expect_seqs(f->bob[i], &f->room, "2");
		client_next(f->alice[i]);
		client_next(f->bob[i]);
	}
	expect_all_deleted(f);
	hub_sleep(&f->hub, 100000); /* the hole is not looked for */
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), 0);
}

static void a_hole_is_being_read(void **state)
{
	struct fixture *f = *state;
	hub_message(&f->hub, &f->room);
	static struct sending sending;
	sending_start(&f->hub, 0, &sending, &f->room, "behind the hole");
	hub_turns(&f->hub, 2);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	fake_time_skip(30000);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	fake_store_read(f->hub.store);
	delete_room(f, 1);
	hub_turns(&f->hub, 3);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 3);
	hub_settle(&f->hub); /* the page comes, for nobody */
	for (int i = 0; i < 2; i++) {
		room_expect_seqs(f->bob[i], &f->room, "2");
		client_next(f->alice[i]);
		client_next(f->bob[i]);
	}
	expect_all_deleted(f);
}

/* ---- those who come with what they read before ---- */

/* The rooms of a new connection are read, the room is deleted, then the rows arrive. */
static void a_row_from_before_the_deletion(void **state)
{
	struct fixture *f = *state;
	struct hub_client *late = client_open(&f->hub, 1, "bob");
	client_handshake(late);
	fake_store_read(f->hub.store);
	delete_room(f, 0);
	hub_turns(&f->hub, 3);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	change_expect(&f->gone, 0);
	hub_settle(&f->hub);
	client_expect(late, "{}");
	expect_deleted(f, late);
	assert_null(rooms_entry_by_id(client_conn(late), &f->room));
	expect_all_deleted(f);
	assert_null(client_next(late));
	hub_sleep(&f->hub, 90000000); /* the home forgets it */
}

/* The same where the home knew nothing of the room, and in each order of two workers' turns: the
 * question to the home is under way while the room is deleted. */
static void a_subscription_is_under_way(void **state)
{
	struct fixture *f = *state;
	for (int turns = 0; turns < 6; turns++) {
		struct hub_client *client = client_open(&f->hub, 1, "bob");
		client_handshake(client);
		fake_store_answer(f->hub.store);
		delete_room(f, (unsigned)turns % 2);
		for (int i = 0; i < turns; i++) {
			loop_turn(f->hub.sv[i % 2].loop, 0);
		}
		while (fake_store_held(f->hub.store) > 0) {
			fake_store_answer(f->hub.store);
			loop_turn(f->hub.sv[turns % 2].loop, 0);
		}
		hub_settle(&f->hub);
		change_expect(&f->gone, 0);
		client_expect(client, "{}");
		expect_deleted(f, client);
		assert_null(client_next(client));
		assert_null(rooms_entry_by_id(client_conn(client), &f->room));
		client_drop(client);
		f->room = hub_room(&f->hub, 0, "");
		hub_member(&f->hub, &f->room, "bob");
	}
}

/* The worker lets go of the room and asks for it again while it is deleted. */
static void a_room_that_comes_and_goes(void **state)
{
	struct fixture *f = *state;
	struct hub_client *first = client_start(&f->hub, 1, "bob");
	struct hub_client *second = client_open(&f->hub, 1, "bob");
	client_handshake(second);
	fake_store_read(f->hub.store);
	delete_room(f, 0);
	loop_turn(f->hub.sv[0].loop, 0);
	fake_store_answer_behind(f->hub.store);
	fake_store_answer(f->hub.store);
	client_drop(first); /* nobody here is in it */
	loop_turn(f->hub.sv[1].loop, 0); /* and now somebody is again; the home knows neither */
	hub_settle(&f->hub);
	change_expect(&f->gone, 0);
	client_expect(second, "{}");
	expect_deleted(f, second);
	assert_null(client_next(second));
	assert_null(rooms_entry_by_id(client_conn(second), &f->room));
}

static void a_join_that_was_answered_late(void **state)
{
	struct fixture *f = *state;
	struct hub_client *carol = client_start(&f->hub, 1, "carol");
	struct hub_client *other = client_start(&f->hub, 1, "carol");
	room_join(carol, &f->room, "");
	hub_turns(&f->hub, 2);
	fake_store_answer(f->hub.store); /* the room is found */
	hub_turns(&f->hub, 2);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_MEMBER_ADD);
	delete_room(f, 0);
	loop_turn(f->hub.sv[0].loop, 0);
	fake_store_answer_all(f->hub.store); /* both, one after the other */
	loop_turn(f->hub.sv[0].loop, 0); /* the home has told both before worker 1 sees either */
	hub_settle(&f->hub);
	change_expect(&f->gone, 0);
	room_expect_joined(carol, &f->room, &(struct room_answer){.last_seq = 0});
	expect_deleted(f, carol);
	assert_non_null(strstr(client_next(other), "\"target\":\"UserJoined\""));
	expect_deleted(f, other);
	assert_null(rooms_entry_by_id(client_conn(carol), &f->room));
	assert_null(rooms_entry_by_id(client_conn(other), &f->room));
}

/* ---- unknown fates ---- */

/* The store cannot say whether it took effect; the home looks. */
static void change_in_doubt(struct fixture *f, const struct changing *change, bool takes_effect)
{
	hub_turns(&f->hub, 3);
	if (takes_effect) {
		fake_store_read(f->hub.store);
	}
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
	hub_settle(&f->hub);
	change_expect(change, ERR_UNCERTAIN);
}

static void a_deletion_of_unknown_fate(void **state)
{
	struct fixture *f = *state;
	delete_room(f, 1);
	change_in_doubt(f, &f->gone, false);
	assert_null(client_next(f->bob[0]));
	room_send(&f->hub, &f->room, 1);
	for (int i = 0; i < 2; i++) {
		client_skip(f->alice[i]);
		client_skip(f->bob[i]);
	}
	delete_room(f, 1);
	change_in_doubt(f, &f->gone, true);
	expect_all_deleted(f);
}

static void other_changes_of_unknown_fate(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	change_name(&f->hub, 1, &change, &f->room, "Fate");
	change_in_doubt(f, &change, false);
	assert_null(client_next(f->bob[0]));
	change_name(&f->hub, 1, &change, &f->room, "Fate");
	change_in_doubt(f, &change, true);
	for (int i = 0; i < 2; i++) {
		assert_non_null(strstr(client_next(f->alice[i]), "\"name\":\"Fate\""));
		assert_non_null(strstr(client_next(f->bob[i]), "\"name\":\"Fate\""));
	}
	change_remove(&f->hub, 0, &change, &f->room, "bob");
	change_in_doubt(f, &change, true);
	for (int i = 0; i < 2; i++) {
		assert_null(rooms_entry_by_id(client_conn(f->bob[i]), &f->room));
		assert_non_null(rooms_entry_by_id(client_conn(f->alice[i]), &f->room));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, open_empty, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(all_are_told_behind_the_messages),
		TEST(a_second_deletion_finds_nothing),
		TEST(other_changes_come_too_late),
		TEST(the_alias_is_free_at_once),
		TEST(who_is_held_is_told_too),
		TEST(who_waits_for_older_numbers_is_answered),
		TEST(a_page_may_bring_the_news),
		TEST(another_process_may_have_deleted_it),
		TEST(what_waits_behind_a_hole_comes_first),
		TEST(a_hole_is_being_read),
		TEST(a_row_from_before_the_deletion),
		EMPTY(a_subscription_is_under_way),
		EMPTY(a_room_that_comes_and_goes),
		TEST(a_join_that_was_answered_late),
		TEST(a_deletion_of_unknown_fate),
		TEST(other_changes_of_unknown_fate),
	};
#undef TEST
#undef EMPTY
	return cmocka_run_group_tests_name("deleted", tests, NULL, NULL);
}
