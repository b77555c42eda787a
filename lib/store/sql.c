#include "lib/store/sql.h"

/* lib/store/sqlite_rows.c reads these columns by their place. */
#define ROOM_COLUMNS \
	"r.id, r.alias, r.name, r.avatar_url, r.type, r.visibility, r.encrypted, r.creator_id, " \
	"r.created_at, r.last_activity_at, r.archived_at, r.last_seq, r.member_version, " \
	"r.member_count, r.version"
#define MESSAGE_COLUMNS \
	"m.seq, m.sender_id, m.type, m.ref_seq, m.sent_at, m.epoch_no, m.client_message_id, " \
	"m.content, m.encrypted, m.nonce, m.auth_tag, m.attachment, m.id, m.edited_at, " \
	"m.deleted_at"
#define MEMBER_COLUMNS \
	"p.user_id, u.identity, u.display_name, p.role, p.joined_at, p.last_read_at, " \
	"p.last_read_seq, p.last_delivered_seq, p.muted"
#define USER_COLUMNS \
	"u.id, u.identity, u.display_name, u.avatar_url, u.created_at, u.last_seen_at, " \
	"u.banned_at, u.ban_reason, u.tokens_from, u.version"

/* What is left of a message that was deleted. */
#define BLANK "content = '', nonce = NULL, auth_tag = NULL, attachment = NULL"

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
			     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
			     " ?15) ON CONFLICT (room_id, client_key) DO NOTHING"},
	[SQL_MESSAGE_BY_KEY] = {"SELECT seq, sent_at, body_hash, epoch_no FROM messages"
				" WHERE room_id = ?1 AND client_key = ?2"},
	[SQL_PAGE_HEAD] = {"SELECT last_seq, (SELECT min(m.seq) FROM messages m"
			   " WHERE m.room_id = ?1) FROM rooms WHERE id = ?1"},
	[SQL_PAGE_OLDEST] = {"SELECT " MESSAGE_COLUMNS " FROM messages m WHERE m.room_id = ?1"
			     " AND m.seq > ?2 AND m.seq < ?3 ORDER BY m.seq LIMIT ?4"},
	[SQL_PAGE_NEWEST] = {"SELECT " MESSAGE_COLUMNS " FROM messages m WHERE m.room_id = ?1"
			     " AND m.seq > ?2 AND m.seq < ?3 ORDER BY m.seq DESC LIMIT ?4"},
	[SQL_MESSAGE_IMPORT] = {"INSERT INTO messages (room_id, seq, sent_at, sender_id,"
				" client_key, body_hash, epoch_no, type, ref_seq, encrypted,"
				" client_message_id, content, nonce, auth_tag, attachment, id,"
				" edited_at, deleted_at)"
				" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
				" ?14, ?15, ?16, nullif(?17, 0), nullif(?18, 0))"},
	[SQL_MESSAGE_GET] = {"SELECT " MESSAGE_COLUMNS " FROM messages m"
			     " WHERE m.room_id = ?1 AND m.seq = ?2"},
	[SQL_MESSAGE_BY_ID] = {"SELECT seq FROM messages WHERE room_id = ?1 AND id = ?2"},
	[SQL_MESSAGE_LOOK] = {"SELECT type, sender_id, deleted_at, sent_at, epoch_no, body_hash,"
			      " id FROM messages WHERE room_id = ?1 AND seq = ?2"},
	[SQL_MESSAGE_EDIT] = {"UPDATE messages SET edited_at = ?3, encrypted = ?4, content = ?5,"
			      " nonce = ?6, auth_tag = ?7 WHERE room_id = ?1 AND seq = ?2"},
	[SQL_MESSAGE_BLANK] = {"UPDATE messages SET deleted_at = ?3, " BLANK
			       " WHERE room_id = ?1 AND seq = ?2"},
	[SQL_EDITS_BLANK] = {"UPDATE messages SET deleted_at = ?3, " BLANK
			     " WHERE room_id = ?1 AND ref_seq = ?2 AND type = 5"
			     " AND deleted_at IS NULL"},
	[SQL_SENT_WALK] = {"SELECT " MESSAGE_COLUMNS ", m.room_id FROM messages m"
			   " WHERE (m.room_id, m.seq) > (?1, ?2) ORDER BY m.room_id, m.seq"
			   " LIMIT ?3"},
	[SQL_MESSAGE_FIRST] = {"SELECT min(seq) FROM messages WHERE room_id = ?1"},
	[SQL_PURGE_WALK] = {"SELECT seq, sent_at FROM messages WHERE room_id = ?1 AND seq >= ?2"
			    " ORDER BY seq LIMIT ?3"},
	[SQL_PURGE] = {"DELETE FROM messages WHERE room_id = ?1 AND seq < ?2"},
	[SQL_PURGED] = {"UPDATE rooms SET message_count = max(message_count - ?2, 0)"
			" WHERE id = ?1"},

	[SQL_ROOM_BY_ID] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.id = ?1"},
	[SQL_ROOM_BY_ALIAS] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.alias = ?1"},
	[SQL_ROOM_BY_NAME] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.name = ?1 LIMIT 2"},
	[SQL_ROOM_BY_PAIR] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE r.direct_pair = ?1"},
	[SQL_ROOM_ADD] = {"INSERT INTO rooms (id, alias, name, avatar_url, type, visibility,"
			  " encrypted, creator_id, created_at, last_activity_at, direct_pair)"
			  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)"},
	[SQL_ROOM_LIST] = {"SELECT " ROOM_COLUMNS " FROM rooms r WHERE (r.name, r.id) > (?1, ?2)"
			   " ORDER BY r.name, r.id LIMIT ?3"},
	[SQL_ROOM_SET] = {"UPDATE rooms SET alias = ?2, name = ?3, avatar_url = ?4,"
			  " visibility = ?5, archived_at = ?6, version = version + 1"
			  " WHERE id = ?1"},
	[SQL_ROOM_UNPAIR] = {"UPDATE rooms SET direct_pair = NULL,"
			     " version = version + (archived_at IS NULL),"
			     " archived_at = coalesce(archived_at, ?2) WHERE id = ?1"},
	[SQL_ROOM_DROP] = {"DELETE FROM rooms WHERE id = ?1"},
	[SQL_ROOMS_OF_USER] = {"SELECT " ROOM_COLUMNS ", p.role, p.last_read_seq, " MESSAGE_COLUMNS
			       " FROM participants p CROSS JOIN rooms r ON r.id = p.room_id"
			       " LEFT JOIN messages m ON m.room_id = r.id AND m.seq = r.last_seq"
			       " WHERE p.user_id = ?1 AND p.room_id > ?2"
			       " AND (?3 < 0 OR r.type = ?3) ORDER BY p.room_id LIMIT ?4"},
	[SQL_ROOMS_PUBLIC] = {"SELECT " ROOM_COLUMNS ", p.role, p.last_read_seq, " MESSAGE_COLUMNS
			      " FROM rooms r"
			      " LEFT JOIN participants p ON p.room_id = r.id AND p.user_id = ?1"
			      " LEFT JOIN messages m ON m.room_id = r.id AND m.seq = r.last_seq"
			      " WHERE r.visibility = 0 AND (r.name, r.id) > (?5, ?2)"
			      " AND (?3 < 0 OR r.type = ?3) ORDER BY r.name, r.id LIMIT ?4"},
	[SQL_DEAD_ADD] = {"INSERT INTO dead_rooms (room_id) VALUES (?1)"},
	[SQL_DEAD_FIRST] = {"SELECT room_id FROM dead_rooms LIMIT 1"},
	[SQL_DEAD_GET] = {"SELECT 1 FROM dead_rooms WHERE room_id = ?1"},
	[SQL_DEAD_DROP] = {"DELETE FROM dead_rooms WHERE room_id = ?1"},

	[SQL_MEMBER_ROLE] = {"SELECT role FROM participants WHERE room_id = ?1 AND user_id = ?2"},
	[SQL_MEMBER_ADD] = {"INSERT INTO participants (room_id, user_id, role, joined_at)"
			    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (room_id, user_id) DO NOTHING"},
	[SQL_MEMBER_DROP] = {"DELETE FROM participants WHERE room_id = ?1 AND user_id = ?2"},
	[SQL_MEMBER_OWNER] = {"SELECT 1 FROM participants WHERE room_id = ?1 AND role = 3"
			      " AND user_id <> ?2 LIMIT 1"},
	[SQL_MEMBER_SUCCESSOR] = {"SELECT user_id FROM participants WHERE room_id = ?1"
				  " ORDER BY role DESC, joined_at, user_id LIMIT 1"},
	[SQL_MEMBER_SET_ROLE] = {"UPDATE participants SET role = ?3"
				 " WHERE room_id = ?1 AND user_id = ?2"},
	[SQL_MEMBERS_CHANGED] = {"UPDATE rooms SET member_version = member_version + ?2,"
				 " member_count = member_count + ?3 WHERE id = ?1"},
	[SQL_MEMBER_LIST] = {"SELECT " MEMBER_COLUMNS
			     " FROM participants p LEFT JOIN users u ON u.id = p.user_id"
			     " WHERE p.room_id = ?1 ORDER BY p.role DESC, p.joined_at, p.user_id"},
	[SQL_MEMBER_PAGE] = {"SELECT " MEMBER_COLUMNS
			     " FROM participants p LEFT JOIN users u ON u.id = p.user_id"
			     " WHERE p.room_id = ?1 AND p.user_id > ?2 ORDER BY p.user_id"
			     " LIMIT ?3"},
	[SQL_MEMBER_ONE] = {"SELECT " MEMBER_COLUMNS
			    " FROM participants p LEFT JOIN users u ON u.id = p.user_id"
			    " WHERE p.room_id = ?1 AND p.user_id = ?2 LIMIT ?3"},
	[SQL_MEMBER_ANYWHERE] = {"SELECT 1 FROM participants WHERE user_id = ?1 LIMIT 1"},
	[SQL_MEMBERS_DROP] = {"DELETE FROM participants WHERE room_id = ?1"},

	[SQL_USER_GET] = {"SELECT " USER_COLUMNS ", u.opened FROM users u WHERE u.id = ?1"},
	/* One who was erased is somebody again when others name him. */
	[SQL_USER_NAME] = {"INSERT INTO users (id, identity, display_name, created_at)"
			   " VALUES (?1, ?2, ?2, ?3) ON CONFLICT (id) DO UPDATE SET"
			   " identity = excluded.identity, display_name = excluded.display_name,"
			   " erased_at = NULL, version = version + 1"
			   " WHERE erased_at IS NOT NULL"},
	[SQL_USER_OPEN] = {"INSERT INTO users (id, identity, display_name, created_at, opened)"
			   " VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT (id) DO UPDATE SET"
			   " identity = excluded.identity, display_name = excluded.display_name,"
			   " opened = 1, erased_at = NULL, version = version + 1"
			   " WHERE opened = 0"},
	/* At each connect: participants' index by user answers it, not the table. */
	[SQL_USER_ROOMS] = {"SELECT " ROOM_COLUMNS
			    " FROM participants p JOIN rooms r ON r.id = p.room_id"
			    " WHERE p.user_id = ?1 ORDER BY p.room_id"},
	[SQL_USER_SET] = {"UPDATE users SET display_name = ?2, avatar_url = ?3,"
			  " version = version + 1 WHERE id = ?1"},
	[SQL_USER_BAR] = {"UPDATE users SET banned_at = ?2, ban_reason = ?3, tokens_from = ?4"
			  " WHERE id = ?1"},
	[SQL_USER_ERASE] = {"UPDATE users SET identity = ?2, display_name = ?2, avatar_url = NULL,"
			    " last_seen_at = NULL, opened = 0, tokens_from = ?3, erased_at = ?4,"
			    " version = version + 1 WHERE id = ?1"},
	/* Of those who were erased only the banned ones still matter. */
	[SQL_USER_LIST] = {"SELECT " USER_COLUMNS " FROM users u"
			   " WHERE (u.identity, u.id) > (?1, ?2)"
			   " AND (u.erased_at IS NULL OR u.banned_at IS NOT NULL)"
			   " ORDER BY u.identity, u.id LIMIT ?3"},
	[SQL_USER_LIST_BANNED] = {"SELECT " USER_COLUMNS " FROM users u"
				  " WHERE u.banned_at IS NOT NULL"
				  " AND (u.identity, u.id) > (?1, ?2)"
				  " ORDER BY u.identity, u.id LIMIT ?3"},
	[SQL_BAR_LIST] = {"SELECT " USER_COLUMNS " FROM users u"
			  " WHERE (u.banned_at IS NOT NULL OR u.tokens_from IS NOT NULL)"
			  " AND u.id > ?1 ORDER BY u.id LIMIT ?2"},

	[SQL_STATUS_USERS] = {"SELECT count(*) FROM users"},
	[SQL_STATUS_ROOMS] = {"SELECT count(*), coalesce(sum(message_count), 0) FROM rooms"},
	[SQL_STATUS_SCHEMA] = {"SELECT coalesce(max(no), 0) FROM schema_migrations"},

	/* The target of a backup is synced as a whole when it is complete. */
	[SQL_SETUP_COPY] = {"PRAGMA synchronous = OFF;"
			    "PRAGMA journal_mode = MEMORY;"},
	/* Rows are looked up in each index, so that its pages come again and again. */
	[SQL_SETUP_VERIFY] = {"PRAGMA cache_size = -65536"},
	[SQL_PAGE_COUNT] = {"PRAGMA page_count"},
	[SQL_INTEGRITY_CHECK] = {"PRAGMA integrity_check(100)"},
	[SQL_VERIFY_SECRET] = {"SELECT 1 FROM meta WHERE name = 'fleet_secret'"
			       " AND typeof(value) = 'blob' AND length(value) = 32"},
	[SQL_VERIFY_EPOCH_OF_MESSAGES] = {"SELECT epoch_no, count(*) FROM messages"
					  " WHERE epoch_no NOT IN (SELECT no FROM epochs)"
					  " GROUP BY epoch_no"},
	[SQL_VERIFY_ROOMS] = {"SELECT id, last_seq, message_count, member_count FROM rooms"
			      " ORDER BY id"},
	[SQL_VERIFY_MESSAGES_OF_ROOM] = {"SELECT count(*), min(seq), max(seq) FROM messages"
					 " WHERE room_id = ?1"},
	[SQL_VERIFY_MEMBERS_OF_ROOM] = {"SELECT count(*) FROM participants WHERE room_id = ?1"},
	/* From room to room by the index, not from message to message. */
	[SQL_VERIFY_ROOMS_OF_MESSAGES] =
		{"WITH RECURSIVE named(id) AS (SELECT min(room_id) FROM messages UNION ALL"
		 " SELECT (SELECT min(room_id) FROM messages WHERE room_id > named.id) FROM named"
		 " WHERE named.id IS NOT NULL) SELECT id FROM named WHERE id IS NOT NULL"
		 " AND NOT EXISTS (SELECT 1 FROM rooms WHERE rooms.id = named.id)"},
	[SQL_VERIFY_DEAD_ROOM] = {"SELECT 1 FROM dead_rooms WHERE room_id = ?1"},
	[SQL_VERIFY_ROOMS_OF_MEMBERS] =
		{"SELECT room_id, count(*) FROM participants p WHERE NOT EXISTS"
		 " (SELECT 1 FROM rooms WHERE rooms.id = p.room_id) GROUP BY room_id"},
	[SQL_VERIFY_USERS_OF_MEMBERS] =
		{"SELECT user_id, count(*) FROM participants p WHERE NOT EXISTS"
		 " (SELECT 1 FROM users WHERE users.id = p.user_id) GROUP BY user_id"},
};

const char *sql_sqlite(enum sql_id id)
{
	return statements[id].sqlite;
}
