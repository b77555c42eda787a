/* The statements that store messages. One judges, numbers and stores many at once: it has one
 * snapshot, taken before it waits for the locks of the rooms. So what it judged by is checked again
 * under the lock: the version of its members and the archive by the UPDATE's condition, which is
 * evaluated anew on the row as it is then; the key by the unique index, which must fail (DO NOTHING
 * would leave the number of a racing repeat unused under a false answer).
 *
 * Elements of the arrays are taken by their place, rather than by joining unnest(): measured a
 * third cheaper. What can be asked of a table is asked by scalar subqueries, so that no plan can be
 * but one look into an index for each message. The message of a number is asked for as the first
 * from that number on: an equality is planned on whatever index begins with the room while the
 * table is empty, and plans live long. */
#include "lib/store/pg_sql.h"

#include <stddef.h>

/* ---- the parameters of many messages ---- */

#define ROOMS "($1::uuid[])"
#define SENDERS "($2::uuid[])"
#define KEYS "($3::uuid[])"
#define HASHES "($4::int8[])"
#define EPOCH "$8::int4"
#define IDS "($15::uuid[])"
#define TIMES "($16::timestamptz[])"
#define OWN_SEQS "($19::int8[])"
#define OWN_EPOCHS "($20::int4[])"
#define EACH "generate_series(1, cardinality($1::uuid[])) g"

#define PLAIN_COLUMNS \
	"room_id, sender_id, client_key, body_hash, epoch_no, type, client_message_id, content," \
	" seq, sent_at"
#define PLAIN_VALUES \
	ROOMS "[ord], " SENDERS "[ord], " KEYS "[ord], " HASHES "[ord], " EPOCH "," \
	      " ($5::int2[])[ord], ($6::text[])[ord], ($7::text[])[ord], seq, sent_at"
#define REST_COLUMNS "ref_seq, encrypted, encrypted_content, nonce, auth_tag, attachment"
#define REST_VALUES \
	"($9::int8[])[ord], ($10::bool[])[ord], ($11::bytea[])[ord], ($12::bytea[])[ord]," \
	" ($13::bytea[])[ord], ($14::text[])[ord]"

/* ---- those that members send ---- */

/* Of each: whether he is a member, the number of the first message with the key, and by which
 * version of the members this was judged, negative where the room is archived. */
#define JUDGE \
	"WITH i AS MATERIALIZED (SELECT g AS ord, " ROOMS "[g] AS room," \
	" (SELECT true FROM participants p" \
	" WHERE p.room_id = " ROOMS "[g] AND p.user_id = " SENDERS "[g]) AS member," \
	" (SELECT m.seq FROM messages m" \
	" WHERE m.room_id = " ROOMS "[g] AND m.client_key = " KEYS "[g]) AS first," \
	" (SELECT CASE WHEN r.archived_at IS NULL THEN r.member_version ELSE -r.member_version " \
	"END" \
	" FROM rooms r WHERE r.id = " ROOMS "[g]) AS version FROM " EACH "),"
/* Each room is raised once, in the order of ids, and carries the places of its messages along, in
 * their order. */
#define RAISE \
	" u AS (UPDATE rooms r SET last_seq = r.last_seq + c.n," \
	" message_count = r.message_count + c.n," \
	" last_activity_at = greatest(r.last_activity_at, chat_now())" \
	" FROM (SELECT room, max(version) AS version, count(*) AS n, array_agg(ord) AS ords" \
	" FROM (SELECT room, version, ord FROM i" \
	" WHERE member AND first IS NULL AND version > 0 ORDER BY room, ord) x" \
	" GROUP BY room ORDER BY room) c" \
	" WHERE r.id = c.room AND r.member_version = c.version AND r.archived_at IS NULL" \
	" RETURNING r.last_seq - c.n AS base, c.n, c.ords, r.last_activity_at AS sent_at," \
	" r.member_version AS version)," \
	" s AS MATERIALIZED (SELECT unnest(ords) AS ord, base + generate_series(1, n) AS seq," \
	" sent_at, version FROM u),"
