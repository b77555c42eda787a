#include "tests/unit/store_schema_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "lib/base/err.h"

#define CONNECT_US 5000000

static const char *server_text(void)
{
	const char *url = getenv("CHATD_TEST_POSTGRES");

	return url != NULL && *url != '\0' ? url : NULL;
}

bool schema_server(void)
{
	if (server_text() == NULL) {
		print_message("skipped: CHATD_TEST_POSTGRES names no server; "
			      "tests/pg/with-postgres.sh starts one\n");
		return false;
	}
	return true;
}

/* ---- SQL ---- */

/* Notices are for people who type. */
static void ignore_notice(void *ctx, const PGresult *result)
{
	(void)ctx;
	(void)result;
}

/* The first field of the answer, which the caller frees, or NULL. */
static char *run(const char *url, const char *sql)
{
	PGconn *link = PQconnectdb(url);
	char *field = NULL;

	PQsetNoticeReceiver(link, ignore_notice, NULL);
	PGresult *result = PQexec(link, sql);
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fail_msg("%s: %s", sql, PQerrorMessage(link));
	}
	if (PQntuples(result) > 0) {
		field = mem_strdup(PQgetvalue(result, 0, 0));
	}
	PQclear(result);
	PQfinish(link);
	return field;
}

void schema_sql(struct schema_test *t, const char *sql)
{
	free(run(t->text, sql));
}

int64_t schema_number(struct schema_test *t, const char *query)
{
	char *field = run(t->text, query);
	long long number = 0;

	assert_non_null(field);
	assert_int_equal(bytes_to_i64(bytes_str(field), &number), 0);
	free(field);
	return number;
}

/* ---- databases ---- */

static void on_server(const char *sql)
{
	free(run(server_text(), sql));
}

static void drop(struct schema_test *t)
{
	char sql[160];

	pg_direct_close(&t->direct);
	snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", t->name);
	on_server(sql);
}

void schema_reconnect(struct schema_test *t)
{
	pg_direct_close(&t->direct);
	if (pg_direct_open(&t->url, CONNECT_US, &t->direct, &t->why) != 0) {
		fail_msg("%s: %s", t->name, buf_cstr(&t->why));
	}
}

void schema_create(struct schema_test *t, const char *options)
{
	char sql[200];

	drop(t);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s %s", t->name, options);
	on_server(sql);
	schema_reconnect(t);
}

/* ---- a test ---- */

int schema_setup(void **state)
{
	static unsigned count;
	struct schema_test *t = mem_zalloc(sizeof(*t));
	const char *server = server_text();
	const char *slash = strrchr(server, '/');

	snprintf(t->name, sizeof(t->name), "chat_schema_%d_%u", (int)getpid(), ++count);
	snprintf(t->text, sizeof(t->text), "%.*s/%s", (int)(slash - server), server, t->name);
	assert_int_equal(pg_url_parse(bytes_str(t->text), &t->url, &t->why), 0);
	schema_create(t, "TEMPLATE template0 ENCODING 'UTF8'");
	*state = t;
	return 0;
}

int schema_teardown(void **state)
{
	struct schema_test *t = *state;
	char sql[160];

	drop(t);
	if (t->role[0] != '\0') {
		snprintf(sql, sizeof(sql), "DROP ROLE IF EXISTS %s", t->role);
		on_server(sql);
	}
	pg_url_finish(&t->url);
	buf_finish(&t->why);
	buf_finish(&t->seen);
	free(t);
	return 0;
}

void schema_role(struct schema_test *t)
{
	char sql[256];
	const char *host = strchr(t->text, '@');

	assert_non_null(host);
	snprintf(t->role, sizeof(t->role), "%s_role", t->name);
	snprintf(sql, sizeof(sql), "CREATE ROLE %s LOGIN PASSWORD 'of-the-role'", t->role);
	on_server(sql);
	snprintf(
		t->role_text, sizeof(t->role_text), "postgresql://%s:of-the-role%s", t->role, host);
}

/* ---- what is tested ---- */

void schema_step(void *ctx, const struct store_admin_step *step)
{
	struct schema_test *t = ctx;

	buf_printf(&t->seen, "%u %s %s\n", (unsigned)step->no, step->name,
		step->applied ? "applied" : "planned");
}

int schema_migrate(struct schema_test *t, const struct migration_set *set, uint32_t to)
{
	const struct pg_migrate migrate = {
		.set = set, .to = to, .wait_us = 300000, .step = schema_step, .ctx = t};

	buf_clear(&t->seen);
	buf_clear(&t->why);
	int err = pg_migrate_run(t->direct, &migrate, &t->why);
	assert_true((err != 0) == (t->why.len > 0));
	buf_cstr(&t->seen);
	return err;
}

int schema_open(struct schema_test *t, const char *url, bool migrate)
{
	const struct store_open_params params = {.url = bytes_str(url), .migrate = migrate};
	struct store *store = NULL;

	buf_clear(&t->why);
	int err = store_open(&params, &store, &t->why);
	assert_true((err != 0) == (t->why.len > 0));
	assert_true((err == 0) == (store != NULL));
	store_close(&store);
	return err;
}

void schema_why(struct schema_test *t, const char *part)
{
	if (strstr(buf_cstr(&t->why), part) == NULL) {
		fail_msg("no \"%s\" in \"%s\"", part, buf_cstr(&t->why));
	}
	buf_clear(&t->why);
}

/* ---- several programs ---- */

static int run_child(
	struct schema_test *t, int gate, unsigned child, int (*fn)(struct schema_test *, unsigned))
{
	char byte;

	if (read(gate, &byte, 1) != 0) { /* the end of the pipe opens the gate for all */
		return 1;
	}
	return fn(t, child) == 0 ? 0 : 1;
}

unsigned schema_in_children(
	struct schema_test *t, unsigned count, int (*fn)(struct schema_test *t, unsigned child))
{
	unsigned well = 0;
	int gate[2], status;

	assert_int_equal(pipe(gate), 0);
	for (unsigned i = 0; i < count; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(gate[1]);
			_exit(run_child(t, gate[0], i, fn));
		}
	}
	close(gate[0]);
	close(gate[1]);
	while (wait(&status) > 0) {
		well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return well;
}
