/* The database file before SQLite opens it: where it is, who has it, and whether it is ours. While
 * SQLite has the file open nothing else may open and close it, which would drop SQLite's own locks
 * (https://www.sqlite.org/howtocorrupt.html section 2.2); so all of this comes first, under the
 * lock of a file beside it. */
#ifndef LIB_STORE_SQLITE_FILE_H
#define LIB_STORE_SQLITE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

/* "CHAT": PRAGMA application_id of our files. */
enum { SQLITE_FILE_ID = 0x43484154 };

struct sqlite_file {
	char *path; /* absolute, symbolic links followed */
	int lock_fd; /* -1: not locked */
	uint64_t size; /* bytes, when it was looked at */
	bool is_new; /* not there, or empty */
	bool was_clean; /* closed well: there is no WAL */
	/* Only after sqlite_file_look(). */
	bool held; /* another process has it locked */
	long long holder; /* its id, 0: not known */
};

/* Finds, locks and looks at the file; nothing on the disk changes but the lock file PATH.lock,
 * which holds the holder's process id and stays there unlocked afterwards. Errors, each with a
 * sentence in why: ERR_CONFIG (text that can be no path, no such folder, a file of another
 * program), ERR_BUSY (another process has it), ERR_CORRUPT (no database, or a damaged one),
 * ERR_SYSTEM. After an error there is nothing to close. */
int sqlite_file_open(struct bytes path, struct sqlite_file *ret_file, struct buf *why);
/* Finds and locks it alone, for who puts another file into its place: it may be missing, or
 * damaged. Errors as above, but for what the file is. */
int sqlite_file_lock(struct bytes path, struct sqlite_file *ret_file, struct buf *why);
/* The same to read it only: asks who has it instead of locking, and makes nothing. Errors as above
 * but ERR_BUSY, and ERR_NOT_FOUND (no such folder; a missing file is is_new), ERR_FORBIDDEN. Never
 * while this process has the database open. */
int sqlite_file_look(struct bytes path, struct sqlite_file *ret_file, struct buf *why);
/* Unlocks. */
void sqlite_file_close(struct sqlite_file *file);
/* Makes the database with mode 0600, whole or not at all. Only where is_new. */
int sqlite_file_create(const struct sqlite_file *file, struct buf *why);
/* Bytes on the disk, WAL included; asks by name. */
uint64_t sqlite_file_size(const struct sqlite_file *file);
/* Of the WAL alone. */
uint64_t sqlite_file_wal_size(const struct sqlite_file *file);

#endif
