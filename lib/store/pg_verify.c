/* Looking for damage. All checks but that of the indexes read one snapshot. */
#include "lib/store/pg_verify.h"

#include "lib/base/err.h"
#include "lib/store/pg_admin.h"

/* Blocks of the table messages that one statement reads: 256 MiB. */
enum { BLOCKS = 32768 };

/* Long statements that go through tables in their order; ranges are known when they are planned. */
#define SETUP \
	"SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;" \
	"SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off"

/* ---- what is told ---- */

static int tell(struct pg_verify *v, bool ok, const char *detail)
{
	const struct store_admin_finding finding = {.check = v->check, .ok = ok, .detail = detail};

	v->verify->bad += !ok;
	int err = v->verify->finding(v->verify->ctx, &finding);
	if (err < 0) {
		v->stop = err;
	}
	return err;
}

int pg_verify_bad(struct pg_verify *v, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	int err = tell(v, false, buf_cstr(&text));
	buf_finish(&text);
	return err;
}

int pg_verify_progress(struct pg_verify *v, uint64_t done, uint64_t total)
{
	struct store_admin_verify *verify = v->verify;

	if (v->stop == 0 && verify->progress != NULL) {
		v->stop = verify->progress(verify->ctx, v->check, done, total);
	}
	return v->stop;
}

void pg_verify_begin(struct pg_verify *v, const char *check)
{
	v->check = check;
	v->bad_before = v->verify->bad;
	pg_verify_progress(v, 0, 0);
}

/* What PostgreSQL said of the statement that failed last, which may be damage: then it is no reason
 * to end. Its transaction is over, though, and so is the check. */
static bool is_damage(const struct pg_verify *v)
{
	enum pg_fault fault = pg_direct_fault(v->admin->direct);

	return fault == PG_DAMAGED || fault == PG_SCHEMA;
}

int pg_verify_run(struct pg_verify *v, enum pg_sql sql, const struct pg_params *params,
	pg_direct_read_fn read, void *ctx)
{
	return pg_admin_run(v->admin, sql, params, read, ctx, v->why);
}

static int end_failed(struct pg_verify *v, int err)
{
	struct buf said = *v->why;

	if (!is_damage(v)) {
		return err;
	}
	buf_init(v->why);
	err = pg_verify_bad(v, "%s", buf_cstr(&said));
	buf_finish(&said);
	if (err != 0) {
		return err;
	}
	struct buf ignored = {0};
	pg_admin_script(v->admin, "ROLLBACK", &ignored);
	buf_finish(&ignored);
	err = pg_admin_snapshot(v->admin, v->why);
	return err != 0 ? err : pg_admin_script(v->admin, SETUP, v->why);
}

int pg_verify_end(struct pg_verify *v, int err, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	if (v->stop != 0) {
		return v->stop;
	}
	if (err < 0) {
		return end_failed(v, err);
	}
	if (v->verify->bad != v->bad_before) {
		return 0;
	}
	buf_init(&text);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	err = tell(v, true, buf_cstr(&text));
	buf_finish(&text);
	return err;
}

/* ---- schema, secret and epochs ---- */

static int check_schema(struct pg_verify *v)
{
	const struct pg_schema *schema = &v->admin->schema;
	struct buf why = {0};
	size_t missing = 0;

	pg_verify_begin(v, "schema");
	if (pg_schema_judge(schema, migrate_postgres(), &missing, &why) != 0) {
		pg_verify_bad(v, "%s", buf_cstr(&why));
	}
	buf_finish(&why);
	return pg_verify_end(v, 0, "%zu migrations up to %s", schema->count,
		schema->rows[schema->count - 1].name);
}

static bool is_epoch(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
			return false;
		}
	}
	return text.len == 16;
}

static int read_epochs(void *ctx, const struct pg_result *result)
{
	struct pg_verify *v = ctx;

	v->epochs = pg_rows(result);
	for (size_t i = 0; i < v->epochs && v->stop == 0; i++) {
		int64_t no = pg_int(result, i, 0);
		if (no < 1 || !is_epoch(pg_bytes(result, i, 1))) {
			pg_verify_bad(v, "epoch number %lld is malformed", (long long)no);
		}
	}
	if (v->epochs == 0) {
		pg_verify_bad(v, "there is no epoch");
	}
	return v->stop;
}

static int read_any(void *ctx, const struct pg_result *result)
{
	*(bool *)ctx = pg_rows(result) > 0;
	return 0;
}

static int read_epochs_of_messages(void *ctx, const struct pg_result *result)
{
	struct pg_verify *v = ctx;

	for (size_t i = 0; i < pg_rows(result) && v->stop == 0; i++) {
		pg_verify_bad(v, "%lld messages are of epoch number %lld, which there is not",
			(long long)pg_int(result, i, 1), (long long)pg_int(result, i, 0));
	}
	return v->stop;
}

static int read_number(void *ctx, const struct pg_result *result)
{
	*(uint64_t *)ctx = (uint64_t)pg_int(result, 0, 0);
	return 0;
}

/* Every block of the table is read for it, some at a time. */
static int check_epochs_of_messages(struct pg_verify *v)
{
	uint64_t blocks = 0;
	int err = pg_verify_run(v, PG_SQL_VERIFY_BLOCKS, NULL, read_number, &blocks);

	for (uint64_t at = 0; err == 0 && at < blocks; at += BLOCKS) {
		struct pg_params params = {0};
		pg_param_int(&params, (int64_t)at);
		pg_param_int(&params, (int64_t)(at + BLOCKS));
		err = pg_verify_run(v, PG_SQL_VERIFY_EPOCHS, &params, read_epochs_of_messages, v);
		if (err == 0) {
			err = pg_verify_progress(v, at, blocks);
		}
	}
	return err;
}

static int check_epochs(struct pg_verify *v)
{
	bool has_secret = false;

	pg_verify_begin(v, "epochs");
	int err = pg_verify_run(v, PG_SQL_EPOCH_LIST, NULL, read_epochs, v);
	if (err == 0) {
		err = pg_verify_run(v, PG_SQL_VERIFY_SECRET, NULL, read_any, &has_secret);
	}
	if (err == 0 && !has_secret) {
		err = pg_verify_bad(v, "the fleet's secret is missing or malformed");
	}
	if (err == 0) {
		err = check_epochs_of_messages(v);
	}
	return pg_verify_end(v, err, "%zu epochs", v->epochs);
}

/* ---- all ---- */

static int check_all(struct pg_verify *v)
{
	static int (*const checks[])(struct pg_verify * v) = {
		check_schema,
		check_epochs,
		pg_verify_rooms,
		pg_verify_participants,
	};
	int err = pg_verify_indexes(v);

	if (err == 0) {
		err = pg_admin_snapshot(v->admin, v->why);
	}
	if (err == 0) {
		err = pg_admin_script(v->admin, SETUP, v->why);
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && err == 0; i++) {
		err = checks[i](v);
	}
	return err;
}

int pg_admin_verify(struct bytes url, struct store_admin_verify *verify, struct buf *why)
{
	struct pg_verify v = {.verify = verify, .why = why, .check = ""};
	struct pg_admin admin;
	int err = pg_admin_open_migrated(url, &admin, why);

	if (err != 0) {
		return err;
	}
	verify->bad = 0;
	v.admin = &admin;
	pg_objects_list(migrate_postgres(), &v.objects);
	err = check_all(&v);
	pg_objects_finish(&v.objects);
	pg_admin_close(&admin);
	return err;
}
