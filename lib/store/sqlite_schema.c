/* The schema of the file: judged, migrated, and what of it never changes while it is open. */
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/store/migrate.h"
#include "lib/store/sqlite_store.h"

static int fail(struct sqlite *db, const char *what, int err, struct buf *why)
{
	buf_printf(why, "%s: %s", what, sqlite_why(db));
	return err;
}

/* ---- what is applied ---- */

static void read_applied(struct sqlite_stmt *stmt, struct sqlite_applied *list)
{
	struct migration_applied *row;
	struct bytes name = sqlite_bytes(stmt, 1);
	struct bytes checksum = sqlite_bytes(stmt, 2);

	list->rows = mem_realloc(list->rows, (list->count + 1) * sizeof(*list->rows));
	row = &list->rows[list->count++];
	memset(row, 0, sizeof(*row));
	row->no = (uint32_t)sqlite_int(stmt, 0);
	row->oldest_program = (uint32_t)sqlite_int(stmt, 3);
	if (name.len > 0) {
		memcpy(row->name, name.ptr,
			name.len < sizeof(row->name) ? name.len : sizeof(row->name) - 1);
	}
	if (checksum.len == sizeof(row->checksum)) {
		memcpy(row->checksum, checksum.ptr, sizeof(row->checksum));
	}
}

static int list_applied(struct sqlite *db, struct sqlite_applied *list)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MIGRATION_HAS_TABLE);
	int err = sqlite_step(stmt);

	sqlite_end(stmt);
	if (err != 1) {
		return err;
	}
	stmt = sqlite_stmt(db, SQL_MIGRATION_LIST);
	while ((err = sqlite_step(stmt)) == 1) {
		read_applied(stmt, list);
	}
	return err;
}

int sqlite_schema_list(struct sqlite *db, struct sqlite_applied *ret_list, struct buf *why)
{
	struct sqlite_applied list = {0};
	int err = list_applied(db, &list);

	if (err != 0) {
		free(list.rows);
		return fail(db, "the schema cannot be read", err, why);
	}
	*ret_list = list;
	return 0;
}

int sqlite_schema_look(struct sqlite *db, size_t *ret_missing, struct buf *why)
{
	struct sqlite_applied list = {0};
	int err = sqlite_schema_list(db, &list, why);

	if (err == 0) {
		err = migrate_judge(migrate_sqlite(), list.rows, list.count, ret_missing, why);
	}
	free(list.rows);
	return err;
}

/* quick_check reads every page; who calls it looks at the size of the file first. */
int sqlite_schema_check(struct sqlite *db, const char *path, struct buf *why)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_QUICK_CHECK);
	int err = sqlite_step(stmt);

	if (err < 0) {
		return fail(db, path, err, why);
	}
	struct bytes found = sqlite_bytes(stmt, 0);
	if (err == 1 && bytes_eq(found, BYTES_LIT("ok"))) {
		err = 0;
	} else {
		buf_printf(why, "%s is damaged: %.*s; restore it from a backup", path,
			BYTES_ARG(found));
		err = ERR_CORRUPT;
	}
	sqlite_end(stmt);
	return err;
}

/* ---- migrating ---- */

static int note_applied(struct sqlite *db, const struct migration *migration, int64_t now)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MIGRATION_ADD);
	uint8_t checksum[32];

	migration_checksum(migration, checksum);
	sqlite_bind_int(stmt, 1, migration->no);
	sqlite_bind_text(stmt, 2, bytes_str(migration->name));
	sqlite_bind_blob(stmt, 3, bytes_of(checksum, sizeof(checksum)));
	sqlite_bind_int(stmt, 4, migration_oldest_program(migration));
	sqlite_bind_int(stmt, 5, now);
	return sqlite_run(stmt, NULL);
}

static int apply(struct sqlite *db, const struct migration *migration, int64_t now)
{
	bool transaction = migration_in_transaction(migration);
	int err = transaction ? sqlite_run_plain(db, SQL_BEGIN_WRITE) : 0;

	if (err == 0) {
		err = sqlite_script(db, (const char *)migration->text);
	}
	if (err == 0) {
		err = note_applied(db, migration, now);
	}
	if (err == 0 && transaction) {
		err = sqlite_commit(db);
	}
	sqlite_rollback(db);
	return err;
}

static int migrate_one(struct sqlite *db, const struct migration *migration, int64_t now,
	const struct sqlite_migrate *migrate, struct buf *why)
{
	uint64_t start = clock_mono_us(&clock_system);
	int err = apply(db, migration, now);

	if (err != 0) {
		buf_printf(why, "migration %s: ", migration->name);
		return fail(db, "not applied", err == ERR_INTERNAL ? ERR_CONFIG : err, why);
	}
	if (migrate->step != NULL) {
		const struct store_admin_step step = {
			.no = migration->no,
			.name = migration->name,
			.applied = true,
			.us = clock_mono_us(&clock_system) - start,
		};
		migrate->step(migrate->ctx, &step);
	}
	return 0;
}

static int migrate_from(struct sqlite *db, size_t missing, int64_t now,
	const struct sqlite_migrate *migrate, struct buf *why)
{
	const struct migration_set *set = migrate_sqlite();
	int err = sqlite_run_plain(db, SQL_MIGRATION_TABLE);

	if (err != 0) {
		return fail(db, "the table of migrations cannot be made", err, why);
	}
	for (size_t i = missing; i < set->count && err == 0; i++) {
		if (migrate->to == 0 || set->rows[i].no <= migrate->to) {
			err = migrate_one(db, &set->rows[i], now, migrate, why);
		}
	}
	return err;
}

