#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/home_help.h"

#define RETRY_US 200000
#define GIVE_UP_US 10000000
#define HOLE_US 20000
#define HOLE_RETRY_US 500000

/* Two workers; the room's home is worker 0, and alice is in it on worker 1. */
struct fixture {
	struct hub hub;
	struct uuid room;
	struct hub_client *reader;
};

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, "");
	f->room = hub_room(&f->hub, 0, "general");
	hub_member(&f->hub, &f->room, "alice");
	f->reader = client_start(&f->hub, 1, "alice");
	hub_sleep(&f->hub, 1500000);
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

static void send(struct fixture *f, struct sending *sending)
{
	sending_start(&f->hub, 1, sending, &f->room, "text");
	hub_turns(&f->hub, 4);
}

static void assert_seqs(const struct fixture *f, const char *seqs)
{
	assert_string_equal(client_seqs(f->reader, &f->room), seqs);
}

/* Time goes on, but the store answers nothing. */
static void wait_us(struct fixture *f, uint64_t us)
{
	fake_time_skip(us);
	hub_turns(&f->hub, 4);
}

/* ---- commits of unknown fate ---- */

static void unknown_and_lost_is_stored_by_the_next_try(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	uint8_t key[16];
	send(f, &sending);
	memcpy(key, fake_store_first_append(f->hub.store)->items[0].client_key, sizeof(key));
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
	hub_turns(&f->hub, 4);
	assert_int_equal(sending.done, 0);
	assert_int_equal(fake_store_held(f->hub.store), 0);
	wait_us(f, RETRY_US);
	assert_memory_equal(
		key, fake_store_first_append(f->hub.store)->items[0].client_key, sizeof(key));
	hub_settle(&f->hub);
	sending_expect(&sending, 0, APPEND_STORED);
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 1);
	assert_seqs(f, "1");
}

/* It was committed: the second try finds it, and it is published although it is a repeat. */
static void unknown_but_stored_is_published_once(void **state)
{
	struct fixture *f = *state;
	static struct sending first, second;
	send(f, &first);
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, true);
	hub_turns(&f->hub, 4);
	wait_us(f, RETRY_US);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	sending_expect(&first, 0, APPEND_REPEATED);
	assert_int_equal(first.send.item.seq, 1);
	assert_seqs(f, "1");
	send(f, &second);
	hub_sleep(&f->hub, 1000000);
	sending_expect(&second, 0, APPEND_STORED);
	assert_seqs(f, "1 2");
}

/* The second try could not be made: that says nothing about the first. */
static void a_failing_try_does_not_settle_it(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	send(f, &sending);
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, true);
	hub_turns(&f->hub, 4);
	for (int i = 0; i < 3; i++) {
		wait_us(f, RETRY_US);
		fake_store_fail_items(f->hub.store, ERR_BUSY);
		hub_turns(&f->hub, 4);
		assert_int_equal(sending.done, 0);
	}
	wait_us(f, RETRY_US);
	hub_settle(&f->hub);
	sending_expect(&sending, 0, APPEND_REPEATED);
	assert_seqs(f, "1");
}

static void a_try_that_fails_to_the_end_leaves_it_unknown(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	send(f, &sending);
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, true);
	hub_turns(&f->hub, 4);
	for (uint64_t waited = 0; sending.done == 0; waited += RETRY_US) {
		assert_true(waited <= GIVE_UP_US + RETRY_US);
		wait_us(f, RETRY_US);
		fake_store_fail_items(f->hub.store, ERR_STORAGE_FULL);
		hub_turns(&f->hub, 4);
	}
	sending_expect(&sending, ERR_UNCERTAIN, 0);
}

/* One that was not in doubt is told what it met. */
static void a_failed_first_try_is_told(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	send(f, &sending);
	fake_store_fail_items(f->hub.store, ERR_BUSY);
	hub_turns(&f->hub, 4);
	sending_expect(&sending, 0, APPEND_FAILED);
	assert_int_equal(sending.send.item.err, ERR_BUSY);
}

static void what_comes_meanwhile_stays_behind(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[3];
	send(f, &sendings[0]);
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
	hub_turns(&f->hub, 4);
	send(f, &sendings[1]);
	assert_int_equal(fake_store_held(f->hub.store), 0); /* the pause holds for it as well */
	send(f, &sendings[2]);
	wait_us(f, RETRY_US);
	assert_int_equal(fake_store_first_append(f->hub.store)->count, 3);
	hub_settle(&f->hub);
	for (int i = 0; i < 3; i++) {
		sending_expect(&sendings[i], 0, APPEND_STORED);
		assert_int_equal(sendings[i].send.item.seq, i + 1);
	}
	assert_seqs(f, "1 2 3");
}

