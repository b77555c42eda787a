/* The hot path: messages of any rooms into the open transaction. By room, so that a room's head is
 * read and raised once, and a page of an index is written once. */
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

struct append_ref {
	struct append_item *item;
	size_t place; /* in the order of arrival */
};

/* ---- the answer where nothing was inserted ---- */

int sqlite_append_first(struct sqlite *db, struct append_item *item)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MESSAGE_BY_KEY);

	sqlite_bind_id(stmt, 1, &item->room);
	sqlite_bind_blob(stmt, 2, bytes_of(item->client_key, sizeof(item->client_key)));
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err;
	}
	struct bytes hash = sqlite_bytes(stmt, 2);
	bool same = bytes_eq(hash, bytes_of(item->body_hash, sizeof(item->body_hash)));
	item->outcome = same ? APPEND_REPEATED : APPEND_CONFLICT;
	item->seq = (uint64_t)sqlite_int(stmt, 0);
	item->sent_ms = sqlite_int(stmt, 1);
	item->epoch_no = (uint32_t)sqlite_int(stmt, 3);
	sqlite_end(stmt);
	return 1;
}

static int explain(struct sqlite *db, struct append_item *item, enum append_outcome otherwise)
{
	enum member_role role;
	int err = sqlite_role(db, &item->room, &item->sender, &role);

	if (err != 0) {
		return err;
	}
	if (role == ROLE_NONE) {
		item->outcome = APPEND_NOT_MEMBER;
		return 0;
	}
	item->outcome = otherwise;
	err = sqlite_append_first(db, item);
	return err < 0 ? err : 0;
}

/* ---- one message ---- */

void sqlite_append_bind(const struct sqlite_connection *connection, struct sqlite_stmt *stmt,
	const struct append_item *item, const struct room_head *head, int64_t sent_ms)
{
	sqlite_bind_id(stmt, 1, &item->room);
	sqlite_bind_int(stmt, 2, (int64_t)(head->seq + 1));
	sqlite_bind_int(stmt, 3, sent_ms);
	sqlite_bind_id(stmt, 4, &item->sender);
	sqlite_bind_blob(stmt, 5, bytes_of(item->client_key, sizeof(item->client_key)));
	sqlite_bind_blob(stmt, 6, bytes_of(item->body_hash, sizeof(item->body_hash)));
	sqlite_bind_int(stmt, 7, connection->store->base.epoch_no);
	sqlite_bind_int(stmt, 8, (int64_t)item->type);
	if (item->ref_seq == 0) {
		sqlite_bind_null(stmt, 9);
	} else {
		sqlite_bind_int(stmt, 9, (int64_t)item->ref_seq);
	}
	sqlite_bind_int(stmt, 10, item->encrypted ? 1 : 0);
	sqlite_bind_text_or_null(stmt, 11, item->client_message_id);
	if (item->encrypted) {
		sqlite_bind_blob(stmt, 12, item->content);
	} else {
		sqlite_bind_text(stmt, 12, item->content);
	}
	sqlite_bind_blob_or_null(stmt, 13, item->nonce);
	sqlite_bind_blob_or_null(stmt, 14, item->auth_tag);
	sqlite_bind_text_or_null(stmt, 15, item->attachment);
}

void sqlite_append_stored(const struct sqlite_connection *connection, struct append_item *item,
	struct room_head *head, int64_t sent_ms)
{
	head->seq++;
	item->outcome = APPEND_STORED;
	item->seq = head->seq;
	item->epoch_no = connection->store->base.epoch_no;
	item->sent_ms = sent_ms;
	item->member_version = head->member_version;
}

int sqlite_append_insert(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head)
{
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_MESSAGE_ADD);
	int64_t changed = 0;
	enum member_role role;

	/* Asked apart: with a SELECT in it the INSERT would copy every page that it changes, to be
	 * able to undo itself alone. One row of VALUES is checked before anything is written. */
	int err = sqlite_role(connection->db, &item->room, &item->sender, &role);
	if (err != 0 || role == ROLE_NONE) {
		return err;
	}
	sqlite_append_bind(connection, stmt, item, head, head->sent_ms);
	err = sqlite_run(stmt, &changed);
	if (err != 0 || changed == 0) {
		return err;
	}
	head->activity_ms = head->sent_ms;
	sqlite_append_stored(connection, item, head, head->sent_ms);
	return 1;
}

static int append_one(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head)
{
	if (item->imported) {
		return sqlite_append_import(connection, item, head);
	}
	if (head->archived) {
		return explain(connection->db, item, APPEND_ARCHIVED);
	}
	if (item->type == MESSAGE_EDIT || item->type == MESSAGE_DELETE) {
		return sqlite_append_change(connection, item, head);
	}
	int err = sqlite_append_insert(connection, item, head);
	if (err == 0) {
		return explain(connection->db, item, APPEND_NOT_MEMBER);
	}
	return err < 0 ? err : 0;
}

