#include "lib/store/pg_desk.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

/* Reads that may be under way on one link; from SPREAD on another link is opened. */
#define READS_MAX 16
#define SPREAD 2
/* Messages that one run of appends takes. */
#define RUN_MAX 2048
/* Links that had nothing to do for so long are closed, but for one of each kind that is asked
 * often. */
#define REST_US 60000000
#define TIDY_US 15000000
/* How long the end waits for answers. */
#define STOP_US 8000000
#define STOP_PUMP_MS 5

enum { FIRST_READ = 2 };

/* ---- queues ---- */

static void queue_append(struct pg_queue *queue, struct store_call *call)
{
	call->next = NULL;
	if (queue->last != NULL) {
		queue->last->next = call;
	} else {
		queue->first = call;
	}
	queue->last = call;
}

static struct store_call *queue_take(struct pg_queue *queue)
{
	struct store_call *call = queue->first;

	queue->first = call->next;
	if (queue->first == NULL) {
		queue->last = NULL;
	}
	call->next = NULL;
	return call;
}

static size_t weight_of(const struct store_call *call)
{
	if (call->plan != NULL) {
		return 1;
	}
	size_t count = CONTAINER_OF((struct store_call *)(uintptr_t)call, struct store_append, call)
			       ->count;
	return count > 0 ? count : 1;
}

static struct store_call *desk_next(struct pg_desk *desk, enum pg_line_kind kind)
{
	struct store_call *call = queue_take(&desk->queues[kind]);

	desk->waiting -= weight_of(call);
	return call;
}

static enum pg_line_kind kind_of(const struct pg_work *plan)
{
	if (plan == NULL || plan->kind == PG_CHANGE) {
		return PG_LINE_WRITE;
	}
	return plan->kind == PG_READ || plan->kind == PG_READ_SOON ? PG_LINE_READ : PG_LINE_SLOW;
}

/* ---- answers ---- */

static void answer_run(struct mail *mail)
{
	struct store_call *call = CONTAINER_OF(mail, struct store_call, mail);

	call->done(call, call->err);
}

/* On this thread's own loop nothing needs to be posted: we are in none of the caller's functions.
 */
void pg_desk_answer(struct pg_desk *desk, struct store_call *call)
{
	if (desk->stopped) {
		mailbox_post(call->reply_to, &call->mail, answer_run);
	} else {
		call->done(call, call->err);
	}
}

static void answer_list(struct pg_desk *desk, struct store_call *list)
{
	while (list != NULL) {
		struct store_call *call = list;
		list = call->next;
		pg_desk_answer(desk, call);
	}
}

static void on_appended(void *ctx, struct store_call *list)
{
	struct pg_desk *desk = ctx;

	pg_desk_wake(desk);
	answer_list(desk, list);
}

/* ---- handing out ---- */

static struct store_call *take_appends(struct pg_desk *desk)
{
	struct pg_queue run = {0};
	const struct pg_queue *queue = &desk->queues[PG_LINE_WRITE];
	size_t count = 0;

	while (queue->first != NULL && queue->first->plan == NULL &&
		(count == 0 || count + weight_of(queue->first) <= RUN_MAX)) {
		count += weight_of(queue->first);
		queue_append(&run, desk_next(desk, PG_LINE_WRITE));
	}
	return run.first;
}

static void dispatch_write(struct pg_desk *desk)
{
	struct pg_line *line = &desk->lines[PG_LINE_WRITE];
	const struct pg_queue *queue = &desk->queues[PG_LINE_WRITE];

	while (queue->first != NULL && line->state == PG_LINE_UP && line->talk_count == 0 &&
		!pg_append_running(desk->append)) {
		line->used_us = loop_now_us(desk->loop);
		if (queue->first->plan == NULL) {
			pg_append_run(desk->append, line->link, take_appends(desk));
		} else {
			struct store_call *call = desk_next(desk, PG_LINE_WRITE);
			pg_talk_start(line, call, call->plan);
		}
	}
}

static void dispatch_slow(struct pg_desk *desk)
{
	struct pg_line *line = &desk->lines[PG_LINE_SLOW];
	const struct pg_queue *queue = &desk->queues[PG_LINE_SLOW];

	while (queue->first != NULL) {
		pg_line_want(line);
		if (line->state != PG_LINE_UP || line->talk_count > 0) {
			return;
		}
		struct store_call *call = desk_next(desk, PG_LINE_SLOW);
		pg_talk_start(line, call, call->plan);
	}
}

