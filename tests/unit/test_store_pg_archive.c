/* What restoring reads of PostgreSQL's programs: names in migrations, versions, rows of COPY, and
 * what kind of file somebody has. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/store/child.h"
#include "lib/store/migrate.h"
#include "lib/store/pg_copy.h"
#include "lib/store/pg_objects.h"
#include "lib/store/pg_tools.h"
#include "lib/store/restore_source.h"

/* ---- names in migrations ---- */

static void assert_object(const struct pg_objects *objects, enum pg_object_kind kind,
	const char *name, uint32_t no, uint32_t dropped)
{
	const struct pg_object *object = pg_objects_find(objects, kind, bytes_str(name));

	if (object == NULL) {
		fail_msg("there is no %s", name);
		return;
	}
	assert_int_equal(object->no, no);
	assert_int_equal(object->dropped, dropped);
}

static void objects_of_migrations(void **state)
{
	static const char first[] =
		"-- CREATE TABLE said\n"
		"CREATE TABLE a (\n\tid int\n);\n"
		"CREATE TABLE IF NOT EXISTS b(id int);\n"
		"create unique index a_id ON a (id);\n"
		"CREATE INDEX CONCURRENTLY b_id ON b (id);\n"
		"CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql RETURN x;\n"
		"CREATE FUNCTION g () RETURNS int LANGUAGE sql RETURN 1;\n"
		"\tCREATE TABLE inside (id int);\n"
		"INSERT INTO a VALUES ('CREATE TABLE text');\n";
	static const char second[] = "DROP INDEX b_id;\nDROP TABLE IF EXISTS b;\n"
				     "DROP FUNCTION f(int);\nCREATE TABLE c (id int);";
	static const struct migration rows[] = {
		{1, "0001_a", (const unsigned char *)first, sizeof(first) - 1},
		{2, "0002_b", (const unsigned char *)second, sizeof(second) - 1},
	};
	const struct migration_set set = {rows, 2};
	struct pg_objects objects;

	(void)state;
	pg_objects_list(&set, &objects);
	assert_int_equal(objects.count, 8);
	assert_object(&objects, PG_OBJECT_TABLE, "schema_migrations", 0, 0);
	assert_object(&objects, PG_OBJECT_TABLE, "a", 1, 0);
	assert_object(&objects, PG_OBJECT_TABLE, "b", 1, 2);
	assert_object(&objects, PG_OBJECT_INDEX, "a_id", 1, 0);
	assert_object(&objects, PG_OBJECT_INDEX, "b_id", 1, 2);
	assert_object(&objects, PG_OBJECT_FUNCTION, "f", 1, 2);
	assert_object(&objects, PG_OBJECT_FUNCTION, "g", 1, 0);
	assert_object(&objects, PG_OBJECT_TABLE, "c", 2, 0);
	assert_null(pg_objects_find(&objects, PG_OBJECT_INDEX, BYTES_LIT("a")));
	const struct pg_object *b = pg_objects_find(&objects, PG_OBJECT_TABLE, BYTES_LIT("b"));
	assert_true(pg_object_is_of(b, 1));
	assert_false(pg_object_is_of(b, 2));
	assert_false(pg_object_is_of(b, 0));
	pg_objects_finish(&objects);
}

static void objects_of_our_own(void **state)
{
	static const char *const tables[] = {"schema_migrations", "meta", "epochs", "users",
		"rooms", "participants", "messages", "dead_rooms", "changes"};
	struct pg_objects objects;

	(void)state;
	pg_objects_list(migrate_postgres(), &objects);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		assert_non_null(pg_objects_find(&objects, PG_OBJECT_TABLE, bytes_str(tables[i])));
	}
	assert_non_null(pg_objects_find(&objects, PG_OBJECT_INDEX, BYTES_LIT("messages_once")));
	assert_non_null(pg_objects_find(&objects, PG_OBJECT_FUNCTION, BYTES_LIT("chat_now")));
	pg_objects_finish(&objects);
}

/* ---- versions, and what programs say ---- */

