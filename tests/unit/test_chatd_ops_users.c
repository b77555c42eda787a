/* Users: shown, changed, listed, kept out, exported and erased. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/op_help.h"

static void run_user(struct world *world, struct trying *trying, const struct op_def *def,
	const char *user, const char *who)
{
	struct op *op = trying_create(trying, &world->hub, 0, def, user);
	((struct user_params *)op->params)->user = bytes_str(who);
	world_run(world, trying);
}

static const struct user_row *row_of(struct world *world, const char *name)
{
	struct uuid user = hub_user(name);
	return fake_store_user_row(world->hub.store, &user);
}

/* ---- shown ---- */

static bool has(const struct trying *trying, const char *name)
{
	return trying_member(trying, name)[0] != '\0';
}

static void who_sees_what_of_a_user(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	client_start(&world.hub, 0, "bob"); /* a second connection, on another worker */
	for (int i = 0; i < 3; i++) {
		const char *const by[] = {"alice", "bob", NULL};
		run_user(&world, &trying, &op_user_show, by[i], "bob");
		trying_expect(&trying, 0);
		assert_string_equal(trying_member(&trying, "status"), "\"Online\"");
		assert_int_equal(has(&trying, "identity"), i > 0);
		assert_int_equal(has(&trying, "createdAt"), i > 0);
		assert_int_equal(has(&trying, "bannedAt"), i == 2);
		assert_string_equal(trying_member(&trying, "connections"), i == 2 ? "2" : "");
		assert_int_equal(trying.version, i == 1 ? 1 : 0);
		trying_finish(&trying);
	}
	run_user(&world, &trying, &op_user_show, "alice", "olga");
	assert_string_equal(trying_member(&trying, "status"), "\"Offline\"");
	trying_finish(&trying);
	run_user(&world, &trying, &op_user_show, "alice", "nobody");
	trying_expect_failure(&trying, ERR_NOT_FOUND, "no such user");
	trying_finish(&trying);
	run_user(&world, &trying, &op_user_show, "alice", "\x1b");
	trying_expect(&trying, ERR_BAD_REQUEST);
	trying_finish(&trying);
	/* Whoever asks for himself is made. */
	run_user(&world, &trying, &op_user_me, "fresh", "");
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "identity"), "\"fresh\"");
	trying_finish(&trying);
	assert_non_null(row_of(&world, "fresh"));
	world_close(&world);
}

/* ---- changed ---- */

static struct user_update_params *update(struct world *world, struct trying *trying)
{
	return trying_create(trying, &world->hub, 0, &op_user_update, "bob")->params;
}

static void end_expect(struct world *world, struct trying *trying, int err, const char *text)
{
	world_run(world, trying);
	trying_expect_failure(trying, err, text);
	trying_finish(trying);
}

static void a_profile_has_its_bounds(void **state)
{
	const char *const names[] = {"", "a\tb", "\x1b[0m", "\xc2\x9b", "a\xff"};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	update(&world, &trying);
	end_expect(&world, &trying, ERR_BAD_REQUEST, "nothing is to be changed");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct user_update_params *params = update(&world, &trying);
		params->display_name = bytes_str(names[i]);
		params->name_given = PARAM_PRESENT;
		end_expect(&world, &trying, ERR_BAD_REQUEST, "without control characters");
	}
	for (size_t len = 256; len <= 257; len++) {
		struct user_update_params *params = update(&world, &trying);
		params->display_name = op_long(trying.op, len);
		params->name_given = PARAM_PRESENT;
		end_expect(&world, &trying, len == 256 ? 0 : ERR_BAD_REQUEST, "");
	}
	struct user_update_params *params = update(&world, &trying);
	params->avatar_url = BYTES_LIT("data:x");
	params->avatar_given = PARAM_PRESENT;
	end_expect(&world, &trying, ERR_BAD_REQUEST, "http or https");
	params = update(&world, &trying);
	params->avatar_given = PARAM_NULL;
	trying.op->expect_version = 1;
	end_expect(&world, &trying, ERR_PRECONDITION, "read it again");
	world_close(&world);
}

/* ---- listed ---- */

