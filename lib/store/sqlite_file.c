#include "lib/store/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/sqlite.h"

/* https://www.sqlite.org/fileformat2.html section 1.3 */
enum { HEADER_SIZE = 100, AT_PAGE_SIZE = 16, AT_WRITE_VERSION = 18, AT_APPLICATION_ID = 68 };
static const char magic[16] = "SQLite format 3";

static int fail_errno(struct buf *why, const char *what, const char *path)
{
	buf_printf(why, "%s %s: %s", what, path, strerrordesc_np(errno));
	return ERR_SYSTEM;
}

/* ---- where it is ---- */

/* path + suffix; the caller frees it. */
static char *path_with(const char *path, const char *suffix)
{
	struct buf text;

	buf_init(&text);
	buf_printf(&text, "%s%s", path, suffix);
	buf_cstr(&text);
	return text.data;
}

/* NULL, and errno, where it is no folder. The caller frees it. */
static char *real_folder(const char *folder)
{
	char *real = realpath(folder, NULL);
	struct stat st;

	if (real != NULL && (stat(real, &st) != 0 || !S_ISDIR(st.st_mode))) {
		free(real);
		errno = ENOTDIR;
		return NULL;
	}
	return real;
}

/* The folder must be there; the file need not. A link to the file is followed, so that two names of
 * one database meet at one lock. */
static int find_path(const char *given, char **ret_path, struct buf *why)
{
	char *found = realpath(given, NULL);
	if (found != NULL) {
		*ret_path = found;
		return 0;
	}
	char *for_folder = mem_strdup(given);
	char *for_name = mem_strdup(given);
	const char *folder = dirname(for_folder);
	char *real = real_folder(folder);
	int err = 0;

	if (real == NULL) {
		bool missing = errno == ENOENT || errno == ENOTDIR;
		err = fail_errno(why, "the folder of the database cannot be used:", folder);
		err = missing ? ERR_CONFIG : err;
	} else {
		*ret_path = path_with(strcmp(real, "/") == 0 ? "" : real, "/");
		char *path = path_with(*ret_path, basename(for_name));
		free(*ret_path);
		*ret_path = path;
	}
	free(real);
	free(for_folder);
	free(for_name);
	return err;
}

static int check_text(struct bytes path, struct buf *why)
{
	if (path.len == 0 || bytes_find_char(path, '\0') >= 0 || path.len >= PATH_MAX ||
		path.ptr[path.len - 1] == '/') {
		buf_append_str(why, "the database URL is sqlite:PATH with the path of a file");
		return ERR_CONFIG;
	}
	if (bytes_eq(path, BYTES_LIT(":memory:"))) {
		buf_append_str(why, "sqlite::memory: would lose every message at the end of the "
				    "process; give the "
				    "path of a file");
		return ERR_CONFIG;
	}
	return 0;
}

/* Bytes of PATH + suffix, 0 where there is none. */
static uint64_t size_beside(const char *path, const char *suffix)
{
	char *name = path_with(path, suffix);
	struct stat st;
	uint64_t size = stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;

	free(name);
	return size;
}

/* ---- who has it ---- */

/* What the holder noted, 0 where that is no number. */
static long long read_holder(int fd)
{
	char pid[16] = "";
	ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);
	long long number = 0;

	if (len <= 0 || bytes_to_i64(bytes_trim(bytes_of(pid, strcspn(pid, "\n"))), &number) != 0) {
		return 0;
	}
	return number;
}

static void tell_holder(int fd, const char *path, const char *lock_path, struct buf *why)
{
	long long number = read_holder(fd);

	if (number != 0) {
		buf_printf(why, "%s is in use by process %lld (lock file %s)", path, number,
			lock_path);
	} else {
		buf_printf(why, "%s is in use by another process (lock file %s)", path, lock_path);
	}
}

/* For people only: without space for it the lock holds all the same, and what a dead holder left is
 * never read, because nobody holds the lock then. */
static void note_holder(int fd, struct bytes text)
{
	bool noted = ftruncate(fd, 0) == 0 && pwrite(fd, text.ptr, text.len, 0) >= 0;

	(void)noted;
}

/* A lock of the open file description: it ends with this process, whatever becomes of the file, and
 * two stores of one process exclude each other too. */
static int lock_fd(int fd, const char *path, const char *lock_path, struct buf *why)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char pid[16];

	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		if (errno != EAGAIN && errno != EACCES) {
			return fail_errno(why, "cannot lock", lock_path);
		}
		tell_holder(fd, path, lock_path, why);
		return ERR_BUSY;
	}
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	note_holder(fd, bytes_of(pid, (size_t)len));
	return 0;
}