static void versions(void **state)
{
	static const struct {
		const char *text;
		unsigned major;
	} rows[] = {
		{"pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15},
		{"pg_dump (PostgreSQL) 9.6.24\n", 9},
		{"pg_restore (PostgreSQL) 18beta1\n", 18},
		{"psql (PostgreSQL) 17\n", 17},
		{"pg_dump (PostgreSQL)", 0},
		{"no such program\n", 0},
		{"", 0},
		{"pg_dump 99999999999999999999", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(pg_tools_version(bytes_str(rows[i].text)), rows[i].major);
	}
}

static void assert_said(const char *said, const char *expected)
{
	struct buf why = {0};

	pg_tools_said(bytes_str(said), &why);
	assert_string_equal(buf_cstr(&why), expected);
	buf_finish(&why);
}

static void what_programs_say(void **state)
{
	(void)state;
	assert_said("", "it did not say why");
	assert_said("\n \n", "it did not say why");
	assert_said("one\ntwo\nthree\nfour\n", "one\ntwo\nthree");
	assert_said("NOTICE: x\npg_dump: error: no\nDETAIL: y\n", "pg_dump: error: no\nDETAIL: y");
	assert_said("psql: FATAL:  no", "psql: FATAL:  no");
	assert_said(
		"a: ERROR:  x\nDETAIL:  Failing row contains (secret).\nCONTEXT:  COPY m: secret\n"
		"HINT:  y\n",
		"a: ERROR:  x\nHINT:  y");
}

/* The way to a database: with no secret in what is an argument. */
static void the_way_for_programs(void **state)
{
	static const char *const pairs[][2] = {{"host", "h1,h2"}, {"user", "o'b"},
		{"password", "s3cret"}, {"keepalives_idle", "7"}, {"application_name", "other"},
		{"sslmode", "verify-full"}, {"tcp_user_timeout", "a'b\\c"}, {"sslpassword", "x"}};
	char *keywords[8], *values[8];
	struct pg_url url = {.keywords = keywords, .values = values, .count = 7};
	static const char *const expected[] = {"PGHOST=h1,h2", "PGUSER=o'b", "PGPASSWORD=s3cret",
		"PGSSLMODE=verify-full", "PGAPPNAME=chatctl", "PGCLIENTENCODING=UTF8"};
	struct pg_tools tools = {0};
	struct buf why = {0};

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		keywords[i] = mem_strdup(pairs[i][0]);
		values[i] = mem_strdup(pairs[i][1]);
	}
	setenv("PGHOST", "elsewhere", 1);
	assert_int_equal(pg_tools_use_url(&tools, &url, &why), 0);
	assert_string_equal(tools.target, "keepalives_idle='7' tcp_user_timeout='a\\'b\\\\c'");
	unsigned hosts = 0;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		bool found = false;
		for (char **entry = tools.environment; *entry != NULL; entry++) {
			found = found || strcmp(*entry, expected[i]) == 0;
			hosts += i == 0 && strncmp(*entry, "PGHOST=", 7) == 0;
		}
		assert_true(found);
	}
	assert_int_equal(hosts, 1);
	pg_tools_finish(&tools);
	unsetenv("PGHOST");
	url.count = 8;
	assert_int_equal(pg_tools_use_url(&tools, &url, &why), ERR_CONFIG);
	assert_non_null(strstr(buf_cstr(&why), "sslpassword"));
	pg_tools_finish(&tools);
	buf_finish(&why);
	for (size_t i = 0; i < 8; i++) {
		free(keywords[i]);
		free(values[i]);
	}
}

/* ---- programs ---- */

static int take(void *ctx, struct bytes part)
{
	buf_append_bytes(ctx, part);
	return 0;
}

static int take_none(void *ctx, struct bytes part)
{
	(void)ctx;
	(void)part;
	return ERR_CANCELLED;
}

static void programs_are_run(void **state)
{
	static const char *const speaks[] = {
		"/bin/sh", "-c", "cat; echo $X; echo bad >&2; exit 3", NULL};
	static const char *const lasts[] = {
		"/bin/sh", "-c", "trap '' TERM; echo a; exec sleep 60", NULL};
	static const char *const missing[] = {"/no/such/program", NULL};
	char x[] = "X=y", path[] = "PATH=/usr/bin:/bin";
	char *environment[] = {x, path, NULL};
	struct child child;
	struct buf out = {0}, why = {0};

	(void)state;
	assert_int_equal(child_read(&child, speaks, environment, -1, take, &out, &why), 0);
	assert_false(child_went_well(&child));
	assert_string_equal(buf_cstr(&out), "y\n");
	assert_string_equal(buf_cstr(&child.said), "bad\n");
	child_finish(&child);
	/* One that does not end when it is asked to. */
	assert_int_equal(
		child_read(&child, lasts, environment, -1, take_none, NULL, &why), ERR_CANCELLED);
	assert_false(child_went_well(&child));
	child_finish(&child);
	buf_clear(&out);
	assert_int_equal(child_read(&child, missing, environment, -1, take, &out, &why), 0);
	assert_false(child_went_well(&child));
	assert_non_null(strstr(buf_cstr(&child.said), "cannot be started"));
	child_finish(&child);
	buf_finish(&out);
	buf_finish(&why);
}

/* ---- rows of COPY ---- */

struct copied {
	uint64_t rooms, messages, epochs;
	uint8_t bits[3];
	bool has_bits;
};

static int copied_room(void *ctx, const struct pg_copy *copy)
{
	struct copied *copied = ctx;

	copied->rooms++;
	copied->messages += pg_copy_number(copy, "message_count");
	assert_int_equal(pg_copy_field(copy, "alias").len, 0);
	assert_int_equal(pg_copy_field(copy, "none").len, 0);
	return 0;
}

static int copied_epoch(void *ctx, const struct pg_copy *copy)
{
	struct copied *copied = ctx;

	copied->epochs++;
	copied->has_bits = pg_copy_bytea(copy, "name", copied->bits, sizeof(copied->bits));
	return pg_copy_number(copy, "no") == 9 ? ERR_BAD_CONTENT : 0;
}