static void a_list_goes_on_page_by_page_as_it_is_read(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (int i = 0; i < 240; i++) {
		char name[20];
		snprintf(name, sizeof(name), "user%03d", i);
		struct uuid user = hub_user(name);
		fake_store_user(world.hub.store, &user, name);
	}
	trying_create(&trying, &world.hub, 0, &op_user_list, NULL);
	trying.is_congested = true;
	trying_start(&trying);
	hub_settle(&world.hub);
	assert_int_equal(trying.item_count, 200);
	assert_int_equal(trying.done, 0);
	trying_drain(&trying);
	hub_settle(&world.hub);
	trying_expect(&trying, 0);
	assert_int_equal(trying.item_count, 243);
	for (size_t i = 1; i < trying.item_count; i++) {
		assert_string_not_equal(trying.items[i - 1], trying.items[i]);
	}
	trying_finish(&trying);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_user_list, NULL);
	((struct user_list_params *)op->params)->banned = true;
	world_run(&world, &trying);
	assert_int_equal(trying.item_count, 0);
	trying_finish(&trying);
	world_close(&world);
}

/* ---- kept out ---- */

static void a_ban_ends_connections_on_all_workers(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct hub_client *other = client_start(&world.hub, 0, "bob");
	struct uuid bob = hub_user("bob");
	struct op *op = trying_create(&trying, &world.hub, 0, &op_user_ban, NULL);
	((struct user_params *)op->params)->user = BYTES_LIT("bob");
	((struct user_params *)op->params)->reason = BYTES_LIT("spam");
	world_run(&world, &trying);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "banReason"), "\"spam\"");
	trying_finish(&trying);
	assert_true(world.bob->closed && other->closed);
	assert_false(world.alice->closed);
	assert_true(fake_store_is_member(world.hub.store, &world.general, &bob));
	run_user(&world, &trying, &op_user_unban, NULL, "bob");
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "bannedAt"), "null");
	trying_finish(&trying);
	struct hub_client *back = client_start(&world.hub, 0, "bob");
	assert_false(back->closed);
	world_close(&world);
}

/* A user may be banned before he ever came. */
static void who_never_came_can_be_banned(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	run_user(&world, &trying, &op_user_ban, NULL, "mallory");
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "identity"), "\"mallory\"");
	assert_string_equal(trying_member(&trying, "banReason"), "null");
	trying_finish(&trying);
	for (int i = 0; i < 3; i++) {
		const struct op_def *const defs[] = {
			&op_user_ban, &op_user_unban, &op_user_revoke_tokens};
		run_user(&world, &trying, defs[i], NULL, "");
		trying_expect(&trying, ERR_BAD_REQUEST);
		trying_finish(&trying);
	}
	world_close(&world);
}

/* Nothing holds that was not stored. */
static void a_ban_that_is_not_stored_ends_nothing(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_user_ban, NULL);
	((struct user_params *)op->params)->user = BYTES_LIT("bob");
	trying_start(&trying);
	fake_store_fail(world.hub.store, ERR_STORAGE_FULL, false);
	hub_settle(&world.hub);
	trying_expect(&trying, ERR_STORAGE_FULL);
	trying_finish(&trying);
	assert_false(world.bob->closed);
	world_close(&world);
}

/* ---- exported ---- */

static void an_export_has_everything_of_one_user(void **state)
{
	struct world world;
	struct trying trying;
	struct uuid olga = hub_user("olga");
	(void)state;
	world_open(&world);
	fake_store_message(world.hub.store, &world.general, &olga, "of another");
	run_user(&world, &trying, &op_user_export, NULL, "bob");
	trying_expect_result(&trying, "null");
	assert_int_equal(trying.item_count, 1 + 2 + 5);
	const char *const kinds[] = {"user", "room", "room", "message"};
	for (size_t i = 0; i < trying.item_count; i++) {
		char wanted[40];
		snprintf(wanted, sizeof(wanted), "{\"kind\":\"%s\",\"data\":{",
			kinds[i < 4 ? i : 3]);
		assert_int_equal(strncmp(trying.items[i], wanted, strlen(wanted)), 0);
		assert_null(strstr(trying.items[i], "of another"));
	}
	trying_finish(&trying);
	run_user(&world, &trying, &op_user_export, NULL, "nobody");
	trying_expect_failure(&trying, ERR_NOT_FOUND, "no such user");
	trying_finish(&trying);
	world_close(&world);
}

/* Rows of others are looked at in portions too: a page may be empty. */
static void an_export_looks_at_every_message(void **state)
{
	struct world world;
	struct trying trying;
	struct uuid olga = hub_user("olga");
	(void)state;
	world_open(&world);
	for (int i = 0; i < 4100; i++) {
		fake_store_message(world.hub.store, &world.closed, &olga, "x");
	}
	run_user(&world, &trying, &op_user_export, NULL, "bob");
	trying_expect(&trying, 0);
	assert_int_equal(trying.item_count, 1 + 2 + 5);
	assert_int_equal(fake_store_calls(world.hub.store, FAKE_SENT_PAGE), 3);
	trying_finish(&trying);
	world_close(&world);
}

/* ---- erased ---- */

