/* Users: profiles, bans, revoked tokens, erasure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static struct user_row open_user(struct store_test *t, unsigned user, const char *name)
{
	struct store_user_open req = {.user = test_user(user),
		.identity = bytes_str(name),
		.display_name = bytes_str(name)};

	assert_int_equal(test_open_user(t, &req), 0);
	return req.row;
}

static struct user_row find(struct store_test *t, unsigned user)
{
	struct store_user_find req = {.user = test_user(user)};

	assert_int_equal(ask_user_find(t, &req), 0);
	return req.row;
}

/* ---- find and list ---- */

static void users_are_found(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_find req = {.user = test_user(1)};

	assert_int_equal(ask_user_find(t, &req), ERR_NOT_FOUND);
	open_user(t, 1, "alice");
	struct user_row row = find(t, 1);
	assert_user(&row.id, 1);
	assert_bytes(row.identity, "alice");
	assert_bytes(row.display_name, "alice");
	assert_int_equal(row.created_ms, 1700000000000);
	assert_int_equal(row.version, 1);
	assert_int_equal(row.banned_ms, 0);
	assert_int_equal(row.tokens_from_ms, 0);
	assert_int_equal(row.ban_reason.len + row.avatar_url.len, 0);
	test_room(t, "a", 2); /* makes user 2, who was never here */
	assert_bytes(find(t, 2).identity, "aa000000-0000-4000-8000-000000000002");
}

static size_t list(struct store_test *t, struct store_user_list *req, unsigned *ret_seen)
{
	size_t seen = 0;

	do {
		assert_int_equal(ask_user_list(t, req), 0);
		assert_true(req->count <= req->limit);
		for (size_t i = 0; i < req->count; i++) {
			assert_true(seen < 16);
			ret_seen[seen++] = req->users[i].id.b[15];
			req->after_identity = req->users[i].identity;
			req->after_id = req->users[i].id;
		}
	} while (req->count == req->limit);
	return seen;
}

static void ban(struct store_test *t, unsigned user, const char *reason)
{
	struct store_user_bar req = {.user = test_user(user),
		.set_banned = true,
		.banned = true,
		.reason = bytes_str(reason)};

	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_true(req.row.banned_ms != 0);
}

static void users_are_listed_by_identity(void **state)
{
	struct store_test *t = suite_test(state);
	static const unsigned expected[] = {3, 1, 4, 5, 2};
	unsigned seen[16];

	open_user(t, 2, "zoe");
	open_user(t, 1, "same");
	open_user(t, 5, "same");
	open_user(t, 4, "same");
	open_user(t, 3, "alice");
	for (uint32_t limit = 1; limit <= 6; limit++) {
		struct store_user_list req = {.limit = limit};
		assert_int_equal(list(t, &req, seen), 5);
		for (size_t i = 0; i < 5; i++) {
			assert_int_equal(seen[i], expected[i]);
		}
	}
	ban(t, 5, "x");
	ban(t, 2, NULL);
	for (uint32_t limit = 1; limit <= 3; limit++) {
		struct store_user_list req = {.limit = limit, .banned_only = true};
		assert_int_equal(list(t, &req, seen), 2);
		assert_int_equal(seen[0], 5);
		assert_int_equal(seen[1], 2);
	}
	struct store_user_list bad = {.limit = 0};
	assert_int_equal(ask_user_list(t, &bad), ERR_BAD_REQUEST);
	bad.limit = 1001;
	assert_int_equal(ask_user_list(t, &bad), ERR_BAD_REQUEST);
}

/* ---- the profile ---- */

