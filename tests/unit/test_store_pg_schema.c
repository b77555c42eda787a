/* Migrations on PostgreSQL: applied, judged, failing, and by several programs at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_schema_help.h"

static const struct migration rows[] = {
	SCHEMA_FILE(1, "0001_one",
		"-- oldest-program: 1\n-- Comments; may hold anything.\nCREATE TABLE a (b int);\n"
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; "
		"END;\n"
		"INSERT INTO a VALUES (f());\n"),
	SCHEMA_FILE(2, "0002_index",
		"-- no-transaction\nCREATE INDEX CONCURRENTLY a_b ON a (b);\n"
		"CREATE INDEX CONCURRENTLY a_b2 ON a (b);\n"),
	SCHEMA_FILE(3, "0003_more", "-- oldest-program: 2\nALTER TABLE a ADD COLUMN c int;\n"),
};
static const struct migration_set one = {rows, 1};
static const struct migration_set two = {rows, 2};
static const struct migration_set three = {rows, 3};

static int judge(struct schema_test *t, const struct migration_set *set, size_t *ret_missing)
{
	struct pg_schema schema;

	buf_clear(&t->why);
	assert_int_equal(pg_schema_look(t->direct, &schema, &t->why), 0);
	int err = pg_schema_judge(&schema, set, ret_missing, &t->why);
	pg_schema_finish(&schema);
	return err;
}

static void assert_missing(struct schema_test *t, const struct migration_set *set, size_t expected)
{
	size_t missing = 99;

	assert_int_equal(judge(t, set, &missing), 0);
	assert_int_equal(missing, expected);
}

static void assert_refused(struct schema_test *t, const struct migration_set *set, const char *part)
{
	size_t missing = 99;

	assert_int_equal(judge(t, set, &missing), ERR_CONFIG);
	assert_int_equal(missing, 99);
	schema_why(t, part);
	assert_int_equal(schema_migrate(t, set, 0), ERR_CONFIG);
	assert_int_equal(t->seen.len, 0);
	schema_why(t, part);
}

/* ---- applying ---- */

static void a_new_database(void **state)
{
	struct schema_test *t = *state;

	assert_missing(t, &three, 0);
	assert_int_equal(schema_migrate(t, &three, 1), 0);
	assert_string_equal(t->seen.data, "1 0001_one applied\n");
	assert_missing(t, &three, 1);
	assert_int_equal(schema_migrate(t, &three, 0), 0);
	assert_string_equal(t->seen.data, "2 0002_index applied\n3 0003_more applied\n");
	assert_missing(t, &three, 3);
	assert_int_equal(schema_migrate(t, &three, 0), 0);
	assert_int_equal(t->seen.len, 0);
	assert_int_equal(schema_number(t, "SELECT b FROM a WHERE c IS NULL"), 2);
	assert_int_equal(
		schema_number(t, "SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass"
				 " AND indisvalid"),
		2);
	assert_int_equal(
		schema_number(t, "SELECT count(*) FROM schema_migrations WHERE applied_at"
				 " BETWEEN now() - interval '1 minute' AND now() AND program"
				 " LIKE 'test%' || ' " CHATD_VERSION "'"),
		3);
	assert_int_equal(
		schema_number(t, "SELECT sum(oldest_program) FROM schema_migrations"), 1 + 2 + 2);
	/* The lock is gone. */
	assert_int_equal(
		schema_number(t, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
				 "database = (SELECT oid FROM pg_database WHERE datname = "
				 "current_database())"),
		0);
}

/* What the role is set to would break off or spoil a migration. */
static void settings_of_the_role(void **state)
{
	struct schema_test *t = *state;
	char sql[512];

	snprintf(sql, sizeof(sql),
		"ALTER DATABASE %s SET statement_timeout = '200ms';"
		"ALTER DATABASE %s SET default_transaction_isolation = 'serializable';"
		"ALTER DATABASE %s SET default_transaction_read_only = on;"
		"ALTER DATABASE %s SET standard_conforming_strings = off;",
		t->name, t->name, t->name, t->name);
	schema_sql(t, sql);
	static const struct migration slow[] = {
		SCHEMA_FILE(
			1, "0001_slow", "SELECT pg_sleep(0.5); CREATE TABLE a AS SELECT '\\' b;"),
	};
	static const struct migration_set set = {slow, 1};
	schema_reconnect(t);
	assert_int_equal(schema_migrate(t, &set, 0), 0);
}

/* ---- judging ---- */

