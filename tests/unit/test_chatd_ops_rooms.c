/* Rooms made, changed, archived and deleted: what is refused, and what the answer says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/op_help.h"

/* ---- changing ---- */

static struct room_update_params *update(
	struct world *world, struct trying *trying, const char *user, const struct uuid *room)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_room_update, user);
	struct room_update_params *params = op->params;
	params->room = op_id(op, room);
	return params;
}

static void end_expect(struct world *world, struct trying *trying, int err, const char *text)
{
	world_run(world, trying);
	trying_expect_failure(trying, err, text);
	trying_finish(trying);
}

static void what_is_set_stands_in_the_answer(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct room_update_params *params = update(&world, &trying, "alice", &world.general);
	params->name = BYTES_LIT("New");
	params->alias = BYTES_LIT("NEW.Alias");
	params->avatar_url = BYTES_LIT("https://example.org/a.png");
	params->visibility = ROOM_PRIVATE;
	params->archived = true;
	params->name_given = params->alias_given = params->avatar_given = PARAM_PRESENT;
	params->visibility_given = params->archived_given = PARAM_PRESENT;
	world_run(&world, &trying);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "name"), "\"New\"");
	assert_string_equal(trying_member(&trying, "alias"), "\"new.alias\"");
	assert_string_equal(trying_member(&trying, "avatarUrl"), "\"https://example.org/a.png\"");
	assert_string_equal(trying_member(&trying, "visibility"), "\"Private\"");
	assert_string_not_equal(trying_member(&trying, "archivedAt"), "null");
	assert_int_equal(trying.version, 2);
	trying_finish(&trying);
	assert_non_null(strstr(client_next(world.bob), "\"target\":\"RoomUpdated\""));

	/* Null and an empty text take away. */
	params = update(&world, &trying, "alice", &world.general);
	params->alias_given = PARAM_NULL;
	params->avatar_given = PARAM_PRESENT;
	params->archived_given = PARAM_PRESENT;
	world_run(&world, &trying);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "alias"), "null");
	assert_string_equal(trying_member(&trying, "avatarUrl"), "null");
	assert_string_equal(trying_member(&trying, "archivedAt"), "null");
	trying_finish(&trying);
	world_close(&world);
}

static void changes_that_are_refused(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	update(&world, &trying, "alice", &world.general);
	end_expect(&world, &trying, ERR_BAD_REQUEST, "nothing is to be changed");

	const char *const aliases[] = {"a b", "-x", "\xc3\xa4", "a/b", "..", "_",
		"00000000-0000-4000-8000-000000000000",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		struct room_update_params *params =
			update(&world, &trying, "alice", &world.general);
		params->alias = bytes_str(aliases[i]);
		params->alias_given = PARAM_PRESENT;
		end_expect(&world, &trying, ERR_BAD_ROOM, "an alias is");
	}
	struct room_update_params *params = update(&world, &trying, "alice", &world.general);
	params->alias = BYTES_LIT("Closed");
	params->alias_given = PARAM_PRESENT;
	end_expect(&world, &trying, ERR_EXISTS, "the alias 'closed' is taken");

	params = update(&world, &trying, "alice", &world.direct);
	params->visibility_given = PARAM_PRESENT;
	end_expect(&world, &trying, ERR_FORBIDDEN, "");
	params = update(&world, &trying, NULL, &world.direct);
	params->make_public = true;
	end_expect(&world, &trying, ERR_FORBIDDEN, "always private");

	params = update(&world, &trying, "bob", &world.general);
	params->archived_given = PARAM_PRESENT;
	end_expect(&world, &trying, ERR_FORBIDDEN, "your role");
	params = update(&world, &trying, "carol", &world.general);
	params->archived_given = PARAM_PRESENT;
	end_expect(&world, &trying, ERR_NOT_MEMBER, "");
	params = update(&world, &trying, "carol", &world.closed);
	params->archived_given = PARAM_PRESENT;
	end_expect(&world, &trying, ERR_NOT_FOUND, "no access");
	assert_int_equal(fake_store_room_row(world.hub.store, &world.general)->version, 1);
	world_close(&world);
}

static void names_and_pictures_have_their_bounds(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < 4; i++) {
		struct room_update_params *params =
			update(&world, &trying, "alice", &world.general);
		bool good = i % 2 == 0;
		if (i < 2) {
			params->name_given = PARAM_PRESENT;
			params->name = op_long(trying.op, good ? 256 : 257);
		} else {
			params->avatar_given = PARAM_PRESENT;
			params->avatar_url =
				op_text(trying.op, "https://%0*d", good ? 2048 - 8 : 2049 - 8, 0);
		}
		end_expect(&world, &trying, good ? 0 : ERR_BAD_REQUEST, "");
	}
	const char *const names[] = {"", "a\nb", "\x1b[0m", "a\x7f", "\xc2\x85", "a\xff"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct room_update_params *params =
			update(&world, &trying, "alice", &world.general);
		params->name_given = PARAM_PRESENT;
		params->name = bytes_str(names[i]);
		end_expect(&world, &trying, ERR_BAD_REQUEST, "without control characters");
	}
	const char *const urls[] = {"x", "ftp://x", "javascript:alert(1)", "https://a b",
		"http://a\nb", "https://\xff", "http://a\xc2\x9b"};
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct room_update_params *params =
			update(&world, &trying, "alice", &world.general);
		params->avatar_given = PARAM_PRESENT;
		params->avatar_url = bytes_str(urls[i]);
		end_expect(&world, &trying, ERR_BAD_REQUEST, "http or https");
	}
	world_close(&world);
}

