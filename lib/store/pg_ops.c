/* The requests on their way in: what is out of range is refused at once, all else waits for a link.
 */
#include "lib/base/err.h"
#include "lib/store/pg_desk.h"
#include "lib/store/store_check.h"

static struct pg_desk *desk_of(struct store *base)
{
	return CONTAINER_OF(base, struct pg_desk, base);
}

#define PLAIN(request) \
	static int op_##request(struct store *base, struct store_##request *req) \
	{ \
		int err = store_check_##request(req); \
		return err != 0 \
			       ? err \
			       : pg_desk_take(desk_of(base), &req->call, &pg_##request##_work, 1); \
	}

PLAIN(page)
PLAIN(message_find)
PLAIN(sent_page)
PLAIN(sent_erase)
PLAIN(room_find)
PLAIN(room_create)
PLAIN(room_list)
PLAIN(room_update)
PLAIN(room_delete)
PLAIN(room_sweep)
PLAIN(rooms_page)
PLAIN(member_add)
PLAIN(member_remove)
PLAIN(member_role)
PLAIN(member_list)
PLAIN(member_page)
PLAIN(user_open)
PLAIN(user_find)
PLAIN(user_list)
PLAIN(user_update)
PLAIN(user_bar)
PLAIN(user_erase)
PLAIN(bar_list)
PLAIN(heads)
PLAIN(status)
PLAIN(ping)

#undef PLAIN

static int op_append(struct store *base, struct store_append *req)
{
	return pg_desk_take(desk_of(base), &req->call, NULL, req->count > 0 ? req->count : 1);
}

static int op_purge(struct store *base, struct store_purge *req)
{
	int err = store_check_purge(req);

	return err != 0 ? err
			: pg_desk_take(desk_of(base), &req->call,
				  req->plan ? &pg_purge_plan_work : &pg_purge_work, 1);
}

static int op_watch(struct store *base, struct store_watch *req)
{
	if (atomic_load(&desk_of(base)->root->anew)) {
		return ERR_MISMATCH; /* no link leads there any more */
	}
	return pg_desk_take(desk_of(base), &req->call, &pg_watch_work, 1);
}

static void op_stop(struct store *base)
{
	(void)base; /* the whole store is stopped, not one thread's part */
}

const struct store_ops pg_desk_ops = {
	.name = "postgresql",
#define X(request) .request = op_##request,
	STORE_REQUESTS(X)
#undef X
		.stop = op_stop,
	.close = pg_desk_close,
};
