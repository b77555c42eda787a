/* Applying migrations on PostgreSQL. */
#include <stdlib.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/pg_schema.h"
#include "lib/store/pg_split.h"

/* Made by whoever applies the first one; of later programs with more columns, if need be. */
#define TABLE \
	"CREATE TABLE IF NOT EXISTS schema_migrations (no integer PRIMARY KEY CHECK (no > 0)," \
	" name text COLLATE \"C\" NOT NULL," \
	" checksum bytea NOT NULL CHECK (octet_length(checksum) = 32)," \
	" oldest_program integer NOT NULL CHECK (oldest_program > 0)," \
	" applied_at timestamptz, program text NOT NULL)"

#define AGAIN_US 200000

/* ---- the lock ---- */

struct holder {
	struct buf *who;
	bool found;
};

static int read_holder(void *ctx, const struct pg_result *result)
{
	struct holder *holder = ctx;

	if (pg_rows(result) == 0) {
		return 0;
	}
	struct bytes program = pg_bytes(result, 0, 1), role = pg_bytes(result, 0, 2);
	holder->found = true;
	buf_printf(holder->who, "%.*s, PostgreSQL process %lld",
		BYTES_ARG(program.len > 0 ? program : BYTES_LIT("a program without a name")),
		(long long)pg_int(result, 0, 0));
	if (role.len > 0) {
		buf_printf(holder->who, ", role %.*s", BYTES_ARG(role));
	}
	return 0;
}

static int run_with_key(struct pg_direct *direct, enum pg_sql sql, pg_direct_read_fn read,
	void *ctx, struct buf *why)
{
	struct pg_params params = {0};

	pg_param_int(&params, PG_SCHEMA_LOCK);
	return pg_direct_run(direct, sql, &params, read, ctx, why);
}

int pg_migrate_holder(struct pg_direct *direct, struct buf *who)
{
	struct holder holder = {.who = who};
	int err = run_with_key(direct, PG_SQL_LOCK_HOLDER, read_holder, &holder, who);

	return err != 0 ? err : holder.found;
}

static int read_bool(void *ctx, const struct pg_result *result)
{
	*(bool *)ctx = pg_bool(result, 0, 0);
	return 0;
}

static int say_busy(const struct pg_direct *direct, const char *who, struct buf *why)
{
	buf_printf(
		why, "%s is being migrated by another program (%s)", pg_direct_place(direct), who);
	return ERR_BUSY;
}

static int say_holder(struct pg_direct *direct, struct buf *why)
{
	struct buf who = {0};
	int found = pg_migrate_holder(direct, &who);
	int err = say_busy(direct, found > 0 ? buf_cstr(&who) : "which has just ended", why);

	buf_finish(&who);
	return err;
}

int pg_migrate_excuse(struct pg_direct *direct, int err, struct buf *why)
{
	struct buf who = {0};

	if (err == ERR_CONFIG && pg_migrate_holder(direct, &who) == 1) {
		buf_clear(why);
		err = say_busy(direct, buf_cstr(&who), why);
	}
	buf_finish(&who);
	return err;
}

/* Asked for again and again: a statement that waits for the lock would be a transaction that
 * CREATE INDEX CONCURRENTLY of the lock's holder waits for. */
static int take_lock(struct pg_direct *direct, uint64_t wait_us, struct buf *why)
{
	const struct timespec pause = {.tv_nsec = AGAIN_US * 1000};
	uint64_t end_us = clock_mono_us(&clock_system) + wait_us;

	while (true) {
		bool taken = false;
		int err = run_with_key(direct, PG_SQL_LOCK_TRY, read_bool, &taken, why);
		if (err != 0 || taken) {
			return err;
		}
		if (clock_mono_us(&clock_system) >= end_us) {
			return say_holder(direct, why);
		}
		nanosleep(&pause, NULL);
	}
}

static void drop_lock(struct pg_direct *direct)
{
	struct buf why = {0};

	run_with_key(direct, PG_SQL_LOCK_DROP, NULL, NULL, &why); /* or it goes with the link */
	buf_finish(&why);
}