/* An error in one row undoes that row alone and spends no number. 0, or an error for which the
 * transaction cannot go on. */
static int append_or_fail(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head)
{
	if (item->err != 0) {
		return 0; /* it failed before, and the others are run again */
	}
	int err = append_one(connection, item, head);
	if (sqlite_error_is_fatal(connection, err)) {
		return err;
	}
	if (err != 0) {
		item->outcome = APPEND_FAILED;
		item->err = err;
	}
	if (err == ERR_CORRUPT) {
		connection->found_damage = true;
		return err;
	}
	return 0;
}

/* ---- one room ---- */

/* 1: there is such a room; 0: there is none. */
static int read_head(
	struct sqlite_connection *connection, const struct uuid *room, struct room_head *ret_head)
{
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_ROOM_HEAD);

	sqlite_bind_id(stmt, 1, room);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err;
	}
	int64_t last_ms = sqlite_int(stmt, 1);
	ret_head->seq = (uint64_t)sqlite_int(stmt, 0);
	ret_head->sent_ms = connection->now_ms > last_ms ? connection->now_ms : last_ms;
	ret_head->activity_ms = last_ms;
	ret_head->member_version = (uint64_t)sqlite_int(stmt, 2);
	ret_head->archived = sqlite_int(stmt, 3) != 0;
	sqlite_end(stmt);
	return 1;
}

static int raise_head(
	struct sqlite *db, const struct uuid *room, const struct room_head *head, uint64_t stored)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_ROOM_RAISE);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_int(stmt, 2, (int64_t)head->seq);
	sqlite_bind_int(stmt, 3, head->activity_ms);
	sqlite_bind_int(stmt, 4, (int64_t)stored);
	return sqlite_run(stmt, NULL);
}

/* Where the room itself is damaged all that goes there fails. */
static int room_failed(
	struct sqlite_connection *connection, const struct append_ref *refs, size_t count, int err)
{
	for (size_t i = 0; err == ERR_CORRUPT && i < count; i++) {
		connection->found_damage = true;
		refs[i].item->outcome = APPEND_FAILED;
		refs[i].item->err = err;
	}
	return err;
}

static int append_room(
	struct sqlite_connection *connection, const struct append_ref *refs, size_t count)
{
	const struct uuid *room = &refs[0].item->room;
	struct room_head head = {0};
	int err = read_head(connection, room, &head);

	if (err < 0) {
		return room_failed(connection, refs, count, err);
	}
	bool missing = err == 0;
	uint64_t before = head.seq;
	for (size_t i = 0; i < count; i++) {
		if (missing) {
			refs[i].item->outcome = APPEND_NOT_MEMBER;
			continue;
		}
		err = append_or_fail(connection, refs[i].item, &head);
		if (err != 0) {
			return err;
		}
	}
	if (head.seq == before) {
		return 0;
	}
	err = raise_head(connection->db, room, &head, head.seq - before);
	return err == 0 ? 0 : room_failed(connection, refs, count, err);
}

/* ---- a run of requests ---- */

static int compare(const void *a, const void *b)
{
	const struct append_ref *x = a, *y = b;
	int order = memcmp(x->item->room.b, y->item->room.b, sizeof(x->item->room.b));

	if (order != 0) {
		return order;
	}
	return x->place < y->place ? -1 : x->place > y->place;
}

static size_t collect(struct sqlite_connection *connection, struct store_call *first,
	const struct store_call *end)
{
	size_t count = 0;

	for (struct store_call *call = first; call != end; call = call->next) {
		count += CONTAINER_OF(call, struct store_append, call)->count;
	}
	if (count > connection->ref_cap) {
		connection->refs = mem_realloc(connection->refs, count * sizeof(*connection->refs));
		connection->ref_cap = count;
	}
	count = 0;
	for (struct store_call *call = first; call != end; call = call->next) {
		struct store_append *req = CONTAINER_OF(call, struct store_append, call);
		for (size_t i = 0; i < req->count; i++) {
			connection->refs[count] = (struct append_ref){&req->items[i], count};
			count++;
		}
	}
	return count;
}

int sqlite_append_run(
	struct sqlite_connection *connection, struct store_call *first, struct store_call *end)
{
	size_t count = collect(connection, first, end);
	struct append_ref *refs = connection->refs;
	int err = 0;

	if (count > 1) {
		qsort(refs, count, sizeof(*refs), compare);
	}
	for (size_t i = 0, n; i < count && err == 0; i += n) {
		n = 1;
		while (i + n < count && uuid_eq(&refs[i].item->room, &refs[i + n].item->room)) {
			n++;
		}
		err = append_room(connection, refs + i, n);
	}
	return err;
}

/* Only marks the calls that sqlite_append_run() takes. */
void sqlite_append_work(struct store_call *call, void *connection)
{
	call->err = sqlite_append_run(connection, call, call->next);
}
