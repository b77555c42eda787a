#include "lib/store/pg_schema.h"

#include <stdlib.h>

#include "lib/base/err.h"

#define GRANTS "; grant.sql, which comes with chatd, gives it what it needs"

/* ---- looking ---- */

static char *text_of(const struct pg_result *result, int column)
{
	struct bytes text = pg_bytes(result, 0, column);

	return text.ptr != NULL ? mem_dup_bytes(text) : NULL;
}

static int read_server(void *ctx, const struct pg_result *result)
{
	struct pg_schema *schema = ctx;

	schema->encoding = text_of(result, 0);
	schema->is_standby = pg_bool(result, 0, 1);
	schema->database = text_of(result, 2);
	schema->role = text_of(result, 3);
	schema->name = text_of(result, 4);
	schema->may_create = pg_bool(result, 0, 5);
	schema->server = text_of(result, 6);
	return 0;
}

struct finding {
	bool is_there; /* a table schema_migrations */
	int64_t columns; /* of it that are as ours */
	char *others;
};

enum { OWN_COLUMNS = 6 };

static int read_finding(void *ctx, const struct pg_result *result)
{
	struct finding *finding = ctx;

	finding->is_there = pg_bool(result, 0, 0);
	finding->columns = pg_int(result, 0, 1);
	finding->others = text_of(result, 2);
	return 0;
}

static int judge_finding(
	const struct pg_direct *direct, const struct finding *finding, struct buf *why)
{
	const char *place = pg_direct_place(direct);

	if (finding->is_there && finding->columns != OWN_COLUMNS) {
		buf_printf(why,
			"%s belongs to another program: its table schema_migrations is not "
			"chatd's; "
			"give chatd a database of its own",
			place);
		return ERR_CONFIG;
	}
	if (!finding->is_there && finding->others != NULL) {
		buf_printf(why,
			"%s belongs to another program: there is %s, but no table "
			"schema_migrations; give chatd a database of its own",
			place, finding->others);
		return ERR_CONFIG;
	}
	return 0;
}

static void read_row(const struct pg_result *result, size_t row, struct migration_applied *out)
{
	struct bytes name = pg_bytes(result, row, 1);
	struct bytes checksum = pg_bytes(result, row, 2);

	memset(out, 0, sizeof(*out));
	out->no = (uint32_t)pg_int(result, row, 0);
	out->oldest_program = (uint32_t)pg_int(result, row, 3);
	if (name.len > 0) {
		memcpy(out->name, name.ptr,
			name.len < sizeof(out->name) ? name.len : sizeof(out->name) - 1);
	}
	if (checksum.len == sizeof(out->checksum)) {
		memcpy(out->checksum, checksum.ptr, sizeof(out->checksum));
	}
}

static int read_list(void *ctx, const struct pg_result *result)
{
	struct pg_schema *schema = ctx;

	schema->rows = mem_alloc((pg_rows(result) + 1) * sizeof(*schema->rows));
	for (size_t i = 0; i < pg_rows(result); i++) {
		if (!pg_bool(result, i, 4)) {
			read_row(result, i, &schema->rows[schema->count++]);
		} else if (schema->begun.no == 0) {
			read_row(result, i, &schema->begun);
			schema->begun_by = mem_dup_bytes(pg_bytes(result, i, 5));
		}
	}
	return 0;
}

static int list(struct pg_direct *direct, struct pg_schema *schema, struct buf *why)
{
	int err = pg_direct_run(direct, PG_SQL_SCHEMA_LIST, NULL, read_list, schema, why);

	if (pg_direct_fault(direct) == PG_DENIED) {
		buf_clear(why);
		buf_printf(why, "%s: the role %s may not read chatd's tables" GRANTS,
			pg_direct_place(direct), schema->role);
	}
	return err;
}

static int judge_version(struct pg_direct *direct, struct buf *why)
{
	int version = pg_link_server_version(pg_direct_link(direct));

	if (version >= PG_SCHEMA_SERVER_MIN) {
		return 0;
	}
	buf_printf(why, "%s: the server is PostgreSQL %d.%d; chatd needs %d or later",
		pg_direct_place(direct), version / 10000, version % 10000,
		PG_SCHEMA_SERVER_MIN / 10000);
	return ERR_CONFIG;
}

static int look(struct pg_direct *direct, struct pg_schema *schema, struct buf *why)
{
	struct finding finding = {0};
	int err = judge_version(direct, why);

	if (err == 0) {
		err = pg_direct_run(direct, PG_SQL_SERVER, NULL, read_server, schema, why);
	}
	if (err == 0) {
		err = pg_direct_run(direct, PG_SQL_SCHEMA_FIND, NULL, read_finding, &finding, why);
	}
	if (err == 0) {
		err = judge_finding(direct, &finding, why);
	}
	schema->is_ours = finding.is_there;
	free(finding.others);
	return err == 0 && schema->is_ours ? list(direct, schema, why) : err;
}

int pg_schema_look(struct pg_direct *direct, struct pg_schema *ret_schema, struct buf *why)
{
	struct pg_schema schema = {0};
	int err = look(direct, &schema, why);

	if (err != 0) {
		pg_schema_finish(&schema);
		return err;
	}
	*ret_schema = schema;
	return 0;
}

void pg_schema_finish(struct pg_schema *schema)
{
	free(schema->encoding);
	free(schema->database);
	free(schema->role);
	free(schema->server);
	free(schema->name);
	free(schema->rows);
	free(schema->begun_by);
	memset(schema, 0, sizeof(*schema));
}

/* ---- judging ---- */

