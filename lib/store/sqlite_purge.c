/* Messages that go for good: the oldest of a room, and those of deleted rooms. Numbers have no
 * holes, so that how many lie between two of them is known without reading them. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

/* How many messages a count by time looks at before others get their turn. */
enum { COUNT_AT_ONCE = 10000 };

/* Both numbers of SQL_PAGE_HEAD; *ret_first is one behind the last where no message is left. */
static int read_bounds(
	struct sqlite *db, const struct uuid *room, uint64_t *ret_first, uint64_t *ret_last)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_PAGE_HEAD);

	sqlite_bind_id(stmt, 1, room);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err == 0 ? ERR_NOT_FOUND : err;
	}
	uint64_t first = (uint64_t)sqlite_int(stmt, 1);
	*ret_last = (uint64_t)sqlite_int(stmt, 0);
	*ret_first = first != 0 ? first : *ret_last + 1;
	sqlite_end(stmt);
	return 0;
}

static int remove_below(
	struct sqlite *db, const struct uuid *room, uint64_t seq, uint64_t *ret_removed)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_PURGE);
	int64_t removed = 0;

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_int(stmt, 2, (int64_t)seq);
	int err = sqlite_run(stmt, &removed);
	*ret_removed = (uint64_t)removed;
	return err;
}

/* ---- where it ends ---- */

/* The first of at most limit messages from first on that is not so old; *ret_stopped: there is one.
 */
static int walk_by_time(struct sqlite *db, const struct store_purge *req, uint64_t first,
	uint64_t limit, uint64_t *ret_end, bool *ret_stopped)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_PURGE_WALK);
	uint64_t end = first;
	int err;

	*ret_stopped = false;
	sqlite_bind_id(stmt, 1, &req->room);
	sqlite_bind_int(stmt, 2, (int64_t)first);
	sqlite_bind_int(stmt, 3, (int64_t)limit);
	while ((err = sqlite_step(stmt)) == 1) {
		if (sqlite_int(stmt, 1) >= req->before_ms) {
			*ret_stopped = true;
			break;
		}
		end = (uint64_t)sqlite_int(stmt, 0) + 1;
	}
	sqlite_end(stmt);
	*ret_end = end;
	return err < 0 ? err : 0;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* *ret_end: the first message of a room that stays; at most limit are below it. *ret_more: that is
 * because of the limit alone. */
static int find_end(struct sqlite *db, const struct store_purge *req, uint64_t first, uint64_t last,
	uint64_t *ret_end, bool *ret_more)
{
	bool stopped;

	if (req->before_seq != 0) {
		uint64_t wanted = lower(req->before_seq, last + 1);
		uint64_t end = lower(wanted, first + req->limit);
		*ret_end = end > first ? end : first;
		*ret_more = wanted > *ret_end;
		return 0;
	}
	int err = walk_by_time(db, req, first, req->limit, ret_end, &stopped);
	if (err != 0 || stopped || *ret_end > last) {
		*ret_more = false;
		return err;
	}
	uint64_t next;
	err = walk_by_time(db, req, *ret_end, 1, &next, &stopped);
	*ret_more = next > *ret_end;
	return err;
}

/* ---- purge ---- */

static int purge(struct sqlite *db, struct store_purge *req)
{
	uint64_t first, last, end;
	int err = read_bounds(db, &req->room, &first, &last);

	if (err == 0) {
		err = find_end(db, req, first, last, &end, &req->more);
	}
	if (err == 0) {
		req->first_kept_seq = end;
		err = remove_below(db, &req->room, end, &req->purged);
	}
	if (err != 0 || req->purged == 0) {
		return err;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_PURGED);
	sqlite_bind_id(stmt, 1, &req->room);
	sqlite_bind_int(stmt, 2, (int64_t)req->purged);
	return sqlite_run(stmt, NULL);
}

void sqlite_purge_work(struct store_call *call, void *connection)
{
	struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);

	call->err = purge(((struct sqlite_connection *)connection)->db, req);
}

/* Of a count the call itself says where it goes on. */
static int count_on(struct sqlite *db, struct store_purge *req)
{
	uint64_t first, last, end;
	bool stopped;
	int err = read_bounds(db, &req->room, &first, &last);

	if (err != 0) {
		return err;
	}
	req->more = false;
	if (req->before_seq != 0) {
		end = lower(req->before_seq, last + 1);
		req->purged = end > first ? end - first : 0;
		req->first_kept_seq = first + req->purged;
		return 0;
	}
	first = req->first_kept_seq > first ? req->first_kept_seq : first;
	err = walk_by_time(db, req, first, COUNT_AT_ONCE, &end, &stopped);
	if (err != 0) {
		return err;
	}
	req->purged += end - first;
	req->first_kept_seq = end;
	return stopped || end > last ? 0 : SQLITE_GO_ON;
}

void sqlite_purge_plan_work(struct store_call *call, void *connection)
{
	struct store_purge *req = CONTAINER_OF(call, struct store_purge, call);

	call->err = count_on(((struct sqlite_connection *)connection)->db, req);
}

/* ---- deleted rooms ---- */

/* 1: there is one; 0: none. */
static int first_dead(struct sqlite *db, struct uuid *ret_room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_DEAD_FIRST);
	int err = sqlite_step(stmt);

	if (err == 1) {
		sqlite_id(stmt, 0, ret_room);
		sqlite_end(stmt);
	}
	return err;
}

/* *ret_first: 0 where none is left. */
static int first_message(struct sqlite *db, const struct uuid *room, uint64_t *ret_first)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MESSAGE_FIRST);

	sqlite_bind_id(stmt, 1, room);
	int err = sqlite_step(stmt);
	*ret_first = err == 1 ? (uint64_t)sqlite_int(stmt, 0) : 0;
	sqlite_end(stmt);
	return err < 0 ? err : 0;
}

static int drop_dead(struct sqlite *db, const struct uuid *room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_DEAD_DROP);

	sqlite_bind_id(stmt, 1, room);
	return sqlite_run(stmt, NULL);
}

/* An empty room counts as one message, so that many of them are no long work either. */
static int sweep_room(
	struct sqlite *db, const struct uuid *room, uint64_t limit, uint64_t *ret_done)
{
	uint64_t first, removed = 0;
	int err = first_message(db, room, &first);

	if (err == 0 && first != 0) {
		err = remove_below(db, room, first + limit, &removed);
	}
	if (err == 0) {
		err = first_message(db, room, &first);
	}
	if (err == 0 && first == 0) {
		err = drop_dead(db, room);
	}
	*ret_done = removed + (first == 0 ? 1 : 0);
	return err;
}

static int sweep(struct sqlite *db, struct store_room_sweep *req)
{
	uint64_t left = req->limit;
	struct uuid room;
	int err = first_dead(db, &room);

	while (err == 1 && left > 0) {
		uint64_t done;
		err = sweep_room(db, &room, left, &done);
		left -= lower(done, left);
		err = err == 0 ? first_dead(db, &room) : err;
	}
	req->more = err == 1;
	return err < 0 ? err : 0;
}

void sqlite_room_sweep_work(struct store_call *call, void *connection)
{
	struct store_room_sweep *req = CONTAINER_OF(call, struct store_room_sweep, call);

	call->err = sweep(((struct sqlite_connection *)connection)->db, req);
}