static void a_file_that_was_changed(void **state)
{
	struct schema_test *t = *state;

	assert_int_equal(schema_migrate(t, &two, 0), 0);
	schema_sql(t, "UPDATE schema_migrations SET checksum = sha256('other') WHERE no = 1");
	assert_refused(t, &two, "migration 0001_one was changed after it was applied");
	assert_refused(t, &three, "migration 0001_one was changed after it was applied");
	assert_int_equal(schema_number(t, "SELECT count(*) FROM schema_migrations"), 2);
}

static void a_file_that_was_left_out(void **state)
{
	struct schema_test *t = *state;

	assert_int_equal(schema_migrate(t, &three, 0), 0);
	schema_sql(t, "DELETE FROM schema_migrations WHERE no = 2");
	assert_refused(t, &three, "migration 0002_index was left out");
}

static void a_schema_that_is_newer(void **state)
{
	struct schema_test *t = *state;

	assert_int_equal(schema_migrate(t, &three, 0), 0);
	assert_missing(t, &two, 2); /* the third may be served by programs that know two */
	assert_int_equal(schema_migrate(t, &two, 0), 0);
	assert_refused(t, &one, "the database has the newer schema 2 (0002_index)");
	schema_sql(t, "UPDATE schema_migrations SET oldest_program = 3 WHERE no = 3");
	assert_refused(t, &two, "the newer schema 3 (0003_more)");
	assert_missing(t, &three, 3);
}

/* ---- files that fail ---- */

static const struct migration bad_rows[] = {
	SCHEMA_FILE(1, "0001_bad",
		"CREATE TABLE a (b int);\n-- \xc3\xa4\nINSERT INTO a\n\tVALUES (1), ('\xc3\xa4', "
		"x);\n"),
	SCHEMA_FILE(3, "0003_index",
		"-- no-transaction\nCREATE TABLE e (f int);\nCREATE INDEX CONCURRENTLY e_f "
		"ON\nnone (f);"
		"\nCREATE TABLE g (h int);"),
};

static void a_file_that_fails_leaves_nothing(void **state)
{
	static const struct migration_set first = {bad_rows, 1};
	static const struct migration mixed_rows[] = {
		SCHEMA_FILE(1, "0001_good", "CREATE TABLE a (b int);"),
		SCHEMA_FILE(2, "0002_bad",
			"CREATE TABLE c (d int);\n\nDO $$BEGIN\nRAISE 'not now';\nEND$$;"),
	};
	static const struct migration_set mixed = {mixed_rows, 2};
	struct schema_test *t = *state;

	assert_int_equal(schema_migrate(t, &first, 0), ERR_CONFIG);
	assert_non_null(strstr(t->why.data, t->name));
	schema_why(t,
		"migration 0001_bad was not applied: line 4: column \"x\" does not exist (42703");
	assert_int_equal(schema_number(t, "SELECT count(*) FROM pg_tables WHERE schemaname ="
					  " 'public'"),
		0);
	/* One without a place in the text: where its statement begins. What was before it stays. */
	assert_int_equal(schema_migrate(t, &mixed, 0), ERR_CONFIG);
	assert_string_equal(t->seen.data, "1 0001_good applied\n");
	schema_why(t, "migration 0002_bad was not applied: line 3: not now (P0001");
	assert_int_equal(schema_number(t, "SELECT max(no) FROM schema_migrations"), 1);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM pg_tables WHERE tablename IN"
					  " ('a', 'c')"),
		1);
	/* The connection is as good as before. */
	schema_sql(t, "CREATE FUNCTION now_it_is() RETURNS int RETURN 1");
	assert_int_equal(schema_migrate(t, &mixed, 1), 0);
}

static void one_without_transaction_that_did_not_end(void **state)
{
	static const struct migration_set good = {bad_rows + 1, 1};
	static const struct migration_set older = {rows, 1};
	struct schema_test *t = *state;

	assert_int_equal(schema_migrate(t, &good, 0), ERR_CONFIG);
	schema_why(t, "migration 0003_index was not applied: line 3: relation \"none\" does not");
	assert_int_equal(schema_number(t, "SELECT count(*) FROM e"), 0);
	assert_refused(t, &good, "migration 0003_index was begun by test_store_pg_s");
	assert_refused(t, &good, "DELETE FROM schema_migrations WHERE no = 3");
	/* Programs that do not know it are not concerned, if they may serve what comes of it. */
	assert_refused(t, &older, "0003_index was begun by");
	schema_sql(t, "UPDATE schema_migrations SET oldest_program = 1");
	assert_missing(t, &older, 0);
	/* Done by hand. */
	schema_sql(t, "UPDATE schema_migrations SET applied_at = now() WHERE no = 3");
	assert_missing(t, &good, 1);
	/* Undone by hand. */
	schema_sql(t, "DELETE FROM schema_migrations WHERE no = 3; DROP TABLE e;"
		      " CREATE TABLE none (f int)");
	assert_int_equal(schema_migrate(t, &good, 0), 0);
	assert_string_equal(t->seen.data, "3 0003_index applied\n");
	assert_missing(t, &good, 1);
}

