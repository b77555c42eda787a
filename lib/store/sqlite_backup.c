/* Backups: a copy under a temporary name that becomes the target when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/sqlite.h"
#include "lib/store/sqlite_admin.h"
#include "lib/store/sqlite_file.h"

/* A backup under way. */
struct copying {
	struct store_admin_backup *backup;
	char *temporary;
	int fd; /* of the temporary file, -1: none */
};

static int fail_errno(struct buf *why, const char *what, const char *path)
{
	int err = errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE_FULL : ERR_SYSTEM;

	if (errno == EACCES || errno == EPERM || errno == EROFS) {
		err = ERR_FORBIDDEN;
	}
	buf_printf(why, "%s %s: %s", what, path, strerrordesc_np(errno));
	return err;
}

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
	size_t len = strlen(target);
	struct stat st;

	if (len == 0 || target[len - 1] == '/') {
		buf_append_str(why, "the target of a backup is the name of a file");
		return ERR_USAGE;
	}
	if (is_own_name(target, file->path)) {
		buf_printf(why, "%s is a file of the database itself", target);
		return ERR_CONFLICT;
	}
	if (lstat(target, &st) != 0) {
		return errno == ENOENT ? check_journals(target, why)
				       : fail_errno(why, "cannot look at", target);
	}
	if (!S_ISREG(st.st_mode)) {
		buf_printf(why, "%s is there, and is no regular file", target);
		return ERR_EXISTS;
	}
	if (same_file(file->path, &st)) {
		buf_printf(why, "%s is the database itself", target);
		return ERR_CONFLICT;
	}
	if (!backup->force) {
		buf_printf(why, "%s is there already", target);
		return ERR_EXISTS;
	}
	return check_journals(target, why);
}

static int make_temporary(struct copying *copying, struct buf *why)
{
	struct buf name;

	buf_init(&name);
	buf_printf(&name, "%s.XXXXXX.part", copying->backup->target);
	buf_cstr(&name);
	copying->fd = mkostemps(name.data, 5, O_CLOEXEC); /* with mode 0600 */
	if (copying->fd < 0) {
		int err = fail_errno(why, "cannot make a file beside", copying->backup->target);
		buf_finish(&name);
		return err;
	}
	copying->temporary = name.data;
	return 0;
}

/* Before the disk is filled for nothing, perhaps that of the database. */
static int check_space(const struct copying *copying, uint64_t needed, struct buf *why)
{
	struct statvfs fs;

	if (fstatvfs(copying->fd, &fs) != 0) {
		return 0; /* it will be seen */
	}
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes < needed) {
		buf_printf(why, "the backup needs %llu bytes, but there are only %llu free",
			(unsigned long long)needed, (unsigned long long)free_bytes);
		return ERR_STORAGE_FULL;
	}
	return 0;
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

static int copy_all(struct copying *copying, struct sqlite *from, struct buf *why)
{
	struct store_admin_backup *backup = copying->backup;
	struct sqlite *to = NULL;
	int err = sqlite_open(copying->temporary, SQLITE_MODE_COPY, &to, why);

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

/* ---- becoming the target ---- */

static int sync_folder(const char *path, struct buf *why)
{
	char *folder = folder_of(path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) != 0 ? fail_errno(why, "cannot sync", folder) : 0;

	if (fd >= 0) {
		close(fd);
	}
	free(folder);
	return err;
}

/* Without force nothing that has appeared meanwhile is replaced. File systems that cannot promise
 * that give the file a second name instead, which they refuse where there is one. */
static int give_name(const struct copying *copying)
{
	const char *from = copying->temporary;
	const char *to = copying->backup->target;

	if (copying->backup->force) {
		return rename(from, to);
	}
	int result = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
	if (result != 0 && (errno == EINVAL || errno == ENOSYS)) {
		result = link(from, to);
		if (result == 0) {
			unlink(from);
		}
	}
	return result;
}

static int complete(struct copying *copying, struct buf *why)
{
	struct store_admin_backup *backup = copying->backup;
	struct stat st;

	if (fsync(copying->fd) != 0 || fstat(copying->fd, &st) != 0) {
		return fail_errno(why, "cannot sync", copying->temporary);
	}
	if (give_name(copying) != 0) {
		int err = errno == EEXIST ? ERR_EXISTS : 0;
		int named = fail_errno(why, "cannot make", backup->target);
		return err != 0 ? err : named;
	}
	backup->bytes = (uint64_t)st.st_size;
	free(copying->temporary);
	copying->temporary = NULL; /* it is the target now */
	return sync_folder(backup->target, why);
}

static int copy_to_target(struct copying *copying, struct sqlite *from,
	const struct sqlite_file *file, struct buf *why)
{
	int err = make_temporary(copying, why);

	if (err == 0) {
		err = check_space(copying, sqlite_file_size(file), why);
	}
	if (err == 0) {
		err = copy_all(copying, from, why);
	}
	return err != 0 ? err : complete(copying, why);
}

int sqlite_admin_backup(struct bytes path, struct store_admin_backup *backup, struct buf *why)
{
	struct copying copying = {.backup = backup, .fd = -1};
	struct sqlite_file file;
	struct sqlite *db = NULL;
	int err = sqlite_admin_open(path, &file, &db, why);

	if (err != 0) {
		return err;
	}
	err = check_target(backup, &file, why);
	if (err == 0) {
		err = copy_to_target(&copying, db, &file, why);
	}
	sqlite_close(&db);
	sqlite_file_close(&file);
	if (copying.temporary != NULL) {
		unlink(copying.temporary);
		free(copying.temporary);
	}
	if (copying.fd >= 0) {
		close(copying.fd);
	}
	return err == ERR_UNAVAILABLE ? ERR_SYSTEM : err;
}
