/* Rooms, participants and users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static struct store_test *test_of(void **state)
{
	return &((struct suite_state *)*state)->test;
}

static void assert_id(const struct uuid *is, struct uuid expected)
{
	assert_memory_equal(is->b, expected.b, 16);
}

/* ---- rooms ---- */

static void a_room_is_made_with_its_members(void **state)
{
	struct store_test *t = test_of(state);
	struct store_new_member members[] = {
		{test_user(1), BYTES_LIT("alice"), ROLE_MEMBER}, /* the creator: becomes Owner */
		{test_user(2), BYTES_NONE, ROLE_ADMIN},
		{test_user(3), BYTES_LIT("carl"), ROLE_NONE},
		{test_user(1), BYTES_LIT("alice"), ROLE_MEMBER}, /* twice is once */
	};
	struct store_room_create req = {.members = members, .member_count = 4};
	struct store_member_list list = {0};

	req.room = (struct room_row){
		.id = test_user(100),
		.alias = BYTES_LIT("General"),
		.name = BYTES_LIT("The room"),
		.avatar_url = BYTES_LIT("https://x/y.png"),
		.visibility = ROOM_PRIVATE,
		.encrypted = true,
		.has_creator = true,
		.creator = test_user(1),
	};
	assert_int_equal(test_create(t, &req), 0);
	assert_true(req.created);
	assert_id(&req.room.id, test_user(100));
	assert_bytes(req.room.alias, "general");
	assert_bytes(req.room.name, "The room");
	assert_bytes(req.room.avatar_url, "https://x/y.png");
	assert_int_equal(req.room.visibility, ROOM_PRIVATE);
	assert_true(req.room.encrypted);
	assert_true(req.room.has_creator);
	assert_id(&req.room.creator, test_user(1));
	assert_int_equal(req.room.created_ms, 1700000000000);
	assert_int_equal(req.room.last_activity_ms, 1700000000000);
	assert_int_equal(req.room.archived_ms, 0);
	assert_int_equal(req.room.last_seq, 0);
	assert_int_equal(req.room.member_version, 1);
	assert_int_equal(req.room.member_count, 3);

	list.room = test_user(100);
	assert_int_equal(test_list(t, &list), 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.member_version, 1);
	assert_id(&list.members[0].user, test_user(1));
	assert_int_equal(list.members[0].role, ROLE_OWNER);
	assert_bytes(list.members[0].identity, "alice");
	assert_bytes(list.members[0].display_name, "alice");
	assert_int_equal(list.members[0].joined_ms, 1700000000000);
	assert_int_equal(list.members[0].last_read_ms, 0);
	assert_false(list.members[0].muted);
	assert_int_equal(list.members[1].role, ROLE_ADMIN);
	assert_bytes(list.members[1].identity, "aa000000-0000-4000-8000-000000000002");
	assert_int_equal(list.members[2].role, ROLE_MEMBER);
	assert_bytes(list.members[2].display_name, "carl");
}

static void a_room_of_the_operator_may_be_empty(void **state)
{
	struct store_test *t = test_of(state);
	struct store_room_create req = {.room = {.id = test_user(9), .name = BYTES_LIT("x")}};

	assert_int_equal(test_create(t, &req), 0);
	assert_false(req.room.has_creator);
	assert_int_equal(req.room.alias.len, 0);
	assert_int_equal(req.room.member_count, 0);
}

static void an_alias_has_one_room(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid first = test_room(t, "general", 1);
	struct store_room_create req = {.room = {.id = test_user(9), .name = BYTES_LIT("x")}};

	req.room.alias = BYTES_LIT("GENERAL");
	assert_int_equal(test_create(t, &req), ERR_EXISTS);
	assert_false(req.created);
	assert_id(&req.room.id, first);
	req.room = (struct room_row){.id = first, .name = BYTES_LIT("same id")};
	assert_int_equal(test_create(t, &req), ERR_EXISTS);
	assert_bytes(req.room.alias, "general");
	req.room = (struct room_row){.id = test_user(9), .alias = BYTES_LIT("no spaces")};
	assert_int_equal(test_create(t, &req), ERR_BAD_ROOM);
	req.room = (struct room_row){.name = BYTES_LIT("no id")};
	assert_int_equal(test_create(t, &req), ERR_BAD_REQUEST);
}

