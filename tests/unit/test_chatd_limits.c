/* Rates to the exact number, with a clock that the test steps; memory that is bounded; threads. */
#include "chatd/auth/limits.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

/* Any time but none: the tests' now. */
#define START UINT64_C(1000000000)
#define UNTOUCHED UINT64_C(0xdead)

static int open_limits(void **state)
{
	*state = limits_create();
	return 0;
}

static int close_limits(void **state)
{
	struct limits *limits = *state;
	assert_int_equal(limits_connections(limits), 0);
	limits_destroy(&limits);
	assert_null(limits);
	limits_destroy(&limits);
	return 0;
}

static struct bytes key_of(uint64_t *number)
{
	return bytes_of(number, sizeof(*number));
}

/* 0, or the time after which it may be tried again. */
static uint64_t take(
	struct limits *limits, enum limit_kind kind, uint64_t key, uint64_t now, uint64_t rate)
{
	uint64_t retry = UNTOUCHED;
	int err = limits_take(limits, kind, key_of(&key), now, rate, &retry);
	if (err == 0) {
		assert_int_equal(retry, UNTOUCHED);
		return 0;
	}
	assert_int_equal(err, ERR_RATE_LIMITED);
	assert_true(retry > 0);
	return retry;
}

/* How many are taken at now before one is refused. */
static unsigned burst(struct limits *limits, uint64_t key, uint64_t now, uint64_t rate)
{
	unsigned count = 0;
	while (take(limits, LIMIT_USER, key, now, rate) == 0) {
		count++;
	}
	return count;
}

static void two_seconds_worth_come_at_once(void **state)
{
	struct limits *limits = *state;
	static const uint64_t rates[] = {1, 2, 3, 7, 50, 99, 500, 12345};
	for (uint64_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		assert_int_equal(burst(limits, i, START, rates[i]), 2 * rates[i]);
	}
	assert_int_equal(burst(limits, 100, START, 999983), 2 * 999983);
	assert_int_equal(burst(limits, 101, START, LIMITS_RATE_MAX), 2 * LIMITS_RATE_MAX);
}

static void the_time_to_try_again_is_exact(void **state)
{
	struct limits *limits = *state;
	assert_int_equal(burst(limits, 1, START, 50), 100);
	/* One is earned in 20 ms. */
	assert_int_equal(take(limits, LIMIT_USER, 1, START, 50), 20000);
	assert_int_equal(
		take(limits, LIMIT_USER, 1, START, 50), 20000); /* refusals count nothing */
	assert_int_equal(take(limits, LIMIT_USER, 1, START + 1, 50), 19999);
	assert_int_equal(take(limits, LIMIT_USER, 1, START + 19999, 50), 1);
	assert_int_equal(take(limits, LIMIT_USER, 1, START + 20000, 50), 0);
	assert_int_equal(take(limits, LIMIT_USER, 1, START + 20000, 50), 20000);
	/* Half a second's rest is half a second's worth. */
	assert_int_equal(burst(limits, 1, START + 520000, 50), 25);
	/* Two seconds' rest, or any more, is all of it. */
	assert_int_equal(burst(limits, 1, START + 2520000, 50), 100);
	assert_int_equal(burst(limits, 1, START + 3600000000, 50), 100);
}

/* A third of a second is no whole number of microseconds: the time that is told must do. */
static void a_told_time_is_enough(void **state)
{
	struct limits *limits = *state;
	for (uint64_t rate = 3; rate < 3000; rate = rate * 3 + 1) {
		uint64_t now = START;
		burst(limits, rate, now, rate);
		for (int i = 0; i < 50; i++) {
			uint64_t retry = take(limits, LIMIT_USER, rate, now, rate);
			assert_in_range(retry, 1, 1000000 / rate + 1);
			if (retry > 1) {
				assert_int_not_equal(
					take(limits, LIMIT_USER, rate, now + retry - 1, rate), 0);
			}
			now += retry;
			assert_int_equal(take(limits, LIMIT_USER, rate, now, rate), 0);
		}
	}
}

static void a_steady_rate_is_never_refused(void **state)
{
	struct limits *limits = *state;
	for (uint64_t i = 0; i < 10000; i++) {
		assert_int_equal(take(limits, LIMIT_ROOM, 5, START + i * 2000, 500), 0);
	}
	/* One more than it every tenth time: the burst is used up by and by, then one in eleven. */
	unsigned refused = 0;
	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t now = START + 20000000 + i * 2000;
		refused += take(limits, LIMIT_ROOM, 5, now, 500) != 0;
		refused += i % 10 == 0 && take(limits, LIMIT_ROOM, 5, now, 500) != 0;
	}
	assert_in_range(refused, 2000 - 1000, 2000 - 998);
}

