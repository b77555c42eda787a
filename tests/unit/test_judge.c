/* What somebody may do in a room: every pair of roles, without a database. */
#include "lib/store/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base/err.h"

enum { OPERATOR = -1 }; /* as actor */

static const struct uuid actor_id = {{1}}, user_id = {{2}};

static struct store_actor actor(int by)
{
	return (struct store_actor){.has_by = by != OPERATOR, .by = actor_id};
}

/* An operator's role in the room is not looked at. */
static enum member_role stored(int by)
{
	return by != OPERATOR ? (enum member_role)by : ROLE_NONE;
}

static void actors_have_the_role_they_have(void **state)
{
	struct room_row room = {.visibility = ROOM_PUBLIC};
	struct store_actor somebody = actor(ROLE_NONE), nobody = actor(OPERATOR);
	enum member_role role = ROLE_NONE;

	(void)state;
	assert_int_equal(judge_actor(&room, &nobody, ROLE_NONE, &role), 0);
	assert_int_equal(role, ROLE_OWNER);
	assert_int_equal(judge_actor(&room, &somebody, ROLE_ADMIN, &role), 0);
	assert_int_equal(role, ROLE_ADMIN);
	assert_int_equal(judge_actor(&room, &somebody, ROLE_NONE, &role), ERR_NOT_MEMBER);
	room.visibility = ROOM_PRIVATE; /* what he may not know of is not there */
	assert_int_equal(judge_actor(&room, &somebody, ROLE_NONE, &role), ERR_NOT_FOUND);
	assert_int_equal(role, ROLE_ADMIN);
}

/* ---- members ---- */

