/* A link to a real PostgreSQL: what is asked is answered. test_pg_link_lost.c has the ends.
 */
#include "tests/unit/pg_link_help.h"

#include "lib/base/ident.h"

static void every_type(void **state)
{
	struct side side;
	struct ask ask = {0};
	(void)state;
	side_connect(&side, NULL);
	assert_true(pg_link_server_version(side.link) >= 120000);
	assert_int_equal(pg_link_busy(side.link), 0);

	ask_begin(&ask, &side);
	ask_add(&ask, TYPES, 0);
	assert_int_equal(pg_link_busy(side.link), 1);
	ask_end(&ask);
	ask_wait(&ask);
	assert_int_equal(ask.fault, PG_OK);
	assert_string_equal(ask.tag, "SELECT 1");
	side_finish(&side);
}

/* Looked at inside of done, where results live. */
static void look_at_types(struct ask *ask)
{
	const struct pg_result *result = ask->exchange.results[0];
	struct uuid id;
	char text[UUID_TEXT_SIZE];
	assert_int_equal(pg_rows(result), 1);
	assert_int_equal(pg_int(result, 0, 0), -2);
	assert_true(pg_bool(result, 0, 1));
	assert_int_equal(pg_int(result, 0, 1), 1);
	assert_false(pg_bool(result, 0, 2));
	assert_false(pg_is_null(result, 0, 2));
	assert_true(pg_is_null(result, 0, 3));
	assert_int_equal(pg_int(result, 0, 3), 0);
	assert_int_equal(pg_int(result, 0, 4), INT64_C(4294967295));
	assert_int_equal(pg_int(result, 0, 5), -1);
	assert_int_equal(pg_time(result, 0, 6), INT64_C(1704164645678));
	assert_int_equal(pg_time(result, 0, 7), 0);
	assert_true(pg_id(result, 0, 8, &id));
	uuid_format(&id, text);
	assert_string_equal(text, "01234567-89ab-cdef-1032-547698badcfe");
	assert_false(pg_id(result, 0, 9, &id));
	assert_true(uuid_is_nil(&id));
	assert_true(bytes_eq(pg_bytes(result, 0, 10), bytes_of("a\0b", 3)));
	assert_int_equal(pg_bytes(result, 0, 11).len, 0);
	assert_non_null(pg_bytes(result, 0, 11).ptr);
	assert_null(pg_bytes(result, 0, 12).ptr);
	assert_int_equal(pg_int(result, 0, 13), INT64_MAX);
}

/* The same of all columns at once, where empty and NULL are one; oid alone is not known here. */
static void look_at_texts(struct ask *ask)
{
	const struct pg_result *result = ask->exchange.results[0];
	struct bytes values[14];
	struct uuid id, one;
	pg_texts(result, 0, 0, 14, values);
	for (int i = 0; i < 14; i++) {
		assert_true(bytes_eq(values[i], pg_bytes(result, 0, i)));
		assert_true(bytes_eq(values[i], pg_text(result, 0, i)));
		assert_true((values[i].ptr == NULL) == (values[i].len == 0));
	}
	for (int i = 0; i <= 5; i++) {
		assert_true(i == 4 || pg_number(values[i]) == pg_int(result, 0, i));
	}
	assert_int_equal(pg_number(values[13]), INT64_MAX);
	assert_int_equal(pg_moment(values[6]), INT64_C(1704164645678));
	assert_int_equal(pg_moment(values[7]), 0);
	assert_true(pg_uuid(values[8], &id));
	pg_id(result, 0, 8, &one);
	assert_true(uuid_eq(&id, &one));
	assert_false(pg_uuid(values[9], &id));
	assert_true(uuid_is_nil(&id));
	pg_texts(result, 0, 12, 2, values);
	assert_null(values[0].ptr);
	assert_int_equal(pg_number(values[1]), INT64_MAX);
}

static void values_of_every_type(void **state)
{
	struct side side;
	struct ask ask = {.then = look_at_types};
	(void)state;
	side_connect(&side, NULL);
	ask_one(&ask, &side, TYPES, 0);
	ask.then = look_at_texts;
	ask_one(&ask, &side, TYPES, 0);
	side_finish(&side);
}

static void look_at_touched(struct ask *ask)
{
	assert_int_equal(pg_touched(ask->exchange.results[0]), 1);
	assert_string_equal(pg_tag(ask->exchange.results[0]), "INSERT 0 1");
	assert_int_equal(pg_rows(ask->exchange.results[0]), 0);
}

