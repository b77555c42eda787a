/* History for the operator: shown, exported, replayed and purged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/op_help.h"

static void end_expect(struct world *world, struct trying *trying, int err, const char *text)
{
	world_run(world, trying);
	trying_expect_failure(trying, err, text);
	trying_finish(trying);
}

static void add_messages(struct world *world, const struct uuid *room, int count, size_t size)
{
	struct uuid bob = hub_user("bob");
	char *text = mem_zalloc(size + 1);
	memset(text, 'x', size);
	for (int i = 0; i < count; i++) {
		fake_store_message(world->hub.store, room, &bob, text);
	}
	free(text);
}

/* ---- shown and exported ---- */

struct shown {
	int64_t limit, before, after; /* after -1: not given */
	const char *wanted; /* numbers; "1-5" is one to five */
};

static void describe(const struct trying *trying, char *out, size_t size)
{
	int first = 0, last = 0;
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = 0; i <= trying->item_count; i++) {
		int seq = 0;
		if (i < trying->item_count) {
			sscanf(strstr(trying->items[i], "\"seq\":"), "\"seq\":%d", &seq);
		}
		if (first != 0 && seq != last + 1) {
			len += (size_t)snprintf(
				out + len, size - len, "%s%d-%d", len > 0 ? " " : "", first, last);
			first = 0;
		}
		first = first == 0 ? seq : first;
		last = seq;
	}
}

static void show(struct world *world, struct trying *trying, const struct op_def *def,
	const struct shown *row)
{
	struct op *op = trying_create(trying, &world->hub, 0, def, NULL);
	struct history_params *params = op->params;
	params->room = BYTES_LIT("general");
	params->limit = row->limit;
	params->before = row->before;
	params->after = row->after > 0 ? row->after : 0;
	params->after_given = row->after >= 0 ? PARAM_PRESENT : PARAM_ABSENT;
	world_run(world, trying);
}

static void expect_shown(
	struct world *world, const struct op_def *def, const struct shown *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct trying trying;
		char got[200];
		show(world, &trying, def, &rows[i]);
		trying_expect_result(&trying, "null");
		describe(&trying, got, sizeof(got));
		if (strcmp(got, rows[i].wanted) != 0) {
			fail_msg("row %zu: %s instead of %s", i, got, rows[i].wanted);
		}
		trying_finish(&trying);
	}
}

static void the_last_ones_are_shown_or_those_around_a_number(void **state)
{
	static const struct shown rows[] = {
		{0, 0, -1, "431-480"},
		{1, 0, -1, "480-480"},
		{480, 0, -1, "1-480"},
		{481, 0, -1, "1-480"},
		{1000, 0, -1, "1-480"},
		{5, 100, -1, "95-99"},
		{0, 100, -1, "50-99"},
		{300, 400, -1, "100-399"},
		{5, 3, -1, "1-2"},
		{5, 1, -1, ""},
		{5, 480, -1, "475-479"},
		{5, 481, -1, "476-480"},
		{5, INT64_MAX, -1, "476-480"},
		{5, 0, 0, "1-5"},
		{0, 0, 0, "1-50"},
		{5, 0, 100, "101-105"},
		{300, 0, 100, "101-400"},
		{5, 0, 478, "479-480"},
		{5, 0, 480, ""},
		{5, 0, INT64_MAX, ""},
	};
	static const struct shown purged[] = {
		{480, 0, -1, "11-480"},
		{5, 13, -1, "11-12"},
		{5, 0, 0, "11-15"},
		{5, 11, -1, ""},
	};
	struct world world;
	(void)state;
	world_open(&world);
	add_messages(&world, &world.general, 475, 10);
	expect_shown(&world, &op_history_show, rows, sizeof(rows) / sizeof(rows[0]));
	fake_store_purge(world.hub.store, &world.general, 1, 10);
	expect_shown(&world, &op_history_show, purged, sizeof(purged) / sizeof(purged[0]));
	world_close(&world);
}

static void heavy_messages_come_on_more_pages(void **state)
{
	static const struct shown rows[] = {
		{20, 0, -1, "21-40"}, {0, 0, 0, "1-40"}, {7, 0, 3, "4-10"}};
	static const struct shown all[] = {{0, 0, -1, "1-40"}};
	struct world world;
	(void)state;
	world_open(&world);
	add_messages(&world, &world.general, 35, 300000);
	expect_shown(&world, &op_history_show, rows, 3);
	size_t pages = fake_store_calls(world.hub.store, FAKE_PAGE);
	expect_shown(&world, &op_history, all, 1);
	assert_true(fake_store_calls(world.hub.store, FAKE_PAGE) - pages >= 9);
	world_close(&world);
}

