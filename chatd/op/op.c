#include "chatd/op/op.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "chatd/auth/principal.h"
#include "chatd/op/limits.h"
#include "chatd/op/op_log.h"
#include "chatd/op/op_stats.h"
#include "chatd/op/upload.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/metrics/metrics.h"

struct op_list {
	struct list ops;
	size_t count; /* but for those that are endless */
	struct op_log log;
	struct op_stats stats;
};

unsigned services_home_of(const struct services *sv, const struct uuid *room)
{
	return (unsigned)(map_hash(uuid_bytes(room)) % sv->worker_count);
}

struct op_list *op_list_create(void)
{
	struct op_list *list = mem_zalloc(sizeof(*list));
	list_init(&list->ops);
	return list;
}

void op_list_destroy(struct op_list **list)
{
	free(*list);
	*list = NULL;
}

size_t op_list_count(const struct op_list *list)
{
	return list->count;
}

const struct op_stats *op_list_stats(const struct op_list *list)
{
	return &list->stats;
}

void op_caller_init(struct op_caller *caller, const struct op_caller_events *events)
{
	caller->events = events;
	list_init(&caller->ops);
}

static void op_set_phase(struct op *op, enum op_phase phase)
{
	assert(op->phase != OP_ENDED);
	op->phase = phase;
}

static void op_release(struct op *op)
{
	list_remove(&op->in_caller);
	if (list_linked(&op->in_list)) {
		list_remove(&op->in_list);
		op->sv->ops->count -= op->def->endless ? 0 : 1;
	}
	if (op->principal != NULL) {
		principal_unref(&op->principal);
	}
	if (op->def->release != NULL) {
		op->def->release(op);
	}
	uploads_destroy(&op->uploads);
	struct arena *arena = op->arena;
	arena_destroy(&arena);
}

struct op *op_create(struct services *sv, const struct op_def *def, struct arena *arena)
{
	if (arena == NULL) {
		arena = arena_create(0);
	}
	struct op *op = arena_alloc(arena, sizeof(*op));
	op->def = def;
	op->sv = sv;
	op->arena = arena;
	op->params = def->params_size > 0 ? arena_alloc(arena, def->params_size) : NULL;
	op->state = def->state_size > 0 ? arena_alloc(arena, def->state_size) : NULL;
	op->result = value_null;
	list_init(&op->uploads);
	return op;
}

void op_discard(struct op **op)
{
	if (*op != NULL) {
		op_release(*op);
		*op = NULL;
	}
}

static void op_end(struct op *op, int err)
{
	struct op_list *list = op->sv->ops;
	op_set_phase(op, OP_ENDED);
	if (err < 0) {
		op->sv->metrics->ops_failed++;
		if (op->message == NULL) {
			op->message = err_text(err);
		}
		op_log_failed(&list->log, op, err);
	}
	uint64_t took_us = op->time.step_us - op->time.started_us;
	op_stats_note(&list->stats, op->def, took_us, err < 0);
	op_log_slow(&list->log, op, took_us);
	struct op_caller *caller = op->caller;
	if (caller != NULL) {
		list_remove(&op->in_caller);
		caller->events->done(caller, op, err < 0 ? err : 0);
	}
	op_release(op);
}

/* Whether what goes on is for nobody, and may stop. */
static bool op_is_void(const struct op *op)
{
	return op->abandoned && !op->committed;
}

/* What the step waits for is given up where that can be done; else it is awaited. */
static void op_stop_waiting(struct op *op)
{
	struct op_wait *wait = op->wait;
	if (wait != NULL) {
		op->wait = NULL;
		wait->give_up(wait);
		op_resume(op, op->cancelled ? ERR_CANCELLED : ERR_CLOSED);
	} else if (op->def->gone != NULL) {
		op->def->gone(op);
	}
}