static void rows_touched(void **state)
{
	struct side side;
	struct ask ask = {.then = look_at_touched};
	(void)state;
	side_connect(&side, tables);
	ask_one(&ask, &side, INSERT_T, 1);
	assert_int_equal(ask.fault, PG_OK);
	assert_one(&side, COUNT_T, 0, 1);
	side_finish(&side);
}

/* Hundreds at once, answered in order, and each statement prepared once. */
static void many_at_once(void **state)
{
	enum { MANY = 300 };
	struct side side;
	struct ask *asks = mem_zalloc(MANY * sizeof(*asks));
	(void)state;
	side_connect(&side, tables);
	for (int i = 0; i < MANY; i++) {
		ask_begin(&asks[i], &side);
		ask_add(&asks[i], ADD_ONE, i);
		ask_add(&asks[i], INSERT_T, i);
		ask_add(&asks[i], COUNT_T, 0);
		ask_end(&asks[i]);
	}
	assert_int_equal(pg_link_busy(side.link), MANY);
	for (int i = 0; i < MANY; i++) {
		while (asks[i].calls == 0) {
			loop_turn(loop, 1000);
		}
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(asks[i].calls, 1);
		assert_int_equal(asks[i].number, i + 1);
		assert_int_equal(asks[i].fault, PG_OK);
		assert_int_equal(asks[i].count, 3);
		assert_int_equal(asks[i].first[0], i + 1);
		assert_int_equal(asks[i].first[2], i + 1);
	}
	assert_int_equal(pg_link_busy(side.link), 0);
	/* Those three, and the one that counts. */
	assert_one(&side, COUNT_PREPARED, 0, 4);
	free(asks);
	side_finish(&side);
}

static void the_most_of_an_exchange(void **state)
{
	struct side side;
	struct ask ask = {0};
	(void)state;
	side_connect(&side, NULL);
	ask_begin(&ask, &side);
	for (int i = 0; i < PG_EXCHANGE_MAX; i++) {
		ask_add(&ask, ADD_ONE, i);
	}
	ask_end(&ask);
	ask_wait(&ask);
	assert_int_equal(ask.count, PG_EXCHANGE_MAX);
	assert_int_equal(ask.first[PG_EXCHANGE_MAX - 1], PG_EXCHANGE_MAX);
	/* And of none at all. */
	ask_begin(&ask, &side);
	ask_end(&ask);
	ask_wait(&ask);
	assert_int_equal(ask.fault, PG_OK);
	assert_int_equal(ask.count, 0);
	side_finish(&side);
}

/* What an error leaves behind in its exchange is not run; the others do not notice. */
static void an_error_in_the_middle(void **state)
{
	struct side side;
	struct ask before = {0}, bad = {0}, after = {0};
	(void)state;
	side_connect(&side, tables);
	ask_begin(&before, &side);
	ask_add(&before, INSERT_T, 1);
	ask_end(&before);
	ask_begin(&bad, &side);
	ask_add(&bad, INSERT_T, 2);
	ask_add(&bad, ADD_ONE, 5);
	ask_add(&bad, DIVIDE, 0);
	ask_add(&bad, INSERT_T, 3);
	ask_end(&bad);
	ask_begin(&after, &side);
	ask_add(&after, COUNT_T, 0);
	ask_end(&after);
	ask_wait(&after);
	assert_int_equal(before.fault, PG_OK);
	assert_int_equal(bad.fault, PG_BAD_DATA);
	assert_int_equal(bad.failed, 2);
	assert_int_equal(bad.count, 2);
	assert_int_equal(bad.first[1], 6);
	assert_string_equal(bad.sqlstate, "22012");
	assert_string_equal(bad.why, "data that the database does not take (22012 in s2)");
	assert_int_equal(after.fault, PG_OK);
	/* The whole exchange was one transaction. */
	assert_int_equal(after.first[0], 1);
	assert_true(pg_link_ready(side.link));
	side_finish(&side);
}

static void assert_fault(
	struct side *side, int statement, int64_t n, enum pg_fault fault, const char *sqlstate)
{
	struct ask ask = {0};
	ask_one(&ask, side, statement, n);
	assert_string_equal(ask.sqlstate, sqlstate);
	assert_int_equal(ask.fault, fault);
	assert_int_equal(ask.failed, 0);
	assert_int_equal(ask.count, 0);
	assert_non_null(strstr(ask.why, sqlstate));
}

