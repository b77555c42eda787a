/* Participants of a room: shown, added, removed, given a role; who may, and what everybody is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/op_help.h"

enum { MEMBER, ADMIN, OWNER, NO_ROLE = -1 };

/* Runs one; user NULL: the operator. */
static void run(struct world *world, struct trying *trying, const struct op_def *def,
	const char *user, const struct uuid *room, struct bytes who, int role)
{
	struct op *op = trying_create(trying, &world->hub, 0, def, user);
	struct member_params *params = op->params;
	params->room = op_id(op, room);
	params->user = who;
	if (role != NO_ROLE) {
		params->role = role;
		params->role_given = PARAM_PRESENT;
	}
	world_run(world, trying);
}

struct row {
	const struct op_def *def;
	const char *by;
	enum { GENERAL, CLOSED, DIRECT, NOWHERE } room;
	const char *who;
	int role;
	int err;
	const char *text; /* of the failure */
};

static const struct uuid *room_of(const struct world *world, const struct row *row)
{
	static const struct uuid nowhere = {.b = {1, 2, 3}};
	switch (row->room) {
	case GENERAL:
		return &world->general;
	case CLOSED:
		return &world->closed;
	case DIRECT:
		return &world->direct;
	case NOWHERE:
		break;
	}
	return &nowhere;
}

static void try_row(const struct row *row)
{
	struct world world;
	struct trying trying;
	world_open(&world);
	run(&world, &trying, row->def, row->by, room_of(&world, row), bytes_str(row->who),
		row->role);
	if (trying.err != row->err) {
		print_error("%s by %s of %s\n", row->def->name,
			row->by != NULL ? row->by : "operator", row->who);
	}
	trying_expect_failure(&trying, row->err, row->err != 0 ? row->text : "");
	trying_finish(&trying);
	world_close(&world);
}

#define NO_ROOM "no such room, or no access to it"
#define NO_PARTICIPANT "no such participant"