static void a_pair_has_one_direct_room(void **state)
{
	struct store_test *t = test_of(state);
	struct store_new_member pair[] = {{.user = test_user(1)}, {.user = test_user(2)}};
	struct store_new_member turned[] = {{.user = test_user(2)}, {.user = test_user(1)}};
	struct store_new_member alone[] = {{.user = test_user(1)}, {.user = test_user(1)}};
	struct room_row direct = {.id = test_user(50), .type = ROOM_DIRECT};
	struct store_room_create req = {.room = direct, .members = pair, .member_count = 2};

	assert_int_equal(test_create(t, &req), 0);
	assert_true(req.created);
	req.room = direct;
	req.room.id = test_user(51);
	req.members = turned;
	assert_int_equal(test_create(t, &req), 0);
	assert_false(req.created);
	assert_id(&req.room.id, test_user(50));
	assert_int_equal(req.room.type, ROOM_DIRECT);

	req.room = direct;
	req.room.id = test_user(52);
	req.members = alone;
	assert_int_equal(test_create(t, &req), ERR_BAD_REQUEST);
	req.members = pair;
	req.member_count = 1;
	assert_int_equal(test_create(t, &req), ERR_BAD_REQUEST);
}

static int find(struct store_test *t, const char *ref, bool by_name, struct store_room_find *req)
{
	*req = (struct store_room_find){
		.ref = bytes_str(ref), .by_name = by_name, .has_user = true, .user = test_user(1)};
	return test_find(t, req);
}

static void rooms_are_found(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid a = test_room(t, "general", 1), none = test_room(t, NULL, 0);
	struct store_room_find req;
	char text[UUID_TEXT_SIZE];

	assert_int_equal(find(t, "general", false, &req), 0);
	assert_id(&req.room.id, a);
	assert_int_equal(req.role, ROLE_OWNER);
	assert_int_equal(req.room.member_count, 1);
	assert_int_equal(find(t, "GENERAL", false, &req), 0);
	assert_id(&req.room.id, a);
	uuid_format(&none, text);
	for (char *c = text; *c != '\0'; c++) {
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
	}
	assert_int_equal(find(t, text, false, &req), 0);
	assert_id(&req.room.id, none);
	assert_int_equal(req.role, ROLE_NONE);
	assert_int_equal(find(t, "a room", false, &req), ERR_NOT_FOUND);
	assert_int_equal(find(t, "a room", true, &req), 0);
	assert_id(&req.room.id, none);
	test_room(t, NULL, 0);
	assert_int_equal(find(t, "a room", true, &req), ERR_CONFLICT);
	assert_int_equal(find(t, "", true, &req), ERR_NOT_FOUND);
	assert_int_equal(
		find(t, "aa000000-0000-4000-8000-0000000000ff", true, &req), ERR_NOT_FOUND);
}

static void rooms_are_listed_by_name(void **state)
{
	struct store_test *t = test_of(state);
	struct store_room_list req = {.limit = 2};
	const char *const expected[] = {"a room", "a room", "b", "c", "d"};
	size_t seen = 0;

	test_room(t, "d", 1);
	test_room(t, NULL, 0);
	test_room(t, "b", 0);
	test_room(t, NULL, 3);
	test_room(t, "c", 1);
	do {
		store_test_call(t, &req.call);
		assert_int_equal(store_test_wait(t, &req.call, store_room_list(t->store, &req)), 0);
		for (size_t i = 0; i < req.count; i++) {
			assert_true(seen < 5);
			assert_bytes(req.rooms[i].name, expected[seen++]);
			req.after_name = req.rooms[i].name;
			req.after_id = req.rooms[i].id;
		}
	} while (req.count == 2);
	assert_int_equal(seen, 5);
	req.limit = 0;
	assert_int_equal(store_room_list(t->store, &req), ERR_BAD_REQUEST);
}

/* ---- participants ---- */

static int add(struct store_test *t, struct uuid room, unsigned user, enum member_role role,
	struct store_member_add *req)
{
	*req = (struct store_member_add){.room = room, .user = test_user(user), .role = role};
	return test_add(t, req);
}

