/* The fake store's rooms and participants. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "tests/unit/fake_tables.h"

/* ---- rooms ---- */

int fake_room_find(struct fake_store *fake, struct store_room_find *req)
{
	struct fake_room *room = fake_room_named(fake, req->ref);
	for (size_t i = 0; room == NULL && req->by_name && i < fake->room_count; i++) {
		room = bytes_eq(fake->rooms[i]->row.name, req->ref) ? fake->rooms[i] : NULL;
	}
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	req->room = fake_row_for(req->call.arena, room);
	req->role = req->has_user ? fake_role_of(room, &req->user) : ROLE_NONE;
	return 0;
}

static struct fake_room *room_of_pair(
	const struct fake_store *fake, const struct store_room_create *req)
{
	for (size_t i = 0; req->member_count == 2 && i < fake->room_count; i++) {
		struct fake_room *room = fake->rooms[i];
		if (room->row.type == ROOM_DIRECT && !room->unpaired &&
			fake_member_of(room, &req->members[0].user) != NULL &&
			fake_member_of(room, &req->members[1].user) != NULL) {
			return room;
		}
	}
	return NULL;
}

static struct fake_room *room_add(struct fake_store *fake, const struct store_room_create *req)
{
	struct fake_room *room = fake_room_make(fake, &req->room.id, req->room.alias);
	room->row.type = req->room.type;
	room->row.visibility = req->room.visibility;
	room->row.encrypted = req->room.encrypted;
	room->row.has_creator = req->room.has_creator;
	room->row.creator = req->room.creator;
	fake_set(&room->row.avatar_url, req->room.avatar_url);
	if (req->room.name.len != 0) {
		fake_set(&room->row.name, req->room.name);
	}
	for (size_t i = 0; i < req->member_count; i++) {
		const struct store_new_member *member = &req->members[i];
		bool creator = req->room.has_creator && uuid_eq(&member->user, &req->room.creator);
		if (fake_member_of(room, &member->user) == NULL) {
			fake_member_put(fake, room, &member->user, member->identity,
				creator ? ROLE_OWNER : member->role);
		}
	}
	return room;
}

int fake_room_create(struct fake_store *fake, struct store_room_create *req)
{
	bool direct = req->room.type == ROOM_DIRECT;
	struct fake_room *room = direct ? room_of_pair(fake, req) : NULL;
	req->created = false;
	if (room != NULL) {
		req->room = fake_row_for(req->call.arena, room);
		return 0;
	}
	room = fake_room_named(fake, req->room.alias);
	if (room != NULL) {
		req->room = fake_row_for(req->call.arena, room);
		return ERR_EXISTS;
	}
	req->room.visibility = direct ? ROOM_PRIVATE : req->room.visibility;
	req->room = fake_row_for(req->call.arena, room_add(fake, req));
	req->created = true;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const struct fake_room *const *x = a, *const *y = b;
	return memcmp((*x)->row.id.b, (*y)->row.id.b, sizeof((*x)->row.id.b));
}

static int compare_text(struct bytes a, struct bytes b)
{
	int order = memcmp(
		a.len != 0 ? a.ptr : "", b.len != 0 ? b.ptr : "", a.len < b.len ? a.len : b.len);
	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const void *a, const void *b)
{
	const struct fake_room *const *x = a, *const *y = b;
	int order = compare_text((*x)->row.name, (*y)->row.name);
	return order != 0 ? order : compare_ids(a, b);
}

/* Whether the room is behind a place in the order of names. */
static bool is_behind(const struct fake_room *room, struct bytes name, const struct uuid *id)
{
	int order = name.ptr != NULL ? compare_text(room->row.name, name) : 1;
	return order > 0 || (order == 0 && memcmp(room->row.id.b, id->b, sizeof(id->b)) > 0);
}

