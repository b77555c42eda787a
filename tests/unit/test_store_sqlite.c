/* The suite of all back ends, over SQLite. */
#include "tests/unit/store_suite.h"

#include <stdio.h>

static void open_sqlite(struct store_test *t)
{
	store_test_init(t);
	store_test_open(t);
}

static void archive_all(struct store_test *t)
{
	store_test_sql(t, "UPDATE rooms SET archived_at = 1700000000000");
}

static void purge_below(struct store_test *t, uint64_t seq)
{
	char sql[128];

	snprintf(
		sql, sizeof(sql), "DELETE FROM messages WHERE seq < %llu", (unsigned long long)seq);
	store_test_sql(t, sql);
}

int main(void)
{
	static const struct suite_backend backend = {
		.open = open_sqlite,
		.reopen = store_test_reopen,
		.archive_all = archive_all,
		.purge_below = purge_below,
	};

	return store_suite_all(&backend);
}
