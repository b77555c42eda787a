#include "lib/store/pg_append.h"

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/store/pg_append_parts.h"

#define DEADLINE_US 5000000

/* How often, in one run, a batch that met another transaction is sent once more as it is. Then its
 * rooms go one by one. */
enum { AGAIN_MAX = 3 };
/* A run in which so many rooms stay locked, or so many rows meet a fault that is not their own,
 * ends: it is not about the room or the row at all. */
enum { LOCKED_MAX = 3, STRANGE_MAX = 8 };
/* Without an answer so often, the last time with its room locked. */
enum { MISSES_MAX = 3 };

struct pg_append {
	void (*done)(void *ctx, struct store_call *list);
	void *ctx;
	struct pg_picker *picker;
	struct pg_batch_writer *writer;
	/* the run; list is NULL between runs */
	struct store_call *list;
	struct pg_link *link;
	struct append_ref *refs; /* all items of the calls, in their order */
	size_t ref_count, ref_cap;
	size_t first; /* all before it are answered */
	struct pg_batch batch; /* under way */
	struct pg_exchange exchange;
	struct pg_pick_bounds bounds; /* of the next batch */
	bool careful; /* the next batch locks its rooms first */
	bool waited; /* in vain for a lock, in this run */
	size_t suspects; /* how many of the next ones have the fault among them */
	unsigned again, locked, strange; /* counted up to the bounds above */
	struct buf why; /* of the first row that failed */
};

static void on_exchange(struct pg_exchange *exchange);

/* ---- the end of a run ---- */

static const char *why_of(struct store_call *call, const char *why)
{
	if (why == NULL || why[0] == '\0') {
		return NULL;
	}
	return call->arena != NULL ? arena_strdup(call->arena, why) : "PostgreSQL failed";
}

/* err: of what was not done. What the call is answered with. */
static int call_end(struct append_ref *refs, size_t count, int err)
{
	bool sent = false, waiting = false, answered = false;

	for (size_t i = 0; i < count; i++) {
		sent = sent || refs[i].state == REF_SENT;
		waiting = waiting || refs[i].state == REF_WAITING;
		answered = answered || refs[i].state == REF_ANSWERED;
	}
	int call_err = sent ? ERR_UNCERTAIN : waiting && !answered ? err : 0;
	for (size_t i = 0; i < count; i++) {
		if (refs[i].state != REF_ANSWERED) {
			refs[i].item->outcome = APPEND_FAILED;
			refs[i].item->err = sent ? ERR_UNCERTAIN : err;
		}
	}
	return call_err;
}

static bool has_failed(const struct store_append *req)
{
	for (size_t i = 0; i < req->count; i++) {
		if (req->items[i].outcome == APPEND_FAILED) {
			return true;
		}
	}
	return false;
}

/* err: 0 where all refs are answered. why: of err, or NULL. */
static void finish(struct pg_append *append, int err, const char *why)
{
	struct store_call *list = append->list;
	struct append_ref *refs = append->refs;

	for (struct store_call *call = list; call != NULL; call = call->next) {
		const struct store_append *req = CONTAINER_OF(call, struct store_append, call);
		call->err = req->count > 0 ? call_end(refs, req->count, err) : err;
		call->why = NULL;
		if (call->err != 0 || has_failed(req)) {
			call->why = why_of(call, why != NULL ? why : buf_cstr(&append->why));
		}
		refs += req->count;
	}
	append->list = NULL;
	append->link = NULL;
	append->done(append->ctx, list);
}

/* ---- batches ---- */

static void send_batch(struct pg_append *append)
{
	struct pg_batch *batch = &append->batch;

	/* Changes and imports judge by more than what is checked again under the lock. */
	batch->careful = append->careful || batch->impatient || batch->kind != PG_BATCH_PLAIN;
	batch->hurried = append->waited || batch->impatient;
	for (size_t i = 0; i < batch->count; i++) {
		batch->refs[i]->state = REF_SENT;
	}
	pg_link_begin(append->link, &append->exchange, DEADLINE_US, on_exchange);
	pg_batch_write(append->writer, append->link, batch);
	pg_link_end(append->link);
}

static void go_on(struct pg_append *append)
{
	while (append->first < append->ref_count &&
		append->refs[append->first].state == REF_ANSWERED) {
		append->first++;
	}
	if (append->first == append->ref_count) {
		finish(append, 0, NULL);
		return;
	}
	if (!pg_link_ready(append->link)) {
		finish(append, ERR_UNAVAILABLE, "the connection was lost");
		return;
	}
	pg_pick(append->picker, append->refs + append->first, append->ref_count - append->first,
		&append->bounds, &append->batch);
	send_batch(append);
}

