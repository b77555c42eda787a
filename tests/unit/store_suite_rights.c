/* Who may do what: every kind of actor against every request that takes one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

/* Users of the rooms that are made here. */
enum { OWNER = 1, ADMIN = 2, MEMBER = 3, OTHER_OWNER = 4, OTHER_ADMIN = 5, OTHER_MEMBER = 6 };
enum { STRANGER = 9, NEW = 10, OPERATOR = 0 };

enum kind { PUBLIC, PRIVATE, DIRECT };

struct question {
	enum kind kind;
	unsigned by;
	unsigned user; /* whom it is about */
	enum member_role role;
	int err;
};

static struct uuid make_room(struct store_test *t, enum kind kind)
{
	if (kind == DIRECT) {
		return test_direct_room(t, OWNER, MEMBER);
	}
	struct uuid room = kind == PUBLIC ? test_room(t, NULL, 6) : test_private_room(t, 6);
	test_role(t, room, OTHER_OWNER, ROLE_OWNER);
	test_role(t, room, ADMIN, ROLE_ADMIN);
	test_role(t, room, OTHER_ADMIN, ROLE_ADMIN);
	return room;
}

static void delete_room(struct store_test *t, struct uuid room)
{
	struct store_room_delete end = {.room = room};

	assert_int_equal(ask_room_delete(t, &end), 0);
}

static struct store_actor actor(unsigned by)
{
	return by == OPERATOR ? (struct store_actor){0} : test_actor(by);
}

static void judge(const struct question *q, size_t number, int err)
{
	if (err != q->err) {
		fail_msg("question %zu: %s instead of %s", number, err_code(err), err_code(q->err));
	}
}

#define ASK(questions, ask) \
	for (size_t i = 0; i < sizeof(questions) / sizeof((questions)[0]); i++) { \
		const struct question *q = &(questions)[i]; \
		struct uuid room = make_room(t, q->kind); \
		uint64_t version = test_room_row(t, room).member_version; \
		judge(q, i, ask(t, room, q)); \
		if (q->err != 0) { \
			assert_int_equal(test_room_row(t, room).member_version, version); \
		} \
		delete_room(t, room); \
	}

/* ---- add ---- */

static int ask_add(struct store_test *t, struct uuid room, const struct question *q)
{
	struct store_member_add req = {
		.room = room, .user = test_user(q->user), .role = q->role, .actor = actor(q->by)};
	int err = ask_member_add(t, &req);

	assert_int_equal(req.added, err == 0 && q->user == NEW);
	return err;
}

static void who_adds(void **state)
{
	static const struct question questions[] = {
		{PRIVATE, OPERATOR, NEW, ROLE_OWNER, 0},
		{PRIVATE, OWNER, NEW, ROLE_OWNER, 0},
		{PRIVATE, OWNER, NEW, ROLE_NONE, 0},
		{PRIVATE, ADMIN, NEW, ROLE_OWNER, ERR_FORBIDDEN},
		{PRIVATE, ADMIN, NEW, ROLE_ADMIN, 0},
		{PRIVATE, ADMIN, NEW, ROLE_MEMBER, 0},
		{PUBLIC, ADMIN, NEW, ROLE_NONE, 0},
		{PRIVATE, MEMBER, NEW, ROLE_MEMBER, ERR_FORBIDDEN},
		{PUBLIC, MEMBER, NEW, ROLE_NONE, ERR_FORBIDDEN},
		{PUBLIC, STRANGER, NEW, ROLE_MEMBER, ERR_NOT_MEMBER},
		{PRIVATE, STRANGER, NEW, ROLE_MEMBER, ERR_NOT_FOUND},
		{PUBLIC, NEW, NEW, ROLE_MEMBER, ERR_NOT_MEMBER},
		{PUBLIC, ADMIN, MEMBER, ROLE_ADMIN, 0}, /* who is in keeps his role */
		{PUBLIC, MEMBER, OWNER, ROLE_MEMBER, ERR_FORBIDDEN},
		{DIRECT, OPERATOR, NEW, ROLE_MEMBER, ERR_FORBIDDEN},
		{DIRECT, OWNER, NEW, ROLE_MEMBER, ERR_FORBIDDEN},
		{DIRECT, MEMBER, NEW, ROLE_MEMBER, ERR_FORBIDDEN},
		{DIRECT, STRANGER, NEW, ROLE_MEMBER, ERR_NOT_FOUND},
		{DIRECT, OPERATOR, MEMBER, ROLE_MEMBER, 0},
	};
	struct store_test *t = suite_test(state);

	ASK(questions, ask_add)
}