#define ANSWER \
	" SELECT ord, 0::int2, seq, sent_at, version, " EPOCH " FROM s UNION ALL" \
	" SELECT i.ord, (CASE WHEN i.member IS NULL OR i.version IS NULL THEN 3" \
	" WHEN i.first IS NULL THEN 4" \
	" WHEN m.body_hash = " HASHES "[i.ord] THEN 1 ELSE 2 END)::int2," \
	" m.seq, m.sent_at, NULL, m.epoch_no" \
	" FROM i LEFT JOIN LATERAL (SELECT f.seq, f.sent_at, f.body_hash, f.epoch_no" \
	" FROM messages f WHERE f.room_id = i.room AND f.seq >= i.first" \
	" ORDER BY f.seq LIMIT 1) m ON true" \
	" WHERE (i.member AND i.first IS NULL AND i.version > 0) IS NOT TRUE"

/* ---- imported ones ---- */

/* Whoever wrote it there need be no member. Where its id may have been computed here, the own
 * number and epoch are those that it would have been computed of. */
#define JUDGE_IMPORTS \
	"WITH i AS MATERIALIZED (SELECT g AS ord, " ROOMS "[g] AS room," \
	" (SELECT r.member_version FROM rooms r WHERE r.id = " ROOMS "[g]) AS version," \
	" (SELECT m.seq FROM messages m" \
	" WHERE m.room_id = " ROOMS "[g] AND m.client_key = " KEYS "[g]) AS by_key," \
	" coalesce((SELECT e.seq FROM (SELECT m.seq, m.epoch_no, m.id FROM messages m" \
	" WHERE m.room_id = " ROOMS "[g] AND m.seq >= " OWN_SEQS "[g]" \
	" ORDER BY m.seq LIMIT 1) e" \
	" WHERE e.seq = " OWN_SEQS "[g] AND e.epoch_no = " OWN_EPOCHS "[g] AND e.id IS NULL)," \
	" (SELECT m.seq FROM messages m" \
	" WHERE m.room_id = " ROOMS "[g] AND m.id = " IDS "[g])) AS by_id FROM " EACH "),"
/* The activity moves forward only, and never beyond now. */
#define RAISE_IMPORTS \
	" u AS (UPDATE rooms r SET last_seq = r.last_seq + c.n," \
	" message_count = r.message_count + c.n," \
	" last_activity_at = greatest(r.last_activity_at, least(c.newest, chat_now()))" \
	" FROM (SELECT room, max(version) AS version, count(*) AS n, array_agg(ord) AS ords," \
	" max(" TIMES "[ord]) AS newest FROM (SELECT room, version, ord FROM i" \
	" WHERE version IS NOT NULL AND by_key IS NULL AND by_id IS NULL ORDER BY room, ord) x" \
	" GROUP BY room ORDER BY room) c WHERE r.id = c.room AND r.member_version = c.version" \
	" RETURNING r.last_seq - c.n AS base, c.n, c.ords, r.member_version AS version)," \
	" s AS MATERIALIZED (SELECT ord, seq, " TIMES "[ord] AS sent_at, version" \
	" FROM (SELECT unnest(ords) AS ord, base + generate_series(1, n) AS seq, version" \
	" FROM u) y),"
/* Senders who are no users yet, or were erased, become some. Those who are stay so until this is
 * over: who erases one locks his row. */
#define NAME_SENDERS \
	" k AS MATERIALIZED (SELECT q.id FROM users q" \
	" WHERE q.id IN (SELECT " SENDERS "[ord] FROM s) AND q.erased_at IS NULL" \
	" ORDER BY q.id FOR KEY SHARE OF q)," \
	" n AS (INSERT INTO users (id, identity, display_name)" \
	" SELECT z.id, z.id::text, z.id::text FROM (SELECT DISTINCT " SENDERS "[ord] AS id" \
	" FROM s) z WHERE z.id NOT IN (SELECT k.id FROM k) ORDER BY z.id" \
	" ON CONFLICT (id) DO UPDATE SET identity = excluded.identity," \
	" display_name = excluded.display_name, erased_at = NULL, version = users.version + 1" \
	" WHERE users.erased_at IS NOT NULL),"