static const char script[] = "SET x = 'COPY public.rooms (id) FROM stdin;';\n"
			     "COPY public.rooms (id, message_count, alias, \"name\") FROM stdin;\n"
			     "1\t5\t\\N\ta\\tb\n"
			     "2\t7\t\\N\tCOPY public.epochs (no) FROM stdin;\n"
			     "\\.\n"
			     "\n"
			     "COPY public.others (a) FROM stdin;\n"
			     "1\n\\.\n"
			     "COPY \"odd.name\".epochs (no, \"name\") FROM stdin;\n"
			     "1\t\\\\x00ffa0\n"
			     "\\.\n";

static const struct pg_copy_table tables[] = {
	{"rooms", copied_room}, {"epochs", copied_epoch}, {0}};

static void rows_of_copy(void **state)
{
	(void)state;
	for (size_t step = 1; step < sizeof(script); step++) {
		struct copied copied = {0};
		struct pg_copy copy;
		pg_copy_init(&copy, tables, &copied);
		for (size_t at = 0; at < sizeof(script) - 1; at += step) {
			size_t left = sizeof(script) - 1 - at;
			struct bytes part = bytes_of(script + at, left < step ? left : step);
			assert_int_equal(pg_copy_take(&copy, part), 0);
		}
		pg_copy_finish(&copy);
		assert_int_equal(copied.rooms, 2);
		assert_int_equal(copied.messages, 12);
		assert_int_equal(copied.epochs, 1);
		assert_true(copied.has_bits);
		assert_memory_equal(copied.bits, "\x00\xff\xa0", 3);
	}
}

static void rows_that_are_wrong(void **state)
{
	static const struct {
		const char *text;
		int err;
		bool has_bits;
	} rows[] = {
		{"COPY a.epochs (no, name) FROM stdin;\n9\tx\n", ERR_BAD_CONTENT, false},
		{"COPY a.epochs (no, name) FROM stdin;\n1\t\\\\x00ffa\n", 0, false},
		{"COPY a.epochs (no, name) FROM stdin;\n1\t\\\\x00ffag\n", 0, false},
		{"COPY a.epochs (no, name) FROM stdin;\n1\n", 0, false},
		{"COPY a.epochs (no, name) FROM stdin;\n\n", 0, false},
		{"COPY a.epochs (no, name) TO stdout;\n1\t\\\\x00ffa0\n", 0, false},
		{"COPY a.epochs (no, name\n1\t\\\\x00ffa0\n", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct copied copied = {0};
		struct pg_copy copy;
		pg_copy_init(&copy, tables, &copied);
		assert_int_equal(pg_copy_take(&copy, bytes_str(rows[i].text)), rows[i].err);
		assert_int_equal(copied.has_bits, rows[i].has_bits);
		pg_copy_finish(&copy);
	}
}

/* ---- what a file is ---- */

static void kinds_of_files(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int err;
		enum restore_kind kind;
		const char *why;
	} rows[] = {
		{"SQLite format 3\0rest", 20, 0, RESTORE_SQLITE, NULL},
		{"PGDMP\1\16", 7, 0, RESTORE_POSTGRES, NULL},
		{"", 0, ERR_BAD_CONTENT, 0, "it is empty"},
		{"PGDM", 4, ERR_BAD_CONTENT, 0, "is no backup"},
		{"\x1f\x8b\x08", 3, ERR_BAD_CONTENT, 0, "compressed by gzip"},
		{"--\n-- PostgreSQL database dump\n", 31, ERR_BAD_CONTENT, 0, "psql"},
		{"some text", 9, ERR_BAD_CONTENT, 0, "is no backup"},
	};
	char path[] = "/tmp/chatd-source-XXXXXX";
	struct buf why = {0};
	enum restore_kind kind;
	int source;
	int fd = mkstemp(path);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, rows[i].text, rows[i].len, 0), rows[i].len);
		buf_clear(&why);
		assert_int_equal(restore_source_open(path, &kind, &source, &why), rows[i].err);
		if (rows[i].err == 0) {
			assert_int_equal(kind, rows[i].kind);
			close(source);
		} else {
			assert_non_null(strstr(buf_cstr(&why), rows[i].why));
		}
	}
	close(fd);
	unlink(path);
	assert_int_equal(restore_source_open(path, &kind, &source, &why), ERR_NOT_FOUND);
	assert_int_equal(restore_source_open("/tmp", &kind, &source, &why), ERR_BAD_CONTENT);
	assert_int_equal(restore_source_open("/dev/null", &kind, &source, &why), ERR_BAD_CONTENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(restore_source_open(path, &kind, &source, &why), ERR_BAD_CONTENT);
	unlink(path);
	buf_finish(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_migrations),
		cmocka_unit_test(objects_of_our_own),
		cmocka_unit_test(versions),
		cmocka_unit_test(what_programs_say),
		cmocka_unit_test(the_way_for_programs),
		cmocka_unit_test(programs_are_run),
		cmocka_unit_test(rows_of_copy),
		cmocka_unit_test(rows_that_are_wrong),
		cmocka_unit_test(kinds_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
