/* Each operation with the store failing at each of its calls, and with its caller gone at each of
 * its waits: it ends once with that error, or not at all; nothing is left behind; what was
 * committed runs on, what was not has no effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/op_cases.h"

#define CALLS_MAX 32
#define TURNS_MAX 64

static const int store_errors[] = {
	ERR_UNAVAILABLE, ERR_CORRUPT, ERR_UNCERTAIN, ERR_BUSY, ERR_STORAGE_FULL, ERR_INTERNAL};

static void begin(struct world *world, struct trying *trying, const struct op_case *one)
{
	world_open(world);
	struct op *op = trying_create(trying, &world->hub, 0, one->def, one->user);
	if (one->fill != NULL) {
		one->fill(world, op);
	}
}

static void finish(struct world *world, struct trying *trying)
{
	trying_finish(trying);
	world_close(world);
}

/* Turns until a call of the store is held. false: the operation was answered first. */
static bool reach_call(struct world *world, const struct trying *trying)
{
	for (int turns = 0; turns < TURNS_MAX && trying->done == 0; turns++) {
		if (fake_store_held(world->hub.store) > 0) {
			return true;
		}
		hub_turn(&world->hub);
	}
	return false;
}

/* Answers so many calls. false: it was done before. */
static bool answer_calls(struct world *world, struct trying *trying, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!reach_call(world, trying)) {
			return false;
		}
		fake_store_answer(world->hub.store);
	}
	return true;
}

/* What an error of the store at that call must become. */
static int told_as(const struct op_case *one, size_t call, int err)
{
	return one->stored_after != 0 && call > one->stored_after ? one->late_err : err;
}

static void fail_here(const struct op_case *one, size_t call, int err, const char *what)
{
	print_error("%s: call %zu: %s %s\n", one->def->name, call, what, err_code(err));
}

static void expect_told(const struct op_case *one, const struct trying *trying, size_t call,
	int err, const char *what)
{
	int wanted = told_as(one, call, err);
	if (trying->done != 1 || trying->err != wanted) {
		fail_here(one, call, err, what);
		fail_msg("answered %d times, with %s (%s) instead of %s", trying->done,
			err_code(trying->err), trying->message, err_code(wanted));
	}
	assert_true(trying->message[0] != '\0');
}

/* ---- all is well ---- */

static void each_succeeds(void **state)
{
	(void)state;
	for (size_t i = 0; i < op_case_count; i++) {
		const struct op_case *one = &op_cases[i];
		struct world world;
		struct trying trying;
		begin(&world, &trying, one);
		if (one->effect != NULL) {
			assert_false(one->effect(&world));
		}
		world_run(&world, &trying);
		if (trying.done != 1 || trying.err != 0) {
			fail_msg("%s: %d, %s", one->def->name, trying.done, trying.message);
		}
		if (one->effect != NULL && !one->effect(&world)) {
			fail_msg("%s has no effect", one->def->name);
		}
		finish(&world, &trying);
	}
}

/* ---- the store fails ---- */

/* false: the operation has fewer calls. */
static bool try_error(const struct op_case *one, size_t call, int err)
{
	struct world world;
	struct trying trying;
	begin(&world, &trying, one);
	trying_start(&trying);
	bool reached = answer_calls(&world, &trying, call) && reach_call(&world, &trying);
	if (reached) {
		enum fake_kind kind = fake_store_first(world.hub.store);
		bool again = kind == FAKE_APPEND && err == ERR_UNCERTAIN;
		bool in_rows = kind == FAKE_APPEND && one->def == &op_history_import;
		fake_store_fail(world.hub.store, err, false);
		hub_settle(&world.hub);
		if (again) { /* messages of unknown fate are tried again under their keys */
			hub_sleep(&world.hub, 500000);
			trying_expect(&trying, 0);
			assert_true(one->effect(&world));
		} else if (in_rows) { /* told of each message */
			trying_expect(&trying, 0);
			assert_string_equal(trying_member(&trying, "failed"), "1");
			assert_false(one->effect(&world));
		} else {
			expect_told(one, &trying, call, err, "answered with");
		}
	}
	finish(&world, &trying);
	return reached;
}

