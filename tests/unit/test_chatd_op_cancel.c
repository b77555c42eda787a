#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/op/ask.h"
#include "chatd/op/op.h"
#include "chatd/op/upload.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/loop/loop.h"
#include "lib/metrics/metrics.h"

/* One who asks, and an operation that does what the test says. */
struct fixture {
	struct services sv;
	struct conf conf;
	struct metrics metrics;
	struct op_caller caller;
	struct op *op; /* that was started last */
	int done, err, items, gave_up, gone, released;
	bool cancelled, cancels_at_item;
	int seen_err;
	enum { WAITS_HARD, WAITS_SOFT, WAITS_BY_HOOK, EMITS_AND_WAITS } kind;
};

struct state {
	struct fixture *f;
	struct op_wait wait;
	struct op *op;
};

static void on_done(struct op_caller *caller, struct op *op, int err)
{
	struct fixture *f = CONTAINER_OF(caller, struct fixture, caller);
	f->done++;
	f->err = err;
	f->cancelled = op->cancelled;
}

static void on_emit(struct op_caller *caller, struct op *op, const struct value *item)
{
	struct fixture *f = CONTAINER_OF(caller, struct fixture, caller);
	(void)item;
	f->items++;
	if (f->cancels_at_item) {
		op_cancel(op);
	}
}

static const struct op_caller_events events = {.done = on_done, .emit = on_emit};

static void give_up(struct op_wait *wait)
{
	CONTAINER_OF(wait, struct state, wait)->f->gave_up++;
}

static int begin(struct op *op)
{
	struct state *state = op->state;
	const struct value item = value_int(1);
	state->op = op;
	state->wait.give_up = give_up;
	switch (state->f->kind) {
	case EMITS_AND_WAITS:
		op_emit(op, &item);
		op_emit(op, &item);
		op_wait_on(op, &state->wait);
		return OP_WAIT;
	case WAITS_SOFT:
		op_wait_on(op, &state->wait);
		assert_true(op_waits_on(op, &state->wait));
		return OP_WAIT;
	case WAITS_HARD:
	case WAITS_BY_HOOK:
		break;
	}
	return OP_WAIT;
}

static int end(struct op *op)
{
	struct state *state = op->state;
	const struct value item = value_int(1);
	state->f->seen_err = op_error(op);
	op_emit(op, &item);
	assert_false(op->cancelled && op_congested(op));
	op->result = value_int(7);
	return OP_NEXT;
}

static void release(struct op *op)
{
	((struct state *)op->state)->f->released++;
}

static void gone(struct op *op)
{
	((struct state *)op->state)->f->gone++;
	op_resume(op, ERR_CLOSED);
}

static const struct op_step steps[] = {{"begin", begin, 0}, {"end", end, 0}, {0}};
static const struct op_step committing_steps[] = {
	{"begin", begin, OP_COMMIT}, {"end", end, 0}, {0}};

#define OP(id, table, ...) \
	static const struct op_def op_##id = {.name = #id, \
		.steps = table, \
		.state_size = sizeof(struct state), \
		.release = release, \
		.doc = "Tested.", \
		__VA_ARGS__}
OP(plain, steps);
OP(hooked, steps, .gone = gone);
OP(committing, committing_steps);
#undef OP

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	f->sv.loop = loop_create();
	f->sv.conf = &f->conf;
	f->sv.metrics = &f->metrics;
	f->sv.ops = op_list_create();
	op_caller_init(&f->caller, &events);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(op_list_count(f->sv.ops), 0);
	assert_true(list_empty(&f->caller.ops));
	assert_int_equal(f->released, 1);
	op_list_destroy(&f->sv.ops);
	loop_destroy(&f->sv.loop);
	free(f);
	return 0;
}

static void start(struct fixture *f, const struct op_def *def, int kind)
{
	f->kind = kind;
	f->op = op_create(&f->sv, def, NULL);
	((struct state *)f->op->state)->f = f;
	op_start(f->op, &f->caller, NULL, NULL);
}

static void what_can_be_given_up_is(void **state)
{
	struct fixture *f = *state;
	start(f, &op_plain, WAITS_SOFT);
	op_cancel(f->op);
	assert_int_equal(f->gave_up, 1);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->err, 0);
	assert_true(f->cancelled);
	assert_int_equal(f->items, 0);
	assert_int_equal(f->metrics.ops_failed, 0);
}

static void the_hook_may_give_up(void **state)
{
	struct fixture *f = *state;
	start(f, &op_hooked, WAITS_BY_HOOK);
	op_cancel(f->op);
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->err, 0);
}

static void other_answers_are_awaited(void **state)
{
	struct fixture *f = *state;
	start(f, &op_plain, WAITS_HARD);
	op_cancel(f->op);
	op_cancel(f->op);
	assert_int_equal(f->done, 0);
	op_resume(f->op, ERR_UNAVAILABLE);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->err, 0);
	assert_true(f->cancelled);
	assert_int_equal(f->items, 0);
}

static void one_that_committed_runs_on(void **state)
{
	struct fixture *f = *state;
	start(f, &op_committing, WAITS_SOFT);
	op_cancel(f->op);
	assert_int_equal(f->gave_up, 1);
	assert_int_equal(f->seen_err, ERR_CANCELLED);
	assert_int_equal(f->items, 0);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->err, 0);
	assert_true(f->cancelled);
}

