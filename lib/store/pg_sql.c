#include "lib/store/pg_sql.h"

#include <stddef.h>

const struct pg_sql_row pg_sql_links[PG_SQL_COUNT] = {
	[PG_SQL_BEGIN] = {"begin", "BEGIN"},
	[PG_SQL_COMMIT] = {"commit", "COMMIT"},
	[PG_SQL_ROLLBACK] = {"rollback", "ROLLBACK"},
	[PG_SQL_HURRY] = {"hurry", "SELECT set_config('lock_timeout', '200ms', true)"},
	/* Whether the link still leads to the database that the store was opened on. */
	[PG_SQL_HELLO] = {"hello", "SELECT e.no, " PG_SYSTEM ", e.epoch,"
				   " pg_is_in_recovery()"
				   " FROM epochs e ORDER BY e.no DESC LIMIT 1"},
};

static const struct pg_sql_row *find(enum pg_sql sql)
{
	static const struct pg_sql_row *const parts[] = {pg_sql_links, pg_sql_append,
		pg_sql_messages, pg_sql_rooms, pg_sql_users, pg_sql_schema, pg_sql_admin};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i][sql].text != NULL) {
			return &parts[i][sql];
		}
	}
	static const struct pg_sql_row none = {"none", ""};
	return &none;
}

const char *pg_sql_text(enum pg_sql sql)
{
	return find(sql)->text;
}

const char *pg_sql_name(enum pg_sql sql)
{
	return find(sql)->name;
}
