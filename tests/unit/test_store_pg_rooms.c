/* Two programs on one PostgreSQL that change the same room, pair or user at the same moment: each
 * waits for a third one's transaction, so that both are under way when that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_pg_help.h"
#include "tests/unit/store_pg_race.h"

static struct store_room_create wanted(struct races *r, const char *alias, enum room_type type)
{
	struct store_room_create req = {.room = {.type = type}, .member_count = 2};

	uuid_random(&req.room.id);
	req.room.alias = bytes_str(alias);
	req.room.name = BYTES_LIT("a room");
	req.members = arena_alloc(r->t.arena, 2 * sizeof(*req.members));
	req.members[0].user = test_user(1);
	req.members[1].user = test_user(2);
	return req;
}

/* One of both is done, the other refused with err. */
static void assert_one(int one, int two, int err)
{
	assert_true((one == 0) != (two == 0));
	assert_int_equal(one == 0 ? two : one, err);
}

/* ---- creators ---- */

static const char hold_alias[] = "INSERT INTO rooms (id, type, visibility, name, alias) VALUES"
				 " ('%s', 0, 0, 'x', 'lobby')";

static void two_creators_of_an_alias(void **state)
{
	struct races *r = *state;
	struct store_room_create one = wanted(r, "lobby", ROOM_GROUP);
	struct store_room_create two = wanted(r, "lobby", ROOM_GROUP);
	struct uuid id;

	test_room(&r->t, "warm", 1);
	uuid_random(&id);
	race_hold(r, hold_alias, &id);
	RACE_POST(r, r->t.store, room_create, &one);
	RACE_POST(r, r->other, room_create, &two);
	race_wait(r, 2);
	race_let_go(r);

	int first = race_answer(r, &one.call);
	assert_one(first, race_answer(r, &two.call), ERR_EXISTS);
	assert_true(uuid_eq(&one.room.id, &two.room.id)); /* both have the one that is there */
	assert_int_equal(race_number(r, "SELECT count(*) FROM rooms WHERE alias = 'lobby'"), 1);
	assert_int_equal(race_number(r, "SELECT count(*) FROM participants p WHERE NOT EXISTS"
					" (SELECT 1 FROM rooms r WHERE r.id = p.room_id)"),
		0);
}

static void two_openers_of_a_pair(void **state)
{
	struct races *r = *state;
	struct store_room_create one = wanted(r, NULL, ROOM_DIRECT);
	struct store_room_create two = wanted(r, NULL, ROOM_DIRECT);
	struct uuid user = test_user(2);

	two.members[0].user = test_user(2);
	two.members[1].user = test_user(1);
	test_room(&r->t, "warm", 2);
	/* Who makes the room waits for the user, and the other one for that. */
	race_hold(r, "SELECT 1 FROM users WHERE id = '%s' FOR UPDATE", &user);
	RACE_POST(r, r->t.store, room_create, &one);
	RACE_POST(r, r->other, room_create, &two);
	race_wait(r, 2);
	race_let_go(r);

	assert_int_equal(race_answer(r, &one.call), 0);
	assert_int_equal(race_answer(r, &two.call), 0);
	assert_true(one.created != two.created);
	assert_true(uuid_eq(&one.room.id, &two.room.id));
	assert_int_equal(one.room.member_count, 2);
	assert_int_equal(two.room.member_count, 2);
}

/* The id was another room's, which is deleted by the time that the creator may go on. */
static void creator_meets_a_dead_room(void **state)
{
	struct races *r = *state;
	struct store_room_create one = wanted(r, "lobby", ROOM_GROUP);
	const char *id = race_text(r, &one.room.id);

	test_room(&r->t, "warm", 1);
	race_hold(r, "INSERT INTO rooms (id, type, visibility, name) VALUES ('%s', 0, 0, 'x')",
		&one.room.id);
	RACE_POST(r, r->other, room_create, &one);
	race_wait(r, 1);
	store_pg_sql(&r->t, arena_printf(r->t.arena,
				    "DELETE FROM rooms WHERE id = '%s';"
				    "INSERT INTO dead_rooms VALUES ('%s'); COMMIT",
				    id, id));

	assert_int_equal(race_answer(r, &one.call), ERR_CONFLICT);
	assert_int_equal(race_number(r, "SELECT count(*) FROM rooms"), 1);
}