static void after_ten_seconds_the_sender_is_told_so(void **state)
{
	struct fixture *f = *state;
	static struct sending first, later, last;
	int tries = 0;
	send(f, &first);
	for (uint64_t waited = 0; first.done == 0; waited += RETRY_US) {
		assert_true(waited <= GIVE_UP_US);
		assert_int_equal(fake_store_held(f->hub.store), 1);
		fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
		hub_turns(&f->hub, 4);
		if (++tries == 10) {
			send(f, &later);
		}
		wait_us(f, RETRY_US);
	}
	sending_expect(&first, ERR_UNCERTAIN, 0);
	assert_int_equal(tries, GIVE_UP_US / RETRY_US + 1);
	assert_int_equal(later.done, 0); /* it has its own ten seconds */
	assert_int_equal(fake_store_first_append(f->hub.store)->count, 1);
	send(f, &last);
	hub_settle(&f->hub);
	sending_expect(&later, 0, APPEND_STORED);
	sending_expect(&last, 0, APPEND_STORED);
	assert_seqs(f, "1 2");
}

/* That the second try was refused does not say that the first took no effect. */
static void unknown_remains_unknown_when_the_store_goes_away(void **state)
{
	static const int errors[] = {ERR_UNAVAILABLE, ERR_STORAGE_FULL, ERR_BUSY};
	struct fixture *f = *state;
	for (size_t i = 0; i < 3; i++) {
		static struct sending unknown, known;
		send(f, &unknown);
		fake_store_fail(f->hub.store, ERR_UNCERTAIN, true);
		hub_turns(&f->hub, 4);
		send(f, &known);
		wait_us(f, RETRY_US);
		assert_int_equal(fake_store_first_append(f->hub.store)->count, 2);
		fake_store_fail(f->hub.store, errors[i], false);
		hub_turns(&f->hub, 4);
		sending_expect(&known, errors[i], 0);
		assert_int_equal(unknown.done, 0);
		wait_us(f, RETRY_US);
		hub_settle(&f->hub);
		sending_expect(&unknown, 0, APPEND_REPEATED);
	}
	assert_seqs(f, "1 2 3");
}

static void unknown_remains_unknown_when_the_store_refuses(void **state)
{
	struct fixture *f = *state;
	static struct sending unknown, known;
	send(f, &unknown);
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
	hub_turns(&f->hub, 4);
	fake_store_refuse(f->hub.store, ERR_UNAVAILABLE);
	send(f, &known);
	wait_us(f, RETRY_US);
	sending_expect(&known, ERR_UNAVAILABLE, 0);
	assert_int_equal(unknown.done, 0);
	for (uint64_t waited = 0; unknown.done == 0; waited += RETRY_US) {
		assert_true(waited <= GIVE_UP_US);
		wait_us(f, RETRY_US);
	}
	sending_expect(&unknown, ERR_UNCERTAIN, 0);
	fake_store_refuse(f->hub.store, 0);
}

/* ---- holes ---- */

static void a_hole_is_read_after_its_wait(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	hub_message(&f->hub, &f->room); /* 1 to 3: another process stored them */
	hub_message(&f->hub, &f->room);
	hub_message(&f->hub, &f->room);
	send(f, &sending);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	sending_expect(&sending, 0, APPEND_STORED);
	assert_int_equal(sending.send.item.seq, 4);
	assert_seqs(f, "");
	wait_us(f, HOLE_US - 1000);
	assert_int_equal(fake_store_held(f->hub.store), 0);
	wait_us(f, 1000);
	const struct store_page *page = fake_store_first_page(f->hub.store);
	assert_int_equal(page->after_seq, 0);
	assert_int_equal(page->before_seq, 4);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_seqs(f, "1 2 3 4");
	assert_int_equal(f->hub.metrics[0].gap_recoveries, 1);
}

static void what_was_purged_is_passed_over(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	for (int i = 0; i < 5; i++) {
		hub_message(&f->hub, &f->room);
	}
	fake_store_purge(f->hub.store, &f->room, 1, 2);
	fake_store_purge(f->hub.store, &f->room, 4, 5);
	send(f, &sending);
	hub_sleep(&f->hub, 100000);
	assert_seqs(f, "3 6");
	send(f, &sending);
	hub_settle(&f->hub);
	assert_seqs(f, "3 6 7");
}

static void long_holes_are_read_page_by_page(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	for (int i = 0; i < 250; i++) {
		hub_message(&f->hub, &f->room);
	}
	send(f, &sending);
	hub_sleep(&f->hub, 100000);
	assert_int_equal(f->reader->seen_count, 251);
	for (size_t i = 0; i < 251; i++) {
		assert_int_equal(f->reader->seen[i].seq, i + 1);
	}
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), 3);
}

