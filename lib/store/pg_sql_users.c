/* Users, what instances tell each other, and how the store is. */
#include "lib/store/pg_sql.h"

#include <stddef.h>

#include "lib/store/pg_rows.h"

#define USERS "SELECT " PG_USER_COLUMNS " FROM users u"
#define ONE_USER "SELECT " PG_USER_COLUMNS ", u.opened FROM users u WHERE u.id = $1"
#define GIVE_USER " WHERE u.id = $1 RETURNING " PG_USER_COLUMNS
/* Tokens tell their age in whole seconds: one of this second is refused as well. Never back. */
#define TOKENS_FROM \
	"greatest(u.tokens_from, date_trunc('second', chat_now()) + interval '1 second')"

/* The transactions that were open in the snapshot of this text. */
#define OPEN_IN(snapshot) "(ARRAY(SELECT pg_snapshot_xip(" snapshot "::text::pg_snapshot)))"
#define OPEN_BEFORE OPEN_IN("$2")
#define OPEN_UNTIL OPEN_IN("$5")

/* A count that is not worth being exact: tables of so many rows are told as the server saw them
 * when it looked last. */
#define ROWS_OF(table) \
	"(SELECT c.reltuples::bigint FROM pg_class c WHERE c.oid = '" table "'::regclass)"
#define MANY "100000"
#define COUNT_OF(table) \
	"CASE WHEN " ROWS_OF(table) " > " MANY " THEN " ROWS_OF( \
		table) " ELSE (SELECT count(*) FROM " table ") END"