static void faults_of_statements(void **state)
{
	struct side side;
	struct ask ask = {0};
	struct pg_params params = {0};
	(void)state;
	side_connect(&side, tables);
	assert_one(&side, INSERT_T, 1, 0);
	assert_fault(&side, INSERT_T, 1, PG_TWICE, "23505");
	assert_fault(&side, NO_FUNCTION, 1, PG_SCHEMA, "42883");
	assert_fault(&side, NO_STATEMENT, 0, PG_OTHER, "42601");
	assert_fault(&side, NO_FUNCTION, 1, PG_SCHEMA, "42883");
	/* No value of a parameter gets into the sentence. */
	ask_begin(&ask, &side);
	pg_param_text(&params, BYTES_LIT("geheim"));
	pg_link_add(side.link, (enum pg_sql)TO_NUMBER, &params);
	ask_end(&ask);
	ask_wait(&ask);
	assert_string_equal(ask.sqlstate, "22P02");
	assert_null(strstr(ask.why, "geheim"));
	side_script(&side, "SET statement_timeout = 50");
	assert_fault(&side, SLEEP, 10, PG_CANCELLED, "57014");
	assert_one(&side, COUNT_T, 0, 1);
	side_finish(&side);
}

/* In a transaction of its own making, too. */
static void an_error_within_a_transaction(void **state)
{
	struct side side;
	struct ask ask = {0};
	(void)state;
	side_connect(&side, tables);
	ask_begin(&ask, &side);
	ask_add(&ask, BEGIN, 0);
	ask_add(&ask, INSERT_T, 1);
	ask_add(&ask, INSERT_T, 1);
	ask_end(&ask);
	ask_wait(&ask);
	assert_int_equal(ask.fault, PG_TWICE);
	assert_int_equal(ask.failed, 2);
	assert_fault(&side, COUNT_T, 0, PG_OTHER, "25P02");
	assert_one(&side, ROLLBACK, 0, 0);
	assert_one(&side, COUNT_T, 0, 0);
	side_finish(&side);
}

/* What fails at the commit that the Sync makes. */
static void an_error_at_the_end(void **state)
{
	struct side side;
	struct ask ask = {0};
	(void)state;
	side_connect(&side, tables);
	assert_one(&side, INSERT_D, 1, 0);
	ask_one(&ask, &side, INSERT_D, 1);
	assert_int_equal(ask.fault, PG_TWICE);
	assert_int_equal(ask.failed, 1);
	assert_int_equal(ask.count, 1);
	assert_non_null(strstr(ask.why, "in commit"));
	assert_one(&side, ADD_ONE, 1, 2);
	side_finish(&side);
}

/* ---- preparing ---- */

/* A statement whose preparing was skipped by an error before it is prepared the next time. Those
 * who relied on it are told to come again. */
static void prepared_again(void **state)
{
	struct side side;
	struct ask bad = {0}, next = {0};
	(void)state;
	side_connect(&side, tables);
	ask_begin(&bad, &side);
	ask_add(&bad, DIVIDE, 0);
	ask_add(&bad, ADD_ONE, 1);
	ask_add(&bad, COUNT_T, 0);
	ask_end(&bad);
	ask_begin(&next, &side);
	ask_add(&next, ADD_ONE, 2);
	ask_end(&next);
	ask_wait(&next);
	assert_int_equal(bad.fault, PG_BAD_DATA);
	assert_int_equal(next.fault, PG_AGAIN);
	assert_string_equal(next.sqlstate, "26000");
	assert_one(&side, ADD_ONE, 2, 3);
	assert_one(&side, COUNT_T, 0, 0);
	side_finish(&side);
}

/* Many wait for a preparing that fails: nobody is told that the statement is missing. */
static void preparing_that_fails_for_many(void **state)
{
	enum { MANY = 10 };
	struct side side;
	struct ask asks[MANY] = {0};
	(void)state;
	side_connect(&side, NULL);
	for (int i = 0; i < MANY; i++) {
		ask_begin(&asks[i], &side);
		ask_add(&asks[i], COUNT_T, 0);
		ask_end(&asks[i]);
	}
	ask_wait(&asks[MANY - 1]);
	assert_int_equal(asks[0].fault, PG_SCHEMA);
	assert_string_equal(asks[0].sqlstate, "42P01");
	for (int i = 1; i < MANY; i++) {
		assert_int_equal(asks[i].fault, PG_AGAIN);
		assert_string_equal(asks[i].sqlstate, "26000");
	}
	side_script(&side, tables);
	assert_one(&side, COUNT_T, 0, 0);
	side_finish(&side);
}

