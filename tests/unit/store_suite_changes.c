/* Rooms that change, and rooms that end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static void all_of_a_room_changes_at_once(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	struct store_room_update req = {.room = room,
		.changes = ROOM_SET_NAME | ROOM_SET_ALIAS | ROOM_SET_AVATAR | ROOM_SET_VISIBILITY |
			   ROOM_SET_ARCHIVED,
		.name = BYTES_LIT("Name"),
		.alias = BYTES_LIT("New-Alias"),
		.avatar_url = BYTES_LIT("https://x"),
		.visibility = ROOM_PRIVATE,
		.archived = true,
		.actor = test_actor(1)};

	assert_int_equal(test_room_row(t, room).version, 1);
	atomic_fetch_add(&t->clock.wall_ms, 77);
	assert_int_equal(ask_room_update(t, &req), 0);
	assert_true(req.changed);
	for (int i = 0; i < 2; i++) {
		const struct room_row row = i == 0 ? req.row : test_room_row(t, room);
		assert_bytes(row.name, "Name");
		assert_bytes(row.alias, "new-alias");
		assert_bytes(row.avatar_url, "https://x");
		assert_int_equal(row.visibility, ROOM_PRIVATE);
		assert_int_equal(row.archived_ms, 1700000000077);
		assert_int_equal(row.version, 2);
		assert_int_equal(row.member_version, 1);
		assert_int_equal(row.member_count, 2);
	}
	/* The same once more is no change, and keeps the time. */
	atomic_fetch_add(&t->clock.wall_ms, 100);
	assert_int_equal(ask_room_update(t, &req), 0);
	assert_false(req.changed);
	assert_int_equal(req.row.version, 2);
	assert_int_equal(req.row.archived_ms, 1700000000077);
	/* What is not named stays. */
	req.changes = ROOM_SET_ARCHIVED;
	req.archived = false;
	req.name = BYTES_LIT("ignored");
	assert_int_equal(ask_room_update(t, &req), 0);
	assert_true(req.changed);
	assert_int_equal(req.row.archived_ms, 0);
	assert_bytes(req.row.name, "Name");
	assert_int_equal(req.row.version, 3);
	req.changes = ROOM_SET_AVATAR | ROOM_SET_ALIAS;
	req.avatar_url = req.alias = BYTES_NONE;
	assert_int_equal(ask_room_update(t, &req), 0);
	assert_int_equal(req.row.avatar_url.len + req.row.alias.len, 0);
	req.changes = 0;
	assert_int_equal(ask_room_update(t, &req), 0);
	assert_false(req.changed);
	assert_int_equal(req.row.version, 4);
}

static int set_alias(struct store_test *t, struct uuid room, const char *alias)
{
	struct store_room_update req = {
		.room = room, .changes = ROOM_SET_ALIAS, .alias = bytes_str(alias)};
	int err = ask_room_update(t, &req);

	assert_int_equal(req.changed && err == 0, err == 0);
	return err;
}

static void an_alias_is_taken_and_freed(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid a = test_room(t, "a", 1), b = test_room(t, "b", 1);
	struct store_room_find find = {.ref = BYTES_LIT("a")};

	assert_int_equal(set_alias(t, b, "A"), ERR_EXISTS);
	assert_int_equal(set_alias(t, b, "no spaces"), ERR_BAD_ROOM);
	assert_int_equal(set_alias(t, b, "aa000000-0000-4000-8000-000000000001"), ERR_BAD_ROOM);
	assert_bytes(test_room_row(t, b).alias, "b");
	assert_int_equal(test_room_row(t, b).version, 1);
	assert_int_equal(set_alias(t, a, "c"), 0);
	assert_int_equal(set_alias(t, b, "A"), 0);
	assert_int_equal(test_find(t, &find), 0);
	assert_memory_equal(find.room.id.b, b.b, 16);
	assert_int_equal(set_alias(t, b, ""), 0);
	assert_int_equal(test_find(t, &find), ERR_NOT_FOUND);
	assert_int_equal(set_alias(t, a, "b"), 0);
	/* The one that it has is its own. */
	struct store_room_update same = {
		.room = a, .changes = ROOM_SET_ALIAS, .alias = BYTES_LIT("B")};
	assert_int_equal(ask_room_update(t, &same), 0);
	assert_false(same.changed);
}

