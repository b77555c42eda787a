/* Messages: stored once, numbered without holes, read by page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static struct store_test *test_of(void **state)
{
	return &((struct suite_state *)*state)->test;
}

/* ---- append ---- */

static void numbers_start_at_one_and_have_no_holes(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid a = test_room(t, "a", 2), b = test_room(t, "b", 1);
	struct append_item items[] = {
		test_item(a, test_user(1), "1", "one"),
		test_item(b, test_user(1), "1", "other room"),
		test_item(a, test_user(2), "1", "two"),
		test_item(a, test_user(1), "2", "three"),
		test_item(b, test_user(1), "2", "other room again"),
	};
	const uint64_t seqs[] = {1, 1, 2, 3, 2};

	assert_int_equal(test_append(t, items, 5), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(items[i].outcome, APPEND_STORED);
		assert_int_equal(items[i].err, 0);
		assert_int_equal(items[i].seq, seqs[i]);
		assert_int_equal(items[i].sent_ms, 1700000000000);
		assert_int_equal(items[i].member_version, 1);
	}
	assert_int_equal(test_send(t, a, test_user(2), "3", "four"), 4);
}

static void nothing_is_an_answer_too(void **state)
{
	struct store_test *t = test_of(state);

	assert_int_equal(test_append(t, NULL, 0), 0);
}

static void a_repeat_gets_the_first_answer(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 2);
	struct append_item twins[] = {
		test_item(room, test_user(1), "same", "text"),
		test_item(room, test_user(1), "same", "text"),
		test_item(room, test_user(1), "same", "other text"),
		test_item(room, test_user(2), "same", "text"), /* another sender: another key */
	};

	assert_int_equal(test_append(t, twins, 4), 0);
	assert_int_equal(twins[0].outcome, APPEND_STORED);
	assert_int_equal(twins[1].outcome, APPEND_REPEATED);
	assert_int_equal(twins[1].seq, 1);
	assert_int_equal(twins[1].sent_ms, twins[0].sent_ms);
	assert_int_equal(twins[2].outcome, APPEND_CONFLICT);
	assert_int_equal(twins[2].seq, 1);
	assert_int_equal(twins[3].outcome, APPEND_STORED);
	assert_int_equal(twins[3].seq, 2);

	atomic_fetch_add(&t->clock.wall_ms, 5000);
	struct append_item late = test_item(room, test_user(1), "same", "text");
	assert_int_equal(test_append(t, &late, 1), 0);
	assert_int_equal(late.outcome, APPEND_REPEATED);
	assert_int_equal(late.seq, 1);
	assert_int_equal(late.sent_ms, 1700000000000);
	assert_int_equal(test_send(t, room, test_user(1), "new", "text"), 3);
}

static void only_members_send(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1), none = test_user(999);
	struct append_item items[] = {
		test_item(room, test_user(7), "1", "stranger"),
		test_item(none, test_user(1), "1", "no such room"),
		test_item(room, test_user(1), "1", "member"),
	};

	assert_int_equal(test_append(t, items, 3), 0);
	assert_int_equal(items[0].outcome, APPEND_NOT_MEMBER);
	assert_int_equal(items[1].outcome, APPEND_NOT_MEMBER);
	assert_int_equal(items[2].outcome, APPEND_STORED);
	assert_int_equal(items[2].seq, 1);

	/* Who was removed is told so, also for what he had sent before. */
	struct store_member_remove removal = {.room = room, .user = test_user(1)};
	assert_int_equal(test_remove(t, &removal), 0);
	assert_int_equal(test_append(t, &items[2], 1), 0);
	assert_int_equal(items[2].outcome, APPEND_NOT_MEMBER);
}