/* What was sent had no effect. */
static void take_back(struct pg_append *append)
{
	for (size_t i = 0; i < append->batch.count; i++) {
		append->batch.refs[i]->state = REF_WAITING;
	}
}

/* The next batches: how many of them have a fault among them. */
static void suspect(struct pg_append *append, size_t count)
{
	append->suspects = count;
	append->bounds.count = count > 1 ? count / 2 : count == 1 ? 1 : PG_BATCH_MAX;
	if (count == 0) {
		append->bounds.one_room = false;
	}
}

/* The first so many of those suspected are through. */
static void absolve(struct pg_append *append, size_t count)
{
	size_t left = append->suspects > count ? append->suspects - count : 0;

	if (append->bounds.one_room && left > 0) {
		append->suspects = left;
		return;
	}
	suspect(append, left);
}

/* ---- rows that fail ---- */

static void fail_ref(struct pg_append *append, struct append_ref *ref)
{
	const struct pg_exchange *exchange = &append->exchange;

	ref->state = REF_ANSWERED;
	ref->item->outcome = APPEND_FAILED;
	/* A double that is still there under the locks is no race: rows contradict others. */
	ref->item->err = exchange->fault == PG_TWICE ? ERR_CORRUPT : pg_fault_err(exchange->fault);
	if (append->why.len == 0 && exchange->why != NULL) {
		buf_append_str(&append->why, exchange->why);
	}
}

/* What may be tried again is not overtaken by what was sent after it. */
static void fail_room(struct pg_append *append, const struct append_ref *first)
{
	for (size_t i = append->first; i < append->ref_count; i++) {
		struct append_ref *ref = &append->refs[i];
		if (ref->state == REF_WAITING && uuid_eq(&ref->item->room, &first->item->room)) {
			fail_ref(append, ref);
		}
	}
}

/* ---- rooms that stay locked ---- */

static void stuck_add(struct pg_stuck *stuck, const struct uuid *room)
{
	if (stuck->count < PG_STUCK_MAX) {
		stuck->rooms[stuck->count++] = *room;
	}
}

static void stuck_remove(struct pg_stuck *stuck, const struct uuid *room)
{
	for (size_t i = 0; i < stuck->count; i++) {
		if (uuid_eq(&stuck->rooms[i], room)) {
			stuck->rooms[i] = stuck->rooms[--stuck->count];
			return;
		}
	}
}

/* ---- what comes back ---- */

static void on_answered(struct pg_append *append)
{
	const struct pg_batch *batch = &append->batch;
	size_t missed = 0;

	pg_batch_read(batch, &append->exchange);
	if (batch->impatient) {
		stuck_remove(&append->bounds.stuck, &batch->refs[0]->item->room);
	}
	for (size_t i = 0; i < batch->count; i++) {
		struct append_ref *ref = batch->refs[i];
		if (ref->state == REF_ANSWERED) {
			continue;
		}
		ref->state = REF_WAITING;
		ref->misses++;
		missed++;
		if (ref->misses == MISSES_MAX) {
			ref->state = REF_ANSWERED;
			ref->item->outcome = APPEND_NOT_MEMBER;
		}
	}
	append->careful = missed > 0;
	absolve(append, batch->count - missed);
	go_on(append);
}

static void end_run(struct pg_append *append)
{
	take_back(append);
	finish(append, pg_fault_err(append->exchange.fault), append->exchange.why);
}

/* Nobody knows whether it was stored. */
static void on_lost(struct pg_append *append)
{
	finish(append, ERR_UNAVAILABLE, append->exchange.why);
}

/* By half until the row stands alone; own: it is the row's own fault, and others can pass it. */
static void on_bad_row(struct pg_append *append, bool own)
{
	size_t count = append->batch.count;

	if (count == 0 || (!own && append->strange == STRANGE_MAX)) {
		end_run(append);
		return;
	}
	take_back(append);
	if (count > 1) {
		suspect(append, count);
		go_on(append);
		return;
	}
	append->strange += own ? 0 : 1;
	fail_ref(append, append->batch.refs[0]);
	if (!own) {
		fail_room(append, append->batch.refs[0]);
	}
	suspect(append, 0);
	go_on(append);
}

