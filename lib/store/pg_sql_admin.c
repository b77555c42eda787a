/* Statements of backups, and of looking for damage. */
#include "lib/store/pg_sql.h"

#include <stddef.h>

/* What a right is called in a GRANT, for a row acl of aclexplode(). */
#define GRANTEE \
	"CASE acl.grantee WHEN 0 THEN 'PUBLIC'" \
	" ELSE quote_ident(pg_get_userbyid(acl.grantee)) END," \
	" CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)"

const struct pg_sql_row pg_sql_admin[PG_SQL_COUNT] = {
	[PG_SQL_ADMIN_HOME] = {"admin_home",
		"SELECT coalesce(n.nspname, current_schema())::text,"
		" pg_get_userbyid(c.relowner)::text, pg_database_size(current_database())"
		" FROM (SELECT to_regclass('schema_migrations') AS oid) t"
		" LEFT JOIN pg_class c ON c.oid = t.oid"
		" LEFT JOIN pg_namespace n ON n.oid = c.relnamespace"},
	[PG_SQL_ADMIN_SNAPSHOT] = {"admin_snapshot", "SELECT pg_export_snapshot()"},
	/* The application's name is shown to everybody, most other columns are not. One that the
	 * URL sets chatd has as well. */
	[PG_SQL_ADMIN_CLIENTS] = {"admin_clients",
		"SELECT pid, application_name, usename::text, host(client_addr)"
		" FROM pg_stat_activity WHERE datname = current_database()"
		" AND (application_name LIKE 'chatd%'"
		" OR application_name = current_setting('application_name'))"
		" AND pid <> pg_backend_pid() ORDER BY pid"},
	[PG_SQL_ADMIN_GRANTS] = {"admin_grants",
		"SELECT c.relname::text, format('GRANT %s ON TABLE %I.%I TO %s%s',"
		" acl.privilege_type, n.nspname, c.relname, " GRANTEE
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
		" aclexplode(c.relacl) acl"
		" WHERE n.nspname::text = $1::text AND c.relname::text = ANY($2::text[])"
		" AND c.relkind IN ('r', 'p') AND acl.grantee <> c.relowner"
		" UNION ALL SELECT t.relname::text, format('GRANT %s ON SEQUENCE %I.%I TO %s%s',"
		" acl.privilege_type, n.nspname, c.relname, " GRANTEE
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid"
		" AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
		" JOIN pg_class t ON t.oid = d.refobjid, aclexplode(c.relacl) acl"
		" WHERE n.nspname::text = $1::text AND t.relname::text = ANY($2::text[])"
		" AND c.relkind = 'S' AND acl.grantee <> c.relowner"
		" UNION ALL SELECT p.proname::text, format('GRANT %s ON FUNCTION %I.%I(%s) TO "
		"%s%s',"
		" acl.privilege_type, n.nspname, p.proname,"
		" pg_get_function_identity_arguments(p.oid), " GRANTEE
		" FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,"
		" aclexplode(p.proacl) acl"
		" WHERE n.nspname::text = $1::text AND p.proname::text = ANY($3::text[])"
		" AND acl.grantee <> p.proowner"},

	[PG_SQL_VERIFY_SECRET] = {"verify_secret",
		"SELECT 1 FROM meta WHERE name = 'fleet_secret' AND octet_length(value) = 32"},
	[PG_SQL_VERIFY_BLOCKS] = {"verify_blocks",
		"SELECT pg_relation_size('messages') / current_setting('block_size')::int8"},
	/* The table as it lies on the disk, block after block. */
	[PG_SQL_VERIFY_EPOCHS] = {"verify_epochs",
		"SELECT epoch_no, count(*) FROM messages"
		" WHERE ctid >= format('(%s,0)', $1::int8)::tid"
		" AND ctid < format('(%s,0)', $2::int8)::tid"
		" AND epoch_no NOT IN (SELECT no FROM epochs) GROUP BY epoch_no"},
	[PG_SQL_VERIFY_ROOMS] = {"verify_rooms",
		"SELECT id, last_seq, message_count, member_count FROM rooms"
		" WHERE id >= $1::uuid ORDER BY id LIMIT $2::int8"},
	[PG_SQL_VERIFY_MESSAGES] = {"verify_messages",
		"SELECT room_id, count(*), min(seq), max(seq) FROM messages"
		" WHERE room_id >= $1::uuid AND room_id <= $2::uuid"
		" GROUP BY room_id ORDER BY room_id"},
	[PG_SQL_VERIFY_MEMBERS] = {"verify_members",
		"SELECT room_id, count(*) FROM participants"
		" WHERE room_id >= $1::uuid AND room_id <= $2::uuid"
		" GROUP BY room_id ORDER BY room_id"},
	[PG_SQL_VERIFY_DEAD] = {"verify_dead", "SELECT 1 FROM dead_rooms WHERE room_id = $1::uuid"},
	[PG_SQL_VERIFY_STRAY_ROOMS] = {"verify_stray_rooms",
		"SELECT room_id, count(*) FROM participants p WHERE NOT EXISTS"
		" (SELECT 1 FROM rooms WHERE rooms.id = p.room_id) GROUP BY room_id"},
	[PG_SQL_VERIFY_STRAY_USERS] = {"verify_stray_users",
		"SELECT user_id, count(*) FROM participants p WHERE NOT EXISTS"
		" (SELECT 1 FROM users WHERE users.id = p.user_id) GROUP BY user_id"},
	[PG_SQL_VERIFY_INDEXES] = {"verify_indexes",
		"SELECT i.relname::text, x.indisvalid AND x.indisready AND x.indislive,"
		" m.amname = 'btree' FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid"
		" JOIN pg_class t ON t.oid = x.indrelid JOIN pg_am m ON m.oid = i.relam"
		" JOIN pg_namespace n ON n.oid = t.relnamespace"
		" WHERE n.nspname::text = $1::text AND t.relname::text = ANY($2::text[])"
		" ORDER BY i.relname"},
	[PG_SQL_VERIFY_AMCHECK] = {"verify_amcheck",
		"SELECT n.nspname::text FROM pg_extension e"
		" JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'"},
};
