/* What one user sent, in all rooms: all messages are walked through, some at a time. */
#include "lib/base/err.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

/* A page ends where its rows weigh so much, however many may be looked at. */
#define PAGE_WEIGHT ((size_t)8 * 1024 * 1024)
#define ROW_WEIGHT 512

/* Where the place stands that was come to, in the row that tells of it. */
struct place_columns {
	int count, room, seq;
};

static void add_walk(struct pg_params *params, const struct uuid *room, uint64_t seq,
	uint32_t scan_max, const struct uuid *user)
{
	pg_param_id(params, room);
	pg_param_int(params, seq < INT64_MAX ? (int64_t)seq : INT64_MAX);
	pg_param_int(params, scan_max);
	pg_param_id(params, user);
}

/* true: as many were looked at as might be, and the place is set behind them. */
static bool read_place(const struct pg_result *result, const struct place_columns *columns,
	uint32_t scan_max, struct uuid *room, uint64_t *seq)
{
	if (!pg_is_null(result, 0, columns->room)) {
		pg_id(result, 0, columns->room, room);
		*seq = (uint64_t)pg_int(result, 0, columns->seq);
	}
	return pg_int(result, 0, columns->count) >= scan_max;
}

/* ---- read ---- */

static int page_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_sent_page *req = CONTAINER_OF(call, struct store_sent_page, call);
	struct pg_params params = {0};

	add_walk(&params, &req->after_room, req->after_seq, req->scan_max, &req->user);
	pg_param_int(&params, (int64_t)PAGE_WEIGHT);
	pg_talk_add(talk, PG_SQL_SENT_PAGE, &params);
	return PG_ON;
}

static int page_rows(
	const struct pg_result *result, struct store_sent_page *req, size_t *ret_weight)
{
	size_t count = pg_rows(result) - 1, weight = 0;
	struct message_row *rows = NULL;

	if (count > 0) {
		rows = arena_alloc(req->call.arena, count * sizeof(*rows));
	}
	for (size_t i = 0; i < count; i++) {
		struct uuid room;
		pg_id(result, i + 1, PG_MESSAGE_COLUMN_COUNT, &room);
		int err = pg_row_message(result, i + 1, 0, req->call.arena, &room, &rows[i]);
		if (err != 0) {
			return err;
		}
		weight += ROW_WEIGHT + rows[i].content.len + rows[i].attachment.len;
	}
	req->rows = rows;
	req->count = count;
	*ret_weight = weight;
	return 0;
}

static int page_read(struct pg_talk *talk, struct store_call *call)
{
	static const struct place_columns columns = {0, 1, 3};
	struct store_sent_page *req = CONTAINER_OF(call, struct store_sent_page, call);
	const struct pg_result *result = pg_talk_result(talk, 0);
	size_t weight;
	int err = page_rows(result, req, &weight);

	if (err != 0) {
		return err;
	}
	if (weight < PAGE_WEIGHT) {
		req->more = read_place(
			result, &columns, req->scan_max, &req->after_room, &req->after_seq);
		return PG_DONE;
	}
	req->after_room = req->rows[req->count - 1].room;
	req->after_seq = req->rows[req->count - 1].seq;
	req->more = true;
	return PG_DONE;
}

static const pg_step_fn page_steps[] = {page_ask, page_read, NULL};
const struct pg_work pg_sent_page_work = {PG_SLOW_READ, page_steps, 0};

/* ---- erase ---- */

static int erase_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_sent_erase *req = CONTAINER_OF(call, struct store_sent_erase, call);
	struct pg_params params = {0};

	add_walk(&params, &req->from_room, req->from_seq, req->scan_max, &req->user);
	pg_talk_add(talk, PG_SQL_SENT_ERASE, &params);
	return PG_ON;
}

struct erased {
	uint64_t erased;
	struct uuid room;
	uint64_t seq;
	bool more;
};

/* What the request says of it must wait until it is committed. */
static int erase_note(struct pg_talk *talk, struct store_call *call)
{
	static const struct place_columns columns = {0, 1, 2};
	const struct store_sent_erase *req = CONTAINER_OF(call, struct store_sent_erase, call);
	const struct pg_result *result = pg_talk_result(talk, 0);
	struct erased *erased = pg_talk_state(talk);

	erased->room = req->from_room;
	erased->seq = req->from_seq;
	erased->more = read_place(result, &columns, req->scan_max, &erased->room, &erased->seq);
	erased->erased = (uint64_t)pg_int(result, 0, 3);
	return PG_COMMIT;
}

static int erase_tell(struct pg_talk *talk, struct store_call *call)
{
	struct store_sent_erase *req = CONTAINER_OF(call, struct store_sent_erase, call);
	const struct erased *erased = pg_talk_state(talk);

	req->erased = erased->erased;
	req->after_room = erased->room;
	req->after_seq = erased->seq;
	req->more = erased->more;
	return PG_DONE;
}

static const pg_step_fn erase_steps[] = {erase_ask, erase_note, erase_tell, NULL};
const struct pg_work pg_sent_erase_work = {PG_SLOW, erase_steps, sizeof(struct erased)};
