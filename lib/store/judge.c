#include "lib/store/judge.h"

#include "lib/base/err.h"

/* ---- who acts ---- */

int judge_actor(const struct room_row *room, const struct store_actor *actor,
	enum member_role in_room, enum member_role *ret_role)
{
	enum member_role role = actor->has_by ? in_room : ROLE_OWNER;

	if (role == ROLE_NONE) {
		return room->visibility == ROOM_PUBLIC ? ERR_NOT_MEMBER : ERR_NOT_FOUND;
	}
	*ret_role = role;
	return 0;
}

/* least ROLE_MEMBER: must be in the room. */
static int check_actor(const struct room_row *room, const struct store_actor *actor,
	enum member_role in_room, enum member_role least)
{
	enum member_role role = ROLE_NONE;
	int err = judge_actor(room, actor, in_room, &role);

	if (err != 0) {
		return err;
	}
	return role >= least ? 0 : ERR_FORBIDDEN;
}

static int check_version(const struct room_row *row, uint64_t expected)
{
	return expected == 0 || expected == row->version ? 0 : ERR_PRECONDITION;
}

/* ---- rooms ---- */

/* false: these are not two people. */
static bool pair_key(const struct store_room_create *req, uint8_t out[32])
{
	if (req->member_count != 2 || uuid_eq(&req->members[0].user, &req->members[1].user)) {
		return false;
	}
	const struct uuid *a = &req->members[0].user, *b = &req->members[1].user;
	bool in_order = memcmp(a->b, b->b, sizeof(a->b)) < 0;
	memcpy(out, in_order ? a->b : b->b, 16);
	memcpy(out + 16, in_order ? b->b : a->b, 16);
	return true;
}

int judge_room_create(const struct store_room_create *req, struct judge_room *ret_room)
{
	ret_room->row = req->asked;
	ret_room->pair_len = 0;
	if (req->asked.alias.len != 0) {
		if (model_alias_fold(req->asked.alias, ret_room->alias) != 0) {
			return ERR_BAD_ROOM;
		}
		ret_room->row.alias = bytes_str(ret_room->alias);
	}
	if (req->asked.type == ROOM_DIRECT) {
		if (!pair_key(req, ret_room->pair)) {
			return ERR_BAD_REQUEST;
		}
		ret_room->pair_len = sizeof(ret_room->pair);
		ret_room->row.visibility = ROOM_PRIVATE;
	}
	return 0;
}

/* Gives *field the text; true where it had another one. */
static bool put(struct bytes *field, struct bytes text)
{
	bool other = !bytes_eq(*field, text);

	*field = text;
	return other;
}

static int put_alias(struct store_room_update *req)
{
	struct bytes alias = BYTES_NONE;
	char folded[65];

	if (req->alias.len != 0) {
		int err = model_alias_fold(req->alias, folded);
		if (err != 0) {
			return err;
		}
		alias = arena_dup(req->call.arena, bytes_str(folded));
	}
	req->changed |= put(&req->row.alias, alias);
	return 0;
}

static int merge(struct store_room_update *req, int64_t now_ms)
{
	struct room_row *row = &req->row;

	if ((req->changes & ROOM_SET_NAME) != 0) {
		req->changed |= put(&row->name, req->name);
	}
	if ((req->changes & ROOM_SET_AVATAR) != 0) {
		req->changed |= put(&row->avatar_url, req->avatar_url);
	}
	if ((req->changes & ROOM_SET_VISIBILITY) != 0) {
		if (row->type == ROOM_DIRECT) {
			return ERR_FORBIDDEN;
		}
		req->changed |= row->visibility != req->visibility;
		row->visibility = req->visibility;
	}
	if ((req->changes & ROOM_SET_ARCHIVED) != 0 && req->archived != (row->archived_ms != 0)) {
		req->changed = true;
		row->archived_ms = req->archived ? now_ms : 0;
	}
	return (req->changes & ROOM_SET_ALIAS) != 0 ? put_alias(req) : 0;
}

int judge_room_update(struct store_room_update *req, enum member_role by, int64_t now_ms)
{
	req->changed = false;

	int err = check_actor(&req->row, &req->actor, by, ROLE_ADMIN);
	if (err == 0) {
		err = check_version(&req->row, req->expect_version);
	}
	return err != 0 ? err : merge(req, now_ms);
}

int judge_room_delete(const struct store_room_delete *req, enum member_role by)
{
	bool direct = req->row.type == ROOM_DIRECT;
	int err = check_actor(&req->row, &req->actor, by, direct ? ROLE_MEMBER : ROLE_OWNER);

	return err != 0 ? err : check_version(&req->row, req->expect_version);
}

/* ---- members ---- */

/* Who is in already is judged before the room: a user's own room is neither hidden from him nor
 * closed. */
int judge_member_add(struct store_member_add *req, enum member_role by, enum member_role role)
{
	enum member_role wanted = req->role != ROLE_NONE ? req->role : ROLE_MEMBER;
	enum member_role least = wanted > ROLE_ADMIN ? wanted : ROLE_ADMIN;

	req->added = false;
	int err = check_actor(&req->row, &req->actor, by, least);
	if (err != 0) {
		return err;
	}
	req->now = role;
	if (role != ROLE_NONE) {
		return 0;
	}
	if (req->public_only && req->row.visibility != ROOM_PUBLIC) {
		return ERR_NOT_FOUND;
	}
	if (req->row.type == ROOM_DIRECT) {
		return ERR_FORBIDDEN;
	}
	req->now = wanted;
	req->added = true;
	return 0;
}

/* What the actor may do comes before whether the other is a member: it is not for everybody to
 * know. */
int judge_member_remove(
	const struct store_member_remove *req, enum member_role by, enum member_role role)
{
	const struct store_actor *actor = &req->actor;
	enum member_role as = ROLE_NONE;
	int err = judge_actor(&req->row, actor, by, &as);

	if (err != 0) {
		return err;
	}
	bool himself = actor->has_by && uuid_eq(&actor->by, &req->user);
	bool over = as == ROLE_OWNER || (as == ROLE_ADMIN && role < ROLE_ADMIN);
	if (!himself && !over) {
		return ERR_FORBIDDEN;
	}
	if (role == ROLE_NONE) {
		return ERR_NOT_MEMBER;
	}
	return req->row.type == ROOM_DIRECT && !req->even_direct ? ERR_FORBIDDEN : 0;
}

int judge_member_role(struct store_member_role *req, enum member_role by, enum member_role role,
	enum member_role next)
{
	enum member_role as = ROLE_NONE;

	req->changed = false;
	int err = judge_actor(&req->row, &req->actor, by, &as);
	if (err != 0) {
		return err;
	}
	bool self = req->actor.has_by && uuid_eq(&req->actor.by, &req->user);
	bool below = as == ROLE_ADMIN && req->role <= ROLE_ADMIN && (role < ROLE_ADMIN || self);
	if ((as != ROLE_OWNER && !below) || req->row.type == ROOM_DIRECT) {
		return ERR_FORBIDDEN;
	}
	if (role == ROLE_NONE) {
		return ERR_NOT_MEMBER;
	}
	if (role == ROLE_OWNER && req->role != ROLE_OWNER && next != ROLE_OWNER) {
		return ERR_CONFLICT;
	}
	req->changed = role != req->role;
	return 0;
}