/* Somebody else changed the table, or threw the statement away. */
static void an_outdated_plan(void **state)
{
	struct side side;
	(void)state;
	side_connect(&side, tables);
	assert_one(&side, ALL_T, 0, 0);
	side_script(&side, "ALTER TABLE t ADD COLUMN more text");
	assert_fault(&side, ALL_T, 0, PG_AGAIN, "0A000");
	assert_one(&side, ALL_T, 0, 0);
	side_script(&side, "DEALLOCATE ALL");
	assert_fault(&side, ALL_T, 0, PG_AGAIN, "26000");
	assert_one(&side, ALL_T, 0, 0);
	assert_one(&side, COUNT_PREPARED, 0, 2);
	side_finish(&side);
}

/* ---- much ---- */

static void look_at_rows(struct ask *ask)
{
	const struct pg_result *result = ask->exchange.results[0];
	size_t rows = pg_rows(result);
	assert_int_equal(rows, 100000);
	assert_int_equal(pg_int(result, rows - 1, 0), rows);
	assert_int_equal(pg_bytes(result, rows - 1, 1).len, 100);
}

static void a_large_result(void **state)
{
	struct side side;
	struct ask ask = {.then = look_at_rows};
	(void)state;
	side_connect(&side, NULL);
	ask_one(&ask, &side, ROWS, 100000);
	assert_int_equal(ask.fault, PG_OK);
	side_finish(&side);
}

enum { LARGE = 5000000 };

static void look_at_echo(struct ask *ask)
{
	struct bytes echo = pg_bytes(ask->exchange.results[0], 0, 1);
	assert_int_equal(ask->exchange.fault, PG_OK);
	assert_int_equal(echo.len, LARGE);
	assert_int_equal(echo.ptr[0], echo.ptr[LARGE - 1]);
}

/* Both directions at once beyond what the sockets hold: neither side may wait for the other. */
static void large_parameters(void **state)
{
	enum { MANY = 6 };
	struct side side;
	struct ask asks[MANY] = {0};
	char *data = mem_alloc(LARGE);
	(void)state;
	side_connect(&side, NULL);
	for (int i = 0; i < MANY; i++) {
		struct pg_params params = {0};
		memset(data, 'a' + i, LARGE);
		pg_param_blob(&params, bytes_of(data, LARGE));
		asks[i].then = look_at_echo;
		ask_begin(&asks[i], &side);
		pg_link_add(side.link, (enum pg_sql)ECHO_BYTES, &params);
		ask_end(&asks[i]);
	}
	free(data);
	for (int i = 0; i < MANY; i++) {
		while (asks[i].calls == 0) {
			loop_turn(loop, 1000);
		}
		assert_int_equal(asks[i].first[0], LARGE);
	}
	assert_one(&side, ADD_ONE, 1, 2);
	side_finish(&side);
}

/* ---- scripts ---- */

static void scripts(void **state)
{
	struct side side;
	struct ask ask = {0};
	(void)state;
	side_connect(&side, NULL);
	assert_one(&side, ADD_ONE, 1, 2);
	run_script(&ask, &side,
		"CREATE TEMP TABLE t (n bigint); INSERT INTO t VALUES (1), (2); SELECT 7");
	assert_int_equal(ask.fault, PG_OK);
	assert_int_equal(ask.count, 1);
	assert_string_equal(ask.tag, "SELECT 1");
	assert_one(&side, COUNT_T, 0, 2);
	/* One that fails takes back what it did, and says where. */
	run_script(&ask, &side, "INSERT INTO t VALUES (3); SELECT 1; SELECT foo");
	assert_int_equal(ask.fault, PG_SCHEMA);
	assert_string_equal(ask.sqlstate, "42703");
	assert_int_equal(ask.position, 44);
	assert_non_null(strstr(ask.why, "in script"));
	assert_one(&side, COUNT_T, 0, 2);
	run_script(&ask, &side, "");
	assert_int_equal(ask.fault, PG_OK);
	assert_one(&side, GIVE_NOTICE, 0, 0);
	assert_one(&side, ADD_ONE, 1, 2);
	side_finish(&side);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_type),
		TEST(values_of_every_type),
		TEST(rows_touched),
		TEST(many_at_once),
		TEST(the_most_of_an_exchange),
		TEST(an_error_in_the_middle),
		TEST(faults_of_statements),
		TEST(an_error_within_a_transaction),
		TEST(an_error_at_the_end),
		TEST(prepared_again),
		TEST(preparing_that_fails_for_many),
		TEST(an_outdated_plan),
		TEST(a_large_result),
		TEST(large_parameters),
		TEST(scripts),
	};
#undef TEST
	return have_server() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
