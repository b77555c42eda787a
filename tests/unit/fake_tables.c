#include "tests/unit/fake_tables.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"

#define SENT_MS 1700000000000

/* ---- rooms ---- */

static struct fake_room *room_of(const struct fake_store *fake, const struct uuid *id)
{
	for (size_t i = 0; i < fake->room_count; i++) {
		if (uuid_eq(&fake->rooms[i]->row.id, id)) {
			return fake->rooms[i];
		}
	}
	return NULL;
}

static struct fake_room *room_named(const struct fake_store *fake, struct bytes ref)
{
	struct uuid id;
	char alias[65];
	if (uuid_parse(ref, &id) == 0) {
		return room_of(fake, &id);
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

/* Results lie on the caller's arena, so that one who keeps them too long is found out. */
static struct room_row row_for(struct arena *arena, const struct fake_room *room)
{
	struct room_row row = room->row;
	row.alias = arena_dup(arena, row.alias);
	row.name = arena_dup(arena, row.name);
	row.member_count = room->member_count;
	return row;
}

static struct member_row *member_of(struct fake_room *room, const struct uuid *user)
{
	for (size_t i = 0; i < room->member_count; i++) {
		if (uuid_eq(&room->members[i].user, user)) {
			return &room->members[i];
		}
	}
	return NULL;
}

static void member_put(struct fake_room *room, const struct uuid *user, enum member_role role)
{
	assert(room->member_count < FAKE_MEMBERS_MAX);
	room->members[room->member_count++] = (struct member_row){.user = *user, .role = role};
}

static void member_take(struct fake_room *room, struct member_row *member)
{
	*member = room->members[--room->member_count];
	room->row.member_version++;
}

static struct fake_room *room_make(
	struct fake_store *fake, const struct uuid *id, struct bytes alias)
{
	assert(fake->room_count < FAKE_ROOMS_MAX);
	struct fake_room *room = mem_zalloc(sizeof(*room));
	room->row.id = *id;
	room->row.alias = bytes_of(mem_dup_bytes(alias), alias.len);
	room->row.name = bytes_str(mem_strdup("A room"));
	room->row.created_ms = SENT_MS;
	room->row.member_version = 1;
	fake->rooms[fake->room_count++] = room;
	return room;
}

/* ---- messages ---- */

static struct bytes own(struct bytes text)
{
	return bytes_of(mem_dup_bytes(text), text.len);
}

static struct fake_message *message_put(struct fake_room *room)
{
	size_t at = (size_t)room->row.last_seq++;
	if (at == room->message_cap) {
		room->message_cap = at == 0 ? 16 : at * 2;
		room->messages =
			mem_realloc(room->messages, room->message_cap * sizeof(room->messages[0]));
	}
	struct fake_message *message = &room->messages[at];
	*message = (struct fake_message){0};
	message->row.room = room->row.id;
	message->row.seq = at + 1;
	message->row.sent_ms = SENT_MS + (int64_t)at;
	return message;
}

static struct fake_message *message_by_key(struct fake_room *room, const uint8_t key[16])
{
	for (uint64_t i = 0; i < room->row.last_seq; i++) {
		if (memcmp(room->messages[i].client_key, key, 16) == 0) {
			return &room->messages[i];
		}
	}
	return NULL;
}

static void append_new(struct fake_room *room, struct append_item *item)
{
	struct fake_message *message = message_put(room);
	memcpy(message->client_key, item->client_key, sizeof(message->client_key));
	memcpy(message->body_hash, item->body_hash, sizeof(message->body_hash));
	message->row.sender = item->sender;
	message->row.type = item->type;
	message->row.client_message_id = own(item->client_message_id);
	message->row.content = own(item->content);
	message->row.attachment = own(item->attachment);
	item->outcome = APPEND_STORED;
	item->seq = message->row.seq;
	item->sent_ms = message->row.sent_ms;
	item->member_version = room->row.member_version;
}

static void append_one(struct fake_store *fake, struct append_item *item)
{
	struct fake_room *room = room_of(fake, &item->room);
	if (room == NULL || member_of(room, &item->sender) == NULL) {
		item->outcome = APPEND_NOT_MEMBER;
		return;
	}
	struct fake_message *first = message_by_key(room, item->client_key);
	if (first != NULL) {
		bool same = memcmp(first->body_hash, item->body_hash, 8) == 0;
		item->outcome = same ? APPEND_REPEATED : APPEND_CONFLICT;
		item->seq = first->row.seq;
		item->sent_ms = first->row.sent_ms;
	} else if (room->row.archived_ms != 0) {
		item->outcome = APPEND_ARCHIVED;
	} else {
		append_new(room, item);
	}
}

static int do_append(struct fake_store *fake, struct store_append *req)
{
	for (size_t i = 0; i < req->count; i++) {
		append_one(fake, &req->items[i]);
	}
	return 0;
}

static struct message_row message_for(struct arena *arena, const struct fake_message *message)
{
	struct message_row row = message->row;
	row.client_message_id = arena_dup(arena, row.client_message_id);
	row.content = arena_dup(arena, row.content);
	row.attachment = arena_dup(arena, row.attachment);
	return row;
}

static int do_page(struct fake_store *fake, struct store_page *req)
{
	const struct fake_room *room = room_of(fake, &req->room);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	uint64_t head = room->row.last_seq;
	uint64_t end = req->before_seq != 0 && req->before_seq <= head ? req->before_seq : head + 1;
	req->rows = arena_alloc(req->call.arena, (req->limit + 1) * sizeof(req->rows[0]));
	req->last_seq = head;
	req->count = 0;
	req->cut = false;
	uint64_t from = req->after_seq + 1;
	if (req->newest && end > req->limit && end - req->limit > from) {
		from = end - req->limit;
	}
	size_t weight = 0;
	for (uint64_t seq = from; seq < end && req->count < req->limit; seq++) {
		const struct fake_message *message = &room->messages[seq - 1];
		if (message->purged) {
			continue;
		}
		req->rows[req->count++] = message_for(req->call.arena, message);
		weight += 512 + message->row.content.len + message->row.attachment.len;
		if (req->max_bytes != 0 && weight >= req->max_bytes) {
			req->cut = seq + 1 < end;
			break;
		}
	}
	return 0;
}

/* ---- the other calls ---- */

static int do_room_find(struct fake_store *fake, struct store_room_find *req)
{
	struct fake_room *room = room_named(fake, req->ref);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	req->room = row_for(req->call.arena, room);
	const struct member_row *member = req->has_user ? member_of(room, &req->user) : NULL;
	req->role = member != NULL ? member->role : ROLE_NONE;
	return 0;
}

static int do_room_create(struct fake_store *fake, struct store_room_create *req)
{
	struct fake_room *room = room_named(fake, req->room.alias);
	if (room != NULL) {
		req->room = row_for(req->call.arena, room);
		return ERR_EXISTS;
	}
	room = room_make(fake, &req->room.id, req->room.alias);
	room->row.visibility = req->room.visibility;
	for (size_t i = 0; i < req->member_count; i++) {
		member_put(room, &req->members[i].user, req->members[i].role);
	}
	req->room = row_for(req->call.arena, room);
	req->created = true;
	return 0;
}

static int do_member_add(struct fake_store *fake, struct store_member_add *req)
{
	struct fake_room *room = room_of(fake, &req->room);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	const struct member_row *member = member_of(room, &req->user);
	if (member == NULL && req->public_only && room->row.visibility != ROOM_PUBLIC) {
		return ERR_NOT_FOUND;
	}
	req->added = member == NULL;
	if (req->added) {
		member_put(room, &req->user, req->role);
		room->row.member_version++;
	}
	req->now = member_of(room, &req->user)->role;
	req->row = row_for(req->call.arena, room);
	return 0;
}

static int do_member_remove(struct fake_store *fake, struct store_member_remove *req)
{
	struct fake_room *room = room_of(fake, &req->room);
	struct member_row *member = room != NULL ? member_of(room, &req->user) : NULL;
	if (member == NULL) {
		return ERR_NOT_MEMBER;
	}
	member_take(room, member);
	req->row = row_for(req->call.arena, room);
	return 0;
}

static int do_member_list(struct fake_store *fake, struct store_member_list *req)
{
	const struct fake_room *room = room_of(fake, &req->room);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	size_t size = room->member_count * sizeof(room->members[0]);
	req->members = arena_alloc(req->call.arena, size + 1);
	memcpy(req->members, room->members, size);
	req->count = room->member_count;
	req->member_version = room->row.member_version;
	return 0;
}

static int do_user_open(struct fake_store *fake, struct store_user_open *req)
{
	req->rooms = arena_alloc(req->call.arena, (fake->room_count + 1) * sizeof(req->rooms[0]));
	req->room_count = 0;
	for (size_t i = 0; i < fake->room_count; i++) {
		const struct member_row *member = member_of(fake->rooms[i], &req->user);
		if (member != NULL) {
			req->rooms[req->room_count++] = (struct room_of_user){
				.room = row_for(req->call.arena, fake->rooms[i]),
				.role = member->role,
			};
		}
	}
	return 0;
}

int fake_do(struct fake_store *fake, const struct fake_held *held)
{
	void *req = held->call; /* its first member */
	switch (held->kind) {
	case FAKE_NOTHING:
		break;
	case FAKE_APPEND:
		return do_append(fake, req);
	case FAKE_PAGE:
		return do_page(fake, req);
	case FAKE_ROOM_FIND:
		return do_room_find(fake, req);
	case FAKE_ROOM_CREATE:
		return do_room_create(fake, req);
	case FAKE_MEMBER_ADD:
		return do_member_add(fake, req);
	case FAKE_MEMBER_REMOVE:
		return do_member_remove(fake, req);
	case FAKE_MEMBER_LIST:
		return do_member_list(fake, req);
	case FAKE_USER_OPEN:
		return do_user_open(fake, req);
	}
	return ERR_INTERNAL;
}

/* ---- what tests do at once ---- */

void fake_store_room(struct fake_store *fake, const struct uuid *id, const char *alias,
	enum room_visibility visibility)
{
	room_make(fake, id, bytes_str(alias))->row.visibility = visibility;
}

void fake_store_room_visibility(
	struct fake_store *fake, const struct uuid *room, enum room_visibility visibility)
{
	room_of(fake, room)->row.visibility = visibility;
}

void fake_store_room_flags(
	struct fake_store *fake, const struct uuid *room, bool encrypted, bool archived)
{
	room_of(fake, room)->row.encrypted = encrypted;
	room_of(fake, room)->row.archived_ms = archived ? SENT_MS : 0;
}

void fake_store_member(struct fake_store *fake, const struct uuid *room, const struct uuid *user)
{
	member_put(room_of(fake, room), user, ROLE_MEMBER);
	room_of(fake, room)->row.member_version++;
}

void fake_store_member_gone(
	struct fake_store *fake, const struct uuid *room, const struct uuid *user)
{
	member_take(room_of(fake, room), member_of(room_of(fake, room), user));
}

uint64_t fake_store_message(struct fake_store *fake, const struct uuid *room,
	const struct uuid *sender, const char *content)
{
	struct fake_message *message = message_put(room_of(fake, room));
	random_bytes(message->client_key, sizeof(message->client_key));
	message->row.sender = *sender;
	message->row.client_message_id = own(BYTES_NONE);
	message->row.attachment = own(BYTES_NONE);
	message->row.content = own(bytes_str(content));
	return message->row.seq;
}

void fake_store_purge(
	struct fake_store *fake, const struct uuid *room, uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++) {
		room_of(fake, room)->messages[seq - 1].purged = true;
	}
}

uint64_t fake_store_head(const struct fake_store *fake, const struct uuid *room)
{
	return room_of(fake, room)->row.last_seq;
}

bool fake_store_is_member(
	const struct fake_store *fake, const struct uuid *room, const struct uuid *user)
{
	return member_of(room_of(fake, room), user) != NULL;
}

static void room_free(struct fake_room *room)
{
	for (uint64_t i = 0; i < room->row.last_seq; i++) {
		free((void *)(uintptr_t)room->messages[i].row.client_message_id.ptr);
		free((void *)(uintptr_t)room->messages[i].row.content.ptr);
		free((void *)(uintptr_t)room->messages[i].row.attachment.ptr);
	}
	free((void *)(uintptr_t)room->row.alias.ptr);
	free((void *)(uintptr_t)room->row.name.ptr);
	free(room->messages);
	free(room);
}

void fake_tables_free(struct fake_store *fake)
{
	for (size_t i = 0; i < fake->room_count; i++) {
		room_free(fake->rooms[i]);
	}
}