/* The reading link with the least under way, or NULL where none is up. */
static struct pg_line *least_busy(struct pg_desk *desk)
{
	struct pg_line *best = NULL;

	for (unsigned i = FIRST_READ; i < desk->line_count; i++) {
		struct pg_line *line = &desk->lines[i];
		if (line->state == PG_LINE_UP &&
			(best == NULL || line->talk_count < best->talk_count)) {
			best = line;
		}
	}
	return best;
}

static void want_another(struct pg_desk *desk)
{
	for (unsigned i = FIRST_READ; i < desk->line_count; i++) {
		if (desk->lines[i].state == PG_LINE_OPENING) {
			return; /* one at a time */
		}
		if (desk->lines[i].state == PG_LINE_OFF) {
			pg_line_want(&desk->lines[i]);
			return;
		}
	}
}

static void dispatch_read(struct pg_desk *desk)
{
	const struct pg_queue *queue = &desk->queues[PG_LINE_READ];

	while (queue->first != NULL) {
		struct pg_line *line = least_busy(desk);
		if (line == NULL || line->talk_count >= SPREAD) {
			want_another(desk);
		}
		if (line == NULL || line->talk_count >= READS_MAX) {
			return;
		}
		struct store_call *call = desk_next(desk, PG_LINE_READ);
		pg_talk_start(line, call, call->plan);
	}
}

static void desk_dispatch(void *ctx)
{
	struct pg_desk *desk = ctx;

	dispatch_write(desk);
	dispatch_read(desk);
	dispatch_slow(desk);
}

void pg_desk_wake(struct pg_desk *desk)
{
	if (!desk->stopped) {
		loop_defer(desk->loop, &desk->dispatch, LOOP_GATHER);
	}
}

/* ---- what cannot be done ---- */

static bool promised(const struct pg_desk *desk, enum pg_line_kind kind)
{
	for (unsigned i = 0; i < desk->line_count; i++) {
		const struct pg_line *line = &desk->lines[i];
		if (line->kind == kind && (pg_line_promises(line) || (line->state == PG_LINE_OFF &&
									     i <= FIRST_READ))) {
			return true;
		}
	}
	return false;
}

static void fail_queue(struct pg_desk *desk, enum pg_line_kind kind, const char *why)
{
	struct pg_queue failed = desk->queues[kind];

	desk->queues[kind] = (struct pg_queue){0};
	for (struct store_call *call = failed.first; call != NULL; call = call->next) {
		desk->waiting -= weight_of(call);
		call->err = ERR_UNAVAILABLE;
		call->why = arena_strdup(call->arena, why);
	}
	answer_list(desk, failed.first);
}

void pg_desk_line_failed(struct pg_desk *desk, enum pg_line_kind kind, const char *why)
{
	if (!promised(desk, kind)) {
		fail_queue(desk, kind, why);
	}
}

/* ---- taking ---- */

int pg_desk_take(
	struct pg_desk *desk, struct store_call *call, const struct pg_work *plan, size_t weight)
{
	enum pg_line_kind kind = kind_of(plan);

	call->err = 0;
	call->why = NULL;
	call->tries = 0;
	if (desk->stopped || !promised(desk, kind)) {
		return ERR_UNAVAILABLE;
	}
	if (desk->waiting > 0 && desk->waiting + weight > desk->root->max_queued) {
		return ERR_BUSY;
	}
	call->plan = plan;
	queue_append(&desk->queues[kind], call);
	desk->waiting += weight;
	pg_line_want(&desk->lines[kind == PG_LINE_READ ? FIRST_READ : (unsigned)kind]);
	pg_desk_wake(desk);
	return 0;
}

void pg_desk_return(struct pg_desk *desk, struct store_call *call, const struct pg_work *plan)
{
	enum pg_line_kind kind = kind_of(plan);
	struct pg_queue *queue = &desk->queues[kind];

	if (!promised(desk, kind)) {
		call->err = ERR_UNAVAILABLE;
		pg_desk_answer(desk, call);
		return;
	}
	call->next = queue->first;
	queue->first = call;
	if (queue->last == NULL) {
		queue->last = call;
	}
	desk->waiting++;
	pg_desk_wake(desk);
}

/* ---- the whole ---- */

