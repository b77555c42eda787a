#include "lib/store/pg_talk.h"

#include <assert.h>

#include "lib/base/err.h"
#include "lib/store/pg_desk.h"

/* How often a work begins anew where it met another transaction, or, of reads, lost its link. */
#define TRIES 4
/* Until a statement must be answered. */
#define READ_US 10000000
#define SOON_US 3000000
#define CHANGE_US 5000000
#define SLOW_US 120000000
/* Changes go one at a time: after one that waited in vain for a lock, the next ones give up early
 * for this long. */
#define HURRY_US 10000000

struct pg_talk {
	struct list_node node; /* of its line */
	struct pg_line *line;
	struct store_call *call;
	const struct pg_work *work;
	struct pg_exchange exchange;
	void *state;
	unsigned step; /* that comes next */
	size_t before; /* statements of the exchange that are not the step's */
	bool open; /* the exchange has begun */
	bool in_transaction;
	bool committing; /* COMMIT was sent */
	bool ending; /* only the end of the transaction is awaited */
	bool again; /* ... and then it begins anew */
	int err; /* the answer then */
};

static void talk_run(struct pg_talk *talk);
static void on_exchange(struct pg_exchange *exchange);

static bool is_change(const struct pg_talk *talk)
{
	return talk->work->kind == PG_CHANGE || talk->work->kind == PG_SLOW;
}

static uint64_t deadline_of(const struct pg_talk *talk)
{
	switch (talk->work->kind) {
	case PG_READ:
		return READ_US;
	case PG_READ_SOON:
		return SOON_US;
	case PG_CHANGE:
		return CHANGE_US;
	case PG_SLOW:
	case PG_SLOW_READ:
		break;
	}
	return SLOW_US;
}

/* ---- for steps ---- */

static void exchange_open(struct pg_talk *talk)
{
	if (!talk->open) {
		pg_link_begin(talk->line->link, &talk->exchange, deadline_of(talk), on_exchange);
		talk->open = true;
		talk->before = 0;
	}
}

static void transaction_open(struct pg_talk *talk)
{
	const struct pg_line *line = talk->line;

	pg_link_add(line->link, PG_SQL_BEGIN, NULL);
	talk->in_transaction = true;
	talk->before = 1;
	if (loop_now_us(line->desk->loop) < line->hurry_until_us) {
		pg_link_add(line->link, PG_SQL_HURRY, NULL);
		talk->before = 2;
	}
}

void pg_talk_add(struct pg_talk *talk, enum pg_sql sql, const struct pg_params *params)
{
	exchange_open(talk);
	if (is_change(talk) && !talk->in_transaction) {
		transaction_open(talk);
	}
	pg_link_add(talk->line->link, sql, params);
}

const struct pg_result *pg_talk_result(const struct pg_talk *talk, size_t i)
{
	assert(talk->before + i < talk->exchange.count);
	return talk->exchange.results[talk->before + i];
}

void *pg_talk_state(const struct pg_talk *talk)
{
	return talk->state;
}

const struct store *pg_talk_store(const struct pg_talk *talk)
{
	return &talk->line->desk->base;
}

int64_t pg_talk_origin(const struct pg_talk *talk)
{
	return talk->line->desk->root->origin;
}

const struct clock *pg_talk_clock(const struct pg_talk *talk)
{
	return talk->line->desk->root->clock;
}

struct pg_watch *pg_talk_watch(const struct pg_talk *talk)
{
	return talk->line->desk->watch;
}

/* ---- the end ---- */

static void talk_leave(struct pg_talk *talk)
{
	list_remove(&talk->node);
	talk->line->talk_count--;
	talk->line->used_us = loop_now_us(talk->line->desk->loop);
}

static void talk_finish(struct pg_talk *talk, int err)
{
	struct pg_desk *desk = talk->line->desk;
	struct store_call *call = talk->call;

	talk_leave(talk);
	call->err = err;
	pg_desk_wake(desk);
	pg_desk_answer(desk, call); /* the talk is gone with the call's arena */
}

/* Ends the transaction, and what the step began to send; then comes the answer, or the work begins
 * anew. */
static void talk_end(struct pg_talk *talk, int err, bool again)
{
	if (!talk->open && !talk->in_transaction) {
		talk_finish(talk, err);
		return;
	}
	exchange_open(talk);
	if (talk->in_transaction) {
		pg_link_add(talk->line->link, PG_SQL_ROLLBACK, NULL);
	}
	talk->ending = true;
	talk->again = again;
	talk->err = err;
	pg_link_end(talk->line->link);
}

static void talk_begin_anew(struct pg_talk *talk)
{
	talk->step = 0;
	talk->open = talk->in_transaction = talk->committing = false;
	talk->ending = talk->again = false;
	if (talk->state != NULL) {
		memset(talk->state, 0, talk->work->state_size);
	}
	talk_run(talk);
}