/* What root makes in the folder of another user is that user's: chatd is not root, and must be able
 * to open it. fd: made just now. */
static void give_to_folder(int fd, const char *path)
{
	char *copy = mem_strdup(path);
	struct stat st;

	if (geteuid() == 0 && stat(dirname(copy), &st) == 0) {
		/* Where it cannot be given away root is who has it, as it would be anyway. */
		int ignored = fchown(fd, st.st_uid, st.st_gid);
		(void)ignored;
	}
	free(copy);
}

/* The lock file, made where it is not there. A second name of another file would be overwritten
 * with a process id. Negative with errno. */
static int open_lock(const char *lock_path)
{
	struct stat st;
	int fd = open(lock_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0) {
		give_to_folder(fd, lock_path);
		return fd;
	}
	if (errno == EEXIST) {
		fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	}
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1)) {
		close(fd);
		errno = EMLINK;
		fd = -1;
	}
	return fd;
}

static int lock_file(struct sqlite_file *file, struct buf *why)
{
	char *lock_path = path_with(file->path, ".lock");
	int fd = open_lock(lock_path);
	int err = fd < 0 ? fail_errno(why, "cannot open", lock_path)
			 : lock_fd(fd, file->path, lock_path, why);

	if (err != 0 && fd >= 0) {
		close(fd);
	}
	if (err == 0) {
		file->lock_fd = fd;
	}
	free(lock_path);
	return err;
}

/* Without taking the lock, and without making its file. */
static int ask_holder(struct sqlite_file *file, struct buf *why)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char *lock_path = path_with(file->path, ".lock");
	int fd = open(lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int err = 0;

	if (fd < 0 && errno != ENOENT) {
		err = errno == EACCES ? ERR_FORBIDDEN : ERR_SYSTEM;
		(void)fail_errno(why, "cannot open", lock_path);
	}
	if (fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) != 0) {
		err = fail_errno(why, "cannot ask for the lock of", lock_path);
	}
	if (fd >= 0) {
		file->held = err == 0 && lock.l_type != F_UNLCK;
		file->holder = file->held ? read_holder(fd) : 0;
		close(fd);
	}
	free(lock_path);
	return err;
}

/* ---- whether it is ours ---- */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int check_header(const uint8_t header[HEADER_SIZE], const char *path, struct buf *why)
{
	uint32_t page_size = (uint32_t)header[AT_PAGE_SIZE] << 8 | header[AT_PAGE_SIZE + 1];
	uint8_t version = header[AT_WRITE_VERSION];

	if (memcmp(header, magic, sizeof(magic)) != 0) {
		buf_printf(why, "%s is no SQLite database, or its header is damaged", path);
		return ERR_CORRUPT;
	}
	/* 1 stands for 65536. */
	bool page_ok = page_size == 1 || (page_size >= 512 && (page_size & (page_size - 1)) == 0);
	if (!page_ok || (version != 1 && version != 2)) {
		buf_printf(why, "the header of the SQLite database %s is damaged", path);
		return ERR_CORRUPT;
	}
	if (be32(header + AT_APPLICATION_ID) != SQLITE_FILE_ID) {
		buf_printf(why, "%s is an SQLite database of another program", path);
		return ERR_CONFIG;
	}
	return 0;
}

static int read_header(int fd, const struct stat *st, const char *path, struct buf *why)
{
	uint8_t header[HEADER_SIZE];

	if (!S_ISREG(st->st_mode)) {
		buf_printf(why, "%s is no regular file", path);
		return ERR_CONFIG;
	}
	if (st->st_size == 0) {
		return 0;
	}
	ssize_t len = pread(fd, header, sizeof(header), 0);
	if (len < 0) {
		return fail_errno(why, "cannot read", path);
	}
	if (len < (ssize_t)sizeof(header)) {
		buf_printf(why, "%s is no SQLite database: it is too short", path);
		return ERR_CORRUPT;
	}
	return check_header(header, path, why);
}

/* O_NONBLOCK: a pipe under that name would wait for a writer for ever. */
static int look_at(struct sqlite_file *file, struct buf *why)
{
	struct stat st = {0};
	int err = 0;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0) {
		err = fstat(fd, &st) != 0 ? fail_errno(why, "cannot look at", file->path)
					  : read_header(fd, &st, file->path, why);
		close(fd);
	} else if (errno != ENOENT) {
		err = fail_errno(why, "cannot open", file->path);
	}
	if (err != 0) {
		return err;
	}
	file->size = (uint64_t)st.st_size;
	file->is_new = file->size == 0;
	file->was_clean = size_beside(file->path, "-wal") == 0;
	if (file->is_new && (!file->was_clean || size_beside(file->path, "-journal") != 0)) {
		buf_printf(why,
			"%s is missing or empty, but the journal of a database of that name is "
			"still "
			"there (%s-wal or %s-journal): restore the database, or move the journal "
			"away",
			file->path, file->path, file->path);
		return ERR_CORRUPT;
	}
	return 0;
}

