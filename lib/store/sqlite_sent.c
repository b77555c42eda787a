/* What one user sent, in all rooms. There is no index for it, because every send would pay for one:
 * all messages are walked through, some at a time. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

struct walk {
	struct sqlite *db;
	struct sqlite_stmt *stmt;
	const struct uuid *user;
	uint32_t scan_max;
	struct uuid from_room; /* bound: must not change meanwhile */
	uint64_t from_seq;
	struct uuid room; /* the place of the message that was looked at last */
	uint64_t seq;
	uint32_t scanned;
	/* whether the room of that message is there still */
	bool room_known, room_is_there;
	struct uuid known_room;
};

static void walk_begin(struct walk *walk)
{
	int64_t seq = walk->from_seq < INT64_MAX ? (int64_t)walk->from_seq : INT64_MAX;

	walk->room = walk->from_room;
	walk->seq = walk->from_seq;
	walk->stmt = sqlite_stmt(walk->db, SQL_SENT_WALK);
	sqlite_bind_id(walk->stmt, 1, &walk->from_room);
	sqlite_bind_int(walk->stmt, 2, seq);
	sqlite_bind_int(walk->stmt, 3, walk->scan_max);
}

/* Messages of a deleted room are as good as gone. */
static int look_at_room(struct walk *walk)
{
	struct sqlite_stmt *stmt = sqlite_stmt(walk->db, SQL_ROOM_HEAD);

	if (walk->room_known && uuid_eq(&walk->known_room, &walk->room)) {
		return 0;
	}
	sqlite_bind_id(stmt, 1, &walk->room);
	int err = sqlite_step(stmt);
	sqlite_end(stmt);
	if (err < 0) {
		return err;
	}
	walk->room_known = true;
	walk->room_is_there = err == 1;
	walk->known_room = walk->room;
	return 0;
}

/* 1: walk->stmt is on a message of his; 0: scan_max were looked at, or there is none any more. */
static int walk_next(struct walk *walk)
{
	struct uuid sender;
	int err;

	while ((err = sqlite_step(walk->stmt)) == 1) {
		walk->scanned++;
		sqlite_id(walk->stmt, MESSAGE_COLUMN_COUNT, &walk->room);
		walk->seq = (uint64_t)sqlite_int(walk->stmt, 0);
		if (!sqlite_id(walk->stmt, 1, &sender) || !uuid_eq(&sender, walk->user)) {
			continue;
		}
		err = look_at_room(walk);
		if (err != 0) {
			sqlite_end(walk->stmt);
			return err;
		}
		if (walk->room_is_there) {
			return 1;
		}
	}
	return err;
}

static bool walk_has_more(const struct walk *walk)
{
	return walk->scanned == walk->scan_max;
}

/* ---- read ---- */

static int read_sent(struct walk *walk, struct store_sent_page *req)
{
	struct arena *arena = req->call.arena;
	size_t cap = 0;
	int err;

	while ((err = walk_next(walk)) == 1) {
		req->rows =
			sqlite_rows_grow(arena, req->rows, req->count, &cap, sizeof(*req->rows));
		err = sqlite_row_message(walk->stmt, 0, arena, &walk->room, &req->rows[req->count]);
		if (err != 0) {
			sqlite_end(walk->stmt);
			return err;
		}
		req->count++;
	}
	return err;
}

void sqlite_sent_page_work(struct store_call *call, void *connection)
{
	struct store_sent_page *req = CONTAINER_OF(call, struct store_sent_page, call);
	struct walk walk = {
		.db = ((struct sqlite_connection *)connection)->db,
		.user = &req->user,
		.scan_max = req->scan_max,
		.from_room = req->after_room,
		.from_seq = req->after_seq,
	};

	req->rows = NULL;
	req->count = 0;
	walk_begin(&walk);
	call->err = read_sent(&walk, req);
	if (call->err == 0) {
		req->after_room = walk.room;
		req->after_seq = walk.seq;
		req->more = walk_has_more(&walk);
	}
}

/* ---- erase ---- */

/* A Delete entry has nothing that could be taken, and what is deleted already keeps its time. */
static bool has_content(struct sqlite_stmt *stmt)
{
	return sqlite_int(stmt, 2) != MESSAGE_DELETE && sqlite_int(stmt, 14) == 0;
}

static int erase_sent(struct walk *walk, struct store_sent_erase *req, int64_t now)
{
	int err;

	while ((err = walk_next(walk)) == 1) {
		if (!has_content(walk->stmt)) {
			continue;
		}
		err = sqlite_message_blank(walk->db, &walk->room, walk->seq, now);
		if (err != 0) {
			sqlite_end(walk->stmt);
			return err;
		}
		req->erased++;
	}
	return err;
}

void sqlite_sent_erase_begin(struct store_call *call)
{
	struct store_sent_erase *req = CONTAINER_OF(call, struct store_sent_erase, call);

	req->after_room = req->from_room;
	req->after_seq = req->from_seq;
}

void sqlite_sent_erase_work(struct store_call *call, void *connection)
{
	struct sqlite_connection *c = connection;
	struct store_sent_erase *req = CONTAINER_OF(call, struct store_sent_erase, call);
	struct walk walk = {
		.db = c->db,
		.user = &req->user,
		.scan_max = req->scan_max,
		.from_room = req->from_room,
		.from_seq = req->from_seq,
	};

	req->erased = 0;
	walk_begin(&walk);
	call->err = erase_sent(&walk, req, c->now_ms);
	if (call->err == 0) {
		req->after_room = walk.room;
		req->after_seq = walk.seq;
		req->more = walk_has_more(&walk);
	}
}