static void kinds_and_keys_are_apart(void **state)
{
	struct limits *limits = *state;
	assert_int_equal(burst(limits, 7, START, 10), 20);
	assert_int_equal(take(limits, LIMIT_ROOM, 7, START, 10), 0);
	assert_int_equal(take(limits, LIMIT_ADDRESS, 7, START, 10), 0);
	assert_int_equal(take(limits, LIMIT_CONNECT, 7, START, 10), 0);
	assert_int_equal(take(limits, LIMIT_UPGRADE, 7, START, 10), 0);
	assert_int_equal(take(limits, LIMIT_USER, 8, START, 10), 0);
	assert_int_not_equal(take(limits, LIMIT_USER, 7, START, 10), 0);
	uint64_t retry;
	assert_int_equal(limits_take(limits, LIMIT_USER, BYTES_LIT("x"), START, 1, &retry), 0);
	assert_int_equal(limits_take(limits, LIMIT_USER, BYTES_LIT("xx"), START, 1, &retry), 0);
	assert_int_equal(limits_keys(limits, START), 8);
}

static void no_rate_is_no_limit(void **state)
{
	struct limits *limits = *state;
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(take(limits, LIMIT_USER, 1, START, 0), 0);
	}
	assert_int_equal(limits_keys(limits, START), 0);
}

static void another_rate_counts_at_once(void **state)
{
	struct limits *limits = *state;
	assert_int_equal(burst(limits, 1, START, 10), 20);
	assert_int_equal(take(limits, LIMIT_USER, 1, START, 1), 1000000);
	assert_int_equal(take(limits, LIMIT_USER, 1, START, 1000), 1000);
	assert_int_equal(burst(limits, 1, START + 100000, 1000), 100);
	assert_int_equal(take(limits, LIMIT_USER, 1, START + 100000, 0), 0);
	/* However fast it was, two seconds later it is forgotten. */
	assert_int_equal(burst(limits, 1, START + 2100000, 3), 6);
}

/* The clocks of two workers are a turn apart. */
static void a_clock_may_be_behind(void **state)
{
	struct limits *limits = *state;
	assert_int_equal(take(limits, LIMIT_USER, 1, START + 50000, 50), 0);
	assert_int_equal(burst(limits, 1, START, 50), 96); /* (2 s - 50 ms) / 20 ms - 1 */
	assert_int_equal(take(limits, LIMIT_USER, 1, START, 50), 10000);
	assert_int_equal(take(limits, LIMIT_USER, 1, START + 50000, 50), 0);
}

static void idle_keys_are_forgotten(void **state)
{
	struct limits *limits = *state;
	for (uint64_t key = 0; key < 1000; key++) {
		assert_int_equal(take(limits, LIMIT_USER, key, START + key, 50), 0);
	}
	assert_int_equal(limits_keys(limits, START + 999), 1000);
	assert_int_equal(limits_keys(limits, START + 19999), 1000);
	assert_int_equal(
		limits_keys(limits, START + 20000), 999); /* the first has earned its one */
	assert_int_equal(limits_keys(limits, START + 20500), 499);
	assert_int_equal(limits_keys(limits, START + 20999), 0);
}

/* Their places are taken by others: any number of keys come and go. */
static void places_are_used_again(void **state)
{
	struct limits *limits = *state;
	uint64_t now = START;
	for (uint64_t round = 0; round < 40; round++) {
		for (uint64_t key = 0; key < 4000; key++) {
			assert_int_equal(
				take(limits, LIMIT_ADDRESS, round * 4000 + key, now, 100), 0);
		}
		assert_in_range(limits_keys(limits, now), 3990, 4000);
		now += 10000;
	}
}

/* Far more busy keys than there are places: nobody is refused for it, nothing grows, and those who
 * are at their limit stay there. */
static void a_full_table_forgets_who_used_least(void **state)
{
	struct limits *limits = *state;
	enum { GREEDY = 100 };
	for (uint64_t key = 0; key < GREEDY; key++) {
		assert_int_equal(burst(limits, key, START, 10), 20);
	}
	for (uint64_t key = 0; key < 8 * LIMITS_KEYS; key++) {
		assert_int_equal(take(limits, LIMIT_ROOM, key, START, 10), 0);
	}
	assert_int_equal(limits_keys(limits, START), LIMITS_KEYS);
	for (uint64_t key = 0; key < GREEDY; key++) {
		assert_int_equal(take(limits, LIMIT_USER, key, START, 10), 100000);
	}
	/* One who was forgotten starts anew: more than he should have, by one burst. */
	unsigned anew = 0;
	for (uint64_t key = 0; key < 8 * LIMITS_KEYS; key++) {
		anew += take(limits, LIMIT_ROOM, key, START, 1) == 0;
	}
	assert_true(anew > 0);
	assert_int_equal(limits_keys(limits, START), LIMITS_KEYS);
	assert_int_equal(limits_keys(limits, START + LIMITS_BURST_S * 1000000), 0);
}

/* ---- addresses ---- */

static void assert_address(const char *peer, const void *key, size_t len)
{
	char out[LIMITS_ADDRESS_SIZE];
	struct bytes got = limits_address_key(peer, out);
	if (!bytes_eq(got, bytes_of(key, len))) {
		fail_msg("%s has another key, of %zu bytes", peer, got.len);
	}
}