/* ---- public ---- */

int sqlite_file_lock(struct bytes path, struct sqlite_file *ret_file, struct buf *why)
{
	struct sqlite_file file = {.lock_fd = -1};
	int err = check_text(path, why);

	if (err == 0) {
		char *given = mem_dup_bytes(path);
		err = find_path(given, &file.path, why);
		free(given);
	}
	if (err == 0) {
		err = lock_file(&file, why);
	}
	if (err != 0) {
		sqlite_file_close(&file);
		return err;
	}
	*ret_file = file;
	return 0;
}

int sqlite_file_open(struct bytes path, struct sqlite_file *ret_file, struct buf *why)
{
	struct sqlite_file file;
	int err = sqlite_file_lock(path, &file, why);

	if (err != 0) {
		return err;
	}
	err = look_at(&file, why);
	if (err != 0) {
		sqlite_file_close(&file);
		return err;
	}
	*ret_file = file;
	return 0;
}

int sqlite_file_look(struct bytes path, struct sqlite_file *ret_file, struct buf *why)
{
	struct sqlite_file file = {.lock_fd = -1};
	int err = check_text(path, why);

	if (err != 0) {
		return err;
	}
	char *given = mem_dup_bytes(path);
	err = find_path(given, &file.path, why);
	err = err == ERR_CONFIG ? ERR_NOT_FOUND : err; /* there is no such folder */
	if (err == 0) {
		err = look_at(&file, why);
	}
	if (err == 0) {
		err = ask_holder(&file, why);
	}
	if (err == ERR_SYSTEM && access(given, R_OK) != 0 && errno == EACCES) {
		err = ERR_FORBIDDEN;
	}
	free(given);
	if (err != 0) {
		sqlite_file_close(&file);
		return err;
	}
	*ret_file = file;
	return 0;
}

/* The lock file stays: whoever waits for its lock must find the same file as the next one. */
void sqlite_file_close(struct sqlite_file *file)
{
	if (file->lock_fd >= 0) {
		note_holder(file->lock_fd, BYTES_NONE);
		close(file->lock_fd);
	}
	free(file->path);
	*file = (struct sqlite_file){.lock_fd = -1};
}

/* flags: O_RDONLY, and O_DIRECTORY for a folder. */
static int sync_path(const char *path, int flags, struct buf *why)
{
	int fd = open(path, flags | O_CLOEXEC);
	int err = 0;

	if (fd < 0 || fsync(fd) != 0) {
		err = fail_errno(why, "cannot sync", path);
	}
	if (fd >= 0) {
		close(fd);
	}
	return err;
}

static int sync_folder(const char *path, struct buf *why)
{
	char *copy = mem_strdup(path);
	int err = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, why);

	free(copy);
	return err;
}

static void remove_all(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *name = path_with(path, suffixes[i]);
		unlink(name);
		free(name);
	}
}

static int create_at(const char *temporary, const char *path, struct buf *why)
{
	struct sqlite *db = NULL;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		return fail_errno(why, "cannot make", temporary);
	}
	give_to_folder(fd, temporary);
	close(fd);
	int err = sqlite_open(temporary, SQLITE_MODE_NEW, &db, why);
	if (err != 0) {
		return err;
	}
	sqlite_tidy_at_close(db);
	sqlite_close(&db);
	err = sync_path(temporary, O_RDONLY, why);
	if (err != 0) {
		return err;
	}
	if (rename(temporary, path) != 0) {
		return fail_errno(why, "cannot make", path);
	}
	return sync_folder(path, why);
}

/* Made under another name: nobody ever finds a database without its application id. */
int sqlite_file_create(const struct sqlite_file *file, struct buf *why)
{
	char *temporary = path_with(file->path, ".new");

	remove_all(temporary);
	int err = create_at(temporary, file->path, why);
	if (err != 0) {
		remove_all(temporary);
	}
	free(temporary);
	return err;
}

uint64_t sqlite_file_wal_size(const struct sqlite_file *file)
{
	return size_beside(file->path, "-wal");
}

uint64_t sqlite_file_size(const struct sqlite_file *file)
{
	return size_beside(file->path, "") + sqlite_file_wal_size(file);
}