/* Nothing of what fails half way is done. */
static void a_refused_change_changes_nothing(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_room_update req = {.room = room,
		.changes = ROOM_SET_NAME | ROOM_SET_ALIAS,
		.name = BYTES_LIT("new"),
		.alias = BYTES_LIT("b")};

	test_room(t, "b", 1);
	assert_int_equal(ask_room_update(t, &req), ERR_EXISTS);
	assert_bytes(test_room_row(t, room).name, "a");
	assert_int_equal(test_room_row(t, room).version, 1);
}

static void a_change_may_expect_a_version(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_room_update req = {.room = room,
		.changes = ROOM_SET_NAME,
		.name = BYTES_LIT("new"),
		.expect_version = 2};
	struct store_room_delete end = {.room = room, .expect_version = 3};

	assert_int_equal(ask_room_update(t, &req), ERR_PRECONDITION);
	req.expect_version = 1;
	assert_int_equal(ask_room_update(t, &req), 0);
	assert_int_equal(req.row.version, 2);
	req.name = BYTES_LIT("newer");
	assert_int_equal(ask_room_update(t, &req), ERR_PRECONDITION);
	req.actor = test_actor(9); /* who may not is told that, and no more */
	assert_int_equal(ask_room_update(t, &req), ERR_NOT_MEMBER);
	assert_bytes(test_room_row(t, room).name, "new");
	assert_int_equal(ask_room_delete(t, &end), ERR_PRECONDITION);
	end.expect_version = 2;
	assert_int_equal(ask_room_delete(t, &end), 0);
}

static void messages_and_members_are_no_change_of_the_room(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);

	test_send(t, room, test_user(1), "1", "text");
	test_role(t, room, 2, ROLE_ADMIN);
	assert_int_equal(test_room_row(t, room).version, 1);
	assert_int_equal(test_room_row(t, room).member_version, 2);
}

/* ---- the end ---- */

static bool sweep(struct store_test *t, uint32_t limit)
{
	struct store_room_sweep req = {.limit = limit};

	assert_int_equal(ask_room_sweep(t, &req), 0);
	return req.more;
}

static void send_many(struct store_test *t, struct uuid room, size_t count)
{
	char key[24];

	for (size_t i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "%zu", i);
		test_send(t, room, test_user(1), key, "text");
	}
}

static void a_deleted_room_is_gone_at_once(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 3), other = test_room(t, "b", 1);
	struct store_room_delete req = {.room = room, .actor = test_actor(1)};
	struct store_room_find find = {.ref = BYTES_LIT("a")};
	struct store_page page = {.room = room, .limit = 5};
	struct store_member_list list = {.room = room};
	struct store_user_open user = {.user = test_user(2)};
	struct store_status status = {0};

	send_many(t, room, 3);
	send_many(t, other, 2);
	assert_int_equal(ask_room_delete(t, &req), 0);
	assert_bytes(req.row.alias, "a");
	assert_int_equal(req.row.member_count, 3);
	assert_int_equal(req.row.last_seq, 3);
	assert_int_equal(test_find(t, &find), ERR_NOT_FOUND);
	assert_int_equal(test_page(t, &page), ERR_NOT_FOUND);
	assert_int_equal(test_list(t, &list), ERR_NOT_FOUND);
	assert_int_equal(ask_room_delete(t, &req), ERR_NOT_FOUND);
	struct append_item item = test_item(room, test_user(1), "9", "text");
	assert_int_equal(test_outcome(t, &item), APPEND_NOT_MEMBER);
	item = test_item(room, test_user(1), "1", "text"); /* not even as a repeat */
	assert_int_equal(test_outcome(t, &item), APPEND_NOT_MEMBER);
	assert_int_equal(test_open_user(t, &user), 0);
	assert_int_equal(user.room_count, 0);
	assert_int_equal(test_status(t, &status), 0);
	assert_int_equal(status.rooms, 1);
	assert_int_equal(status.messages, 2);
	struct store_user_erase erase = {.user = test_user(2)}; /* he is in no room any more */
	assert_int_equal(ask_user_erase(t, &erase), 0);
	test_room(t, "a", 1); /* the alias is free */
}