static void a_change_of_another_version_is_refused(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (int i = 0; i < 2; i++) { /* the first one makes version 2 of it */
		struct room_update_params *params =
			update(&world, &trying, "alice", &world.general);
		params->name = BYTES_LIT("New");
		params->name_given = PARAM_PRESENT;
		trying.op->expect_version = 1;
		end_expect(&world, &trying, i == 0 ? 0 : ERR_PRECONDITION,
			i == 0 ? "" : "read it again");
	}
	struct op *op = trying_create(&trying, &world.hub, 0, &op_room_delete, "olga");
	((struct room_ref_params *)op->params)->room = BYTES_LIT("general");
	op->expect_version = 1;
	end_expect(&world, &trying, ERR_PRECONDITION, "read it again");
	assert_true(fake_store_has_room(world.hub.store, &world.general));
	world_close(&world);
}

static void the_operator_archives_and_undoes(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (int undo = 0; undo < 2; undo++) {
		struct op *op = trying_create(&trying, &world.hub, 0, &op_room_archive, NULL);
		struct room_archive_params *params = op->params;
		params->room = BYTES_LIT("general");
		params->undo = undo != 0;
		end_expect(&world, &trying, 0, "");
		assert_int_equal(
			fake_store_room_row(world.hub.store, &world.general)->archived_ms == 0,
			undo);
		assert_non_null(strstr(client_next(world.bob), "\"target\":\"RoomUpdated\""));
	}
	world_close(&world);
}

/* ---- deleting ---- */

static void who_may_delete(void **state)
{
	const struct {
		const char *user;
		bool direct;
		int err;
	} rows[] = {
		{"olga", false, 0},
		{"alice", false, ERR_FORBIDDEN},
		{"bob", false, ERR_FORBIDDEN},
		{"carol", false, ERR_NOT_MEMBER},
		{"carol", true, ERR_NOT_FOUND},
		{"bob", true, 0},
		{NULL, true, 0},
		{NULL, false, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world;
		struct trying trying;
		world_open(&world);
		const struct uuid *room = rows[i].direct ? &world.direct : &world.general;
		struct op *op =
			trying_create(&trying, &world.hub, 0, &op_room_delete, rows[i].user);
		((struct room_ref_params *)op->params)->room = op_id(op, room);
		end_expect(&world, &trying, rows[i].err,
			rows[i].err == ERR_FORBIDDEN ? "only an Owner" : "");
		assert_int_equal(fake_store_has_room(world.hub.store, room), rows[i].err != 0);
		const char *told = client_next(world.bob);
		assert_int_equal(told != NULL, rows[i].err == 0);
		assert_int_equal(fake_store_calls(world.hub.store, FAKE_ROOM_SWEEP),
			rows[i].err == 0 ? 1 : 0);
		world_close(&world);
	}
}

/* What deleted rooms left goes in portions, until nothing is left, and not while the node drains.
 */
static void the_sweep_goes_on_until_it_drains(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	fake_store_sweeps(world.hub.store, 3);
	trying_create(&trying, &world.hub, 0, &op_room_sweep, NULL);
	end_expect(&world, &trying, 0, "");
	assert_int_equal(fake_store_calls(world.hub.store, FAKE_ROOM_SWEEP), 4);
	fake_store_sweeps(world.hub.store, 3);
	world.hub.sv[0].draining = true;
	trying_create(&trying, &world.hub, 0, &op_room_sweep, NULL);
	end_expect(&world, &trying, 0, "");
	assert_int_equal(fake_store_calls(world.hub.store, FAKE_ROOM_SWEEP), 5);
	world_close(&world);
}

/* ---- making ---- */

static struct room_create_params *create(
	struct world *world, struct trying *trying, const char *user)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_room_create, user);
	struct room_create_params *params = op->params;
	params->name = BYTES_LIT("Some Name");
	return params;
}

