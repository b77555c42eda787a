#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/auth/principal.h"
#include "chatd/op/op.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/loop/loop.h"
#include "lib/metrics/metrics.h"

/* ---- a worker, and one who asks ---- */

struct asker {
	struct op_caller caller;
	int done, err, items;
	int64_t result;
	char message[128];
	bool is_congested;
	int last_item;
	bool leaves_at_item;
};

struct fixture {
	struct services sv;
	struct conf conf;
	struct metrics metrics;
	struct asker asker;
};

static void on_done(struct op_caller *caller, struct op *op, int err)
{
	struct asker *asker = CONTAINER_OF(caller, struct asker, caller);
	asker->done++;
	asker->err = err;
	asker->result = op->result.kind == VALUE_INT ? op->result.integer : -1;
	asker->message[0] = '\0';
	if (op->message != NULL) {
		strncpy(asker->message, op->message, sizeof(asker->message) - 1);
	}
}

static void on_emit(struct op_caller *caller, struct op *op, const struct value *item)
{
	struct asker *asker = CONTAINER_OF(caller, struct asker, caller);
	(void)op;
	asker->items++;
	asker->last_item = (int)item->integer;
	if (asker->leaves_at_item) {
		op_caller_gone(caller);
	}
}

static bool on_congested(struct op_caller *caller, struct op *op)
{
	(void)op;
	return CONTAINER_OF(caller, struct asker, caller)->is_congested;
}

static const struct op_caller_events asker_events = {
	.done = on_done, .emit = on_emit, .congested = on_congested};

static void fixture_open(struct fixture *f)
{
	*f = (struct fixture){0};
	f->sv.loop = loop_create();
	f->sv.conf = &f->conf;
	f->sv.metrics = &f->metrics;
	f->sv.ops = op_list_create();
	op_caller_init(&f->asker.caller, &asker_events);
}

static void fixture_close(struct fixture *f)
{
	assert_int_equal(op_list_count(f->sv.ops), 0);
	assert_true(list_empty(&f->asker.caller.ops));
	op_list_destroy(&f->sv.ops);
	loop_destroy(&f->sv.loop);
}

/* ---- an operation whose steps do what the test wrote down ---- */

struct script {
	int answers[4]; /* of each step; RESUMED: op_resume() inside, then OP_WAIT */
	int resume_err;
	int limit; /* for OP_AGAIN: until so many runs of the last step */
	/* What happened. */
	int runs[4];
	int seen_err[4];
	int released;
};
enum { RESUMED = 100, FAILS = 101, EMITS = 102 };

struct scripted {
	struct script *script;
	char *heap; /* so that a release that is forgotten is found out */
};

static int scripted_step(struct op *op, int n)
{
	struct script *script = ((struct scripted *)op->state)->script;
	int answer = script->answers[n];
	script->runs[n]++;
	script->seen_err[n] = op_error(op);
	if (answer == RESUMED) {
		op_resume(op, script->resume_err);
		return OP_WAIT;
	}
	if (answer == FAILS) {
		return op_fail(op, ERR_CONFLICT, "step %d says no", n);
	}
	if (answer == EMITS) {
		struct value item = value_int(script->runs[n]);
		op_emit(op, &item);
		return op_congested(op) ? OP_WAIT : OP_NEXT;
	}
	if (answer == OP_AGAIN && script->runs[n] >= script->limit) {
		return OP_DONE;
	}
	op->result = value_int(n);
	return answer;
}

static int step_0(struct op *op)
{
	return scripted_step(op, 0);
}

static int step_1(struct op *op)
{
	return scripted_step(op, 1);
}

static int step_2(struct op *op)
{
	return scripted_step(op, 2);
}

static int step_3(struct op *op)
{
	return scripted_step(op, 3);
}

static void scripted_release(struct op *op)
{
	struct scripted *state = op->state;
	state->script->released++;
	free(state->heap);
}

