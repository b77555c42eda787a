/* Participants: roles, owners, Direct rooms. Who may do it: store_suite_rights.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static int set_role(struct store_test *t, struct uuid room, unsigned user, enum member_role role,
	struct store_member_role *req)
{
	*req = (struct store_member_role){.room = room, .user = test_user(user), .role = role};
	return ask_member_role(t, req);
}

static enum member_role role_of(struct store_test *t, struct uuid room, unsigned user)
{
	struct store_member_page page = {
		.room = room, .after = test_user(user), .only = true, .limit = 1};

	assert_int_equal(ask_member_page(t, &page), 0);
	return page.count == 1 ? page.members[0].role : ROLE_NONE;
}

static void a_role_is_changed_once(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	struct store_member_role req;

	assert_int_equal(set_role(t, room, 2, ROLE_ADMIN, &req), 0);
	assert_true(req.changed);
	assert_int_equal(req.row.member_version, 2);
	assert_int_equal(req.row.member_count, 2);
	assert_int_equal(req.row.version, 1);
	assert_int_equal(role_of(t, room, 2), ROLE_ADMIN);
	assert_int_equal(set_role(t, room, 2, ROLE_ADMIN, &req), 0);
	assert_false(req.changed);
	assert_int_equal(req.row.member_version, 2);
	assert_int_equal(set_role(t, room, 2, ROLE_NONE, &req), ERR_BAD_REQUEST);
	assert_int_equal(set_role(t, room, 2, (enum member_role)4, &req), ERR_BAD_REQUEST);
	assert_int_equal(set_role(t, room, 9, ROLE_ADMIN, &req), ERR_NOT_MEMBER);
	struct append_item item = test_item(room, test_user(1), "1", "text");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(item.member_version, 2);
}

static void a_room_keeps_an_owner(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	struct store_member_role req;

	assert_int_equal(set_role(t, room, 1, ROLE_ADMIN, &req), ERR_CONFLICT);
	assert_int_equal(role_of(t, room, 1), ROLE_OWNER);
	assert_int_equal(set_role(t, room, 1, ROLE_OWNER, &req), 0);
	assert_false(req.changed);
	assert_int_equal(set_role(t, room, 2, ROLE_OWNER, &req), 0);
	assert_int_equal(set_role(t, room, 1, ROLE_MEMBER, &req), 0);
	assert_true(req.changed);
	assert_int_equal(set_role(t, room, 2, ROLE_MEMBER, &req), ERR_CONFLICT);
	/* A room of the operator's never had one, and needs none. */
	struct uuid none = test_room(t, NULL, 0);
	test_role(t, none, 5, ROLE_MEMBER);
	assert_int_equal(set_role(t, none, 5, ROLE_ADMIN, &req), 0);
}

static void an_added_user_has_his_identity(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_member_add add = {
		.room = room, .user = test_user(5), .identity = BYTES_LIT("eve@x")};
	struct store_member_page page = {.room = room, .after = test_user(5), .only = true};

	assert_int_equal(test_add(t, &add), 0);
	assert_int_equal(add.now, ROLE_MEMBER);
	add.user = test_user(6);
	add.identity = BYTES_NONE;
	assert_int_equal(test_add(t, &add), 0);
	page.limit = 1;
	assert_int_equal(ask_member_page(t, &page), 0);
	assert_bytes(page.members[0].identity, "eve@x");
	assert_bytes(page.members[0].display_name, "eve@x");
	page.after = test_user(6);
	assert_int_equal(ask_member_page(t, &page), 0);
	assert_bytes(page.members[0].identity, "aa000000-0000-4000-8000-000000000006");
	/* Who is known keeps his. */
	struct uuid other = test_room(t, "b", 1);
	add = (struct store_member_add){
		.room = other, .user = test_user(5), .identity = BYTES_LIT("else")};
	assert_int_equal(test_add(t, &add), 0);
	page = (struct store_member_page){
		.room = other, .after = test_user(5), .only = true, .limit = 1};
	assert_int_equal(ask_member_page(t, &page), 0);
	assert_bytes(page.members[0].identity, "eve@x");
	add.role = (enum member_role)4;
	assert_int_equal(test_add(t, &add), ERR_BAD_REQUEST);
}

/* ---- Direct rooms ---- */

static void a_direct_room_is_private(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_direct_room(t, 1, 2);
	struct store_member_add join = {.room = room, .user = test_user(3), .public_only = true};

	assert_int_equal(test_room_row(t, room).visibility, ROOM_PRIVATE);
	assert_int_equal(test_add(t, &join), ERR_NOT_FOUND);
	join.user = test_user(2); /* one of the two */
	assert_int_equal(test_add(t, &join), 0);
	assert_false(join.added);
	join = (struct store_member_add){.room = room, .user = test_user(3)};
	assert_int_equal(test_add(t, &join), ERR_FORBIDDEN);
	assert_false(join.added);
}

