/* What programs that share a store ask: a file has one program, so nothing ever changes behind its
 * back. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

void sqlite_watch_work(struct store_call *call, void *connection)
{
	struct store_watch *req = CONTAINER_OF(call, struct store_watch, call);

	(void)connection;
	req->changes = NULL;
	req->count = 0;
	req->more = req->lost = req->anew = false;
	call->err = 0;
}

static int read_one(struct sqlite *db, struct arena *arena, struct store_head *head)
{
	struct room_row row;
	int err = sqlite_room_by_id(db, arena, &head->room, &row);

	if (err == ERR_NOT_FOUND) {
		head->gone = true;
		return 0;
	}
	if (err == 0) {
		head->last_seq = row.last_seq;
		head->member_version = row.member_version;
		head->version = row.version;
	}
	return err;
}

void sqlite_heads_work(struct store_call *call, void *connection)
{
	struct sqlite *db = ((struct sqlite_connection *)connection)->db;
	struct store_heads *req = CONTAINER_OF(call, struct store_heads, call);

	req->heads = arena_alloc(call->arena, req->count * sizeof(*req->heads));
	memset(req->heads, 0, req->count * sizeof(*req->heads));
	call->err = 0;
	for (size_t i = 0; i < req->count && call->err == 0; i++) {
		req->heads[i].room = req->rooms[i];
		call->err = read_one(db, call->arena, &req->heads[i]);
	}
}
