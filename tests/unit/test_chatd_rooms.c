#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/room_help.h"

/* Two workers; the room's home is worker 1. alice is in it and sends, but is not connected. */
struct fixture {
	struct hub hub;
	struct uuid room;
};

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, "[hub]\nrecover_max = 300\n");
	f->room = hub_room(&f->hub, 1, "general");
	hub_member(&f->hub, &f->room, "alice");
	hub_member(&f->hub, &f->room, "bob");
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

static void stored(struct fixture *f, int count)
{
	for (int i = 0; i < count; i++) {
		hub_message(&f->hub, &f->room);
	}
}

/* ---- held ---- */

static void restored_rooms_are_held_for_a_second(void **state)
{
	struct fixture *f = *state;
	stored(f, 3);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_send(&f->hub, &f->room, 2);
	room_expect_seqs(bob, &f->room, "");
	hub_sleep(&f->hub, 900000);
	room_expect_seqs(bob, &f->room, "");
	hub_sleep(&f->hub, 400000);
	room_expect_seqs(bob, &f->room, "4 5");
	room_send(&f->hub, &f->room, 2);
	room_expect_seqs(bob, &f->room, "4 5 6 7");
}

static void naming_a_room_ends_its_hold(void **state)
{
	struct fixture *f = *state;
	stored(f, 3);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_send(&f->hub, &f->room, 2);
	room_join(bob, &f->room, "");
	hub_settle(&f->hub);
	room_expect_seqs(bob, &f->room, "4 5");
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 5, .from = 4, .to = 5});
	assert_int_equal(room_records_before_answer(bob), 3); /* {} and both messages */
	room_send(&f->hub, &f->room, 1);
	room_expect_seqs(bob, &f->room, "4 5 6");
	hub_sleep(&f->hub, 2000000);
	room_expect_seqs(bob, &f->room, "4 5 6");
}

static void with_nothing_missed_nothing_is_read(void **state)
{
	struct fixture *f = *state;
	stored(f, 3);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",3,'" FAKE_EPOCH "'");
	hub_settle(&f->hub);
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 3});
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), 0);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_ROOM_FIND), 0);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_ADD), 0);
}

/* ---- catching up ---- */

static void what_was_missed_comes_first_and_in_order(void **state)
{
	struct fixture *f = *state;
	stored(f, 250);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",10");
	hub_settle(&f->hub);
	room_expect_range(bob, &f->room, 11, 250);
	room_expect_joined(
		bob, &f->room, &(struct room_answer){.last_seq = 250, .from = 11, .to = 250});
	assert_int_equal(room_records_before_answer(bob), 241);
	room_send(&f->hub, &f->room, 2);
	room_expect_range(bob, &f->room, 11, 252);
}

static void live_ones_do_not_overtake(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[3];
	stored(f, 150);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",0");
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	sending_start(&f->hub, 0, &sendings[0], &f->room, "while the first page is read");
	hub_turns(&f->hub, 4);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	room_expect_range(bob, &f->room, 1, 100);
	sending_start(&f->hub, 0, &sendings[1], &f->room, "while the second one is");
	fake_store_answer(f->hub.store); /* the first append */
	hub_turns(&f->hub, 4);
	hub_settle(&f->hub);
	sending_start(&f->hub, 0, &sendings[2], &f->room, "live");
	hub_settle(&f->hub);
	room_expect_range(bob, &f->room, 1, 153);
	room_expect_joined(
		bob, &f->room, &(struct room_answer){.last_seq = 150, .from = 1, .to = 150});
}

/* A page shorter than was asked for does not say that what came since is missing. */
static void what_is_stored_since_a_page_was_read_is_not_lost(void **state)
{
	static struct sending sendings[2];
	struct fixture *f = *state;
	stored(f, 3);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",0");
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	fake_store_read(f->hub.store);
	sending_start(&f->hub, 0, &sendings[0], &f->room, "text");
	sending_start(&f->hub, 0, &sendings[1], &f->room, "text");
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	room_expect_seqs(bob, &f->room, "");
	hub_settle(&f->hub);
	room_expect_seqs(bob, &f->room, "1 2 3 4 5");
}

static void beyond_recover_max_there_is_a_gap(void **state)
{
	struct fixture *f = *state;
	stored(f, 310);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",9");
	hub_settle(&f->hub);
	room_expect_joined(bob, &f->room,
		&(struct room_answer){
			.last_seq = 310, .not_recovered = true, .gap_from = 10, .gap_to = 310});
	room_expect_seqs(bob, &f->room, "");
	room_send(&f->hub, &f->room, 1);
	room_expect_seqs(bob, &f->room, "311");
	struct hub_client *exact = client_start(&f->hub, 0, "bob");
	room_join(exact, &f->room, ",11");
	hub_settle(&f->hub);
	room_expect_range(exact, &f->room, 12, 311);
}