static void a_connection_that_is_lost(void **state)
{
	static const struct migration suicide[] = {
		SCHEMA_FILE(1, "0001_end",
			"CREATE TABLE a (b int);\nSELECT pg_terminate_backend(pg_backend_pid());"),
	};
	static const struct migration_set set = {suicide, 1};
	struct schema_test *t = *state;

	assert_int_equal(schema_migrate(t, &set, 0), ERR_UNAVAILABLE);
	schema_why(t, "migration 0001_end was not applied: line 2: ");
	assert_int_equal(schema_migrate(t, &set, 0), ERR_UNAVAILABLE);
	schema_why(t, "connection was lost");
	schema_reconnect(t);
	assert_missing(t, &set, 0);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM pg_tables WHERE schemaname ="
					  " 'public'"),
		0);
}

/* ---- several programs ---- */

enum { PROGRAMS = 6 };

static int migrate_beside(struct schema_test *t, unsigned child)
{
	const struct pg_migrate migrate = {
		.set = &three, .wait_us = 20000000, .step = schema_step, .ctx = t};
	struct pg_direct *direct = NULL;
	struct buf why = {0};
	int err = pg_direct_open(&t->url, 5000000, &direct, &why);

	(void)child;
	if (err == 0) {
		err = pg_migrate_run(direct, &migrate, &why);
	}
	if (err != 0) {
		print_message("%s\n", buf_cstr(&why));
	}
	pg_direct_close(&direct);
	buf_finish(&why);
	return err;
}

/* One of them builds an index without locks, which waits for every transaction that is older: also
 * those that wait for it. */
static void several_at_once(void **state)
{
	struct schema_test *t = *state;

	assert_int_equal(schema_in_children(t, PROGRAMS, migrate_beside), PROGRAMS);
	assert_missing(t, &three, 3);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM a"), 1);
}

static int hold_lock(struct schema_test *t, unsigned child)
{
	char sql[80];
	struct pg_direct *direct = NULL;
	struct buf why = {0};

	(void)child;
	snprintf(sql, sizeof(sql), "SELECT pg_advisory_lock(%lld), pg_sleep(60)",
		(long long)PG_SCHEMA_LOCK);
	int err = pg_direct_open(&t->url, 5000000, &direct, &why);
	return err != 0 ? err : pg_direct_script(direct, sql, &why);
}

static void wait_for_lock(struct schema_test *t)
{
	while (schema_number(t, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
				"database = (SELECT oid FROM pg_database WHERE datname = "
				"current_database())") == 0) {
		usleep(20000);
	}
}

static void another_program_that_takes_long(void **state)
{
	struct schema_test *t = *state;
	pid_t holder = fork();

	if (holder == 0) {
		_exit(hold_lock(t, 0) != 0);
	}
	wait_for_lock(t);
	assert_int_equal(schema_migrate(t, &three, 0), ERR_BUSY);
	assert_non_null(strstr(t->why.data, t->name));
	assert_non_null(strstr(t->why.data, ", PostgreSQL process "));
	schema_why(t, "is being migrated by another program (test_store_pg_s");
	/* The daemon tries again, whether it may migrate or not. */
	assert_int_equal(schema_open(t, t->text, true), ERR_UNAVAILABLE);
	schema_why(t, "is being migrated by another program");
	assert_int_equal(schema_open(t, t->text, false), ERR_UNAVAILABLE);
	schema_why(t, "is being migrated by another program");
	/* A plan tells what would be. */
	struct store_admin_status status;
	struct arena *arena = arena_create(0);
	assert_int_equal(store_admin_status(bytes_str(t->text), arena, &status, &t->why), 0);
	assert_non_null(strstr(status.migrating, "test_store_pg_s"));
	assert_int_equal(status.schema, 0);
	arena_destroy(&arena);
	schema_sql(t, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
		      " AND database = (SELECT oid FROM pg_database WHERE datname ="
		      " current_database())");
	assert_int_equal(schema_migrate(t, &three, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, schema_setup, schema_teardown)
		TEST(a_new_database),
		TEST(settings_of_the_role),
		TEST(a_file_that_was_changed),
		TEST(a_file_that_was_left_out),
		TEST(a_schema_that_is_newer),
		TEST(a_file_that_fails_leaves_nothing),
		TEST(one_without_transaction_that_did_not_end),
		TEST(a_connection_that_is_lost),
		TEST(several_at_once),
		TEST(another_program_that_takes_long),
#undef TEST
	};

	return schema_server() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
