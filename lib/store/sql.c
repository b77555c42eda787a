#include "lib/store/sql.h"

/* lib/store/sqlite_rows.c reads these columns by their place. */
#define ROOM_COLUMNS \
	"r.id, r.alias, r.name, r.avatar_url, r.type, r.visibility, r.encrypted, r.creator_id, " \
	"r.created_at, r.last_activity_at, r.archived_at, r.last_seq, r.member_version, " \
	"r.member_count"
#define MESSAGE_COLUMNS \
	"seq, sender_id, type, ref_seq, sent_at, epoch_no, client_message_id, content, " \
	"encrypted, nonce, auth_tag, attachment, id"

struct sql_row {
	const char *sqlite;
};

static const struct sql_row statements[SQL_COUNT] = {
	/* No trust in what a strange file may define: views and triggers call nothing. */
	[SQL_SETUP] = {"PRAGMA trusted_schema = OFF;"
		       "PRAGMA foreign_keys = OFF;"
		       "PRAGMA temp_store = MEMORY;"
		       "PRAGMA mmap_size = 0;"},
	/* FULL: a COMMIT that answered survives a power cut. The cache is small on purpose: the
	 * kernel caches the file as well. A WAL that a long reader made grow is cut at its next
	 * start. */
	[SQL_SETUP_WRITER] = {"PRAGMA synchronous = FULL;"
			      "PRAGMA cache_size = -2048;"
			      "PRAGMA wal_autocheckpoint = 4000;"
			      "PRAGMA journal_size_limit = 67108864;"},
	[SQL_SETUP_READER] = {"PRAGMA query_only = ON;"
			      "PRAGMA cache_size = -1024;"},
	/* 1128808788 is "CHAT": tells our files from those of other programs. Both are in the
	 * file's first page before anything else is. */
	[SQL_SETUP_NEW_FILE] = {"PRAGMA page_size = 4096;"
				"PRAGMA synchronous = OFF;"
				"PRAGMA application_id = 1128808788;"
				"PRAGMA journal_mode = WAL;"},
	[SQL_JOURNAL_WAL] = {"PRAGMA journal_mode = WAL"},
	[SQL_QUICK_CHECK] = {"PRAGMA quick_check(1)"},
	[SQL_BEGIN_WRITE] = {"BEGIN IMMEDIATE"},
	[SQL_BEGIN_READ] = {"BEGIN"},
	[SQL_COMMIT] = {"COMMIT"},
	[SQL_ROLLBACK] = {"ROLLBACK"},
	[SQL_SAVE] = {"SAVEPOINT one"},
	[SQL_SAVE_UNDO] = {"ROLLBACK TO one"},
	[SQL_SAVE_DROP] = {"RELEASE one"},

	[SQL_MIGRATION_HAS_TABLE] = {"SELECT 1 FROM sqlite_master"
				     " WHERE type = 'table' AND name = 'schema_migrations'"},
	[SQL_MIGRATION_TABLE] = {"CREATE TABLE IF NOT EXISTS schema_migrations ("
				 " no INTEGER PRIMARY KEY,"
				 " name TEXT NOT NULL,"
				 " checksum BLOB NOT NULL,"
				 " oldest_program INTEGER NOT NULL,"
				 " applied_at INTEGER NOT NULL)"},
	[SQL_MIGRATION_LIST] = {"SELECT no, name, checksum, oldest_program"
				" FROM schema_migrations ORDER BY no"},
	[SQL_MIGRATION_ADD] = {"INSERT INTO schema_migrations"
			       " (no, name, checksum, oldest_program, applied_at)"
			       " VALUES (?1, ?2, ?3, ?4, ?5)"},
	[SQL_META_GET] = {"SELECT value FROM meta WHERE name = ?1"},
	[SQL_META_ADD] = {"INSERT INTO meta (name, value) VALUES (?1, ?2)"},
	[SQL_EPOCH_LIST] = {"SELECT no, epoch FROM epochs ORDER BY no"},
	[SQL_EPOCH_ADD] = {"INSERT INTO epochs (no, epoch, since) VALUES (?1, ?2, ?3)"},

	[SQL_ROOM_HEAD] = {"SELECT last_seq, last_activity_at, member_version, archived_at"
			   " FROM rooms WHERE id = ?1"},
	[SQL_ROOM_RAISE] = {"UPDATE rooms SET last_seq = ?2, last_activity_at = ?3,"
			    " message_count = message_count + ?4 WHERE id = ?1"},
	/* One writer: what ON CONFLICT sees is final, and no number is spent. */
	[SQL_MESSAGE_ADD] = {"INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key,"
			     " body_hash, epoch_no, type, ref_seq, encrypted, client_message_id,"
			     " content, nonce, auth_tag, attachment)"
			     " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
			     " ?15 WHERE EXISTS (SELECT 1 FROM participants"
			     " WHERE room_id = ?1 AND user_id = ?4)"
			     " ON CONFLICT (room_id, client_key) DO NOTHING"},
	[SQL_MESSAGE_BY_KEY] = {"SELECT seq, sent_at, body_hash, epoch_no FROM messages"
				" WHERE room_id = ?1 AND client_key = ?2"},
	[SQL_PAGE_HEAD] = {"SELECT last_seq, (SELECT min(m.seq) FROM messages m"
			   " WHERE m.room_id = ?1) FROM rooms WHERE id = ?1"},
	[SQL_PAGE_OLDEST] = {"SELECT " MESSAGE_COLUMNS " FROM messages WHERE room_id = ?1"
			     " AND seq > ?2 AND seq < ?3 ORDER BY seq LIMIT ?4"},
	[SQL_PAGE_NEWEST] = {"SELECT " MESSAGE_COLUMNS " FROM messages WHERE room_id = ?1"
			     " AND seq > ?2 AND seq < ?3 ORDER BY seq DESC LIMIT ?4"},

	[SQL_ROOM_BY_ID] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.id = ?1"},
	[SQL_ROOM_BY_ALIAS] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.alias = ?1"},
	[SQL_ROOM_BY_NAME] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.name = ?1 LIMIT 2"},
	[SQL_ROOM_BY_PAIR] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.direct_pair = ?1"},
	[SQL_ROOM_ADD] = {"INSERT INTO rooms (id, alias, name, avatar_url, type, visibility,"
			  " encrypted, creator_id, created_at, last_activity_at, direct_pair)"
			  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)"},
	[SQL_ROOM_LIST] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE (r.name, r.id) > (?1, ?2)"
			   " ORDER BY r.name, r.id LIMIT ?3"},

	[SQL_MEMBER_ROLE] = {"SELECT role FROM participants WHERE room_id = ?1 AND user_id = ?2"},
	[SQL_MEMBER_ADD] = {"INSERT INTO participants (room_id, user_id, role, joined_at)"
			    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (room_id, user_id) DO NOTHING"},
	[SQL_MEMBER_DROP] = {"DELETE FROM participants WHERE room_id = ?1 AND user_id = ?2"},
	[SQL_MEMBER_OWNER] = {"SELECT 1 FROM participants WHERE room_id = ?1 AND role = 3 LIMIT 1"},
	[SQL_MEMBER_SUCCESSOR] = {"SELECT user_id FROM participants WHERE room_id = ?1"
				  " ORDER BY role DESC, joined_at, user_id LIMIT 1"},
	[SQL_MEMBER_PROMOTE] = {"UPDATE participants SET role = 3"
				" WHERE room_id = ?1 AND user_id = ?2"},
	[SQL_MEMBERS_CHANGED] = {"UPDATE rooms SET member_version = member_version + ?2,"
				 " member_count = member_count + ?3 WHERE id = ?1"},
	[SQL_MEMBER_LIST] = {"SELECT p.user_id, u.identity, u.display_name, p.role, p.joined_at,"
			     " p.last_read_at, p.last_read_seq, p.last_delivered_seq, p.muted"
			     " FROM participants p LEFT JOIN users u ON u.id = p.user_id"
			     " WHERE p.room_id = ?1 ORDER BY p.role DESC, p.joined_at, p.user_id"},

	[SQL_USER_GET] = {"SELECT identity, display_name, avatar_url, created_at, last_seen_at,"
			  " opened FROM users WHERE id = ?1"},
	[SQL_USER_NAME] = {"INSERT INTO users (id, identity, display_name, created_at)"
			   " VALUES (?1, ?2, ?2, ?3) ON CONFLICT (id) DO NOTHING"},
	[SQL_USER_OPEN] = {"INSERT INTO users (id, identity, display_name, created_at, opened)"
			   " VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT (id) DO UPDATE SET"
			   " identity = excluded.identity, display_name = excluded.display_name,"
			   " opened = 1 WHERE opened = 0"},
	[SQL_USER_ROOMS] = {"SELECT " ROOM_COLUMNS ", p.role, p.last_read_seq"
			    " FROM participants p JOIN rooms r ON r.id = p.room_id"
			    " WHERE p.user_id = ?1 ORDER BY p.room_id"},

	[SQL_STATUS_USERS] = {"SELECT count(*) FROM users"},
	[SQL_STATUS_ROOMS] = {"SELECT count(*), coalesce(sum(message_count), 0) FROM rooms"},
	[SQL_STATUS_SCHEMA] = {"SELECT coalesce(max(no), 0) FROM schema_migrations"},
};

const char *sql_sqlite(enum sql_id id)
{
	return statements[id].sqlite;
}