static void a_profile_changes(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_update req = {.user = test_user(1),
		.identity = BYTES_LIT("alice"),
		.set_name = true,
		.set_avatar = true,
		.display_name = BYTES_LIT("Alice"),
		.avatar_url = BYTES_LIT("https://a")};

	open_user(t, 1, "alice");
	assert_int_equal(ask_user_update(t, &req), 0);
	for (int i = 0; i < 2; i++) {
		struct user_row row = i == 0 ? req.row : find(t, 1);
		assert_bytes(row.display_name, "Alice");
		assert_bytes(row.avatar_url, "https://a");
		assert_bytes(row.identity, "alice");
		assert_int_equal(row.version, 2);
	}
	assert_int_equal(ask_user_update(t, &req), 0);
	assert_int_equal(req.row.version, 2); /* nothing is different */
	req.set_name = false;
	req.avatar_url = BYTES_NONE;
	req.display_name = BYTES_LIT("ignored");
	assert_int_equal(ask_user_update(t, &req), 0);
	assert_int_equal(req.row.avatar_url.len, 0);
	assert_bytes(req.row.display_name, "Alice");
	assert_int_equal(req.row.version, 3);
	/* The name in his tokens does not count. */
	assert_bytes(open_user(t, 1, "Another").display_name, "Alice");
	req.set_name = true;
	req.display_name = BYTES_NONE;
	assert_int_equal(ask_user_update(t, &req), ERR_BAD_REQUEST);
}

static void a_profile_may_expect_a_version(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_update req = {.user = test_user(1),
		.identity = BYTES_LIT("alice"),
		.set_name = true,
		.display_name = BYTES_LIT("Alice"),
		.expect_version = 1};

	open_user(t, 1, "alice");
	assert_int_equal(ask_user_update(t, &req), 0);
	req.display_name = BYTES_LIT("Alicia");
	assert_int_equal(ask_user_update(t, &req), ERR_PRECONDITION);
	assert_bytes(find(t, 1).display_name, "Alice");
	req.expect_version = 2;
	assert_int_equal(ask_user_update(t, &req), 0);
	assert_bytes(find(t, 1).display_name, "Alicia");
	/* Who is no row yet had no version that he could have seen. */
	req.user = test_user(2);
	assert_int_equal(ask_user_update(t, &req), ERR_PRECONDITION);
	struct store_user_find none = {.user = test_user(2)};
	assert_int_equal(ask_user_find(t, &none), ERR_NOT_FOUND);
}

static void a_profile_makes_its_user(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_update req = {.user = test_user(2),
		.identity = BYTES_LIT("bob"),
		.set_name = true,
		.display_name = BYTES_LIT("Bob")};

	test_room(t, "a", 2); /* who was only named so far */
	assert_int_equal(ask_user_update(t, &req), 0);
	assert_bytes(req.row.identity, "bob");
	assert_bytes(req.row.display_name, "Bob");
	assert_bytes(open_user(t, 2, "token's name").display_name, "Bob");
	req.user = test_user(3);
	req.identity = BYTES_LIT("carl");
	req.set_name = false;
	assert_int_equal(ask_user_update(t, &req), 0);
	assert_bytes(req.row.identity, "carl");
	assert_bytes(req.row.display_name, "carl");
}

/* ---- bars ---- */

static void a_ban_is_kept_and_lifted(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_bar req = {.user = test_user(1),
		.identity = BYTES_LIT("ignored"),
		.set_banned = true,
		.banned = true,
		.reason = BYTES_LIT("spam")};

	open_user(t, 1, "alice");
	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_int_equal(req.row.banned_ms, 1700000000000);
	assert_bytes(req.row.ban_reason, "spam");
	assert_bytes(req.row.identity, "alice");
	assert_int_equal(req.row.version, 1);
	assert_int_equal(open_user(t, 1, "alice").banned_ms, 1700000000000);
	atomic_fetch_add(&t->clock.wall_ms, 1000);
	req.reason = BYTES_LIT("more spam");
	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_int_equal(find(t, 1).banned_ms, 1700000000000);
	assert_bytes(find(t, 1).ban_reason, "more spam");
	req.banned = false;
	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_int_equal(req.row.banned_ms, 0);
	assert_int_equal(find(t, 1).banned_ms, 0);
	assert_int_equal(find(t, 1).ban_reason.len, 0);
	assert_int_equal(find(t, 1).tokens_from_ms, 0);
}

