#include "lib/store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "lib/base/err.h"

/* How long a statement waits for a lock of another process; with the lock file held that is only
 * somebody's sqlite3 shell. */
enum { BUSY_MS = 2000 };

/* Between two looks at whether to go on: pages of a copy (4 MiB), and steps of SQLite's machine
 * (some 5 ms). */
enum { COPY_PAGES = 1024, WATCH_STEPS = 200000 };

struct sqlite_stmt {
	struct sqlite *db;
	sqlite3_stmt *handle;
	int bind_rc; /* of the first parameter that could not be bound */
};

struct sqlite {
	sqlite3 *handle;
	char why[256];
	struct sqlite_stmt statements[SQL_COUNT];
};

static bool is_full(int system_errno)
{
	return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

/* Source: https://www.sqlite.org/rescode.html */
static int map_error(int rc, int system_errno)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return ERR_STORAGE_FULL;
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_CORRUPTFS) {
			return ERR_CORRUPT;
		}
		return is_full(system_errno) ? ERR_STORAGE_FULL : ERR_UNAVAILABLE;
	case SQLITE_CANTOPEN:
		return is_full(system_errno) ? ERR_STORAGE_FULL : ERR_UNAVAILABLE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_INTERRUPT:
		return ERR_UNAVAILABLE;
	case SQLITE_TOOBIG:
		return ERR_TOO_LARGE;
	default:
		return ERR_INTERNAL;
	}
}

/* Keeps the sentence, because the ROLLBACK that follows would drop it. SQLite itself does not keep
 * the errno of a COMMIT: the last failed system call of this thread was what failed it. */
static int fail(struct sqlite *db, int rc)
{
	int last_errno = errno;
	int kept_errno = sqlite3_system_errno(db->handle);
	int system_errno = kept_errno != 0 ? kept_errno : last_errno;
	int err = map_error(rc, system_errno);
	bool from_system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;

	if (from_system && system_errno != 0) {
		snprintf(db->why, sizeof(db->why), "SQLite: %s (%d): %s",
			sqlite3_errmsg(db->handle), rc, strerrordesc_np(system_errno));
	} else {
		snprintf(db->why, sizeof(db->why), "SQLite: %s (%d)", sqlite3_errmsg(db->handle),
			rc);
	}
	return err;
}

/* immutable=1 is what makes SQLite look without locks; it can only be said in a URI, so the path is
 * escaped (RFC 3986 section 2.1). */
static char *uri_of(const char *path)
{
	struct buf uri;

	buf_init(&uri);
	buf_append_str(&uri, "file:");
	for (const char *c = path; *c != '\0'; c++) {
		if (*c == '%' || *c == '?' || *c == '#') {
			buf_printf(&uri, "%%%02X", (unsigned)*c);
		} else {
			buf_append_char(&uri, *c);
		}
	}
	buf_append_str(&uri, "?immutable=1");
	buf_cstr(&uri);
	return uri.data;
}