static void one_that_committed_runs_on_without_its_caller(void **state)
{
	struct fixture *f = *state;
	start(f, &op_committing, WAITS_SOFT);
	op_caller_gone(&f->caller);
	assert_int_equal(f->gave_up, 1);
	assert_int_equal(f->seen_err, ERR_CLOSED);
	assert_int_equal(f->done, 0);
}

static void the_caller_goes(void **state)
{
	struct fixture *f = *state;
	start(f, &op_plain, WAITS_SOFT);
	op_caller_gone(&f->caller);
	assert_int_equal(f->gave_up, 1);
	assert_int_equal(f->done, 0);
	assert_int_equal(f->seen_err, 0);
}

static void it_is_cancelled_inside_its_step(void **state)
{
	struct fixture *f = *state;
	f->cancels_at_item = true;
	start(f, &op_plain, EMITS_AND_WAITS);
	assert_int_equal(f->items, 1);
	assert_int_equal(f->gave_up, 1);
	assert_int_equal(f->done, 1);
	assert_true(f->cancelled);
}

static void resumed_it_waits_for_nothing(void **state)
{
	struct fixture *f = *state;
	start(f, &op_plain, WAITS_SOFT);
	op_resume(f->op, ERR_TIMEOUT);
	assert_int_equal(f->gave_up, 0);
	assert_int_equal(f->seen_err, ERR_TIMEOUT);
	assert_int_equal(f->done, 1);
	assert_false(f->cancelled);
	assert_int_equal(f->items, 1);
}

/* ---- what others said, and what there is nobody for ---- */

static void others_words(void **state)
{
	struct fixture *f = *state;
	start(f, &op_plain, WAITS_HARD);
	assert_int_equal(op_fail_said(f->op, ERR_CLOSED, "HubException", "boom"), ERR_CLOSED);
	assert_string_equal(f->op->message, "boom");
	assert_string_equal(f->op->exception, "HubException");
	op_fail(f->op, ERR_CONFLICT, "no");
	assert_null(f->op->exception);
	assert_string_equal(f->op->message, "no");
	op_resume(f->op, 0);
}

static void nobody_to_ask(void **state)
{
	struct fixture *f = *state;
	struct op_ask ask = {0};
	const struct value none = value_null;
	start(f, &op_plain, WAITS_HARD);
	assert_int_equal(op_ask(f->op, &ask, BYTES_LIT("Ask"), &none), ERR_NOT_SUPPORTED);
	assert_int_equal(op_ask_fail(&ask, f->op), ERR_CLOSED);
	assert_string_equal(f->op->message, "There is no client to ask.");
	op_ask_withdraw(&ask);
	op_cancel(f->op);
	assert_int_equal(op_ask(f->op, &ask, BYTES_LIT("Ask"), &none), ERR_CLOSED);
	assert_string_equal(ask.error, "The underlying connection was closed.");
	op_resume(f->op, 0);
}

static struct arena *item_arena(struct value *ret_item, int64_t number)
{
	*ret_item = value_int(number);
	return arena_create(0);
}

/* Read by one that has been withdrawn, and by one whose door has gone. */
static void uploads_without_a_door(void **state)
{
	static const struct param kind = {.name = "items", .kind = PARAM_INT, .doc = "Numbers."};
	struct fixture *f = *state;
	const struct value *got;
	struct value item;
	struct list door;
	start(f, &op_plain, WAITS_HARD);
	struct upload *upload = upload_create(f->op, BYTES_LIT("9"), &kind);
	struct upload *lost = upload_create(f->op, BYTES_LIT("10"), &kind);
	struct arena *arena = item_arena(&item, 5);
	assert_false(upload_put(upload, &item, arena));
	arena = item_arena(&item, 6);
	assert_false(upload_put(lost, &item, arena));
	upload_lose(lost);
	assert_int_equal(upload_wait(lost, f->op), OP_NEXT);
	assert_int_equal(upload_read(lost, &got), ERR_CLOSED);
	assert_string_equal(lost->error, "The underlying connection was closed.");
	assert_int_equal(upload_fail(lost, f->op), ERR_CLOSED);
	assert_string_equal(f->op->message, lost->error);
	list_init(&door);
	list_append(&door, &upload->in_door);
	op_cancel(f->op);
	assert_int_equal(upload_wait(upload, f->op), OP_NEXT);
	assert_int_equal(upload_read(upload, &got), 1);
	assert_int_equal(got->integer, 5);
	assert_int_equal(upload_wait(upload, f->op), OP_NEXT);
	assert_int_equal(upload_read(upload, &got), ERR_CLOSED);
	/* No item finds its way to it any more: it could not be put. */
	assert_true(list_empty(&door));
	op_resume(f->op, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(what_can_be_given_up_is),
		TEST(the_hook_may_give_up),
		TEST(other_answers_are_awaited),
		TEST(one_that_committed_runs_on),
		TEST(one_that_committed_runs_on_without_its_caller),
		TEST(the_caller_goes),
		TEST(it_is_cancelled_inside_its_step),
		TEST(resumed_it_waits_for_nothing),
		TEST(others_words),
		TEST(nobody_to_ask),
		TEST(uploads_without_a_door),
	};
#undef TEST
	return cmocka_run_group_tests_name("op cancel", tests, NULL, NULL);
}