static void archived_rooms_take_nothing_new(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);

	test_send(t, room, test_user(1), "1", "before");
	((struct suite_state *)*state)->backend->archive_all(t);
	struct append_item items[] = {
		test_item(room, test_user(1), "2", "after"),
		test_item(room, test_user(1), "1", "before"),
		test_item(room, test_user(1), "1", "changed"),
		test_item(room, test_user(2), "1", "stranger"),
	};
	assert_int_equal(test_append(t, items, 4), 0);
	assert_int_equal(items[0].outcome, APPEND_ARCHIVED);
	assert_int_equal(items[1].outcome, APPEND_REPEATED);
	assert_int_equal(items[2].outcome, APPEND_CONFLICT);
	assert_int_equal(items[3].outcome, APPEND_NOT_MEMBER);

	struct store_room_find find = {.ref = BYTES_LIT("a")};
	assert_int_equal(test_find(t, &find), 0);
	assert_true(find.room.archived_ms != 0);
	assert_int_equal(find.room.last_seq, 1);
}

static void time_of_a_room_never_goes_back(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item item;

	atomic_fetch_add(&t->clock.wall_ms, 1000);
	test_send(t, room, test_user(1), "1", "late");
	atomic_fetch_sub(&t->clock.wall_ms, 60000);
	item = test_item(room, test_user(1), "2", "after the clock was set back");
	assert_int_equal(test_append(t, &item, 1), 0);
	assert_int_equal(item.sent_ms, 1700000001000);
	atomic_fetch_add(&t->clock.wall_ms, 120000);
	item = test_item(room, test_user(1), "3", "later");
	assert_int_equal(test_append(t, &item, 1), 0);
	assert_int_equal(item.sent_ms, 1700000061000);
}

/* ---- pages ---- */

static void a_message_comes_back_as_it_was(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item items[] = {
		test_item(room, test_user(1), "key", "plain \xc3\xa4"),
		test_item(room, test_user(1), "e", ""),
	};
	struct store_page page = {.room = room, .limit = 10};

	items[0].type = MESSAGE_FILE;
	items[0].ref_seq = 17;
	items[0].attachment = BYTES_LIT("{\"url\":\"x\"}");
	items[1].encrypted = true;
	items[1].content = bytes_of("\0\xff\1", 3);
	items[1].nonce = bytes_of("\0nonce", 6);
	items[1].auth_tag = bytes_of("tag\0", 4);
	items[1].client_message_id = BYTES_NONE;
	assert_int_equal(test_append(t, items, 2), 0);
	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.count, 2);
	const struct message_row *row = &page.rows[0];
	assert_true(uuid_eq(&row->room, &room));
	assert_int_equal(row->seq, 1);
	assert_memory_equal(row->sender.b, test_user(1).b, 16);
	assert_int_equal(row->type, MESSAGE_FILE);
	assert_int_equal(row->ref_seq, 17);
	assert_int_equal(row->sent_ms, 1700000000000);
	assert_int_equal(row->epoch_no, t->store->epoch_no);
	assert_bytes(row->client_message_id, "key");
	assert_bytes(row->content, "plain \xc3\xa4");
	assert_bytes(row->attachment, "{\"url\":\"x\"}");
	assert_false(row->encrypted);
	assert_int_equal(row->nonce.len + row->auth_tag.len, 0);
	assert_true(uuid_is_nil(&row->imported_id));
	row = &page.rows[1];
	assert_int_equal(row->type, MESSAGE_TEXT);
	assert_int_equal(row->ref_seq, 0);
	assert_int_equal(row->client_message_id.len, 0);
	assert_true(row->encrypted);
	assert_true(bytes_eq(row->content, bytes_of("\0\xff\1", 3)));
	assert_true(bytes_eq(row->nonce, bytes_of("\0nonce", 6)));
	assert_true(bytes_eq(row->auth_tag, bytes_of("tag\0", 4)));
	assert_int_equal(row->attachment.len, 0);
}

