/* What is measured of operations, and what the log says of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "chatd/auth/principal.h"
#include "chatd/op/op.h"
#include "chatd/op/op_stats.h"
#include "lib/base/err.h"
#include "lib/base/log_format.h"
#include "lib/conf/conf.h"
#include "lib/loop/loop.h"
#include "lib/metrics/metrics.h"
#include "tests/unit/fake_time.h"

#define S UINT64_C(1000000)

struct fixture {
	struct services sv;
	struct conf conf;
	struct metrics metrics;
	struct op_caller caller;
	struct buf log; /* what was logged since the last expect_log(), without the time */
	unsigned done, gone;
};

static struct fixture f;

static void on_done(struct op_caller *caller, struct op *op, int err)
{
	(void)caller;
	(void)op;
	(void)err;
	f.done++;
}

static const struct op_caller_events events = {.done = on_done};

static void keep_line(void *ctx, const struct log_record *record)
{
	struct buf line = {0};
	(void)ctx;
	log_format_text(record, &line);
	buf_append(&f.log, line.data + 25, line.len - 25);
	buf_finish(&line);
}

static int setup(void **state)
{
	(void)state;
	fake_time_freeze();
	f = (struct fixture){0};
	f.sv.loop = loop_create();
	f.sv.conf = &f.conf;
	f.sv.metrics = &f.metrics;
	f.sv.ops = op_list_create();
	f.conf.log.slow_us = S;
	op_caller_init(&f.caller, &events);
	log_set_level(LOG_INFO);
	log_set_tap(keep_line, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_set_tap(NULL, NULL);
	assert_int_equal(op_list_count(f.sv.ops), 0);
	op_list_destroy(&f.sv.ops);
	loop_destroy(&f.sv.loop);
	buf_finish(&f.log);
	return 0;
}

static void expect_log(const char *wanted)
{
	assert_string_equal(buf_cstr(&f.log), wanted);
	buf_clear(&f.log);
}

/* The next turn, so much later. */
static void pass(uint64_t us)
{
	fake_time_skip(us);
	loop_turn(f.sv.loop, 0);
}

/* ---- operations ---- */

static int wait_step(struct op *op)
{
	(void)op;
	return OP_WAIT;
}

static int busy_step(struct op *op)
{
	(void)op;
	fake_time_skip(1234567); /* it holds up the loop */
	return OP_NEXT;
}

static int quick_step(struct op *op)
{
	(void)op;
	return OP_NEXT;
}

/* Fails with what it was resumed with. */
static int last_step(struct op *op)
{
	return op_error(op) != 0 ? op_error(op) : OP_DONE;
}

static const struct op_step waiting_steps[] = {
	{"member", quick_step, 0}, {"insert", wait_step, 0}, {"reply", last_step, 0}, {0}};
static const struct op_def op_waiting = {.name = "waiting", .steps = waiting_steps};

static const struct op_step busy_steps[] = {
	{"one", quick_step, 0}, {"two", busy_step, 0}, {"three", quick_step, 0}, {0}};
static const struct op_def op_busy = {.name = "busy", .steps = busy_steps};

static const struct op_step quick_steps[] = {{"one", quick_step, 0}, {0}};
static const struct op_def op_quick = {.name = "quick", .steps = quick_steps};

static struct op *begin(const struct op_def *def)
{
	struct op *op = op_create(&f.sv, def, NULL);
	op_start(op, &f.caller, NULL, NULL);
	return op;
}

/* ---- slow ones ---- */

static void test_slow(void **state)
{
	(void)state;
	struct op *op = op_create(&f.sv, &op_waiting, NULL);
	op->origin = (struct op_origin){.door = OP_DOOR_REST, .request = UINT64_C(1) << 48 | 0x2f};
	op_start(op, &f.caller, NULL, NULL);
	pass(1230000);
	op_resume(op, 0);
	expect_log("warn slow operation op=waiting ms=1230 steps=\"member=0 insert=1230 reply=0\" "
		   "origin=req:1-2f user=- more=0\n");
	op = begin(&op_waiting);
	pass(S - 1);
	op_resume(op, 0);
	expect_log("");
}

/* A step that holds up the loop is seen as well, and its successors in the turn are not blamed. */
static void test_busy(void **state)
{
	(void)state;
	loop_turn(f.sv.loop, 0);
	begin(&op_busy);
	expect_log("warn slow operation op=busy ms=1234 steps=\"one=0 two=1234 three=0\" origin=- "
		   "user=- more=0\n");
	begin(&op_quick);
	expect_log("");
}

static void test_slow_setting(void **state)
{
	(void)state;
	f.conf.log.slow_us = 5000;
	struct op *op = begin(&op_waiting);
	pass(5000);
	op_resume(op, 0);
	expect_log("warn slow operation op=waiting ms=5 steps=\"member=0 insert=5 reply=0\" "
		   "origin=- user=- more=0\n");
	pass(10 * S);
	f.conf.log.slow_us = 0;
	op = begin(&op_waiting);
	pass(3600 * S);
	op_resume(op, 0);
	expect_log("");
}

/* Where all of them are slow, one line a second says so. */
static void test_slow_flood(void **state)
{
	struct op *ops[100];
	(void)state;
	for (size_t i = 0; i < 100; i++) {
		ops[i] = begin(&op_waiting);
	}
	pass(2 * S);
	for (size_t i = 0; i < 100; i++) {
		op_resume(ops[i], 0);
	}
	expect_log("warn slow operation op=waiting ms=2000 steps=\"member=0 insert=2000 reply=0\" "
		   "origin=- user=- more=0\n");
	struct op *op = begin(&op_waiting);
	pass(S);
	op_resume(op, 0);
	expect_log("warn slow operation op=waiting ms=1000 steps=\"member=0 insert=1000 reply=0\" "
		   "origin=- user=- more=99\n");
}

/* Longer than 32 bits of microseconds hold. */
static void test_very_slow(void **state)
{
	(void)state;
	struct op *op = begin(&op_waiting);
	pass(5000 * S);
	op_resume(op, 0);
	expect_log("warn slow operation op=waiting ms=5000000 steps=\"member=0 insert=4294967 "
		   "reply=0\" origin=- user=- more=0\n");
}

/* ---- failures ---- */

static void end_with(int err)
{
	op_resume(begin(&op_waiting), err);
}

static void test_failed(void **state)
{
	const struct principal from = {.identity = BYTES_LIT("alice")};
	struct principal *alice = principal_create(&from);
	char wanted[512], user[UUID_TEXT_SIZE];
	(void)state;
	struct op *op = op_create(&f.sv, &op_waiting, NULL);
	op->origin.door = OP_DOOR_HUB;
	memset(op->origin.connection.b, 0, sizeof(op->origin.connection.b));
	op_start(op, &f.caller, alice, NULL);
	op_resume(op, ERR_INTERNAL);
	uuid_format(&alice->user_id, user);
	snprintf(wanted, sizeof(wanted),
		"error operation failed op=waiting error=internal why=\"%s\" step=reply "
		"origin=conn:AAAAAAAAAAAAAAAAAAAAAA user=%s more=0\n",
		err_text(ERR_INTERNAL), user);
	expect_log(wanted);
	principal_unref(&alice);
	/* A second goes by before the next one; what the client did wrong is not said at info. */
	end_with(ERR_CORRUPT);
	end_with(ERR_NOT_FOUND);
	expect_log("");
	pass(S);
	end_with(ERR_UNAVAILABLE);
	snprintf(wanted, sizeof(wanted),
		"warn operation failed op=waiting error=unavailable why=\"%s\" step=reply origin=- "
		"user=- more=1\n",
		err_text(ERR_UNAVAILABLE));
	expect_log(wanted);
	log_set_level(LOG_DEBUG);
	end_with(ERR_NOT_FOUND);
	snprintf(wanted, sizeof(wanted),
		"debug operation failed op=waiting error=not_found why=\"%s\" step=reply origin=- "
		"user=- more=0\n",
		err_text(ERR_NOT_FOUND));
	expect_log(wanted);
}

static int troubled_step(struct op *op)
{
	op_log_trouble(op, ERR_CORRUPT, "page 7 is damaged");
	return ERR_CORRUPT;
}

/* Once, by the part that knows why. */
static void test_trouble(void **state)
{
	static const struct op_step steps[] = {{"read", troubled_step, 0}, {0}};
	static const struct op_def def = {.name = "troubled", .steps = steps};
	(void)state;
	struct op *op = op_create(&f.sv, &def, NULL);
	op->origin = (struct op_origin){.door = OP_DOOR_CONTROL, .call = 12};
	op_start(op, &f.caller, NULL, NULL);
	begin(&def);
	expect_log("error store op=troubled error=corrupt why=\"page 7 is damaged\" step=read "
		   "origin=ctl:12 user=- more=0\n");
}

/* ---- endless ones ---- */

static void give_up(struct op *op)
{
	f.gone++;
	op_resume(op, ERR_CLOSED);
}

static void test_endless(void **state)
{
	static const struct op_def def = {
		.name = "endless", .steps = waiting_steps, .gone = give_up, .endless = true};
	(void)state;
	begin(&def);
	assert_int_equal(op_list_count(f.sv.ops), 0);
	pass(5000 * S);
	op_caller_gone(&f.caller);
	assert_int_equal(f.gone, 1);
	assert_int_equal(f.done, 0);
	assert_int_equal(op_list_count(f.sv.ops), 0);
	expect_log("");
	op_resume(begin(&def), 0); /* or it ends by itself */
	assert_int_equal(f.done, 1);
	assert_int_equal(f.gone, 1);
}

/* ---- counts ---- */

static void test_stats(void **state)
{
	const struct op_stat *list[OP_STATS_MAX];
	static const uint64_t times[] = {0, 999, 1000, 1001, 24999, 60000, 2 * S, 9 * S};
	uint64_t sum = 0;
	(void)state;
	begin(&op_quick);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct op *op = begin(&op_waiting);
		pass(times[i]);
		op_resume(op, i == 0 ? ERR_NOT_FOUND : 0);
		sum += times[i];
	}
	struct op_stats all = {0};
	op_stats_add(&all, op_list_stats(f.sv.ops));
	op_stats_add(&all, op_list_stats(f.sv.ops));
	assert_int_equal(op_stats_list(op_list_stats(f.sv.ops), list), 2);
	assert_int_equal(op_stats_list(&all, list), 2);
	assert_string_equal(list[0]->def->name, "quick");
	assert_int_equal(list[0]->buckets[0], 2);
	assert_int_equal(list[0]->failed, 0);
	assert_string_equal(list[1]->def->name, "waiting");
	static const uint64_t wanted[OP_STATS_BUCKETS] = {3, 1, 1, 1, 0, 1, 1};
	for (size_t i = 0; i < OP_STATS_BUCKETS; i++) {
		assert_int_equal(list[1]->buckets[i], 2 * wanted[i]);
	}
	assert_int_equal(list[1]->sum_us, 2 * sum);
	assert_int_equal(list[1]->failed, 2);
}

/* As many kinds as there are places. */
static void test_stats_full(void **state)
{
	static struct op_def defs[OP_STATS_MAX];
	static char names[OP_STATS_MAX][8];
	static struct op_stats stats, sum;
	const struct op_stat *list[OP_STATS_MAX];
	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < OP_STATS_MAX; i++) {
			snprintf(names[i], sizeof(names[i]), "op%03zu", (i * 37) % OP_STATS_MAX);
			defs[i].name = names[i];
			op_stats_note(&stats, &defs[i], i, false);
		}
	}
	op_stats_add(&sum, &stats);
	assert_int_equal(op_stats_list(&sum, list), OP_STATS_MAX);
	for (size_t i = 0; i < OP_STATS_MAX; i++) {
		char name[8];
		snprintf(name, sizeof(name), "op%03zu", i);
		assert_string_equal(list[i]->def->name, name);
		assert_int_equal(list[i]->buckets[0], 2);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slow),
		TEST(test_busy),
		TEST(test_slow_setting),
		TEST(test_slow_flood),
		TEST(test_very_slow),
		TEST(test_failed),
		TEST(test_trouble),
		TEST(test_endless),
		TEST(test_stats),
		TEST(test_stats_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
