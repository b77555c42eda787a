/* The requests on their way in: what is out of range is refused at once, all else waits for its
 * thread. */
#include "lib/base/err.h"
#include "lib/store/sqlite_store.h"

enum { PAGE_MAX = 1000, SCAN_MAX = 10000 };

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

/* ---- what has no range ---- */

#define PLAIN(request, thread) \
	static int op_##request(struct store *base, struct store_##request *req) \
	{ \
		return post(store_of(base)->thread, &req->call, 1, sqlite_##request##_work); \
	}

PLAIN(message_find, reader)
PLAIN(room_find, reader)
PLAIN(room_update, writer)
PLAIN(room_delete, writer)
PLAIN(member_remove, writer)
PLAIN(member_list, reader)
PLAIN(user_open, reader)
PLAIN(user_find, reader)
PLAIN(user_bar, writer)
PLAIN(user_erase, writer)
PLAIN(status, reader)
PLAIN(ping, writer)

#undef PLAIN

/* ---- how many ---- */

#define LIMITED(request, thread, number, max) \
	static int op_##request(struct store *base, struct store_##request *req) \
	{ \
		if (req->number < 1 || req->number > (max)) { \
			return ERR_BAD_REQUEST; \
		} \
		return post(store_of(base)->thread, &req->call, 1, sqlite_##request##_work); \
	}

LIMITED(page, reader, limit, PAGE_MAX)
LIMITED(sent_page, reader, scan_max, SCAN_MAX)
LIMITED(room_list, reader, limit, PAGE_MAX)
LIMITED(room_sweep, writer, limit, SCAN_MAX)
LIMITED(rooms_page, reader, limit, PAGE_MAX)
LIMITED(member_page, reader, limit, PAGE_MAX)
LIMITED(user_list, reader, limit, PAGE_MAX)
LIMITED(bar_list, reader, limit, PAGE_MAX)

#undef LIMITED

/* ---- the rest ---- */

static int op_append(struct store *base, struct store_append *req)
{
	return post(store_of(base)->writer, &req->call, req->count > 0 ? req->count : 1,
		sqlite_append_work);
}

static int op_sent_erase(struct store *base, struct store_sent_erase *req)
{
	if (req->scan_max < 1 || req->scan_max > SCAN_MAX) {
		return ERR_BAD_REQUEST;
	}
	req->from_room = req->after_room;
	req->from_seq = req->after_seq;
	return post(store_of(base)->writer, &req->call, 1, sqlite_sent_erase_work);
}

static int op_purge(struct store *base, struct store_purge *req)
{
	struct sqlite_store *store = store_of(base);

	if (req->limit < 1 || req->limit > SCAN_MAX) {
		return ERR_BAD_REQUEST;
	}
	/* Where a count goes on from one turn to the next. */
	req->purged = 0;
	req->first_kept_seq = 0;
	return req->plan ? post(store->reader, &req->call, 1, sqlite_purge_plan_work)
			 : post(store->writer, &req->call, 1, sqlite_purge_work);
}

static int op_room_create(struct store *base, struct store_room_create *req)
{
	if (uuid_is_nil(&req->room.id)) {
		return ERR_BAD_REQUEST;
	}
	req->asked = req->room;
	return post(store_of(base)->writer, &req->call, 1, sqlite_room_create_work);
}

static int op_member_add(struct store *base, struct store_member_add *req)
{
	if (req->role > ROLE_OWNER) {
		return ERR_BAD_REQUEST;
	}
	return post(store_of(base)->writer, &req->call, 1, sqlite_member_add_work);
}

static int op_member_role(struct store *base, struct store_member_role *req)
{
	if (req->role < ROLE_MEMBER || req->role > ROLE_OWNER) {
		return ERR_BAD_REQUEST;
	}
	return post(store_of(base)->writer, &req->call, 1, sqlite_member_role_work);
}

static int op_user_update(struct store *base, struct store_user_update *req)
{
	if (req->set_name && req->display_name.len == 0) {
		return ERR_BAD_REQUEST;
	}
	return post(store_of(base)->writer, &req->call, 1, sqlite_user_update_work);
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