#define ANSWER_IMPORTS \
	" SELECT ord, 0::int2, seq, sent_at, version, " EPOCH " FROM s UNION ALL" \
	" SELECT i.ord, (CASE WHEN i.version IS NULL THEN 3 WHEN m.body_hash = " HASHES "[i.ord]" \
	" AND (i.by_key IS NOT NULL OR m.sender_id = " SENDERS \
	"[i.ord]) THEN 1 ELSE 2 END)::int2," \
	" m.seq, m.sent_at, NULL, m.epoch_no" \
	" FROM i LEFT JOIN LATERAL (SELECT f.seq, f.sent_at, f.body_hash, f.epoch_no, f.sender_id" \
	" FROM messages f WHERE f.room_id = i.room AND f.seq >= coalesce(i.by_key, i.by_id)" \
	" ORDER BY f.seq LIMIT 1) m ON true" \
	" WHERE i.version IS NULL OR i.by_key IS NOT NULL OR i.by_id IS NOT NULL"

/* ---- one entry ---- */

/* $1 room, $2 sender, $3 key, $4 hash, $5 epoch, $6 type, $7 number of the target, $8 encrypted,
 * $9 client message id, $10 content, $11 encrypted content, $12 nonce, $13 tag, $14 attachment. The
 * room is locked by the statement before, so that this one sees it as it stays; the target is
 * locked, because a user's messages are erased without the lock of the room. The texts between
 * JUDGE_TARGET and RAISE_ONE say what kinds may be changed, and by whom. */
#define JUDGE_TARGET \
	"WITH j AS MATERIALIZED (SELECT (SELECT p.role FROM participants p" \
	" WHERE p.room_id = $1::uuid AND p.user_id = $2::uuid) AS role," \
	" (SELECT m.seq FROM messages m" \
	" WHERE m.room_id = $1::uuid AND m.client_key = $3::uuid) AS first," \
	" (SELECT CASE WHEN r.archived_at IS NULL THEN r.member_version ELSE -r.member_version " \
	"END" \
	" FROM rooms r WHERE r.id = $1::uuid) AS version)," \
	" t AS MATERIALIZED (SELECT m.sender_id, m.type, m.deleted_at FROM messages m" \
	" WHERE m.room_id = $1::uuid AND m.seq = $7::int8" \
	" AND (SELECT role IS NOT NULL AND first IS NULL AND version > 0 FROM j)" \
	" FOR NO KEY UPDATE)," \
	" o AS MATERIALIZED (SELECT CASE WHEN j.role IS NULL OR j.version IS NULL THEN 3" \
	" WHEN j.first IS NOT NULL THEN 1 WHEN j.version < 0 THEN 4" \
	" WHEN t.type IS NULL OR t.deleted_at IS NOT NULL THEN 6"
#define RAISE_ONE \
	" THEN 0 ELSE 7 END AS outcome, j.first FROM j LEFT JOIN t ON true)," \
	" u AS (UPDATE rooms r SET last_seq = r.last_seq + 1," \
	" message_count = r.message_count + 1," \
	" last_activity_at = greatest(r.last_activity_at, chat_now())" \
	" FROM o WHERE o.outcome = 0 AND r.id = $1::uuid RETURNING r.last_seq AS seq," \
	" r.last_activity_at AS sent_at, r.member_version AS version),"
#define TARGET " FROM u WHERE m.room_id = $1::uuid AND m.seq = $7::int8"
#define ITS_EDITS \
	" FROM u WHERE m.room_id = $1::uuid AND m.ref_seq = $7::int8 AND m.type = 5" \
	" AND m.deleted_at IS NULL"
/* What is left of a message that was deleted. */
#define BLANK \
	"UPDATE messages m SET deleted_at = u.sent_at," \
	" content = CASE WHEN m.encrypted THEN NULL ELSE '' END," \
	" encrypted_content = CASE WHEN m.encrypted THEN ''::bytea END, nonce = NULL," \
	" auth_tag = NULL, attachment = NULL"