static void adding_raises_the_version_once(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_member_add req;

	assert_int_equal(add(t, room, 2, ROLE_ADMIN, &req), 0);
	assert_true(req.added);
	assert_int_equal(req.now, ROLE_ADMIN);
	assert_int_equal(req.row.member_version, 2);
	assert_int_equal(req.row.member_count, 2);
	assert_int_equal(add(t, room, 2, ROLE_MEMBER, &req), 0);
	assert_false(req.added);
	assert_int_equal(req.now, ROLE_ADMIN);
	assert_int_equal(req.row.member_version, 2);
	assert_int_equal(add(t, test_user(77), 2, ROLE_MEMBER, &req), ERR_NOT_FOUND);
	struct append_item item = test_item(room, test_user(2), "1", "text");
	assert_int_equal(test_append(t, &item, 1), 0);
	assert_int_equal(item.member_version, 2);
}

static void private_rooms_are_hidden_from_joiners(void **state)
{
	struct store_test *t = test_of(state);
	struct store_new_member owner = {.user = test_user(1), .role = ROLE_OWNER};
	struct store_room_create room = {.members = &owner, .member_count = 1};
	struct store_member_add req = {
		.room = test_user(60), .user = test_user(2), .role = ROLE_MEMBER};

	room.room = (struct room_row){.id = test_user(60), .visibility = ROOM_PRIVATE};
	assert_int_equal(test_create(t, &room), 0);
	req.public_only = true;
	assert_int_equal(test_add(t, &req), ERR_NOT_FOUND);
	assert_false(req.added);
	req.user = test_user(1);
	assert_int_equal(test_add(t, &req), 0);
	assert_int_equal(req.now, ROLE_OWNER);
	req.user = test_user(2);
	req.public_only = false;
	assert_int_equal(test_add(t, &req), 0);
	assert_true(req.added);
	req.public_only = true;
	req.user = test_user(3);
	req.room = test_room(t, "public", 0);
	assert_int_equal(test_add(t, &req), 0);
	assert_true(req.added);
}

static int drop(
	struct store_test *t, struct uuid room, unsigned user, struct store_member_remove *req)
{
	*req = (struct store_member_remove){.room = room, .user = test_user(user)};
	return test_remove(t, req);
}

static void the_last_owner_has_a_successor(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_member_add addition;
	struct store_member_remove req;

	for (unsigned i = 0; i < 4; i++) { /* 9 is the oldest of them, and an Admin is higher */
		static const unsigned users[] = {9, 4, 8, 5};
		atomic_fetch_add(&t->clock.wall_ms, 1000);
		add(t, room, users[i], users[i] == 8 || users[i] == 5 ? ROLE_ADMIN : ROLE_MEMBER,
			&addition);
	}
	assert_int_equal(drop(t, room, 1, &req), 0);
	assert_true(req.has_successor);
	assert_id(&req.successor, test_user(8));
	assert_int_equal(req.row.member_version, 6);
	assert_int_equal(req.row.member_count, 4);
	assert_int_equal(drop(t, room, 5, &req), 0); /* not an Owner: nobody follows */
	assert_false(req.has_successor);
	assert_int_equal(drop(t, room, 8, &req), 0);
	assert_true(req.has_successor);
	assert_id(&req.successor, test_user(9));
	assert_int_equal(add(t, room, 10, ROLE_OWNER, &addition), 0);
	assert_int_equal(drop(t, room, 9, &req), 0); /* another Owner is there */
	assert_false(req.has_successor);
	assert_int_equal(drop(t, room, 9, &req), ERR_NOT_MEMBER);
	assert_int_equal(drop(t, room, 4, &req), 0);
	assert_int_equal(drop(t, room, 10, &req), 0); /* nobody is left */
	assert_false(req.has_successor);
	assert_int_equal(req.row.member_count, 0);
	assert_int_equal(drop(t, test_user(77), 1, &req), ERR_NOT_FOUND);
}

static void members_are_listed_by_role_and_age(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 1);
	struct store_member_list list = {.room = room};
	struct store_member_add addition;
	const unsigned expected[] = {1, 7, 20, 6};

	atomic_fetch_add(&t->clock.wall_ms, 1);
	add(t, room, 20, ROLE_MEMBER, &addition);
	atomic_fetch_add(&t->clock.wall_ms, 1);
	add(t, room, 6, ROLE_MEMBER, &addition);
	add(t, room, 7, ROLE_ADMIN, &addition);
	assert_int_equal(test_list(t, &list), 0);
	assert_int_equal(list.count, 4);
	assert_int_equal(list.member_version, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_id(&list.members[i].user, test_user(expected[i]));
	}
	list.room = test_user(77);
	assert_int_equal(test_list(t, &list), ERR_NOT_FOUND);
}

