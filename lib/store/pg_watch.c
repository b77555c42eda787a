/* What other instances changed. They write rows of the table changes in the transactions of their
 * changes; the numbers of these rows and of transactions can be seen out of order, because
 * transactions that began earlier may end later. So a place in this table is a moment as PostgreSQL
 * tells it: its snapshot. What was not seen at one moment is
 *
 *     xid > the highest one that was there, or xid among the transactions that were open,
 *
 * and what is seen then has all come in between: each change once, and none is left out however
 * long its transaction takes. (The snapshot's own upper bound is not used instead of the highest
 * xid: numbers of transactions that left nothing behind may be given again after the server
 * crashed.)
 *
 * Pages of one moment go on by the number of the row, which is given under the lock of the room: so
 * the order within a room is that of its transactions. */
#include "lib/store/pg_watch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/pg_talk.h"

/* Rows of one answer, and answers after which it is simpler to look at everything. */
#define PAGE 1000
#define PAGES_MAX 100
/* Rows are kept for an hour: who has not asked for half of it might miss some. */
#define LOST_US UINT64_C(1800000000)
#define CLEAN_US UINT64_C(60000000)
#define CLEAN_ROWS 10000

/* Columns of the first row. */
enum { AT_NO = 3, AT_HIGH, AT_SNAPSHOT, AT_EPOCH_NO, AT_EPOCH, AT_TIMELINE };

/* No transaction was open, and none is in it. */
#define NO_SNAPSHOT "1:1:"

struct moment {
	int64_t high; /* the highest xid in the table */
	struct buf snapshot; /* as text: says which transactions were open */
};

struct pg_watch {
	struct moment seen; /* all changes that were there then were told */
	uint64_t asked_us; /* when that was; 0: nothing was ever asked */
	char timeline[9]; /* of the server: another one may have forgotten transactions */
	/* Pages of one moment, where it has more than one. */
	struct moment until;
	unsigned pages; /* that were told of it; 0: none */
	int64_t after_no;
	/* Rows up to this one are a minute old at least, by our clock: nobody else who asks each
	 * second needs them, whatever the clock of the database says. */
	int64_t clean_high;
	int64_t next_high; /* the same for the next time */
	uint64_t next_us; /* when that is */
	bool clean_more;
};

struct pg_watch *pg_watch_create(void)
{
	return mem_zalloc(sizeof(struct pg_watch));
}

void pg_watch_destroy(struct pg_watch **watch)
{
	if (*watch != NULL) {
		buf_finish(&(*watch)->seen.snapshot);
		buf_finish(&(*watch)->until.snapshot);
		free(*watch);
		*watch = NULL;
	}
}

/* ---- removing what is old ---- */

struct talk {
	bool cleans;
};

static bool clean_is_due(struct pg_watch *watch, uint64_t now)
{
	if (watch->asked_us == 0 || now < watch->next_us) {
		return watch->clean_more;
	}
	watch->clean_high = watch->next_high;
	watch->next_high = watch->seen.high;
	watch->next_us = now + CLEAN_US;
	return watch->clean_high > 0;
}

/* The first step: where the link is lost behind it, it does no harm twice. */
static int clean(struct pg_talk *talk, struct store_call *call)
{
	struct pg_watch *watch = pg_talk_watch(talk);
	struct talk *state = pg_talk_state(talk);
	struct pg_params params = {.count = 0};

	(void)call;
	state->cleans = clean_is_due(watch, clock_mono_us(pg_talk_clock(talk)));
	if (state->cleans) {
		pg_param_int(&params, watch->clean_high);
		pg_param_int(&params, CLEAN_ROWS);
		pg_talk_add(talk, PG_SQL_CHANGES_CLEAN, &params);
	}
	return PG_ON;
}

/* There may be more than it takes at a time. */
static void read_clean(struct pg_talk *talk)
{
	const struct talk *state = pg_talk_state(talk);

	if (state->cleans) {
		pg_talk_watch(talk)->clean_more = pg_touched(pg_talk_result(talk, 0)) == CLEAN_ROWS;
	}
}

/* ---- asking ---- */

static bool starts_anew(const struct pg_watch *watch, const struct store_watch *req)
{
	return req->from_now || watch->asked_us == 0;
}

