/* The last lines of the log, and those who read them. */
#include "chatd/op/log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <pthread.h>

#include "chatd/op/log_switch.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/loop/loop.h"
#include "lib/loop/mailbox.h"

static void add(struct log_ring *ring, enum log_level level, int64_t n)
{
	const struct log_field fields[] = {LOG_INT("n", n), {.kind = LOG_END_FIELDS}};
	const struct log_record record = {0, level, "line", "t", fields};
	log_ring_add(ring, &record);
}

/* The number in the next line; -1 where there is none. */
static int64_t next(struct log_ring *ring, struct log_cursor *cursor, uint64_t *ret_lost)
{
	struct buf text = {0};
	long long n = -1;
	if (log_ring_next(ring, cursor, &text, ret_lost) == 0) {
		const char *at = strstr(buf_cstr(&text), "\"fields\":{\"n\":");
		assert_non_null(at);
		assert_int_equal(sscanf(at, "\"fields\":{\"n\":%lld}}", &n), 1);
	}
	buf_finish(&text);
	return n;
}

static void expect_next(struct log_ring *ring, struct log_cursor *cursor, int64_t n, uint64_t lost)
{
	uint64_t told;
	assert_int_equal(next(ring, cursor, &told), n);
	assert_int_equal(told, lost);
}

static void test_seek(void **state)
{
	struct log_ring *ring = log_ring_create();
	struct log_cursor cursor;
	(void)state;
	log_ring_seek(ring, LOG_DEBUG, 20, &cursor);
	expect_next(ring, &cursor, -1, 0);
	for (int i = 0; i < 10; i++) {
		add(ring, i % 2 == 0 ? LOG_INFO : LOG_ERROR, i);
	}
	expect_next(ring, &cursor, 0, 0); /* it was there before them */
	log_ring_seek(ring, LOG_DEBUG, 3, &cursor);
	expect_next(ring, &cursor, 7, 0);
	expect_next(ring, &cursor, 8, 0);
	expect_next(ring, &cursor, 9, 0);
	expect_next(ring, &cursor, -1, 0);
	log_ring_seek(ring, LOG_ERROR, 3, &cursor);
	expect_next(ring, &cursor, 5, 0);
	expect_next(ring, &cursor, 7, 0);
	expect_next(ring, &cursor, 9, 0);
	expect_next(ring, &cursor, -1, 0);
	log_ring_seek(ring, LOG_ERROR, 100, &cursor);
	expect_next(ring, &cursor, 1, 0);
	log_ring_seek(ring, LOG_DEBUG, 0, &cursor);
	expect_next(ring, &cursor, -1, 0);
	add(ring, LOG_WARN, 10);
	expect_next(ring, &cursor, 10, 0);
	log_ring_destroy(&ring);
	assert_null(ring);
}

/* Who is overtaken is told of the lines at his own level alone. */
static void test_lost(void **state)
{
	struct log_ring *ring = log_ring_create();
	struct log_cursor all, errors, late;
	(void)state;
	log_ring_seek(ring, LOG_DEBUG, 0, &all);
	log_ring_seek(ring, LOG_ERROR, 0, &errors);
	for (int i = 0; i < 2 * LOG_RING_LINES; i++) {
		add(ring, i % 10 == 0 ? LOG_ERROR : LOG_DEBUG, i);
	}
	expect_next(ring, &all, LOG_RING_LINES, LOG_RING_LINES);
	expect_next(ring, &all, LOG_RING_LINES + 1, 0);
	expect_next(ring, &errors, 1030, 103); /* 0, 10, ... 1020 are gone */
	expect_next(ring, &errors, 1040, 0);
	/* One that began in between counts from there. */
	log_ring_seek(ring, LOG_ERROR, 1, &late);
	expect_next(ring, &late, 2040, 0);
	for (int i = 0; i < LOG_RING_LINES; i++) {
		add(ring, LOG_ERROR, 5000 + i);
	}
	expect_next(ring, &late, 5000, 0);
	add(ring, LOG_ERROR, 7000);
	add(ring, LOG_ERROR, 7001);
	expect_next(ring, &late, 5002, 1);
	/* What was lost is told even where none of those that are left is for him. */
	for (int i = 0; i < LOG_RING_LINES; i++) {
		add(ring, LOG_INFO, i);
	}
	expect_next(ring, &errors, -1, 0);
	add(ring, LOG_ERROR, 9000);
	expect_next(ring, &errors, 9000, 100 + LOG_RING_LINES + 2);
	expect_next(ring, &errors, -1, 0);
	log_ring_destroy(&ring);
}

struct reader {
	struct log_follower follower;
	unsigned woken;
};

static void wake(struct log_follower *follower)
{
	CONTAINER_OF(follower, struct reader, follower)->woken++;
}

