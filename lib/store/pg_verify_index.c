/* Indexes: whether all are there and valid, and, where the extension amcheck is, whether each is in
 * order and has every row of its table. Source: PostgreSQL manual, «amcheck». */
#include "lib/store/pg_verify.h"

#include <stdlib.h>

#include "lib/base/err.h"

struct index_row {
	char *name;
	bool is_valid, is_btree;
};

struct indexes {
	struct pg_verify *v;
	struct index_row *rows;
	size_t count;
	char *amcheck; /* the extension's schema, NULL: there is none */
	bool denied; /* the role may not use it */
	size_t looked_at;
};

static int read_indexes(void *ctx, const struct pg_result *result)
{
	struct indexes *indexes = ctx;

	indexes->rows = mem_zalloc((pg_rows(result) + 1) * sizeof(*indexes->rows));
	for (size_t i = 0; i < pg_rows(result); i++) {
		indexes->rows[indexes->count++] = (struct index_row){
			.name = mem_dup_bytes(pg_bytes(result, i, 0)),
			.is_valid = pg_bool(result, i, 1),
			.is_btree = pg_bool(result, i, 2),
		};
	}
	return 0;
}

static int read_amcheck(void *ctx, const struct pg_result *result)
{
	struct indexes *indexes = ctx;

	if (pg_rows(result) > 0) {
		indexes->amcheck = mem_dup_bytes(pg_bytes(result, 0, 0));
	}
	return 0;
}

static int read_all(struct indexes *indexes)
{
	struct pg_verify *v = indexes->v;
	struct pg_params params = {0};
	struct pg_array tables = {0};

	pg_array_begin(&tables, PG_TEXT);
	for (size_t i = 0; i < v->objects.count; i++) {
		if (v->objects.rows[i].kind == PG_OBJECT_TABLE) {
			pg_array_bytes(&tables, v->objects.rows[i].name);
		}
	}
	pg_param_text(&params, bytes_str(v->admin->home));
	pg_param_array(&params, &tables);
	int err = pg_verify_run(v, PG_SQL_VERIFY_INDEXES, &params, read_indexes, indexes);
	pg_array_finish(&tables);
	if (err == 0) {
		err = pg_verify_run(v, PG_SQL_VERIFY_AMCHECK, NULL, read_amcheck, indexes);
	}
	return err;
}

static bool is_there(const struct indexes *indexes, struct bytes name)
{
	for (size_t i = 0; i < indexes->count; i++) {
		if (bytes_eq(bytes_str(indexes->rows[i].name), name)) {
			return true;
		}
	}
	return false;
}

static int judge_names(const struct indexes *indexes)
{
	struct pg_verify *v = indexes->v;
	const struct pg_schema *schema = &v->admin->schema;
	uint32_t no = schema->rows[schema->count - 1].no;

	for (size_t i = 0; i < v->objects.count && v->stop == 0; i++) {
		const struct pg_object *object = &v->objects.rows[i];
		if (object->kind == PG_OBJECT_INDEX && pg_object_is_of(object, no) &&
			!is_there(indexes, object->name)) {
			pg_verify_bad(v, "there is no index %.*s", BYTES_ARG(object->name));
		}
	}
	for (size_t i = 0; i < indexes->count && v->stop == 0; i++) {
		if (!indexes->rows[i].is_valid) {
			pg_verify_bad(v, "index %s is not valid: REINDEX INDEX %s mends it",
				indexes->rows[i].name, indexes->rows[i].name);
		}
	}
	return v->stop;
}

/* What it complains of is damage, unless it may not, or the connection is lost. */
static int ask_amcheck(struct indexes *indexes, const struct index_row *row)
{
	struct pg_verify *v = indexes->v;
	struct buf sql = {0}, name = {0}, said = {0};

	pg_admin_quote(&name, bytes_str(v->admin->home));
	buf_append_char(&name, '.');
	pg_admin_quote(&name, bytes_str(row->name));
	buf_append_str(&sql, "SELECT ");
	pg_admin_quote(&sql, bytes_str(indexes->amcheck));
	buf_append_str(&sql, ".bt_index_check(");
	pg_admin_literal(&sql, buf_bytes(&name));
	buf_append_str(&sql, "::regclass, true)");
	int err = pg_admin_script(v->admin, buf_cstr(&sql), &said);
	if (err == ERR_FORBIDDEN) {
		indexes->denied = true;
		err = 0;
	} else if (err == ERR_UNAVAILABLE) {
		buf_append_bytes(v->why, buf_bytes(&said));
	} else if (err != 0) {
		err = pg_verify_bad(v, "%s", buf_cstr(&said));
	} else {
		indexes->looked_at++;
	}
	buf_finish(&said);
	buf_finish(&name);
	buf_finish(&sql);
	return err;
}

static int look_into(struct indexes *indexes)
{
	struct pg_verify *v = indexes->v;
	int err = 0;

	for (size_t i = 0; i < indexes->count && err == 0 && indexes->amcheck != NULL; i++) {
		const struct index_row *row = &indexes->rows[i];
		if (row->is_btree && row->is_valid && !indexes->denied) {
			err = ask_amcheck(indexes, row);
		}
		if (err == 0) {
			err = pg_verify_progress(v, i + 1, indexes->count);
		}
	}
	return err;
}

static void finish(struct indexes *indexes)
{
	for (size_t i = 0; i < indexes->count; i++) {
		free(indexes->rows[i].name);
	}
	free(indexes->rows);
	free(indexes->amcheck);
}

int pg_verify_indexes(struct pg_verify *v)
{
	struct indexes indexes = {.v = v};

	pg_verify_begin(v, "indexes");
	int err = read_all(&indexes);
	if (err == 0) {
		err = judge_names(&indexes);
	}
	if (err == 0) {
		err = look_into(&indexes);
	}
	const char *inside = indexes.denied ? "; not looked into, this role may not use amcheck"
			     : indexes.amcheck == NULL
				     ? "; not looked into, which takes the extension amcheck"
				     : ", all looked into";
	err = pg_verify_end(v, err, "%zu indexes are there and valid%s", indexes.count, inside);
	finish(&indexes);
	return err;
}
