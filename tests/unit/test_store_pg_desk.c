/* What a thread's links do where they are lost, or stay waiting, in the middle of something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_pg_help.h"
#include "tests/unit/store_pg_race.h"

#define ABORTED "state = 'idle in transaction (aborted)'"

static bool is_there(struct races *r, const char *what)
{
	return race_number(r, arena_printf(r->t.arena,
				      "SELECT count(*) FROM pg_stat_activity"
				      " WHERE datname = current_database() AND %s",
				      what)) > 0;
}

/* The transaction met another one and was to be begun anew: until it is, nothing was done. */
static void a_change_whose_link_is_lost_between_two_tries_was_not_made(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "lost", 1);
	struct store_member_add add = {.room = room, .user = test_user(2), .role = ROLE_MEMBER};
	struct store_member_list list = {.room = room};

	store_pg_sql(&r->t, "CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$"
			    " BEGIN PERFORM pg_sleep(0.5); RAISE EXCEPTION 'met' USING ERRCODE = "
			    "'40P01'; END $$;"
			    "CREATE TRIGGER meet BEFORE INSERT ON participants"
			    " FOR EACH ROW EXECUTE FUNCTION meet()");
	RACE_POST(r, r->t.store, member_add, &add);
	while (!is_there(r, "wait_event = 'PgSleep'")) {
		loop_turn(r->t.loop, 5);
	}
	/* Without the loop, so that the store hears of both at once. */
	while (!is_there(r, ABORTED)) {
	}
	store_pg_sql(&r->t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
			    " WHERE datname = current_database() AND " ABORTED);
	int err = race_answer(r, &add.call);
	store_pg_sql(&r->t, "DROP FUNCTION meet() CASCADE");
	assert_int_equal(test_list(&r->t, &list), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(err, ERR_UNAVAILABLE);
}

/* A read does no harm twice, but one that ends each link that it comes to must be answered. */
static void a_read_that_kills_its_links_is_answered(void **state)
{
	struct races *r = *state;
	struct store_bar_list list = {.limit = 10};

	test_room(&r->t, "kill", 1);
	store_pg_sql(&r->t,
		"CREATE SEQUENCE killed; ALTER TABLE users RENAME TO users_there;"
		"CREATE FUNCTION die() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
		" PERFORM nextval('killed'); PERFORM pg_terminate_backend(pg_backend_pid());"
		" PERFORM pg_sleep(1); RETURN true; END $$;"
		"CREATE VIEW users AS SELECT u.* FROM users_there u WHERE die();"
		"UPDATE users_there SET banned_at = now()");
	RACE_POST(r, r->t.store, bar_list, &list);
	int err = race_answer(r, &list.call);
	assert_int_equal(race_number(r, "SELECT last_value FROM killed"), 4);
	store_pg_sql(&r->t, "DROP VIEW users; DROP FUNCTION die(); DROP SEQUENCE killed;"
			    "ALTER TABLE users_there RENAME TO users");
	assert_int_equal(err, ERR_UNAVAILABLE);
}

/* One room that somebody keeps locked: who changes it is refused, and others wait once. */
static void a_locked_room_does_not_hold_up_all_others(void **state)
{
	enum { CHANGES = 5 };
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "locked", 1), other = test_room(&r->t, "unlocked", 1);
	struct store_member_add add[CHANGES];
	struct append_item item = test_item(other, test_user(1), "k", "text");
	struct store_append append = {.items = &item, .count = 1};

	race_hold_room(r, &room);
	for (unsigned i = 0; i < CHANGES; i++) {
		add[i] = (struct store_member_add){
			.room = room, .user = test_user(2 + i), .role = ROLE_MEMBER};
		RACE_POST(r, r->t.store, member_add, &add[i]);
	}
	uint64_t begun = clock_mono_us(&clock_system);
	RACE_POST(r, r->t.store, append, &append);
	assert_int_equal(race_answer(r, &append.call), 0);
	uint64_t took = clock_mono_us(&clock_system) - begun;
	for (unsigned i = 0; i < CHANGES; i++) {
		assert_int_equal(race_answer(r, &add[i].call), ERR_BUSY);
	}
	race_let_go(r);
	assert_int_equal(item.outcome, APPEND_STORED);
	assert_in_range(took, 0, 7000000);
}

/* Its answers may be of a while ago: what was stored since would be taken for purged. */
static void a_standby_is_not_read_from(void **state)
{
	struct races *r = *state;
	struct uuid room = test_room(&r->t, "standby", 1);
	struct store_page page = {.room = room, .limit = 10};

	store_pg_sql(&r->t,
		"CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql"
		" AS 'SELECT true';"
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path ="
		" public, pg_catalog', current_database()); END $$;"
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
		" WHERE datname = current_database() AND pid <> pg_backend_pid()");
	loop_turn(r->t.loop, 100);
	loop_turn(r->t.loop, 100);
	int err = test_page(&r->t, &page);
	store_pg_sql(&r->t, "DROP FUNCTION public.pg_is_in_recovery();"
			    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET search_path',"
			    " current_database()); END $$");
	assert_int_equal(err, ERR_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_change_whose_link_is_lost_between_two_tries_was_not_made, race_setup,
			race_teardown),
		cmocka_unit_test_setup_teardown(
			a_read_that_kills_its_links_is_answered, race_setup, race_teardown),
		cmocka_unit_test_setup_teardown(
			a_locked_room_does_not_hold_up_all_others, race_setup, race_teardown),
		cmocka_unit_test_setup_teardown(
			a_standby_is_not_read_from, race_setup, race_teardown),
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests_name("store: links of a thread", tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