/* ---- remove ---- */

static int ask_remove(struct store_test *t, struct uuid room, const struct question *q)
{
	struct store_member_remove req = {
		.room = room, .user = test_user(q->user), .actor = actor(q->by)};

	return ask_member_remove(t, &req);
}

static void who_removes(void **state)
{
	static const struct question questions[] = {
		{PRIVATE, OPERATOR, OWNER, 0, 0},
		{PRIVATE, OWNER, OTHER_OWNER, 0, 0},
		{PRIVATE, OWNER, ADMIN, 0, 0},
		{PRIVATE, OWNER, OWNER, 0, 0},
		{PRIVATE, OWNER, NEW, 0, ERR_NOT_MEMBER},
		{PRIVATE, ADMIN, OWNER, 0, ERR_FORBIDDEN},
		{PRIVATE, ADMIN, OTHER_ADMIN, 0, ERR_FORBIDDEN},
		{PRIVATE, ADMIN, ADMIN, 0, 0},
		{PUBLIC, ADMIN, MEMBER, 0, 0},
		{PUBLIC, ADMIN, NEW, 0, ERR_NOT_MEMBER},
		{PRIVATE, MEMBER, MEMBER, 0, 0},
		{PRIVATE, MEMBER, OTHER_MEMBER, 0, ERR_FORBIDDEN},
		{PUBLIC, MEMBER, NEW, 0, ERR_FORBIDDEN},
		{PUBLIC, STRANGER, MEMBER, 0, ERR_NOT_MEMBER},
		{PRIVATE, STRANGER, MEMBER, 0, ERR_NOT_FOUND},
		{PUBLIC, STRANGER, STRANGER, 0, ERR_NOT_MEMBER},
		{PRIVATE, STRANGER, STRANGER, 0, ERR_NOT_FOUND},
		{PRIVATE, OPERATOR, STRANGER, 0, ERR_NOT_MEMBER},
		{DIRECT, OPERATOR, MEMBER, 0, ERR_FORBIDDEN},
		{DIRECT, OWNER, MEMBER, 0, ERR_FORBIDDEN},
		{DIRECT, MEMBER, MEMBER, 0, ERR_FORBIDDEN},
	};
	struct store_test *t = suite_test(state);

	ASK(questions, ask_remove)
}

/* ---- role ---- */

static int ask_role(struct store_test *t, struct uuid room, const struct question *q)
{
	struct store_member_role req = {
		.room = room, .user = test_user(q->user), .role = q->role, .actor = actor(q->by)};

	return ask_member_role(t, &req);
}

static void who_gives_roles(void **state)
{
	static const struct question questions[] = {
		{PRIVATE, OPERATOR, MEMBER, ROLE_OWNER, 0},
		{PRIVATE, OWNER, MEMBER, ROLE_OWNER, 0},
		{PRIVATE, OWNER, OTHER_OWNER, ROLE_MEMBER, 0},
		{PRIVATE, OWNER, OWNER, ROLE_MEMBER, 0},
		{PUBLIC, OWNER, ADMIN, ROLE_MEMBER, 0},
		{PUBLIC, OWNER, STRANGER, ROLE_MEMBER, ERR_NOT_MEMBER},
		{PRIVATE, ADMIN, MEMBER, ROLE_MEMBER, 0},
		{PRIVATE, ADMIN, MEMBER, ROLE_OWNER, ERR_FORBIDDEN},
		{PRIVATE, ADMIN, OTHER_ADMIN, ROLE_MEMBER, ERR_FORBIDDEN},
		{PRIVATE, ADMIN, ADMIN, ROLE_OWNER, ERR_FORBIDDEN},
		{PRIVATE, ADMIN, MEMBER, ROLE_ADMIN, 0},
		{PRIVATE, ADMIN, ADMIN, ROLE_MEMBER, 0},
		{PRIVATE, ADMIN, OWNER, ROLE_MEMBER, ERR_FORBIDDEN},
		{PRIVATE, MEMBER, MEMBER, ROLE_OWNER, ERR_FORBIDDEN},
		{PRIVATE, MEMBER, MEMBER, ROLE_MEMBER, ERR_FORBIDDEN},
		{PUBLIC, STRANGER, MEMBER, ROLE_MEMBER, ERR_NOT_MEMBER},
		{PRIVATE, STRANGER, MEMBER, ROLE_MEMBER, ERR_NOT_FOUND},
		{DIRECT, OPERATOR, MEMBER, ROLE_OWNER, ERR_FORBIDDEN},
		{DIRECT, OWNER, MEMBER, ROLE_ADMIN, ERR_FORBIDDEN},
		{DIRECT, STRANGER, MEMBER, ROLE_ADMIN, ERR_NOT_FOUND},
	};
	struct store_test *t = suite_test(state);

	ASK(questions, ask_role)
}