/* ---- what comes back ---- */

/* Reads do no harm twice; they go on where another link is up. */
static void talk_lost(struct pg_talk *talk)
{
	struct pg_desk *desk = talk->line->desk;
	struct store_call *call = talk->call;

	if (talk->ending && !talk->again) {
		talk_finish(talk, talk->err);
		return;
	}
	if (!is_change(talk) && ++call->tries < TRIES && !desk->stopped) {
		talk_leave(talk);
		pg_desk_return(desk, call, talk->work);
		return;
	}
	call->why = arena_strdup(call->arena, talk->exchange.why != NULL ? talk->exchange.why : "");
	talk_finish(talk, talk->committing ? ERR_UNCERTAIN : ERR_UNAVAILABLE);
}

/* Whether the same may work at once. Who waited in vain for a lock would do so again, and all
 * behind him with him. */
static bool met_another(struct pg_talk *talk)
{
	enum pg_fault fault = talk->exchange.fault;

	if (is_change(talk) && strcmp(talk->exchange.sqlstate, "55P03") == 0) {
		talk->line->hurry_until_us = loop_now_us(talk->line->desk->loop) + HURRY_US;
		return false;
	}
	return fault == PG_TWICE || fault == PG_AGAIN;
}

/* The statement had no effect, and the transaction has none. */
static void talk_failed(struct pg_talk *talk)
{
	if (talk->ending) { /* ROLLBACK does not fail */
		talk_finish(talk, talk->again ? ERR_INTERNAL : talk->err);
		return;
	}
	talk->open = talk->committing = false;
	if (!met_another(talk) || ++talk->call->tries >= TRIES) {
		talk->call->why = arena_printf(talk->call->arena, "%s (SQLSTATE %s)",
			talk->exchange.why != NULL ? talk->exchange.why : "no reason given",
			talk->exchange.sqlstate);
		talk_end(talk, pg_fault_err(talk->exchange.fault), false);
		return;
	}
	if (!talk->in_transaction) {
		talk_begin_anew(talk);
		return;
	}
	talk_end(talk, 0, true);
}

/* COMMIT of a transaction that had failed says ROLLBACK; a failed statement was seen before. */
static bool was_committed(const struct pg_talk *talk)
{
	const struct pg_exchange *exchange = &talk->exchange;

	return exchange->count > 0 &&
	       strcmp(pg_tag(exchange->results[exchange->count - 1]), "COMMIT") == 0;
}

static void on_exchange(struct pg_exchange *exchange)
{
	struct pg_talk *talk = CONTAINER_OF(exchange, struct pg_talk, exchange);

	if (exchange->fault == PG_LOST) {
		talk_lost(talk);
		return;
	}
	if (exchange->fault != PG_OK) {
		talk_failed(talk);
		return;
	}
	talk->open = false;
	if (talk->ending) {
		if (talk->again) {
			talk_begin_anew(talk);
		} else {
			talk_finish(talk, talk->err);
		}
		return;
	}
	if (talk->committing) {
		talk->in_transaction = false;
		if (!was_committed(talk)) {
			talk_finish(talk, ERR_INTERNAL);
			return;
		}
		if (talk->work->steps[talk->step] == NULL) {
			talk_finish(talk, 0);
			return;
		}
	}
	talk_run(talk);
}

/* ---- steps ---- */

/* What the step sent goes; false: it sent nothing, and the next can run at once. */
static bool step_sent(struct pg_talk *talk, int answer)
{
	if (answer == PG_COMMIT) {
		exchange_open(talk);
		if (!talk->in_transaction) { /* nothing to be kept: still one round trip */
			transaction_open(talk);
		}
		pg_link_add(talk->line->link, PG_SQL_COMMIT, NULL);
		talk->committing = true;
	}
	if (!talk->open) {
		return false;
	}
	pg_link_end(talk->line->link);
	return true;
}

static void talk_run(struct pg_talk *talk)
{
	for (;;) {
		assert(talk->work->steps[talk->step] != NULL);
		int answer = talk->work->steps[talk->step](talk, talk->call);
		if (answer <= PG_DONE) {
			talk_end(talk, answer, false);
			return;
		}
		if (answer != PG_STAY) {
			talk->step++;
		}
		if (step_sent(talk, answer)) {
			return;
		}
	}
}

void pg_talk_start(struct pg_line *line, struct store_call *call, const struct pg_work *work)
{
	struct pg_talk *talk = arena_alloc(call->arena, sizeof(*talk));

	memset(talk, 0, sizeof(*talk));
	talk->line = line;
	talk->call = call;
	talk->work = work;
	if (work->state_size > 0) {
		talk->state = arena_alloc(call->arena, work->state_size);
		memset(talk->state, 0, work->state_size);
	}
	list_append(&line->talks, &talk->node);
	line->talk_count++;
	talk_run(talk);
}
