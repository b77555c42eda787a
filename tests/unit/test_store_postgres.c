/* The suite of all back ends, over PostgreSQL. */
#include <stdio.h>

#include "tests/unit/store_pg_help.h"
#include "tests/unit/store_suite.h"

static void open_postgres(struct store_test *t)
{
	store_pg_init(t);
	store_test_open(t);
}

static void archive_all(struct store_test *t)
{
	store_pg_sql(
		t, "UPDATE rooms SET archived_at = timestamptz 'epoch' + interval '1700000000 s'");
}

static void purge_below(struct store_test *t, uint64_t seq)
{
	char sql[128];

	snprintf(
		sql, sizeof(sql), "DELETE FROM messages WHERE seq < %llu", (unsigned long long)seq);
	store_pg_sql(t, sql);
}

int main(void)
{
	static const struct suite_backend backend = {
		.open = open_postgres,
		.reopen = store_test_reopen,
		.archive_all = archive_all,
		.purge_below = purge_below,
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = store_suite_all(&backend);
	store_pg_drop();
	return failed;
}
