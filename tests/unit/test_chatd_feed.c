#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/conn/outmsg.h"
#include "chatd/room/feed.h"

static struct outmsg *any_message(void)
{
	const struct hub_message ping = {.type = HUB_PING};
	return outmsg_single(&hub_codec_json, &ping);
}

static void keep(struct feed *feed, uint64_t seq, size_t size)
{
	feed_keep(feed, seq, seq * 10, any_message(), size);
}

/* Takes the next one and answers its number, 0 where none is due. */
static uint64_t take(struct feed *feed)
{
	struct feed_item *item = feed_take(feed);
	if (item == NULL) {
		return 0;
	}
	uint64_t seq = item->seq;
	assert_int_equal(item->member_version, seq * 10);
	assert_non_null(item->msg);
	feed_delivered(feed, seq);
	feed_item_free(&item);
	assert_null(item);
	return seq;
}

static void begins_with_what_it_hears_first(void **state)
{
	struct feed feed;
	(void)state;
	feed_init(&feed);
	assert_int_equal(feed_judge(&feed, 7), FEED_DELIVER);
	feed_delivered(&feed, 7);
	assert_int_equal(feed.next, 8);
	assert_int_equal(feed_judge(&feed, 8), FEED_DELIVER);
	feed_finish(&feed);
}

static void tells_duplicates_and_holes(void **state)
{
	struct feed feed;
	uint64_t from = 99;
	uint64_t to = 99;
	(void)state;
	feed_init(&feed);
	assert_false(feed_hole(&feed, &from, &to));
	feed_delivered(&feed, 4);
	assert_int_equal(feed_judge(&feed, 4), FEED_DUPLICATE);
	assert_int_equal(feed_judge(&feed, 1), FEED_DUPLICATE);
	assert_false(feed_hole(&feed, &from, &to));
	assert_int_equal(from, 99);
	assert_int_equal(feed_judge(&feed, 7), FEED_HOLE);
	assert_true(feed_hole(&feed, &from, &to));
	assert_int_equal(from, 5);
	assert_int_equal(to, 7); /* 7 was heard of, but nobody keeps it */
	keep(&feed, 7, 10);
	assert_true(feed_hole(&feed, &from, &to));
	assert_int_equal(to, 6);
	feed_finish(&feed);
}

static void what_waits_comes_in_its_order(void **state)
{
	struct feed feed;
	uint64_t from, to;
	(void)state;
	feed_init(&feed);
	feed_delivered(&feed, 1);
	keep(&feed, 5, 10);
	keep(&feed, 3, 10);
	keep(&feed, 4, 10);
	keep(&feed, 4, 10); /* is there already */
	keep(&feed, 9, 10);
	assert_int_equal(feed.waiting_bytes, 40);
	assert_int_equal(take(&feed), 0);
	assert_int_equal(feed_judge(&feed, 2), FEED_DELIVER);
	feed_delivered(&feed, 2);
	assert_int_equal(take(&feed), 3);
	assert_int_equal(take(&feed), 4);
	assert_int_equal(take(&feed), 5);
	assert_int_equal(take(&feed), 0);
	assert_int_equal(feed.waiting_bytes, 10);
	feed_judge(&feed, 9);
	assert_true(feed_hole(&feed, &from, &to));
	assert_int_equal(from, 6);
	assert_int_equal(to, 8);
	feed_finish(&feed);
}

static void what_was_delivered_otherwise_is_dropped(void **state)
{
	struct feed feed;
	(void)state;
	feed_init(&feed);
	feed_delivered(&feed, 1);
	keep(&feed, 3, 10);
	keep(&feed, 4, 20);
	keep(&feed, 6, 30);
	feed_skip_to(&feed, 2); /* where it is already */
	assert_int_equal(feed.next, 2);
	feed_skip_to(&feed, 5);
	assert_int_equal(take(&feed), 0);
	assert_int_equal(feed.waiting_bytes, 30);
	feed_skip_to(&feed, 3); /* never back */
	assert_int_equal(feed.next, 5);
	feed_delivered(&feed, 5);
	assert_int_equal(take(&feed), 6);
	assert_int_equal(feed.waiting_bytes, 0);
	feed_finish(&feed);
}

static void keeps_no_more_than_a_mebibyte(void **state)
{
	struct feed feed;
	uint64_t from, to;
	(void)state;
	feed_init(&feed);
	feed_delivered(&feed, 1);
	feed_judge(&feed, 6);
	keep(&feed, 3, FEED_WAITING_MAX - 10);
	keep(&feed, 4, 11); /* dropped: the store has it */
	keep(&feed, 5, 10);
	keep(&feed, 6, 1);
	assert_int_equal(feed.waiting_bytes, FEED_WAITING_MAX);
	feed_skip_to(&feed, 3);
	assert_int_equal(take(&feed), 3);
	assert_int_equal(take(&feed), 0);
	assert_true(feed_hole(&feed, &from, &to));
	assert_int_equal(from, 4);
	assert_int_equal(to, 4);
	feed_skip_to(&feed, 5);
	assert_int_equal(take(&feed), 5);
	assert_true(feed_hole(&feed, &from, &to));
	assert_int_equal(from, 6);
	assert_int_equal(to, 6);
	feed_finish(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_with_what_it_hears_first),
		cmocka_unit_test(tells_duplicates_and_holes),
		cmocka_unit_test(what_waits_comes_in_its_order),
		cmocka_unit_test(what_was_delivered_otherwise_is_dropped),
		cmocka_unit_test(keeps_no_more_than_a_mebibyte),
	};
	return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