/* expected: the numbers as text, "3 4 5". */
static void assert_page(struct store_test *t, struct uuid room, uint64_t after, uint64_t before,
	uint32_t limit, bool newest, const char *expected)
{
	struct store_page page = {.room = room,
		.after_seq = after,
		.before_seq = before,
		.limit = limit,
		.newest = newest};
	struct buf is;

	buf_init(&is);
	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.last_seq, 9);
	for (size_t i = 0; i < page.count; i++) {
		buf_printf(&is, "%s%d", i > 0 ? " " : "", (int)page.rows[i].seq);
	}
	assert_string_equal(buf_cstr(&is), expected);
	buf_finish(&is);
}

static struct uuid room_of_nine(struct store_test *t)
{
	struct uuid room = test_room(t, "nine", 1), other = test_room(t, "other", 1);
	char key[16];

	for (int i = 1; i <= 9; i++) {
		snprintf(key, sizeof(key), "%d", i);
		test_send(t, room, test_user(1), key, "text");
		test_send(t, other, test_user(1), key, "not this one");
	}
	return room;
}

static void pages_are_cut_at_the_end_that_was_asked(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = room_of_nine(t);

	assert_page(t, room, 0, 0, 1000, false, "1 2 3 4 5 6 7 8 9");
	assert_page(t, room, 0, 0, 3, false, "1 2 3");
	assert_page(t, room, 0, 0, 3, true, "7 8 9");
	assert_page(t, room, 4, 0, 3, false, "5 6 7");
	assert_page(t, room, 4, 0, 9, true, "5 6 7 8 9");
	assert_page(t, room, 0, 4, 2, true, "2 3");
	assert_page(t, room, 0, 4, 2, false, "1 2");
	assert_page(t, room, 3, 7, 9, false, "4 5 6");
	assert_page(t, room, 3, 7, 1, true, "6");
	assert_page(t, room, 3, 4, 9, false, "");
	assert_page(t, room, 9, 0, 9, false, "");
	assert_page(t, room, 0, 1, 9, true, "");
	assert_page(t, room, 8, UINT64_MAX, 9, false, "9");
	assert_page(t, room, UINT64_MAX, 0, 9, false, "");
	assert_page(t, room, UINT64_MAX, UINT64_MAX, 9, true, "");
	assert_page(t, room, 7, 3, 9, true, "");
}

/* Ten messages: the last one's text is long. Each weighs 512 and its text; numbers as text. */
static void assert_weighed(
	struct store_test *t, struct store_page page, const char *expected, bool cut)
{
	struct buf is;

	buf_init(&is);
	assert_int_equal(test_page(t, &page), 0);
	for (size_t i = 0; i < page.count; i++) {
		buf_printf(&is, "%s%d", i > 0 ? " " : "", (int)page.rows[i].seq);
	}
	assert_string_equal(buf_cstr(&is), expected);
	assert_int_equal(page.cut, cut);
	assert_int_equal(page.last_seq, 10);
	buf_finish(&is);
}

static void pages_end_where_they_weigh_enough(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_page page = {.room = room, .limit = 1000};
	char key[16], text[2001] = {0}, picture[301] = {0};

	for (int i = 1; i <= 8; i++) {
		snprintf(key, sizeof(key), "%d", i);
		test_send(t, room, test_user(1), key, "12345678"); /* 520 */
	}
	struct append_item items[] = {
		test_item(room, test_user(1), "9", "12345678"), /* 820 */
		test_item(room, test_user(1), "10", memset(text, 'x', 2000)), /* 2512 */
	};
	items[0].attachment = bytes_str(memset(picture, 'x', 300));
	items[1].encrypted = true;
	assert_int_equal(test_append(t, items, 2), 0);

	assert_weighed(t, page, "1 2 3 4 5 6 7 8 9 10", false);
	page.max_bytes = 1;
	assert_weighed(t, page, "1", true);
	page.max_bytes = 520;
	assert_weighed(t, page, "1", true);
	page.max_bytes = 521;
	assert_weighed(t, page, "1 2", true);
	page.max_bytes = 8 * 520 + 820;
	assert_weighed(t, page, "1 2 3 4 5 6 7 8 9", true);
	page.max_bytes++;
	assert_weighed(t, page, "1 2 3 4 5 6 7 8 9 10", false);
	page.before_seq = 4;
	page.max_bytes = 3 * 520;
	assert_weighed(t, page, "1 2 3", false); /* there is no more */
	page.before_seq = 0;
	page.newest = true;
	page.max_bytes = 2512;
	assert_weighed(t, page, "10", true);
	page.max_bytes = 2513;
	assert_weighed(t, page, "9 10", true);
	page.max_bytes = 2512 + 820 + 1;
	assert_weighed(t, page, "8 9 10", true);
	page.limit = 2;
	assert_weighed(t, page, "9 10", false); /* the limit ended it */
	page.after_seq = 9;
	page.max_bytes = 1;
	assert_weighed(t, page, "10", false);
}

