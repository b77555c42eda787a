/* Messages that are more than a new row: edits and deletions of others, and imported ones. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

/* ---- what they refer to ---- */

struct stored {
	enum message_type type;
	struct uuid sender;
	bool deleted;
	int64_t sent_ms;
	uint32_t epoch_no;
	uint8_t body_hash[8];
};

/* 1: there is such a message; 0: none. */
static int look(struct sqlite *db, const struct uuid *room, uint64_t seq, struct stored *ret_stored)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MESSAGE_LOOK);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_int(stmt, 2, (int64_t)seq);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err;
	}
	*ret_stored = (struct stored){
		.type = (enum message_type)sqlite_int(stmt, 0),
		.deleted = sqlite_int(stmt, 2) != 0,
		.sent_ms = sqlite_int(stmt, 3),
		.epoch_no = (uint32_t)sqlite_int(stmt, 4),
	};
	sqlite_id(stmt, 1, &ret_stored->sender);
	struct bytes hash = sqlite_bytes(stmt, 5);
	if (hash.len == sizeof(ret_stored->body_hash)) {
		memcpy(ret_stored->body_hash, hash.ptr, hash.len);
	}
	sqlite_end(stmt);
	return 1;
}

static bool can_be_changed(enum message_type type, enum message_type change)
{
	switch (type) {
	case MESSAGE_TEXT:
	case MESSAGE_IMAGE:
	case MESSAGE_FILE:
		return true;
	case MESSAGE_SYSTEM:
	case MESSAGE_ASSISTANT:
		return change == MESSAGE_DELETE;
	case MESSAGE_EDIT:
	case MESSAGE_DELETE:
		break;
	}
	return false;
}

/* STORED: it may be done. */
static int judge(struct sqlite *db, const struct append_item *item, enum member_role role,
	enum append_outcome *ret_outcome)
{
	struct stored target;
	int err = look(db, &item->room, item->ref_seq, &target);

	if (err < 0) {
		return err;
	}
	if (err == 0 || target.deleted || !can_be_changed(target.type, item->type)) {
		*ret_outcome = APPEND_NO_TARGET;
		return 0;
	}
	bool own = uuid_eq(&target.sender, &item->sender);
	bool over = item->type == MESSAGE_DELETE && role >= ROLE_ADMIN;
	*ret_outcome = own || over ? APPEND_STORED : APPEND_FORBIDDEN;
	return 0;
}

/* ---- what they do ---- */

static int edit(struct sqlite *db, const struct append_item *item, int64_t now)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MESSAGE_EDIT);

	sqlite_bind_id(stmt, 1, &item->room);
	sqlite_bind_int(stmt, 2, (int64_t)item->ref_seq);
	sqlite_bind_int(stmt, 3, now);
	sqlite_bind_int(stmt, 4, item->encrypted ? 1 : 0);
	if (item->encrypted) {
		sqlite_bind_blob(stmt, 5, item->content);
	} else {
		sqlite_bind_text(stmt, 5, item->content);
	}
	sqlite_bind_blob_or_null(stmt, 6, item->nonce);
	sqlite_bind_blob_or_null(stmt, 7, item->auth_tag);
	return sqlite_run(stmt, NULL);
}

static int blank(
	struct sqlite *db, enum sql_id id, const struct uuid *room, uint64_t seq, int64_t now)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);

	sqlite_bind_id(stmt, 1, room);
	sqlite_bind_int(stmt, 2, (int64_t)seq);
	sqlite_bind_int(stmt, 3, now);
	return sqlite_run(stmt, NULL);
}

int sqlite_message_blank(struct sqlite *db, const struct uuid *room, uint64_t seq, int64_t now)
{
	return blank(db, SQL_MESSAGE_BLANK, room, seq, now);
}

