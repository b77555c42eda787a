/* Messages that go for good: the oldest of a room. Numbers have no holes, so that how many lie
 * between two of them is known without reading them. */
#include "lib/base/err.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

/* How many messages one statement of a count by time looks at. */
enum { COUNT_AT_ONCE = 20000 };

/* What PostgreSQL and pg_param_time() can tell: years 1 to 294246. */
#define TIME_MIN_MS INT64_C(-62135596800000)
#define TIME_MAX_MS INT64_C(9223372036854000)

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int64_t time_in_range(int64_t ms)
{
	if (ms < TIME_MIN_MS) {
		return TIME_MIN_MS;
	}
	return ms > TIME_MAX_MS ? TIME_MAX_MS : ms;
}

static void add_bounds(struct pg_talk *talk, const struct store_purge *req)
{
	struct pg_params params = {0};

	pg_param_id(&params, &req->room);
	pg_talk_add(talk, PG_SQL_PURGE_BOUNDS, &params);
}

static void add_walk(
	struct pg_talk *talk, const struct store_purge *req, uint64_t first, uint32_t count)
{
	struct pg_params params = {0};

	pg_param_id(&params, &req->room);
	pg_param_int(&params, (int64_t)first);
	pg_param_time(&params, time_in_range(req->before_ms));
	pg_param_int(&params, count);
	pg_talk_add(talk, PG_SQL_PURGE_WALK, &params);
}

/* Of the first statement; *ret_first is one behind the last where no message is left. */
static int read_bounds(const struct pg_talk *talk, uint64_t *ret_first, uint64_t *ret_last)
{
	const struct pg_result *result = pg_talk_result(talk, 0);

	if (pg_rows(result) == 0) {
		return ERR_NOT_FOUND;
	}
	*ret_last = (uint64_t)pg_int(result, 0, 0);
	*ret_first = pg_is_null(result, 0, 1) ? *ret_last + 1 : (uint64_t)pg_int(result, 0, 1);
	return 0;
}

/* Of the second: the first message that is not so old, or, where all that were looked at are, the
 * one behind them, or first where there were none. true: there is one that is not so old. */
static bool read_walk(const struct pg_talk *talk, uint64_t first, uint64_t *ret_end)
{
	const struct pg_result *result = pg_talk_result(talk, 1);
	bool stopped = !pg_is_null(result, 0, 0);

	*ret_end = first;
	if (stopped) {
		*ret_end = (uint64_t)pg_int(result, 0, 0);
	} else if (!pg_is_null(result, 0, 1)) {
		*ret_end = (uint64_t)pg_int(result, 0, 1) + 1;
	}
	return stopped;
}

/* ---- purge ---- */

struct purge {
	uint64_t end; /* the first message that stays */
	uint64_t purged;
	bool more;
};

/* One more than may go is looked at: whether there is more. */
static int purge_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);

	add_bounds(talk, req);
	if (req->before_seq == 0) {
		add_walk(talk, req, 0, req->limit + 1);
	}
	return PG_ON;
}

static int purge_end(const struct pg_talk *talk, const struct store_purge *req, uint64_t *ret_first)
{
	struct purge *state = pg_talk_state(talk);
	uint64_t last, wanted;
	int err = read_bounds(talk, ret_first, &last);

	if (err != 0) {
		return err;
	}
	if (req->before_seq != 0) {
		wanted = lower(req->before_seq, last + 1);
	} else {
		read_walk(talk, *ret_first, &wanted);
	}
	wanted = wanted > *ret_first ? wanted : *ret_first;
	state->end = lower(wanted, *ret_first + req->limit);
	state->more = wanted > state->end;
	return 0;
}

static int purge_tell(struct pg_talk *talk, struct store_call *call)
{
	struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);
	const struct purge *state = pg_talk_state(talk);

	req->purged = state->purged;
	req->first_kept_seq = state->end;
	req->more = state->more;
	return PG_DONE;
}

static int purge_remove(struct pg_talk *talk, struct store_call *call)
{
	const struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);
	const struct purge *state = pg_talk_state(talk);
	struct pg_params params = {0};
	uint64_t first;
	int err = purge_end(talk, req, &first);

	if (err != 0) {
		return err;
	}
	if (state->end == first) {
		return purge_tell(talk, call);
	}
	pg_param_id(&params, &req->room);
	pg_param_int(&params, (int64_t)state->end);
	pg_talk_add(talk, PG_SQL_PURGE, &params);
	return PG_ON;
}

/* Another instance may have removed some of them. The room's row is locked last, so that sends
 * wait as short as can be. */
static int purge_count(struct pg_talk *talk, struct store_call *call)
{
	const struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);
	struct purge *state = pg_talk_state(talk);
	struct pg_params params = {0};

	state->purged = pg_touched(pg_talk_result(talk, 0));
	if (state->purged > 0) {
		pg_param_id(&params, &req->room);
		pg_param_int(&params, (int64_t)state->purged);
		pg_talk_add(talk, PG_SQL_PURGED, &params);
	}
	return PG_COMMIT;
}

static const pg_step_fn purge_steps[] = {purge_ask, purge_remove, purge_count, purge_tell, NULL};
const struct pg_work pg_purge_work = {PG_SLOW, purge_steps, sizeof(struct purge)};

/* ---- only counted ---- */

struct count {
	uint64_t from; /* where the next statement begins; 0: at the first message */
	uint64_t counted;
};

static int count_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);
	const struct count *state = pg_talk_state(talk);

	add_bounds(talk, req);
	if (req->before_seq == 0) {
		add_walk(talk, req, state->from, COUNT_AT_ONCE);
	}
	return PG_ON;
}

static int tell_count(struct store_purge *req, uint64_t counted, uint64_t end)
{
	req->purged = counted;
	req->first_kept_seq = end;
	req->more = false;
	return PG_DONE;
}

/* By time it takes several turns: messages may be removed meanwhile. */
static int count_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);
	struct count *state = pg_talk_state(talk);
	uint64_t first, last, end;
	int err = read_bounds(talk, &first, &last);

	if (err != 0) {
		return err;
	}
	if (req->before_seq != 0) {
		end = lower(req->before_seq, last + 1);
		end = end > first ? end : first;
		return tell_count(req, end - first, end);
	}
	first = state->from > first ? state->from : first;
	bool stopped = read_walk(talk, first, &end);
	end = end > first ? end : first;
	state->counted += end - first;
	if (stopped || end > last || end == first) {
		return tell_count(req, state->counted, end);
	}
	state->from = end;
	(void)count_ask(talk, call);
	return PG_STAY;
}

static const pg_step_fn count_steps[] = {count_ask, count_read, NULL};
const struct pg_work pg_purge_plan_work = {PG_SLOW_READ, count_steps, sizeof(struct count)};
