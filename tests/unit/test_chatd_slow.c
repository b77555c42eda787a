#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/room_help.h"

#define SEND_QUEUE ((size_t)64 * 1024)

/* One worker, one room; bob reads slowly. */
struct fixture {
	struct hub hub;
	struct uuid room, sender;
};

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 1, "[limits]\nsend_queue = 64KiB\n");
	f->room = hub_room(&f->hub, 0, "general");
	f->sender = hub_user("alice");
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

static void stored(struct fixture *f, const struct uuid *room, int count, size_t size, char letter)
{
	char *text = mem_zalloc(size + 1);
	memset(text, letter, size);
	for (int i = 0; i < count; i++) {
		fake_store_message(f->hub.store, room, &f->sender, text);
	}
	free(text);
}

/* It takes part of its queue, now and then, until nothing comes any more. */
static void read_slowly(struct fixture *f, struct hub_client *client, size_t step)
{
	int idle = 0;
	for (int reads = 0; idle < 10; reads++) {
		assert_true(reads < 10000);
		assert_non_null(client_conn(client));
		assert_true(client->queued <= SEND_QUEUE);
		hub_settle(&f->hub);
		idle = client->queued == 0 ? idle + 1 : 0;
		client_take(client, step);
	}
}

static void the_next_page_waits_for_half_the_queue(void **state)
{
	struct fixture *f = *state;
	stored(f, &f->room, 600, 100, 'x');
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	bob->slow = true;
	room_join(bob, &f->room, ",0");
	hub_settle(&f->hub);
	assert_true(bob->queued > SEND_QUEUE / 2);
	assert_true(bob->queued <= SEND_QUEUE);
	size_t reads = fake_store_calls(f->hub.store, FAKE_PAGE);
	hub_sleep(&f->hub, 3000000);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), reads);
	client_take(bob, 4000); /* still more than half */
	hub_settle(&f->hub);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), reads);
	client_take(bob, SIZE_MAX);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_PAGE);
	read_slowly(f, bob, 20000);
	room_expect_range(bob, &f->room, 1, 600);
	room_expect_joined(
		bob, &f->room, &(struct room_answer){.last_seq = 600, .from = 1, .to = 600});
}

/* What is sent live while one catches up slowly is neither lost nor sent twice. */
static void live_messages_wait_too(void **state)
{
	struct fixture *f = *state;
	stored(f, &f->room, 300, 300, 'x');
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	bob->slow = true;
	room_join(bob, &f->room, ",0");
	for (int i = 0; i < 50; i++) {
		room_send(&f->hub, &f->room, 2);
		client_take(bob, 5000);
	}
	read_slowly(f, bob, 20000);
	room_expect_range(bob, &f->room, 1, 400);
}

/* Control characters grow sixfold in JSON; each page of them fits all the same. */
static void large_messages_drop_nobody(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 20; i++) {
		stored(f, &f->room, 5, 4500, 'x');
		stored(f, &f->room, 1, 3500, 0x7f); /* not quite a page, so one more comes */
		stored(f, &f->room, 1, 5300, 0x7f);
	}
	stored(f, &f->room, 92, 600, 0x7f);
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	bob->slow = true;
	room_join(bob, &f->room, ",0");
	read_slowly(f, bob, 60000);
	room_expect_range(bob, &f->room, 1, 232);
}

static void many_rooms_at_once_drop_nobody(void **state)
{
	enum { ROOMS = 40, EACH = 20 };
	struct fixture *f = *state;
	struct uuid rooms[ROOMS];
	struct buf sync = {0};
	for (int i = 0; i < ROOMS; i++) {
		rooms[i] = hub_room(&f->hub, 0, "");
		hub_member(&f->hub, &rooms[i], "bob");
		stored(f, &rooms[i], EACH, 1000, 'x');
		buf_printf(&sync, "%s'%s':%d", i == 0 ? "" : ",", uuid_text(&rooms[i]), i % 5);
	}
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	bob->slow = true;
	client_say(bob, "{'type':1,'invocationId':'1','target':'Sync','arguments':[{%s}]}",
		buf_cstr(&sync));
	buf_finish(&sync);
	read_slowly(f, bob, 20000);
	for (int i = 0; i < ROOMS; i++) {
		room_expect_range(bob, &rooms[i], (uint64_t)i % 5 + 1, EACH);
	}
	assert_int_equal(room_records_before_answer(bob), bob->record_count - 1);
}