/* ---- what never changes ---- */

static int read_secret(struct sqlite *db, uint8_t out[32])
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_META_GET);

	sqlite_bind_text(stmt, 1, BYTES_LIT("fleet_secret"));
	int err = sqlite_step(stmt);
	if (err == 1) {
		struct bytes value = sqlite_bytes(stmt, 0);
		if (value.len == 32) {
			memcpy(out, value.ptr, 32);
		} else {
			err = ERR_CORRUPT;
		}
		sqlite_end(stmt);
	}
	return err;
}

/* 1: there is one. Numbers that a damaged file could claim are bounded before memory is asked. */
static int read_epochs(struct sqlite *db, struct store *store)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_EPOCH_LIST);
	int err;

	free(store->epochs);
	store->epochs = NULL;
	store->epoch_count = 0;
	while ((err = sqlite_step(stmt)) == 1) {
		int64_t no = sqlite_int(stmt, 0);
		struct bytes epoch = sqlite_bytes(stmt, 1);
		if (no < 0 || no > 1000000 || epoch.len != 16) {
			sqlite_end(stmt);
			return ERR_CORRUPT;
		}
		store->epochs = mem_realloc(store->epochs, (size_t)(no + 1) * 17);
		memset(store->epochs[store->epoch_count], 0,
			(size_t)(no + 1 - store->epoch_count) * 17);
		memcpy(store->epochs[no], epoch.ptr, 16);
		store->epoch_count = (uint32_t)no + 1;
	}
	if (err == 0 && store->epoch_count > 0) {
		store->epoch_no = store->epoch_count - 1;
		memcpy(store->epoch, store->epochs[store->epoch_no], sizeof(store->epoch));
		return 1;
	}
	return err;
}

static int add_secret(struct sqlite *db)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_META_ADD);
	uint8_t secret[32];

	random_bytes(secret, sizeof(secret));
	sqlite_bind_text(stmt, 1, BYTES_LIT("fleet_secret"));
	sqlite_bind_blob(stmt, 2, bytes_of(secret, sizeof(secret)));
	int err = sqlite_run(stmt, NULL);
	mem_wipe(secret, sizeof(secret));
	return err;
}

static int add_epoch(struct sqlite *db, uint32_t no, int64_t now)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_EPOCH_ADD);
	char epoch[17];

	store_epoch_make(epoch);
	sqlite_bind_int(stmt, 1, no);
	sqlite_bind_text(stmt, 2, bytes_str(epoch));
	sqlite_bind_int(stmt, 3, now);
	return sqlite_run(stmt, NULL);
}

/* Reads them, making each at its first time. */
static int read_constants(struct sqlite *db, struct store *store, int64_t now)
{
	int err = read_secret(db, store->fleet_secret);

	if (err == 0) {
		err = add_secret(db);
		err = err != 0 ? err : read_secret(db, store->fleet_secret);
	}
	if (err < 0) {
		return err;
	}
	err = read_epochs(db, store);
	if (err == 0) {
		err = add_epoch(db, 1, now);
		err = err != 0 ? err : read_epochs(db, store);
	}
	return err < 0 ? err : 0;
}

static int open_constants(struct sqlite_store *store, struct buf *why)
{
	struct sqlite *db = store->write.db;
	int err = sqlite_run_plain(db, SQL_BEGIN_WRITE);

	if (err == 0) {
		err = read_constants(db, &store->base, clock_wall_ms(store->clock));
	}
	if (err == 0) {
		err = sqlite_commit(db);
	}
	sqlite_rollback(db);
	if (err == ERR_CORRUPT) {
		buf_printf(why, "the tables meta and epochs of %s are damaged", store->file.path);
		return err;
	}
	return err != 0 ? fail(db, "the store's secret and epoch", err, why) : 0;
}

int sqlite_schema_new_epoch(struct sqlite_store *store, struct buf *why)
{
	struct sqlite *db = store->write.db;
	int err = sqlite_run_plain(db, SQL_BEGIN_WRITE);

	if (err == 0) {
		err = add_epoch(db, store->base.epoch_count, clock_wall_ms(store->clock));
	}
	if (err == 0) {
		err = read_epochs(db, &store->base);
		err = err < 0 ? err : 0;
	}
	if (err == 0) {
		err = sqlite_commit(db);
	}
	sqlite_rollback(db);
	return err != 0 ? fail(db, "the new epoch", err, why) : 0;
}

int sqlite_schema_open(
	struct sqlite_store *store, const struct sqlite_migrate *migrate, struct buf *why)
{
	struct sqlite *db = store->write.db;
	size_t missing = 0;
	int err = sqlite_schema_look(db, &missing, why);

	if (err == 0 && missing < migrate_sqlite()->count) {
		if (!migrate->allowed) {
			buf_printf(why,
				"%s lacks migration %s: run \"chatctl db migrate\", or set "
				"auto_migrate = true in section database",
				store->file.path, migrate_sqlite()->rows[missing].name);
			return ERR_CONFIG;
		}
		err = migrate_from(db, missing, clock_wall_ms(store->clock), migrate, why);
	}
	return err != 0 ? err : open_constants(store, why);
}
