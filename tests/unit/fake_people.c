/* The fake store's users, and what is left of its calls. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "tests/unit/fake_tables.h"

/* ---- open ---- */

/* A row that others made gets his own name. */
static struct fake_user *user_come(
	struct fake_store *fake, const struct uuid *id, struct bytes identity, struct bytes name)
{
	struct fake_user *user = fake_user_named(fake, id, identity);
	if (!user->opened) {
		if (identity.len != 0) {
			fake_set(&user->row.identity, identity);
		}
		fake_set(&user->row.display_name, name.len != 0 ? name : user->row.identity);
		user->opened = true;
		user->erased = false;
	}
	return user;
}

int fake_user_open(struct fake_store *fake, struct store_user_open *req)
{
	const struct fake_user *user =
		user_come(fake, &req->user, req->identity, req->display_name);
	req->row = fake_user_for(req->call.arena, user);
	req->rooms = arena_alloc(req->call.arena, (fake->room_count + 1) * sizeof(req->rooms[0]));
	req->room_count = 0;
	for (size_t i = 0; i < fake->room_count; i++) {
		if (fake_member_of(fake->rooms[i], &req->user) != NULL) {
			req->rooms[req->room_count++] =
				fake_row_for(req->call.arena, fake->rooms[i]);
		}
	}
	return 0;
}

/* ---- find and list ---- */

int fake_user_find(struct fake_store *fake, struct store_user_find *req)
{
	const struct fake_user *user = fake_user_of(fake, &req->user);
	if (user == NULL) {
		return ERR_NOT_FOUND;
	}
	req->row = fake_user_for(req->call.arena, user);
	return 0;
}

static int compare_identities(const void *a, const void *b)
{
	const struct fake_user *x = a, *y = b;
	size_t shorter = x->row.identity.len < y->row.identity.len ? x->row.identity.len
								   : y->row.identity.len;
	int order = memcmp(x->row.identity.ptr, y->row.identity.ptr, shorter);
	if (order == 0 && x->row.identity.len != y->row.identity.len) {
		order = x->row.identity.len > y->row.identity.len ? 1 : -1;
	}
	return order != 0 ? order : memcmp(x->row.id.b, y->row.id.b, sizeof(x->row.id.b));
}

static int compare_ids(const void *a, const void *b)
{
	const struct fake_user *x = a, *y = b;
	return memcmp(x->row.id.b, y->row.id.b, sizeof(x->row.id.b));
}

int fake_user_list(struct fake_store *fake, struct store_user_list *req)
{
	const struct fake_user after = {
		.row = {.id = req->after_id, .identity = req->after_identity}};
	qsort(fake->users, fake->user_count, sizeof(fake->users[0]), compare_identities);
	req->users = arena_alloc(req->call.arena, (fake->user_count + 1) * sizeof(req->users[0]));
	req->count = 0;
	for (size_t i = 0; i < fake->user_count && req->count < req->limit; i++) {
		const struct fake_user *user = &fake->users[i];
		bool listed = user->row.banned_ms != 0 || (!req->banned_only && !user->erased);
		if (listed &&
			(req->after_identity.ptr == NULL || compare_identities(user, &after) > 0)) {
			req->users[req->count++] = fake_user_for(req->call.arena, user);
		}
	}
	return 0;
}

int fake_bar_list(struct fake_store *fake, struct store_bar_list *req)
{
	qsort(fake->users, fake->user_count, sizeof(fake->users[0]), compare_ids);
	req->users = arena_alloc(req->call.arena, (fake->user_count + 1) * sizeof(req->users[0]));
	req->count = 0;
	for (size_t i = 0; i < fake->user_count && req->count < req->limit; i++) {
		const struct fake_user *user = &fake->users[i];
		bool barred = user->row.banned_ms != 0 || user->row.tokens_from_ms != 0;
		if (barred && memcmp(user->row.id.b, req->after.b, sizeof(req->after.b)) > 0) {
			req->users[req->count++] = fake_user_for(req->call.arena, user);
		}
	}
	return 0;
}

/* ---- change ---- */

static bool put(struct bytes *field, struct bytes text)
{
	bool other = !bytes_eq(*field, text);
	fake_set(field, text);
	return other;
}

int fake_user_update(struct fake_store *fake, struct store_user_update *req)
{
	struct fake_user *user = user_come(fake, &req->user, req->identity, BYTES_NONE);
	bool changed = false;
	if (req->expect_version != 0 && req->expect_version != user->row.version) {
		return ERR_PRECONDITION;
	}
	if (req->set_name) {
		changed |= put(&user->row.display_name, req->display_name);
	}
	if (req->set_avatar) {
		changed |= put(&user->row.avatar_url, req->avatar_url);
	}
	user->row.version += changed ? 1 : 0;
	req->row = fake_user_for(req->call.arena, user);
	return 0;
}

int fake_user_bar(struct fake_store *fake, struct store_user_bar *req)
{
	struct fake_user *user = fake_user_named(fake, &req->user, req->identity);
	if (req->set_banned) {
		user->row.banned_ms = req->banned ? FAKE_NOW_MS : 0;
		fake_set(&user->row.ban_reason, req->banned ? req->reason : BYTES_NONE);
	}
	if (req->set_tokens_from) {
		user->row.tokens_from_ms = FAKE_NOW_MS + 1000;
	}
	req->row = fake_user_for(req->call.arena, user);
	return 0;
}

int fake_user_erase(struct fake_store *fake, struct store_user_erase *req)
{
	struct fake_user *user = fake_user_of(fake, &req->user);
	char text[UUID_TEXT_SIZE];
	if (user == NULL) {
		return ERR_NOT_FOUND;
	}
	for (size_t i = 0; i < fake->room_count; i++) {
		if (fake_member_of(fake->rooms[i], &req->user) != NULL) {
			return ERR_CONFLICT;
		}
	}
	uuid_format(&req->user, text);
	fake_set(&user->row.identity, bytes_str(text));
	fake_set(&user->row.display_name, bytes_str(text));
	fake_set(&user->row.avatar_url, BYTES_NONE);
	user->row.tokens_from_ms = FAKE_NOW_MS + 1000;
	user->row.version++;
	user->opened = false;
	user->erased = true;
	req->row = fake_user_for(req->call.arena, user);
	return 0;
}

/* ---- the whole ---- */

int fake_status(struct fake_store *fake, struct store_status *req)
{
	req->users = fake->user_count;
	req->rooms = fake->room_count;
	req->messages = 0;
	for (size_t i = 0; i < fake->room_count; i++) {
		req->messages += fake->rooms[i]->row.last_seq;
	}
	req->size_bytes = 4096;
	req->schema = 2;
	return 0;
}

int fake_ping(struct fake_store *fake, struct store_ping *req)
{
	(void)fake;
	(void)req;
	return 0;
}
