#include "tests/unit/store_pg_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

/* ---- the server ---- */

static const char *server_url(void)
{
	const char *url = getenv("CHATD_TEST_POSTGRES");

	return url != NULL && *url != '\0' ? url : NULL;
}

static void database_name(char out[32])
{
	snprintf(out, 32, "chat_unit_%ld", (long)getpid());
}

static PGresult *run(PGconn *link, const char *sql)
{
	PGresult *result = PQexec(link, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fail_msg("%s: %s", sql, PQerrorMessage(link));
	}
	return result;
}

/* Notices are for people who type. */
static void ignore_notice(void *ctx, const PGresult *result)
{
	(void)ctx;
	(void)result;
}

static PGconn *connect_to(const char *url)
{
	PGconn *link = PQconnectdb(url);

	if (PQstatus(link) != CONNECTION_OK) {
		fail_msg("CHATD_TEST_POSTGRES: %s", PQerrorMessage(link));
	}
	PQsetNoticeReceiver(link, ignore_notice, NULL);
	return link;
}

/* In a transaction of its own, as these statements must be. */
static void on_server(const char *format)
{
	char name[32], sql[128];
	PGconn *link = connect_to(server_url());

	database_name(name);
	snprintf(sql, sizeof(sql), "%s %s", format, name);
	PQclear(run(link, sql));
	PQfinish(link);
}

bool store_pg_create(void)
{
	if (server_url() == NULL) {
		print_message("skipped: CHATD_TEST_POSTGRES names no server; "
			      "tests/pg/with-postgres.sh starts one\n");
		return false;
	}
	on_server("CREATE DATABASE");
	return true;
}

void store_pg_drop(void)
{
	on_server("DROP DATABASE");
}

/* ---- a test ---- */

void store_pg_sql(struct store_test *t, const char *sql)
{
	PQclear(run(t->server, sql));
}

char *store_pg_lines(struct store_test *t, const char *sql)
{
	PGresult *result = run(t->server, sql);
	struct buf lines;

	buf_init(&lines);
	for (int i = 0; i < PQntuples(result); i++) {
		buf_printf(&lines, "%s\n", PQgetvalue(result, i, 0));
	}
	PQclear(result);
	buf_cstr(&lines);
	return lines.data;
}

/* The database's clock is a function, and becomes one that always says the same. */
static void tell_time(struct store_test *t)
{
	char sql[256];
	long long now = atomic_load(&t->clock.wall_ms);

	if (now == t->told_ms) {
		return;
	}
	snprintf(sql, sizeof(sql),
		"CREATE OR REPLACE FUNCTION chat_now() RETURNS timestamptz LANGUAGE sql STABLE"
		" RETURN timestamptz 'epoch' + interval '%lld ms'",
		now);
	store_pg_sql(t, sql);
	t->told_ms = now;
}

static void disconnect(struct store_test *t)
{
	PQfinish(t->server);
	t->server = NULL;
}

static void make_tables(struct store_test *t)
{
	char *there = store_pg_lines(t, "SELECT to_regclass('rooms') IS NOT NULL");

	if (strcmp(there, "t\n") != 0) {
		store_test_open(t);
		store_test_close(t);
	}
	free(there);
}

/* What belongs to the database as such stays. */
static void empty_tables(struct store_test *t)
{
	store_pg_sql(t, "DO $$ DECLARE names text; BEGIN"
			" SELECT string_agg(quote_ident(tablename), ', ') INTO names FROM pg_tables"
			" WHERE schemaname = current_schema() AND tablename NOT IN"
			" ('meta', 'epochs', 'schema_migrations');"
			" EXECUTE 'TRUNCATE ' || names; END $$");
}

static void use_database(struct store_test *t, const char *url)
{
	static const struct store_test_hooks hooks = {
		.before_call = tell_time, .finish = disconnect};

	store_test_init(t);
	snprintf(t->url, sizeof(t->url), "%s", url);
	t->server = connect_to(t->url);
	t->hooks = &hooks;
}

void store_pg_join(struct store_test *t, const struct store_test *other)
{
	use_database(t, other->url);
	t->told_ms = atomic_load(&t->clock.wall_ms);
}

void store_pg_init(struct store_test *t)
{
	char name[32], of_program[256];
	const char *url = server_url();
	const char *slash = strrchr(url, '/');

	database_name(name);
	snprintf(of_program, sizeof(of_program), "%.*s/%s", (int)(slash - url), url, name);
	use_database(t, of_program);
	make_tables(t);
	empty_tables(t);
}
