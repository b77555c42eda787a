/* What the tests of schema and opening on PostgreSQL share: an empty database for each test, on the
 * server that CHATD_TEST_POSTGRES names as a superuser, and a connection to it. */
#ifndef TESTS_UNIT_STORE_SCHEMA_HELP_H
#define TESTS_UNIT_STORE_SCHEMA_HELP_H

#include "lib/store/pg_schema.h"

struct schema_test {
	char name[48]; /* of the database */
	char role[56]; /* one without rights, made by schema_role() */
	char text[512]; /* the database's URL */
	char role_text[640]; /* as that role */
	struct pg_url url;
	struct pg_direct *direct;
	struct buf why;
	struct buf seen; /* a line for each step of a migration */
};

/* Whether there is a server; else a line says what was skipped. */
bool schema_server(void);
/* For cmocka: *state is a struct schema_test. */
int schema_setup(void **state);
int schema_teardown(void **state);
/* Makes the database anew, with what CREATE DATABASE takes behind the name. */
void schema_create(struct schema_test *t, const char *options);

/* SQL that must work. */
void schema_sql(struct schema_test *t, const char *sql);
/* The one number that a query gives. */
int64_t schema_number(struct schema_test *t, const char *query);
/* A role that may log in, and nothing else. */
void schema_role(struct schema_test *t);
/* Ends the connection and makes another one. */
void schema_reconnect(struct schema_test *t);

/* store_admin_step_fn: ctx is the test; "1 0001_one applied\n". */
void schema_step(void *ctx, const struct store_admin_step *step);
/* pg_migrate_run() on t->direct; t->seen has its steps. */
int schema_migrate(struct schema_test *t, const struct migration_set *set, uint32_t to);
/* Opens the store and closes it. */
int schema_open(struct schema_test *t, const char *url, bool migrate);
/* part is in t->why, which is cleared. */
void schema_why(struct schema_test *t, const char *part);

/* fn in count processes that begin it at the same time: how many answered 0. */
unsigned schema_in_children(
	struct schema_test *t, unsigned count, int (*fn)(struct schema_test *t, unsigned child));

#define SCHEMA_FILE(no, name, text) \
	{ \
		no, name, (const unsigned char *)(text), sizeof(text) - 1 \
	}

#endif
