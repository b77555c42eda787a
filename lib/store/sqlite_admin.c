#include "lib/store/sqlite_admin.h"

#include <libgen.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/admin_schema.h"
#include "lib/store/sqlite_store.h"

/* ---- opening ---- */

/* The folder that path is in; the caller frees it. */
static char *folder_of(const char *path)
{
	char *copy = mem_strdup(path);
	char *folder = mem_strdup(dirname(copy));

	free(copy);
	return folder;
}

/* Readers of a WAL write too: they enter themselves in a file beside the database. Where nothing
 * can be written nobody else writes either, and what was closed well is read as it is. */
static enum sqlite_mode choose_mode(const struct sqlite_file *file)
{
	char *folder = folder_of(file->path);
	bool writable = access(file->path, W_OK) == 0 && access(folder, W_OK) == 0;

	free(folder);
	return !writable && file->was_clean && !file->held ? SQLITE_MODE_LOOK : SQLITE_MODE_READER;
}

static int open_db(const struct sqlite_file *file, struct sqlite **ret_db, struct buf *why)
{
	enum sqlite_mode mode = choose_mode(file);
	struct sqlite *db = NULL;
	int err = sqlite_open(file->path, mode, &db, why);

	if (err != 0) {
		return err == ERR_UNAVAILABLE ? ERR_SYSTEM : err;
	}
	if (mode == SQLITE_MODE_READER && file->was_clean && !file->held) {
		sqlite_tidy_at_close(db); /* it was alone, and leaves it as it was */
	}
	*ret_db = db;
	return 0;
}

int sqlite_admin_open(
	struct bytes path, struct sqlite_file *ret_file, struct sqlite **ret_db, struct buf *why)
{
	struct sqlite_file file;
	int err = sqlite_file_look(path, &file, why);

	if (err != 0) {
		return err;
	}
	if (file.is_new) {
		buf_printf(why, "there is no database %s", file.path);
		err = ERR_NOT_FOUND;
	}
	if (err == 0) {
		err = open_db(&file, ret_db, why);
	}
	if (err != 0) {
		sqlite_file_close(&file);
		return err;
	}
	*ret_file = file;
	return 0;
}

/* ---- status ---- */

static uint64_t free_space(const char *path)
{
	char *folder = folder_of(path);
	struct statvfs fs;
	uint64_t space = 0;

	if (statvfs(folder, &fs) == 0) {
		space = (uint64_t)fs.f_bavail * fs.f_frsize;
	}
	free(folder);
	return space;
}

/* The columns of the one row, 0 where there is none. */
static int read_numbers(struct sqlite *db, enum sql_id id, uint64_t *first, uint64_t *second)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);
	int err = sqlite_step(stmt);

	if (err == 1) {
		*first = (uint64_t)sqlite_int(stmt, 0);
		if (second != NULL) {
			*second = (uint64_t)sqlite_int(stmt, 1);
		}
		sqlite_end(stmt);
	}
	return err < 0 ? err : 0;
}

static int read_epoch(struct sqlite *db, struct store_admin_status *status)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_EPOCH_LIST);
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		struct bytes epoch = sqlite_bytes(stmt, 1);
		if (epoch.len == 16) {
			status->epoch_no = (uint32_t)sqlite_int(stmt, 0);
			memcpy(status->epoch, epoch.ptr, 16);
		}
	}
	return err;
}

static int count_rows(struct sqlite *db, struct store_admin_status *status)
{
	int err = read_numbers(db, SQL_STATUS_USERS, &status->users, NULL);

	if (err == 0) {
		err = read_numbers(db, SQL_STATUS_ROOMS, &status->rooms, &status->messages);
	}
	return err != 0 ? err : read_epoch(db, status);
}

static int read_status(
	struct sqlite *db, struct arena *arena, struct store_admin_status *status, struct buf *why)
{
	struct sqlite_applied list = {0};
	int err = sqlite_run_plain(db, SQL_BEGIN_READ);

	if (err == 0) {
		err = sqlite_schema_list(db, &list, why);
	}
	if (err != 0) {
		return err;
	}
	admin_schema_status(migrate_sqlite(), list.rows, list.count, arena, status);
	if (list.count > 0) {
		err = count_rows(db, status);
	}
	free(list.rows);
	if (err != 0 && status->problem == NULL) {
		buf_printf(why, "%s: %s", status->place, sqlite_why(db));
		return err == ERR_INTERNAL ? ERR_CORRUPT : err; /* a table is not there */
	}
	return 0;
}

int sqlite_admin_status(struct bytes path, struct arena *arena,
	struct store_admin_status *ret_status, struct buf *why)
{
	struct store_admin_status status = {0};
	struct sqlite_file file;
	struct sqlite *db = NULL;
	int err = sqlite_admin_open(path, &file, &db, why);

	if (err != 0) {
		return err;
	}
	status.place = arena_strdup(arena, file.path);
	status.held = file.held;
	status.holder = file.holder;
	status.bytes = file.size;
	status.wal_bytes = sqlite_file_wal_size(&file);
	status.free_bytes = free_space(file.path);
	err = read_status(db, arena, &status, why);
	sqlite_close(&db);
	sqlite_file_close(&file);
	if (err == 0) {
		*ret_status = status;
	}
	return err;
}

/* ---- migrating ---- */

/* What is there now; schema 0 where there is no database. */
static int read_applied(
	struct bytes path, uint32_t *ret_schema, size_t *ret_missing, struct buf *why)
{
	struct sqlite_applied list = {0};
	struct sqlite_file file;
	struct sqlite *db = NULL;
	struct buf absent;

	*ret_schema = 0;
	*ret_missing = 0;
	buf_init(&absent);
	int err = sqlite_admin_open(path, &file, &db, &absent);
	if (err != 0) {
		bool none = err == ERR_NOT_FOUND;
		buf_append_bytes(why, none ? BYTES_NONE : buf_bytes(&absent));
		buf_finish(&absent);
		return none ? 0 : err;
	}
	buf_finish(&absent);
	err = sqlite_schema_list(db, &list, why);
	if (err == 0) {
		*ret_schema = list.count > 0 ? list.rows[list.count - 1].no : 0;
		err = migrate_judge(migrate_sqlite(), list.rows, list.count, ret_missing, why);
	}
	free(list.rows);
	sqlite_close(&db);
	sqlite_file_close(&file);
	return err;
}

int sqlite_admin_migrate(struct bytes path, uint32_t to, bool plan, store_admin_step_fn step,
	void *ctx, struct buf *why)
{
	const struct sqlite_migrate migrate = {.allowed = true, .to = to, .step = step, .ctx = ctx};
	uint32_t schema;
	size_t missing;
	int err = read_applied(path, &schema, &missing, why);

	if (err == 0) {
		err = admin_schema_target(migrate_sqlite(), to, schema, why);
	}
	if (err != 0) {
		return err;
	}
	if (plan) {
		admin_schema_plan(migrate_sqlite(), missing, to, step, ctx);
		return 0;
	}
	return sqlite_store_migrate(path, &migrate, why);
}

int sqlite_admin_new_epoch(
	struct bytes path, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why)
{
	struct sqlite_file file;
	struct sqlite *db = NULL;
	int err = sqlite_admin_open(path, &file, &db, why); /* whether it is there */

	if (err != 0) {
		return err;
	}
	sqlite_close(&db);
	sqlite_file_close(&file);
	return sqlite_store_new_epoch(path, plan, ret_epoch, why);
}