/* Both name the same new users, one from the front and one from behind. */
static void two_creators_name_the_same_users(void **state)
{
	struct races *r = *state;
	enum { COUNT = 200 };
	struct store_room_create one = wanted(r, "one", ROOM_GROUP);
	struct store_room_create two = wanted(r, "two", ROOM_GROUP);
	struct uuid middle = test_user(COUNT / 2);

	one.member_count = two.member_count = COUNT;
	one.members = arena_alloc(r->t.arena, COUNT * sizeof(*one.members));
	two.members = arena_alloc(r->t.arena, COUNT * sizeof(*two.members));
	for (unsigned i = 0; i < COUNT; i++) {
		one.members[i].user = test_user(i);
		two.members[i].user = test_user(COUNT - 1 - i);
	}
	test_room(&r->t, "warm", 0);
	race_hold(r, "INSERT INTO users (id, identity, display_name) VALUES ('%s', 'x', 'x')",
		&middle);
	RACE_POST(r, r->t.store, room_create, &one);
	RACE_POST(r, r->other, room_create, &two);
	race_wait(r, 2);
	race_let_go(r);

	assert_int_equal(race_answer(r, &one.call), 0);
	assert_int_equal(race_answer(r, &two.call), 0);
	assert_int_equal(race_number(r, "SELECT count(*) FROM users"), COUNT);
	assert_int_equal(race_number(r, "SELECT count(*) FROM participants"), 2 * COUNT);
	assert_int_equal(race_number(r, "SELECT count(*) FROM changes WHERE kind = 2"), 2 * COUNT);
}

static void two_rooms_take_an_alias(void **state)
{
	struct races *r = *state;
	struct store_room_update one = {.changes = ROOM_SET_ALIAS, .alias = BYTES_LIT("lobby")};
	struct store_room_update two = {.changes = ROOM_SET_ALIAS, .alias = BYTES_LIT("Lobby")};
	struct uuid id;

	one.room = test_room(&r->t, "one", 1);
	two.room = test_room(&r->t, "two", 1);
	race_forget_noted(r);
	uuid_random(&id);
	race_hold(r, hold_alias, &id);
	RACE_POST(r, r->t.store, room_update, &one);
	RACE_POST(r, r->other, room_update, &two);
	race_wait(r, 2);
	race_let_go(r);

	int first = race_answer(r, &one.call);
	assert_one(first, race_answer(r, &two.call), ERR_EXISTS);
	assert_noted(r, "5\n");
}

/* ---- members ---- */

static void user_added_twice(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 1);
	struct store_member_add one = {.room = room, .user = test_user(7), .public_only = true};
	struct store_member_add two = {.room = room, .user = test_user(7), .actor = test_actor(1)};

	race_forget_noted(r);
	race_hold_room(r, &room);
	RACE_POST(r, r->t.store, member_add, &one);
	race_wait(r, 1);
	RACE_POST(r, r->other, member_add, &two);
	race_wait(r, 2);
	race_let_go(r);

	assert_int_equal(race_answer(r, &one.call), 0);
	assert_int_equal(race_answer(r, &two.call), 0);
	assert_true(one.added && !two.added);
	assert_int_equal(two.now, ROLE_MEMBER);
	assert_int_equal(two.row.member_count, 2);
	assert_int_equal(two.row.member_version, one.row.member_version);
	assert_noted(r, "1 07\n");
}

static void last_owner_leaves_twice(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 3);
	struct store_member_remove one = {
		.room = room, .user = test_user(1), .actor = test_actor(1)};
	struct store_member_remove two = one;

	race_forget_noted(r);
	race_hold_room(r, &room);
	RACE_POST(r, r->t.store, member_remove, &one);
	race_wait(r, 1);
	RACE_POST(r, r->other, member_remove, &two);
	race_wait(r, 2);
	race_let_go(r);

	assert_int_equal(race_answer(r, &one.call), 0);
	assert_int_equal(race_answer(r, &two.call), ERR_NOT_MEMBER);
	assert_true(one.has_successor && !two.has_successor);
	assert_user(&one.successor, 2);
	assert_int_equal(one.row.member_count, 2);
	assert_noted(r, "3 01\n4 02\n");
}

