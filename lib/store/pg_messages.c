/* Messages as they are read: a page of a room, and one by its id. */
#include "lib/base/err.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

/* What a message weighs beside what its sender decided; the statements know it too. */
#define ROW_WEIGHT 512

/* In a row that tells of no message: where its numbers stand. */
enum { COLUMN_SEQ = 0, COLUMN_SENDER = 1, COLUMN_REF = 3 };

/* ---- a page ---- */

static int64_t number(uint64_t seq)
{
	return seq < INT64_MAX ? (int64_t)seq : INT64_MAX;
}

static uint64_t page_before(const struct store_page *req)
{
	return req->before_seq != 0 && req->before_seq < INT64_MAX ? req->before_seq : INT64_MAX;
}

static int page_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_page *req = CONTAINER_OF(call, struct store_page, call);
	struct pg_params params = {0};

	pg_param_id(&params, &req->room);
	pg_param_int(&params, number(req->after_seq));
	pg_param_int(&params, number(page_before(req)));
	pg_param_int(&params, req->limit);
	if (req->max_bytes != 0) {
		pg_param_int(&params, number(req->max_bytes));
	} else {
		pg_param_null(&params);
	}
	pg_talk_add(talk, req->newest ? PG_SQL_PAGE_NEWEST : PG_SQL_PAGE_OLDEST, &params);
	return PG_ON;
}

/* Rows that there would be without max_bytes: numbers have no holes. */
static size_t page_bound(const struct store_page *req)
{
	uint64_t before = page_before(req);
	uint64_t low = req->first_kept_seq, high = before - 1;

	if (req->after_seq >= low) {
		low = req->after_seq < INT64_MAX ? req->after_seq + 1 : INT64_MAX;
	}
	high = high < req->last_seq ? high : req->last_seq;
	uint64_t rows = high >= low ? high - low + 1 : 0;
	return rows < req->limit ? (size_t)rows : req->limit;
}

static size_t page_weight(const struct store_page *req)
{
	size_t weight = 0;

	for (size_t i = 0; i < req->count; i++) {
		weight += ROW_WEIGHT + req->rows[i].content.len + req->rows[i].attachment.len;
	}
	return weight;
}

/* The newest come first from the store where the old end is cut. */
static int page_rows(const struct pg_result *result, struct store_page *req)
{
	size_t count = pg_rows(result) - 1;

	req->rows = NULL;
	req->count = count;
	if (count == 0) {
		return 0;
	}
	req->rows = arena_alloc(req->call.arena, count * sizeof(*req->rows));
	for (size_t i = 0; i < count; i++) {
		size_t place = req->newest ? count - 1 - i : i;
		int err = pg_row_message(
			result, i + 1, 0, req->call.arena, &req->room, &req->rows[place]);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

static int page_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_page *req = CONTAINER_OF(call, struct store_page, call);
	const struct pg_result *result = pg_talk_result(talk, 0);

	/* Messages of a deleted room may still be there. */
	if (pg_rows(result) == 0 || !pg_is_null(result, 0, COLUMN_SENDER)) {
		return ERR_NOT_FOUND;
	}
	req->last_seq = (uint64_t)pg_int(result, 0, COLUMN_SEQ);
	req->first_kept_seq = pg_is_null(result, 0, COLUMN_REF)
				      ? req->last_seq + 1
				      : (uint64_t)pg_int(result, 0, COLUMN_REF);
	int err = page_rows(result, req);
	if (err != 0) {
		return err;
	}
	req->cut = req->max_bytes != 0 && req->count < page_bound(req) &&
		   page_weight(req) >= req->max_bytes;
	return PG_DONE;
}

static const pg_step_fn page_steps[] = {page_ask, page_read, NULL};
const struct pg_work pg_page_work = {PG_READ, page_steps, 0};

/* ---- one message ---- */

static int find_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_message_find *req = CONTAINER_OF(call, struct store_message_find, call);
	struct pg_params params = {0};

	pg_param_id(&params, &req->room);
	pg_param_int(&params, number(ident_message_seq(&req->id)));
	pg_param_id(&params, &req->id);
	pg_talk_add(talk, PG_SQL_MESSAGE_FIND, &params);
	return PG_ON;
}

/* A computed id that names the number of the row is of another epoch or room. */
static int find_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_message_find *req = CONTAINER_OF(call, struct store_message_find, call);
	const struct pg_result *result = pg_talk_result(talk, 0);

	for (size_t i = 0; i < pg_rows(result); i++) {
		struct uuid id;
		int err = pg_row_message(result, i, 0, call->arena, &req->room, &req->row);
		if (err != 0) {
			return err;
		}
		store_message_id(pg_talk_store(talk), &req->row, &id);
		if (uuid_eq(&id, &req->id)) {
			return PG_DONE;
		}
	}
	return ERR_NOT_FOUND;
}

static const pg_step_fn find_steps[] = {find_ask, find_read, NULL};
const struct pg_work pg_message_find_work = {PG_READ, find_steps, 0};