static void messages_wait_behind_a_hole_while_the_store_is_away(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[3];
	hub_message(&f->hub, &f->room);
	for (int i = 0; i < 3; i++) {
		send(f, &sendings[i]);
		fake_store_answer(f->hub.store);
		hub_turns(&f->hub, 4);
		sending_expect(&sendings[i], 0, APPEND_STORED);
	}
	wait_us(f, HOLE_US);
	fake_store_fail(f->hub.store, ERR_UNAVAILABLE, false);
	hub_turns(&f->hub, 4);
	assert_seqs(f, "");
	wait_us(f, HOLE_RETRY_US - 1000);
	assert_int_equal(fake_store_held(f->hub.store), 0);
	fake_store_refuse(f->hub.store, ERR_BUSY);
	wait_us(f, 1000);
	fake_store_refuse(f->hub.store, 0);
	wait_us(f, HOLE_RETRY_US);
	assert_int_equal(fake_store_held(f->hub.store), 1);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_seqs(f, "1 2 3 4");
}

/* More than a mebibyte waits: the rest is not kept, and read when its turn has come. */
static void what_was_not_kept_is_read(void **state)
{
	enum { MANY = 30, LONG = 60000 };
	static struct sending sendings[MANY];
	static char text[LONG + 1];
	struct fixture *f = *state;
	memset(text, 'x', LONG);
	hub_message(&f->hub, &f->room);
	for (int i = 0; i < MANY; i++) {
		sending_start(&f->hub, 1, &sendings[i], &f->room, text);
	}
	hub_sleep(&f->hub, 1000000);
	assert_int_equal(f->reader->seen_count, MANY + 1);
	for (size_t i = 0; i < MANY + 1; i++) {
		assert_int_equal(f->reader->seen[i].seq, i + 1);
	}
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), 2);
}

/* Nobody stores after it, so only the heads tell that a message was missed: here that of a row that
 * is read for another connection. */
static void a_newer_head_makes_the_home_look(void **state)
{
	struct fixture *f = *state;
	hub_message(&f->hub, &f->room);
	hub_member(&f->hub, &f->room, "bob");
	struct hub_client *other = client_start(&f->hub, 0, "bob");
	hub_sleep(&f->hub, 1500000);
	assert_seqs(f, "1");
	assert_string_equal(client_seqs(other, &f->room), ""); /* before its time */
}

/* ---- rooms that nobody uses ---- */

static void rooms_are_forgotten_and_begin_anew(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	send(f, &sending);
	hub_settle(&f->hub);
	client_drop(f->reader);
	hub_sleep(&f->hub, 80000000); /* a minute, and the sweep behind it */
	hub_message(&f->hub, &f->room);
	struct hub_client *reader = client_start(&f->hub, 1, "alice");
	hub_sleep(&f->hub, 1500000);
	send(f, &sending);
	hub_settle(&f->hub);
	assert_string_equal(client_seqs(reader, &f->room), "3");
	assert_int_equal(f->hub.metrics[0].gap_recoveries, 0);
}

/* A repeat of an old message into a room that the home does not know must not make it the head. */
static void an_old_repeat_is_no_beginning(void **state)
{
	struct fixture *f = *state;
	static struct sending old, sending;
	send(f, &old);
	hub_settle(&f->hub);
	for (int i = 0; i < 5; i++) {
		send(f, &sending);
		hub_settle(&f->hub);
	}
	client_drop(f->reader);
	hub_sleep(&f->hub, 80000000);
	sending_repeat(&f->hub, 1, &old);
	hub_turns(&f->hub, 4);
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
	hub_turns(&f->hub, 4);
	wait_us(f, RETRY_US);
	hub_settle(&f->hub);
	sending_expect(&old, 0, APPEND_REPEATED);
	struct hub_client *reader = client_start(&f->hub, 1, "alice");
	hub_sleep(&f->hub, 1500000);
	send(f, &sending);
	hub_settle(&f->hub);
	assert_string_equal(client_seqs(reader, &f->room), "7");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(unknown_and_lost_is_stored_by_the_next_try),
		TEST(unknown_but_stored_is_published_once),
		TEST(a_failing_try_does_not_settle_it),
		TEST(a_try_that_fails_to_the_end_leaves_it_unknown),
		TEST(a_failed_first_try_is_told),
		TEST(what_comes_meanwhile_stays_behind),
		TEST(after_ten_seconds_the_sender_is_told_so),
		TEST(unknown_remains_unknown_when_the_store_goes_away),
		TEST(unknown_remains_unknown_when_the_store_refuses),
		TEST(a_hole_is_read_after_its_wait),
		TEST(what_was_purged_is_passed_over),
		TEST(long_holes_are_read_page_by_page),
		TEST(messages_wait_behind_a_hole_while_the_store_is_away),
		TEST(what_was_not_kept_is_read),
		TEST(a_newer_head_makes_the_home_look),
		TEST(rooms_are_forgotten_and_begin_anew),
		TEST(an_old_repeat_is_no_beginning),
	};
#undef TEST
	return cmocka_run_group_tests_name("home_faults", tests, NULL, NULL);
}
