#include "lib/store/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/err.h"

int backup_file_errno(struct buf *why, const char *what, const char *path)
{
	int err = errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE_FULL : ERR_SYSTEM;

	if (errno == EACCES || errno == EPERM || errno == EROFS) {
		err = ERR_FORBIDDEN;
	}
	buf_printf(why, "%s %s: %s", what, path, strerrordesc_np(errno));
	return err;
}

int backup_file_name(const char *target, struct buf *why)
{
	size_t len = strlen(target);

	if (len == 0 || target[len - 1] == '/') {
		buf_append_str(why, "the target of a backup is the name of a file");
		return ERR_USAGE;
	}
	return 0;
}

int backup_file_check(const char *target, bool force, struct buf *why)
{
	struct stat st;

	if (lstat(target, &st) != 0) {
		return errno == ENOENT ? 0 : backup_file_errno(why, "cannot look at", target);
	}
	if (!S_ISREG(st.st_mode)) {
		buf_printf(why, "%s is there, and is no regular file", target);
		return ERR_EXISTS;
	}
	if (!force) {
		buf_printf(why, "%s is there already", target);
		return ERR_EXISTS;
	}
	return 0;
}

int backup_file_begin(struct backup_file *file, const char *target, bool force, struct buf *why)
{
	struct buf name;

	*file = (struct backup_file){.target = target, .force = force, .fd = -1};
	buf_init(&name);
	buf_printf(&name, "%s.XXXXXX.part", target);
	buf_cstr(&name);
	file->fd = mkostemps(name.data, 5, O_CLOEXEC); /* with mode 0600 */
	if (file->fd < 0) {
		int err = backup_file_errno(why, "cannot make a file beside", target);
		buf_finish(&name);
		return err;
	}
	file->temporary = name.data;
	return 0;
}

int backup_file_space(const struct backup_file *file, uint64_t needed, struct buf *why)
{
	struct statvfs fs;

	if (fstatvfs(file->fd, &fs) != 0) {
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

int backup_file_sync_folder(const char *path, struct buf *why)
{
	char *copy = mem_strdup(path);
	const char *folder = dirname(copy);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) != 0 ? backup_file_errno(why, "cannot sync", folder) : 0;

	if (fd >= 0) {
		close(fd);
	}
	free(copy);
	return err;
}

/* File systems that cannot promise to replace nothing give the file a second name instead, which
 * they refuse where there is one. */
static int give_name(const struct backup_file *file)
{
	const char *from = file->temporary;
	const char *to = file->target;

	if (file->force) {
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

int backup_file_complete(struct backup_file *file, uint64_t *ret_bytes, struct buf *why)
{
	struct stat st;

	if (fsync(file->fd) != 0 || fstat(file->fd, &st) != 0) {
		return backup_file_errno(why, "cannot sync", file->temporary);
	}
	if (give_name(file) != 0) {
		int err = errno == EEXIST ? ERR_EXISTS : 0;
		int named = backup_file_errno(why, "cannot make", file->target);
		return err != 0 ? err : named;
	}
	*ret_bytes = (uint64_t)st.st_size;
	free(file->temporary);
	file->temporary = NULL; /* it is the target now */
	return backup_file_sync_folder(file->target, why);
}

void backup_file_finish(struct backup_file *file)
{
	if (file->temporary != NULL) {
		unlink(file->temporary);
		free(file->temporary);
		file->temporary = NULL;
	}
	if (file->fd >= 0) {
		close(file->fd);
		file->fd = -1;
	}
}