/* ---- users ---- */

static void a_user_is_made_at_his_first_coming(void **state)
{
	struct store_test *t = test_of(state);
	struct store_user_open req = {.user = test_user(1),
		.identity = BYTES_LIT("alice@x"),
		.display_name = BYTES_LIT("Alice")};

	assert_int_equal(test_open_user(t, &req), 0);
	assert_id(&req.row.id, test_user(1));
	assert_bytes(req.row.identity, "alice@x");
	assert_bytes(req.row.display_name, "Alice");
	assert_int_equal(req.row.avatar_url.len, 0);
	assert_int_equal(req.row.created_ms, 1700000000000);
	assert_int_equal(req.row.last_seen_ms, 0);
	assert_int_equal(req.room_count, 0);

	struct uuid room = test_room(t, "a", 2);
	test_room(t, "b", 0);
	test_send(t, room, test_user(1), "1", "text");
	req.display_name = BYTES_LIT("Another token says another name");
	assert_int_equal(test_open_user(t, &req), 0);
	assert_bytes(req.row.display_name, "Alice");
	assert_int_equal(req.room_count, 1);
	assert_id(&req.rooms[0].id, room);
	assert_bytes(req.rooms[0].alias, "a");
	assert_int_equal(req.rooms[0].last_seq, 1);
	assert_int_equal(req.rooms[0].member_version, 1);
}

/* The operator may name him before: then he keeps his rooms and brings his name. */
static void a_user_who_was_named_by_others_brings_his_name(void **state)
{
	struct store_test *t = test_of(state);
	struct store_user_open req = {.user = test_user(2)};
	struct uuid ids[9];

	for (size_t i = 0; i < 9; i++) { /* more than the first piece of the array holds */
		ids[i] = test_room(t, NULL, 2);
	}
	req.identity = BYTES_LIT("bob");
	req.display_name = BYTES_LIT("Bob");
	assert_int_equal(test_open_user(t, &req), 0);
	assert_bytes(req.row.identity, "bob");
	assert_bytes(req.row.display_name, "Bob");
	assert_int_equal(req.room_count, 9);
	for (size_t i = 0; i < 9; i++) {
		bool found = false;
		for (size_t j = 0; j < 9; j++) {
			found = found || uuid_eq(&req.rooms[j].id, &ids[i]);
		}
		assert_true(found);
	}
	req = (struct store_user_open){.user = test_user(3)};
	assert_int_equal(test_open_user(t, &req), 0);
	assert_bytes(req.row.display_name, "aa000000-0000-4000-8000-000000000003");
}

static void status_counts(void **state)
{
	struct store_test *t = test_of(state);
	struct store_status req = {0};
	struct uuid room = test_room(t, "a", 3);

	test_room(t, "b", 1);
	test_send(t, room, test_user(1), "1", "text");
	test_send(t, room, test_user(2), "1", "text");
	assert_int_equal(test_status(t, &req), 0);
	assert_int_equal(req.users, 3);
	assert_int_equal(req.rooms, 2);
	assert_int_equal(req.messages, 2);
	assert_true(req.schema >= 1);
	assert_true(req.size_bytes >= 4096);
}

int store_suite_rooms(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(a_room_is_made_with_its_members, backend),
		SUITE_TEST(a_room_of_the_operator_may_be_empty, backend),
		SUITE_TEST(an_alias_has_one_room, backend),
		SUITE_TEST(a_pair_has_one_direct_room, backend),
		SUITE_TEST(rooms_are_found, backend),
		SUITE_TEST(rooms_are_listed_by_name, backend),
		SUITE_TEST(adding_raises_the_version_once, backend),
		SUITE_TEST(private_rooms_are_hidden_from_joiners, backend),
		SUITE_TEST(the_last_owner_has_a_successor, backend),
		SUITE_TEST(members_are_listed_by_role_and_age, backend),
		SUITE_TEST(a_user_is_made_at_his_first_coming, backend),
		SUITE_TEST(a_user_who_was_named_by_others_brings_his_name, backend),
		SUITE_TEST(status_counts, backend),
	};

	return cmocka_run_group_tests_name("store: rooms", tests, NULL, NULL);
}