int fake_room_list(struct fake_store *fake, struct store_room_list *req)
{
	qsort(fake->rooms, fake->room_count, sizeof(fake->rooms[0]), compare_names);
	req->rooms = arena_alloc(req->call.arena, (fake->room_count + 1) * sizeof(req->rooms[0]));
	req->count = 0;
	for (size_t i = 0; i < fake->room_count && req->count < req->limit; i++) {
		if (is_behind(fake->rooms[i], req->after_name, &req->after_id)) {
			req->rooms[req->count++] = fake_row_for(req->call.arena, fake->rooms[i]);
		}
	}
	return 0;
}

static bool is_listed(struct fake_room *room, const struct store_rooms_page *req)
{
	if (req->has_type && room->row.type != req->type) {
		return false;
	}
	if (req->all_public) {
		return room->row.visibility == ROOM_PUBLIC &&
		       is_behind(room, req->after_name, &req->after_id);
	}
	return fake_member_of(room, &req->user) != NULL &&
	       memcmp(room->row.id.b, req->after_id.b, sizeof(req->after_id.b)) > 0;
}

static struct room_listed listed(
	struct arena *arena, struct fake_room *room, const struct uuid *user)
{
	struct room_listed row = {.room = fake_row_for(arena, room)};
	const struct member_row *member = fake_member_of(room, user);
	uint64_t last = room->row.last_seq;
	row.role = member != NULL ? member->role : ROLE_NONE;
	row.last_read_seq = member != NULL ? member->last_read_seq : 0;
	row.has_last = last > 0 && !room->messages[last - 1].purged;
	if (row.has_last) {
		row.last = fake_message_for(arena, &room->messages[last - 1]);
	}
	return row;
}

int fake_rooms_page(struct fake_store *fake, struct store_rooms_page *req)
{
	qsort(fake->rooms, fake->room_count, sizeof(fake->rooms[0]),
		req->all_public ? compare_names : compare_ids);
	req->rooms = arena_alloc(req->call.arena, (fake->room_count + 1) * sizeof(req->rooms[0]));
	req->count = 0;
	for (size_t i = 0; i < fake->room_count && req->count < req->limit; i++) {
		if (is_listed(fake->rooms[i], req)) {
			req->rooms[req->count++] =
				listed(req->call.arena, fake->rooms[i], &req->user);
		}
	}
	return 0;
}

/* ---- rooms that change ---- */

static int judge(struct fake_room *room, const struct store_actor *actor, enum member_role least,
	uint64_t expect_version)
{
	enum member_role role;
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	int err = fake_actor_role(room, actor, &role);
	if (err != 0) {
		return err;
	}
	if (role < least) {
		return ERR_FORBIDDEN;
	}
	bool as_expected = expect_version == 0 || expect_version == room->row.version;
	return as_expected ? 0 : ERR_PRECONDITION;
}

static bool put(struct bytes *field, struct bytes text)
{
	bool other = !bytes_eq(*field, text);
	fake_set(field, text);
	return other;
}

static int put_alias(
	struct fake_store *fake, struct fake_room *room, struct bytes alias, bool *ret_changed)
{
	char folded[65] = "";
	if (alias.len != 0 && model_alias_fold(alias, folded) != 0) {
		return ERR_BAD_ROOM;
	}
	const struct fake_room *other =
		alias.len != 0 ? fake_room_named(fake, bytes_str(folded)) : NULL;
	if (other != NULL && other != room) {
		return ERR_EXISTS;
	}
	*ret_changed |= put(&room->row.alias, bytes_str(folded));
	return 0;
}