static void a_pair_that_is_parted_may_begin_anew(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_direct_room(t, 1, 2);
	struct store_member_remove req = {.room = room, .user = test_user(1)};

	test_send(t, room, test_user(1), "1", "text");
	assert_int_equal(test_remove(t, &req), ERR_FORBIDDEN);
	req.actor = test_actor(1);
	assert_int_equal(test_remove(t, &req), ERR_FORBIDDEN);
	assert_int_equal(test_room_row(t, room).member_count, 2);
	assert_int_equal(test_room_row(t, room).archived_ms, 0);
	req.actor = (struct store_actor){0};
	req.even_direct = true;
	assert_int_equal(test_remove(t, &req), 0);
	assert_true(req.row.archived_ms != 0);
	assert_int_equal(req.row.version, 2);
	assert_int_equal(req.row.member_count, 1);
	assert_int_equal(req.row.member_version, 2);
	assert_true(req.has_successor);
	assert_user(&req.successor, 2);
	struct append_item item = test_item(room, test_user(2), "1", "text");
	assert_int_equal(test_outcome(t, &item), APPEND_ARCHIVED);

	struct uuid next = test_direct_room(t, 2, 1);
	assert_memory_not_equal(next.b, room.b, 16);
	req.user = test_user(2); /* the old one is not taken for the pair's */
	assert_int_equal(test_remove(t, &req), 0);
	assert_int_equal(req.row.member_count, 0);
	assert_int_equal(req.row.version, 2); /* it was archived already */
	assert_int_equal(test_room_row(t, next).archived_ms, 0);
}

static void a_deleted_pair_may_begin_anew(void **state)
{
	struct store_test *t = suite_test(state);
	struct store_room_delete end = {.room = test_direct_room(t, 1, 2)};

	end.actor = test_actor(2);
	assert_int_equal(ask_room_delete(t, &end), 0);
	test_direct_room(t, 1, 2);
}

static void even_direct_means_nothing_to_groups(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	struct store_member_remove req = {.room = room, .user = test_user(2), .even_direct = true};

	assert_int_equal(test_remove(t, &req), 0);
	assert_int_equal(req.row.archived_ms, 0);
	assert_int_equal(req.row.version, 1);
}

/* ---- pages ---- */

static void members_are_paged_by_id(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	static const unsigned users[] = {300, 2, 30, 4, 5};
	static const unsigned expected[] = {1, 2, 4, 5, 30, 300};
	struct store_member_page page = {.room = room, .limit = 2};
	size_t seen = 0;

	test_room(t, "b", 9); /* of others */
	for (size_t i = 0; i < 5; i++) {
		test_role(t, room, users[i], ROLE_MEMBER);
	}
	do {
		assert_int_equal(ask_member_page(t, &page), 0);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(seen < 6);
			assert_user(&page.members[i].user, expected[seen++]);
			page.after = page.members[i].user;
		}
	} while (page.count == 2);
	assert_int_equal(seen, 6);
	assert_int_equal(page.count, 0);
	page.after = test_user(3);
	page.only = true;
	assert_int_equal(ask_member_page(t, &page), 0);
	assert_int_equal(page.count, 0);
	page.room = test_user(999);
	assert_int_equal(ask_member_page(t, &page), ERR_NOT_FOUND);
	page.limit = 0;
	assert_int_equal(ask_member_page(t, &page), ERR_BAD_REQUEST);
	page.limit = 1001;
	assert_int_equal(ask_member_page(t, &page), ERR_BAD_REQUEST);
}

/* All in one transaction with sends between them: each sees the rights of its place. */
static void rights_are_those_of_the_moment(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 3);
	struct store_member_role up = {
		.room = room, .user = test_user(2), .role = ROLE_ADMIN, .actor = test_actor(1)};
	struct store_member_remove out = {
		.room = room, .user = test_user(3), .actor = test_actor(2)};
	struct store_member_remove owner = {
		.room = room, .user = test_user(2), .actor = test_actor(1)};
	struct store_room_update late = {
		.room = room, .changes = ROOM_SET_NAME, .actor = test_actor(2)};
	struct store_member_remove early = out;

	store_test_call(t, &early.call);
	store_test_call(t, &up.call);
	store_test_call(t, &out.call);
	store_test_call(t, &owner.call);
	store_test_call(t, &late.call);
	assert_int_equal(store_member_remove(t->store, &early), 0);
	assert_int_equal(store_member_role(t->store, &up), 0);
	assert_int_equal(store_member_remove(t->store, &out), 0);
	assert_int_equal(store_member_remove(t->store, &owner), 0);
	assert_int_equal(store_room_update(t->store, &late), 0);
	assert_int_equal(store_test_wait(t, &early.call, 0), ERR_FORBIDDEN);
	assert_int_equal(store_test_wait(t, &up.call, 0), 0);
	assert_int_equal(store_test_wait(t, &out.call, 0), 0);
	assert_int_equal(store_test_wait(t, &owner.call, 0), 0);
	assert_int_equal(store_test_wait(t, &late.call, 0), ERR_NOT_MEMBER);
	assert_int_equal(test_room_row(t, room).member_count, 1);
}

int store_suite_members(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(a_role_is_changed_once, backend),
		SUITE_TEST(a_room_keeps_an_owner, backend),
		SUITE_TEST(an_added_user_has_his_identity, backend),
		SUITE_TEST(a_direct_room_is_private, backend),
		SUITE_TEST(a_pair_that_is_parted_may_begin_anew, backend),
		SUITE_TEST(a_deleted_pair_may_begin_anew, backend),
		SUITE_TEST(even_direct_means_nothing_to_groups, backend),
		SUITE_TEST(members_are_paged_by_id, backend),
		SUITE_TEST(rights_are_those_of_the_moment, backend),
	};

	return cmocka_run_group_tests_name("store: members", tests, NULL, NULL);
}