static int open_handle(struct sqlite *db, const char *path, enum sqlite_mode mode)
{
	static const int flags[] = {
		[SQLITE_MODE_NEW] = SQLITE_OPEN_READWRITE,
		[SQLITE_MODE_LOOK] = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
		[SQLITE_MODE_WRITER] = SQLITE_OPEN_READWRITE,
		[SQLITE_MODE_READER] = SQLITE_OPEN_READWRITE,
		[SQLITE_MODE_COPY] = SQLITE_OPEN_READWRITE,
	};
	char *uri = mode == SQLITE_MODE_LOOK ? uri_of(path) : NULL;
	int rc = sqlite3_open_v2(uri != NULL ? uri : path, &db->handle,
		flags[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

	free(uri);
	if (db->handle == NULL) {
		snprintf(db->why, sizeof(db->why), "SQLite: out of memory");
		return ERR_SYSTEM;
	}
	if (rc != SQLITE_OK) {
		return fail(db, rc);
	}
	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	/* A file that may be refused is not touched by closing it either. */
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (mode != SQLITE_MODE_LOOK && sqlite3_db_readonly(db->handle, "main") != 0) {
		snprintf(db->why, sizeof(db->why), "the file cannot be written");
		return ERR_SYSTEM;
	}
	return 0;
}

static int set_up(struct sqlite *db, enum sqlite_mode mode)
{
	static const int script[] = {
		[SQLITE_MODE_NEW] = SQL_SETUP_NEW_FILE,
		[SQLITE_MODE_LOOK] = SQL_SETUP_READER,
		[SQLITE_MODE_WRITER] = SQL_SETUP_WRITER,
		[SQLITE_MODE_READER] = SQL_SETUP_READER,
		[SQLITE_MODE_COPY] = SQL_SETUP_COPY,
	};
	int err = sqlite_script(db, sql_sqlite(SQL_SETUP));

	return err != 0 ? err : sqlite_script(db, sql_sqlite((enum sql_id)script[mode]));
}

int sqlite_open(const char *path, enum sqlite_mode mode, struct sqlite **ret_db, struct buf *why)
{
	struct sqlite *db = mem_zalloc(sizeof(*db));
	int err = open_handle(db, path, mode);

	for (int i = 0; i < SQL_COUNT; i++) {
		db->statements[i].db = db;
	}
	if (err == 0) {
		err = set_up(db, mode);
	}
	if (err != 0) {
		buf_printf(why, "%s: %s", path, db->why);
		sqlite_close(&db);
		return err;
	}
	*ret_db = db;
	return 0;
}

void sqlite_close(struct sqlite **db)
{
	if (*db == NULL) {
		return;
	}
	for (int i = 0; i < SQL_COUNT; i++) {
		sqlite3_finalize((*db)->statements[i].handle);
	}
	sqlite3_close((*db)->handle);
	free(*db);
	*db = NULL;
}

void sqlite_tidy_at_close(struct sqlite *db)
{
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

int sqlite_script(struct sqlite *db, const char *sql)
{
	errno = 0;
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(db, rc);
}

int sqlite_run_plain(struct sqlite *db, enum sql_id id)
{
	return sqlite_run(sqlite_stmt(db, id), NULL);
}

/* In WAL mode COMMIT writes the frames, syncs, and only then enters them in the index that readers
 * use. Where writing failed, the frame that commits is not whole; where anything later failed, the
 * process goes on without the transaction, but recovery after a crash would find it. */
static bool commit_is_certain(int rc)
{
	return (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_BUSY || rc == SQLITE_IOERR_WRITE;
}

int sqlite_commit(struct sqlite *db)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_COMMIT);
	int err = sqlite_step(stmt);

	if (err < 0) {
		if (!commit_is_certain(sqlite3_extended_errcode(db->handle))) {
			err = ERR_UNCERTAIN;
		}
		sqlite_rollback(db);
	}
	return err;
}

void sqlite_rollback(struct sqlite *db)
{
	char why[sizeof(db->why)];

	if (!sqlite_in_transaction(db)) {
		return;
	}
	memcpy(why, db->why, sizeof(why));
	/* It ends the transaction even where it answers an error, and what failed before is what
	 * matters. */
	(void)sqlite_run_plain(db, SQL_ROLLBACK);
	memcpy(db->why, why, sizeof(why));
}

bool sqlite_in_transaction(const struct sqlite *db)
{
	return sqlite3_get_autocommit(db->handle) == 0;
}

static int copy_pages(sqlite3_backup *backup, sqlite_watch_fn watch, void *ctx, int *ret_rc)
{
	int rc = SQLITE_OK;
	int err = 0;

	while (rc == SQLITE_OK && err == 0) {
		rc = sqlite3_backup_step(backup, COPY_PAGES);
		uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
		if (watch != NULL && (rc == SQLITE_OK || rc == SQLITE_DONE)) {
			err = watch(ctx, total - (uint64_t)sqlite3_backup_remaining(backup), total);
		}
	}
	*ret_rc = rc;
	return err;
}

int sqlite_copy(struct sqlite *from, struct sqlite *to, sqlite_watch_fn watch, void *ctx)
{
	int rc;

	errno = 0;
	sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", from->handle, "main");
	if (backup == NULL) {
		return fail(to, sqlite3_extended_errcode(to->handle));
	}
	int err = copy_pages(backup, watch, ctx, &rc);
	int finish_rc = sqlite3_backup_finish(backup);
	if (err != 0) {
		return err;
	}
	return rc == SQLITE_DONE && finish_rc == SQLITE_OK ? 0 : fail(to, rc);
}

static int on_watch(void *ctx)
{
	const struct sqlite_watch *watch = ctx;

	return watch->fn(watch->ctx, 0, 0) < 0;
}

void sqlite_watch(struct sqlite *db, const struct sqlite_watch *watch)
{
	sqlite3_progress_handler(
		db->handle, WATCH_STEPS, watch != NULL ? on_watch : NULL, (void *)(uintptr_t)watch);
}

const char *sqlite_why(const struct sqlite *db)
{
	return db->why;
}

struct sqlite_stmt *sqlite_stmt(struct sqlite *db, enum sql_id id)
{
	struct sqlite_stmt *stmt = &db->statements[id];

	stmt->bind_rc = SQLITE_OK;
	if (stmt->handle == NULL) {
		stmt->bind_rc = sqlite3_prepare_v3(db->handle, sql_sqlite(id), -1,
			SQLITE_PREPARE_PERSISTENT, &stmt->handle, NULL);
	}
	return stmt;
}

static void bound(struct sqlite_stmt *stmt, int rc)
{
	if (rc != SQLITE_OK && stmt->bind_rc == SQLITE_OK) {
		stmt->bind_rc = rc;
	}
}

void sqlite_bind_int(struct sqlite_stmt *stmt, int at, int64_t n)
{
	if (stmt->handle != NULL) {
		bound(stmt, sqlite3_bind_int64(stmt->handle, at, n));
	}
}

/* NULL would bind as NULL, but an empty view is empty. */
void sqlite_bind_blob(struct sqlite_stmt *stmt, int at, struct bytes b)
{
	if (stmt->handle != NULL) {
		bound(stmt, sqlite3_bind_blob64(stmt->handle, at, b.ptr != NULL ? b.ptr : "", b.len,
				    SQLITE_STATIC));
	}
}

void sqlite_bind_text(struct sqlite_stmt *stmt, int at, struct bytes b)
{
	if (stmt->handle != NULL) {
		bound(stmt, sqlite3_bind_text64(stmt->handle, at, b.ptr != NULL ? b.ptr : "", b.len,
				    SQLITE_STATIC, SQLITE_UTF8));
	}
}

void sqlite_bind_null(struct sqlite_stmt *stmt, int at)
{
	if (stmt->handle != NULL) {
		bound(stmt, sqlite3_bind_null(stmt->handle, at));
	}
}

int sqlite_step(struct sqlite_stmt *stmt)
{
	int rc = stmt->bind_rc;

	errno = 0;
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt->handle);
	}
	if (rc == SQLITE_ROW) {
		return 1;
	}
	int err = rc == SQLITE_DONE ? 0 : fail(stmt->db, rc);
	sqlite3_reset(stmt->handle);
	return err;
}

