/* Messages that are read, and messages that go. */
#include "lib/store/pg_sql.h"

#include <stddef.h>

#include "lib/store/pg_rows.h"

#define FROM_ROOM " FROM messages m WHERE m.room_id = $1"
#define FIRST "(SELECT f.seq FROM messages f WHERE f.room_id = $1 ORDER BY f.seq LIMIT 1)"
/* What a message weighs: see struct store_page. */
#define WEIGHT \
	"512 + coalesce(octet_length(m.content), octet_length(m.encrypted_content), 0)" \
	" + coalesce(octet_length(m.attachment), 0)"
#define SUM_BEFORE(order) \
	" OVER (ORDER BY " order " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
/* The places of type, then of what is behind ref_seq, in a row that tells of no message. */
#define NO_TYPE "NULL::smallint"
#define NO_MESSAGE \
	"NULL::timestamptz, NULL::integer, NULL::text, NULL::text, NULL::bytea, NULL::boolean," \
	" NULL::bytea, NULL::bytea, NULL::text, NULL::uuid, NULL::timestamptz, NULL::timestamptz"

/* Each branch goes down the primary key and reads no row too many. Where all that is asked for
 * weighs less than the bound, which is nearly always, the sum is all that it costs (25 us for 50
 * rows; a window over whole rows costs 60): only then the number of rows that it allows is looked
 * for. */
#define PAGE_BETWEEN(order) FROM_ROOM " AND m.seq > $2 AND m.seq < $3 ORDER BY " order
#define PAGE_WEIGHED(order) "(SELECT m.seq, " WEIGHT " AS w" PAGE_BETWEEN(order) " LIMIT $4) s"
#define PAGE(order, sum_order) \
	"SELECT r.last_seq, NULL::uuid, " NO_TYPE ", " FIRST ", " NO_MESSAGE \
	" FROM rooms r WHERE r.id = $1" \
	" UNION ALL (SELECT " PG_MESSAGE_COLUMNS \
	PAGE_BETWEEN( \
		order) " LIMIT CASE WHEN $5::bigint IS NULL THEN $4::bigint" \
		       " WHEN (SELECT coalesce(sum(s.w), 0) FROM " PAGE_WEIGHED( \
			       order) ") < $5 THEN $4" \
				      " ELSE (SELECT count(*) FROM (SELECT sum(s.w)" SUM_BEFORE( \
					      sum_order) " AS before" \
							 " FROM " PAGE_WEIGHED( \
								 order) ") b WHERE " \
									"coalesce(b.before, 0) < " \
									"$5) END)"

#define ROOM_THERE(id) " AND EXISTS (SELECT 1 FROM rooms r WHERE r.id = " id ")"

/* All messages, from a place on. No index knows senders, because every send would pay for it. */
#define WALK \
	"WITH w AS MATERIALIZED (SELECT m.room_id, m.seq, m.sender_id FROM messages m" \
	" WHERE (m.room_id, m.seq) > ($1, $2) ORDER BY m.room_id, m.seq LIMIT $3::bigint)," \
	" l AS MATERIALIZED (SELECT w.room_id, w.seq FROM w" \
	" ORDER BY w.room_id DESC, w.seq DESC LIMIT 1)"
#define WALKED "(SELECT count(*) FROM w), (SELECT l.room_id FROM l), "
/* Messages of a deleted room are as good as gone. Looked up one by one, never joined: a join might
 * walk through all rooms. */
#define HIS " w.sender_id = $4 AND (SELECT true FROM rooms r WHERE r.id = w.room_id)"

const struct pg_sql_row pg_sql_messages[PG_SQL_COUNT] = {
	[PG_SQL_PAGE_OLDEST] = {"page_oldest", PAGE("m.seq", "s.seq")},
	[PG_SQL_PAGE_NEWEST] = {"page_newest", PAGE("m.seq DESC", "s.seq DESC")},
	[PG_SQL_MESSAGE_FIND] = {"message_find",
		"SELECT " PG_MESSAGE_COLUMNS FROM_ROOM
		" AND m.seq = $2 AND m.id IS NULL" ROOM_THERE(
			"$1") " UNION ALL"
			      " SELECT " PG_MESSAGE_COLUMNS FROM_ROOM
			      " AND m.id = $3" ROOM_THERE("$1")},
	[PG_SQL_SENT_PAGE] = {"sent_page", WALK
		" SELECT " WALKED NO_TYPE ", (SELECT l.seq FROM l), " NO_MESSAGE ", NULL::uuid"
		" UNION ALL (SELECT " PG_MESSAGE_COLUMNS ", m.room_id FROM (SELECT m.*,"
		" sum(" WEIGHT
		")" SUM_BEFORE("m.room_id, m.seq") " AS before FROM w"
						   " CROSS JOIN LATERAL (SELECT * FROM messages o"
						   " WHERE o.room_id = w.room_id AND o.seq = w.seq "
						   "LIMIT 1) m WHERE" HIS ") m"
						   " WHERE coalesce(m.before, 0) < $5 ORDER BY "
						   "m.room_id, m.seq)"},
	/* A Delete entry has nothing that could be taken, and what is deleted already keeps its
	 * time. */
	[PG_SQL_SENT_ERASE] = {"sent_erase",
		WALK ", e AS (UPDATE messages m SET deleted_at = chat_now(),"
		     " content = CASE WHEN m.encrypted THEN NULL ELSE '' END,"
		     " encrypted_content = CASE WHEN m.encrypted THEN ''::bytea END, nonce = NULL,"
		     " auth_tag = NULL, attachment = NULL FROM w"
		     " WHERE m.room_id = w.room_id AND m.seq = w.seq AND m.type <> 6"
		     " AND m.deleted_at IS NULL AND" HIS " RETURNING 1)"
		     " SELECT " WALKED "(SELECT l.seq FROM l), (SELECT count(*) FROM e)"},
	[PG_SQL_PURGE_BOUNDS] = {"purge_bounds",
		"SELECT r.last_seq, " FIRST " FROM rooms r WHERE r.id = $1"},
	[PG_SQL_PURGE_WALK] = {"purge_walk",
		"SELECT min(w.seq) FILTER (WHERE w.sent_at >= $3), max(w.seq) FROM"
		" (SELECT m.seq, m.sent_at" FROM_ROOM " AND m.seq >= $2 ORDER BY m.seq"
		" LIMIT $4::bigint) w"},
	[PG_SQL_PURGE] = {"purge", "DELETE FROM messages WHERE room_id = $1 AND seq < $2"},
	[PG_SQL_PURGED] = {"purged",
		"UPDATE rooms SET message_count = greatest(message_count - $2, 0) WHERE id = $1"},
};
