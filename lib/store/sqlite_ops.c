/* The requests on their way in: what is out of range is refused at once, all else waits for its
 * thread. */
#include "lib/base/err.h"
#include "lib/store/sqlite_store.h"
#include "lib/store/store_check.h"

static struct sqlite_store *store_of(struct store *base)
{
	return CONTAINER_OF(base, struct sqlite_store, base);
}

static int post(struct sqlite_thread *thread, struct store_call *call, size_t weight,
	void (*work)(struct store_call *call, void *connection))
{
	if (thread == NULL) {
		return ERR_UNAVAILABLE; /* stopped */
	}
	call->work = work;
	call->err = 0;
	call->why = NULL;
	return sqlite_thread_post(thread, call, weight);
}

#define ON(request, thread) \
	static int op_##request(struct store *base, struct store_##request *req) \
	{ \
		int err = store_check_##request(req); \
		return err != 0 ? err \
				: post(store_of(base)->thread, &req->call, 1, \
					  sqlite_##request##_work); \
	}

ON(page, reader)
ON(message_find, reader)
ON(sent_page, reader)
ON(sent_erase, writer)
ON(room_find, reader)
ON(room_create, writer)
ON(room_list, reader)
ON(room_update, writer)
ON(room_delete, writer)
ON(room_sweep, writer)
ON(rooms_page, reader)
ON(member_add, writer)
ON(member_remove, writer)
ON(member_role, writer)
ON(member_list, reader)
ON(member_page, reader)
ON(user_open, reader)
ON(user_find, reader)
ON(user_list, reader)
ON(user_update, writer)
ON(user_bar, writer)
ON(user_erase, writer)
ON(bar_list, reader)
ON(watch, reader)
ON(heads, reader)
ON(status, reader)
ON(ping, writer)

#undef ON

static int op_append(struct store *base, struct store_append *req)
{
	return post(store_of(base)->writer, &req->call, req->count > 0 ? req->count : 1,
		sqlite_append_work);
}

static int op_purge(struct store *base, struct store_purge *req)
{
	struct sqlite_store *store = store_of(base);
	int err = store_check_purge(req);

	if (err != 0) {
		return err;
	}
	return req->plan ? post(store->reader, &req->call, 1, sqlite_purge_plan_work)
			 : post(store->writer, &req->call, 1, sqlite_purge_work);
}

static void op_stop(struct store *base)
{
	sqlite_store_stop(store_of(base));
}

static void op_close(struct store *base)
{
	sqlite_store_destroy(store_of(base));
}

const struct store_ops sqlite_store_ops = {
	.name = "sqlite",
#define X(request) .request = op_##request,
	STORE_REQUESTS(X)
#undef X
		.stop = op_stop,
	.close = op_close,
};