static void who_was_never_here_can_be_banned(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_bar req = {.user = test_user(1),
		.identity = BYTES_LIT("mallory"),
		.set_banned = true,
		.banned = true};

	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_bytes(find(t, 1).identity, "mallory");
	req.user = test_user(2);
	req.identity = BYTES_NONE;
	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_bytes(find(t, 2).identity, "aa000000-0000-4000-8000-000000000002");
	/* His name comes with him if he is let in again. */
	assert_bytes(open_user(t, 1, "Mallory").display_name, "Mallory");
}

/* Tokens say their age in seconds: those of this second are refused, those of the next are not. */
static void tokens_are_refused_from_the_next_second(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_bar req = {.user = test_user(1), .set_tokens_from = true};

	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_int_equal(req.row.tokens_from_ms, 1700000001000);
	assert_int_equal(req.row.banned_ms, 0);
	atomic_fetch_add(&t->clock.wall_ms, 1999);
	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_int_equal(req.row.tokens_from_ms, 1700000002000);
	atomic_fetch_sub(&t->clock.wall_ms, 60000); /* never back */
	assert_int_equal(ask_user_bar(t, &req), 0);
	assert_int_equal(find(t, 1).tokens_from_ms, 1700000002000);
	assert_int_equal(open_user(t, 1, "alice").tokens_from_ms, 1700000002000);
}

static void bars_are_listed_by_id(void **state)
{
	struct store_test *t = suite_test(state);
	static const unsigned expected[] = {2, 5, 7};
	struct store_user_bar tokens = {.user = test_user(5), .set_tokens_from = true};
	struct store_user_bar both = {.user = test_user(2),
		.set_tokens_from = true,
		.set_banned = true,
		.banned = true,
		.reason = BYTES_LIT("why")};

	for (unsigned i = 1; i <= 9; i++) {
		open_user(t, i, "a");
	}
	ban(t, 7, "spam");
	assert_int_equal(ask_user_bar(t, &tokens), 0);
	assert_int_equal(ask_user_bar(t, &both), 0);
	for (uint32_t limit = 1; limit <= 4; limit++) {
		struct store_bar_list req = {.limit = limit};
		size_t seen = 0;
		do {
			assert_int_equal(ask_bar_list(t, &req), 0);
			for (size_t i = 0; i < req.count; i++) {
				assert_true(seen < 3);
				assert_user(&req.users[i].id, expected[seen++]);
				req.after = req.users[i].id;
			}
		} while (req.count == limit);
		assert_int_equal(seen, 3);
	}
	struct store_bar_list req = {.limit = 1};
	assert_int_equal(ask_bar_list(t, &req), 0);
	assert_bytes(req.users[0].ban_reason, "why");
	assert_true(req.users[0].banned_ms != 0 && req.users[0].tokens_from_ms != 0);
	req.limit = 0;
	assert_int_equal(ask_bar_list(t, &req), ERR_BAD_REQUEST);
	req.limit = 1001;
	assert_int_equal(ask_bar_list(t, &req), ERR_BAD_REQUEST);
}

/* ---- erasure ---- */