/* An export ends at the head that it found, however fast the room grows. */
static void an_export_ends_although_the_room_grows(void **state)
{
	static const struct shown all = {0, 0, -1, NULL};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	add_messages(&world, &world.general, 395, 10);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_history, NULL);
	((struct history_params *)op->params)->room = BYTES_LIT("general");
	trying.is_congested = true;
	trying_start(&trying);
	hub_settle(&world.hub);
	assert_int_equal(trying.item_count, 200);
	add_messages(&world, &world.general, 10, 10);
	trying_drain(&trying);
	hub_settle(&world.hub);
	trying_expect(&trying, 0);
	assert_in_range(trying.item_count, 400, 410);
	trying_finish(&trying);
	show(&world, &trying, &op_history, &all);
	assert_int_equal(trying.item_count, 410);
	trying_finish(&trying);
	world_close(&world);
}

/* ---- replayed ---- */

static struct history_replay_params *replay(struct world *world, struct trying *trying)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_history_replay, NULL);
	struct history_replay_params *params = op->params;
	params->room = BYTES_LIT("general");
	params->from = 1;
	return params;
}

static void a_replay_goes_to_the_members(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct history_replay_params *params = replay(&world, &trying);
	params->from = 2;
	params->to = 4;
	world_run(&world, &trying);
	trying_expect_result(&trying, "{'sent':3,'from':2,'to':4}");
	trying_finish(&trying);
	for (int i = 0; i < 3; i++) {
		assert_non_null(strstr(client_next(world.bob), "\"replayed\":true"));
		assert_non_null(strstr(client_next(world.alice), "\"replayed\":true"));
	}
	assert_null(client_next(world.bob));
	world_close(&world);
}

static void a_replay_goes_to_one_connection(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	replay(&world, &trying)->connection = bytes_str(client_conn(world.bob)->id_text);
	world_run(&world, &trying);
	trying_expect_result(&trying, "{'sent':5,'from':1,'to':5}");
	trying_finish(&trying);
	assert_non_null(client_next(world.bob));
	assert_null(client_next(world.alice));
	world_close(&world);
}

static void replays_of_nothing(void **state)
{
	static const int64_t ranges[][2] = {{6, 0}, {6, 9}, {INT64_MAX, 0}, {INT64_MAX, INT64_MAX}};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < 4; i++) {
		struct history_replay_params *params = replay(&world, &trying);
		params->from = ranges[i][0];
		params->to = ranges[i][1];
		world_run(&world, &trying);
		trying_expect_result(&trying, "{'sent':0,'from':null,'to':null}");
		trying_finish(&trying);
	}
	replay(&world, &trying)->to = 1;
	world_run(&world, &trying);
	trying_expect_result(&trying, "{'sent':1,'from':1,'to':1}");
	trying_finish(&trying);
	struct history_replay_params *params = replay(&world, &trying);
	params->from = 5;
	params->to = 4;
	end_expect(&world, &trying, ERR_USAGE, "--to is below --from");
	replay(&world, &trying)->connection = BYTES_LIT("nonsense");
	end_expect(&world, &trying, ERR_NOT_FOUND, "no such connection");
	replay(&world, &trying)->connection = BYTES_LIT("AAAAAAAAAAAAAAAAAAAAAA");
	end_expect(&world, &trying, ERR_NOT_FOUND, "no such connection");
	replay(&world, &trying)->room = BYTES_LIT("nowhere");
	end_expect(&world, &trying, ERR_NOT_FOUND, "no such room");
	world_close(&world);
}

/* The first page is out, and the second cannot be read or sent. */
static void a_replay_that_breaks_off_says_how_far_it_came(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	add_messages(&world, &world.general, 245, 10);
	for (int gone = 0; gone < 2; gone++) {
		struct history_replay_params *params = replay(&world, &trying);
		params->connection = bytes_str(client_conn(world.alice)->id_text);
		trying_start(&trying);
		for (int i = 0; i < 2; i++) { /* the room, then a page */
			hub_turns(&world.hub, 6);
			fake_store_answer(world.hub.store);
		}
		hub_turns(&world.hub, 6);
		assert_int_equal(fake_store_held(world.hub.store), 0); /* it pauses */
		fake_time_skip(60000);
		hub_turns(&world.hub, 6);
		assert_true(fake_store_first(world.hub.store) == FAKE_PAGE);
		if (gone) {
			client_drop(world.alice);
		} else {
			fake_store_fail(world.hub.store, ERR_UNAVAILABLE, false);
		}
		hub_settle(&world.hub);
		trying_expect_failure(&trying, ERR_PARTIAL,
			"; 100 is the last one that got through: replay again with --from after "
			"it");
		assert_non_null(strstr(trying.message, gone ? "no such connection" : "is away"));
		trying_finish(&trying);
	}
	world_close(&world);
}

