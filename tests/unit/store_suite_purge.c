/* Messages that go: the oldest of a room; and what one user sent, read and erased. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

/* One a second. */
static void send_many(struct store_test *t, struct uuid room, unsigned user, size_t count)
{
	static unsigned number;
	char key[16];

	for (size_t i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "%u", number++);
		test_send(t, room, test_user(user), key, "text");
		atomic_fetch_add(&t->clock.wall_ms, 1000);
	}
}

static uint64_t first_kept(struct store_test *t, struct uuid room, uint64_t *ret_rows)
{
	struct store_page page = {.room = room, .limit = 1000};

	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.count, page.last_seq + 1 - page.first_kept_seq);
	*ret_rows = page.count;
	return page.first_kept_seq;
}

static uint64_t messages_in_all(struct store_test *t)
{
	struct store_status status = {0};

	assert_int_equal(test_status(t, &status), 0);
	return status.messages;
}

/* ---- purge ---- */

static void the_oldest_go_by_number(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1), other = test_room(t, "b", 1);
	struct store_purge req = {.room = room, .before_seq = 8, .limit = 3};
	uint64_t rows;

	send_many(t, room, 1, 10);
	send_many(t, other, 1, 5);
	req.plan = true;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 7);
	assert_int_equal(req.first_kept_seq, 8);
	assert_int_equal(first_kept(t, room, &rows), 1);
	req.plan = false;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 3);
	assert_int_equal(req.first_kept_seq, 4);
	assert_true(req.more);
	assert_int_equal(messages_in_all(t), 12);
	assert_int_equal(ask_purge(t, &req), 0);
	assert_true(req.more);
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 1);
	assert_int_equal(req.first_kept_seq, 8);
	assert_false(req.more);
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 0);
	assert_int_equal(req.first_kept_seq, 8);
	assert_false(req.more);
	assert_int_equal(first_kept(t, room, &rows), 8);
	assert_int_equal(rows, 3);
	assert_int_equal(first_kept(t, other, &rows), 1);
	assert_int_equal(messages_in_all(t), 8);
	req.plan = true;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 0);
	assert_int_equal(req.first_kept_seq, 8);
}

static void all_may_go(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_purge req = {.room = room, .before_seq = UINT64_MAX, .limit = 100};
	uint64_t rows;

	assert_int_equal(ask_purge(t, &req), 0); /* there are none */
	assert_int_equal(req.purged, 0);
	assert_int_equal(req.first_kept_seq, 1);
	send_many(t, room, 1, 4);
	req.plan = true;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 4);
	req.plan = false;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 4);
	assert_int_equal(req.first_kept_seq, 5);
	assert_false(req.more);
	assert_int_equal(first_kept(t, room, &rows), 5);
	assert_int_equal(messages_in_all(t), 0);
	send_many(t, room, 1, 1); /* numbers go on */
	assert_int_equal(test_row(t, room, 5).seq, 5);
	assert_int_equal(first_kept(t, room, &rows), 5);
}

static void the_oldest_go_by_time(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_purge req = {.room = room, .before_ms = 1700000005000, .limit = 2};
	uint64_t rows;

	send_many(t, room, 1, 8); /* number n at 1700000000000 + (n - 1) * 1000 */
	req.plan = true;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 5);
	assert_int_equal(req.first_kept_seq, 6);
	req.plan = false;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 2);
	assert_true(req.more);
	assert_int_equal(req.first_kept_seq, 3);
	req.limit = 3;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 3);
	assert_false(req.more); /* exactly as many as it might */
	assert_int_equal(req.first_kept_seq, 6);
	assert_int_equal(first_kept(t, room, &rows), 6);
	req.before_ms = 0;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 0);
	req.before_ms = INT64_MAX;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 3);
	assert_false(req.more);
	assert_int_equal(req.first_kept_seq, 9);
	req.plan = true;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 0);
	assert_int_equal(req.first_kept_seq, 9);
}

/* Imported messages may be older than those before them. */
static void the_first_that_is_not_so_old_ends_it(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_purge req = {
		.room = room, .before_ms = 1650000000000, .limit = 100, .plan = true};

	for (unsigned i = 0; i < 4; i++) {
		static const int64_t times[] = {
			1600000000000, 1600000000001, 1700000000000, 1600000000002};
		struct append_item item = test_item(room, test_user(1), "", "old");
		item.client_key[0] = (uint8_t)i;
		item.imported = true;
		item.imported_id = test_user(600 + i);
		item.sent_ms = times[i];
		assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	}
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 2);
	req.plan = false;
	assert_int_equal(ask_purge(t, &req), 0);
	assert_int_equal(req.purged, 2);
	assert_int_equal(req.first_kept_seq, 3);
	assert_false(req.more);
}