static void who_may_remove_whom(void **state)
{
	static const struct {
		int by;
		enum member_role role;
		int err;
	} cases[] = {
		{OPERATOR, ROLE_OWNER, 0},
		{OPERATOR, ROLE_NONE, ERR_NOT_MEMBER},
		{ROLE_NONE, ROLE_MEMBER, ERR_NOT_MEMBER},
		{ROLE_MEMBER, ROLE_NONE, ERR_FORBIDDEN}, /* whether he is in is not told */
		{ROLE_MEMBER, ROLE_MEMBER, ERR_FORBIDDEN},
		{ROLE_ADMIN, ROLE_NONE, ERR_NOT_MEMBER},
		{ROLE_ADMIN, ROLE_MEMBER, 0},
		{ROLE_ADMIN, ROLE_ADMIN, ERR_FORBIDDEN},
		{ROLE_ADMIN, ROLE_OWNER, ERR_FORBIDDEN},
		{ROLE_OWNER, ROLE_ADMIN, 0},
		{ROLE_OWNER, ROLE_OWNER, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_member_remove req = {.user = user_id, .actor = actor(cases[i].by)};
		int err = judge_member_remove(&req, stored(cases[i].by), cases[i].role);
		assert_int_equal(err, cases[i].err);
	}
}

static void who_leaves_needs_no_rank(void **state)
{
	struct store_member_remove req = {.user = actor_id, .actor = actor(ROLE_MEMBER)};

	(void)state;
	assert_int_equal(judge_member_remove(&req, ROLE_MEMBER, ROLE_MEMBER), 0);
	assert_int_equal(judge_member_remove(&req, ROLE_NONE, ROLE_NONE), ERR_NOT_MEMBER);
	req.row.type = ROOM_DIRECT;
	assert_int_equal(judge_member_remove(&req, ROLE_MEMBER, ROLE_MEMBER), ERR_FORBIDDEN);
	req.even_direct = true;
	assert_int_equal(judge_member_remove(&req, ROLE_MEMBER, ROLE_MEMBER), 0);
}

static void who_may_add_whom(void **state)
{
	static const struct {
		int by;
		enum member_role wanted;
		int err;
	} cases[] = {
		{OPERATOR, ROLE_OWNER, 0},
		{ROLE_NONE, ROLE_MEMBER, ERR_NOT_MEMBER},
		{ROLE_MEMBER, ROLE_MEMBER, ERR_FORBIDDEN},
		{ROLE_ADMIN, ROLE_MEMBER, 0},
		{ROLE_ADMIN, ROLE_ADMIN, 0},
		{ROLE_ADMIN, ROLE_OWNER, ERR_FORBIDDEN},
		{ROLE_OWNER, ROLE_OWNER, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_member_add req = {
			.user = user_id, .role = cases[i].wanted, .actor = actor(cases[i].by)};
		assert_int_equal(
			judge_member_add(&req, stored(cases[i].by), ROLE_NONE), cases[i].err);
		assert_int_equal(req.added, cases[i].err == 0);
		assert_int_equal(req.now, cases[i].err == 0 ? cases[i].wanted : ROLE_NONE);
	}
}

static void who_is_in_stays_what_he_is(void **state)
{
	struct store_member_add req = {
		.user = user_id, .role = ROLE_OWNER, .public_only = true, .actor = actor(OPERATOR)};

	(void)state;
	req.row.visibility = ROOM_PRIVATE;
	req.added = true;
	assert_int_equal(judge_member_add(&req, ROLE_NONE, ROLE_MEMBER), 0);
	assert_false(req.added);
	assert_int_equal(req.now, ROLE_MEMBER);
	assert_int_equal(judge_member_add(&req, ROLE_NONE, ROLE_NONE), ERR_NOT_FOUND);
	req.public_only = false;
	req.row.type = ROOM_DIRECT;
	assert_int_equal(judge_member_add(&req, ROLE_NONE, ROLE_NONE), ERR_FORBIDDEN);
	req.row.type = ROOM_GROUP;
	req.role = ROLE_NONE;
	assert_int_equal(judge_member_add(&req, ROLE_NONE, ROLE_NONE), 0);
	assert_int_equal(req.now, ROLE_MEMBER);
}

static void who_may_give_which_role(void **state)
{
	static const struct {
		int by;
		enum member_role role, wanted, next;
		int err;
	} cases[] = {
		{OPERATOR, ROLE_MEMBER, ROLE_OWNER, ROLE_OWNER, 0},
		{OPERATOR, ROLE_OWNER, ROLE_MEMBER, ROLE_OWNER, 0},
		{OPERATOR, ROLE_OWNER, ROLE_MEMBER, ROLE_ADMIN, ERR_CONFLICT},
		{OPERATOR, ROLE_OWNER, ROLE_OWNER, ROLE_NONE, 0},
		{ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER, ROLE_NONE, 0},
		{ROLE_OWNER, ROLE_NONE, ROLE_MEMBER, ROLE_NONE, ERR_NOT_MEMBER},
		{ROLE_ADMIN, ROLE_MEMBER, ROLE_ADMIN, ROLE_NONE, 0},
		{ROLE_ADMIN, ROLE_MEMBER, ROLE_OWNER, ROLE_NONE, ERR_FORBIDDEN},
		{ROLE_ADMIN, ROLE_ADMIN, ROLE_MEMBER, ROLE_NONE, ERR_FORBIDDEN},
		{ROLE_ADMIN, ROLE_OWNER, ROLE_MEMBER, ROLE_OWNER, ERR_FORBIDDEN},
		{ROLE_MEMBER, ROLE_MEMBER, ROLE_MEMBER, ROLE_NONE, ERR_FORBIDDEN},
		{ROLE_NONE, ROLE_MEMBER, ROLE_ADMIN, ROLE_NONE, ERR_NOT_MEMBER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_member_role req = {
			.user = user_id, .role = cases[i].wanted, .actor = actor(cases[i].by)};
		int err =
			judge_member_role(&req, stored(cases[i].by), cases[i].role, cases[i].next);
		assert_int_equal(err, cases[i].err);
		assert_int_equal(req.changed, err == 0 && cases[i].role != cases[i].wanted);
	}
	struct store_member_role self = {
		.user = actor_id, .role = ROLE_MEMBER, .actor = actor(ROLE_ADMIN)};
	assert_int_equal(judge_member_role(&self, ROLE_ADMIN, ROLE_ADMIN, ROLE_NONE), 0);
	self.row.type = ROOM_DIRECT;
	assert_int_equal(
		judge_member_role(&self, ROLE_ADMIN, ROLE_ADMIN, ROLE_NONE), ERR_FORBIDDEN);
}

/* ---- rooms ---- */

static void a_pair_has_one_key(void **state)
{
	struct store_new_member members[] = {{.user = user_id}, {.user = actor_id}};
	struct store_room_create req = {.members = members, .member_count = 2};
	struct judge_room one, two;

	(void)state;
	req.asked.type = ROOM_DIRECT;
	req.asked.visibility = ROOM_PUBLIC;
	assert_int_equal(judge_room_create(&req, &one), 0);
	assert_int_equal(one.row.visibility, ROOM_PRIVATE);
	assert_int_equal(one.pair_len, 32);
	assert_memory_equal(one.pair, actor_id.b, 16);
	assert_memory_equal(one.pair + 16, user_id.b, 16);
	members[0].user = actor_id;
	members[1].user = user_id;
	assert_int_equal(judge_room_create(&req, &two), 0);
	assert_memory_equal(one.pair, two.pair, 32);
	members[1].user = actor_id;
	assert_int_equal(judge_room_create(&req, &two), ERR_BAD_REQUEST);
	req.member_count = 1;
	assert_int_equal(judge_room_create(&req, &two), ERR_BAD_REQUEST);
	req.asked.type = ROOM_GROUP;
	req.asked.alias = BYTES_LIT("LobBy");
	assert_int_equal(judge_room_create(&req, &two), 0);
	assert_int_equal(two.pair_len, 0);
	assert_string_equal(two.row.alias.ptr, "lobby");
	req.asked.alias = BYTES_LIT("-lobby");
	assert_int_equal(judge_room_create(&req, &two), ERR_BAD_ROOM);
}

static int update(struct store_room_update *req, unsigned changes)
{
	req->changes = changes;
	return judge_room_update(req, ROLE_ADMIN, 77);
}

static void only_what_is_different_is_a_change(void **state)
{
	struct arena *arena = arena_create(0);
	struct store_room_update req = {.actor = actor(ROLE_ADMIN), .archived = true};

	(void)state;
	req.call.arena = arena;
	req.row = (struct room_row){.name = BYTES_LIT("a"), .alias = BYTES_LIT("b"), .version = 4};
	req.name = BYTES_LIT("a");
	req.alias = BYTES_LIT("B");
	assert_int_equal(update(&req, ROOM_SET_NAME | ROOM_SET_ALIAS | ROOM_SET_AVATAR), 0);
	assert_false(req.changed);
	assert_int_equal(update(&req, ROOM_SET_ARCHIVED), 0);
	assert_true(req.changed);
	assert_int_equal(req.row.archived_ms, 77);
	req.row.archived_ms = 5;
	assert_int_equal(update(&req, ROOM_SET_ARCHIVED), 0);
	assert_false(req.changed);
	assert_int_equal(req.row.archived_ms, 5);
	req.alias = BYTES_NONE;
	assert_int_equal(update(&req, ROOM_SET_ALIAS), 0);
	assert_true(req.changed);
	assert_int_equal(req.row.alias.len, 0);
	req.alias = BYTES_LIT("no alias");
	assert_int_equal(update(&req, ROOM_SET_ALIAS), ERR_BAD_ROOM);
	req.row.type = ROOM_DIRECT; /* comes before the alias */
	assert_int_equal(update(&req, ROOM_SET_ALIAS | ROOM_SET_VISIBILITY), ERR_FORBIDDEN);
	req.expect_version = 3; /* before both */
	assert_int_equal(update(&req, ROOM_SET_VISIBILITY), ERR_PRECONDITION);
	assert_int_equal(judge_room_update(&req, ROLE_MEMBER, 77), ERR_FORBIDDEN);
	arena_destroy(&arena);
}

static void who_may_delete(void **state)
{
	struct store_room_delete req = {.actor = actor(ROLE_ADMIN)};

	(void)state;
	req.row.version = 2;
	assert_int_equal(judge_room_delete(&req, ROLE_ADMIN), ERR_FORBIDDEN);
	assert_int_equal(judge_room_delete(&req, ROLE_OWNER), 0);
	req.expect_version = 1;
	assert_int_equal(judge_room_delete(&req, ROLE_OWNER), ERR_PRECONDITION);
	assert_int_equal(judge_room_delete(&req, ROLE_ADMIN), ERR_FORBIDDEN);
	req.expect_version = 2;
	req.row.type = ROOM_DIRECT;
	assert_int_equal(judge_room_delete(&req, ROLE_MEMBER), 0);
	assert_int_equal(judge_room_delete(&req, ROLE_NONE), ERR_NOT_MEMBER);
	req.actor = actor(OPERATOR);
	assert_int_equal(judge_room_delete(&req, ROLE_NONE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actors_have_the_role_they_have),
		cmocka_unit_test(who_may_remove_whom),
		cmocka_unit_test(who_leaves_needs_no_rank),
		cmocka_unit_test(who_may_add_whom),
		cmocka_unit_test(who_is_in_stays_what_he_is),
		cmocka_unit_test(who_may_give_which_role),
		cmocka_unit_test(a_pair_has_one_key),
		cmocka_unit_test(only_what_is_different_is_a_change),
		cmocka_unit_test(who_may_delete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
