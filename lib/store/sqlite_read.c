/* The reader's thread: each request is a transaction of its own, so that what it tells is of one
 * moment; and the requests that only read messages and numbers. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

/* What a message weighs beside what its sender decided. */
#define ROW_WEIGHT 512

/* ---- the thread ---- */

static void read_one(struct sqlite_connection *connection, struct store_call *call)
{
	int err = sqlite_run_plain(connection->db, SQL_BEGIN_READ);

	call->err = err;
	call->why = NULL;
	if (err == 0) {
		call->work(call, connection);
	}
	/* Nothing was written: there is nothing to commit. */
	sqlite_rollback(connection->db);
	sqlite_explain(connection, call);
}

void sqlite_read_list(void *ctx, struct store_call *list)
{
	struct sqlite_connection *connection = ctx;

	while (list != NULL) {
		struct store_call *call = list;
		list = call->next;
		read_one(connection, call);
		if (call->work == sqlite_user_open_work && call->err == ERR_NOT_FOUND) {
			call->work = sqlite_user_make_work;
			sqlite_thread_pass(connection->store->writer, call);
		} else if (call->err == SQLITE_GO_ON) {
			sqlite_thread_pass(connection->store->reader, call);
		} else {
			sqlite_thread_answer(call);
		}
	}
}

/* ---- a page of messages ---- */

static int page_head(struct sqlite *db, struct store_page *req)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_PAGE_HEAD);

	sqlite_bind_id(stmt, 1, &req->room);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err == 0 ? ERR_NOT_FOUND : err;
	}
	req->last_seq = (uint64_t)sqlite_int(stmt, 0);
	req->first_kept_seq = (uint64_t)sqlite_int(stmt, 1);
	if (req->first_kept_seq == 0) {
		req->first_kept_seq = req->last_seq + 1;
	}
	sqlite_end(stmt);
	return 0;
}

/* Rows that there can be at most: numbers are known before the rows are read. */
static size_t page_bound(const struct store_page *req, uint64_t after, uint64_t before)
{
	uint64_t low = after + 1 > req->first_kept_seq ? after + 1 : req->first_kept_seq;
	uint64_t high = before - 1 < req->last_seq ? before - 1 : req->last_seq;
	uint64_t rows = high >= low ? high - low + 1 : 0;

	return rows < req->limit ? (size_t)rows : req->limit;
}

static size_t row_weight(const struct message_row *row)
{
	return ROW_WEIGHT + row->content.len + row->attachment.len;
}

static int page_rows(struct sqlite_stmt *stmt, struct store_page *req, size_t bound)
{
	size_t weight = 0;
	int err = 1;

	req->rows = arena_alloc(req->call.arena, bound * sizeof(*req->rows));
	req->count = 0;
	while (req->count < bound) {
		err = sqlite_step(stmt);
		if (err == 1) {
			err = sqlite_row_message(
				stmt, 0, req->call.arena, &req->room, &req->rows[req->count]);
			err = err == 0 ? 1 : err;
		}
		if (err != 1) {
			break;
		}
		weight += row_weight(&req->rows[req->count++]);
		if (req->max_bytes != 0 && weight >= req->max_bytes) {
			req->cut = req->count < bound;
			break;
		}
	}
	sqlite_end(stmt);
	return err < 0 ? err : 0;
}

static void reverse(struct message_row *rows, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct message_row row = rows[i];
		rows[i] = rows[count - 1 - i];
		rows[count - 1 - i] = row;
	}
}

void sqlite_page_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_page *req = CONTAINER_OF(call, struct store_page, call);
	uint64_t after = req->after_seq < INT64_MAX ? req->after_seq : INT64_MAX;
	bool bounded = req->before_seq != 0 && req->before_seq < INT64_MAX;
	uint64_t before = bounded ? req->before_seq : INT64_MAX;

	req->cut = false;
	call->err = page_head(db, req);
	if (call->err != 0) {
		return;
	}
	size_t bound = page_bound(req, after, before);
	if (bound == 0) {
		req->rows = NULL;
		req->count = 0;
		return;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(db, req->newest ? SQL_PAGE_NEWEST : SQL_PAGE_OLDEST);
	sqlite_bind_id(stmt, 1, &req->room);
	sqlite_bind_int(stmt, 2, (int64_t)after);
	sqlite_bind_int(stmt, 3, (int64_t)before);
	sqlite_bind_int(stmt, 4, (int64_t)bound);
	call->err = page_rows(stmt, req, bound);
	if (req->newest) {
		reverse(req->rows, req->count);
	}
}

/* ---- one message ---- */