static void who_may_do_what(void **state)
{
	static const struct row rows[] = {
		{&op_member_show, "bob", GENERAL, "alice", NO_ROLE, 0, NULL},
		{&op_member_show, "bob", GENERAL, "carol", NO_ROLE, ERR_NOT_FOUND, NO_PARTICIPANT},
		{&op_member_show, "carol", GENERAL, "bob", NO_ROLE, ERR_NOT_MEMBER, "not a member"},
		{&op_member_show, "bob", CLOSED, "olga", NO_ROLE, ERR_NOT_FOUND, NO_ROOM},
		{&op_member_show, "bob", NOWHERE, "olga", NO_ROLE, ERR_NOT_FOUND, NO_ROOM},

		{&op_member_add, "alice", GENERAL, "carol", NO_ROLE, 0, NULL},
		{&op_member_add, "alice", GENERAL, "carol", ADMIN, 0, NULL},
		{&op_member_add, "alice", GENERAL, "carol", OWNER, ERR_FORBIDDEN, "your role"},
		{&op_member_add, "olga", GENERAL, "carol", OWNER, 0, NULL},
		{&op_member_add, "bob", GENERAL, "carol", NO_ROLE, ERR_FORBIDDEN, "your role"},
		{&op_member_add, "carol", GENERAL, "dave", NO_ROLE, ERR_NOT_MEMBER, "not a member"},
		{&op_member_add, "carol", GENERAL, "carol", NO_ROLE, 0, NULL},
		{&op_member_add, "carol", GENERAL, "carol", MEMBER, 0, NULL},
		{&op_member_add, "carol", GENERAL, "carol", ADMIN, ERR_FORBIDDEN,
			"Member at first"},
		{&op_member_add, "bob", CLOSED, "bob", NO_ROLE, ERR_NOT_FOUND, NO_ROOM},
		{&op_member_add, "bob", CLOSED, "alice", NO_ROLE, ERR_NOT_FOUND, NO_ROOM},
		{&op_member_add, "alice", DIRECT, "carol", NO_ROLE, ERR_FORBIDDEN, "exactly two"},
		{&op_member_add, NULL, DIRECT, "carol", NO_ROLE, ERR_FORBIDDEN, "exactly two"},
		{&op_member_add, NULL, CLOSED, "carol", OWNER, 0, NULL},
		{&op_member_add, NULL, NOWHERE, "carol", NO_ROLE, ERR_NOT_FOUND, "no such room"},

		{&op_member_role, "olga", GENERAL, "bob", OWNER, 0, NULL},
		{&op_member_role, "alice", GENERAL, "bob", ADMIN, 0, NULL},
		{&op_member_role, "alice", GENERAL, "bob", OWNER, ERR_FORBIDDEN, "your role"},
		{&op_member_role, "bob", GENERAL, "bob", ADMIN, ERR_FORBIDDEN, "your role"},
		{&op_member_role, "alice", GENERAL, "alice", MEMBER, 0, NULL},
		{&op_member_role, "olga", GENERAL, "olga", MEMBER, ERR_CONFLICT, "last Owner"},
		{&op_member_role, NULL, GENERAL, "olga", ADMIN, ERR_CONFLICT, "last Owner"},
		{&op_member_role, "olga", GENERAL, "carol", ADMIN, ERR_NOT_FOUND, NO_PARTICIPANT},
		{&op_member_role, NULL, DIRECT, "bob", ADMIN, ERR_FORBIDDEN, "no other roles"},
		{&op_member_role, "carol", GENERAL, "bob", ADMIN, ERR_NOT_MEMBER, "not a member"},

		{&op_member_remove, "alice", GENERAL, "bob", NO_ROLE, 0, NULL},
		{&op_member_remove, "bob", GENERAL, "bob", NO_ROLE, 0, NULL},
		{&op_member_remove, "olga", GENERAL, "olga", NO_ROLE, 0, NULL},
		{&op_member_remove, "bob", GENERAL, "alice", NO_ROLE, ERR_FORBIDDEN, "your role"},
		{&op_member_remove, "alice", GENERAL, "olga", NO_ROLE, ERR_FORBIDDEN, "your role"},
		{&op_member_remove, "olga", GENERAL, "carol", NO_ROLE, ERR_NOT_FOUND,
			NO_PARTICIPANT},
		{&op_member_remove, "carol", GENERAL, "carol", NO_ROLE, ERR_NOT_MEMBER,
			"not a member"},
		{&op_member_remove, "alice", DIRECT, "bob", NO_ROLE, ERR_FORBIDDEN,
			"only be deleted"},
		{&op_member_remove, "alice", DIRECT, "alice", NO_ROLE, ERR_FORBIDDEN,
			"only be deleted"},
		{&op_member_remove, NULL, NOWHERE, "bob", NO_ROLE, ERR_NOT_FOUND, "no such room"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		try_row(&rows[i]);
	}
}

static void names_that_are_none(void **state)
{
	static const char *const names[] = {
		"", "a\nb", "\x1b[2J", "a\x7f", "\xc2\x9b", "a\xff", "a\xc3"};
	const struct op_def *const defs[] = {
		&op_member_show, &op_member_add, &op_member_role, &op_member_remove};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	size_t asked = fake_store_calls(world.hub.store, FAKE_ROOM_FIND);
	for (size_t d = 0; d < sizeof(defs) / sizeof(defs[0]); d++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			run(&world, &trying, defs[d], "olga", &world.general, bytes_str(names[i]),
				NO_ROLE);
			trying_expect_failure(&trying, ERR_BAD_REQUEST, "1 to 256 bytes");
			trying_finish(&trying);
		}
		struct op *op = trying_create(&trying, &world.hub, 0, defs[d], "olga");
		struct member_params *params = op->params;
		params->room = op_id(op, &world.general);
		params->user = op_long(op, 257);
		world_run(&world, &trying);
		trying_expect(&trying, ERR_BAD_REQUEST);
		trying_finish(&trying);
	}
	assert_int_equal(fake_store_calls(world.hub.store, FAKE_ROOM_FIND), asked);
	world_close(&world);
}

static void a_room_that_is_none(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_member_show, "bob");
	struct member_params *params = op->params;
	params->room = BYTES_LIT("no room!");
	params->user = BYTES_LIT("bob");
	world_run(&world, &trying);
	trying_expect_failure(&trying, ERR_BAD_ROOM, "its id or its alias");
	trying_finish(&trying);
	world_close(&world);
}

/* ---- what it looks like, and who is told ---- */