/* ---- one statement ---- */

static size_t line_of(const struct migration *migration, struct bytes statement, size_t position)
{
	return pg_split_line(migration_text(migration), pg_split_at(statement, position));
}

static int run_statement(struct pg_direct *direct, const struct migration *migration,
	struct bytes statement, struct buf *why)
{
	char *text = mem_dup_bytes(statement);
	struct buf said = {0};
	int err = pg_direct_script(direct, text, &said);

	free(text);
	if (err != 0) {
		buf_printf(why, "line %zu: %s",
			line_of(migration, statement, pg_direct_position(direct)), buf_cstr(&said));
	}
	buf_finish(&said);
	return err;
}

static int run_file(struct pg_direct *direct, const struct migration *migration, struct buf *why)
{
	struct bytes rest = migration_text(migration);
	struct bytes statement;
	int err = 0;

	while (err == 0 && pg_split(&rest, &statement)) {
		err = run_statement(direct, migration, statement, why);
	}
	return err;
}

/* ---- one file ---- */

static int add_row(struct pg_direct *direct, const struct migration *migration, bool begun_only,
	struct buf *why)
{
	struct pg_params params = {0};
	uint8_t checksum[32];

	migration_checksum(migration, checksum);
	pg_param_int4(&params, (int32_t)migration->no);
	pg_param_text(&params, bytes_str(migration->name));
	pg_param_blob(&params, bytes_of(checksum, sizeof(checksum)));
	pg_param_int4(&params, (int32_t)migration_oldest_program(migration));
	pg_param_text(&params, BYTES_LIT(CHATD_VERSION));
	pg_param_bool(&params, begun_only);
	return pg_direct_run(direct, PG_SQL_SCHEMA_ADD, &params, NULL, NULL, why);
}

static int commit(struct pg_direct *direct, struct buf *why)
{
	int err = pg_direct_run(direct, PG_SQL_COMMIT, NULL, NULL, NULL, why);

	if (pg_direct_fault(direct) == PG_LOST) {
		buf_append_str(why, "; it may have been applied all the same: see \"chatctl db "
				    "status\"");
	}
	return err;
}

static int apply_at_once(
	struct pg_direct *direct, const struct migration *migration, struct buf *why)
{
	struct buf ignored = {0};
	int err = pg_direct_run(direct, PG_SQL_BEGIN, NULL, NULL, NULL, why);

	if (err == 0) {
		err = pg_direct_script(direct, TABLE, why);
	}
	if (err == 0) {
		err = run_file(direct, migration, why);
	}
	if (err == 0) {
		err = add_row(direct, migration, false, why);
	}
	if (err == 0) {
		return commit(direct, why);
	}
	pg_direct_run(direct, PG_SQL_ROLLBACK, NULL, NULL, NULL, &ignored);
	buf_finish(&ignored);
	return err;
}

/* The row says from the beginning on that it was begun: whoever comes after a crash knows. */
static int apply_in_steps(
	struct pg_direct *direct, const struct migration *migration, struct buf *why)
{
	struct pg_params params = {0};
	int err = pg_direct_script(direct, TABLE, why);

	if (err == 0) {
		err = add_row(direct, migration, true, why);
	}
	if (err != 0) {
		return err;
	}
	err = run_file(direct, migration, why);
	if (err == 0) {
		pg_param_int4(&params, (int32_t)migration->no);
		return pg_direct_run(direct, PG_SQL_SCHEMA_DONE, &params, NULL, NULL, why);
	}
	buf_append_str(why, "; what stands before it in the file stays, because this one runs "
			    "outside a transaction, and it counts as begun");
	return err;
}

/* What else a statement meets is the fault of the file, or of what it was let loose on. */
static int error_of_file(int err)
{
	switch (err) {
	case ERR_BUSY:
	case ERR_UNAVAILABLE:
	case ERR_STORAGE_FULL:
	case ERR_CORRUPT:
		return err;
	default:
		return ERR_CONFIG;
	}
}