static void numbers_of_another_past_recover_nothing(void **state)
{
	static const char *const wrong[] = {",2,'fedcba9876543210'", ",4", ",4,'" FAKE_EPOCH "'"};
	struct fixture *f = *state;
	stored(f, 3);
	for (size_t i = 0; i < 3; i++) {
		struct hub_client *bob = client_start(&f->hub, 0, "bob");
		room_join(bob, &f->room, wrong[i]);
		hub_settle(&f->hub);
		room_expect_joined(
			bob, &f->room, &(struct room_answer){.last_seq = 3, .not_recovered = true});
		room_expect_seqs(bob, &f->room, "");
		client_drop(bob);
	}
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",2,null");
	hub_settle(&f->hub);
	room_expect_seqs(bob, &f->room, "3");
}

static void what_was_purged_is_told_as_a_gap(void **state)
{
	struct fixture *f = *state;
	stored(f, 6);
	fake_store_purge(f->hub.store, &f->room, 1, 2);
	fake_store_purge(f->hub.store, &f->room, 5, 6);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",0");
	hub_settle(&f->hub);
	room_expect_seqs(bob, &f->room, "3 4");
	room_expect_joined(bob, &f->room,
		&(struct room_answer){.last_seq = 6,
			.not_recovered = true,
			.from = 3,
			.to = 6,
			.gap_from = 1,
			.gap_to = 2});
	room_send(&f->hub, &f->room, 1);
	room_expect_seqs(bob, &f->room, "3 4 7");
}

/* ---- older numbers, later ---- */

static void older_ones_come_on_request_and_once(void **state)
{
	struct fixture *f = *state;
	stored(f, 5);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",4");
	hub_settle(&f->hub);
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 5, .from = 5, .to = 5});
	room_send(&f->hub, &f->room, 1);
	room_join(bob, &f->room, ",2");
	hub_settle(&f->hub);
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 6, .from = 3, .to = 4});
	room_expect_seqs(bob, &f->room, "5 6 3 4");
	room_join(bob, &f->room, ",2");
	hub_settle(&f->hub);
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 6});
	room_join(bob, &f->room, ",0");
	hub_settle(&f->hub);
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 6, .from = 1, .to = 2});
	room_send(&f->hub, &f->room, 1);
	room_expect_seqs(bob, &f->room, "5 6 3 4 1 2 7");
}

static void a_call_behind_the_hold_waits_for_what_is_being_sent(void **state)
{
	struct fixture *f = *state;
	stored(f, 1);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_send(&f->hub, &f->room, 150);
	fake_time_skip(1300000);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	room_join(bob, &f->room, ",1");
	hub_settle(&f->hub);
	room_expect_range(bob, &f->room, 2, 151);
	room_expect_joined(
		bob, &f->room, &(struct room_answer){.last_seq = 151, .from = 2, .to = 151});
	assert_int_equal(room_records_before_answer(bob), 151);
}

/* ---- two workers, several devices ---- */

static void all_devices_get_everything(void **state)
{
	struct fixture *f = *state;
	struct hub_client *devices[4];
	for (unsigned i = 0; i < 4; i++) {
		devices[i] = client_start(&f->hub, i % 2, i < 2 ? "alice" : "bob");
		room_join(devices[i], &f->room, ",0");
		hub_settle(&f->hub);
	}
	room_send(&f->hub, &f->room, 10);
	for (unsigned i = 0; i < 4; i++) {
		room_expect_range(devices[i], &f->room, 1, 10);
	}
	client_drop(devices[0]);
	client_drop(devices[2]); /* nobody is left on worker 0 */
	hub_settle(&f->hub);
	size_t before = f->hub.metrics[0].deliveries;
	room_send(&f->hub, &f->room, 1);
	assert_int_equal(f->hub.metrics[0].deliveries, before);
	room_expect_range(devices[1], &f->room, 1, 11);
	room_expect_range(devices[3], &f->room, 1, 11);
}

