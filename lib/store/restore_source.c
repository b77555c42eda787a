#include "lib/store/restore_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/err.h"

enum { HEAD_SIZE = 512, AT_TAR = 257 };

struct head {
	char bytes[HEAD_SIZE];
	size_t len;
};

static bool has(const struct head *head, size_t at, struct bytes what)
{
	return head->len >= at + what.len && memcmp(head->bytes + at, what.ptr, what.len) == 0;
}

/* What people have instead, and what becomes of it. */
static const struct {
	size_t at;
	struct bytes text;
	const char *is;
} others[] = {
	{AT_TAR, {"ustar", 5},
		"a tar archive; restore takes what chatctl db backup writes (pg_dump -Fc)"},
	{0, {"\x1f\x8b", 2}, "compressed by gzip; unpack it first"},
	{0,
		{"\xfd"
		 "7zXZ",
			5},
		"compressed by xz; unpack it first"},
	{0, {"BZh", 3}, "compressed by bzip2; unpack it first"},
	{0, {"\x28\xb5\x2f\xfd", 4}, "compressed by zstd; unpack it first"},
	{0, {"--\n-- PostgreSQL database", 25},
		"an SQL script of pg_dump; restore it with psql into an "
		"empty database, and run chatctl db new-epoch"},
};

static int fail_open(const char *path, struct buf *why)
{
	int err = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
		  : errno == EACCES || errno == EPERM ? ERR_FORBIDDEN
						      : ERR_SYSTEM;

	buf_printf(why, "cannot open %s: %s", path, strerrordesc_np(errno));
	return err;
}

static int name_other(const char *path, const struct head *head, struct buf *why)
{
	buf_printf(why, "%s is no backup of chatd's database", path);
	if (head->len == 0) {
		buf_append_str(why, ": it is empty");
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (has(head, others[i].at, others[i].text)) {
			buf_printf(why, ": it is %s", others[i].is);
			break;
		}
	}
	return ERR_BAD_CONTENT;
}

static int look(int fd, const char *path, enum restore_kind *ret_kind, struct buf *why)
{
	struct head head;
	struct stat st;

	if (fstat(fd, &st) != 0) {
		return fail_open(path, why);
	}
	if (S_ISDIR(st.st_mode)) {
		buf_printf(why, "%s is a folder; a backup is one file", path);
		return ERR_BAD_CONTENT;
	}
	if (!S_ISREG(st.st_mode)) {
		buf_printf(why, "%s is no regular file", path);
		return ERR_BAD_CONTENT;
	}
	ssize_t len = pread(fd, head.bytes, sizeof(head.bytes), 0);
	if (len < 0) {
		return fail_open(path, why);
	}
	head.len = (size_t)len;
	if (has(&head, 0, bytes_of("SQLite format 3", 16))) {
		*ret_kind = RESTORE_SQLITE;
		return 0;
	}
	if (has(&head, 0, BYTES_LIT("PGDMP"))) {
		*ret_kind = RESTORE_POSTGRES;
		return 0;
	}
	return name_other(path, &head, why);
}

int restore_source_open(const char *path, enum restore_kind *ret_kind, int *ret_fd, struct buf *why)
{
	/* A pipe under that name would wait for a writer for ever. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		return fail_open(path, why);
	}
	int err = look(fd, path, ret_kind, why);
	if (err != 0) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}