int fake_room_update(struct fake_store *fake, struct store_room_update *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	int err = judge(room, &req->actor, ROLE_ADMIN, req->expect_version);
	req->changed = false;
	if (err == 0 && (req->changes & ROOM_SET_VISIBILITY) && room->row.type == ROOM_DIRECT) {
		err = ERR_FORBIDDEN;
	}
	if (err == 0 && (req->changes & ROOM_SET_ALIAS)) {
		err = put_alias(fake, room, req->alias, &req->changed);
	}
	if (err != 0) {
		return err;
	}
	if (req->changes & ROOM_SET_NAME) {
		req->changed |= put(&room->row.name, req->name);
	}
	if (req->changes & ROOM_SET_AVATAR) {
		req->changed |= put(&room->row.avatar_url, req->avatar_url);
	}
	if (req->changes & ROOM_SET_VISIBILITY) {
		req->changed |= room->row.visibility != req->visibility;
		room->row.visibility = req->visibility;
	}
	if ((req->changes & ROOM_SET_ARCHIVED) && req->archived != (room->row.archived_ms != 0)) {
		req->changed = true;
		room->row.archived_ms = req->archived ? FAKE_NOW_MS : 0;
	}
	room->row.version += req->changed ? 1 : 0;
	req->row = fake_row_for(req->call.arena, room);
	return 0;
}

int fake_room_delete(struct fake_store *fake, struct store_room_delete *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	bool direct = room != NULL && room->row.type == ROOM_DIRECT;
	int err = judge(room, &req->actor, direct ? ROLE_MEMBER : ROLE_OWNER, req->expect_version);
	if (err != 0) {
		return err;
	}
	req->row = fake_row_for(req->call.arena, room);
	fake_store_room_gone(fake, &req->room);
	return 0;
}

void fake_store_room_gone(struct fake_store *fake, const struct uuid *id)
{
	for (size_t i = 0; i < fake->room_count; i++) {
		if (uuid_eq(&fake->rooms[i]->row.id, id)) {
			fake_room_free(fake->rooms[i]);
			fake->rooms[i] = fake->rooms[--fake->room_count];
			return;
		}
	}
}

int fake_room_sweep(struct fake_store *fake, struct store_room_sweep *req)
{
	req->more = fake->sweeps > 0;
	fake->sweeps -= req->more ? 1 : 0;
	return 0;
}

/* ---- participants ---- */

int fake_member_add(struct fake_store *fake, struct store_member_add *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	enum member_role wanted = req->role != ROLE_NONE ? req->role : ROLE_MEMBER;
	int err = judge(room, &req->actor, wanted > ROLE_ADMIN ? wanted : ROLE_ADMIN, 0);
	if (err != 0) {
		return err;
	}
	req->added = fake_member_of(room, &req->user) == NULL;
	if (req->added && req->public_only && room->row.visibility != ROOM_PUBLIC) {
		return ERR_NOT_FOUND;
	}
	if (req->added && room->row.type == ROOM_DIRECT) {
		return ERR_FORBIDDEN;
	}
	if (req->added) {
		fake_member_put(fake, room, &req->user, req->identity, wanted);
		room->row.member_version++;
	}
	req->now = fake_role_of(room, &req->user);
	req->row = fake_row_for(req->call.arena, room);
	return 0;
}

/* The highest role, and of those the one who has been there longest. */
static void find_successor(struct fake_room *room, struct store_member_remove *req)
{
	struct member_row *best = NULL;
	for (size_t i = 0; i < room->member_count; i++) {
		if (best == NULL || room->members[i].role > best->role) {
			best = &room->members[i];
		}
	}
	req->has_successor = best != NULL && best->role != ROLE_OWNER;
	if (req->has_successor) {
		best->role = ROLE_OWNER;
		req->successor = best->user;
	}
}

static int judge_remove(struct fake_room *room, const struct store_member_remove *req)
{
	const struct store_actor *actor = &req->actor;
	enum member_role by, role = fake_role_of(room, &req->user);
	int err = fake_actor_role(room, actor, &by);
	if (err != 0) {
		return err;
	}
	bool himself = actor->has_by && uuid_eq(&actor->by, &req->user);
	if (!himself && by != ROLE_OWNER && (by != ROLE_ADMIN || role >= ROLE_ADMIN)) {
		return ERR_FORBIDDEN;
	}
	if (role == ROLE_NONE) {
		return ERR_NOT_MEMBER;
	}
	return room->row.type == ROOM_DIRECT && !req->even_direct ? ERR_FORBIDDEN : 0;
}