static const struct op_step plain_steps[] = {
	{"zero", step_0, 0},
	{"one", step_1, 0},
	{"two", step_2, 0},
	{"three", step_3, 0},
	{0},
};
static const struct op_step committing_steps[] = {
	{"zero", step_0, 0},
	{"one", step_1, OP_COMMIT},
	{"two", step_2, 0},
	{"three", step_3, 0},
	{0},
};
static const struct op_def op_plain = {
	.name = "plain",
	.steps = plain_steps,
	.state_size = sizeof(struct scripted),
	.params_size = 24,
	.release = scripted_release,
};
static const struct op_def op_committing = {
	.name = "committing",
	.steps = committing_steps,
	.state_size = sizeof(struct scripted),
	.release = scripted_release,
};

static struct op *make(struct fixture *f, const struct op_def *def, struct script *script)
{
	struct op *op = op_create(&f->sv, def, NULL);
	struct scripted *state = op->state;
	state->script = script;
	state->heap = mem_alloc(8);
	return op;
}

static struct op *start(struct fixture *f, const struct op_def *def, struct script *script)
{
	struct op *op = make(f, def, script);
	op_start(op, &f->asker.caller, NULL, f);
	return op;
}

/* ---- tests ---- */

static void runs_all_steps_in_one_turn(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_NEXT, OP_NEXT, OP_NEXT, OP_NEXT}};
	(void)state;
	fixture_open(&f);
	start(&f, &op_plain, &script);
	assert_int_equal(f.asker.done, 1);
	assert_int_equal(f.asker.err, 0);
	assert_int_equal(f.asker.result, 3);
	assert_int_equal(script.released, 1);
	assert_int_equal(f.metrics.ops_started, 1);
	assert_int_equal(f.metrics.ops_failed, 0);
	fixture_close(&f);
}

static void done_leaves_out_the_rest(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_NEXT, OP_DONE, OP_NEXT, OP_NEXT}};
	(void)state;
	fixture_open(&f);
	start(&f, &op_plain, &script);
	assert_int_equal(f.asker.result, 1);
	assert_int_equal(script.runs[2], 0);
	assert_int_equal(script.released, 1);
	fixture_close(&f);
}

static void waits_for_what_it_started(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_WAIT, OP_WAIT, OP_NEXT, OP_NEXT}};
	(void)state;
	fixture_open(&f);
	struct op *op = start(&f, &op_plain, &script);
	assert_int_equal(f.asker.done, 0);
	assert_int_equal(op_list_count(f.sv.ops), 1);
	op_resume(op, ERR_BUSY);
	assert_int_equal(script.seen_err[1], ERR_BUSY); /* told, not ended by it */
	assert_int_equal(f.asker.done, 0);
	op_resume(op, 0);
	assert_int_equal(script.seen_err[2], 0);
	assert_int_equal(f.asker.done, 1);
	assert_int_equal(f.asker.err, 0);
	fixture_close(&f);
}

static void an_answer_may_come_inside_the_step(void **state)
{
	struct fixture f;
	struct script script = {
		.answers = {RESUMED, OP_NEXT, RESUMED, OP_DONE}, .resume_err = ERR_NOT_FOUND};
	(void)state;
	fixture_open(&f);
	start(&f, &op_plain, &script);
	assert_int_equal(script.seen_err[1], ERR_NOT_FOUND);
	assert_int_equal(script.seen_err[2], 0); /* it was for the step right behind only */
	assert_int_equal(script.seen_err[3], ERR_NOT_FOUND);
	assert_int_equal(f.asker.done, 1);
	assert_int_equal(script.released, 1);
	fixture_close(&f);
}