static void erasing_leaves_rooms_and_blanks_messages(void **state)
{
	struct world world;
	struct trying trying;
	struct uuid bob = hub_user("bob");
	char wanted[200];
	(void)state;
	world_open(&world);
	snprintf(wanted, sizeof(wanted), "{'id':'%s','roomsLeft':2,'messagesErased':5}",
		uuid_text(&bob));
	run_user(&world, &trying, &op_user_erase, NULL, "bob");
	trying_expect_result(&trying, wanted);
	trying_finish(&trying);
	assert_true(world.bob->closed);
	assert_false(fake_store_is_member(world.hub.store, &world.general, &bob));
	assert_false(fake_store_is_member(world.hub.store, &world.direct, &bob));
	assert_int_equal(
		fake_store_message_row(world.hub.store, &world.general, 3)->content.len, 0);
	assert_string_equal(row_of(&world, "bob")->identity.ptr, uuid_text(&bob));
	assert_non_null(strstr(client_next(world.alice), "\"target\":\"UserLeft\""));
	/* Once more does no harm. */
	snprintf(wanted, sizeof(wanted), "{'id':'%s','roomsLeft':0,'messagesErased':0}",
		uuid_text(&bob));
	run_user(&world, &trying, &op_user_erase, NULL, uuid_text(&bob));
	trying_expect_result(&trying, wanted);
	trying_finish(&trying);
	run_user(&world, &trying, &op_user_erase, NULL, "nobody");
	trying_expect_failure(&trying, ERR_NOT_FOUND, "no such user");
	trying_finish(&trying);
	world_close(&world);
}

/* Answers calls until one of that kind is held. */
static void reach(struct world *world, enum fake_kind kind)
{
	for (int i = 0; i < 200 && fake_store_first(world->hub.store) != kind; i++) {
		fake_store_answer_all(world->hub.store);
		hub_turn(&world->hub);
	}
	assert_true(fake_store_first(world->hub.store) == kind);
}

static void an_erasure_that_breaks_off_says_how_far_it_came(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_user_erase, NULL);
	((struct user_params *)op->params)->user = BYTES_LIT("bob");
	trying_start(&trying);
	reach(&world, FAKE_USER_ERASE);
	fake_store_fail(world.hub.store, ERR_UNAVAILABLE, false);
	hub_settle(&world.hub);
	trying_expect_failure(&trying, ERR_PARTIAL,
		"he left 2 rooms, and 5 messages are erased: erase again to go on");
	trying_finish(&trying);
	world_close(&world);
}

static void who_is_added_meanwhile_is_erased_the_next_time(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_user_erase, NULL);
	((struct user_params *)op->params)->user = BYTES_LIT("bob");
	trying_start(&trying);
	reach(&world, FAKE_SENT_ERASE);
	hub_member(&world.hub, &world.closed, "bob");
	hub_settle(&world.hub);
	trying_expect_failure(&trying, ERR_CONFLICT, "added to a room meanwhile");
	trying_finish(&trying);
	run_user(&world, &trying, &op_user_erase, NULL, "bob");
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "roomsLeft"), "1");
	trying_finish(&trying);
	world_close(&world);
}

/* A room that is deleted, or that he leaves by himself, between the two questions. */
static void rooms_that_go_meanwhile_do_no_harm(void **state)
{
	struct world world;
	struct trying trying;
	struct uuid bob = hub_user("bob");
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_user_erase, NULL);
	((struct user_params *)op->params)->user = BYTES_LIT("bob");
	trying_start(&trying);
	reach(&world, FAKE_MEMBER_REMOVE);
	fake_store_member_gone(world.hub.store, &world.general, &bob);
	fake_store_member_gone(world.hub.store, &world.direct, &bob);
	hub_settle(&world.hub);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "roomsLeft"), "0");
	trying_finish(&trying);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sees_what_of_a_user),
		cmocka_unit_test(a_profile_has_its_bounds),
		cmocka_unit_test(a_list_goes_on_page_by_page_as_it_is_read),
		cmocka_unit_test(a_ban_ends_connections_on_all_workers),
		cmocka_unit_test(who_never_came_can_be_banned),
		cmocka_unit_test(a_ban_that_is_not_stored_ends_nothing),
		cmocka_unit_test(an_export_has_everything_of_one_user),
		cmocka_unit_test(an_export_looks_at_every_message),
		cmocka_unit_test(erasing_leaves_rooms_and_blanks_messages),
		cmocka_unit_test(an_erasure_that_breaks_off_says_how_far_it_came),
		cmocka_unit_test(who_is_added_meanwhile_is_erased_the_next_time),
		cmocka_unit_test(rooms_that_go_meanwhile_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