/* Neither is the last one when he asks. */
static void both_owners_leave(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 3);
	struct store_member_remove one = {
		.room = room, .user = test_user(1), .actor = test_actor(1)};
	struct store_member_remove two = {
		.room = room, .user = test_user(2), .actor = test_actor(2)};

	test_role(&r->t, room, 2, ROLE_OWNER);
	race_hold_room(r, &room);
	RACE_POST(r, r->t.store, member_remove, &one);
	RACE_POST(r, r->other, member_remove, &two);
	race_wait(r, 2);
	race_let_go(r);

	assert_int_equal(race_answer(r, &one.call), 0);
	assert_int_equal(race_answer(r, &two.call), 0);
	assert_true(one.has_successor != two.has_successor);
	assert_user(one.has_successor ? &one.successor : &two.successor, 3);
	assert_int_equal(race_number(r, "SELECT role FROM participants"), ROLE_OWNER);
}

static void both_owners_step_down(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 3);
	struct store_member_role one = {
		.room = room, .user = test_user(1), .role = ROLE_MEMBER, .actor = test_actor(1)};
	struct store_member_role two = {
		.room = room, .user = test_user(2), .role = ROLE_ADMIN, .actor = test_actor(2)};

	test_role(&r->t, room, 2, ROLE_OWNER);
	race_hold_room(r, &room);
	RACE_POST(r, r->t.store, member_role, &one);
	RACE_POST(r, r->other, member_role, &two);
	race_wait(r, 2);
	race_let_go(r);

	int first = race_answer(r, &one.call);
	assert_one(first, race_answer(r, &two.call), ERR_CONFLICT);
	assert_int_equal(race_number(r, "SELECT count(*) FROM participants WHERE role = 3"), 1);
}

/* ---- the end of a room ---- */

static void user_joins_a_room_being_deleted(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 1);
	struct store_room_delete gone = {.room = room};
	struct store_member_add late = {.room = room, .user = test_user(7)};

	race_hold_room(r, &room);
	RACE_POST(r, r->t.store, room_delete, &gone);
	race_wait(r, 1);
	RACE_POST(r, r->other, member_add, &late);
	race_wait(r, 2);
	race_let_go(r);

	assert_int_equal(race_answer(r, &gone.call), 0);
	assert_int_equal(race_answer(r, &late.call), ERR_NOT_FOUND);
	assert_int_equal(race_number(r, "SELECT count(*) FROM participants"), 0);
	assert_int_equal(race_number(r, "SELECT count(*) FROM users"), 1);
}

static void room_is_deleted_behind_one_who_joins(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 1);
	struct store_member_add early = {.room = room, .user = test_user(7), .public_only = true};
	struct store_room_delete gone = {.room = room};

	race_forget_noted(r);
	race_hold_room(r, &room);
	RACE_POST(r, r->t.store, member_add, &early);
	race_wait(r, 1);
	RACE_POST(r, r->other, room_delete, &gone);
	race_wait(r, 2);
	race_let_go(r);

	assert_int_equal(race_answer(r, &early.call), 0);
	assert_int_equal(race_answer(r, &gone.call), 0);
	assert_int_equal(gone.row.member_count, 2);
	assert_int_equal(race_number(r, "SELECT count(*) FROM participants"), 0);
	assert_noted(r, "1 07\n6\n");
}

/* Each sweeps what the other is not at. */
static void sweep_beside_another(void **state)
{
	struct races *r = *state;
	struct uuid busy = test_room(&r->t, "busy", 1), idle = test_room(&r->t, "idle", 1);
	struct store_room_delete one = {.room = busy}, two = {.room = idle};
	struct store_room_sweep sweep = {.limit = 10};

	test_send(&r->t, busy, test_user(1), "a", "x");
	test_send(&r->t, idle, test_user(1), "b", "x");
	assert_int_equal(ask_room_delete(&r->t, &one), 0);
	assert_int_equal(ask_room_delete(&r->t, &two), 0);
	race_hold(r, "SELECT 1 FROM dead_rooms WHERE room_id = '%s' FOR UPDATE", &busy);
	assert_int_equal(ask_room_sweep(&r->t, &sweep), 0);
	assert_false(sweep.more);
	assert_int_equal(race_number(r, "SELECT count(*) FROM messages"), 1);
	assert_int_equal(race_number(r, "SELECT count(*) FROM dead_rooms"), 1);
	race_let_go(r);
	assert_int_equal(ask_room_sweep(&r->t, &sweep), 0);
	assert_int_equal(race_number(r, "SELECT count(*) FROM messages"), 0);
	assert_int_equal(race_number(r, "SELECT count(*) FROM dead_rooms"), 0);
}

/* ---- users ---- */