static void a_user_owns_what_he_makes(void **state)
{
	struct world world;
	struct trying trying;
	struct uuid alice = hub_user("alice");
	(void)state;
	world_open(&world);
	struct room_create_params *params = create(&world, &trying, "alice");
	params->owner = BYTES_LIT("mallory"); /* is for the operator to say */
	params->members = op_json(trying.op, "['bob','bob','alice','new']");
	params->alias = BYTES_LIT("Made");
	world_run(&world, &trying);
	trying_expect(&trying, 0);
	assert_true(trying.created);
	assert_string_equal(trying_member(&trying, "members"), "3");
	trying_finish(&trying);
	const struct room_row *row = fake_store_room_called(world.hub.store, "made");
	assert_non_null(row);
	assert_true(row->has_creator && uuid_eq(&row->creator, &alice));
	assert_int_equal(fake_store_role_of(world.hub.store, &row->id, &alice), ROLE_OWNER);
	assert_non_null(strstr(client_next(world.bob), "\"target\":\"RoomCreated\""));
	assert_null(client_next(world.bob));
	world_close(&world);
}

static void an_alias_comes_from_the_operators_name_alone(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	create(&world, &trying, NULL)->name = BYTES_LIT("Operators");
	world_run(&world, &trying);
	assert_string_equal(trying_member(&trying, "alias"), "\"operators\"");
	assert_string_equal(trying_member(&trying, "creatorId"), "null");
	trying_finish(&trying);
	create(&world, &trying, "alice")->name = BYTES_LIT("Users");
	world_run(&world, &trying);
	assert_string_equal(trying_member(&trying, "alias"), "null");
	trying_finish(&trying);
	create(&world, &trying, NULL)->name = BYTES_LIT("No alias!");
	world_run(&world, &trying);
	assert_string_equal(trying_member(&trying, "alias"), "null");
	trying_finish(&trying);
	create(&world, &trying, NULL)->name = BYTES_LIT("General");
	end_expect(&world, &trying, ERR_EXISTS, "'general' is taken");
	create(&world, &trying, NULL)->alias = BYTES_LIT("no alias!");
	end_expect(&world, &trying, ERR_BAD_ROOM, "an alias is");
	world_close(&world);
}

static void a_pair_has_one_room(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	const char *const members[] = {"['bob']", "['alice','bob']", "['bob','bob']"};
	for (size_t i = 0; i < 3; i++) {
		struct room_create_params *params = create(&world, &trying, "alice");
		params->name = BYTES_NONE;
		params->type = ROOM_DIRECT;
		params->members = op_json(trying.op, members[i]);
		world_run(&world, &trying);
		trying_expect(&trying, 0);
		assert_false(trying.created);
		assert_non_null(strstr(trying.result, uuid_text(&world.direct)));
		trying_finish(&trying);
	}
	const char *const wrong[] = {"[]", "['alice']", "['bob','carol']"};
	for (size_t i = 0; i < 3; i++) {
		struct room_create_params *params = create(&world, &trying, "alice");
		params->is_direct = true;
		params->members = op_json(trying.op, wrong[i]);
		end_expect(&world, &trying, ERR_BAD_REQUEST, "exactly one other");
	}
	create(&world, &trying, NULL)->is_direct = true;
	end_expect(&world, &trying, ERR_BAD_REQUEST, "exactly two participants");
	world_close(&world);
}

static void rooms_that_are_not_made(void **state)
{
	const char *const members[] = {
		"['']", "[7]", "[null]", "['a','\\u001b']", "[{}]", "['\\ud800']"};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct room_create_params *params = create(&world, &trying, "alice");
		params->members = op_json(trying.op, members[i]);
		end_expect(&world, &trying, ERR_BAD_REQUEST, "a user is named by");
	}
	struct room_create_params *params = create(&world, &trying, "alice");
	struct value many = value_array(trying.op->arena, 1001);
	for (int i = 0; i < 1001; i++) {
		value_add(&many, value_str("x"));
	}
	params->members = &many;
	end_expect(&world, &trying, ERR_TOO_LARGE, "at most 1000 members");
	create(&world, &trying, "alice")->name = BYTES_NONE;
	end_expect(&world, &trying, ERR_BAD_REQUEST, "a name must be");
	create(&world, &trying, "alice")->avatar_url = BYTES_LIT("x");
	end_expect(&world, &trying, ERR_BAD_REQUEST, "http or https");
	assert_int_equal(fake_store_calls(world.hub.store, FAKE_ROOM_CREATE), 0);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_stands_in_the_answer),
		cmocka_unit_test(changes_that_are_refused),
		cmocka_unit_test(names_and_pictures_have_their_bounds),
		cmocka_unit_test(a_change_of_another_version_is_refused),
		cmocka_unit_test(the_operator_archives_and_undoes),
		cmocka_unit_test(who_may_delete),
		cmocka_unit_test(the_sweep_goes_on_until_it_drains),
		cmocka_unit_test(a_user_owns_what_he_makes),
		cmocka_unit_test(an_alias_comes_from_the_operators_name_alone),
		cmocka_unit_test(a_pair_has_one_room),
		cmocka_unit_test(rooms_that_are_not_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
