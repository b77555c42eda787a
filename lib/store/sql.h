/* Every SQL statement of the store, each once, in one table. A back end prepares what it needs, by
 * number, and caches it per connection. */
#ifndef LIB_STORE_SQL_H
#define LIB_STORE_SQL_H

enum sql_id {
	/* connections and transactions */
	SQL_SETUP, /* several statements, run once on each connection */
	SQL_SETUP_WRITER, /* the same, also on the writer's */
	SQL_SETUP_READER,
	SQL_SETUP_NEW_FILE, /* on an empty file, before anything else */
	SQL_JOURNAL_WAL,
	SQL_QUICK_CHECK,
	SQL_BEGIN_WRITE,
	SQL_BEGIN_READ,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_SAVE,
	SQL_SAVE_UNDO,
	SQL_SAVE_DROP,
	/* schema and what never changes while a store is open */
	SQL_MIGRATION_HAS_TABLE,
	SQL_MIGRATION_TABLE,
	SQL_MIGRATION_LIST,
	SQL_MIGRATION_ADD,
	SQL_META_GET,
	SQL_META_ADD,
	SQL_EPOCH_LIST,
	SQL_EPOCH_ADD,
	/* messages */
	SQL_ROOM_HEAD,
	SQL_ROOM_RAISE,
	SQL_MESSAGE_ADD,
	SQL_MESSAGE_BY_KEY,
	SQL_PAGE_HEAD,
	SQL_PAGE_OLDEST,
	SQL_PAGE_NEWEST,
	/* rooms */
	SQL_ROOM_BY_ID,
	SQL_ROOM_BY_ALIAS,
	SQL_ROOM_BY_NAME,
	SQL_ROOM_BY_PAIR,
	SQL_ROOM_ADD,
	SQL_ROOM_LIST,
	/* members */
	SQL_MEMBER_ROLE,
	SQL_MEMBER_ADD,
	SQL_MEMBER_DROP,
	SQL_MEMBER_OWNER,
	SQL_MEMBER_SUCCESSOR,
	SQL_MEMBER_PROMOTE,
	SQL_MEMBERS_CHANGED,
	SQL_MEMBER_LIST,
	/* users */
	SQL_USER_GET,
	SQL_USER_NAME,
	SQL_USER_OPEN,
	SQL_USER_ROOMS,
	/* status */
	SQL_STATUS_USERS,
	SQL_STATUS_ROOMS,
	SQL_STATUS_SCHEMA,
	SQL_COUNT
};

/* The text in SQLite's dialect. Never NULL. */
const char *sql_sqlite(enum sql_id id);

#endif