/* A repeat was committed by somebody else meanwhile, and is seen the next time. */
static void on_twice(struct pg_append *append)
{
	if (append->batch.careful) {
		on_bad_row(append, true);
		return;
	}
	take_back(append);
	append->careful = true;
	go_on(append);
}

/* The one room of the batch stays locked. */
static void on_locked(struct pg_append *append, bool timed_out)
{
	const struct append_ref *first = append->batch.refs[0];

	if (!append->batch.impatient) {
		append->locked++;
		if (timed_out) {
			stuck_add(&append->bounds.stuck, &first->item->room);
		}
	}
	fail_room(append, first);
	absolve(append, append->batch.count);
	go_on(append);
}

/* Somebody else's lock. Who waited in vain for one does so for none again in this run, nor for that
 * room as long as it is locked: everybody waits with him. */
static void on_met(struct pg_append *append)
{
	const struct pg_batch *batch = &append->batch;
	bool timed_out = strcmp(append->exchange.sqlstate, "55P03") == 0;

	if (batch->count == 0 || (!batch->impatient && append->locked == LOCKED_MAX)) {
		end_run(append);
		return;
	}
	take_back(append);
	append->careful = true;
	append->waited = append->waited || (timed_out && !batch->impatient);
	if (!timed_out && ++append->again <= AGAIN_MAX) {
		go_on(append);
		return;
	}
	if (append->bounds.one_room || batch->impatient) {
		on_locked(append, timed_out);
		return;
	}
	append->bounds.one_room = true;
	append->bounds.count = PG_BATCH_MAX;
	append->suspects = batch->count;
	go_on(append);
}

static void on_exchange(struct pg_exchange *exchange)
{
	struct pg_append *append = CONTAINER_OF(exchange, struct pg_append, exchange);

	switch (exchange->fault) {
	case PG_OK:
		on_answered(append);
		break;
	case PG_LOST:
		on_lost(append);
		break;
	case PG_TWICE:
		on_twice(append);
		break;
	case PG_AGAIN:
		on_met(append);
		break;
	case PG_BAD_DATA:
		on_bad_row(append, true);
		break;
	case PG_DAMAGED:
	case PG_OTHER:
		on_bad_row(append, false);
		break;
	case PG_CANCELLED:
	case PG_READ_ONLY:
	case PG_FULL:
	case PG_DENIED:
	case PG_SCHEMA:
		end_run(append);
		break;
	}
}

/* ---- the whole ---- */

static void collect(struct pg_append *append)
{
	size_t count = 0;

	for (struct store_call *call = append->list; call != NULL; call = call->next) {
		count += CONTAINER_OF(call, struct store_append, call)->count;
	}
	if (count > append->ref_cap) {
		append->refs = mem_realloc(append->refs, count * sizeof(*append->refs));
		append->ref_cap = count;
	}
	append->first = append->ref_count = 0;
	for (struct store_call *call = append->list; call != NULL; call = call->next) {
		const struct store_append *req = CONTAINER_OF(call, struct store_append, call);
		for (size_t i = 0; i < req->count; i++) {
			append->refs[append->ref_count++] =
				(struct append_ref){.item = &req->items[i]};
		}
	}
}

void pg_append_run(struct pg_append *append, struct pg_link *link, struct store_call *list)
{
	append->list = list;
	append->link = link;
	append->bounds.count = PG_BATCH_MAX;
	append->bounds.one_room = false;
	append->careful = append->waited = false;
	append->suspects = 0;
	append->again = append->locked = append->strange = 0;
	buf_clear(&append->why);
	collect(append);
	/* Where there are no items an empty statement is sent: nothing is answered in here. */
	pg_pick(append->picker, append->refs, append->ref_count, &append->bounds, &append->batch);
	send_batch(append);
}

bool pg_append_running(const struct pg_append *append)
{
	return append->list != NULL;
}

struct pg_append *pg_append_create(
	const struct store *store, void (*done)(void *ctx, struct store_call *list), void *ctx)
{
	struct pg_append *append = mem_zalloc(sizeof(*append));

	append->done = done;
	append->ctx = ctx;
	append->picker = pg_picker_create();
	append->writer = pg_batch_writer_create(store);
	return append;
}

void pg_append_destroy(struct pg_append **append)
{
	struct pg_append *gone = *append;

	*append = NULL;
	if (gone == NULL) {
		return;
	}
	pg_picker_destroy(&gone->picker);
	pg_batch_writer_destroy(&gone->writer);
	buf_finish(&gone->why);
	free(gone->refs);
	free(gone);
}