static int ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_watch *req = CONTAINER_OF(call, struct store_watch, call);
	const struct pg_watch *watch = pg_talk_watch(talk);
	struct pg_params params = {.count = 0};

	read_clean(talk);
	bool anew = starts_anew(watch, req), goes_on = !anew && watch->pages > 0;

	pg_param_int(&params, watch->seen.high);
	pg_param_text(&params, anew ? bytes_str(NO_SNAPSHOT) : buf_bytes(&watch->seen.snapshot));
	pg_param_int(&params, goes_on ? watch->after_no : INT64_MIN);
	pg_param_int(&params, goes_on ? watch->until.high : INT64_MAX);
	pg_param_text(
		&params, goes_on ? buf_bytes(&watch->until.snapshot) : bytes_str(NO_SNAPSHOT));
	pg_param_int(&params, pg_talk_origin(talk));
	pg_param_int(&params, anew ? 0 : PAGE + 1);
	pg_talk_add(talk, PG_SQL_WATCH, &params);
	return PG_ON;
}

/* ---- what comes ---- */

static void moment_set(struct moment *moment, const struct pg_result *result)
{
	int64_t high = pg_int(result, 0, AT_HIGH);

	/* Where the highest row was removed as too old it is not there any more. */
	moment->high = high > moment->high ? high : moment->high;
	buf_clear(&moment->snapshot);
	buf_append_bytes(&moment->snapshot, pg_bytes(result, 0, AT_SNAPSHOT));
}

static void moment_move(struct moment *to, struct moment *from)
{
	struct buf room = to->snapshot;

	*to = *from;
	from->snapshot = room;
}

static void set_timeline(struct pg_watch *watch, struct bytes timeline)
{
	size_t len =
		timeline.len < sizeof(watch->timeline) ? timeline.len : sizeof(watch->timeline) - 1;

	memcpy(watch->timeline, timeline.ptr, len);
	watch->timeline[len] = '\0';
}

static bool is_same_epoch(const struct store *store, const struct pg_result *result)
{
	return pg_int(result, 0, AT_EPOCH_NO) == (int64_t)store->epoch_no &&
	       bytes_eq(pg_bytes(result, 0, AT_EPOCH), bytes_str(store->epoch));
}

/* Whether changes may have gone that were not told. */
static bool is_lost(const struct pg_watch *watch, const struct pg_result *result, uint64_t now)
{
	return watch->asked_us == 0 || now - watch->asked_us > LOST_US ||
	       watch->pages >= PAGES_MAX ||
	       !bytes_eq(pg_bytes(result, 0, AT_TIMELINE), bytes_str(watch->timeline));
}

/* From here on. What was before is not told. */
static void begin_here(struct pg_watch *watch, const struct pg_result *result)
{
	watch->seen.high = 0;
	moment_set(&watch->seen, result);
	watch->clean_high = watch->next_high = 0;
	watch->clean_more = false;
	watch->pages = 0;
	set_timeline(watch, pg_bytes(result, 0, AT_TIMELINE));
}

static void read_changes(const struct pg_result *result, struct store_watch *req)
{
	size_t count = pg_rows(result) - 1;

	req->more = count > PAGE;
	req->count = req->more ? PAGE : count;
	if (req->count == 0) {
		return;
	}
	req->changes = arena_alloc(req->call.arena, req->count * sizeof(*req->changes));
	for (size_t i = 0; i < req->count; i++) {
		struct store_change *change = &req->changes[i];
		change->kind = (enum store_change_kind)pg_int(result, i + 1, 0);
		pg_id(result, i + 1, 1, &change->room);
		pg_id(result, i + 1, 2, &change->user);
	}
}

static void go_on(
	struct pg_watch *watch, const struct pg_result *result, const struct store_watch *req)
{
	if (watch->pages == 0) {
		watch->until.high = watch->seen.high;
		moment_set(&watch->until, result);
	}
	if (req->more) {
		watch->pages++;
		watch->after_no = pg_int(result, req->count, AT_NO);
		return;
	}
	moment_move(&watch->seen, &watch->until);
	watch->pages = 0;
}

/* The last step: only here the place moves, so that the work may run again. */
static int tell(struct pg_talk *talk, struct store_call *call)
{
	struct store_watch *req = CONTAINER_OF(call, struct store_watch, call);
	struct pg_watch *watch = pg_talk_watch(talk);
	const struct pg_result *result = pg_talk_result(talk, 0);
	uint64_t now = clock_mono_us(pg_talk_clock(talk));

	req->changes = NULL;
	req->count = 0;
	req->more = req->lost = false;
	req->anew = !is_same_epoch(pg_talk_store(talk), result);
	if (req->anew) {
		return PG_DONE;
	}
	req->lost = !req->from_now && is_lost(watch, result, now);
	if (req->from_now || req->lost) {
		begin_here(watch, result);
	} else {
		read_changes(result, req);
		go_on(watch, result, req);
	}
	watch->asked_us = now;
	return PG_DONE;
}

static const pg_step_fn watch_steps[] = {clean, ask, tell, NULL};
const struct pg_work pg_watch_work = {PG_READ_SOON, watch_steps, sizeof(struct talk)};