static void its_messages_go_some_at_a_time(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid a = test_room(t, "a", 1), b = test_room(t, "b", 1), c = test_room(t, "c", 1);
	struct uuid kept = test_room(t, "kept", 1);
	struct store_sent_page sent = {.user = test_user(1), .scan_max = 100};
	const struct uuid dead[] = {a, b, c};

	send_many(t, a, 5);
	send_many(t, b, 3);
	send_many(t, kept, 2);
	assert_false(sweep(t, 10)); /* there is none */
	for (size_t i = 0; i < 3; i++) {
		struct store_room_delete end = {.room = dead[i]};
		assert_int_equal(ask_room_delete(t, &end), 0);
	}
	size_t turns = 1;
	while (sweep(t, 2)) {
		turns++;
	}
	/* 8 messages, and at most one call more for each room that ends. */
	assert_in_range(turns, 4, 8);
	assert_false(sweep(t, 1));
	assert_int_equal(ask_sent_page(t, &sent), 0);
	assert_int_equal(sent.count, 2);
	assert_int_equal(test_room_row(t, kept).last_seq, 2);
	struct store_room_sweep bad = {.limit = 0};
	assert_int_equal(ask_room_sweep(t, &bad), ERR_BAD_REQUEST);
	bad.limit = 10001;
	assert_int_equal(ask_room_sweep(t, &bad), ERR_BAD_REQUEST);
}

static void one_call_may_sweep_all(void **state)
{
	struct store_test *t = suite_test(state);

	for (size_t i = 0; i < 3; i++) {
		struct store_room_delete end = {.room = test_room(t, NULL, 1)};
		send_many(t, end.room, i); /* one of them is empty */
		assert_int_equal(ask_room_delete(t, &end), 0);
	}
	assert_false(sweep(t, 1000));
}

static void an_id_is_free_again_when_all_is_gone(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_room_delete end = {.room = room};
	struct store_room_create again = {.room = {.id = room, .name = BYTES_LIT("again")}};

	send_many(t, room, 3);
	assert_int_equal(ask_room_delete(t, &end), 0);
	assert_int_equal(test_create(t, &again), ERR_CONFLICT);
	assert_true(sweep(t, 2));
	again.room = (struct room_row){.id = room, .name = BYTES_LIT("again")};
	assert_int_equal(test_create(t, &again), ERR_CONFLICT);
	while (sweep(t, 2)) {
	}
	again.room = (struct room_row){.id = room, .name = BYTES_LIT("again")};
	assert_int_equal(test_create(t, &again), 0);
	assert_true(again.created);
	assert_int_equal(again.room.last_seq, 0);
}

int store_suite_changes(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(all_of_a_room_changes_at_once, backend),
		SUITE_TEST(an_alias_is_taken_and_freed, backend),
		SUITE_TEST(a_refused_change_changes_nothing, backend),
		SUITE_TEST(a_change_may_expect_a_version, backend),
		SUITE_TEST(messages_and_members_are_no_change_of_the_room, backend),
		SUITE_TEST(a_deleted_room_is_gone_at_once, backend),
		SUITE_TEST(its_messages_go_some_at_a_time, backend),
		SUITE_TEST(one_call_may_sweep_all, backend),
		SUITE_TEST(an_id_is_free_again_when_all_is_gone, backend),
	};

	return cmocka_run_group_tests_name("store: changes", tests, NULL, NULL);
}
