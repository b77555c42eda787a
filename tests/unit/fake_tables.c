#include "tests/unit/fake_tables.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"

/* ---- texts ---- */

struct bytes fake_own(struct bytes text)
{
	return bytes_of(mem_dup_bytes(text), text.len);
}

static void text_free(struct bytes text)
{
	free((void *)(uintptr_t)text.ptr);
}

void fake_set(struct bytes *text, struct bytes value)
{
	struct bytes old = *text;

	*text = fake_own(value);
	text_free(old);
}

/* ---- rooms ---- */

struct fake_room *fake_room_of(const struct fake_store *fake, const struct uuid *id)
{
	for (size_t i = 0; i < fake->room_count; i++) {
		if (uuid_eq(&fake->rooms[i]->row.id, id)) {
			return fake->rooms[i];
		}
	}
	return NULL;
}

struct fake_room *fake_room_named(const struct fake_store *fake, struct bytes ref)
{
	struct uuid id;
	char alias[65];
	if (uuid_parse(ref, &id) == 0) {
		return fake_room_of(fake, &id);
	}
	if (model_alias_fold(ref, alias) != 0) {
		return NULL;
	}
	for (size_t i = 0; i < fake->room_count; i++) {
		if (bytes_eq(fake->rooms[i]->row.alias, bytes_str(alias))) {
			return fake->rooms[i];
		}
	}
	return NULL;
}

struct fake_room *fake_room_make(struct fake_store *fake, const struct uuid *id, struct bytes alias)
{
	assert(fake->room_count < FAKE_ROOMS_MAX);
	struct fake_room *room = mem_zalloc(sizeof(*room));
	room->row.id = *id;
	room->row.alias = fake_own(alias);
	room->row.name = fake_own(BYTES_LIT("A room"));
	room->row.avatar_url = fake_own(BYTES_NONE);
	room->row.created_ms = FAKE_NOW_MS;
	room->row.member_version = 1;
	room->row.version = 1;
	fake->rooms[fake->room_count++] = room;
	return room;
}

static void message_free(struct fake_message *message)
{
	text_free(message->row.client_message_id);
	text_free(message->row.content);
	text_free(message->row.nonce);
	text_free(message->row.auth_tag);
	text_free(message->row.attachment);
}

void fake_room_free(struct fake_room *room)
{
	for (uint64_t i = 0; i < room->row.last_seq; i++) {
		message_free(&room->messages[i]);
	}
	text_free(room->row.alias);
	text_free(room->row.name);
	text_free(room->row.avatar_url);
	free(room->messages);
	free(room);
}

struct room_row fake_row_for(struct arena *arena, const struct fake_room *room)
{
	struct room_row row = room->row;
	row.alias = arena_dup(arena, row.alias);
	row.name = arena_dup(arena, row.name);
	row.avatar_url = arena_dup(arena, row.avatar_url);
	row.member_count = room->member_count;
	return row;
}

struct message_row fake_message_for(struct arena *arena, const struct fake_message *message)
{
	struct message_row row = message->row;
	row.client_message_id = arena_dup(arena, row.client_message_id);
	row.content = arena_dup(arena, row.content);
	row.nonce = arena_dup(arena, row.nonce);
	row.auth_tag = arena_dup(arena, row.auth_tag);
	row.attachment = arena_dup(arena, row.attachment);
	return row;
}

/* ---- members ---- */

struct member_row *fake_member_of(struct fake_room *room, const struct uuid *user)
{
	for (size_t i = 0; i < room->member_count; i++) {
		if (uuid_eq(&room->members[i].user, user)) {
			return &room->members[i];
		}
	}
	return NULL;
}

enum member_role fake_role_of(struct fake_room *room, const struct uuid *user)
{
	const struct member_row *member = fake_member_of(room, user);
	return member != NULL ? member->role : ROLE_NONE;
}

void fake_member_put(struct fake_store *fake, struct fake_room *room, const struct uuid *user,
	struct bytes identity, enum member_role role)
{
	assert(room->member_count < FAKE_MEMBERS_MAX);
	fake_user_named(fake, user, identity);
	room->members[room->member_count++] = (struct member_row){
		.user = *user,
		.role = role != ROLE_NONE ? role : ROLE_MEMBER,
		.joined_ms = FAKE_NOW_MS,
	};
}

void fake_member_take(struct fake_room *room, struct member_row *member)
{
	*member = room->members[--room->member_count];
	room->row.member_version++;
}

int fake_actor_role(
	struct fake_room *room, const struct store_actor *actor, enum member_role *ret_role)
{
	*ret_role = actor->has_by ? fake_role_of(room, &actor->by) : ROLE_OWNER;
	if (*ret_role != ROLE_NONE) {
		return 0;
	}
	return room->row.visibility == ROOM_PUBLIC ? ERR_NOT_MEMBER : ERR_NOT_FOUND;
}

/* ---- users ---- */

struct fake_user *fake_user_of(struct fake_store *fake, const struct uuid *id)
{
	for (size_t i = 0; i < fake->user_count; i++) {
		if (uuid_eq(&fake->users[i].row.id, id)) {
			return &fake->users[i];
		}
	}
	return NULL;
}

