#include "lib/store/store_check.h"

#include "lib/base/err.h"

enum { PAGE_MAX = 1000, SCAN_MAX = 10000 };

/* ---- what has no range ---- */

#define FREE(request) \
	int store_check_##request(struct store_##request *req) \
	{ \
		(void)req; \
		return 0; \
	}

FREE(append)
FREE(message_find)
FREE(room_find)
FREE(room_update)
FREE(room_delete)
FREE(member_remove)
FREE(member_list)
FREE(user_open)
FREE(user_find)
FREE(user_bar)
FREE(user_erase)
FREE(watch)
FREE(status)
FREE(ping)

#undef FREE

/* ---- how many ---- */

#define LIMITED(request, number, max) \
	int store_check_##request(struct store_##request *req) \
	{ \
		return req->number >= 1 && req->number <= (max) ? 0 : ERR_BAD_REQUEST; \
	}

LIMITED(page, limit, PAGE_MAX)
LIMITED(sent_page, scan_max, SCAN_MAX)
LIMITED(room_list, limit, PAGE_MAX)
LIMITED(room_sweep, limit, SCAN_MAX)
LIMITED(rooms_page, limit, PAGE_MAX)
LIMITED(member_page, limit, PAGE_MAX)
LIMITED(user_list, limit, PAGE_MAX)
LIMITED(bar_list, limit, PAGE_MAX)
LIMITED(heads, count, SCAN_MAX)

#undef LIMITED

/* ---- the rest ---- */

int store_check_sent_erase(struct store_sent_erase *req)
{
	req->from_room = req->after_room;
	req->from_seq = req->after_seq;
	return req->scan_max >= 1 && req->scan_max <= SCAN_MAX ? 0 : ERR_BAD_REQUEST;
}

/* A count goes on from one turn to the next. */
int store_check_purge(struct store_purge *req)
{
	req->purged = 0;
	req->first_kept_seq = 0;
	return req->limit >= 1 && req->limit <= SCAN_MAX ? 0 : ERR_BAD_REQUEST;
}

int store_check_room_create(struct store_room_create *req)
{
	req->asked = req->room;
	return uuid_is_nil(&req->room.id) ? ERR_BAD_REQUEST : 0;
}

int store_check_member_add(struct store_member_add *req)
{
	return req->role > ROLE_OWNER ? ERR_BAD_REQUEST : 0;
}

int store_check_member_role(struct store_member_role *req)
{
	return req->role < ROLE_MEMBER || req->role > ROLE_OWNER ? ERR_BAD_REQUEST : 0;
}

int store_check_user_update(struct store_user_update *req)
{
	return req->set_name && req->display_name.len == 0 ? ERR_BAD_REQUEST : 0;
}
