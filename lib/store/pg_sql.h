/* Every statement that is prepared on links to PostgreSQL, each once, in one table (pg_sql_*.c). */
#ifndef LIB_STORE_PG_SQL_H
#define LIB_STORE_PG_SQL_H

/* Which database system it is, and which of its lives: the identifier, and the timeline, which is
 * another one after a standby was promoted or a backup was played back. Empty behind the '/' on a
 * standby. At most PG_SYSTEM_SIZE with a NUL. */
#define PG_SYSTEM \
	"(SELECT s.system_identifier::text || '/' || CASE WHEN pg_catalog.pg_is_in_recovery()" \
	" THEN '' ELSE substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)" \
	" END FROM pg_catalog.pg_control_system() s)"
#define PG_SYSTEM_SIZE 40

enum pg_sql {
	/* transactions and links: pg_sql.c */
	PG_SQL_BEGIN,
	PG_SQL_COMMIT,
	PG_SQL_ROLLBACK,
	/* The transaction does not wait long for locks. */
	PG_SQL_HURRY,
	PG_SQL_HELLO,
	/* messages that are appended: pg_sql_append.c */
	/* $1 rooms (uuid[]): locks their rows, in the order of their ids; the second fails where
	 * it would have to wait. One row, of no use. */
	PG_SQL_APPEND_LOCK,
	PG_SQL_APPEND_LOCK_NOW,
	/* Many messages of any rooms, judged, numbered and stored (pg_append_batch.c knows the
	 * parameters). The first takes plain text alone, the second what all messages can have,
	 * the third imported ones. Rows: place from 1 (integer), enum append_outcome (smallint),
	 * seq (bigint), sent_at, member_version (bigint; of those stored), epoch_no (integer).
	 * Places without a row met a change of their room. */
	PG_SQL_APPEND,
	PG_SQL_APPEND_FULL,
	PG_SQL_APPEND_IMPORTS,
	/* One entry, and what it does to the message that it names, where its room is locked. A
	 * row as above. */
	PG_SQL_APPEND_EDIT,
	PG_SQL_APPEND_DELETE,
	/* messages that are read, or go: pg_sql_messages.c */
	/* $1 room, $2 after, $3 before, $4 how many, $5 weight or NULL: a row with the room's last
	 * and its first number (NULL: none) in the places of seq and ref_seq, and no sender; then
	 * PG_MESSAGE_COLUMNS. Without the first: no such room. */
	PG_SQL_PAGE_OLDEST,
	PG_SQL_PAGE_NEWEST,
	/* $1 room, $2 number in the id, $3 the id: PG_MESSAGE_COLUMNS of at most two. */
	PG_SQL_MESSAGE_FIND,
	/* $1 room, $2 number: of the place that it goes on from; $3 how many are looked at, $4
	 * user, $5 weight. A row with how many were looked at, in the place of seq, and the last
	 * one's room and number, in those of sender and ref_seq, and no room; then
	 * PG_MESSAGE_COLUMNS and the room. */
	PG_SQL_SENT_PAGE,
	/* $1 to $4 as above. One row: how many were looked at, the last one's room and number, and
	 * how many lost their content. */
	PG_SQL_SENT_ERASE,
	/* $1 room: its last and its first number. */
	PG_SQL_PURGE_BOUNDS,
	/* $1 room, $2 number to begin at, $3 time, $4 how many: the first one that is not so old,
	 * and the last one looked at. */
	PG_SQL_PURGE_WALK,
	/* $1 room, $2 number: what is below goes. $2 of the second: how many went. No rows. */
	PG_SQL_PURGE,
	PG_SQL_PURGED,
	/* rooms and members: pg_sql_rooms.c */
	/* Names users ($1 uuid[]; $2 text[], their identities, NULL: the id's text): makes those
	 * who are no rows yet, or were erased, with their identity as display name; who is named
	 * twice takes the first. All rows stay locked FOR KEY SHARE (who erases one locks it FOR
	 * UPDATE before he looks for memberships). After the locks of rooms, so that nobody waits
	 * in a circle. No rows. */
	PG_SQL_USERS_NAME,
	/* One row of changes: $1 origin; $2 room, $3 user (uuid or NULL); $4 smallint, enum
	 * store_change_kind. No rows. */
	PG_SQL_CHANGE_NOTE,
	/* $1 room. A room, locked against changes and sends; the second against all. */
	PG_SQL_ROOM_LOCK,
	PG_SQL_ROOM_LOCK_WHOLE,
	/* $1 what is looked for, $2 user or NULL: rooms, each with the role of the user. */
	PG_SQL_ROOM_BY_ID,
	PG_SQL_ROOM_BY_ALIAS,
	PG_SQL_ROOM_BY_NAME,
	PG_SQL_ROOM_BY_PAIR,
	PG_SQL_ROOM_ADD,
	PG_SQL_ROOM_SET,
	PG_SQL_ROOM_UNPAIR,
	PG_SQL_ROOM_DROP,
	PG_SQL_ROOM_LIST,
	PG_SQL_ROOMS_OF_USER,
	PG_SQL_ROOMS_PUBLIC,
	PG_SQL_DEAD_ADD,
	PG_SQL_DEAD_GET,
	PG_SQL_DEAD_LOCK,
	PG_SQL_DEAD_SWEEP,
	PG_SQL_DEAD_DROP,
	PG_SQL_MEMBER_ROLES,
	PG_SQL_MEMBER_NEXT,
	PG_SQL_MEMBER_ADD,
	PG_SQL_MEMBERS_ADD,
	PG_SQL_MEMBER_DROP,
	PG_SQL_MEMBERS_DROP,
	PG_SQL_MEMBER_SET_ROLE,
	PG_SQL_MEMBERS_CHANGED,
	PG_SQL_MEMBER_LIST,
	PG_SQL_MEMBER_PAGE,
	PG_SQL_MEMBER_ONE,
	/* users, what instances share, status: pg_sql_users.c */
	/* $1 user. PG_USER_COLUMNS and whether he has opened his row; the second locks it against
	 * changes, the third also against being named. */
	PG_SQL_USER_GET,
	PG_SQL_USER_LOCK,
	PG_SQL_USER_LOCK_WHOLE,
	/* $1 user, $2 identity, $3 display name: he has come himself. The row stays locked, whether
	 * it was changed or not. No rows. */
	PG_SQL_USER_COME,
	/* $1 user: PG_ROOM_COLUMNS of the rooms that he is in. */
	PG_SQL_USER_ROOMS,
	/* $1 user: one row (integer) where he is in any room. */
	PG_SQL_USER_ANYWHERE,
	/* $1 identity, $2 id: the place that it goes on from; $3 how many. */
	PG_SQL_USER_LIST,
	PG_SQL_USER_LIST_BANNED,
	/* $1 id, $2 how many. */
	PG_SQL_BAR_LIST,
	/* These give the row as it is then. $1 user; ... $2 name, $3 picture or NULL. */
	PG_SQL_USER_SET,
	/* ... $2 whether the ban is set, $3 banned, $4 reason or NULL, $5 whether tokens are. */
	PG_SQL_USER_BAR,
	PG_SQL_USER_ERASE,
	/* $1 uuid[]: a row for each, in that order: last_seq (NULL: no room), member_version,
	 * version. */
	PG_SQL_HEADS,
	PG_SQL_EPOCH_NEXT,
	/* See pg_watch.c. */
	PG_SQL_WATCH,
	PG_SQL_CHANGES_CLEAN,
	/* One row, all bigint: users, rooms, messages, bytes, number of the last migration. */
	PG_SQL_STATUS,
	/* Writes what COMMIT must bring to the disk, and is refused where nothing can be. */
	PG_SQL_PING,
	/* schema, epochs, operators: pg_sql_schema.c */
	/* One row: encoding of the database (text), a standby (boolean), database, role, schema
	 * that tables are made in (text or NULL), whether the role may, server's version (text). */
	PG_SQL_SERVER,
	/* One row: whether there is a table schema_migrations, how many of its columns are as ours
	 * (bigint), names of other tables of ours that are there (text or NULL). */
	PG_SQL_SCHEMA_FIND,
	/* no, name, checksum, oldest_program, begun only (boolean), program (text). */
	PG_SQL_SCHEMA_LIST,
	/* $1 no, $2 name, $3 checksum, $4 oldest program, $5 version of the program, $6 boolean:
	 * begun only. The second ends what was begun ($1). */
	PG_SQL_SCHEMA_ADD,
	PG_SQL_SCHEMA_DONE,
	/* $1 and $2 text[]: tables and what is wanted of each: a row for what the role lacks:
	 * table, right, whether the table is there. */
	PG_SQL_SCHEMA_RIGHTS,
	/* A table that is not the role's, and whose it is. */
	PG_SQL_SCHEMA_OWNER,
	/* $1 key: a lock of the session; true: it is ours now. */
	PG_SQL_LOCK_TRY,
	PG_SQL_LOCK_DROP,
	/* $1 key: pid (integer), application, role (text or NULL) of who has it. */
	PG_SQL_LOCK_HOLDER,
	/* name (text), value (bytea). */
	PG_SQL_META_LIST,
	/* $1 name, $2 value: where there is none yet; the second in any case. */
	PG_SQL_META_ADD,
	PG_SQL_META_SET,
	/* Who makes epochs does it one after the other: the row system. */
	PG_SQL_META_LOCK,
	/* no (integer), epoch (text), ascending. */
	PG_SQL_EPOCH_LIST,
	/* $1 text: the next one. */
	PG_SQL_EPOCH_ADD,
	/* One row: PG_SYSTEM. */
	PG_SQL_SYSTEM,
	/* One row: users, rooms, messages (bigint). */
	PG_SQL_ADMIN_COUNTS,
	/* backups, and looking for damage: pg_sql_admin.c */
	/* One row: schema that our tables are in, or else would be made in, and who owns them (text
	 * or NULL); bytes of the database (bigint). */
	PG_SQL_ADMIN_HOME,
	/* One row: name of this transaction's snapshot (text). */
	PG_SQL_ADMIN_SNAPSHOT,
	/* pid (integer), application, role, address (text or NULL) of each chatd and chatctl that
	 * is connected to the database, this one left out. */
	PG_SQL_ADMIN_CLIENTS,
	/* $1 schema, $2 names of tables, $3 of functions (text[]): name of a table or function, and
	 * a GRANT that gives what somebody may on it, or on a sequence of it (text). */
	PG_SQL_ADMIN_GRANTS,
	/* A row where the fleet's secret is as it must be. */
	PG_SQL_VERIFY_SECRET,
	/* One row: blocks of the table messages (bigint). */
	PG_SQL_VERIFY_BLOCKS,
	/* $1 first block, $2 the one behind the last: epoch_no without an epoch (integer), and how
	 * many messages have it (bigint). */
	PG_SQL_VERIFY_EPOCHS,
	/* $1 lowest id, $2 how many: id, last_seq, message_count, member_count. */
	PG_SQL_VERIFY_ROOMS,
	/* $1 lowest, $2 highest room id: room, count, least and greatest number. */
	PG_SQL_VERIFY_MESSAGES,
	/* $1 lowest, $2 highest room id: room, count. */
	PG_SQL_VERIFY_MEMBERS,
	/* $1 room: a row where it is being removed. */
	PG_SQL_VERIFY_DEAD,
	/* Room, or user, that has no row, and how many participants are of it. */
	PG_SQL_VERIFY_STRAY_ROOMS,
	PG_SQL_VERIFY_STRAY_USERS,
	/* $1 schema, $2 names of tables (text[]): index (text), whether it is valid, whether it is
	 * a B-tree (boolean). */
	PG_SQL_VERIFY_INDEXES,
	/* A row where there is the extension amcheck: its schema (text). */
	PG_SQL_VERIFY_AMCHECK,
	PG_SQL_COUNT
};

/* One part of the table; rows of the other parts are empty. Statements stand in the file of their
 * subject, by their number. */
struct pg_sql_row {
	const char *name, *text;
};
extern const struct pg_sql_row pg_sql_links[PG_SQL_COUNT]; /* pg_sql.c */
extern const struct pg_sql_row pg_sql_append[PG_SQL_COUNT];
extern const struct pg_sql_row pg_sql_messages[PG_SQL_COUNT];
extern const struct pg_sql_row pg_sql_rooms[PG_SQL_COUNT];
extern const struct pg_sql_row pg_sql_users[PG_SQL_COUNT];
extern const struct pg_sql_row pg_sql_schema[PG_SQL_COUNT];
extern const struct pg_sql_row pg_sql_admin[PG_SQL_COUNT];

/* Never NULL. */
const char *pg_sql_text(enum pg_sql sql);
/* Its name as a prepared statement, and in logs. */
const char *pg_sql_name(enum pg_sql sql);

#endif
