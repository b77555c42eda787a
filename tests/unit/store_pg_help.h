/* The tests of the store on PostgreSQL: a database of each test program's own, which it empties
 * before each test, on the server that CHATD_TEST_POSTGRES names (tests/pg/with-postgres.sh). */
#ifndef TESTS_UNIT_STORE_PG_HELP_H
#define TESTS_UNIT_STORE_PG_HELP_H

#include "tests/unit/store_help.h"

/* Makes this program's database; false, with a line that says so, where there is no server for
 * tests. */
bool store_pg_create(void);
void store_pg_drop(void);

/* store_test_init() on that database, which has our tables and nothing in them, and whose clock
 * goes by t->clock from the first call on. No store is open. */
void store_pg_init(struct store_test *t);
/* One more program on the database of another test, which goes by the same clock. No store is open.
 */
void store_pg_join(struct store_test *t, const struct store_test *other);
/* SQL that must work, on a connection of its own. */
void store_pg_sql(struct store_test *t, const char *sql);
/* The same, and the first field of its rows as text, a line each; the caller frees. */
char *store_pg_lines(struct store_test *t, const char *sql);

#endif