void sqlite_end(struct sqlite_stmt *stmt)
{
	sqlite3_reset(stmt->handle);
}

int sqlite_run(struct sqlite_stmt *stmt, int64_t *ret_changed)
{
	int err = sqlite_step(stmt);

	while (err == 1) {
		err = sqlite_step(stmt);
	}
	if (err == 0 && ret_changed != NULL) {
		*ret_changed = sqlite3_changes(stmt->db->handle);
	}
	return err;
}

int64_t sqlite_int(struct sqlite_stmt *stmt, int column)
{
	return sqlite3_column_int64(stmt->handle, column);
}

struct bytes sqlite_bytes(struct sqlite_stmt *stmt, int column)
{
	const void *data = sqlite3_column_blob(stmt->handle, column);
	int len = sqlite3_column_bytes(stmt->handle, column);

	return data != NULL ? bytes_of(data, (size_t)len) : BYTES_NONE;
}

bool sqlite_id(struct sqlite_stmt *stmt, int column, struct uuid *ret_id)
{
	struct bytes b = sqlite_bytes(stmt, column);

	memset(ret_id, 0, sizeof(*ret_id));
	if (b.len != sizeof(ret_id->b)) {
		return false;
	}
	memcpy(ret_id->b, b.ptr, sizeof(ret_id->b));
	return true;
}