static void a_participant_is_shown(void **state)
{
	struct world world;
	struct trying trying;
	char wanted[400];
	struct uuid alice = hub_user("alice");
	(void)state;
	world_open(&world);
	snprintf(wanted, sizeof(wanted),
		"{'roomId':'%s','userId':'%s','displayName':'alice','role':'Admin',"
		"'joinedAt':'2023-11-14T22:13:20.000Z','lastReadAt':null,'lastReadSeq':0,"
		"'lastDeliveredSeq':0,'muted':false}",
		uuid_text(&world.general), uuid_text(&alice));
	run(&world, &trying, &op_member_show, "bob", &world.general, BYTES_LIT("alice"), NO_ROLE);
	trying_expect_result(&trying, wanted);
	trying_finish(&trying);
	/* By his id too; the operator sees the identity. */
	char id[UUID_TEXT_SIZE];
	uuid_format(&alice, id);
	run(&world, &trying, &op_member_role, NULL, &world.general, bytes_str(id), MEMBER);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "identity"), "\"alice\"");
	assert_string_equal(trying_member(&trying, "role"), "\"Member\"");
	trying_finish(&trying);
	world_close(&world);
}

static void who_is_added_is_told_and_once(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct hub_client *carol = client_start(&world.hub, 1, "carol");
	client_skip(carol);
	for (int i = 0; i < 2; i++) {
		run(&world, &trying, &op_member_add, "alice", &world.general, BYTES_LIT("carol"),
			i == 0 ? NO_ROLE : ADMIN);
		trying_expect(&trying, 0);
		assert_int_equal(trying.created, i == 0);
		assert_string_equal(trying_member(&trying, "role"), "\"Member\"");
		trying_finish(&trying);
	}
	assert_non_null(strstr(client_next(carol), "\"target\":\"RoomCreated\""));
	assert_null(client_next(carol));
	assert_non_null(strstr(client_next(world.bob), "\"target\":\"UserJoined\""));
	assert_null(client_next(world.bob));
	room_send(&world.hub, &world.general, 1);
	assert_non_null(strstr(client_next(carol), "\"target\":\"ReceiveMessage\""));
	world_close(&world);
}

static void who_is_removed_hears_nothing_more(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	run(&world, &trying, &op_member_remove, "alice", &world.general, BYTES_LIT("bob"), NO_ROLE);
	trying_expect_result(&trying, "null");
	trying_finish(&trying);
	assert_non_null(strstr(client_next(world.bob), "\"target\":\"UserLeft\""));
	room_send(&world.hub, &world.general, 1);
	assert_null(client_next(world.bob));
	world_close(&world);
}

/* The participant is in, but the answer cannot be read: that nothing was done would be a lie. */
static void what_is_stored_but_not_read_again_is_uncertain(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_member_add, "alice");
	struct member_params *params = op->params;
	params->room = op_id(op, &world.general);
	params->user = BYTES_LIT("carol");
	trying_start(&trying);
	for (int i = 0; i < 40 && fake_store_first(world.hub.store) != FAKE_MEMBER_PAGE; i++) {
		fake_store_answer_all(world.hub.store);
		hub_turn(&world.hub);
	}
	fake_store_fail(world.hub.store, ERR_UNAVAILABLE, false);
	hub_settle(&world.hub);
	trying_expect_failure(&trying, ERR_UNCERTAIN, "it was done");
	trying_finish(&trying);
	struct uuid carol = hub_user("carol");
	assert_true(fake_store_is_member(world.hub.store, &world.general, &carol));
	world_close(&world);
}

/* ---- all of them ---- */

static void the_operator_gets_all(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_member_list, NULL);
	struct room_ref_params *params = op->params;
	params->room = BYTES_LIT("general");
	world_run(&world, &trying);
	trying_expect_result(&trying, "null");
	assert_int_equal(trying.item_count, 3);
	for (size_t i = 0; i < trying.item_count; i++) {
		assert_non_null(strstr(trying.items[i], "\"identity\":\""));
	}
	trying_finish(&trying);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_do_what),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(a_room_that_is_none),
		cmocka_unit_test(a_participant_is_shown),
		cmocka_unit_test(who_is_added_is_told_and_once),
		cmocka_unit_test(who_is_removed_hears_nothing_more),
		cmocka_unit_test(what_is_stored_but_not_read_again_is_uncertain),
		cmocka_unit_test(the_operator_gets_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
