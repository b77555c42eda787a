#include "lib/store/pg_admin.h"

#include "lib/base/err.h"
#include "lib/store/admin_schema.h"
#include "lib/store/pg_admin_link.h"

/* For an instance that migrates; chatctl --wait asks for more. */
#define MIGRATION_US 10000000

/* ---- status ---- */

static int read_clients(void *ctx, const struct pg_result *result)
{
	struct store_admin_status *status = ctx;

	status->connections = pg_rows(result);
	status->held = status->connections > 0;
	return 0;
}

struct system_of {
	struct store_admin_status *status;
	struct arena *arena;
};

static int read_system(void *ctx, const struct pg_result *result)
{
	struct system_of *system = ctx;
	struct bytes text = pg_bytes(result, 0, 0);

	system->status->system = arena_printf(system->arena, "%.*s", BYTES_ARG(text));
	return 0;
}

static int read_counts(void *ctx, const struct pg_result *result)
{
	struct store_admin_status *status = ctx;

	status->users = (uint64_t)pg_int(result, 0, 0);
	status->rooms = (uint64_t)pg_int(result, 0, 1);
	status->messages = (uint64_t)pg_int(result, 0, 2);
	return 0;
}

static int read_epochs(void *ctx, const struct pg_result *result)
{
	struct store_admin_status *status = ctx;
	size_t rows = pg_rows(result);

	if (rows == 0) {
		return 0;
	}
	struct bytes epoch = pg_bytes(result, rows - 1, 1);
	status->epoch_no = (uint32_t)pg_int(result, rows - 1, 0);
	if (epoch.len == 16) {
		memcpy(status->epoch, epoch.ptr, 16);
	}
	return 0;
}

static int read_contents(
	struct pg_direct *direct, struct store_admin_status *status, struct buf *why)
{
	int err = pg_direct_run(direct, PG_SQL_ADMIN_COUNTS, NULL, read_counts, status, why);

	return err != 0 ? err
			: pg_direct_run(direct, PG_SQL_EPOCH_LIST, NULL, read_epochs, status, why);
}

static void judge(
	const struct pg_admin *admin, struct arena *arena, struct store_admin_status *status)
{
	const struct pg_schema *schema = &admin->schema;
	const struct migration_set *set = migrate_postgres();
	size_t missing;
	struct buf why = {0};

	admin_schema_status(set, schema->rows, schema->count, arena, status);
	if (pg_schema_judge_place(admin->direct, schema, &why) != 0 ||
		pg_schema_judge(schema, set, &missing, &why) != 0) {
		status->problem = arena_strdup(arena, buf_cstr(&why));
	}
	buf_finish(&why);
}

static int read_migrating(struct pg_direct *direct, struct arena *arena,
	struct store_admin_status *status, struct buf *why)
{
	struct buf who = {0};
	int found = pg_migrate_holder(direct, &who);

	if (found == 1) {
		status->migrating = arena_strdup(arena, buf_cstr(&who));
	} else {
		buf_append_bytes(why, buf_bytes(&who));
	}
	buf_finish(&who);
	return found < 0 ? found : 0;
}

static int read_status(const struct pg_admin *admin, struct arena *arena,
	struct store_admin_status *status, struct buf *why)
{
	struct pg_direct *direct = admin->direct;
	int err = pg_direct_run(direct, PG_SQL_ADMIN_CLIENTS, NULL, read_clients, status, why);

	status->bytes = admin->bytes;
	status->place = arena_strdup(arena, pg_direct_place(direct));
	status->server = arena_printf(arena, "PostgreSQL %s", admin->schema.server);
	status->role = arena_strdup(arena, admin->schema.role);
	judge(admin, arena, status);
	if (err == 0) {
		struct system_of system = {status, arena};
		err = pg_direct_run(direct, PG_SQL_SYSTEM, NULL, read_system, &system, why);
	}
	if (err == 0) {
		err = read_migrating(direct, arena, status, why);
	}
	if (err == 0 && admin->schema.count > 0) {
		err = read_contents(direct, status, why);
	}
	return err;
}

int pg_admin_status(struct bytes url, struct arena *arena, struct store_admin_status *ret_status,
	struct buf *why)
{
	struct store_admin_status status = {0};
	struct pg_admin admin;
	int err = pg_admin_open(url, &admin, why);

	if (err != 0) {
		return err;
	}
	err = read_status(&admin, arena, &status, why);
	pg_admin_close(&admin);
	if (err == 0) {
		*ret_status = status;
	}
	return err;
}

/* ---- migrating ---- */

static uint32_t schema_no(const struct pg_schema *schema)
{
	return schema->count > 0 ? schema->rows[schema->count - 1].no : 0;
}

/* The secret and the first epoch belong to a database that is ready. */
static int migrate(struct pg_direct *direct, const struct pg_migrate *migrate, struct buf *why)
{
	struct pg_store constants = {0};
	int err = pg_migrate_run(direct, migrate, why);

	if (err == 0) {
		err = pg_schema_constants(direct, &constants, why);
	}
	pg_constants_finish(&constants);
	return err;
}

static int migrate_or_plan(
	const struct pg_admin *admin, const struct pg_migrate *how, bool plan, struct buf *why)
{
	size_t missing;
	int err = admin_schema_target(how->set, how->to, schema_no(&admin->schema), why);

	if (err == 0) {
		err = pg_schema_judge_place(admin->direct, &admin->schema, why);
	}
	if (err != 0) {
		return err;
	}
	if (!plan) {
		return migrate(admin->direct, how, why);
	}
	err = pg_schema_judge(&admin->schema, how->set, &missing, why);
	err = pg_migrate_excuse(admin->direct, err, why);
	if (err == 0) {
		admin_schema_plan(how->set, missing, how->to, how->step, how->ctx);
	}
	return err;
}

int pg_admin_migrate(struct bytes url, uint32_t to, bool plan, store_admin_step_fn step, void *ctx,
	struct buf *why)
{
	const struct pg_migrate how = {
		.set = migrate_postgres(),
		.to = to,
		.wait_us = MIGRATION_US,
		.step = step,
		.ctx = ctx,
	};
	struct pg_admin admin;
	int err = pg_admin_open(url, &admin, why);

	if (err != 0) {
		return err;
	}
	err = migrate_or_plan(&admin, &how, plan, why);
	pg_admin_close(&admin);
	return err;
}

/* ---- epochs ---- */

static int begin_epoch(const struct pg_admin *admin, bool plan, struct store_admin_epoch *ret_epoch,
	struct buf *why)
{
	const struct migration_set *set = migrate_postgres();
	size_t missing = 0;
	int err = pg_schema_judge_place(admin->direct, &admin->schema, why);

	if (err == 0) {
		err = pg_schema_judge(&admin->schema, set, &missing, why);
	}
	if (err == 0 && missing < set->count) {
		buf_printf(why, "%s lacks migration %s: run \"chatctl db migrate\" first",
			pg_direct_place(admin->direct), set->rows[missing].name);
		err = ERR_CONFIG;
	}
	err = pg_migrate_excuse(admin->direct, err, why);
	return err != 0 ? err : pg_schema_new_epoch(admin->direct, plan, ret_epoch, why);
}

int pg_admin_new_epoch(
	struct bytes url, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why)
{
	struct pg_admin admin;
	int err = pg_admin_open(url, &admin, why);

	if (err != 0) {
		return err;
	}
	err = begin_epoch(&admin, plan, ret_epoch, why);
	pg_admin_close(&admin);
	return err;
}
