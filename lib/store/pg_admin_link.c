#include "lib/store/pg_admin_link.h"

#include <stdlib.h>

#include "lib/base/err.h"

#define CONNECT_US 15000000

static int read_home(void *ctx, const struct pg_result *result)
{
	struct pg_admin *admin = ctx;

	if (!pg_is_null(result, 0, 0)) {
		admin->home = mem_dup_bytes(pg_bytes(result, 0, 0));
	}
	if (!pg_is_null(result, 0, 1)) {
		admin->owner = mem_dup_bytes(pg_bytes(result, 0, 1));
	}
	admin->bytes = (uint64_t)pg_int(result, 0, 2);
	return 0;
}

/* err of the last call: what the role may not is told from what is wrong. */
static int refused(const struct pg_admin *admin, int err)
{
	return err != 0 && pg_direct_fault(admin->direct) == PG_DENIED ? ERR_FORBIDDEN : err;
}

int pg_admin_run(struct pg_admin *admin, enum pg_sql sql, const struct pg_params *params,
	pg_direct_read_fn read, void *ctx, struct buf *why)
{
	return refused(admin, pg_direct_run(admin->direct, sql, params, read, ctx, why));
}

int pg_admin_script(struct pg_admin *admin, const char *text, struct buf *why)
{
	return refused(admin, pg_direct_script(admin->direct, text, why));
}

int pg_admin_open(struct bytes url, struct pg_admin *ret_admin, struct buf *why)
{
	struct pg_admin admin = {0};
	int err = pg_url_parse(url, &admin.url, why);

	if (err != 0) {
		return err;
	}
	int refusal = ERR_CONFIG;
	err = pg_direct_open_refused(&admin.url, CONNECT_US, &admin.direct, &refusal, why);
	err = err == ERR_CONFIG ? refusal : err;
	if (err == 0) {
		pg_direct_limit(admin.direct, PG_DIRECT_FOREVER);
		err = refused(&admin, pg_schema_look(admin.direct, &admin.schema, why));
	}
	if (err == 0) {
		err = pg_admin_run(&admin, PG_SQL_ADMIN_HOME, NULL, read_home, &admin, why);
	}
	if (err != 0) {
		pg_admin_close(&admin);
		return err;
	}
	*ret_admin = admin;
	return 0;
}

int pg_admin_open_migrated(struct bytes url, struct pg_admin *ret_admin, struct buf *why)
{
	struct pg_admin admin;
	int err = pg_admin_open(url, &admin, why);

	if (err == 0 && admin.schema.count == 0) {
		buf_printf(
			why, "%s has no schema yet: run \"chatctl db migrate\"", admin.url.place);
		pg_admin_close(&admin);
		return ERR_CONFIG;
	}
	if (err == 0) {
		*ret_admin = admin;
	}
	return err;
}

void pg_admin_close(struct pg_admin *admin)
{
	pg_direct_close(&admin->direct);
	pg_schema_finish(&admin->schema);
	pg_url_finish(&admin->url);
	free(admin->home);
	free(admin->owner);
	*admin = (struct pg_admin){0};
}

int pg_admin_snapshot(struct pg_admin *admin, struct buf *why)
{
	return pg_admin_script(
		admin, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", why);
}

static void quote(struct buf *sql, struct bytes text, char mark)
{
	buf_append_char(sql, mark);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == mark) {
			buf_append_char(sql, mark);
		}
		buf_append_char(sql, text.ptr[i]);
	}
	buf_append_char(sql, mark);
}

void pg_admin_quote(struct buf *sql, struct bytes name)
{
	quote(sql, name, '"');
}

void pg_admin_literal(struct buf *sql, struct bytes text)
{
	quote(sql, text, '\'');
}
