/* What programs that share a store ask: also of one that nobody shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static void assert_head(const struct store_head *head, const struct room_row *room)
{
	assert_memory_equal(head->room.b, room->id.b, sizeof(room->id.b));
	assert_false(head->gone);
	assert_int_equal(head->last_seq, room->last_seq);
	assert_int_equal(head->member_version, room->member_version);
	assert_int_equal(head->version, room->version);
}

static void assert_gone(const struct store_head *head, const struct uuid *room)
{
	assert_memory_equal(head->room.b, room->b, sizeof(room->b));
	assert_true(head->gone);
	assert_int_equal(head->last_seq, 0);
	assert_int_equal(head->member_version, 0);
	assert_int_equal(head->version, 0);
}

static void heads_come_in_the_order_that_was_asked(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid a = test_room(t, "a", 2), b = test_room(t, "b", 1), c = test_room(t, "c", 3);
	struct store_member_add add = {.room = b, .user = test_user(7)};
	struct store_room_update update = {
		.room = c, .changes = ROOM_SET_NAME, .name = BYTES_LIT("other")};

	test_send(t, a, test_user(1), "1", "one");
	test_send(t, a, test_user(2), "1", "two");
	test_send(t, c, test_user(3), "1", "one");
	assert_int_equal(test_add(t, &add), 0);
	assert_int_equal(ask_room_update(t, &update), 0);
	struct room_row rows[] = {test_room_row(t, a), test_room_row(t, b), test_room_row(t, c)};
	assert_int_equal(rows[0].last_seq, 2);
	assert_int_equal(rows[1].member_version, 2);
	assert_int_equal(rows[2].version, 2);

	const struct uuid asked[] = {c, a, test_user(9), b, a};
	struct store_heads heads = {.rooms = asked, .count = 5};
	assert_int_equal(ask_heads(t, &heads), 0);
	assert_head(&heads.heads[0], &rows[2]);
	assert_head(&heads.heads[1], &rows[0]);
	assert_gone(&heads.heads[2], &asked[2]);
	assert_head(&heads.heads[3], &rows[1]);
	assert_head(&heads.heads[4], &rows[0]); /* asked for twice */
}

static void a_deleted_room_is_gone(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_room_delete end = {.room = room};
	struct store_heads heads = {.rooms = &room, .count = 1};

	test_send(t, room, test_user(1), "1", "one");
	assert_int_equal(ask_heads(t, &heads), 0);
	assert_int_equal(heads.heads[0].last_seq, 1);
	assert_int_equal(ask_room_delete(t, &end), 0);
	assert_int_equal(ask_heads(t, &heads), 0);
	assert_gone(&heads.heads[0], &room);
}

static void many_heads_are_one_request(void **state)
{
	struct store_test *t = suite_test(state);
	enum { MOST = 10000 };
	struct uuid *asked = mem_zalloc((MOST + 1) * sizeof(*asked));
	struct uuid first = test_room(t, "first", 1), last = test_room(t, "last", 1);
	struct store_heads heads = {.rooms = asked, .count = MOST};

	for (size_t i = 0; i < MOST; i++) {
		asked[i] = test_user((unsigned)i);
	}
	asked[0] = first;
	asked[MOST - 1] = last;
	assert_int_equal(ask_heads(t, &heads), 0);
	for (size_t i = 0; i < MOST; i++) {
		assert_memory_equal(heads.heads[i].room.b, asked[i].b, sizeof(asked[i].b));
		assert_int_equal(heads.heads[i].gone, i != 0 && i != MOST - 1);
	}
	heads.count = 0;
	assert_int_equal(ask_heads(t, &heads), ERR_BAD_REQUEST);
	heads.count = MOST + 1;
	assert_int_equal(ask_heads(t, &heads), ERR_BAD_REQUEST);
	free(asked);
}

/* Own changes are known already. */
static void own_changes_are_not_told(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_watch watch = {.from_now = true};

	assert_int_equal(ask_watch(t, &watch), 0);
	assert_int_equal(watch.count, 0);
	struct uuid room = test_room(t, "a", 3);
	struct store_member_remove away = {.room = room, .user = test_user(2)};
	struct store_user_bar ban = {.user = test_user(3), .set_banned = true, .banned = true};
	assert_int_equal(test_remove(t, &away), 0);
	assert_int_equal(ask_user_bar(t, &ban), 0);
	test_send(t, room, test_user(1), "1", "one");
	watch.from_now = false;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ask_watch(t, &watch), 0);
		assert_int_equal(watch.count, 0);
		assert_false(watch.more);
		assert_false(watch.lost);
		assert_false(watch.anew);
	}
}

int store_suite_shared(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(heads_come_in_the_order_that_was_asked, backend),
		SUITE_TEST(a_deleted_room_is_gone, backend),
		SUITE_TEST(many_heads_are_one_request, backend),
		SUITE_TEST(own_changes_are_not_told, backend),
	};

	return cmocka_run_group_tests_name("store: shared", tests, NULL, NULL);
}