/* Nobody waits for the rest of it. */
static void a_replay_ends_with_its_caller(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	add_messages(&world, &world.general, 245, 10);
	replay(&world, &trying);
	trying_start(&trying);
	hub_settle(&world.hub);
	trying_leave(&trying);
	hub_sleep(&world.hub, 300000);
	assert_int_equal(trying.done, 0);
	assert_in_range(fake_store_calls(world.hub.store, FAKE_PAGE), 1, 4);
	trying_finish(&trying);
	world_close(&world);
}

/* ---- purged ---- */

static struct history_purge_params *purge(struct world *world, struct trying *trying)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_history_purge, NULL);
	struct history_purge_params *params = op->params;
	params->room = BYTES_LIT("general");
	return params;
}

static void purges_by_number(void **state)
{
	static const struct {
		int64_t before;
		bool plan;
		const char *wanted;
	} rows[] = {
		{1, false, "{'purged':0,'firstKept':1}"},
		{3, true, "{'purged':2,'firstKept':3}"},
		{3, false, "{'purged':2,'firstKept':3}"},
		{3, false, "{'purged':0,'firstKept':3}"},
		{5, false, "{'purged':2,'firstKept':5}"},
		{INT64_MAX, true, "{'purged':1,'firstKept':6}"},
		{INT64_MAX, false, "{'purged':1,'firstKept':6}"},
		{INT64_MAX, false, "{'purged':0,'firstKept':6}"},
	};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct history_purge_params *params = purge(&world, &trying);
		params->before = rows[i].before;
		params->plan = rows[i].plan;
		world_run(&world, &trying);
		trying_expect_result(&trying, rows[i].wanted);
		trying_finish(&trying);
	}
	purge(&world, &trying);
	end_expect(&world, &trying, ERR_USAGE, "say what is to go");
	struct history_purge_params *params = purge(&world, &trying);
	params->room = BYTES_LIT("nowhere");
	params->before = 1;
	end_expect(&world, &trying, ERR_NOT_FOUND, "no such room");
	world_close(&world);
}

static void a_large_purge_goes_in_portions(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	add_messages(&world, &world.general, 4500, 1);
	purge(&world, &trying)->before = INT64_MAX;
	world_run(&world, &trying);
	trying_expect_result(&trying, "{'purged':4505,'firstKept':4506}");
	trying_finish(&trying);
	assert_int_equal(fake_store_calls(world.hub.store, FAKE_PURGE), 3);
	world_close(&world);
}

static void a_purge_that_breaks_off_says_how_far_it_came(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	add_messages(&world, &world.general, 4500, 1);
	purge(&world, &trying)->before = INT64_MAX;
	trying_start(&trying);
	for (int i = 0; i < 2; i++) { /* the room, then a portion */
		hub_turns(&world.hub, 4);
		fake_store_answer(world.hub.store);
	}
	hub_turns(&world.hub, 4);
	fake_store_fail(world.hub.store, ERR_STORAGE_FULL, false);
	hub_settle(&world.hub);
	trying_expect_failure(&trying, ERR_PARTIAL, "2000 messages are gone, then: No space");
	trying_finish(&trying);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_ones_are_shown_or_those_around_a_number),
		cmocka_unit_test(heavy_messages_come_on_more_pages),
		cmocka_unit_test(an_export_ends_although_the_room_grows),
		cmocka_unit_test(a_replay_goes_to_the_members),
		cmocka_unit_test(a_replay_goes_to_one_connection),
		cmocka_unit_test(replays_of_nothing),
		cmocka_unit_test(a_replay_that_breaks_off_says_how_far_it_came),
		cmocka_unit_test(a_replay_ends_with_its_caller),
		cmocka_unit_test(purges_by_number),
		cmocka_unit_test(a_large_purge_goes_in_portions),
		cmocka_unit_test(a_purge_that_breaks_off_says_how_far_it_came),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
