/* Numbers, waits and addresses of the console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chatctl/chat_access.h"
#include "chatctl/chat_feed.h"
#include "chatctl/chat_outbox.h"
#include "lib/base/err.h"

static void test_numbers_come_once(void **state)
{
	struct chat_feed feed = {.next = 5};
	uint64_t missing = 99;
	(void)state;
	assert_true(chat_feed_take(&feed, 5, &missing));
	assert_int_equal(missing, 0);
	assert_false(chat_feed_take(&feed, 5, &missing));
	assert_false(chat_feed_take(&feed, 1, &missing));
	assert_int_equal(missing, 0);
	assert_true(chat_feed_take(&feed, 6, &missing));
	assert_int_equal(feed.next, 7);
}

static void test_a_hole_is_told_once(void **state)
{
	struct chat_feed feed = {.next = 5};
	uint64_t missing;
	(void)state;
	assert_true(chat_feed_take(&feed, 8, &missing));
	assert_int_equal(missing, 5);
	assert_true(chat_feed_take(&feed, 9, &missing));
	assert_int_equal(missing, 0);
	assert_false(chat_feed_take(&feed, 6, &missing));
}

static void test_the_first_number_may_be_any(void **state)
{
	struct chat_feed feed = {.next = 0};
	uint64_t missing;
	(void)state;
	assert_true(chat_feed_take(&feed, 1000, &missing));
	assert_int_equal(missing, 0);
}

static void test_a_gap_is_gone_over(void **state)
{
	struct chat_feed feed = {.next = 5};
	uint64_t missing;
	(void)state;
	chat_feed_skip(&feed, 3);
	assert_int_equal(feed.next, 5);
	chat_feed_skip(&feed, 10);
	assert_true(chat_feed_take(&feed, 11, &missing));
	assert_int_equal(missing, 0);
}

static void test_waits_double_up_to_five_seconds(void **state)
{
	(void)state;
	const uint64_t full[] = {
		100000, 200000, 400000, 800000, 1600000, 3200000, 5000000, 5000000};
	for (unsigned i = 0; i < sizeof(full) / sizeof(full[0]); i++) {
		uint64_t least = full[i];
		uint64_t most = 0;
		for (uint32_t random = 0; random < 4000000; random += 997) {
			uint64_t delay = chat_backoff_us(i, random);
			least = delay < least ? delay : least;
			most = delay > most ? delay : most;
			assert_in_range(delay, full[i] / 2, full[i]);
		}
		assert_true(most - least > full[i] / 3); /* they are spread */
	}
	assert_in_range(chat_backoff_us(4000000000U, 0xffffffff), 2500000, 5000000);
}

static void assert_retry(const char *text, uint64_t us)
{
	assert_int_equal(chat_retry_us(bytes_str(text)), us);
}

static void test_the_servers_own_wait(void **state)
{
	(void)state;
	assert_retry("too many calls, try again in 0.25 s", 250000);
	assert_retry("too many calls, try again in 12.01 s", 12010000);
	assert_retry("try again in 3 s", 3000000);
	assert_retry("too many calls", 0);
	assert_retry("", 0);
	assert_retry("try again in ", 0);
	assert_retry("try again in 1.5 s", 0);
	assert_retry("try again in 1.50", 0);
	assert_retry("try again in 1.50 m", 0);
	assert_retry("try again in -1.50 s", 0);
	assert_retry("try again in 3600.00 s", 0);
	assert_retry("try again in 99999999999999999999 s", 0);
}

static void test_texts_of_errors(void **state)
{
	(void)state;
	assert_true(
		bytes_eq(chat_error_text(BYTES_LIT("An unexpected error occurred invoking 'X' on "
						   "the server. HubException: not_found: no such "
						   "room")),
			BYTES_LIT("no such room")));
	assert_true(bytes_eq(chat_error_text(BYTES_LIT("Failed.")), BYTES_LIT("Failed.")));
	assert_int_equal(chat_error_text(BYTES_NONE).len, 0);
}

static void assert_url(const char *listen, const char *url)
{
	struct buf out = {0};
	assert_int_equal(chat_access_url(&out, bytes_str(listen), BYTES_LIT("/hub")), 0);
	assert_string_equal(buf_cstr(&out), url);
	buf_finish(&out);
}

static void test_addresses(void **state)
{
	struct buf out = {0};
	(void)state;
	assert_url("127.0.0.1:5000", "http://127.0.0.1:5000/hub");
	assert_url("0.0.0.0:80,[::]:80", "http://127.0.0.1:80/hub");
	assert_url("[::]:80", "http://[::1]:80/hub");
	assert_url("[2001:db8::1]:80", "http://[2001:db8::1]:80/hub");
	assert_url("unix:/run/chatd/hub.sock,127.0.0.1:1", "unix:/run/chatd/hub.sock");
	assert_url(" chat.example:8080 , x", "http://chat.example:8080/hub");
	assert_int_equal(chat_access_url(&out, BYTES_NONE, BYTES_LIT("/hub")), ERR_UNREACHABLE);
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_come_once),
		cmocka_unit_test(test_a_hole_is_told_once),
		cmocka_unit_test(test_the_first_number_may_be_any),
		cmocka_unit_test(test_a_gap_is_gone_over),
		cmocka_unit_test(test_waits_double_up_to_five_seconds),
		cmocka_unit_test(test_the_servers_own_wait),
		cmocka_unit_test(test_texts_of_errors),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
