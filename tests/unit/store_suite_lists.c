/* Rooms as a user sees them, in pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

/* Rooms of one page after another, by their place in ids; -1 for one that is none of them. */
static size_t collect(struct store_test *t, struct store_rooms_page *page, const struct uuid *ids,
	size_t id_count, int *ret_seen)
{
	size_t seen = 0;

	do {
		assert_int_equal(ask_rooms_page(t, page), 0);
		assert_true(page->count <= page->limit);
		for (size_t i = 0; i < page->count; i++) {
			assert_true(seen < 32);
			ret_seen[seen] = -1;
			for (size_t j = 0; j < id_count; j++) {
				if (uuid_eq(&page->rooms[i].room.id, &ids[j])) {
					ret_seen[seen] = (int)j;
				}
			}
			seen++;
			page->after_id = page->rooms[i].room.id;
			page->after_name = page->rooms[i].room.name.ptr != NULL
						   ? page->rooms[i].room.name
						   : BYTES_LIT("");
		}
	} while (page->count == page->limit);
	return seen;
}

static void own_rooms_by_id(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid ids[7];
	int seen[32];

	for (size_t i = 0; i < 7; i++) {
		ids[i] = i % 2 == 0 ? test_room(t, NULL, 2) : test_private_room(t, 2);
		test_room(t, NULL, 1); /* of another */
	}
	for (uint32_t limit = 1; limit <= 8; limit++) {
		struct store_rooms_page page = {.user = test_user(2), .limit = limit};
		assert_int_equal(collect(t, &page, ids, 7, seen), 7);
		for (size_t i = 0; i < 7; i++) {
			assert_in_range(seen[i], 0, 6);
			assert_true(i == 0 || memcmp(ids[seen[i - 1]].b, ids[seen[i]].b, 16) < 0);
		}
	}
	struct store_rooms_page nobody = {.user = test_user(99), .limit = 10};
	assert_int_equal(collect(t, &nobody, ids, 7, seen), 0);
}

static struct uuid named(struct store_test *t, const char *name, enum room_visibility visibility)
{
	struct store_room_create req = {0};

	uuid_random(&req.room.id);
	req.room.name = bytes_str(name);
	req.room.visibility = visibility;
	assert_int_equal(test_create(t, &req), 0);
	return req.room.id;
}

/* Equal names are told apart by the id, so that no page skips or repeats one. */
static void public_rooms_by_name(void **state)
{
	struct store_test *t = suite_test(state);
	const struct uuid ids[] = {
		named(t, "same", ROOM_PUBLIC),
		named(t, "", ROOM_PUBLIC),
		named(t, "same", ROOM_PUBLIC),
		named(t, "a", ROOM_PUBLIC),
		named(t, "same", ROOM_PRIVATE),
		named(t, "z", ROOM_PUBLIC),
		named(t, "same", ROOM_PUBLIC),
	};
	int seen[32];

	test_direct_room(t, 1, 2);
	for (uint32_t limit = 1; limit <= 7; limit++) {
		struct store_rooms_page page = {
			.user = test_user(1), .limit = limit, .all_public = true};
		assert_int_equal(collect(t, &page, ids, 7, seen), 6);
		assert_int_equal(seen[0], 1);
		assert_int_equal(seen[1], 3);
		assert_int_equal(seen[5], 5);
		for (size_t i = 2; i < 5; i++) {
			assert_true(seen[i] == 0 || seen[i] == 2 || seen[i] == 6);
			assert_true(i == 2 || memcmp(ids[seen[i - 1]].b, ids[seen[i]].b, 16) < 0);
		}
	}
}

static void a_type_may_be_asked_for(void **state)
{
	struct store_test *t = suite_test(state);
	const struct uuid ids[] = {test_room(t, "a", 2), test_direct_room(t, 1, 2)};
	struct store_rooms_page page = {
		.user = test_user(2), .limit = 5, .has_type = true, .type = ROOM_DIRECT};
	int seen[32];

	assert_int_equal(collect(t, &page, ids, 2, seen), 1);
	assert_int_equal(seen[0], 1);
	page = (struct store_rooms_page){
		.user = test_user(2), .limit = 1, .has_type = true, .type = ROOM_GROUP};
	assert_int_equal(collect(t, &page, ids, 2, seen), 1);
	assert_int_equal(seen[0], 0);
	page = (struct store_rooms_page){
		.limit = 5, .has_type = true, .type = ROOM_DIRECT, .all_public = true};
	assert_int_equal(collect(t, &page, ids, 2, seen), 0);
}

