/* Rooms on a store that other instances write to as well: what those stored and changed is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chatd/auth/bars.h"
#include "chatd/room/home_shared.h"
#include "chatd/run/watch.h"
#include "lib/base/err.h"
#include "tests/unit/home_help.h"

/* Two workers; the room's home is worker 1, and alice is in it on both; bob is connected. */
struct fixture {
	struct hub hub;
	struct uuid room;
	struct hub_client *here, *there, *bob;
	struct home_heads *heads;
	struct watch *watch;
	int anew;
};

static void on_anew(void *ctx)
{
	((struct fixture *)ctx)->anew++;
}

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, "");
	fake_store_share(f->hub.store);
	f->room = hub_room(&f->hub, 1, "general");
	hub_member(&f->hub, &f->room, "alice");
	f->here = client_start(&f->hub, 0, "alice");
	f->there = client_start(&f->hub, 1, "alice");
	f->bob = client_start(&f->hub, 0, "bob");
	hub_sleep(&f->hub, 1500000); /* the hold of restored rooms is over */
	f->heads = home_heads_create(&f->hub.sv[1]);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	watch_stop(f->watch);
	home_heads_stop(f->heads);
	hub_settle(&f->hub);
	watch_destroy(&f->watch);
	home_heads_destroy(&f->heads);
	hub_close(&f->hub);
	free(f);
	return 0;
}

/* ---- heads ---- */

static void what_others_stored_is_read(void **state)
{
	struct fixture *f = *state;
	hub_message(&f->hub, &f->room);
	hub_message(&f->hub, &f->room);
	assert_string_equal(client_seqs(f->here, &f->room), "");
	hub_sleep(&f->hub, 1200000);
	assert_string_equal(client_seqs(f->here, &f->room), "1 2");
	assert_string_equal(client_seqs(f->there, &f->room), "1 2");
	hub_message(&f->hub, &f->room);
	hub_sleep(&f->hub, 1200000);
	assert_string_equal(client_seqs(f->there, &f->room), "1 2 3");
}

static void what_others_stored_comes_before_ones_own(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	hub_message(&f->hub, &f->room);
	sending_start(&f->hub, 0, &sending, &f->room, "text");
	hub_sleep(&f->hub, 100000); /* sooner than the heads are compared */
	sending_expect(&sending, 0, APPEND_STORED);
	assert_string_equal(client_seqs(f->here, &f->room), "1 2");
}

/* A head that was read before a message was delivered is no head that went back. */
static void a_head_that_was_read_early_is_no_fault(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	for (int i = 0; fake_store_first(f->hub.store) != FAKE_HEADS; i++) {
		assert_true(i < 1000);
		fake_time_skip(5000);
		hub_turn(&f->hub);
	}
	fake_store_read(f->hub.store);
	sending_start(&f->hub, 1, &sending, &f->room, "text");
	hub_turns(&f->hub, 3);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 3);
	sending_expect(&sending, 0, APPEND_STORED);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_HEADS);
	hub_settle(&f->hub);
	hub_sleep(&f->hub, 1200000);
	assert_string_equal(client_seqs(f->here, &f->room), "1");
}

static void a_room_that_is_gone_ends(void **state)
{
	struct fixture *f = *state;
	client_skip(f->here);
	struct uuid other = hub_room(&f->hub, 1, "other");
	hub_member(&f->hub, &other, "bob");
	struct hub_client *bob = client_start(&f->hub, 1, "bob");
	hub_sleep(&f->hub, 1500000);
	client_skip(bob);
	fake_store_room_gone(f->hub.store, &other);
	hub_sleep(&f->hub, 1200000);
	assert_non_null(strstr(client_next_other(bob), "RoomDeleted"));
}

/* Nobody told of it: it is found the second time that it is seen. */
static void a_membership_that_was_missed_is_read(void **state)
{
	struct fixture *f = *state;
	struct uuid alice = hub_user("alice");
	client_skip(f->here);
	client_skip(f->there);
	fake_store_member_gone(f->hub.store, &f->room, &alice);
	hub_sleep(&f->hub, 3000000);
	assert_non_null(strstr(client_next_other(f->here), "UserLeft"));
	hub_message(&f->hub, &f->room);
	hub_sleep(&f->hub, 2000000);
	assert_string_equal(client_seqs(f->here, &f->room), "");
}

/* ---- changes ---- */

/* As at the start of the process: its loop is turned until the store has answered. */
static void start_watch(struct fixture *f)
{
	struct buf why = {0};
	fake_store_prompt(f->hub.store, true);
	assert_int_equal(watch_open(&f->hub.sv[0], on_anew, f, &f->watch, &why), 0);
	fake_store_prompt(f->hub.store, false);
	watch_start(f->watch);
	buf_finish(&why);
}

static void who_was_added_elsewhere_is_bound(void **state)
{
	struct fixture *f = *state;
	struct uuid bob = hub_user("bob");
	start_watch(f);
	client_skip(f->here);
	client_skip(f->bob);
	fake_store_member(f->hub.store, &f->room, &bob);
	fake_store_change(f->hub.store, CHANGE_ADDED, &f->room, &bob);
	hub_sleep(&f->hub, 700000);
	assert_non_null(strstr(client_next_other(f->here), "UserJoined"));
	assert_non_null(strstr(client_next_other(f->bob), "RoomCreated"));
	static struct sending sending;
	sending_start(&f->hub, 1, &sending, &f->room, "text");
	hub_settle(&f->hub);
	assert_string_equal(client_seqs(f->bob, &f->room), "1");
}

