/* A link as its owner sees it: exchanges that wait for answers, deadlines, and the end. Nothing of
 * libpq's. */
#include "lib/store/pg_link_private.h"

#include <stdlib.h>

#include "lib/base/clock.h"

/* Timers are looked at again after so long at the latest. */
#define TIMER_MAX_US (UINT64_C(3600) * 1000000)

void pg_link_hold(struct pg_link *link)
{
	link->held++;
}

void pg_link_release(struct pg_link *link)
{
	if (--link->held == 0 && link->destroyed) {
		pg_commands_finish(&link->commands);
		buf_finish(&link->why);
		buf_finish(&link->lost_why);
		free(link);
	}
}

/* ---- answers ---- */

void pg_link_answer(struct pg_link *link, struct pg_exchange *exchange, struct bytes why)
{
	/* The exchange may be gone when done returns. */
	struct pg_exchange kept = {.count = exchange->count};
	memcpy(kept.results, exchange->results, exchange->count * sizeof(kept.results[0]));
	char *text = why.len > 0 ? mem_dup_bytes(why) : NULL;
	exchange->why = text;
	link->answered++;
	exchange->done(exchange);
	pg_link_drop_results(&kept);
	free(text);
}

/* Answers with what the end of the connection was called. Where done destroys the link, the others
 * are answered within. */
static void fail_exchanges(struct pg_link *link)
{
	struct list_node *node;
	struct buf why = link->lost_why;
	char sqlstate[sizeof(link->lost_sqlstate)];
	memcpy(sqlstate, link->lost_sqlstate, sizeof(sqlstate));
	buf_init(&link->lost_why);
	link->lost_sqlstate[0] = '\0';
	while ((node = list_pop(&link->exchanges)) != NULL) {
		struct pg_exchange *exchange = CONTAINER_OF(node, struct pg_exchange, node);
		pg_link_drop_results(exchange);
		exchange->fault = PG_LOST;
		exchange->failed = exchange->position = 0;
		memcpy(exchange->sqlstate, sqlstate, sizeof(sqlstate));
		pg_link_answer(link, exchange, buf_bytes(&why));
	}
	buf_finish(&why);
}

/* Those that were begun where there was no connection. */
static void refuse_exchanges(struct pg_link *link)
{
	struct list_node *node;
	while ((node = list_pop(&link->refused)) != NULL) {
		struct pg_exchange *exchange = CONTAINER_OF(node, struct pg_exchange, node);
		exchange->fault = PG_LOST;
		pg_link_answer(link, exchange, BYTES_LIT("there is no connection"));
	}
}

static void report_loss(struct pg_link *link)
{
	char *why = mem_dup_bytes(buf_bytes(&link->lost_why));
	uint64_t opened = link->opened;
	int err = link->lost_err;
	link->stage = PG_STAGE_CLOSED;
	fail_exchanges(link);
	/* Whoever closed or opened it meanwhile knows. */
	if (link->opened == opened) {
		link->events->on_closed(link->ctx, link, err, why);
	}
	free(why);
}

static void on_later(void *ctx)
{
	struct pg_link *link = ctx;
	pg_link_hold(link);
	refuse_exchanges(link);
	if (link->stage == PG_STAGE_BROKEN) {
		report_loss(link);
	} else if (link->conn != NULL) {
		pg_link_take(link);
	}
	pg_link_release(link);
}

void pg_link_later(struct pg_link *link)
{
	loop_defer(link->loop, &link->later, LOOP_GATHER);
}

void pg_link_run_later(struct pg_link *link)
{
	if (list_linked(&link->later.node)) {
		loop_defer_cancel(&link->later);
		on_later(link);
	}
}

/* ---- deadlines ---- */

uint64_t pg_link_time_after(uint64_t delay_us)
{
	uint64_t now = clock_coarse_us();
	return delay_us < UINT64_MAX - now ? now + delay_us : UINT64_MAX;
}

void pg_link_arm(struct pg_link *link, uint64_t due_us)
{
	uint64_t now = clock_coarse_us();
	uint64_t delay = due_us > now ? due_us - now : 0;
	link->timer_us = due_us;
	loop_timer_set(link->timer, delay < TIMER_MAX_US ? delay : TIMER_MAX_US);
}