static void a_listed_room_tells_all(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	struct store_rooms_page own = {.user = test_user(2), .limit = 5};
	struct store_rooms_page strange = {.user = test_user(9), .limit = 5, .all_public = true};
	struct append_item item = test_item(room, test_user(1), "2", "the last");

	assert_int_equal(ask_rooms_page(t, &own), 0);
	assert_int_equal(own.count, 1);
	assert_false(own.rooms[0].has_last);
	test_send(t, room, test_user(1), "1", "the first");
	item.attachment = BYTES_LIT("{}");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(ask_rooms_page(t, &own), 0);
	const struct room_listed *listed = &own.rooms[0];
	assert_bytes(listed->room.alias, "a");
	assert_int_equal(listed->room.last_seq, 2);
	assert_int_equal(listed->room.member_count, 2);
	assert_int_equal(listed->role, ROLE_MEMBER);
	assert_int_equal(listed->last_read_seq, 0);
	assert_true(listed->has_last);
	assert_int_equal(listed->last.seq, 2);
	assert_bytes(listed->last.content, "the last");
	assert_bytes(listed->last.attachment, "{}");
	assert_user(&listed->last.sender, 1);
	assert_memory_equal(listed->last.room.b, room.b, 16);

	assert_int_equal(ask_rooms_page(t, &strange), 0);
	assert_int_equal(strange.count, 1);
	assert_int_equal(strange.rooms[0].role, ROLE_NONE);
	assert_bytes(strange.rooms[0].last.content, "the last");
	strange.user = test_user(1);
	assert_int_equal(ask_rooms_page(t, &strange), 0);
	assert_int_equal(strange.rooms[0].role, ROLE_OWNER);
}

static void a_room_may_have_no_last_message_left(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_rooms_page page = {.user = test_user(1), .limit = 5};
	struct store_purge purge = {.room = room, .before_seq = 99, .limit = 10};

	test_send(t, room, test_user(1), "1", "text");
	assert_int_equal(ask_purge(t, &purge), 0);
	assert_int_equal(ask_rooms_page(t, &page), 0);
	assert_int_equal(page.count, 1);
	assert_false(page.rooms[0].has_last);
	assert_int_equal(page.rooms[0].room.last_seq, 1);
}

static void visibility_takes_effect_in_lists(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_rooms_page page = {.user = test_user(9), .limit = 5, .all_public = true};
	struct store_room_update hide = {
		.room = room, .changes = ROOM_SET_VISIBILITY, .visibility = ROOM_PRIVATE};

	assert_int_equal(ask_rooms_page(t, &page), 0);
	assert_int_equal(page.count, 1);
	assert_int_equal(ask_room_update(t, &hide), 0);
	assert_int_equal(ask_rooms_page(t, &page), 0);
	assert_int_equal(page.count, 0);
	hide.visibility = ROOM_PUBLIC;
	assert_int_equal(ask_room_update(t, &hide), 0);
	assert_int_equal(ask_rooms_page(t, &page), 0);
	assert_int_equal(page.count, 1);
}

static void limits_are_checked(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_rooms_page page = {.limit = 0};

	assert_int_equal(ask_rooms_page(t, &page), ERR_BAD_REQUEST);
	page.limit = 1001;
	assert_int_equal(ask_rooms_page(t, &page), ERR_BAD_REQUEST);
	page.limit = 1000;
	assert_int_equal(ask_rooms_page(t, &page), 0);
}

int store_suite_lists(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(own_rooms_by_id, backend),
		SUITE_TEST(public_rooms_by_name, backend),
		SUITE_TEST(a_type_may_be_asked_for, backend),
		SUITE_TEST(a_listed_room_tells_all, backend),
		SUITE_TEST(a_room_may_have_no_last_message_left, backend),
		SUITE_TEST(visibility_takes_effect_in_lists, backend),
		SUITE_TEST(limits_are_checked, backend),
	};

	return cmocka_run_group_tests_name("store: lists", tests, NULL, NULL);
}