/* Her other device makes her a member while this one asks from where on it wants to read. */
static void joined_by_another_device_meanwhile(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[2];
	stored(f, 3);
	struct hub_client *phone = client_start(&f->hub, 0, "carol");
	struct hub_client *tablet = client_start(&f->hub, 0, "carol");
	struct hub_client *idle = client_start(&f->hub, 0, "carol");
	room_join(phone, &f->room, ",3");
	hub_turns(&f->hub, 4);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_MEMBER_ADD);
	room_join(tablet, &f->room, ",0");
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_second(f->hub.store), FAKE_ROOM_FIND);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	/* The question is older than a hold lasts. */
	fake_time_skip(3000000);
	hub_turns(&f->hub, 4);
	sending_start(&f->hub, 0, &sendings[0], &f->room, "before it is answered");
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	room_expect_seqs(phone, &f->room, "4");
	room_expect_seqs(idle, &f->room, "4");
	room_expect_seqs(tablet, &f->room, "");
	hub_settle(&f->hub);
	sending_start(&f->hub, 0, &sendings[1], &f->room, "behind it");
	hub_settle(&f->hub);
	room_expect_seqs(tablet, &f->room, "1 2 3 4 5");
	assert_non_null(strstr(client_next_other(tablet), "UserJoined"));
	room_expect_joined(
		tablet, &f->room, &(struct room_answer){.last_seq = 4, .from = 1, .to = 4});
}

/* ... while its rooms are being read, so that it could not say anything yet. */
static void joined_by_another_device_at_its_start(void **state)
{
	struct fixture *f = *state;
	stored(f, 3);
	struct hub_client *phone = client_start(&f->hub, 0, "carol");
	struct hub_client *tablet = client_open(&f->hub, 0, "carol");
	client_handshake(tablet);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_USER_OPEN);
	fake_store_read(f->hub.store);
	room_join(phone, &f->room, ",3");
	hub_turns(&f->hub, 4);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_second(f->hub.store), FAKE_MEMBER_ADD);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(client_conn(tablet)->state, CONN_OPENING);
	fake_store_answer(f->hub.store);
	hub_settle(&f->hub);
	room_send(&f->hub, &f->room, 1);
	room_expect_seqs(phone, &f->room, "4");
	room_expect_seqs(tablet, &f->room, "");
	room_join(tablet, &f->room, ",0");
	hub_settle(&f->hub);
	room_expect_seqs(tablet, &f->room, "1 2 3 4");
}

/* The store's row is read before the home has heard that its newest messages are stored. */
static void a_row_may_be_ahead_of_the_home(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[2];
	stored(f, 5);
	struct hub_client *first = client_start(&f->hub, 0, "alice");
	room_join(first, &f->room, ",5");
	hub_settle(&f->hub);
	/* Two are stored and their answer is on its way to worker 1, when bob opens on 0. */
	sending_start(&f->hub, 1, &sendings[0], &f->room, "text");
	sending_start(&f->hub, 1, &sendings[1], &f->room, "text");
	loop_turn(f->hub.sv[1].loop, 0);
	fake_store_answer(f->hub.store);
	struct hub_client *bob = client_open(&f->hub, 0, "bob");
	client_handshake(bob);
	fake_store_answer(f->hub.store);
	loop_turn(f->hub.sv[0].loop, 0);
	assert_int_equal(client_conn(bob)->state, CONN_OPEN);
	room_join(bob, &f->room, ",7"); /* which it saw in a page of history */
	loop_turn(f->hub.sv[0].loop, 0);
	hub_settle(&f->hub);
	client_expect(bob, "{}");
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 7});
	room_send(&f->hub, &f->room, 2);
	room_expect_seqs(bob, &f->room, "8 9");
	room_expect_seqs(first, &f->room, "6 7 8 9");
	room_join(bob, &f->room, ",5");
	hub_settle(&f->hub);
	room_expect_seqs(bob, &f->room, "8 9 6 7");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(restored_rooms_are_held_for_a_second),
		TEST(naming_a_room_ends_its_hold),
		TEST(with_nothing_missed_nothing_is_read),
		TEST(what_was_missed_comes_first_and_in_order),
		TEST(live_ones_do_not_overtake),
		TEST(what_is_stored_since_a_page_was_read_is_not_lost),
		TEST(beyond_recover_max_there_is_a_gap),
		TEST(numbers_of_another_past_recover_nothing),
		TEST(what_was_purged_is_told_as_a_gap),
		TEST(older_ones_come_on_request_and_once),
		TEST(a_call_behind_the_hold_waits_for_what_is_being_sent),
		TEST(all_devices_get_everything),
		TEST(joined_by_another_device_meanwhile),
		TEST(joined_by_another_device_at_its_start),
		TEST(a_row_may_be_ahead_of_the_home),
	};
#undef TEST
	return cmocka_run_group_tests_name("rooms", tests, NULL, NULL);
}