static void what_was_purged_is_told(void **state)
{
	struct store_test *t = test_of(state);
	const struct suite_backend *backend = ((struct suite_state *)*state)->backend;
	struct uuid room = room_of_nine(t);
	struct store_page page = {.room = room, .limit = 1};

	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.first_kept_seq, 1);
	backend->purge_below(t, 4);
	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.first_kept_seq, 4);
	assert_int_equal(page.rows[0].seq, 4);
	backend->purge_below(t, 100);
	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.first_kept_seq, 10);
	assert_int_equal(page.last_seq, 9);
	assert_int_equal(page.count, 0);
	assert_int_equal(test_send(t, room, test_user(1), "10", "goes on"), 10);
}

static void pages_of_empty_and_missing_rooms(void **state)
{
	struct store_test *t = test_of(state);
	struct store_page page = {.room = test_room(t, "a", 1), .limit = 5};

	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.count, 0);
	assert_int_equal(page.last_seq, 0);
	assert_int_equal(page.first_kept_seq, 1);
	page.room = test_user(5);
	assert_int_equal(test_page(t, &page), ERR_NOT_FOUND);
	page.limit = 0;
	assert_int_equal(test_page(t, &page), ERR_BAD_REQUEST);
	page.limit = 1001;
	assert_int_equal(test_page(t, &page), ERR_BAD_REQUEST);
}

static void everything_outlives_the_store(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_page page = {.room = room, .limit = 5};
	char epoch[17];
	uint8_t secret[32];

	test_send(t, room, test_user(1), "1", "text");
	memcpy(epoch, t->store->epoch, sizeof(epoch));
	memcpy(secret, t->store->fleet_secret, sizeof(secret));
	((struct suite_state *)*state)->backend->reopen(t);
	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.count, 1);
	assert_bytes(page.rows[0].content, "text");
	assert_string_equal(t->store->epoch, epoch);
	assert_memory_equal(t->store->fleet_secret, secret, sizeof(secret));
	assert_int_equal(t->store->epoch_count, t->store->epoch_no + 1);
	assert_string_equal(t->store->epochs[t->store->epoch_no], epoch);
	assert_int_equal(strspn(epoch, "0123456789abcdef"), 16);
	assert_int_equal(test_send(t, room, test_user(1), "2", "text"), 2);
}

int store_suite_messages(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(numbers_start_at_one_and_have_no_holes, backend),
		SUITE_TEST(nothing_is_an_answer_too, backend),
		SUITE_TEST(a_repeat_gets_the_first_answer, backend),
		SUITE_TEST(only_members_send, backend),
		SUITE_TEST(archived_rooms_take_nothing_new, backend),
		SUITE_TEST(time_of_a_room_never_goes_back, backend),
		SUITE_TEST(a_message_comes_back_as_it_was, backend),
		SUITE_TEST(pages_are_cut_at_the_end_that_was_asked, backend),
		SUITE_TEST(pages_end_where_they_weigh_enough, backend),
		SUITE_TEST(what_was_purged_is_told, backend),
		SUITE_TEST(pages_of_empty_and_missing_rooms, backend),
		SUITE_TEST(everything_outlives_the_store, backend),
	};

	return cmocka_run_group_tests_name("store: messages", tests, NULL, NULL);
}
