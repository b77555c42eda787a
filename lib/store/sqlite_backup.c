/* Backups: a copy under a temporary name that becomes the target when it is whole. */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/err.h"
#include "lib/store/backup_file.h"
#include "lib/store/sqlite.h"
#include "lib/store/sqlite_admin.h"
#include "lib/store/sqlite_file.h"

/* ---- the target ---- */

static bool is_beside(const char *path, const char *suffix)
{
	struct buf name;
	struct stat st;

	buf_init(&name);
	buf_printf(&name, "%s%s", path, suffix);
	bool there = lstat(buf_cstr(&name), &st) == 0;
	buf_finish(&name);
	return there;
}

/* A journal belongs to the file whose name it has: beside another database it would be taken for
 * that one's. It is there as long as chatd serves that file. */
static int check_journals(const char *target, struct buf *why)
{
	static const char *const suffixes[] = {"-wal", "-journal"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (is_beside(target, suffixes[i])) {
			buf_printf(why,
				"%s is in use, or was not closed well: its journal %s%s is there",
				target, target, suffixes[i]);
			return ERR_BUSY;
		}
	}
	return 0;
}

static char *folder_of(const char *path)
{
	char *copy = mem_strdup(path);
	char *folder = mem_strdup(dirname(copy));

	free(copy);
	return folder;
}

/* Whether target is the name of the database or of one of the files beside it. */
static bool is_own_name(const char *target, const char *database)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock", ".new"};
	char *folder = folder_of(target);
	char *real = realpath(folder, NULL);
	char *copy = mem_strdup(target);
	struct buf name;
	bool own = false;

	buf_init(&name);
	buf_printf(
		&name, "%s/%s", real != NULL && strcmp(real, "/") != 0 ? real : "", basename(copy));
	size_t len = strlen(database);
	if (bytes_starts(buf_bytes(&name), bytes_str(database))) {
		const char *rest = buf_cstr(&name) + len;
		for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
			own = own || strcmp(rest, suffixes[i]) == 0;
		}
	}
	buf_finish(&name);
	free(copy);
	free(real);
	free(folder);
	return own;
}

static bool same_file(const char *path, const struct stat *st)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

static int check_target(
	const struct store_admin_backup *backup, const struct sqlite_file *file, struct buf *why)
{
	const char *target = backup->target;
	struct stat st;
	int err = backup_file_name(target, why);

	if (err != 0) {
		return err;
	}
	if (is_own_name(target, file->path)) {
		buf_printf(why, "%s is a file of the database itself", target);
		return ERR_CONFLICT;
	}
	if (lstat(target, &st) == 0 && same_file(file->path, &st)) {
		buf_printf(why, "%s is the database itself", target);
		return ERR_CONFLICT;
	}
	err = backup_file_check(target, backup->force, why);
	return err != 0 ? err : check_journals(target, why);
}

/* ---- copying ---- */

static int on_pages(void *ctx, uint64_t done, uint64_t total)
{
	const struct store_admin_backup *backup = ctx;

	return backup->progress != NULL ? backup->progress(backup->ctx, "pages", done, total) : 0;
}

/* Where the snapshot begins, and what is in it. */
static int begin(struct sqlite *db, struct store_admin_backup *backup)
{
	int err = sqlite_run_plain(db, SQL_BEGIN_READ);
	if (err != 0) {
		return err;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_MIGRATION_HAS_TABLE);
	err = sqlite_step(stmt);
	sqlite_end(stmt);
	if (err != 1) {
		return err;
	}
	stmt = sqlite_stmt(db, SQL_STATUS_ROOMS);
	err = sqlite_step(stmt);
	if (err == 1) {
		backup->messages = (uint64_t)sqlite_int(stmt, 1);
		sqlite_end(stmt);
	}
	return err < 0 ? err : 0;
}

static int copy_all(const struct backup_file *target, struct store_admin_backup *backup,
	struct sqlite *from, struct buf *why)
{
	struct sqlite *to = NULL;
	int err = sqlite_open(target->temporary, SQLITE_MODE_COPY, &to, why);

	if (err != 0) {
		return err;
	}
	err = begin(from, backup);
	if (err != 0) {
		buf_append_str(why, sqlite_why(from));
	} else {
		err = sqlite_copy(from, to, on_pages, backup);
		if (err != 0) {
			buf_printf(why, "the copy was not completed: %s", sqlite_why(to));
		}
	}
	sqlite_close(&to);
	return err;
}

static int copy_to_target(struct store_admin_backup *backup, struct sqlite *from,
	const struct sqlite_file *file, struct buf *why)
{
	struct backup_file target;
	int err = backup_file_begin(&target, backup->target, backup->force, why);

	if (err == 0) {
		err = backup_file_space(&target, sqlite_file_size(file), why);
	}
	if (err == 0) {
		err = copy_all(&target, backup, from, why);
	}
	if (err == 0) {
		err = backup_file_complete(&target, &backup->bytes, why);
	}
	backup_file_finish(&target);
	return err;
}

int sqlite_admin_backup(struct bytes path, struct store_admin_backup *backup, struct buf *why)
{
	struct sqlite_file file;
	struct sqlite *db = NULL;
	int err = sqlite_admin_open(path, &file, &db, why);

	if (err != 0) {
		return err;
	}
	err = check_target(backup, &file, why);
	if (err == 0) {
		err = copy_to_target(backup, db, &file, why);
	}
	sqlite_close(&db);
	sqlite_file_close(&file);
	return err == ERR_UNAVAILABLE ? ERR_SYSTEM : err;
}