static void an_erased_user_leaves_a_nameless_row(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	struct store_user_erase req = {.user = test_user(2)};
	struct store_member_remove out = {.room = room, .user = test_user(2)};
	struct store_user_update profile = {.user = test_user(2),
		.identity = BYTES_LIT("bob"),
		.set_name = true,
		.set_avatar = true,
		.display_name = BYTES_LIT("Bob"),
		.avatar_url = BYTES_LIT("https://b")};
	unsigned seen[16];

	assert_int_equal(ask_user_update(t, &profile), 0);
	test_send(t, room, test_user(2), "1", "text");
	assert_int_equal(ask_user_erase(t, &req), ERR_CONFLICT);
	assert_bytes(find(t, 2).display_name, "Bob");
	assert_int_equal(test_remove(t, &out), 0);
	assert_int_equal(ask_user_erase(t, &req), 0);
	for (int i = 0; i < 2; i++) {
		struct user_row row = i == 0 ? req.row : find(t, 2);
		assert_bytes(row.identity, "aa000000-0000-4000-8000-000000000002");
		assert_bytes(row.display_name, "aa000000-0000-4000-8000-000000000002");
		assert_int_equal(row.avatar_url.len, 0);
		assert_int_equal(row.tokens_from_ms, 1700000001000);
		assert_true(row.version > profile.row.version);
	}
	assert_bytes(test_row(t, room, 1).content, "text"); /* that is not its business */
	struct store_user_list all = {.limit = 10};
	assert_int_equal(list(t, &all, seen), 1);
	assert_int_equal(seen[0], 1);
	struct store_bar_list bars = {.limit = 10};
	assert_int_equal(ask_bar_list(t, &bars), 0);
	assert_int_equal(bars.count, 1);
	assert_int_equal(ask_user_erase(t, &req), 0); /* once more does no harm */
	req.user = test_user(9);
	assert_int_equal(ask_user_erase(t, &req), ERR_NOT_FOUND);
}

static void a_new_token_makes_him_anew(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_erase req = {.user = test_user(2)};
	unsigned seen[16];

	open_user(t, 2, "bob");
	assert_int_equal(ask_user_erase(t, &req), 0);
	struct user_row row = open_user(t, 2, "robert");
	assert_bytes(row.identity, "robert");
	assert_bytes(row.display_name, "robert");
	assert_int_equal(row.tokens_from_ms, 1700000001000); /* his former tokens stay refused */
	assert_true(row.version > req.row.version);
	struct store_user_list all = {.limit = 10};
	assert_int_equal(list(t, &all, seen), 1);

	/* So does somebody who names him. */
	assert_int_equal(ask_user_erase(t, &req), 0);
	struct store_member_add add = {
		.room = test_room(t, NULL, 0), .user = test_user(2), .identity = BYTES_LIT("bob")};
	assert_int_equal(test_add(t, &add), 0);
	all = (struct store_user_list){.limit = 10};
	assert_int_equal(list(t, &all, seen), 1);
	assert_bytes(find(t, 2).identity, "bob");
}

static void a_ban_outlives_erasure(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_user_erase req = {.user = test_user(2)};
	struct store_user_list banned = {.limit = 10, .banned_only = true};
	unsigned seen[16];

	open_user(t, 2, "bob");
	ban(t, 2, "spam");
	assert_int_equal(ask_user_erase(t, &req), 0);
	assert_true(req.row.banned_ms != 0);
	assert_int_equal(list(t, &banned, seen), 1);
	assert_true(open_user(t, 2, "bob").banned_ms != 0);
}

static void a_ping_is_answered(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_ping req = {0};

	assert_int_equal(ask_ping(t, &req), 0);
	store_stop(t->root);
	assert_int_equal(ask_ping(t, &req), ERR_UNAVAILABLE);
}

int store_suite_people(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(users_are_found, backend),
		SUITE_TEST(users_are_listed_by_identity, backend),
		SUITE_TEST(a_profile_changes, backend),
		SUITE_TEST(a_profile_may_expect_a_version, backend),
		SUITE_TEST(a_profile_makes_its_user, backend),
		SUITE_TEST(a_ban_is_kept_and_lifted, backend),
		SUITE_TEST(who_was_never_here_can_be_banned, backend),
		SUITE_TEST(tokens_are_refused_from_the_next_second, backend),
		SUITE_TEST(bars_are_listed_by_id, backend),
		SUITE_TEST(an_erased_user_leaves_a_nameless_row, backend),
		SUITE_TEST(a_new_token_makes_him_anew, backend),
		SUITE_TEST(a_ban_outlives_erasure, backend),
		SUITE_TEST(a_ping_is_answered, backend),
	};

	return cmocka_run_group_tests_name("store: people", tests, NULL, NULL);
}
