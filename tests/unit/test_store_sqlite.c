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
	int failed = store_suite_messages(&backend);

	failed += store_suite_rooms(&backend);
	failed += store_suite_order(&backend);
	failed += store_suite_entries(&backend);
	failed += store_suite_imports(&backend);
	failed += store_suite_rights(&backend);
	failed += store_suite_changes(&backend);
	failed += store_suite_members(&backend);
	failed += store_suite_lists(&backend);
	failed += store_suite_people(&backend);
	failed += store_suite_purge(&backend);
	return failed;
}