static void purge_knows_its_ranges(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_purge req = {.room = test_user(999), .before_seq = 1, .limit = 1};

	assert_int_equal(ask_purge(t, &req), ERR_NOT_FOUND);
	req.plan = true;
	assert_int_equal(ask_purge(t, &req), ERR_NOT_FOUND);
	req.limit = 0;
	assert_int_equal(ask_purge(t, &req), ERR_BAD_REQUEST);
	req.limit = 10001;
	assert_int_equal(ask_purge(t, &req), ERR_BAD_REQUEST);
}

/* A count by time takes several turns of the reader, between which others are served. */
static void a_long_count_is_whole(void **state)
{
	struct store_test *t = suite_test(state);
	enum { COUNT = 25000, BATCH = 1000 };
	struct uuid room = test_room(t, "a", 1);
	struct append_item *items = mem_zalloc(BATCH * sizeof(*items));
	struct store_purge plan = {.room = room, .limit = 1, .plan = true};
	struct store_page page = {.room = room, .limit = 1};

	for (size_t i = 0; i < COUNT; i += BATCH) {
		for (size_t j = 0; j < BATCH; j++) {
			items[j] = test_item(room, test_user(1), "", "x");
			uint32_t number = (uint32_t)(i + j);
			memcpy(items[j].client_key, &number, sizeof(number));
		}
		assert_int_equal(test_append(t, items, BATCH), 0);
	}
	plan.before_ms = INT64_MAX;
	store_test_call(t, &plan.call);
	store_test_call(t, &page.call);
	int posted = store_purge(t->store, &plan);
	assert_int_equal(store_page(t->store, &page), 0);
	assert_int_equal(store_test_wait(t, &page.call, 0), 0);
	assert_int_equal(store_test_wait(t, &plan.call, posted), 0);
	assert_int_equal(plan.purged, COUNT);
	assert_int_equal(plan.first_kept_seq, COUNT + 1);
	/* Closing finishes it too. */
	store_test_call(t, &plan.call);
	posted = store_purge(t->store, &plan);
	store_stop(t->root);
	assert_int_equal(store_test_wait(t, &plan.call, posted), 0);
	assert_int_equal(plan.purged, COUNT);
	free(items);
}

/* Sends and purges that are under way together leave no hole and no wrong count. */
static void purge_and_append_do_not_disturb_each_other(void **state)
{
	struct store_test *t = suite_test(state);
	enum { ROUNDS = 40 };
	struct uuid room = test_room(t, "a", 1);
	struct store_append *sends = mem_zalloc(ROUNDS * sizeof(*sends));
	struct append_item *items = mem_zalloc(ROUNDS * sizeof(*items));
	struct store_purge *purges = mem_zalloc(ROUNDS * sizeof(*purges));
	uint64_t purged = 0, rows;

	for (size_t i = 0; i < ROUNDS; i++) {
		items[i] = test_item(room, test_user(1), "", "x");
		items[i].client_key[0] = (uint8_t)i;
		sends[i] = (struct store_append){.items = &items[i], .count = 1};
		purges[i] = (struct store_purge){
			.room = room, .before_seq = i < 5 ? 1 : i - 4, .limit = 10};
		store_test_call(t, &sends[i].call);
		store_test_call(t, &purges[i].call);
		assert_int_equal(store_append(t->store, &sends[i]), 0);
		assert_int_equal(store_purge(t->store, &purges[i]), 0);
	}
	for (size_t i = 0; i < ROUNDS; i++) {
		assert_int_equal(store_test_wait(t, &sends[i].call, 0), 0);
		assert_int_equal(store_test_wait(t, &purges[i].call, 0), 0);
		assert_int_equal(items[i].seq, i + 1);
		purged += purges[i].purged;
	}
	assert_int_equal(purged, ROUNDS - 6);
	assert_int_equal(first_kept(t, room, &rows), ROUNDS - 5);
	assert_int_equal(messages_in_all(t), rows);
	free(purges);
	free(items);
	free(sends);
}

/* ---- what one user sent ---- */

static size_t collect(struct store_test *t, unsigned user, uint32_t scan_max, uint64_t *ret_pages)
{
	struct store_sent_page req = {.user = test_user(user), .scan_max = scan_max};
	struct uuid last_room = {{0}};
	uint64_t last_seq = 0;
	size_t seen = 0;

	*ret_pages = 0;
	do {
		assert_int_equal(ask_sent_page(t, &req), 0);
		for (size_t i = 0; i < req.count; i++) {
			const struct message_row *row = &req.rows[i];
			int order = memcmp(row->room.b, last_room.b, 16);
			assert_user(&row->sender, user);
			assert_true(order > 0 || (order == 0 && row->seq > last_seq));
			last_room = row->room;
			last_seq = row->seq;
		}
		seen += req.count;
		++*ret_pages;
	} while (req.more);
	return seen;
}

