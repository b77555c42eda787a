/* Opening a store on PostgreSQL: which databases are refused and what is said, rights, epochs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_schema_help.h"

/* What every program on the store must see the same. */
struct constants {
	char epoch[17];
	uint32_t epoch_no;
	uint8_t secret[32];
};

static int look(struct schema_test *t, struct constants *ret_constants)
{
	const struct store_open_params params = {.url = bytes_str(t->text), .migrate = true};
	struct store *store = NULL;
	int err = store_open(&params, &store, &t->why);

	if (err == 0) {
		memcpy(ret_constants->epoch, store->epoch, sizeof(store->epoch));
		ret_constants->epoch_no = store->epoch_no;
		memcpy(ret_constants->secret, store->fleet_secret, sizeof(store->fleet_secret));
	}
	store_close(&store);
	return err;
}

/* ---- the first time, and later ---- */

static void a_new_database(void **state)
{
	static const uint8_t none[32];
	struct schema_test *t = *state;
	struct constants first = {0}, second = {0};

	assert_int_equal(schema_open(t, t->text, false), ERR_CONFIG);
	schema_why(t, "lacks migration 0001_start: run \"chatctl db migrate\"");
	assert_int_equal(schema_number(t, "SELECT count(*) FROM pg_tables WHERE schemaname ="
					  " 'public'"),
		0);
	assert_int_equal(look(t, &first), 0);
	assert_int_equal(first.epoch_no, 1);
	assert_int_equal(strspn(first.epoch, "0123456789abcdef"), 16);
	assert_memory_not_equal(first.secret, none, sizeof(none));
	assert_int_equal(schema_open(t, t->text, false), 0);
	assert_int_equal(look(t, &second), 0);
	assert_memory_equal(&first, &second, sizeof(first));
	assert_int_equal(schema_number(t, "SELECT count(*) FROM meta"), 2);
}

static void what_the_open_store_says(void **state)
{
	struct schema_test *t = *state;
	const struct store_open_params params = {.url = bytes_str(t->text), .migrate = true};
	struct store_ping ping = {0};
	struct store *store = NULL;

	assert_int_equal(store_open(&params, &store, &t->why), 0);
	assert_true(store->shared);
	assert_string_equal(store->ops->name, "postgresql");
	assert_int_equal(store->epoch_count, 2);
	assert_string_equal(store->epochs[1], store->epoch);
	assert_string_equal(store->epochs[0], "");
	assert_int_equal(store_ping(store, &ping), ERR_UNAVAILABLE); /* threads ask their own */
	store_stop(store);
	store_close(&store);
	store_close(&store);
}

/* ---- several at once ---- */

enum { PROGRAMS = 6 };

static int open_beside(struct schema_test *t, unsigned child)
{
	struct constants constants = {0};
	int err = look(t, &constants);
	struct pg_direct *direct = NULL;
	struct buf sql = {0};

	(void)child;
	if (err != 0) {
		print_message("%s\n", buf_cstr(&t->why));
		return err;
	}
	buf_printf(&sql, "INSERT INTO told VALUES ('%s %u ", constants.epoch,
		(unsigned)constants.epoch_no);
	for (size_t i = 0; i < sizeof(constants.secret); i++) {
		buf_printf(&sql, "%02x", constants.secret[i]);
	}
	buf_append_str(&sql, "')");
	err = pg_direct_open(&t->url, 5000000, &direct, &t->why);
	err = err != 0 ? err : pg_direct_script(direct, buf_cstr(&sql), &t->why);
	pg_direct_close(&direct);
	buf_finish(&sql);
	return err;
}