static int imported_seq(
	struct sqlite *db, const struct uuid *room, const struct uuid *id, uint64_t *ret_seq)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MESSAGE_BY_ID);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_id(stmt, 2, id);
	int err = sqlite_step(stmt);
	if (err == 1) {
		*ret_seq = (uint64_t)sqlite_int(stmt, 0);
		sqlite_end(stmt);
	}
	return err;
}

/* The number is in a computed id; whether it is one shows when it is computed again. */
int sqlite_message_seq(const struct sqlite_connection *connection, const struct uuid *room,
	const struct uuid *id, uint64_t *ret_seq)
{
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_MESSAGE_LOOK);
	struct message_row row = {.room = *room, .seq = ident_message_seq(id)};
	struct uuid computed;

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_int(stmt, 2, (int64_t)row.seq);
	int err = sqlite_step(stmt);
	if (err < 0) {
		return err;
	}
	if (err == 1) {
		row.epoch_no = (uint32_t)sqlite_int(stmt, 4);
		bool imported = sqlite_id(stmt, 6, &row.imported_id);
		sqlite_end(stmt);
		store_message_id(&connection->store->base, &row, &computed);
		if (!imported && uuid_eq(&computed, id)) {
			*ret_seq = row.seq;
			return 1;
		}
	}
	return imported_seq(connection->db, room, id, ret_seq);
}

/* Messages of a room that was deleted may still be there. */
static int room_is_there(struct sqlite *db, const struct uuid *room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_HEAD);

	sqlite_bind_id(stmt, 1, room);
	int err = sqlite_step(stmt);
	sqlite_end(stmt);
	return err == 0 ? ERR_NOT_FOUND : err;
}

static int find_message(struct sqlite_connection *connection, struct store_message_find *req)
{
	struct sqlite *db = connection->db;
	uint64_t seq = 0;
	int err = room_is_there(db, &req->room);

	if (err == 1) {
		err = sqlite_message_seq(connection, &req->room, &req->id, &seq);
	}
	if (err != 1) {
		return err == 0 ? ERR_NOT_FOUND : err;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MESSAGE_GET);
	sqlite_bind_id(stmt, 1, &req->room);
	sqlite_bind_int(stmt, 2, (int64_t)seq);
	err = sqlite_step(stmt);
	if (err == 1) {
		err = sqlite_row_message(stmt, 0, req->call.arena, &req->room, &req->row);
		sqlite_end(stmt);
		return err;
	}
	return err == 0 ? ERR_NOT_FOUND : err;
}

void sqlite_message_find_work(struct store_call *call, void *connection)
{
	struct store_message_find *req = CONTAINER_OF(call, struct store_message_find, call);

	call->err = find_message(connection, req);
}

/* ---- status ---- */

static int count_one(struct sqlite *db, enum sql_id id, uint64_t *ret_first, uint64_t *ret_second)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);
	int err = sqlite_step(stmt);

	if (err < 0) {
		return err;
	}
	*ret_first = (uint64_t)sqlite_int(stmt, 0);
	if (ret_second != NULL) {
		*ret_second = (uint64_t)sqlite_int(stmt, 1);
	}
	sqlite_end(stmt);
	return 0;
}

/* Messages are counted by room, as they come: nobody waits for ten million rows to be read. */
/* So long a count is worth keeping, for so many times what it took: counting takes a hundredth of
 * the reader's time at most. */
#define COUNT_LONG_US 2000
#define COUNT_KEPT 100

static int count_all(struct sqlite_connection *c)
{
	struct sqlite_counts *counts = &c->counts;
	uint64_t start = clock_mono_us(&clock_system);

	if (counts->until_us > start) {
		return 0;
	}
	int err = count_one(c->db, SQL_STATUS_USERS, &counts->users, NULL);
	if (err == 0) {
		err = count_one(c->db, SQL_STATUS_ROOMS, &counts->rooms, &counts->messages);
	}
	uint64_t end = clock_mono_us(&clock_system), took = end - start;
	counts->until_us = err == 0 && took >= COUNT_LONG_US ? end + COUNT_KEPT * took : 0;
	return err;
}

void sqlite_status_work(struct store_call *call, void *connection)
{
	struct sqlite_connection *c = connection;
	struct store_status *req = CONTAINER_OF(call, struct store_status, call);
	uint64_t schema = 0;

	call->err = count_all(c);
	if (call->err == 0) {
		call->err = count_one(c->db, SQL_STATUS_SCHEMA, &schema, NULL);
	}
	req->users = c->counts.users;
	req->rooms = c->counts.rooms;
	req->messages = c->counts.messages;
	req->schema = (uint32_t)schema;
	req->size_bytes = sqlite_file_size(&c->store->file);
}

/* ---- whether it works ---- */

/* That the call has come here and its transaction is committed is all. */
void sqlite_ping_work(struct store_call *call, void *connection)
{
	(void)connection;
	call->err = 0;
}