static void what_one_sent_is_read_in_pages(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid a = test_room(t, "a", 2), b = test_room(t, "b", 2), c = test_room(t, "c", 2);
	struct store_room_delete end = {.room = c};
	uint64_t pages;

	assert_int_equal(collect(t, 1, 5, &pages), 0);
	send_many(t, a, 1, 3);
	send_many(t, a, 2, 6);
	send_many(t, a, 1, 1);
	send_many(t, b, 2, 2);
	send_many(t, b, 1, 2);
	send_many(t, c, 1, 4);
	assert_int_equal(collect(t, 1, 100, &pages), 10);
	assert_int_equal(pages, 1);
	for (uint32_t scan = 1; scan <= 20; scan++) {
		assert_int_equal(collect(t, 1, scan, &pages), 10);
		assert_int_equal(pages, 18 / scan + 1);
	}
	assert_int_equal(collect(t, 9, 100, &pages), 0);
	assert_int_equal(ask_room_delete(t, &end), 0); /* its messages do not count any more */
	assert_int_equal(collect(t, 1, 3, &pages), 6);
	struct store_sent_page bad = {.scan_max = 0};
	assert_int_equal(ask_sent_page(t, &bad), ERR_BAD_REQUEST);
	bad.scan_max = 10001;
	assert_int_equal(ask_sent_page(t, &bad), ERR_BAD_REQUEST);
}

static uint64_t erase(struct store_test *t, unsigned user, uint32_t scan_max)
{
	struct store_sent_erase req = {.user = test_user(user), .scan_max = scan_max};
	uint64_t erased = 0;

	do {
		assert_int_equal(ask_sent_erase(t, &req), 0);
		erased += req.erased;
	} while (req.more);
	return erased;
}

static void what_one_sent_is_erased(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid a = test_room(t, "a", 2), b = test_room(t, "b", 2);
	struct append_item edit = test_change(a, 2, MESSAGE_EDIT, 2, "edited");
	struct append_item deletion = test_change(b, 2, MESSAGE_DELETE, 1, "");
	struct append_item picture = test_item(a, test_user(2), "p", "caption");

	send_many(t, a, 1, 1);
	send_many(t, a, 2, 2);
	send_many(t, b, 2, 2);
	picture.attachment = BYTES_LIT("{}");
	picture.encrypted = true;
	picture.nonce = picture.auth_tag = BYTES_LIT("x");
	assert_int_equal(test_outcome(t, &edit), APPEND_STORED);
	assert_int_equal(test_outcome(t, &deletion), APPEND_STORED);
	assert_int_equal(test_outcome(t, &picture), APPEND_STORED);
	int64_t deleted_ms = test_row(t, b, 1).deleted_ms;
	atomic_fetch_add(&t->clock.wall_ms, 5000);
	/* a: 2, 3, the edit, the picture; b: 2, because 1 is deleted and its Delete says nothing */
	assert_int_equal(erase(t, 2, 2), 5);
	assert_int_equal(erase(t, 2, 100), 0);
	assert_bytes(test_row(t, a, 1).content, "text");
	assert_int_equal(test_row(t, a, 1).deleted_ms, 0);
	for (uint64_t seq = 2; seq <= 5; seq++) {
		struct message_row row = test_row(t, a, seq);
		assert_int_equal(row.content.len + row.attachment.len + row.nonce.len, 0);
		assert_int_equal(row.auth_tag.len, 0);
		assert_true(row.deleted_ms > deleted_ms);
	}
	assert_int_equal(test_row(t, b, 1).deleted_ms, deleted_ms);
	assert_int_equal(test_row(t, b, 3).deleted_ms, 0);
	assert_int_equal(test_room_row(t, a).last_seq, 5);
	assert_int_equal(messages_in_all(t), 8);
	struct store_sent_erase bad = {.scan_max = 0};
	assert_int_equal(ask_sent_erase(t, &bad), ERR_BAD_REQUEST);
	bad.scan_max = 10001;
	assert_int_equal(ask_sent_erase(t, &bad), ERR_BAD_REQUEST);
}

int store_suite_purge(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(the_oldest_go_by_number, backend),
		SUITE_TEST(all_may_go, backend),
		SUITE_TEST(the_oldest_go_by_time, backend),
		SUITE_TEST(the_first_that_is_not_so_old_ends_it, backend),
		SUITE_TEST(purge_knows_its_ranges, backend),
		SUITE_TEST(a_long_count_is_whole, backend),
		SUITE_TEST(purge_and_append_do_not_disturb_each_other, backend),
		SUITE_TEST(what_one_sent_is_read_in_pages, backend),
		SUITE_TEST(what_one_sent_is_erased, backend),
	};

	return cmocka_run_group_tests_name("store: purge", tests, NULL, NULL);
}
