#include "lib/store/pg_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/store/migrate.h"

/* The statements of text, a bar between them. */
static void splits(const char *text, const char *expected)
{
	struct bytes rest = bytes_str(text), statement;
	struct buf found = {0};

	while (pg_split(&rest, &statement)) {
		buf_append_bytes(&found, statement);
		buf_append_char(&found, '|');
	}
	assert_int_equal(rest.len, 0);
	assert_string_equal(buf_cstr(&found), expected);
	buf_finish(&found);
}

static void statements_end_at_semicolons(void **state)
{
	(void)state;
	splits("", "");
	splits(" \n\t ;; ; -- only\n/* this */;", "");
	splits("a", "a|");
	splits("a;b;", "a|b|");
	splits(";;a ;\n-- one; two\n b -- c;\n;", "a |b -- c;\n|");
	splits("SELECT 1 /* ; /* ; */ ; */ + 1; x", "SELECT 1 /* ; /* ; */ ; */ + 1|x|");
	splits("CREATE RULE r AS ON a DO (b; c); d", "CREATE RULE r AS ON a DO (b; c)|d|");
	splits("); a; b", ")|a|b|");
}

static void quotes_hold_anything(void **state)
{
	(void)state;
	splits("a ';' b; c", "a ';' b|c|");
	splits("a 'it''s; '; c", "a 'it''s; '|c|");
	splits("a 'back\\'; c", "a 'back\\'|c|");
	splits("a E'back\\'; '; c", "a E'back\\'; '|c|");
	splits("a e'\\\\'; c", "a e'\\\\'|c|");
	splits("namE'; '; c", "namE'; '|c|"); /* no escape: the word is longer */
	splits("namE'\\'; c", "namE'\\'|c|");
	splits("a \"x;\"\"y\"; c", "a \"x;\"\"y\"|c|");
	splits("a '--'; c", "a '--'|c|");
}

static void dollars_hold_anything(void **state)
{
	(void)state;
	splits("a $$ ; ' $$; b", "a $$ ; ' $$|b|");
	splits("a $x$ ; $$ ; $y$ $x$; b", "a $x$ ; $$ ; $y$ $x$|b|");
	splits("a $1; b $2", "a $1|b $2|");
	splits("a$$; b$$; c", "a$$|b$$|c|"); /* belongs to the word */
	splits("a $; b", "a $|b|");
	splits("a $x; b", "a $x|b|");
	splits("a $\xc3\xa4$ ; $\xc3\xa4$; b", "a $\xc3\xa4$ ; $\xc3\xa4$|b|");
}

static void bodies_of_routines(void **state)
{
	(void)state;
	splits("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN 1 "
	       "END; END; b",
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN 1 "
		"END; END|b|");
	splits("create or replace procedure p() begin atomic a; end; b",
		"create or replace procedure p() begin atomic a; end|b|");
	splits("CREATE FUNCTION f() RETURN 1; BEGIN; a; END; b",
		"CREATE FUNCTION f() RETURN 1|BEGIN|a|END|b|");
	splits("CREATE TABLE begin (a int); b", "CREATE TABLE begin (a int)|b|");
	splits("CREATE FUNCTION f(begin int) RETURN 1; b",
		"CREATE FUNCTION f(begin int) RETURN 1|b|");
}

static void what_never_ends(void **state)
{
	static const char *const texts[] = {"a 'b;", "a \"b;", "a $$ b;", "a $x$ b; $x", "a /* b;",
		"a E'b\\", "a (b;", "CREATE FUNCTION f() BEGIN ATOMIC a;", "a $x", "a -- b"};
	struct buf expected = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_clear(&expected);
		buf_printf(&expected, "%s|", texts[i]);
		splits(texts[i], buf_cstr(&expected));
	}
	buf_finish(&expected);
}

/* Cut anywhere, it comes to an end, and looks at nothing behind it. */
static void any_beginning_of_a_text(void **state)
{
	static const char text[] =
		"CREATE OR REPLACE FUNCTION f() BEGIN ATOMIC a; CASE END; END; -- c"
		"\nb E'\\'' $t$;$t$ \"x\" /* /* */ */ 'y''z'; c";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len > 0 ? len : 1);
		struct bytes rest = bytes_of(copy, len), statement;
		unsigned count = 0;
		memcpy(copy, text, len);
		while (pg_split(&rest, &statement)) {
			assert_true(++count <= 3);
		}
		free(copy);
	}
}

static void places_are_lines(void **state)
{
	struct bytes text = BYTES_LIT("\xc3\xa4\n\xe2\x82\xac x\ny");

	(void)state;
	assert_int_equal(pg_split_line(text, text.ptr), 1);
	assert_int_equal(pg_split_line(text, text.ptr + 2), 1);
	assert_int_equal(pg_split_line(text, text.ptr + 3), 2);
	assert_int_equal(pg_split_line(text, text.ptr + text.len), 3);
	assert_ptr_equal(pg_split_at(text, 0), text.ptr);
	assert_ptr_equal(pg_split_at(text, 1), text.ptr);
	assert_ptr_equal(pg_split_at(text, 2), text.ptr + 2);
	assert_ptr_equal(pg_split_at(text, 4), text.ptr + 6);
	assert_ptr_equal(pg_split_at(text, 99), text.ptr + text.len);
}

static void the_embedded_files(void **state)
{
	const struct migration_set *set = migrate_postgres();

	(void)state;
	for (size_t i = 0; i < set->count; i++) {
		struct bytes rest = migration_text(&set->rows[i]), statement;
		while (pg_split(&rest, &statement)) {
			assert_true(bytes_starts(statement, BYTES_LIT("CREATE ")) ||
				    bytes_starts(statement, BYTES_LIT("ALTER ")) ||
				    bytes_starts(statement, BYTES_LIT("INSERT ")) ||
				    bytes_starts(statement, BYTES_LIT("UPDATE ")) ||
				    bytes_starts(statement, BYTES_LIT("DROP ")));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_end_at_semicolons),
		cmocka_unit_test(quotes_hold_anything),
		cmocka_unit_test(dollars_hold_anything),
		cmocka_unit_test(bodies_of_routines),
		cmocka_unit_test(what_never_ends),
		cmocka_unit_test(any_beginning_of_a_text),
		cmocka_unit_test(places_are_lines),
		cmocka_unit_test(the_embedded_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