static int take_effect(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head)
{
	struct sqlite *db = connection->db;
	int err;

	if (item->type == MESSAGE_EDIT) {
		err = edit(db, item, head->sent_ms);
	} else {
		err = sqlite_message_blank(db, &item->room, item->ref_seq, head->sent_ms);
		if (err == 0) {
			err = blank(db, SQL_EDITS_BLANK, &item->room, item->ref_seq, head->sent_ms);
		}
	}
	if (err == 0) {
		err = sqlite_append_insert(connection, item, head);
		err = err == 0 ? ERR_INTERNAL : err; /* member and key were looked at */
	}
	return err < 0 ? err : 0;
}

/* Both or nothing: an error of one row must leave the others of the transaction as they are. */
static int take_effect_whole(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head)
{
	struct sqlite *db = connection->db;
	int err = sqlite_run_plain(db, SQL_SAVE);

	if (err != 0) {
		return err;
	}
	err = take_effect(connection, item, head);
	if (err != 0 && (sqlite_error_is_fatal(connection, err) || err == ERR_CORRUPT ||
				sqlite_run_plain(db, SQL_SAVE_UNDO) != 0)) {
		return err;
	}
	int drop_err = sqlite_run_plain(db, SQL_SAVE_DROP);
	return err != 0 ? err : drop_err;
}

int sqlite_append_change(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head)
{
	enum member_role role;
	int err = sqlite_role(connection->db, &item->room, &item->sender, &role);

	if (err != 0) {
		return err;
	}
	if (role == ROLE_NONE) {
		item->outcome = APPEND_NOT_MEMBER;
		return 0;
	}
	err = sqlite_append_first(connection->db, item);
	if (err != 0) {
		return err < 0 ? err : 0;
	}
	err = judge(connection->db, item, role, &item->outcome);
	if (err != 0 || item->outcome != APPEND_STORED) {
		return err;
	}
	return take_effect_whole(connection, item, head);
}

/* ---- imports ---- */

/* 1: a message of the room has the id already; the same one, or another. */
static int find_imported(struct sqlite_connection *connection, struct append_item *item)
{
	struct stored first;
	uint64_t seq;
	int err = sqlite_message_seq(connection, &item->room, &item->imported_id, &seq);

	if (err == 1) {
		err = look(connection->db, &item->room, seq, &first);
	}
	if (err != 1) {
		return err;
	}
	bool same = memcmp(first.body_hash, item->body_hash, sizeof(first.body_hash)) == 0 &&
		    uuid_eq(&first.sender, &item->sender);
	item->outcome = same ? APPEND_REPEATED : APPEND_CONFLICT;
	item->seq = seq;
	item->sent_ms = first.sent_ms;
	item->epoch_no = first.epoch_no;
	return 1;
}

/* A time that is still to come does not become that of the room: what is sent afterwards would take
 * it over. */
static void raise_activity(
	const struct sqlite_connection *connection, struct room_head *head, int64_t sent_ms)
{
	int64_t past = sent_ms < connection->now_ms ? sent_ms : connection->now_ms;

	head->activity_ms = past > head->activity_ms ? past : head->activity_ms;
}

int sqlite_append_import(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head)
{
	int err = sqlite_append_first(connection->db, item);

	if (err == 0) {
		err = find_imported(connection, item);
	}
	if (err != 0) {
		return err < 0 ? err : 0;
	}
	err = sqlite_user_name(connection, &item->sender, BYTES_NONE);
	if (err != 0) {
		return err;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(connection->db, SQL_MESSAGE_IMPORT);
	sqlite_append_bind(connection, stmt, item, head, item->sent_ms);
	sqlite_bind_id(stmt, 16, &item->imported_id);
	sqlite_bind_int(stmt, 17, item->edited_ms);
	sqlite_bind_int(stmt, 18, item->deleted_ms);
	err = sqlite_run(stmt, NULL);
	if (err == 0) {
		raise_activity(connection, head, item->sent_ms);
		sqlite_append_stored(connection, item, head, item->sent_ms);
	}
	return err;
}