uint64_t pg_link_next_due(const struct pg_link *link)
{
	uint64_t due = 0;
	if (link->stage == PG_STAGE_CONNECTING || link->stage == PG_STAGE_SETUP) {
		return link->attempt_end_us;
	}
	LIST_FOREACH (&link->exchanges, node) {
		uint64_t deadline_us = CONTAINER_OF(node, struct pg_exchange, node)->deadline_us;
		due = due == 0 || deadline_us < due ? deadline_us : due;
	}
	return due;
}

void pg_link_check_time(struct pg_link *link)
{
	uint64_t due = link->conn != NULL ? pg_link_next_due(link) : 0;
	link->timer_us = 0;
	if (due != 0 && due <= clock_coarse_us()) {
		pg_link_give_up(link);
	} else if (due != 0) {
		pg_link_arm(link, due);
	}
}

static void on_timer(void *ctx)
{
	struct pg_link *link = ctx;
	pg_link_hold(link);
	pg_link_check_time(link);
	pg_link_release(link);
}

void pg_link_enlist(struct pg_link *link, struct pg_exchange *exchange, uint64_t deadline_us,
	void (*done)(struct pg_exchange *exchange))
{
	*exchange =
		(struct pg_exchange){.done = done, .deadline_us = pg_link_time_after(deadline_us)};
	link->asked++;
	if (link->stage != PG_STAGE_READY) {
		list_append(&link->refused, &exchange->node);
		pg_link_later(link);
		return;
	}
	list_append(&link->exchanges, &exchange->node);
	/* It is not moved with each answer: when it is due, it finds what is due next. */
	if (link->timer_us == 0 || exchange->deadline_us < link->timer_us) {
		pg_link_arm(link, exchange->deadline_us);
	}
}

/* ---- lifetime ---- */

struct pg_link *pg_link_create(
	struct loop *loop, const struct pg_url *url, const struct pg_link_events *events, void *ctx)
{
	struct pg_link *link = mem_zalloc(sizeof(*link));
	link->loop = loop;
	link->url = url;
	link->events = events;
	link->ctx = ctx;
	link->timer = loop_timer_create(loop, on_timer, link);
	list_init(&link->exchanges);
	list_init(&link->refused);
	loop_defer_init(&link->later, on_later, link);
	pg_commands_reset(&link->commands);
	return link;
}

void pg_link_close(struct pg_link *link)
{
	pg_link_hold(link);
	loop_defer_cancel(&link->later);
	pg_link_disconnect(link);
	if (link->stage != PG_STAGE_BROKEN) {
		buf_clear(&link->lost_why);
		buf_append_str(&link->lost_why, "the connection was closed");
	}
	link->stage = PG_STAGE_CLOSED;
	link->adding = NULL;
	fail_exchanges(link);
	refuse_exchanges(link);
	pg_link_release(link);
}

void pg_link_destroy(struct pg_link **link)
{
	struct pg_link *l = *link;
	*link = NULL;
	if (l == NULL || l->destroyed) {
		return;
	}
	pg_link_hold(l);
	l->destroyed = true;
	pg_link_close(l);
	pg_link_disconnect(l); /* where a done opened it */
	loop_defer_cancel(&l->later);
	loop_timer_destroy(&l->timer);
	pg_link_release(l);
}

enum pg_link_state pg_link_state(const struct pg_link *link)
{
	switch (link->stage) {
	case PG_STAGE_CONNECTING:
	case PG_STAGE_SETUP:
		return PG_LINK_CONNECTING;
	case PG_STAGE_READY:
	case PG_STAGE_SCRIPT:
		return PG_LINK_READY;
	case PG_STAGE_CLOSED:
	case PG_STAGE_BROKEN:
		break;
	}
	return PG_LINK_CLOSED;
}

int pg_link_refusal(const struct pg_link *link)
{
	return link->refusal;
}

bool pg_link_ready(const struct pg_link *link)
{
	return link->stage == PG_STAGE_READY;
}

size_t pg_link_busy(const struct pg_link *link)
{
	return (size_t)(link->asked - link->answered);
}