#define STORE_ONE \
	" w AS (INSERT INTO messages (room_id, sender_id, client_key, body_hash, epoch_no, type," \
	" ref_seq, encrypted, client_message_id, content, encrypted_content, nonce, auth_tag," \
	" attachment, seq, sent_at)" \
	" SELECT $1::uuid, $2::uuid, $3::uuid, $4::int8, $5::int4, $6::int2, $7::int8, $8::bool," \
	" $9::text, $10::text, $11::bytea, $12::bytea, $13::bytea, $14::text, seq, sent_at FROM " \
	"u)" \
	" SELECT 1::int4, (CASE WHEN o.outcome = 1 AND m.body_hash <> $4::int8 THEN 2" \
	" ELSE o.outcome END)::int2, coalesce(u.seq, m.seq), coalesce(u.sent_at, m.sent_at)," \
	" u.version, coalesce(m.epoch_no, $5::int4)" \
	" FROM o LEFT JOIN u ON true LEFT JOIN LATERAL (SELECT f.seq, f.sent_at, f.body_hash," \
	" f.epoch_no FROM messages f WHERE f.room_id = $1::uuid AND f.seq >= o.first" \
	" ORDER BY f.seq LIMIT 1) m ON true"

/* ---- the table ---- */

#define LOCK \
	"SELECT count(*) FROM (SELECT 1 FROM rooms WHERE id = ANY ($1::uuid[])" \
	" ORDER BY id FOR NO KEY UPDATE"
#define APPEND JUDGE RAISE " w AS (INSERT INTO messages (" PLAIN_COLUMNS
#define APPEND_IMPORTS \
	JUDGE_IMPORTS RAISE_IMPORTS NAME_SENDERS " w AS (INSERT INTO messages (" PLAIN_COLUMNS

const struct pg_sql_row pg_sql_append[PG_SQL_COUNT] = {
	[PG_SQL_APPEND_LOCK] = {"append_lock", LOCK ") x"},
	[PG_SQL_APPEND_LOCK_NOW] = {"append_lock_now", LOCK " NOWAIT) x"},
	[PG_SQL_APPEND] = {"append", APPEND ") SELECT " PLAIN_VALUES " FROM s)" ANSWER},
	[PG_SQL_APPEND_FULL] = {"append_full", APPEND ", " REST_COLUMNS ") SELECT " PLAIN_VALUES
						      ", " REST_VALUES " FROM s)" ANSWER},
	[PG_SQL_APPEND_IMPORTS] = {"append_imports",
		APPEND_IMPORTS ", " REST_COLUMNS ", id, edited_at, deleted_at) SELECT " PLAIN_VALUES
			       ", " REST_VALUES ", " IDS "[ord], ($17::timestamptz[])[ord],"
			       " ($18::timestamptz[])[ord] FROM s)" ANSWER_IMPORTS},
	/* Texts, pictures and files; their sender alone. */
	[PG_SQL_APPEND_EDIT] = {"append_edit",
		JUDGE_TARGET " WHEN t.type > 2 THEN 6 WHEN t.sender_id = $2::uuid" RAISE_ONE
			     " e AS (UPDATE messages m SET edited_at = u.sent_at,"
			     " encrypted = $8::bool, content = $10::text,"
			     " encrypted_content = $11::bytea, nonce = $12::bytea,"
			     " auth_tag = $13::bytea" TARGET ")," STORE_ONE},
	/* All but entries; Admin and Owner as well. The message, and its Edit entries, keep what
	 * they are but not what they said. */
	[PG_SQL_APPEND_DELETE] = {"append_delete",
		JUDGE_TARGET " WHEN t.type > 4 THEN 6"
			     " WHEN t.sender_id = $2::uuid OR j.role >= 2" RAISE_ONE
			     " e AS (" BLANK TARGET "), f AS (" BLANK ITS_EDITS ")," STORE_ONE},
};