static void several_that_start_at_once(void **state)
{
	struct schema_test *t = *state;

	schema_sql(t, "CREATE TABLE told (what text)");
	assert_int_equal(schema_in_children(t, PROGRAMS, open_beside), PROGRAMS);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM told"), PROGRAMS);
	assert_int_equal(schema_number(t, "SELECT count(DISTINCT what) FROM told"), 1);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM epochs"), 1);
	/* All find that the database has moved. */
	schema_sql(
		t, "UPDATE meta SET value = '123/00000001' WHERE name = 'system'; TRUNCATE told");
	assert_int_equal(schema_in_children(t, PROGRAMS, open_beside), PROGRAMS);
	assert_int_equal(schema_number(t, "SELECT count(DISTINCT what) FROM told"), 1);
	assert_int_equal(schema_number(t, "SELECT max(no) FROM epochs"), 2);
	assert_int_equal(
		schema_number(t, "SELECT count(*) FROM told WHERE what LIKE '% 2 %'"), PROGRAMS);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM meta WHERE"
					  " name = 'system' AND convert_from(value, 'UTF8') ="
					  " " PG_SYSTEM),
		1);
}

/* ---- epochs ---- */

static void a_new_epoch(void **state)
{
	struct schema_test *t = *state;
	struct store_admin_epoch epoch;
	struct constants first, second;

	assert_int_equal(
		store_admin_new_epoch(bytes_str(t->text), false, &epoch, &t->why), ERR_CONFIG);
	schema_why(t, "lacks migration 0001_start");
	assert_int_equal(look(t, &first), 0);
	assert_int_equal(store_admin_new_epoch(bytes_str(t->text), true, &epoch, &t->why), 0);
	assert_int_equal(epoch.no, 2);
	assert_string_equal(epoch.epoch, "");
	assert_string_equal(epoch.former, first.epoch);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM epochs"), 1);
	assert_int_equal(store_admin_new_epoch(bytes_str(t->text), false, &epoch, &t->why), 0);
	assert_int_equal(epoch.no, 2);
	assert_int_equal(epoch.former_no, 1);
	assert_string_equal(epoch.former, first.epoch);
	assert_int_equal(look(t, &second), 0);
	assert_string_equal(second.epoch, epoch.epoch);
	assert_string_not_equal(second.epoch, first.epoch);
	assert_int_equal(second.epoch_no, 2);
	assert_memory_equal(second.secret, first.secret, sizeof(first.secret));
}

/* A standby was promoted, or a backup played back: what was told may not be there. */
static void another_timeline_is_a_new_epoch(void **state)
{
	struct schema_test *t = *state;
	struct constants first, same, second;

	assert_int_equal(store_admin_migrate(bytes_str(t->text), 0, false, NULL, NULL, &t->why), 0);
	assert_int_equal(look(t, &first), 0);
	assert_int_equal(look(t, &same), 0);
	assert_string_equal(same.epoch, first.epoch);
	schema_sql(t, "UPDATE meta SET value = convert_to(regexp_replace(convert_from(value,"
		      " 'UTF8'), '/.*', '/000000FF'), 'UTF8') WHERE name = 'system'");
	assert_int_equal(look(t, &second), 0);
	assert_string_not_equal(second.epoch, first.epoch);
	assert_int_equal(second.epoch_no, first.epoch_no + 1);
	assert_int_equal(look(t, &same), 0);
	assert_string_equal(same.epoch, second.epoch);
}

static int begin_epoch(struct schema_test *t, unsigned child)
{
	struct store_admin_epoch epoch;

	(void)child;
	return store_admin_new_epoch(bytes_str(t->text), false, &epoch, &t->why);
}

static void epochs_that_begin_at_once(void **state)
{
	struct schema_test *t = *state;

	assert_int_equal(schema_open(t, t->text, true), 0);
	assert_int_equal(schema_in_children(t, PROGRAMS, begin_epoch), PROGRAMS);
	assert_int_equal(schema_number(t, "SELECT max(no) FROM epochs"), PROGRAMS + 1);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM epochs"), PROGRAMS + 1);
}

