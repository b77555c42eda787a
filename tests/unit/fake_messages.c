/* The fake store's messages. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "tests/unit/fake_tables.h"

/* ---- append ---- */

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
	message->row.sent_ms = FAKE_NOW_MS + (int64_t)at;
	room->row.last_activity_ms = message->row.sent_ms;
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

/* NULL: none that is still there. */
static struct fake_message *message_at(struct fake_room *room, uint64_t seq)
{
	bool known = seq >= 1 && seq <= room->row.last_seq;
	return known && !room->messages[seq - 1].purged ? &room->messages[seq - 1] : NULL;
}

static struct fake_message *message_by_id(
	const struct fake_store *fake, struct fake_room *room, const struct uuid *id)
{
	for (uint64_t seq = 1; seq <= room->row.last_seq; seq++) {
		struct fake_message *message = message_at(room, seq);
		struct uuid its;
		if (message == NULL) {
			continue;
		}
		store_message_id(&fake->base, &message->row, &its);
		if (uuid_eq(&its, id)) {
			return message;
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
	message->row.ref_seq = item->ref_seq;
	message->row.client_message_id = fake_own(item->client_message_id);
	message->row.content = fake_own(item->content);
	message->row.encrypted = item->encrypted;
	message->row.nonce = fake_own(item->nonce);
	message->row.auth_tag = fake_own(item->auth_tag);
	message->row.attachment = fake_own(item->attachment);
	if (item->imported) {
		message->row.imported_id = item->imported_id;
		message->row.sent_ms = item->sent_ms;
	}
	item->outcome = APPEND_STORED;
	item->seq = message->row.seq;
	item->sent_ms = message->row.sent_ms;
	item->member_version = room->row.member_version;
}

static void message_blank(struct fake_message *message)
{
	fake_set(&message->row.content, BYTES_NONE);
	fake_set(&message->row.nonce, BYTES_NONE);
	fake_set(&message->row.auth_tag, BYTES_NONE);
	fake_set(&message->row.attachment, BYTES_NONE);
	message->row.deleted_ms = FAKE_NOW_MS;
}

static void take_effect(struct fake_room *room, const struct append_item *item)
{
	struct fake_message *target = message_at(room, item->ref_seq);
	if (item->type == MESSAGE_EDIT) {
		fake_set(&target->row.content, item->content);
		fake_set(&target->row.nonce, item->nonce);
		fake_set(&target->row.auth_tag, item->auth_tag);
		target->row.encrypted = item->encrypted;
		target->row.edited_ms = FAKE_NOW_MS;
		return;
	}
	message_blank(target);
	for (uint64_t i = 0; i < room->row.last_seq; i++) {
		struct fake_message *entry = &room->messages[i];
		if (entry->row.type == MESSAGE_EDIT && entry->row.ref_seq == item->ref_seq) {
			message_blank(entry);
		}
	}
}

static enum append_outcome judge_change(struct fake_room *room, const struct append_item *item)
{
	const struct fake_message *target = message_at(room, item->ref_seq);
	enum message_type last = item->type == MESSAGE_EDIT ? MESSAGE_FILE : MESSAGE_ASSISTANT;
	if (target == NULL || target->row.deleted_ms != 0 || target->row.type > last) {
		return APPEND_NO_TARGET;
	}
	bool over = item->type == MESSAGE_DELETE && fake_role_of(room, &item->sender) >= ROLE_ADMIN;
	bool own = uuid_eq(&target->row.sender, &item->sender);
	return own || over ? APPEND_STORED : APPEND_FORBIDDEN;
}

static void append_change(struct fake_room *room, struct append_item *item)
{
	item->outcome = judge_change(room, item);
	if (item->outcome == APPEND_STORED) {
		take_effect(room, item);
		append_new(room, item);
	}
}

static void append_one(struct fake_store *fake, struct append_item *item)
{
	struct fake_room *room = fake_room_of(fake, &item->room);
	if (room == NULL || (!item->imported && fake_member_of(room, &item->sender) == NULL)) {
		item->outcome = APPEND_NOT_MEMBER;
		return;
	}
	struct fake_message *first = message_by_key(room, item->client_key);
	if (first == NULL && item->imported) {
		first = message_by_id(fake, room, &item->imported_id);
	}
	if (first != NULL) {
		bool same = memcmp(first->body_hash, item->body_hash, 8) == 0;
		item->outcome = same ? APPEND_REPEATED : APPEND_CONFLICT;
		item->seq = first->row.seq;
		item->sent_ms = first->row.sent_ms;
	} else if (item->imported) {
		append_new(room, item);
	} else if (room->row.archived_ms != 0) {
		item->outcome = APPEND_ARCHIVED;
	} else if (item->type == MESSAGE_EDIT || item->type == MESSAGE_DELETE) {
		append_change(room, item);
	} else {
		append_new(room, item);
	}
}

int fake_append(struct fake_store *fake, struct store_append *req)
{
	for (size_t i = 0; i < req->count; i++) {
		append_one(fake, &req->items[i]);
	}
	return 0;
}

uint64_t fake_store_message(struct fake_store *fake, const struct uuid *room,
	const struct uuid *sender, const char *content)
{
	struct append_item item = {.sender = *sender, .content = bytes_str(content)};
	random_bytes(item.client_key, sizeof(item.client_key));
	append_new(fake_room_of(fake, room), &item);
	return item.seq;
}

/* ---- read ---- */

static uint64_t first_kept(const struct fake_room *room)
{
	uint64_t seq = 1;
	while (seq <= room->row.last_seq && room->messages[seq - 1].purged) {
		seq++;
	}
	return seq;
}

static void reverse(struct message_row *rows, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct message_row row = rows[i];
		rows[i] = rows[count - 1 - i];
		rows[count - 1 - i] = row;
	}
}

int fake_page(struct fake_store *fake, struct store_page *req)
{
	const struct fake_room *room = fake_room_of(fake, &req->room);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	uint64_t head = room->row.last_seq;
	uint64_t end = req->before_seq != 0 && req->before_seq <= head ? req->before_seq : head + 1;
	req->rows = arena_alloc(req->call.arena, (req->limit + 1) * sizeof(req->rows[0]));
	req->last_seq = head;
	req->first_kept_seq = first_kept(room);
	req->count = 0;
	req->cut = false;
	uint64_t first = req->after_seq + 1;
	uint64_t seq = req->newest ? end - 1 : first;
	size_t weight = 0;
	while (seq >= first && seq < end && req->count < req->limit && !req->cut) {
		const struct fake_message *message = &room->messages[seq - 1];
		seq += req->newest ? -1 : 1;
		if (message->purged) {
			continue;
		}
		req->rows[req->count++] = fake_message_for(req->call.arena, message);
		weight += 512 + message->row.content.len + message->row.attachment.len;
		req->cut =
			req->max_bytes != 0 && weight >= req->max_bytes && req->count < req->limit;
	}
	if (req->newest) {
		reverse(req->rows, req->count);
	}
	return 0;
}

int fake_message_find(struct fake_store *fake, struct store_message_find *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	const struct fake_message *message =
		room != NULL ? message_by_id(fake, room, &req->id) : NULL;
	if (message == NULL) {
		return ERR_NOT_FOUND;
	}
	req->row = fake_message_for(req->call.arena, message);
	return 0;
}

/* ---- what one user sent ---- */

static bool is_behind(const struct fake_message *message, const struct uuid *room, uint64_t seq)
{
	int order = memcmp(message->row.room.b, room->b, sizeof(room->b));
	return order > 0 || (order == 0 && message->row.seq > seq);
}

/* The next message behind a place in the order of (room id, seq), or NULL. */
static struct fake_message *message_behind(
	struct fake_store *fake, const struct uuid *room, uint64_t seq)
{
	struct fake_message *best = NULL;
	for (size_t i = 0; i < fake->room_count; i++) {
		for (uint64_t n = 1; n <= fake->rooms[i]->row.last_seq; n++) {
			struct fake_message *message = message_at(fake->rooms[i], n);
			if (message != NULL && is_behind(message, room, seq) &&
				(best == NULL ||
					!is_behind(message, &best->row.room, best->row.seq))) {
				best = message;
			}
		}
	}
	return best;
}

int fake_sent_page(struct fake_store *fake, struct store_sent_page *req)
{
	struct fake_message *message;
	uint32_t scanned = 0;
	req->rows = arena_alloc(req->call.arena, req->scan_max * sizeof(req->rows[0]));
	req->count = 0;
	while (scanned < req->scan_max &&
		(message = message_behind(fake, &req->after_room, req->after_seq)) != NULL) {
		scanned++;
		req->after_room = message->row.room;
		req->after_seq = message->row.seq;
		if (uuid_eq(&message->row.sender, &req->user)) {
			req->rows[req->count++] = fake_message_for(req->call.arena, message);
		}
	}
	req->more = scanned == req->scan_max;
	return 0;
}

int fake_sent_erase(struct fake_store *fake, struct store_sent_erase *req)
{
	struct fake_message *message;
	uint32_t scanned = 0;
	req->erased = 0;
	while (scanned < req->scan_max &&
		(message = message_behind(fake, &req->after_room, req->after_seq)) != NULL) {
		scanned++;
		req->after_room = message->row.room;
		req->after_seq = message->row.seq;
		bool has_content =
			message->row.deleted_ms == 0 && message->row.type != MESSAGE_DELETE;
		if (has_content && uuid_eq(&message->row.sender, &req->user)) {
			message_blank(message);
			req->erased++;
		}
	}
	req->more = scanned == req->scan_max;
	return 0;
}

/* ---- purge ---- */

static bool is_to_go(const struct store_purge *req, const struct fake_message *message)
{
	return req->before_seq != 0 ? message->row.seq < req->before_seq
				    : message->row.sent_ms < req->before_ms;
}

int fake_purge(struct fake_store *fake, struct store_purge *req)
{
	struct fake_room *room = fake_room_of(fake, &req->room);
	if (room == NULL) {
		return ERR_NOT_FOUND;
	}
	uint64_t seq = first_kept(room);
	req->purged = 0;
	req->more = false;
	for (; seq <= room->row.last_seq && is_to_go(req, &room->messages[seq - 1]); seq++) {
		if (!req->plan && req->purged == req->limit) {
			req->more = true;
			break;
		}
		room->messages[seq - 1].purged = !req->plan;
		req->purged++;
	}
	req->first_kept_seq = seq;
	return 0;
}