static void who_was_removed_elsewhere_gets_nothing_more(void **state)
{
	struct fixture *f = *state;
	struct uuid alice = hub_user("alice");
	start_watch(f);
	client_skip(f->here);
	fake_store_member_gone(f->hub.store, &f->room, &alice);
	fake_store_change(f->hub.store, CHANGE_REMOVED, &f->room, &alice);
	hub_sleep(&f->hub, 700000);
	assert_non_null(strstr(client_next_other(f->here), "UserLeft"));
	hub_message(&f->hub, &f->room);
	hub_sleep(&f->hub, 2000000);
	assert_string_equal(client_seqs(f->here, &f->room), "");
}

static void many_changes_come_in_pages(void **state)
{
	struct fixture *f = *state;
	start_watch(f);
	client_skip(f->here);
	fake_store_watch_limit(f->hub.store, 2);
	for (unsigned i = 0; i < 7; i++) {
		char name[8];
		snprintf(name, sizeof(name), "user%u", i);
		struct uuid user = hub_user(name);
		fake_store_member(f->hub.store, &f->room, &user);
		fake_store_change(f->hub.store, CHANGE_JOINED, &f->room, &user);
	}
	hub_sleep(&f->hub, 700000);
	for (unsigned i = 0; i < 7; i++) {
		assert_non_null(strstr(client_next_other(f->here), "UserJoined"));
	}
}

/* The store fails in between: the change that was looked at comes again. */
static void a_change_survives_a_failing_store(void **state)
{
	struct fixture *f = *state;
	struct uuid bob = hub_user("bob");
	start_watch(f);
	client_skip(f->bob);
	fake_store_member(f->hub.store, &f->room, &bob);
	fake_store_change(f->hub.store, CHANGE_ADDED, &f->room, &bob);
	for (int i = 0; fake_store_first(f->hub.store) != FAKE_ROOM_FIND; i++) {
		assert_true(i < 1000);
		if (fake_store_held(f->hub.store) > 0) {
			fake_store_answer(f->hub.store);
		}
		fake_time_skip(5000);
		hub_turn(&f->hub);
	}
	fake_store_fail(f->hub.store, ERR_UNAVAILABLE, false);
	hub_sleep(&f->hub, 1200000);
	assert_non_null(strstr(client_next_other(f->bob), "RoomCreated"));
}

static void who_was_banned_elsewhere_is_cut_off(void **state)
{
	struct fixture *f = *state;
	struct uuid bob = hub_user("bob");
	start_watch(f);
	fake_store_ban(f->hub.store, &bob);
	fake_store_change(f->hub.store, CHANGE_USER_BARRED, NULL, &bob);
	hub_sleep(&f->hub, 700000);
	assert_int_equal(bars_count(f->hub.bars), 1);
	assert_true(f->bob->closed || f->bob->aborted);
	assert_false(f->here->closed || f->here->aborted);
}

/* However much else has changed. */
static void a_ban_is_looked_at_first(void **state)
{
	struct fixture *f = *state;
	struct uuid alice = hub_user("alice"), bob = hub_user("bob");
	start_watch(f);
	fake_store_ban(f->hub.store, &bob);
	for (int i = 0; i < 100; i++) {
		fake_store_change(f->hub.store, CHANGE_ROLE, &f->room, &alice);
	}
	fake_store_change(f->hub.store, CHANGE_USER_BARRED, NULL, &bob);
	size_t looked = fake_store_calls(f->hub.store, FAKE_ROOM_FIND);
	for (int i = 0; fake_store_calls(f->hub.store, FAKE_USER_FIND) == 0; i++) {
		assert_true(i < 1000);
		if (fake_store_held(f->hub.store) > 0) {
			fake_store_answer(f->hub.store);
		}
		fake_time_skip(5000);
		hub_turn(&f->hub);
	}
	assert_true(fake_store_calls(f->hub.store, FAKE_ROOM_FIND) <= looked + 31);
	hub_sleep(&f->hub, 700000);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_ROOM_FIND), looked + 100);
	assert_int_equal(bars_count(f->hub.bars), 1);
}

static void another_epoch_is_told_once(void **state)
{
	struct fixture *f = *state;
	start_watch(f);
	fake_store_begin_anew(f->hub.store);
	hub_sleep(&f->hub, 3000000);
	assert_int_equal(f->anew, 1);
}

static void changes_that_were_missed_are_as_bad(void **state)
{
	struct fixture *f = *state;
	start_watch(f);
	fake_store_lose_changes(f->hub.store);
	hub_sleep(&f->hub, 3000000);
	assert_int_equal(f->anew, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_others_stored_is_read),
		TEST(what_others_stored_comes_before_ones_own),
		TEST(a_head_that_was_read_early_is_no_fault),
		TEST(a_room_that_is_gone_ends),
		TEST(a_membership_that_was_missed_is_read),
		TEST(who_was_added_elsewhere_is_bound),
		TEST(who_was_removed_elsewhere_gets_nothing_more),
		TEST(many_changes_come_in_pages),
		TEST(a_change_survives_a_failing_store),
		TEST(who_was_banned_elsewhere_is_cut_off),
		TEST(a_ban_is_looked_at_first),
		TEST(another_epoch_is_told_once),
		TEST(changes_that_were_missed_are_as_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