int fake_member_remove(struct fake_store *fake, struct store_member_remove *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	int err = room != NULL ? judge_remove(room, req) : ERR_NOT_FOUND;
	if (err != 0) {
		return err;
	}
	struct member_row *member = fake_member_of(room, &req->user);
	bool was_owner = member->role == ROLE_OWNER;
	fake_member_take(room, member);
	req->has_successor = false;
	if (was_owner) {
		find_successor(room, req);
	}
	if (room->row.type == ROOM_DIRECT) {
		room->unpaired = true;
		room->row.version += room->row.archived_ms == 0 ? 1 : 0;
		room->row.archived_ms = FAKE_NOW_MS;
	}
	req->row = fake_row_for(req->call.arena, room);
	return 0;
}

static bool has_other_owner(const struct fake_room *room, const struct uuid *user)
{
	for (size_t i = 0; i < room->member_count; i++) {
		if (room->members[i].role == ROLE_OWNER && !uuid_eq(&room->members[i].user, user)) {
			return true;
		}
	}
	return false;
}

static int judge_role(struct fake_room *room, const struct store_member_role *req)
{
	enum member_role by, role = fake_role_of(room, &req->user);
	int err = fake_actor_role(room, &req->actor, &by);
	if (err != 0) {
		return err;
	}
	bool self = req->actor.has_by && uuid_eq(&req->actor.by, &req->user);
	bool below = by == ROLE_ADMIN && req->role <= ROLE_ADMIN && (role < ROLE_ADMIN || self);
	if ((by != ROLE_OWNER && !below) || room->row.type == ROOM_DIRECT) {
		return ERR_FORBIDDEN;
	}
	if (role == ROLE_NONE) {
		return ERR_NOT_MEMBER;
	}
	bool last = role == ROLE_OWNER && req->role != role && !has_other_owner(room, &req->user);
	return last ? ERR_CONFLICT : 0;
}

int fake_member_role(struct fake_store *fake, struct store_member_role *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	int err = room != NULL ? judge_role(room, req) : ERR_NOT_FOUND;
	if (err != 0) {
		return err;
	}
	struct member_row *member = fake_member_of(room, &req->user);
	req->changed = member->role != req->role;
	member->role = req->role;
	room->row.member_version += req->changed ? 1 : 0;
	req->row = fake_row_for(req->call.arena, room);
	return 0;
}

static struct member_row member_for(
	struct fake_store *fake, struct arena *arena, const struct member_row *member)
{
	struct member_row row = *member;
	const struct fake_user *user = fake_user_of(fake, &member->user);
	row.identity = arena_dup(arena, user->row.identity);
	row.display_name = arena_dup(arena, user->row.display_name);
	return row;
}

int fake_member_list(struct fake_store *fake, struct store_member_list *req)
{
	const struct fake_room *room = fake_room_of(fake, &req->room);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	size_t size = room->member_count * sizeof(room->members[0]);
	req->members = arena_alloc(req->call.arena, size + 1);
	for (size_t i = 0; i < room->member_count; i++) {
		req->members[i] = member_for(fake, req->call.arena, &room->members[i]);
	}
	req->count = room->member_count;
	req->member_version = room->row.member_version;
	return 0;
}

static int compare_members(const void *a, const void *b)
{
	const struct member_row *x = a, *y = b;
	return memcmp(x->user.b, y->user.b, sizeof(x->user.b));
}

int fake_member_page(struct fake_store *fake, struct store_member_page *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	qsort(room->members, room->member_count, sizeof(room->members[0]), compare_members);
	req->members =
		arena_alloc(req->call.arena, (room->member_count + 1) * sizeof(req->members[0]));
	req->count = 0;
	for (size_t i = 0; i < room->member_count && req->count < req->limit; i++) {
		const struct member_row *member = &room->members[i];
		int order = memcmp(member->user.b, req->after.b, sizeof(req->after.b));
		if (req->only ? order == 0 : order > 0) {
			req->members[req->count++] = member_for(fake, req->call.arena, member);
		}
	}
	return 0;
}
