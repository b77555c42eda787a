/* What a file is that somebody wants restored, by its first bytes. Sources:
 * https://www.sqlite.org/fileformat2.html section 1.3; PostgreSQL's pg_backup_archiver.h. */
#ifndef LIB_STORE_RESTORE_SOURCE_H
#define LIB_STORE_RESTORE_SOURCE_H

#include "lib/base/bytes.h"

enum restore_kind {
	RESTORE_SQLITE, /* a database file */
	RESTORE_POSTGRES, /* an archive of pg_dump in custom format */
};

/* Opens the file for reading. 0, and *ret_fd is the caller's to close; ERR_NOT_FOUND,
 * ERR_FORBIDDEN, ERR_BAD_CONTENT (something else, named where it is known), ERR_SYSTEM. */
int restore_source_open(
	const char *path, enum restore_kind *ret_kind, int *ret_fd, struct buf *why);

#endif