const struct pg_sql_row pg_sql_users[PG_SQL_COUNT] = {
	[PG_SQL_USER_GET] = {"user_get", ONE_USER},
	[PG_SQL_USER_LOCK] = {"user_lock", ONE_USER " FOR NO KEY UPDATE"},
	[PG_SQL_USER_LOCK_WHOLE] = {"user_lock_whole", ONE_USER " FOR UPDATE"},
	[PG_SQL_USER_COME] = {"user_come",
		"INSERT INTO users AS u (id, identity, display_name, opened)"
		" VALUES ($1, $2, $3, true) ON CONFLICT (id) DO UPDATE SET"
		" identity = excluded.identity, display_name = excluded.display_name,"
		" opened = true, erased_at = NULL, version = u.version + 1"
		" WHERE NOT u.opened"},
	[PG_SQL_USER_ROOMS] = {"user_rooms",
		"SELECT " PG_ROOM_COLUMNS " FROM participants p JOIN rooms r ON r.id = p.room_id"
		" WHERE p.user_id = $1 ORDER BY p.room_id"},
	[PG_SQL_USER_ANYWHERE] = {"user_anywhere",
		"SELECT 1 FROM participants WHERE user_id = $1 LIMIT 1"},
	/* Of those who were erased only the banned ones still matter. */
	[PG_SQL_USER_LIST] = {"user_list",
		USERS " WHERE (u.identity, u.id) > ($1, $2)"
		      " AND (u.erased_at IS NULL OR u.banned_at IS NOT NULL)"
		      " ORDER BY u.identity, u.id LIMIT $3::bigint"},
	[PG_SQL_USER_LIST_BANNED] = {"user_list_banned",
		USERS " WHERE (u.identity, u.id) > ($1, $2) AND u.banned_at IS NOT NULL"
		      " ORDER BY u.identity, u.id LIMIT $3::bigint"},
	[PG_SQL_BAR_LIST] = {"bar_list",
		USERS " WHERE (u.banned_at IS NOT NULL OR u.tokens_from IS NOT NULL)"
		      " AND u.id > $1 ORDER BY u.id LIMIT $2::bigint"},
	[PG_SQL_USER_SET] = {"user_set", "UPDATE users u SET display_name = $2, avatar_url = $3,"
					 " version = u.version + 1" GIVE_USER},
	/* Who is banned once more stays banned since then, for the new reason. */
	[PG_SQL_USER_BAR] = {"user_bar",
		"UPDATE users u SET banned_at = CASE WHEN NOT $2::boolean THEN u.banned_at"
		" WHEN $3::boolean THEN coalesce(u.banned_at, chat_now()) END,"
		" ban_reason = CASE WHEN NOT $2 THEN u.ban_reason WHEN $3 THEN $4::text END,"
		" tokens_from = CASE WHEN $5::boolean THEN " TOKENS_FROM
		" ELSE u.tokens_from END" GIVE_USER},
	[PG_SQL_USER_ERASE] = {"user_erase",
		"UPDATE users u SET identity = u.id::text, display_name = u.id::text,"
		" avatar_url = NULL, last_seen_at = NULL, opened = false,"
		" tokens_from = " TOKENS_FROM ", erased_at = chat_now(),"
		" version = u.version + 1" GIVE_USER},

	[PG_SQL_EPOCH_NEXT] = {"epoch_next", "INSERT INTO epochs (no, epoch) VALUES ($1, $2)"
					     " ON CONFLICT DO NOTHING"},
	[PG_SQL_HEADS] = {"heads", "SELECT r.last_seq, r.member_version, r.version"
				   " FROM unnest($1::uuid[]) WITH ORDINALITY AS a (id, place)"
				   " LEFT JOIN rooms r ON r.id = a.id ORDER BY a.place"},
	/* The first row has kind 0 and says of what moment the others are. Changes that were not
	 * seen at the moment ($1, $2) are those with a higher xid, and those of transactions that
	 * were open then. Between pages of one moment ($4, $5) what came later stays out. */
	[PG_SQL_WATCH] = {"watch",
		"SELECT 0::smallint, NULL::uuid, NULL::uuid, NULL::bigint,"
		" (SELECT h.xid FROM changes h ORDER BY h.xid DESC LIMIT 1),"
		" pg_current_snapshot()::text, (SELECT max(no) FROM epochs),"
		" (SELECT e.epoch FROM epochs e ORDER BY e.no DESC LIMIT 1),"
		" CASE WHEN pg_is_in_recovery() THEN ''"
		" ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
		" UNION ALL (SELECT c.kind, c.room_id, c.user_id, c.no, NULL, NULL, NULL, NULL,"
		" NULL FROM (SELECT * FROM changes a WHERE a.xid > $1::xid8 AND a.xid <= $4::xid8"
		" UNION ALL SELECT * FROM changes b WHERE b.xid = ANY " OPEN_BEFORE
		" AND b.xid <= $1) c WHERE c.no > $3 AND c.origin <> $6"
		" AND c.xid <> ALL " OPEN_UNTIL " ORDER BY c.no LIMIT $7::bigint)"},
	/* Numbers are given in the order of time, but for transactions that took long: what is old
	 * stands in front. One instance does it (the lock is "chatwipe"); $1: see pg_watch.c. */
	[PG_SQL_CHANGES_CLEAN] = {"changes_clean",
		"WITH mine AS MATERIALIZED"
		" (SELECT pg_try_advisory_xact_lock(7163082360180273253) AS ok),"
		" old AS MATERIALIZED (SELECT c.xid, c.no, c.at FROM changes c"
		" WHERE (SELECT mine.ok FROM mine) ORDER BY c.xid, c.no LIMIT $2::bigint)"
		" DELETE FROM changes c USING old WHERE c.xid = old.xid AND c.no = old.no"
		" AND old.at < now() - interval '1 hour' AND old.xid <= $1::xid8"},

	/* Messages are counted by room, as they come: nobody waits for ten million rows. */
	[PG_SQL_STATUS] = {"status",
		"SELECT " COUNT_OF("users") ", " COUNT_OF(
			"rooms") ","
				 " CASE WHEN " ROWS_OF(
					 "rooms") " > " MANY
						  " THEN greatest(" ROWS_OF(
							  "messages") ", 0)"
								      " ELSE (SELECT "
								      "coalesce(sum(message_count),"
								      " 0)::bigint FROM rooms) END,"
								      " pg_database_size(current_"
								      "database()),"
								      " (SELECT coalesce(max(no), "
								      "0)::bigint FROM "
								      "schema_migrations)"},
	/* A transaction that only has a number is not brought to the disk, one with a record in the
	 * WAL is; the DELETE is refused where nothing can be changed. */
	[PG_SQL_PING] = {"ping", "WITH none AS (DELETE FROM dead_rooms WHERE false)"
				 " SELECT pg_logical_emit_message(true, 'chatd', '')"},
};