static void desk_tidy(void *ctx)
{
	struct pg_desk *desk = ctx;
	uint64_t now = loop_now_us(desk->loop);

	for (unsigned i = 0; i < desk->line_count; i++) {
		struct pg_line *line = &desk->lines[i];
		bool often = i == PG_LINE_WRITE || i == FIRST_READ;
		bool idle = line->state == PG_LINE_UP && line->talk_count == 0;
		if (!often && idle && now - line->used_us > REST_US) {
			pg_line_rest(line);
		}
	}
	loop_timer_set(desk->tidy, TIDY_US);
}

int pg_desk_attach(struct store *base, struct loop *loop, struct store **ret_store)
{
	struct pg_store *root = CONTAINER_OF(base, struct pg_store, base);
	struct pg_desk *desk = mem_zalloc(sizeof(*desk));

	desk->base = root->base;
	desk->base.ops = &pg_desk_ops;
	desk->root = root;
	desk->loop = loop;
	desk->line_count = root->links_max;
	for (unsigned i = 0; i < desk->line_count; i++) {
		pg_line_init(&desk->lines[i], desk,
			i < FIRST_READ ? (enum pg_line_kind)i : PG_LINE_READ);
	}
	desk->append = pg_append_create(&desk->base, on_appended, desk);
	desk->watch = pg_watch_create();
	loop_defer_init(&desk->dispatch, desk_dispatch, desk);
	desk->tidy = loop_timer_create(loop, desk_tidy, desk);
	loop_timer_set(desk->tidy, TIDY_US);
	desk->next = root->desks;
	root->desks = desk;
	pg_line_want(&desk->lines[PG_LINE_WRITE]);
	pg_line_want(&desk->lines[FIRST_READ]);
	*ret_store = &desk->base;
	return 0;
}

static bool is_busy(const struct pg_desk *desk)
{
	bool busy = pg_append_running(desk->append) || desk->waiting > 0;

	for (unsigned i = 0; i < desk->line_count; i++) {
		busy = busy || desk->lines[i].talk_count > 0;
	}
	return busy;
}

static bool all_away(const struct pg_desk *desk)
{
	for (unsigned i = 0; i < desk->line_count; i++) {
		if (desk->lines[i].state == PG_LINE_UP || desk->lines[i].state == PG_LINE_OPENING) {
			return false;
		}
	}
	return true;
}

/* Without the loop, which does not run any more: what was accepted is finished. */
static void desk_stop(struct pg_desk *desk, uint64_t until)
{
	desk->stopped = true;
	loop_defer_cancel(&desk->dispatch);
	while (is_busy(desk) && !all_away(desk) && clock_mono_us(&clock_system) < until) {
		desk_dispatch(desk);
		for (unsigned i = 0; i < desk->line_count; i++) {
			if (pg_link_state(desk->lines[i].link) != PG_LINK_CLOSED) {
				pg_link_pump(desk->lines[i].link, STOP_PUMP_MS);
			}
		}
	}
	for (unsigned i = 0; i < desk->line_count; i++) {
		pg_line_rest(&desk->lines[i]); /* what is left is answered */
	}
	for (unsigned kind = 0; kind < PG_LINE_KIND_COUNT; kind++) {
		fail_queue(desk, kind, "chatd is ending");
	}
}

/* What is under way on a database that is another one by now is not waited for. */
static uint64_t stop_until(const struct pg_store *root)
{
	return clock_mono_us(&clock_system) + (atomic_load(&root->anew) ? 0 : STOP_US);
}

void pg_desks_stop(struct pg_store *root)
{
	uint64_t until = stop_until(root);

	for (struct pg_desk *desk = root->desks; desk != NULL; desk = desk->next) {
		if (!desk->stopped) {
			desk_stop(desk, until);
		}
	}
}

void pg_desk_close(struct store *base)
{
	struct pg_desk *desk = CONTAINER_OF(base, struct pg_desk, base);
	struct pg_desk **at = &desk->root->desks;

	if (!desk->stopped) {
		desk_stop(desk, stop_until(desk->root));
	}
	while (*at != desk) {
		at = &(*at)->next;
	}
	*at = desk->next;
	for (unsigned i = 0; i < desk->line_count; i++) {
		pg_line_finish(&desk->lines[i]);
	}
	pg_append_destroy(&desk->append);
	pg_watch_destroy(&desk->watch);
	loop_timer_destroy(&desk->tidy);
	free(desk);
}
