/* The file that a backup becomes: whole, synced and with mode 0600, or not at all. Until then it is
 * TARGET.XXXXXX.part. */
#ifndef LIB_STORE_BACKUP_FILE_H
#define LIB_STORE_BACKUP_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct backup_file {
	const char *target; /* the caller's */
	bool force;
	char *temporary; /* its present name; NULL: there is none, or it is the target already */
	int fd; /* for reading and writing, closed on exec; -1: none */
};

/* Whether the text can be the name of a file. 0 or ERR_USAGE. */
int backup_file_name(const char *target, struct buf *why);
/* Whether there may be a new file of that name. 0; ERR_EXISTS (something is there, and no force, or
 * it is no regular file), ERR_FORBIDDEN, ERR_SYSTEM. */
int backup_file_check(const char *target, bool force, struct buf *why);

/* Makes the temporary file, empty. backup_file_finish() in any case. */
int backup_file_begin(struct backup_file *file, const char *target, bool force, struct buf *why);
/* Before the disk is filled for nothing. 0 or ERR_STORAGE_FULL. */
int backup_file_space(const struct backup_file *file, uint64_t needed, struct buf *why);
/* Makes it the target. Without force nothing that has appeared meanwhile is replaced (ERR_EXISTS).
 */
int backup_file_complete(struct backup_file *file, uint64_t *ret_bytes, struct buf *why);
/* Removes it unless it is complete. */
void backup_file_finish(struct backup_file *file);

/* "what path: reason" for errno. ERR_FORBIDDEN, ERR_STORAGE_FULL or ERR_SYSTEM. */
int backup_file_errno(struct buf *why, const char *what, const char *path);
/* Makes what was done to names in the folder of path last. */
int backup_file_sync_folder(const char *path, struct buf *why);

#endif