/* The same rooms when nobody names them: the hold ends for all of them at once. */
static void many_held_rooms_drop_nobody(void **state)
{
	enum { ROOMS = 40, EACH = 20 };
	struct fixture *f = *state;
	struct uuid rooms[ROOMS];
	for (int i = 0; i < ROOMS; i++) {
		rooms[i] = hub_room(&f->hub, 0, "");
		hub_member(&f->hub, &rooms[i], "bob");
		hub_member(&f->hub, &rooms[i], "alice");
	}
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	for (int i = 0; i < ROOMS; i++) {
		stored(f, &rooms[i], EACH - 1, 1000, 'x');
		room_send(&f->hub, &rooms[i], 1);
	}
	bob->slow = true;
	hub_sleep(&f->hub, 1500000);
	read_slowly(f, bob, 20000);
	for (int i = 0; i < ROOMS; i++) {
		room_expect_range(bob, &rooms[i], 1, EACH);
	}
}

static void a_store_that_is_away_is_asked_again(void **state)
{
	struct fixture *f = *state;
	stored(f, &f->room, 3, 10, 'x');
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	room_join(bob, &f->room, ",0");
	hub_turns(&f->hub, 3);
	fake_store_fail(f->hub.store, ERR_UNAVAILABLE, false);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_held(f->hub.store), 0);
	fake_store_refuse(f->hub.store, ERR_BUSY);
	fake_time_skip(500000);
	hub_turns(&f->hub, 3);
	fake_store_refuse(f->hub.store, 0);
	fake_time_skip(499000);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_held(f->hub.store), 0);
	fake_time_skip(1000);
	hub_settle(&f->hub);
	room_expect_seqs(bob, &f->room, "1 2 3");
	room_expect_joined(bob, &f->room, &(struct room_answer){.last_seq = 3, .from = 1, .to = 3});
}

/* ---- those who are too slow ---- */

static void a_reader_that_lets_too_much_pile_up_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	struct hub_client *alice = client_start(&f->hub, 0, "alice");
	hub_sleep(&f->hub, 1500000);
	bob->slow = true;
	int sent = 0;
	while (client_conn(bob) != NULL) {
		room_send(&f->hub, &f->room, 1);
		assert_true(++sent < 1000);
	}
	assert_true(bob->closed);
	assert_int_equal(f->hub.metrics[0].slow_clients_dropped, 1);
	room_send(&f->hub, &f->room, 1);
	client_take(bob, SIZE_MAX);
	const char *last = NULL;
	for (const char *record; (record = client_next(bob)) != NULL;) {
		last = record;
	}
	assert_non_null(strstr(last, "\"type\":7"));
	assert_non_null(strstr(last, "\"allowReconnect\":true"));
	room_expect_range(bob, &f->room, 1, (uint64_t)sent);
	room_expect_range(alice, &f->room, 1, (uint64_t)sent + 1);
	/* It comes back by its number. */
	struct hub_client *again = client_start(&f->hub, 0, "bob");
	char more[16];
	snprintf(more, sizeof(more), ",%d", sent);
	room_join(again, &f->room, more);
	hub_settle(&f->hub);
	room_expect_range(again, &f->room, (uint64_t)sent + 1, (uint64_t)sent + 1);
}

static void a_reader_that_takes_nothing_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct hub_client *bob = client_start(&f->hub, 0, "bob");
	hub_sleep(&f->hub, 1500000);
	bob->slow = true;
	room_send(&f->hub, &f->room, 1);
	bob->stalled_us = loop_now_us(bob->sv->loop);
	hub_sleep(&f->hub, 8000000);
	assert_non_null(client_conn(bob));
	hub_sleep(&f->hub, 4000000);
	assert_null(client_conn(bob));
	assert_int_equal(f->hub.metrics[0].slow_clients_dropped, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(the_next_page_waits_for_half_the_queue),
		TEST(live_messages_wait_too),
		TEST(large_messages_drop_nobody),
		TEST(many_rooms_at_once_drop_nobody),
		TEST(many_held_rooms_drop_nobody),
		TEST(a_store_that_is_away_is_asked_again),
		TEST(a_reader_that_lets_too_much_pile_up_is_dropped),
		TEST(a_reader_that_takes_nothing_is_dropped),
	};
#undef TEST
	return cmocka_run_group_tests_name("slow", tests, NULL, NULL);
}