static int apply_one(struct pg_direct *direct, const struct migration *migration,
	const struct pg_migrate *migrate, struct buf *why)
{
	uint64_t start_us = clock_mono_us(&clock_system);
	struct buf said = {0};
	int err = migration_in_transaction(migration) ? apply_at_once(direct, migration, &said)
						      : apply_in_steps(direct, migration, &said);

	if (err != 0) {
		buf_printf(why, "%s: migration %s was not applied: %s", pg_direct_place(direct),
			migration->name, buf_cstr(&said));
		buf_finish(&said);
		return error_of_file(err);
	}
	buf_finish(&said);
	if (migrate->step != NULL) {
		const struct store_admin_step step = {
			.no = migration->no,
			.name = migration->name,
			.applied = true,
			.us = clock_mono_us(&clock_system) - start_us,
		};
		migrate->step(migrate->ctx, &step);
	}
	return 0;
}

/* ---- whether the role may ---- */

struct owner {
	struct pg_direct *direct;
	const struct pg_schema *schema;
	struct buf *why;
};

static int read_owner(void *ctx, const struct pg_result *result)
{
	const struct owner *owner = ctx;

	if (pg_rows(result) == 0) {
		return 0;
	}
	buf_printf(owner->why,
		"%s: the table %.*s belongs to the role %.*s; migrate as that one, not as %s",
		pg_direct_place(owner->direct), BYTES_ARG(pg_bytes(result, 0, 0)),
		BYTES_ARG(pg_bytes(result, 0, 1)), owner->schema->role);
	return ERR_CONFIG;
}

static int judge_role(struct pg_direct *direct, const struct pg_schema *schema, struct buf *why)
{
	struct owner owner = {direct, schema, why};
	const char *place = pg_direct_place(direct);

	if (schema->name == NULL) {
		buf_printf(why,
			"%s: the search path of the role %s names no schema that is there and that "
			"it may use",
			place, schema->role);
		return ERR_CONFIG;
	}
	if (!schema->may_create) {
		buf_printf(why,
			"%s: the role %s may not make tables in the schema %s: migrate as the "
			"owner of the database, or \"GRANT CREATE ON SCHEMA %s TO %s\"",
			place, schema->role, schema->name, schema->name, schema->role);
		return ERR_CONFIG;
	}
	return pg_direct_run(direct, PG_SQL_SCHEMA_OWNER, NULL, read_owner, &owner, why);
}

/* ---- all of them ---- */

static int apply_all(
	struct pg_direct *direct, const struct pg_migrate *migrate, size_t missing, struct buf *why)
{
	const struct migration_set *set = migrate->set;
	/* Where this program is killed amid a long statement the server ends that, and the lock. */
	int err = pg_direct_script(direct, "SET client_connection_check_interval = '5s'", why);

	pg_direct_limit(direct, PG_DIRECT_FOREVER);
	for (size_t i = missing; i < set->count && err == 0; i++) {
		if (migrate->to == 0 || set->rows[i].no <= migrate->to) {
			err = apply_one(direct, &set->rows[i], migrate, why);
		}
	}
	pg_direct_limit(direct, PG_DIRECT_LIMIT_US);
	return err;
}

/* Under the lock: what was there before may have changed while it was waited for. */
static int look_and_apply(
	struct pg_direct *direct, const struct pg_migrate *migrate, struct buf *why)
{
	struct pg_schema schema;
	size_t missing = 0;
	int err = pg_schema_look(direct, &schema, why);

	if (err != 0) {
		return err;
	}
	err = pg_schema_judge_place(direct, &schema, why);
	if (err == 0) {
		err = pg_schema_judge(&schema, migrate->set, &missing, why);
	}
	if (err == 0 && missing < migrate->set->count) {
		err = judge_role(direct, &schema, why);
		err = err != 0 ? err : apply_all(direct, migrate, missing, why);
	}
	pg_schema_finish(&schema);
	return err;
}

int pg_migrate_run(struct pg_direct *direct, const struct pg_migrate *migrate, struct buf *why)
{
	int err = take_lock(direct, migrate->wait_us, why);

	if (err == 0) {
		err = look_and_apply(direct, migrate, why);
		drop_lock(direct);
	}
	return err;
}
