/* An archive of pg_dump (custom format), as pg_restore reads it: which of its entries are ours, and
 * what its tables say of themselves. The file is given to pg_restore as its stdin, so that how far
 * it has come is where the descriptor stands. Sources: PostgreSQL manual, «pg_restore» (-l, -L),
 * «COPY» (text format). */
#ifndef LIB_STORE_PG_ARCHIVE_H
#define LIB_STORE_PG_ARCHIVE_H

#include <stdint.h>

#include "lib/store/migrate.h"
#include "lib/store/pg_objects.h"
#include "lib/store/pg_tools.h"

struct pg_archive {
	int fd; /* the caller's, for reading */
	const char *name; /* the file's, for sentences */
	struct bytes schema; /* that our tables are to be in */
	struct buf list; /* our entries, for pg_restore -L */
	uint8_t *has; /* of each object: bits */
	struct migration_applied *applied; /* by no */
	size_t applied_count;
	uint64_t rooms, messages;
	uint32_t epoch_no; /* the highest */
	bool is_half; /* a migration had not come to its end */
};

/* Reads the table of contents: entries that are ours go to list, those of others are left out, and
 * so is what is in the table changes. Errors: ERR_BAD_CONTENT (no archive, or not one of chatd),
 * ERR_CONFLICT (its tables are in another schema), ERR_CONFIG (made by a newer pg_dump),
 * ERR_SYSTEM. pg_archive_finish() in any case. */
int pg_archive_list(struct pg_archive *archive, const struct pg_tools *tools,
	const struct pg_objects *objects, struct buf *why);
/* Whether it has all tables of a schema of that number, with their rows. 0 or ERR_BAD_CONTENT. */
int pg_archive_check(const struct pg_archive *archive, const struct pg_objects *objects,
	uint32_t schema, struct buf *why);
/* Reads applied, rooms, messages and epoch_no out of its tables. After pg_archive_list(). Errors as
 * there. */
int pg_archive_look(struct pg_archive *archive, const struct pg_tools *tools, struct buf *why);
void pg_archive_finish(struct pg_archive *archive);

/* Number of the last migration, 0: none. */
uint32_t pg_archive_schema(const struct pg_archive *archive);

/* What pg_restore failed with: ERR_BAD_CONTENT or ERR_CONFIG. */
struct child;
int pg_archive_fail(const struct pg_archive *archive, const struct child *child, struct buf *why);

#endif
