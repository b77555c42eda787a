/* Migrations: numbered SQL files that are embedded in the programs at build and only go forward
 * (the way back is a backup). This part judges; a back end reads what is applied and applies what
 * is missing, each file in one transaction together with its row in schema_migrations.
 *
 * A file migrations/BACKEND/NNNN_name.sql is NNNN_name here. Comment lines at its start may say:
 *     -- oldest-program: N    programs whose last own migration is N or later may serve the schema
 *                             (without it: only programs that know this file)
 *     -- no-transaction       run it outside a transaction */
#ifndef LIB_STORE_MIGRATE_H
#define LIB_STORE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct migration {
	uint32_t no;
	const char *name; /* 0001_start */
	const unsigned char *text; /* the file, NUL behind it */
	size_t len;
};

struct migration_set {
	const struct migration *rows; /* by no, growing */
	size_t count;
};

/* What the database says that was applied to it. */
struct migration_applied {
	uint32_t no;
	uint32_t oldest_program;
	char name[64]; /* cut where it is longer */
	uint8_t checksum[32]; /* SHA-256 of the file */
};

/* The embedded files. */
const struct migration_set *migrate_sqlite(void);
const struct migration_set *migrate_postgres(void);

static inline struct bytes migration_text(const struct migration *migration)
{
	return bytes_of(migration->text, migration->len);
}

void migration_checksum(const struct migration *migration, uint8_t out[32]);
/* What the file's first comments say; 1 to its own number. */
uint32_t migration_oldest_program(const struct migration *migration);
bool migration_in_transaction(const struct migration *migration);

/* Compares what a database has (ascending by no) with what the program brings. 0: the rows from
 * *ret_missing on are to be applied, in order (set->count: none). ERR_CONFIG with a sentence in
 * why: a file changed after it was applied, one was left out, or the schema is newer than what
 * this program may serve. */
int migrate_judge(const struct migration_set *set, const struct migration_applied *applied,
	size_t count, size_t *ret_missing, struct buf *why);

#endif
