#include "lib/store/migrate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/base/err.h"

#define FILE_OF(no, name, text) \
	{ \
		no, name, (const unsigned char *)(text), sizeof(text) - 1 \
	}

static const struct migration rows[] = {
	FILE_OF(1, "0001_start", "-- oldest-program: 1\nCREATE TABLE a (b);\n"),
	FILE_OF(2, "0002_more", "-- first line\n--oldest-program:  1 \n-- no-transaction\nX;"),
	FILE_OF(4, "0004_break", "CREATE TABLE c (d);\n-- oldest-program: 1\n"),
};
static const struct migration_set three = {rows, 3};
static const struct migration_set two = {rows, 2};
static const struct migration_set none = {rows, 0};

static struct migration_applied applied(const struct migration *migration)
{
	struct migration_applied row = {.no = migration->no};

	row.oldest_program = migration_oldest_program(migration);
	memcpy(row.name, migration->name, strlen(migration->name) + 1);
	migration_checksum(migration, row.checksum);
	return row;
}

static size_t judge(
	const struct migration_set *set, const struct migration_applied *list, size_t count)
{
	size_t missing = 99;
	struct buf why;

	buf_init(&why);
	assert_int_equal(migrate_judge(set, list, count, &missing, &why), 0);
	assert_int_equal(why.len, 0);
	buf_finish(&why);
	return missing;
}

static void refused(const struct migration_set *set, const struct migration_applied *list,
	size_t count, const char *name)
{
	size_t missing = 99;
	struct buf why;

	buf_init(&why);
	assert_int_equal(migrate_judge(set, list, count, &missing, &why), ERR_CONFIG);
	assert_int_equal(missing, 99);
	assert_non_null(strstr(buf_cstr(&why), name));
	buf_finish(&why);
}

static void headers_are_read(void **state)
{
	static const struct migration later =
		FILE_OF(3, "0003_x", "-- oldest-program: 4\n-- no-transaction please\n");
	static const struct migration odd = FILE_OF(3, "0003_x", "-- oldest-program: 0\n");
	static const struct migration words = FILE_OF(3, "0003_x", "-- oldest-program: two");
	static const struct migration empty = FILE_OF(3, "0003_x", "");

	(void)state;
	assert_int_equal(migration_oldest_program(&rows[0]), 1);
	assert_int_equal(migration_oldest_program(&rows[1]), 1);
	assert_int_equal(migration_oldest_program(&rows[2]), 4);
	assert_int_equal(migration_oldest_program(&later), 3);
	assert_int_equal(migration_oldest_program(&odd), 3);
	assert_int_equal(migration_oldest_program(&words), 3);
	assert_int_equal(migration_oldest_program(&empty), 3);
	assert_true(migration_in_transaction(&rows[0]));
	assert_false(migration_in_transaction(&rows[1]));
	assert_true(migration_in_transaction(&later));
	assert_true(migration_in_transaction(&empty));
}

static void what_is_missing_is_the_rest(void **state)
{
	struct migration_applied list[] = {applied(&rows[0]), applied(&rows[1]), applied(&rows[2])};

	(void)state;
	assert_int_equal(judge(&three, NULL, 0), 0);
	assert_int_equal(judge(&three, list, 1), 1);
	assert_int_equal(judge(&three, list, 2), 2);
	assert_int_equal(judge(&three, list, 3), 3);
	assert_int_equal(judge(&none, NULL, 0), 0);
}

static void a_changed_file_is_refused(void **state)
{
	struct migration_applied list[] = {applied(&rows[0]), applied(&rows[1])};

	(void)state;
	list[1].checksum[31] ^= 1;
	refused(&three, list, 2, "0002_more");
	refused(&two, list, 2, "0002_more");
	assert_int_equal(judge(&three, list, 1), 1);
}

static void a_file_that_was_left_out_is_refused(void **state)
{
	struct migration_applied list[] = {applied(&rows[0]), applied(&rows[2])};

	(void)state;
	refused(&three, list, 2, "0002_more");
	refused(&three, list + 1, 1, "0001_start");
}

static void an_unknown_one_among_the_known_is_refused(void **state)
{
	struct migration_applied list[] = {
		applied(&rows[0]), applied(&rows[1]), {.no = 3, .name = "0003_strange"}};

	(void)state;
	refused(&three, list, 3, "0003_strange");
}

static void newer_schemas_say_who_may_serve_them(void **state)
{
	struct migration_applied list[] = {applied(&rows[0]), applied(&rows[1]), applied(&rows[2])};

	(void)state;
	refused(&two, list, 3, "0004_break");
	list[2].oldest_program = 3;
	refused(&two, list, 3, "0004_break");
	list[2].oldest_program = 2;
	assert_int_equal(judge(&two, list, 3), 2);
	refused(&none, list, 1, "0001_start");
}

static void assert_sound(const struct migration_set *set)
{
	assert_true(set->count >= 1);
	assert_string_equal(set->rows[0].name, "0001_start");
	for (size_t i = 0; i < set->count; i++) {
		const struct migration *row = &set->rows[i];
		assert_int_equal(row->no, i + 1);
		assert_int_equal(strlen((const char *)row->text), row->len);
		assert_true(bytes_starts(migration_text(row), BYTES_LIT("--")));
		assert_true(migration_oldest_program(row) <= row->no);
	}
}

static void the_embedded_files_are_sound(void **state)
{
	(void)state;
	assert_sound(migrate_sqlite());
	assert_sound(migrate_postgres());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(what_is_missing_is_the_rest),
		cmocka_unit_test(a_changed_file_is_refused),
		cmocka_unit_test(a_file_that_was_left_out_is_refused),
		cmocka_unit_test(an_unknown_one_among_the_known_is_refused),
		cmocka_unit_test(newer_schemas_say_who_may_serve_them),
		cmocka_unit_test(the_embedded_files_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