/* Who is erased while he is added is either in no room, or somebody again. */
static void erase_and_add(struct races *r, struct uuid room, struct uuid user, bool add_first)
{
	struct store_member_add add = {.room = room, .user = user, .identity = BYTES_LIT("seven")};
	struct store_user_erase erase = {.user = user};
	struct store_member_remove leave = {.room = room, .user = user};

	race_hold(r, "SELECT 1 FROM users WHERE id = '%s' FOR UPDATE", &user);
	if (add_first) {
		RACE_POST(r, r->t.store, member_add, &add);
		race_wait(r, 1);
		RACE_POST(r, r->other, user_erase, &erase);
	} else {
		RACE_POST(r, r->other, user_erase, &erase);
		race_wait(r, 1);
		RACE_POST(r, r->t.store, member_add, &add);
	}
	race_wait(r, 2);
	race_let_go(r);
	assert_int_equal(race_answer(r, &add.call), 0);
	int erased = race_answer(r, &erase.call);
	assert_true(erased == 0 || erased == ERR_CONFLICT);
	assert_int_equal(race_number(r, "SELECT count(*) FROM participants p JOIN users u"
					" ON u.id = p.user_id WHERE u.erased_at IS NOT NULL"),
		0);
	assert_int_equal(ask_member_remove(&r->t, &leave), 0);
}

static void user_is_erased_while_added(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 1), user = test_user(7);
	struct store_user_open come = {
		.user = user, .identity = BYTES_LIT("seven"), .display_name = BYTES_LIT("Seven")};

	assert_int_equal(ask_user_open(&r->t, &come), 0);
	erase_and_add(r, room, user, true);
	erase_and_add(r, room, user, false);
}

/* ---- what others are told ---- */

static void changes_are_noted(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 2);
	struct store_member_add join = {.room = room, .user = test_user(3), .public_only = true};
	struct store_member_add add = {.room = room, .user = test_user(4), .actor = test_actor(1)};
	struct store_member_role role = {.room = room, .user = test_user(4), .role = ROLE_ADMIN};
	struct store_room_update set = {
		.room = room, .changes = ROOM_SET_NAME, .name = BYTES_LIT("another name")};

	assert_noted(r, "2 01\n2 02\n");
	race_forget_noted(r);
	for (int again = 0; again < 2; again++) { /* nothing is different the second time */
		assert_int_equal(ask_member_add(&r->t, &join), 0);
		assert_int_equal(ask_member_add(&r->t, &add), 0);
		assert_int_equal(ask_member_role(&r->t, &role), 0);
		assert_int_equal(ask_room_update(&r->t, &set), 0);
		assert_noted(r, "1 03\n2 04\n4 04\n5\n");
	}
	assert_int_equal(race_number(r, "SELECT count(DISTINCT origin) FROM changes"), 1);
}

static void ends_are_noted(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lobby", 2);
	struct uuid pair = test_direct_room(&r->t, 1, 2);
	struct store_member_remove leave = {
		.room = room, .user = test_user(1), .actor = test_actor(1)};
	struct store_member_remove part = {.room = pair, .user = test_user(2), .even_direct = true};
	struct store_room_delete gone = {.room = room};

	race_forget_noted(r);
	assert_int_equal(ask_member_remove(&r->t, &leave), 0);
	assert_int_equal(ask_member_remove(&r->t, &part), 0);
	assert_int_equal(ask_room_delete(&r->t, &gone), 0);
	assert_noted(r, "3 01\n4 02\n3 02\n5\n6\n");
	/* What is archived stays as it is when the other one leaves too. */
	race_forget_noted(r);
	part.user = test_user(1);
	assert_int_equal(ask_member_remove(&r->t, &part), 0);
	assert_noted(r, "3 01\n");
}

int main(void)
{
#define RACE(function) cmocka_unit_test_setup_teardown(function, race_setup, race_teardown)
	const struct CMUnitTest tests[] = {
		RACE(two_creators_of_an_alias),
		RACE(two_openers_of_a_pair),
		RACE(creator_meets_a_dead_room),
		RACE(two_creators_name_the_same_users),
		RACE(two_rooms_take_an_alias),
		RACE(user_added_twice),
		RACE(last_owner_leaves_twice),
		RACE(both_owners_leave),
		RACE(both_owners_step_down),
		RACE(user_joins_a_room_being_deleted),
		RACE(room_is_deleted_behind_one_who_joins),
		RACE(sweep_beside_another),
		RACE(user_is_erased_while_added),
		RACE(changes_are_noted),
		RACE(ends_are_noted),
	};
#undef RACE

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
