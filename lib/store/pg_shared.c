/* Where rooms are, for programs that share the store; what changed is pg_watch.c's. */
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

static int heads_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_heads *req = CONTAINER_OF(call, struct store_heads, call);
	struct pg_params params = {.count = 0};
	struct pg_array rooms = {.count = 0};

	pg_array_begin(&rooms, PG_UUID);
	for (size_t i = 0; i < req->count; i++) {
		pg_array_id(&rooms, &req->rooms[i]);
	}
	pg_param_array(&params, &rooms);
	pg_talk_add(talk, PG_SQL_HEADS, &params);
	pg_array_finish(&rooms);
	return PG_ON;
}

static void read_head(const struct pg_result *result, size_t row, struct store_head *head)
{
	head->gone = pg_is_null(result, row, 0);
	head->last_seq = (uint64_t)pg_int(result, row, 0);
	head->member_version = (uint64_t)pg_int(result, row, 1);
	head->version = (uint64_t)pg_int(result, row, 2);
}

/* Numbers that clients were told are not there: the database is an older one. */
static bool went_back(const struct store_heads *req)
{
	for (size_t i = 0; req->told != NULL && i < req->count; i++) {
		if (!req->heads[i].gone && req->heads[i].last_seq < req->told[i]) {
			return true;
		}
	}
	return false;
}

/* Of several instances that find it, one makes it. */
static void begin_epoch(struct pg_talk *talk)
{
	struct pg_params params = {.count = 0};
	char epoch[17];

	store_epoch_make(epoch);
	pg_param_int4(&params, (int32_t)pg_talk_store(talk)->epoch_no + 1);
	pg_param_text(&params, bytes_str(epoch));
	pg_talk_add(talk, PG_SQL_EPOCH_NEXT, &params);
}

static int heads_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_heads *req = CONTAINER_OF(call, struct store_heads, call);
	const struct pg_result *result = pg_talk_result(talk, 0);

	req->heads = arena_alloc(call->arena, req->count * sizeof(*req->heads));
	for (size_t i = 0; i < req->count; i++) {
		req->heads[i].room = req->rooms[i];
		read_head(result, i, &req->heads[i]);
	}
	if (went_back(req)) {
		begin_epoch(talk);
	}
	return PG_ON;
}

static int heads_end(struct pg_talk *talk, struct store_call *call)
{
	(void)talk;
	(void)call;
	return PG_DONE;
}

static const pg_step_fn heads_steps[] = {heads_ask, heads_read, heads_end, NULL};
const struct pg_work pg_heads_work = {PG_READ, heads_steps, 0};