static void addresses_are_counted_by_host(void **state)
{
	(void)state;
	assert_address("192.0.2.7:54321", "\xc0\x00\x02\x07", 4);
	assert_address("192.0.2.7:1", "\xc0\x00\x02\x07", 4);
	assert_address("127.0.0.1:80", "\x7f\x00\x00\x01", 4);
	assert_address("[::1]:80", "\0\0\0\0\0\0\0\0", 8);
	assert_address("[2001:db8:1:2:3:4:5:6]:80", "\x20\x01\x0d\xb8\x00\x01\x00\x02", 8);
	assert_address("[2001:db8:1:2::]:443", "\x20\x01\x0d\xb8\x00\x01\x00\x02", 8);
	assert_address("[2001:db8:1:3::]:443", "\x20\x01\x0d\xb8\x00\x01\x00\x03", 8);
	/* What is no address counts as it is written. */
	assert_address("?", "?", 1);
	assert_address("[2001:db8", "[2001:db8", 9);
	assert_address("host.example:80", "host.example:80", 15);
	assert_address("unix:/run/x", "unix:/run/x", 11);
	char wide[200];
	memset(wide, 'x', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	assert_address(wide, wide, 64);
	wide[100] = ':';
	assert_address(wide, wide, 64);
	/* Peers of Unix sockets have none. */
	assert_address("unix", NULL, 0);
}

/* ---- connections ---- */

static void places_are_counted(void **state)
{
	struct limits *limits = *state;
	for (int i = 0; i < 3; i++) {
		assert_true(limits_enter(limits, 3));
	}
	assert_false(limits_enter(limits, 3));
	assert_int_equal(limits_connections(limits), 3);
	assert_true(limits_enter(limits, 4));
	assert_true(limits_enter(limits, 0)); /* no bound */
	assert_false(limits_enter(limits, 3)); /* lowered: those that are there stay */
	assert_int_equal(limits_connections(limits), 5);
	for (int i = 0; i < 3; i++) {
		limits_leave(limits);
	}
	assert_true(limits_enter(limits, 3));
	assert_false(limits_enter(limits, 3));
	for (int i = 0; i < 3; i++) {
		limits_leave(limits);
	}
}

/* ---- threads ---- */

enum { THREADS = 4, TRIES = 20000, SHARED = 8, PLACES = 3 };

struct hammer {
	pthread_t thread;
	struct limits *limits;
	uint64_t number;
	unsigned taken, entered;
	uint64_t most;
};

static void *hammer_run(void *arg)
{
	struct hammer *hammer = arg;
	for (uint64_t i = 0; i < TRIES; i++) {
		uint64_t key = i % SHARED;
		uint64_t own = (hammer->number + 1) << 32 | i;
		uint64_t retry;
		hammer->taken += limits_take(hammer->limits, LIMIT_USER, key_of(&key), START, 500,
					 &retry) == 0;
		limits_take(hammer->limits, LIMIT_ADDRESS, key_of(&own), START + i, 100, &retry);
		if (limits_enter(hammer->limits, PLACES)) {
			uint64_t now = limits_connections(hammer->limits);
			hammer->most = now > hammer->most ? now : hammer->most;
			hammer->entered++;
			limits_leave(hammer->limits);
		}
		if (i % 4096 == 0) {
			limits_keys(hammer->limits, START + i);
		}
	}
	return NULL;
}

static void threads_share_one_account(void **state)
{
	struct hammer hammers[THREADS] = {0};
	unsigned taken = 0;
	for (uint64_t i = 0; i < THREADS; i++) {
		hammers[i].limits = *state;
		hammers[i].number = i;
		assert_int_equal(
			pthread_create(&hammers[i].thread, NULL, hammer_run, &hammers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(hammers[i].thread, NULL);
		taken += hammers[i].taken;
		assert_true(hammers[i].entered > 0);
		assert_in_range(hammers[i].most, 1, PLACES);
	}
	/* To the one: 2 s of 500 per second for each key. */
	assert_int_equal(taken, SHARED * 1000);
}

/* ---- what it costs ---- */

/* Printed, not judged: machines differ. */
static void what_one_costs(void **state)
{
	enum { ROUNDS = 1000000 };
	char key[16] = "sixteen bytes...";
	uint64_t retry;
	uint64_t began = clock_mono_us(&clock_system);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		uint64_t number = i % 1000;
		memcpy(key, &number, sizeof(number));
		limits_take(*state, LIMIT_USER, bytes_of(key, sizeof(key)), START + i, 50, &retry);
	}
	uint64_t took = clock_mono_us(&clock_system) - began;
	print_message("one take: %llu ns\n", (unsigned long long)(took * 1000 / ROUNDS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_limits, close_limits)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_seconds_worth_come_at_once),
		TEST(the_time_to_try_again_is_exact),
		TEST(a_told_time_is_enough),
		TEST(a_steady_rate_is_never_refused),
		TEST(kinds_and_keys_are_apart),
		TEST(no_rate_is_no_limit),
		TEST(another_rate_counts_at_once),
		TEST(a_clock_may_be_behind),
		TEST(idle_keys_are_forgotten),
		TEST(places_are_used_again),
		TEST(a_full_table_forgets_who_used_least),
		TEST(addresses_are_counted_by_host),
		TEST(places_are_counted),
		TEST(threads_share_one_account),
		TEST(what_one_costs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