static void constants_that_are_damaged(void **state)
{
	static const char *const damages[] = {
		"UPDATE meta SET value = '\\x0102' WHERE name = 'fleet_secret'",
		"UPDATE meta SET value = 'x' WHERE name = 'system'",
		"INSERT INTO epochs (no, epoch) VALUES (2000000000, '0123456789abcdef')",
		"INSERT INTO epochs (no, epoch) VALUES (-1, '0123456789abcdef')",
	};
	struct schema_test *t = *state;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		schema_create(t, "TEMPLATE template0 ENCODING 'UTF8'");
		assert_int_equal(schema_open(t, t->text, true), 0);
		schema_sql(t, damages[i]);
		assert_int_equal(schema_open(t, t->text, true), ERR_CORRUPT);
		schema_why(t, "the tables meta and epochs of ");
	}
	/* A secret that is missing is made anew. */
	schema_create(t, "TEMPLATE template0 ENCODING 'UTF8'");
	assert_int_equal(schema_open(t, t->text, true), 0);
	schema_sql(t, "DELETE FROM meta");
	assert_int_equal(schema_open(t, t->text, true), 0);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM meta"), 2);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM epochs"), 1);
}

/* ---- databases that are not for us ---- */

static void refused(struct schema_test *t, const char *part)
{
	uint64_t tables = (uint64_t)schema_number(t, "SELECT count(*) FROM pg_class");

	assert_int_equal(schema_open(t, t->text, true), ERR_CONFIG);
	schema_why(t, part);
	assert_int_equal(store_admin_migrate(bytes_str(t->text), 0, false, schema_step, t, &t->why),
		ERR_CONFIG);
	assert_int_equal(t->seen.len, 0);
	schema_why(t, part);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM pg_class"), tables);
}

static void databases_of_others(void **state)
{
	struct schema_test *t = *state;

	schema_sql(t, "CREATE TABLE users (id int)");
	refused(t, "belongs to another program: there is users, but no table schema_migrations");
	schema_sql(t, "CREATE VIEW messages AS SELECT 1 AS id");
	refused(t, "there is messages, users, but no");
	schema_sql(t, "CREATE TABLE schema_migrations (version text PRIMARY KEY)");
	refused(t, "its table schema_migrations is not chatd's");
	schema_sql(t, "DROP TABLE schema_migrations; CREATE TABLE schema_migrations (no bigint,"
		      " name text, checksum bytea, oldest_program int, applied_at timestamptz,"
		      " program text)");
	refused(t, "its table schema_migrations is not chatd's");
	/* Beside other tables, and in a schema of one's own, there is room. */
	schema_create(t, "TEMPLATE template0 ENCODING 'UTF8'");
	schema_sql(t, "CREATE TABLE orders (id int); CREATE SCHEMA shop;"
		      " CREATE TABLE shop.users (id int)");
	assert_int_equal(schema_open(t, t->text, true), 0);
}

static void a_schema_of_its_own(void **state)
{
	struct schema_test *t = *state;
	char sql[200];

	schema_sql(t, "CREATE TABLE users (id int)");
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET search_path = chat", t->name);
	schema_sql(t, sql);
	schema_reconnect(t);
	refused(t, "names no schema that is there");
	schema_sql(t, "CREATE SCHEMA chat");
	assert_int_equal(schema_open(t, t->text, true), 0);
	assert_int_equal(schema_open(t, t->text, false), 0);
	assert_int_equal(schema_number(t, "SELECT count(*) FROM pg_tables WHERE schemaname ="
					  " 'chat' AND tablename IN ('users', 'messages')"),
		2);
}

