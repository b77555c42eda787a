/* What the fake store tells of other programs. */
#include <assert.h>

#include "lib/base/err.h"
#include "tests/unit/fake_tables.h"

static void forget(struct fake_store *fake, size_t count)
{
	fake->change_count -= count;
	memmove(fake->changes, fake->changes + count,
		fake->change_count * sizeof(fake->changes[0]));
}

int fake_watch(struct fake_store *fake, struct store_watch *req)
{
	size_t count = fake->change_count;

	if (req->from_now) {
		forget(fake, count);
		count = 0;
	}
	if (fake->change_limit != 0 && count > fake->change_limit) {
		count = fake->change_limit;
	}
	req->changes = arena_alloc(req->call.arena, (count + 1) * sizeof(req->changes[0]));
	memcpy(req->changes, fake->changes, count * sizeof(req->changes[0]));
	req->count = count;
	forget(fake, count);
	req->more = fake->change_count > 0;
	req->lost = fake->lost && !req->from_now;
	req->anew = fake->anew;
	fake->lost = false;
	return 0;
}

int fake_heads(struct fake_store *fake, struct store_heads *req)
{
	if (req->count == 0) {
		return ERR_BAD_REQUEST;
	}
	req->heads = arena_alloc(req->call.arena, req->count * sizeof(req->heads[0]));
	memset(req->heads, 0, req->count * sizeof(req->heads[0]));
	for (size_t i = 0; i < req->count; i++) {
		const struct fake_room *room = fake_room_of(fake, &req->rooms[i]);
		struct store_head *head = &req->heads[i];
		head->room = req->rooms[i];
		head->gone = room == NULL;
		if (room != NULL) {
			head->last_seq = room->row.last_seq;
			head->member_version = room->row.member_version;
			head->version = room->row.version;
		}
	}
	return 0;
}

/* ---- what tests do at once ---- */

void fake_store_share(struct fake_store *fake)
{
	fake->base.shared = true;
}

void fake_store_change(struct fake_store *fake, enum store_change_kind kind,
	const struct uuid *room, const struct uuid *user)
{
	static const struct uuid nil;

	assert(fake->change_count < FAKE_CHANGES_MAX);
	fake->changes[fake->change_count++] = (struct store_change){
		.kind = kind,
		.room = room != NULL ? *room : nil,
		.user = user != NULL ? *user : nil,
	};
}

void fake_store_watch_limit(struct fake_store *fake, size_t limit)
{
	fake->change_limit = limit;
}

void fake_store_lose_changes(struct fake_store *fake)
{
	fake->lost = true;
}

void fake_store_begin_anew(struct fake_store *fake)
{
	fake->anew = true;
}

void fake_store_ban(struct fake_store *fake, const struct uuid *user)
{
	fake_user_of(fake, user)->row.banned_ms = FAKE_NOW_MS;
}