struct fake_user *fake_user_named(
	struct fake_store *fake, const struct uuid *id, struct bytes identity)
{
	struct fake_user *user = fake_user_of(fake, id);
	char text[UUID_TEXT_SIZE];
	if (user != NULL) {
		return user;
	}
	assert(fake->user_count < FAKE_USERS_MAX);
	uuid_format(id, text);
	user = &fake->users[fake->user_count++];
	user->row.id = *id;
	user->row.identity = fake_own(identity.len != 0 ? identity : bytes_str(text));
	user->row.display_name = fake_own(user->row.identity);
	user->row.avatar_url = fake_own(BYTES_NONE);
	user->row.ban_reason = fake_own(BYTES_NONE);
	user->row.created_ms = FAKE_NOW_MS;
	user->row.version = 1;
	return user;
}

struct user_row fake_user_for(struct arena *arena, const struct fake_user *user)
{
	struct user_row row = user->row;
	row.identity = arena_dup(arena, row.identity);
	row.display_name = arena_dup(arena, row.display_name);
	row.avatar_url = arena_dup(arena, row.avatar_url);
	row.ban_reason = arena_dup(arena, row.ban_reason);
	return row;
}

void fake_tables_free(struct fake_store *fake)
{
	for (size_t i = 0; i < fake->room_count; i++) {
		fake_room_free(fake->rooms[i]);
	}
	for (size_t i = 0; i < fake->user_count; i++) {
		text_free(fake->users[i].row.identity);
		text_free(fake->users[i].row.display_name);
		text_free(fake->users[i].row.avatar_url);
		text_free(fake->users[i].row.ban_reason);
	}
}

/* ---- what tests do at once ---- */

void fake_store_room(struct fake_store *fake, const struct uuid *id, const char *alias,
	enum room_visibility visibility)
{
	fake_room_make(fake, id, bytes_str(alias))->row.visibility = visibility;
}

void fake_store_room_visibility(
	struct fake_store *fake, const struct uuid *room, enum room_visibility visibility)
{
	fake_room_of(fake, room)->row.visibility = visibility;
}

void fake_store_room_flags(
	struct fake_store *fake, const struct uuid *room, bool encrypted, bool archived)
{
	fake_room_of(fake, room)->row.encrypted = encrypted;
	fake_room_of(fake, room)->row.archived_ms = archived ? FAKE_NOW_MS : 0;
}

void fake_store_room_direct(struct fake_store *fake, const struct uuid *room)
{
	fake_room_of(fake, room)->row.type = ROOM_DIRECT;
	fake_room_of(fake, room)->row.visibility = ROOM_PRIVATE;
}

void fake_store_member(struct fake_store *fake, const struct uuid *room, const struct uuid *user)
{
	fake_store_role(fake, room, user, ROLE_MEMBER);
}

void fake_store_role(struct fake_store *fake, const struct uuid *room, const struct uuid *user,
	enum member_role role)
{
	struct fake_room *of = fake_room_of(fake, room);
	struct member_row *member = fake_member_of(of, user);
	if (member != NULL) {
		member->role = role;
	} else {
		fake_member_put(fake, of, user, BYTES_NONE, role);
	}
	of->row.member_version++;
}

void fake_store_member_gone(
	struct fake_store *fake, const struct uuid *room, const struct uuid *user)
{
	struct fake_room *of = fake_room_of(fake, room);
	fake_member_take(of, fake_member_of(of, user));
}

void fake_store_user(struct fake_store *fake, const struct uuid *user, const char *identity)
{
	fake_user_named(fake, user, bytes_str(identity));
}

void fake_store_purge(
	struct fake_store *fake, const struct uuid *room, uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++) {
		fake_room_of(fake, room)->messages[seq - 1].purged = true;
	}
}

void fake_store_sweeps(struct fake_store *fake, unsigned count)
{
	fake->sweeps = count;
}

uint64_t fake_store_head(const struct fake_store *fake, const struct uuid *room)
{
	return fake_room_of(fake, room)->row.last_seq;
}

bool fake_store_is_member(
	const struct fake_store *fake, const struct uuid *room, const struct uuid *user)
{
	return fake_member_of(fake_room_of(fake, room), user) != NULL;
}

bool fake_store_has_room(const struct fake_store *fake, const struct uuid *room)
{
	return fake_room_of(fake, room) != NULL;
}

const struct room_row *fake_store_room_row(const struct fake_store *fake, const struct uuid *room)
{
	const struct fake_room *of = fake_room_of(fake, room);
	return of != NULL ? &of->row : NULL;
}

const struct room_row *fake_store_room_called(const struct fake_store *fake, const char *alias)
{
	const struct fake_room *of = fake_room_named(fake, bytes_str(alias));
	return of != NULL ? &of->row : NULL;
}

const struct user_row *fake_store_user_row(struct fake_store *fake, const struct uuid *user)
{
	const struct fake_user *of = fake_user_of(fake, user);
	return of != NULL ? &of->row : NULL;
}

enum member_role fake_store_role_of(
	const struct fake_store *fake, const struct uuid *room, const struct uuid *user)
{
	return fake_role_of(fake_room_of(fake, room), user);
}

const struct message_row *fake_store_message_row(
	const struct fake_store *fake, const struct uuid *room, uint64_t seq)
{
	const struct fake_message *message = &fake_room_of(fake, room)->messages[seq - 1];
	return message->purged ? NULL : &message->row;
}