static void another_encoding(void **state)
{
	struct schema_test *t = *state;

	schema_create(t, "TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
	refused(t, "has the encoding SQL_ASCII; chatd needs UTF8");
}

static void a_standby(void **state)
{
	const struct pg_schema schema = {.encoding = (char[]){"UTF8"}, .is_standby = true};
	struct schema_test *t = *state;

	assert_int_equal(pg_schema_judge_place(t->direct, &schema, &t->why), ERR_UNAVAILABLE);
	schema_why(t, "the server is a standby");
}

static void servers_that_are_not_there(void **state)
{
	struct schema_test *t = *state;
	char url[600];

	snprintf(url, sizeof(url), "%s_not", t->text);
	assert_int_equal(schema_open(t, url, true), ERR_CONFIG);
	schema_why(t, "createdb");
	assert_int_equal(
		schema_open(t, "postgresql://u:secret@127.0.0.1:1/x", true), ERR_UNAVAILABLE);
	assert_null(strstr(t->why.data, "secret"));
	assert_int_equal(schema_open(t, "postgresql://u@h/x?no_such=1", true), ERR_CONFIG);
	schema_why(t, "no_such");
}

static void a_table_that_is_missing(void **state)
{
	struct schema_test *t = *state;

	assert_int_equal(schema_open(t, t->text, true), 0);
	schema_sql(t, "DROP TABLE dead_rooms");
	assert_int_equal(schema_open(t, t->text, true), ERR_CORRUPT);
	schema_why(t, "lacks the table dead_rooms");
}

/* ---- rights ---- */

static void a_role_without_rights(void **state)
{
	struct schema_test *t = *state;
	char sql[200];

	schema_role(t);
	schema_sql(t, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
	assert_int_equal(schema_open(t, t->role_text, true), ERR_CONFIG);
	schema_why(t, "_role may not make tables in the schema public");
	assert_int_equal(schema_open(t, t->text, true), 0);
	assert_int_equal(schema_open(t, t->role_text, false), ERR_CONFIG);
	schema_why(t, "_role may not read chatd's tables; grant.sql");
	snprintf(sql, sizeof(sql), "GRANT SELECT ON schema_migrations, meta, epochs, users TO %s",
		t->role);
	schema_sql(t, sql);
	assert_int_equal(schema_open(t, t->role_text, false), ERR_CONFIG);
	schema_why(t, "_role lacks INSERT on meta, UPDATE on meta, INSERT on epochs and ");
	snprintf(sql, sizeof(sql),
		"GRANT ALL ON ALL TABLES IN SCHEMA public TO %s;"
		" REVOKE DELETE ON messages FROM %s",
		t->role, t->role);
	schema_sql(t, sql);
	assert_int_equal(schema_open(t, t->role_text, false), ERR_CONFIG);
	schema_why(t, "_role lacks DELETE on messages; grant.sql");
}

static int run_grants(struct schema_test *t)
{
	char command[900];

	snprintf(command, sizeof(command),
		"psql -X -q -v role=%s -f packaging/postgresql/grant.sql '%s' >/dev/null", t->role,
		t->text);
	return system(command);
}

static void the_least_rights(void **state)
{
	static const struct migration later[] = {
		SCHEMA_FILE(1, "0001_start", ""),
		SCHEMA_FILE(2, "0002_later", "CREATE TABLE later (a int);"),
	};
	struct migration_set set = {later, 2};
	struct migration both[2] = {migrate_postgres()->rows[0], later[1]};
	struct schema_test *t = *state;
	char sql[200];

	if (system("psql --version >/dev/null 2>&1") != 0) {
		skip();
	}
	schema_role(t);
	assert_int_equal(schema_open(t, t->text, true), 0);
	assert_int_equal(run_grants(t), 0);
	assert_int_equal(run_grants(t), 0);
	assert_int_equal(schema_open(t, t->role_text, false), 0);
	assert_int_equal(schema_open(t, t->role_text, true), 0); /* nothing is missing */
	/* As that role: a migration is refused, and clearly. */
	set.rows = both;
	pg_direct_close(&t->direct);
	pg_url_finish(&t->url);
	assert_int_equal(pg_url_parse(bytes_str(t->role_text), &t->url, &t->why), 0);
	schema_reconnect(t);
	snprintf(sql, sizeof(sql), "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
	schema_sql(t, sql);
	assert_int_equal(schema_migrate(t, &set, 0), ERR_CONFIG);
	schema_why(t, "may not make tables in the schema public: migrate as the owner");
	snprintf(sql, sizeof(sql), "GRANT CREATE ON SCHEMA public TO %s", t->role);
	schema_sql(t, sql);
	assert_int_equal(schema_migrate(t, &set, 0), ERR_CONFIG);
	schema_why(t, "belongs to the role ");
	/* It can begin an epoch, as an operator with the daemon's URL may. */
	struct store_admin_epoch epoch;
	assert_int_equal(store_admin_new_epoch(bytes_str(t->role_text), false, &epoch, &t->why), 0);
	/* Tables of later migrations can be used. */
	schema_sql(t, "CREATE TABLE later (a int)");
	assert_int_equal(pg_direct_script(t->direct, "INSERT INTO later VALUES (1)", &t->why), 0);
	assert_int_equal(pg_direct_script(t->direct, "DROP TABLE later", &t->why), ERR_CONFIG);
	assert_int_equal(pg_direct_fault(t->direct), PG_DENIED);
}

/* ---- what an operator sees ---- */

static void the_status(void **state)
{
	struct schema_test *t = *state;
	struct store_admin_status status;
	struct arena *arena = arena_create(0);
	struct bytes url = bytes_str(t->text);
	uint32_t newest = migrate_postgres()->rows[migrate_postgres()->count - 1].no;

	assert_int_equal(store_admin_status(url, arena, &status, &t->why), 0);
	assert_int_equal(status.schema, 0);
	assert_int_equal(status.missing_count, migrate_postgres()->count);
	assert_string_equal(status.missing[0], "0001_start");
	assert_int_equal(store_admin_migrate(url, 0, true, schema_step, t, &t->why), 0);
	assert_non_null(strstr(buf_cstr(&t->seen), "1 0001_start planned\n"));
	assert_int_equal(
		store_admin_migrate(url, 999, true, schema_step, t, &t->why), ERR_NOT_FOUND);
	schema_why(t, "there is no migration 999");
	buf_clear(&t->seen);
	assert_int_equal(store_admin_migrate(url, 0, false, schema_step, t, &t->why), 0);
	assert_non_null(strstr(buf_cstr(&t->seen), "1 0001_start applied\n"));
	assert_int_equal(store_admin_status(url, arena, &status, &t->why), 0);
	assert_int_equal(status.schema, newest);
	assert_int_equal(status.missing_count, 0);
	assert_null(status.problem);
	assert_null(status.migrating);
	assert_non_null(strstr(status.place, t->name));
	assert_non_null(strstr(status.server, "PostgreSQL "));
	assert_true(status.bytes > 1000000 && status.system != NULL && status.role != NULL);
	assert_int_equal(strlen(status.epoch), 16);
	assert_int_equal(status.epoch_no, 1);
	schema_sql(t, "UPDATE schema_migrations SET checksum = sha256('') WHERE no = 1;"
		      "INSERT INTO users (id, identity, display_name) VALUES (gen_random_uuid(),"
		      " 'x', 'x')");
	assert_int_equal(store_admin_status(url, arena, &status, &t->why), 0);
	assert_non_null(strstr(status.problem, "0001_start was changed"));
	assert_int_equal(status.users, 1);
	arena_destroy(&arena);
}

static void no_way_back(void **state)
{
	struct schema_test *t = *state;
	struct bytes url = bytes_str(t->text);

	assert_int_equal(schema_open(t, t->text, true), 0);
	schema_sql(t, "INSERT INTO schema_migrations VALUES (9000, '9000_later', sha256(''), 1,"
		      " now(), 'x')");
	assert_int_equal(store_admin_migrate(url, 1, false, schema_step, t, &t->why), ERR_CONFLICT);
	schema_why(t, "only go forward");
	assert_int_equal(schema_open(t, t->text, true), 0); /* may serve it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, schema_setup, schema_teardown)
		TEST(a_new_database),
		TEST(what_the_open_store_says),
		TEST(several_that_start_at_once),
		TEST(a_new_epoch),
		TEST(another_timeline_is_a_new_epoch),
		TEST(epochs_that_begin_at_once),
		TEST(constants_that_are_damaged),
		TEST(databases_of_others),
		TEST(a_schema_of_its_own),
		TEST(another_encoding),
		TEST(a_standby),
		TEST(servers_that_are_not_there),
		TEST(a_table_that_is_missing),
		TEST(a_role_without_rights),
		TEST(the_least_rights),
		TEST(the_status),
		TEST(no_way_back),
#undef TEST
	};

	return schema_server() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
