#include "lib/store/sqlite_open.h"

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/store/migrate.h"
#include "lib/store/sqlite_store.h"

/* Up to which size every page is looked at before the file is used. A start must be ready within
 * 100 ms; 4 MiB take some 6 ms of it. After a stop that was not clean damage is likelier and 2 s
 * are allowed. SQLite's own recovery needs no check, so larger files are opened without one, and
 * damage is met where it is touched (ERR_CORRUPT). */
enum { CHECK_CLEAN = 4 << 20, CHECK_UNCLEAN = 64 << 20, DEFAULT_QUEUED = 16384 };

bool sqlite_url_is(struct bytes url, struct bytes *ret_path)
{
	struct bytes prefix = BYTES_LIT("sqlite:");

	if (!bytes_starts_nocase(url, prefix)) {
		return false;
	}
	*ret_path = bytes_of(url.ptr + prefix.len, url.len - prefix.len);
	return true;
}

/* ---- before anything may be written ---- */

/* The file is looked at without locks and without its WAL: only where it was closed well that is
 * all of it. */
static int look_at_clean(const struct sqlite_file *file, struct buf *why)
{
	struct sqlite *db = NULL;
	size_t missing = 0;
	int err = sqlite_open(file->path, SQLITE_MODE_LOOK, &db, why);

	if (err == 0 && file->size <= CHECK_CLEAN) {
		err = sqlite_schema_check(db, file->path, why);
	}
	if (err == 0) {
		err = sqlite_schema_look(db, &missing, why);
	}
	sqlite_close(&db);
	return err;
}

static int prepare_file(
	const struct sqlite_file *file, const struct sqlite_migrate *migrate, struct buf *why)
{
	if (!file->is_new) {
		return file->was_clean ? look_at_clean(file, why) : 0;
	}
	if (!migrate->allowed) {
		buf_printf(why,
			"there is no database %s yet: run \"chatctl db migrate\", or set "
			"auto_migrate "
			"= true in section database",
			file->path);
		return ERR_CONFIG;
	}
	return sqlite_file_create(file, why);
}

/* ---- opening ---- */

/* It answers with the mode that there is now: where the file system has no shared memory that is
 * another one. */
static int use_wal(struct sqlite *db, const char *path, struct buf *why)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_JOURNAL_WAL);
	int err = sqlite_step(stmt);

	if (err < 0) {
		buf_printf(why, "%s: %s", path, sqlite_why(db));
		return err;
	}
	bool is_wal = err == 1 && bytes_eq(sqlite_bytes(stmt, 0), BYTES_LIT("wal"));
	sqlite_end(stmt);
	if (!is_wal) {
		buf_printf(why, "%s: the file system cannot keep a write-ahead log", path);
		return ERR_SYSTEM;
	}
	return 0;
}

static int open_writer(
	struct sqlite_store *store, const struct sqlite_migrate *migrate, struct buf *why)
{
	const struct sqlite_file *file = &store->file;
	int err = sqlite_open(file->path, SQLITE_MODE_WRITER, &store->write.db, why);

	if (err == 0 && !file->was_clean && file->size <= CHECK_UNCLEAN) {
		err = sqlite_schema_check(store->write.db, file->path, why);
	}
	if (err == 0) {
		err = use_wal(store->write.db, file->path, why);
	}
	if (err == 0) {
		err = sqlite_schema_open(store, migrate, why);
	}
	if (err == 0) {
		sqlite_tidy_at_close(store->write.db);
	}
	return err;
}

static int start_threads(struct sqlite_store *store, size_t max_queued, struct buf *why)
{
	size_t max = max_queued != 0 ? max_queued : DEFAULT_QUEUED;
	int err = sqlite_thread_start(
		"store-write", max, sqlite_write_list, &store->write, &store->writer);

	if (err == 0) {
		err = sqlite_thread_start(
			"store-read", max, sqlite_read_list, &store->read, &store->reader);
	}
	if (err != 0) {
		buf_append_str(why, "the threads of the store cannot be started");
	}
	return err;
}

/* Readers first: what they pass on the writer still does. */
void sqlite_store_stop(struct sqlite_store *store)
{
	sqlite_thread_stop(&store->reader);
	sqlite_thread_stop(&store->writer);
}

/* The connection that closes last copies the WAL into the file. */
void sqlite_store_destroy(struct sqlite_store *store)
{
	sqlite_store_stop(store);
	sqlite_close(&store->read.db);
	sqlite_close(&store->write.db);
	sqlite_file_close(&store->file);
	mem_wipe(store->base.fleet_secret, sizeof(store->base.fleet_secret));
	free(store->write.refs);
	free(store->base.epochs);
	free(store);
}

static int open_migrated(struct sqlite_store *store, struct bytes path,
	const struct sqlite_migrate *migrate, struct buf *why)
{
	int err = sqlite_file_open(path, &store->file, why);

	if (err == 0) {
		err = prepare_file(&store->file, migrate, why);
	}
	return err != 0 ? err : open_writer(store, migrate, why);
}

static int open_all(struct sqlite_store *store, const struct store_open_params *params,
	struct bytes path, struct buf *why)
{
	const struct sqlite_migrate migrate = {.allowed = params->migrate};
	int err = open_migrated(store, path, &migrate, why);

	if (err == 0) {
		err = sqlite_open(store->file.path, SQLITE_MODE_READER, &store->read.db, why);
	}
	return err != 0 ? err : start_threads(store, params->max_queued, why);
}

static struct sqlite_store *create(const struct clock *clock)
{
	struct sqlite_store *store = mem_zalloc(sizeof(*store));

	store->base.ops = &sqlite_store_ops;
	store->clock = clock != NULL ? clock : &clock_system;
	store->file.lock_fd = -1;
	store->write.store = store;
	store->read.store = store;
	return store;
}

static int error_of_opening(int err)
{
	return err == ERR_UNAVAILABLE || err == ERR_UNCERTAIN ? ERR_SYSTEM : err;
}

int sqlite_store_open(const struct store_open_params *params, struct bytes path,
	struct store **ret_store, struct buf *why)
{
	struct sqlite_store *store = create(params->clock);
	int err = open_all(store, params, path, why);

	if (err != 0) {
		sqlite_store_destroy(store);
		return error_of_opening(err);
	}
	*ret_store = &store->base;
	return 0;
}

int sqlite_store_migrate(struct bytes path, const struct sqlite_migrate *migrate, struct buf *why)
{
	struct sqlite_store *store = create(NULL);
	int err = open_migrated(store, path, migrate, why);

	sqlite_store_destroy(store);
	return error_of_opening(err);
}

int sqlite_store_new_epoch(
	struct bytes path, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why)
{
	const struct sqlite_migrate migrate = {.allowed = false};
	struct sqlite_store *store = create(NULL);
	struct store_admin_epoch epoch = {0};
	int err = open_migrated(store, path, &migrate, why);

	if (err == 0) {
		epoch.former_no = store->base.epoch_no;
		epoch.no = epoch.former_no + 1;
		memcpy(epoch.former, store->base.epoch, sizeof(epoch.former));
	}
	if (err == 0 && !plan) {
		err = sqlite_schema_new_epoch(store, why);
		memcpy(epoch.epoch, store->base.epoch, sizeof(epoch.epoch));
	}
	sqlite_store_destroy(store);
	if (err == 0) {
		*ret_epoch = epoch;
	}
	return error_of_opening(err);
}