/* ---- the room itself ---- */

static int ask_update(struct store_test *t, struct uuid room, const struct question *q)
{
	struct store_room_update req = {.room = room,
		.changes = ROOM_SET_NAME | (q->role != 0 ? ROOM_SET_VISIBILITY : 0),
		.name = BYTES_LIT("new name"),
		.actor = actor(q->by)};
	int err = ask_room_update(t, &req);

	assert_int_equal(test_room_row(t, room).version > 2, err == 0);
	return err;
}

/* role: the visibility is to change as well. Rooms that were made Private are at version 2. */
static void who_changes_rooms(void **state)
{
	static const struct question questions[] = {
		{PRIVATE, OPERATOR, 0, 0, 0},
		{PRIVATE, OWNER, 0, 0, 0},
		{PRIVATE, ADMIN, 0, 0, 0},
		{PRIVATE, MEMBER, 0, 0, ERR_FORBIDDEN},
		{PRIVATE, STRANGER, 0, 0, ERR_NOT_FOUND},
		{PUBLIC, MEMBER, 0, 0, ERR_FORBIDDEN},
		{PUBLIC, STRANGER, 0, 0, ERR_NOT_MEMBER},
		{DIRECT, MEMBER, 0, 0, ERR_FORBIDDEN},
		{DIRECT, OWNER, 0, 1, ERR_FORBIDDEN},
		{DIRECT, OPERATOR, 0, 1, ERR_FORBIDDEN},
		{DIRECT, STRANGER, 0, 0, ERR_NOT_FOUND},
	};
	struct store_test *t = suite_test(state);

	ASK(questions, ask_update)
}

static void who_deletes_rooms(void **state)
{
	static const struct question questions[] = {
		{PRIVATE, STRANGER, 0, 0, ERR_NOT_FOUND},
		{PUBLIC, STRANGER, 0, 0, ERR_NOT_MEMBER},
		{PUBLIC, MEMBER, 0, 0, ERR_FORBIDDEN},
		{PUBLIC, ADMIN, 0, 0, ERR_FORBIDDEN},
		{PUBLIC, OWNER, 0, 0, 0},
		{PRIVATE, OWNER, 0, 0, 0},
		{PRIVATE, OPERATOR, 0, 0, 0},
		{DIRECT, STRANGER, 0, 0, ERR_NOT_FOUND},
		{DIRECT, MEMBER, 0, 0, 0},
		{DIRECT, OWNER, 0, 0, 0},
	};
	struct store_test *t = suite_test(state);
	struct store_status status = {0};
	size_t left = 0;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		const struct question *q = &questions[i];
		struct uuid room = make_room(t, q->kind);
		struct store_room_delete req = {.room = room, .actor = actor(q->by)};
		judge(q, i, ask_room_delete(t, &req));
		if (q->err != 0 && q->kind == DIRECT) {
			delete_room(t, room); /* the pair is wanted again */
		} else {
			left += q->err != 0;
		}
		assert_int_equal(test_status(t, &status), 0);
		assert_int_equal(status.rooms, left);
	}
}

static void an_unknown_room_is_not_found(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid none = test_user(999);

	for (unsigned by = OPERATOR; by <= OWNER; by++) {
		const struct question q = {.by = by, .user = 2, .role = ROLE_MEMBER};
		struct store_room_update update = {.room = none, .actor = actor(by)};
		struct store_room_delete end = {.room = none, .actor = actor(by)};
		assert_int_equal(ask_add(t, none, &q), ERR_NOT_FOUND);
		assert_int_equal(ask_remove(t, none, &q), ERR_NOT_FOUND);
		assert_int_equal(ask_role(t, none, &q), ERR_NOT_FOUND);
		assert_int_equal(ask_room_update(t, &update), ERR_NOT_FOUND);
		assert_int_equal(ask_room_delete(t, &end), ERR_NOT_FOUND);
	}
}

int store_suite_rights(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(who_adds, backend),
		SUITE_TEST(who_removes, backend),
		SUITE_TEST(who_gives_roles, backend),
		SUITE_TEST(who_changes_rooms, backend),
		SUITE_TEST(who_deletes_rooms, backend),
		SUITE_TEST(an_unknown_room_is_not_found, backend),
	};

	return cmocka_run_group_tests_name("store: rights", tests, NULL, NULL);
}