/* Runs steps until one waits or the operation ends. */
static void op_run(struct op *op)
{
	for (;;) {
		const struct op_step *step = &op->def->steps[op->step];
		if (step->run == NULL) {
			op_end(op, 0);
			return;
		}
		if (op_is_void(op)) {
			op_end(op, op->cancelled ? 0 : ERR_CLOSED);
			return;
		}
		if ((step->flags & OP_COMMIT) != 0) {
			op->committed = true;
		}
		op->step++;
		op->resumed = false;
		int next = step->run(op);
		if (next != OP_WAIT || op->resumed) {
			op_time_add(&op->time, op->step - 1, op->sv->loop);
		}
		op->resume_err = next == OP_WAIT ? op->resume_err : 0;
		if (next == OP_WAIT) {
			if (op->resumed) {
				continue;
			}
			op_set_phase(op, OP_WAITING);
			if (op_is_void(op)) {
				op_stop_waiting(op);
			}
			return;
		}
		if (next == OP_AGAIN) {
			assert(op->step >= 3);
			op->step -= 3;
			continue;
		}
		if (next != OP_NEXT) {
			op_end(op, next == OP_DONE ? 0 : next);
			return;
		}
	}
}

void op_start(
	struct op *op, struct op_caller *caller, struct principal *principal, void *connection)
{
	op->principal = principal != NULL ? principal_ref(principal) : NULL;
	op->connection = connection;
	op->caller = caller;
	if (caller != NULL) {
		list_append(&caller->ops, &op->in_caller);
	} else {
		op->committed = true; /* nobody to go away */
	}
	list_append(&op->sv->ops->ops, &op->in_list);
	op->sv->ops->count += op->def->endless ? 0 : 1;
	op->sv->metrics->ops_started++;
	op_time_start(&op->time, op->sv->loop);
	op_run(op);
}

void op_resume(struct op *op, int err)
{
	op->resume_err = err;
	op->wait = NULL;
	if (op->phase == OP_RUNNING) {
		op->resumed = true;
		return;
	}
	assert(op->phase == OP_WAITING);
	op_time_add(&op->time, op->step - 1, op->sv->loop);
	op_set_phase(op, OP_RUNNING);
	op_run(op);
}

int op_step_again(struct op *op)
{
	(void)op;
	return OP_AGAIN;
}

int op_error(const struct op *op)
{
	return op->resume_err;
}

int op_fail(struct op *op, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	op->message = arena_vprintf(op->arena, fmt, ap);
	op->exception = NULL;
	va_end(ap);
	return err;
}

int op_fail_said(struct op *op, int err, const char *exception, const char *text)
{
	op->exception = exception;
	op->message = arena_strdup(op->arena, text);
	return err;
}

int op_fail_limited(struct op *op, const char *what, uint64_t retry_us)
{
	op->retry_us = retry_us;
	op->message = limits_text(op->arena, what, retry_us);
	op->exception = NULL;
	return ERR_RATE_LIMITED;
}

void op_log_trouble(struct op *op, int err, const char *why)
{
	op_log_told(&op->sv->ops->log, op, err, why);
}

void op_emit(struct op *op, const struct value *item)
{
	if (!op->abandoned && op->caller != NULL && op->caller->events->emit != NULL) {
		op->caller->events->emit(op->caller, op, item);
	}
}

bool op_congested(struct op *op)
{
	return !op->abandoned && op->caller != NULL && op->caller->events->congested != NULL &&
	       op->caller->events->congested(op->caller, op);
}

void op_wait_on(struct op *op, struct op_wait *wait)
{
	assert(op->phase == OP_RUNNING && op->wait == NULL);
	op->wait = wait;
}

bool op_waits_on(const struct op *op, const struct op_wait *wait)
{
	return op->wait == wait;
}

void op_cancel(struct op *op)
{
	if (op->cancelled || op->phase == OP_ENDED) {
		return;
	}
	op->cancelled = op->abandoned = true;
	if (op->phase == OP_WAITING) {
		op_stop_waiting(op);
	}
}

void op_caller_gone(struct op_caller *caller)
{
	LIST_FOREACH (&caller->ops, node) {
		struct op *op = CONTAINER_OF(node, struct op, in_caller);
		list_remove(node);
		op->caller = NULL;
		op->connection = NULL;
		op->abandoned = true;
		if (op->phase == OP_WAITING) {
			op_stop_waiting(op);
		}
	}
}