int pg_schema_judge_place(
	const struct pg_direct *direct, const struct pg_schema *schema, struct buf *why)
{
	const char *place = pg_direct_place(direct);

	if (strcmp(schema->encoding, "UTF8") != 0) {
		buf_printf(why,
			"%s has the encoding %s; chatd needs UTF8: make a database with \"createdb "
			"--encoding=UTF8 --template=template0 NAME\"",
			place, schema->encoding);
		return ERR_CONFIG;
	}
	if (schema->is_standby) {
		buf_printf(why,
			"%s: the server is a standby, which can only be read; name the primary, or "
			"all hosts",
			place);
		return ERR_UNAVAILABLE; /* it may be promoted in a moment */
	}
	return 0;
}

static uint32_t newest(const struct migration_set *set)
{
	return set->count > 0 ? set->rows[set->count - 1].no : 0;
}

/* One that only newer programs know does not matter to those that may serve its schema. */
static int judge_begun(
	const struct pg_schema *schema, const struct migration_set *set, struct buf *why)
{
	const struct migration_applied *begun = &schema->begun;
	uint32_t own = newest(set);

	if (begun->no == 0 || (begun->no > own && begun->oldest_program <= own)) {
		return 0;
	}
	buf_printf(why,
		"migration %s was begun by %s and did not come to its end. It runs outside a "
		"transaction, so a part of it may be there. See what is, then either do the rest "
		"by hand and \"UPDATE schema_migrations SET applied_at = now() WHERE no = %u\", or "
		"undo what is there and \"DELETE FROM schema_migrations WHERE no = %u\"",
		begun->name, schema->begun_by, (unsigned)begun->no, (unsigned)begun->no);
	return ERR_CONFIG;
}

int pg_schema_judge(const struct pg_schema *schema, const struct migration_set *set,
	size_t *ret_missing, struct buf *why)
{
	size_t missing;
	int err = migrate_judge(set, schema->rows, schema->count, &missing, why);

	if (err == 0) {
		err = judge_begun(schema, set, why);
	}
	if (err == 0) {
		*ret_missing = missing;
	}
	return err;
}

/* ---- rights ---- */

/* What chatd's statements take; packaging/postgresql/grant.sql gives the same. */
static const struct {
	const char *table, *right;
} rights[] = {
	{"schema_migrations", "SELECT"},
	{"meta", "SELECT"},
	{"meta", "INSERT"},
	{"meta", "UPDATE"},
	{"epochs", "SELECT"},
	{"epochs", "INSERT"},
	{"users", "SELECT"},
	{"users", "INSERT"},
	{"users", "UPDATE"},
	{"rooms", "SELECT"},
	{"rooms", "INSERT"},
	{"rooms", "UPDATE"},
	{"rooms", "DELETE"},
	{"participants", "SELECT"},
	{"participants", "INSERT"},
	{"participants", "UPDATE"},
	{"participants", "DELETE"},
	{"messages", "SELECT"},
	{"messages", "INSERT"},
	{"messages", "UPDATE"},
	{"messages", "DELETE"},
	{"dead_rooms", "SELECT"},
	{"dead_rooms", "INSERT"},
	{"dead_rooms", "UPDATE"},
	{"dead_rooms", "DELETE"},
	{"changes", "SELECT"},
	{"changes", "INSERT"},
	{"changes", "DELETE"},
};

enum { RIGHTS = sizeof(rights) / sizeof(rights[0]), NAMED_MAX = 3 };

struct lacks {
	const struct pg_direct *direct;
	const struct pg_schema *schema;
	struct buf *why;
};

static int read_lacks(void *ctx, const struct pg_result *result)
{
	const struct lacks *lacks = ctx;
	size_t count = pg_rows(result);

	for (size_t i = 0; i < count; i++) {
		if (!pg_bool(result, i, 2)) {
			buf_printf(lacks->why,
				"%s lacks the table %.*s, which its migrations made: restore a "
				"backup",
				pg_direct_place(lacks->direct), BYTES_ARG(pg_bytes(result, i, 0)));
			return ERR_CORRUPT;
		}
	}
	if (count == 0) {
		return 0;
	}
	buf_printf(lacks->why, "%s: the role %s lacks ", pg_direct_place(lacks->direct),
		lacks->schema->role);
	for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
		buf_printf(lacks->why, "%s%.*s on %.*s", i > 0 ? ", " : "",
			BYTES_ARG(pg_bytes(result, i, 1)), BYTES_ARG(pg_bytes(result, i, 0)));
	}
	if (count > NAMED_MAX) {
		buf_printf(lacks->why, " and %zu more", count - NAMED_MAX);
	}
	buf_append_str(lacks->why, GRANTS);
	return ERR_CONFIG;
}

int pg_schema_may_serve(struct pg_direct *direct, const struct pg_schema *schema, struct buf *why)
{
	struct lacks lacks = {direct, schema, why};
	struct pg_array tables = {0}, wanted = {0};
	struct pg_params params = {0};

	pg_array_begin(&tables, PG_TEXT);
	pg_array_begin(&wanted, PG_TEXT);
	for (size_t i = 0; i < RIGHTS; i++) {
		pg_array_bytes(&tables, bytes_str(rights[i].table));
		pg_array_bytes(&wanted, bytes_str(rights[i].right));
	}
	pg_param_array(&params, &tables);
	pg_param_array(&params, &wanted);
	int err = pg_direct_run(direct, PG_SQL_SCHEMA_RIGHTS, &params, read_lacks, &lacks, why);
	pg_array_finish(&tables);
	pg_array_finish(&wanted);
	return err;
}