static void an_error_ends_it(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_NEXT, ERR_ARCHIVED, OP_NEXT, OP_NEXT}};
	struct script failing = {.answers = {OP_NEXT, OP_NEXT, FAILS, OP_NEXT}};
	(void)state;
	fixture_open(&f);
	start(&f, &op_plain, &script);
	assert_int_equal(f.asker.err, ERR_ARCHIVED);
	assert_string_equal(f.asker.message, err_text(ERR_ARCHIVED));
	assert_int_equal(script.runs[2], 0);
	assert_int_equal(script.released, 1);
	start(&f, &op_plain, &failing);
	assert_int_equal(f.asker.err, ERR_CONFLICT);
	assert_string_equal(f.asker.message, "step 2 says no");
	assert_int_equal(failing.released, 1);
	assert_int_equal(f.metrics.ops_failed, 2);
	fixture_close(&f);
}

static void again_goes_two_steps_back(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_NEXT, OP_NEXT, EMITS, OP_AGAIN}, .limit = 3};
	(void)state;
	fixture_open(&f);
	start(&f, &op_plain, &script);
	assert_int_equal(f.asker.done, 1);
	assert_int_equal(script.runs[0], 1);
	assert_int_equal(script.runs[1], 3);
	assert_int_equal(script.runs[2], 3);
	assert_int_equal(f.asker.items, 3);
	assert_int_equal(f.asker.last_item, 3);
	fixture_close(&f);
}

static void a_congested_caller_is_waited_for(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_NEXT, OP_NEXT, EMITS, OP_AGAIN}, .limit = 2};
	(void)state;
	fixture_open(&f);
	f.asker.is_congested = true;
	struct op *op = start(&f, &op_plain, &script);
	assert_int_equal(f.asker.items, 1);
	assert_int_equal(f.asker.done, 0);
	f.asker.is_congested = false;
	op_resume(op, 0);
	assert_int_equal(f.asker.items, 2);
	assert_int_equal(f.asker.done, 1);
	fixture_close(&f);
}

static void a_caller_may_go_while_it_is_handed_an_item(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_NEXT, OP_NEXT, EMITS, OP_AGAIN}, .limit = 9};
	(void)state;
	fixture_open(&f);
	f.asker.leaves_at_item = true;
	start(&f, &op_plain, &script);
	assert_int_equal(f.asker.items, 1);
	assert_int_equal(f.asker.done, 0);
	assert_int_equal(script.runs[3], 0);
	assert_int_equal(script.released, 1);
	fixture_close(&f);
}

static void without_its_caller_it_ends_with_the_outstanding_answer(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_WAIT, OP_NEXT, OP_NEXT, OP_NEXT}};
	(void)state;
	fixture_open(&f);
	struct op *op = start(&f, &op_plain, &script);
	op_caller_gone(&f.asker.caller);
	assert_null(op->connection);
	assert_int_equal(script.released, 0);
	assert_int_equal(op_list_count(f.sv.ops), 1);
	op_resume(op, 0);
	assert_int_equal(script.runs[1], 0);
	assert_int_equal(script.released, 1);
	assert_int_equal(f.asker.done, 0);
	fixture_close(&f);
}

/* A committed message of one who has just gone must still be published. */
static void what_is_committed_runs_on_without_its_caller(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_NEXT, OP_WAIT, OP_WAIT, OP_NEXT}};
	(void)state;
	fixture_open(&f);
	struct op *op = start(&f, &op_committing, &script);
	op_caller_gone(&f.asker.caller);
	op_resume(op, 0);
	assert_int_equal(script.runs[2], 1);
	op_resume(op, 0);
	assert_int_equal(script.runs[3], 1);
	assert_int_equal(script.released, 1);
	assert_int_equal(f.asker.done, 0);
	fixture_close(&f);
}

static void the_commit_step_itself_does_not_begin_without_its_caller(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_WAIT, OP_NEXT, OP_NEXT, OP_NEXT}};
	(void)state;
	fixture_open(&f);
	struct op *op = start(&f, &op_committing, &script);
	op_caller_gone(&f.asker.caller);
	op_resume(op, 0);
	assert_int_equal(script.runs[1], 0);
	assert_int_equal(script.released, 1);
	fixture_close(&f);
}

