/* Statements about the database itself: its schema, its epochs, and who works on it. */
#include "lib/store/pg_sql.h"

#include <stddef.h>

/* Our tables but schema_migrations. */
#define TABLES "'{meta,epochs,users,rooms,participants,messages,dead_rooms,changes}'::name[]"

const struct pg_sql_row pg_sql_schema[PG_SQL_COUNT] = {
	/* current_schema() is NULL where the search path names none that is there and may be used.
	 */
	[PG_SQL_SERVER] = {"server",
		"SELECT getdatabaseencoding()::text, pg_is_in_recovery(), current_database()::text,"
		" current_user::text, current_schema()::text,"
		" coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),"
		" current_setting('server_version')"},
	/* All of one snapshot (to_regclass() is not): somebody may just be making them. */
	[PG_SQL_SCHEMA_FIND] = {"schema_find",
		"WITH t AS (SELECT c.oid, c.relname,"
		" array_position(current_schemas(false), n.nspname) AS place"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE n.nspname = ANY(current_schemas(false))"
		" AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
		" AND (c.relname = ANY(" TABLES ") OR c.relname = 'schema_migrations')),"
		" own AS (SELECT oid FROM t WHERE relname = 'schema_migrations'"
		" ORDER BY place LIMIT 1)"
		" SELECT EXISTS (SELECT 1 FROM own), (SELECT count(*) FROM pg_attribute"
		" WHERE attrelid = (SELECT oid FROM own) AND NOT attisdropped"
		" AND (attname, format_type(atttypid, NULL)) IN (('no', 'integer'),"
		" ('name', 'text'), ('checksum', 'bytea'), ('oldest_program', 'integer'),"
		" ('applied_at', 'timestamp with time zone'), ('program', 'text'))),"
		" (SELECT string_agg(DISTINCT relname::text, ', ') FROM t"
		" WHERE relname <> 'schema_migrations')"},
	[PG_SQL_SCHEMA_LIST] = {"schema_list",
		"SELECT no, name, checksum, oldest_program, applied_at IS NULL, program"
		" FROM schema_migrations ORDER BY no"},
	[PG_SQL_SCHEMA_ADD] = {"schema_add",
		"INSERT INTO schema_migrations (no, name, checksum, oldest_program, program,"
		" applied_at) VALUES ($1::int4, $2::text, $3::bytea, $4::int4,"
		" btrim(current_setting('application_name') || ' ' || $5::text),"
		" CASE WHEN NOT $6::boolean THEN clock_timestamp() END)"},
	[PG_SQL_SCHEMA_DONE] = {"schema_done",
		"UPDATE schema_migrations SET applied_at = clock_timestamp() WHERE no = $1::int4"},
	/* A privilege of a table that is not there is NULL. */
	[PG_SQL_SCHEMA_RIGHTS] = {"schema_rights",
		"SELECT w.name, w.wanted, to_regclass(w.name) IS NOT NULL"
		" FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (name, wanted, place)"
		" WHERE has_table_privilege(to_regclass(w.name)::oid, w.wanted) IS NOT TRUE"
		" ORDER BY w.place"},
	[PG_SQL_SCHEMA_OWNER] = {"schema_owner",
		"SELECT relname::text, pg_get_userbyid(relowner)::text FROM pg_class"
		" WHERE (relname = ANY(" TABLES ") OR relname = 'schema_migrations')"
		" AND relkind IN ('r', 'p') AND pg_table_is_visible(oid)"
		" AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relname LIMIT 1"},
	[PG_SQL_LOCK_TRY] = {"lock_try", "SELECT pg_try_advisory_lock($1::int8)"},
	[PG_SQL_LOCK_DROP] = {"lock_drop", "SELECT pg_advisory_unlock($1::int8)"},
	/* The halves of a key of 64 bits are shown in two columns (PostgreSQL manual, pg_locks). */
	[PG_SQL_LOCK_HOLDER] = {"lock_holder",
		"SELECT l.pid, a.application_name, a.usename::text FROM pg_locks l"
		" LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
		" WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
		" AND l.classid::int8 << 32 | l.objid::int8 = $1::int8 AND l.database ="
		" (SELECT oid FROM pg_database WHERE datname = current_database())"},
	[PG_SQL_META_LIST] = {"meta_list", "SELECT name, value FROM meta"},
	[PG_SQL_META_ADD] = {"meta_add",
		"INSERT INTO meta (name, value) VALUES ($1::text, $2::bytea)"
		" ON CONFLICT (name) DO NOTHING"},
	[PG_SQL_META_SET] = {"meta_set", "UPDATE meta SET value = $2::bytea WHERE name = $1::text"},
	[PG_SQL_META_LOCK] = {"meta_lock", "SELECT 1 FROM meta WHERE name = 'system' FOR UPDATE"},
	[PG_SQL_EPOCH_LIST] = {"epoch_list", "SELECT no, epoch FROM epochs ORDER BY no"},
	[PG_SQL_EPOCH_ADD] = {"epoch_add",
		"INSERT INTO epochs (no, epoch)"
		" SELECT coalesce(max(no), 0) + 1, $1::text FROM epochs"},
	[PG_SQL_SYSTEM] = {"system", "SELECT " PG_SYSTEM},
	[PG_SQL_ADMIN_COUNTS] = {"admin_counts",
		"SELECT (SELECT count(*) FROM users), count(*),"
		" coalesce(sum(message_count), 0)::int8 FROM rooms"},
};