static void each_error_of_the_store_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < op_case_count; i++) {
		for (size_t e = 0; e < sizeof(store_errors) / sizeof(store_errors[0]); e++) {
			size_t call = 0;
			while (try_error(&op_cases[i], call, store_errors[e])) {
				call++;
				assert_true(call < CALLS_MAX);
			}
		}
	}
}

/* ---- the store refuses ---- */

static bool try_refusal(const struct op_case *one, size_t call)
{
	struct world world;
	struct trying trying;
	begin(&world, &trying, one);
	if (call == 0) {
		fake_store_refuse(world.hub.store, ERR_BUSY);
		trying_start(&trying);
	} else {
		trying_start(&trying);
		answer_calls(&world, &trying, call);
		fake_store_refuse(world.hub.store, ERR_BUSY);
	}
	hub_turns(&world.hub, TURNS_MAX);
	fake_store_refuse(world.hub.store, 0);
	hub_settle(&world.hub);
	bool refused = trying.done == 1 && trying.err != 0;
	if (refused) {
		expect_told(one, &trying, call, ERR_BUSY, "refused with");
	}
	finish(&world, &trying);
	return refused;
}

static void each_refusal_of_the_store_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < op_case_count; i++) {
		size_t call = 0;
		while (try_refusal(&op_cases[i], call)) {
			call++;
			assert_true(call < CALLS_MAX);
		}
	}
}

/* ---- the caller goes ---- */

/* After so many turns, in each of which the store answers everything, or one call. false: it was
 * done before. */
static bool try_leaving(const struct op_case *one, size_t turns, bool slowly)
{
	struct world world;
	struct trying trying;
	begin(&world, &trying, one);
	trying_start(&trying);
	for (size_t i = 0; i < turns && trying.done == 0; i++) {
		hub_turn(&world.hub);
		if (slowly && fake_store_held(world.hub.store) > 0 && i % 3 == 2) {
			fake_store_answer(world.hub.store);
		} else if (!slowly) {
			fake_store_answer_all(world.hub.store);
		}
	}
	bool left = trying.done == 0;
	bool committed = left ? trying.op->committed : trying.err == 0;
	trying_leave(&trying);
	hub_settle(&world.hub);
	hub_sleep(&world.hub, 100000); /* a pause between pages may still be over */
	assert_int_equal(trying.done, left ? 0 : 1);
	if (one->effect != NULL && one->def != &op_history_purge &&
		one->effect(&world) != committed) {
		fail_msg("%s: its caller went after %zu turns: committed %d", one->def->name, turns,
			committed);
	}
	finish(&world, &trying);
	return left;
}

static void what_is_committed_runs_on_without_its_caller(void **state)
{
	(void)state;
	for (size_t i = 0; i < op_case_count; i++) {
		for (int slowly = 0; slowly < 2; slowly++) {
			size_t turns = 0;
			while (try_leaving(&op_cases[i], turns, slowly != 0)) {
				turns++;
				assert_true(turns < TURNS_MAX);
			}
		}
	}
}

/* ---- the caller is slow, and goes ---- */

static void a_slow_reader_of_items_may_go(void **state)
{
	static const struct op_def *const emitting[] = {
		&op_room_list, &op_user_list, &op_user_export, &op_conn_list, &op_history};
	(void)state;
	for (size_t i = 0; i < op_case_count; i++) {
		const struct op_case *one = &op_cases[i];
		for (size_t k = 0; k < sizeof(emitting) / sizeof(emitting[0]); k++) {
			if (one->def != emitting[k]) {
				continue;
			}
			struct world world;
			struct trying trying;
			begin(&world, &trying, one);
			trying.is_congested = true;
			trying_start(&trying);
			hub_settle(&world.hub);
			trying_leave(&trying);
			hub_settle(&world.hub);
			assert_true(trying.done <= 1);
			finish(&world, &trying);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_succeeds),
		cmocka_unit_test(each_error_of_the_store_is_told),
		cmocka_unit_test(each_refusal_of_the_store_is_told),
		cmocka_unit_test(what_is_committed_runs_on_without_its_caller),
		cmocka_unit_test(a_slow_reader_of_items_may_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