static void test_follow(void **state)
{
	struct log_ring *ring = log_ring_create();
	struct loop *loop = loop_create();
	struct mailbox *box = mailbox_create(loop);
	struct reader a = {.follower.wake = wake}, b = {.follower.wake = wake};
	struct log_cursor cursor;
	(void)state;
	log_ring_attach(ring, box);
	add(ring, LOG_INFO, 0);
	log_ring_seek(ring, LOG_DEBUG, 1, &cursor);
	assert_false(log_ring_follow(ring, &cursor, &a.follower)); /* it has a line already */
	expect_next(ring, &cursor, 0, 0);
	assert_false(log_ring_has_more(ring, &cursor));
	assert_true(log_ring_follow(ring, &cursor, &a.follower));
	assert_true(log_ring_follow(ring, &cursor, &b.follower));
	loop_turn(loop, 0);
	assert_int_equal(a.woken, 0);
	add(ring, LOG_INFO, 1);
	add(ring, LOG_INFO, 2);
	assert_int_equal(a.woken, 0); /* never within the call */
	loop_turn(loop, 1000);
	assert_int_equal(a.woken, 1);
	assert_int_equal(b.woken, 1);
	add(ring, LOG_INFO, 3); /* nobody waits */
	loop_turn(loop, 0);
	assert_int_equal(a.woken, 1);
	log_ring_seek(ring, LOG_DEBUG, 0, &cursor);
	assert_true(log_ring_follow(ring, &cursor, &a.follower));
	assert_true(log_ring_follow(ring, &cursor, &b.follower));
	log_ring_unfollow(&a.follower);
	log_ring_unfollow(&a.follower);
	log_ring_end(ring);
	assert_int_equal(a.woken, 1);
	assert_int_equal(b.woken, 2);
	assert_true(log_ring_ended(ring));
	assert_false(log_ring_follow(ring, &cursor, &a.follower));
	add(ring, LOG_INFO, 4); /* what comes is kept, nobody is told */
	loop_turn(loop, 0);
	mailbox_destroy(&box);
	loop_destroy(&loop);
	log_ring_destroy(&ring);
}

/* ---- threads ---- */

#define WRITERS 4
#define LINES 5000

static void *write_lines(void *ring)
{
	for (int i = 0; i < LINES; i++) {
		add(ring, i % 3 == 0 ? LOG_ERROR : LOG_DEBUG, i);
	}
	return NULL;
}

struct tail {
	struct reader reader;
	struct log_ring *ring;
	struct log_cursor cursor;
	uint64_t seen, lost;
};

static void tail_read(struct tail *tail)
{
	uint64_t lost;
	do {
		while (next(tail->ring, &tail->cursor, &lost) >= 0) {
			tail->seen++;
			tail->lost += lost;
		}
	} while (!log_ring_follow(tail->ring, &tail->cursor, &tail->reader.follower) &&
		 !log_ring_ended(tail->ring));
}

static void tail_wake(struct log_follower *follower)
{
	struct reader *reader = CONTAINER_OF(follower, struct reader, follower);
	tail_read(CONTAINER_OF(reader, struct tail, reader));
}

/* Every line is seen or told to be lost, at each level. */
static void test_threads(void **state)
{
	struct log_ring *ring = log_ring_create();
	struct loop *loop = loop_create();
	struct mailbox *box = mailbox_create(loop);
	struct tail tails[2] = {{.ring = ring}, {.ring = ring}};
	uint64_t wanted[2] = {WRITERS * LINES, (uint64_t)WRITERS * ((LINES + 2) / 3)};
	pthread_t writers[WRITERS];
	(void)state;
	log_ring_attach(ring, box);
	for (int i = 0; i < 2; i++) {
		tails[i].reader.follower.wake = tail_wake;
		log_ring_seek(ring, i == 0 ? LOG_DEBUG : LOG_ERROR, 0, &tails[i].cursor);
		tail_read(&tails[i]);
	}
	for (size_t i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_create(&writers[i], NULL, write_lines, ring), 0);
	}
	while (tails[0].seen + tails[0].lost < wanted[0]) {
		loop_turn(loop, 100);
	}
	for (size_t i = 0; i < WRITERS; i++) {
		pthread_join(writers[i], NULL);
	}
	loop_turn(loop, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tails[i].seen + tails[i].lost, wanted[i]);
		log_ring_unfollow(&tails[i].reader.follower);
	}
	log_ring_end(ring);
	mailbox_destroy(&box);
	loop_destroy(&loop);
	log_ring_destroy(&ring);
}

/* ---- the level ---- */

static void test_switch(void **state)
{
	struct loop *loop = loop_create();
	(void)state;
	log_set_level(LOG_OFF); /* what it says itself is of no interest here */
	struct log_switch *log_switch = log_switch_create(loop, LOG_OFF);
	assert_int_equal(log_switch_until_ms(log_switch), 0);
	log_switch_configure(log_switch, LOG_ERROR);
	assert_int_equal(log_get_level(), LOG_ERROR);
	log_switch_set(log_switch, LOG_WARN, 0);
	assert_int_equal(log_get_level(), LOG_WARN);
	assert_int_equal(log_switch_configured(log_switch), LOG_ERROR);
	assert_int_equal(log_switch_until_ms(log_switch), 0);
	/* For a time. */
	log_switch_set(log_switch, LOG_OFF, 30000);
	assert_int_equal(log_get_level(), LOG_OFF);
	assert_in_range(log_switch_until_ms(log_switch), clock_wall_ms(&clock_system),
		clock_wall_ms(&clock_system) + 30);
	for (int i = 0; i < 100 && log_switch_until_ms(log_switch) != 0; i++) {
		loop_turn(loop, 10);
	}
	assert_int_equal(log_get_level(), LOG_ERROR);
	/* Settings that are read anew end what was said, and so does saying something else. */
	log_switch_set(log_switch, LOG_OFF, 20000);
	log_switch_configure(log_switch, LOG_WARN);
	assert_int_equal(log_get_level(), LOG_WARN);
	assert_int_equal(log_switch_until_ms(log_switch), 0);
	log_switch_set(log_switch, LOG_OFF, 20000);
	log_switch_set(log_switch, LOG_ERROR, 0);
	for (int i = 0; i < 10; i++) {
		loop_turn(loop, 5);
	}
	assert_int_equal(log_get_level(), LOG_ERROR);
	log_switch_destroy(&log_switch);
	loop_destroy(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_switch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
