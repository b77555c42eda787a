/* How the store is: counts, and whether writing works. */
#include "lib/store/pg_talk.h"

static int status_ask(struct pg_talk *talk, struct store_call *call)
{
	(void)call;
	pg_talk_add(talk, PG_SQL_STATUS, NULL);
	return PG_ON;
}

static int status_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_status *req = CONTAINER_OF(call, struct store_status, call);
	const struct pg_result *row = pg_talk_result(talk, 0);

	req->users = (uint64_t)pg_int(row, 0, 0);
	req->rooms = (uint64_t)pg_int(row, 0, 1);
	req->messages = (uint64_t)pg_int(row, 0, 2);
	req->size_bytes = (uint64_t)pg_int(row, 0, 3);
	req->schema = (uint32_t)pg_int(row, 0, 4);
	return PG_DONE;
}

static const pg_step_fn status_steps[] = {status_ask, status_read, NULL};
const struct pg_work pg_status_work = {PG_READ, status_steps, 0};

static int ping_write(struct pg_talk *talk, struct store_call *call)
{
	(void)call;
	pg_talk_add(talk, PG_SQL_PING, NULL);
	return PG_COMMIT;
}

static const pg_step_fn ping_steps[] = {ping_write, NULL};
const struct pg_work pg_ping_work = {PG_CHANGE, ping_steps, 0};