static void one_that_nobody_asked_for_runs_to_its_end(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_WAIT, OP_NEXT, EMITS, FAILS}};
	(void)state;
	fixture_open(&f);
	struct op *op = make(&f, &op_plain, &script);
	op_start(op, NULL, NULL, NULL);
	op_resume(op, 0);
	assert_int_equal(script.runs[3], 1);
	assert_int_equal(script.released, 1);
	fixture_close(&f);
}

static void is_discarded_before_it_began(void **state)
{
	struct fixture f;
	struct script script = {0};
	(void)state;
	fixture_open(&f);
	struct op *op = make(&f, &op_plain, &script);
	assert_non_null(op->params);
	op_discard(&op);
	assert_null(op);
	assert_int_equal(script.released, 1);
	op_discard(&op);
	fixture_close(&f);
}

static void holds_its_principal(void **state)
{
	struct fixture f;
	struct script script = {.answers = {OP_WAIT, OP_DONE}};
	const struct principal from = {.identity = BYTES_LIT("alice")};
	struct principal *principal = principal_create(&from);
	(void)state;
	fixture_open(&f);
	struct op *op = make(&f, &op_plain, &script);
	op_start(op, &f.asker.caller, principal, NULL);
	assert_int_equal(principal->refs, 2);
	struct principal *ours = principal;
	principal_unref(&ours);
	assert_true(bytes_eq(op->principal->identity, BYTES_LIT("alice")));
	op_resume(op, 0);
	assert_int_equal(f.asker.done, 1);
	fixture_close(&f);
}

/* GUARANTEES.md: the client gone while an answer is under way, ten thousand times: nothing. */
static void ten_thousand_callers_vanish(void **state)
{
	enum { COUNT = 10000 };
	static struct op *ops[COUNT];
	static struct script scripts[COUNT];
	static struct asker askers[COUNT];
	struct fixture f;
	(void)state;
	fixture_open(&f);
	for (int i = 0; i < COUNT; i++) {
		scripts[i] = (struct script){.answers = {OP_NEXT, OP_WAIT, OP_NEXT, OP_DONE}};
		op_caller_init(&askers[i].caller, &asker_events);
		ops[i] = make(&f, i % 2 == 0 ? &op_plain : &op_committing, &scripts[i]);
		op_start(ops[i], &askers[i].caller, NULL, NULL);
	}
	assert_int_equal(op_list_count(f.sv.ops), COUNT);
	for (int i = 0; i < COUNT; i++) {
		op_caller_gone(&askers[i].caller);
	}
	for (int i = COUNT; i-- > 0;) {
		op_resume(ops[i], i % 3 == 0 ? ERR_UNAVAILABLE : 0);
	}
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(askers[i].done, 0);
		assert_int_equal(scripts[i].released, 1);
		assert_int_equal(scripts[i].runs[2], i % 2);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_all_steps_in_one_turn),
		cmocka_unit_test(done_leaves_out_the_rest),
		cmocka_unit_test(waits_for_what_it_started),
		cmocka_unit_test(an_answer_may_come_inside_the_step),
		cmocka_unit_test(an_error_ends_it),
		cmocka_unit_test(again_goes_two_steps_back),
		cmocka_unit_test(a_congested_caller_is_waited_for),
		cmocka_unit_test(a_caller_may_go_while_it_is_handed_an_item),
		cmocka_unit_test(without_its_caller_it_ends_with_the_outstanding_answer),
		cmocka_unit_test(what_is_committed_runs_on_without_its_caller),
		cmocka_unit_test(the_commit_step_itself_does_not_begin_without_its_caller),
		cmocka_unit_test(one_that_nobody_asked_for_runs_to_its_end),
		cmocka_unit_test(is_discarded_before_it_began),
		cmocka_unit_test(holds_its_principal),
		cmocka_unit_test(ten_thousand_callers_vanish),
	};
	return cmocka_run_group_tests_name("op", tests, NULL, NULL);
}
