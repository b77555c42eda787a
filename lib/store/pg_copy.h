/* Rows of COPY in text format, as pg_restore writes them into a script: "COPY s.t (a, b) FROM
 * stdin;", a line for each row, and "\.". Source: PostgreSQL manual, «COPY», «Text Format». */
#ifndef LIB_STORE_PG_COPY_H
#define LIB_STORE_PG_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct pg_copy;

struct pg_copy_table {
	const char *name; /* without its schema */
	/* For each row; a negative answer ends the work with it. */
	int (*row)(void *ctx, const struct pg_copy *copy);
};

struct pg_copy {
	const struct pg_copy_table *tables; /* ends with name NULL; those of others are skipped */
	void *ctx;
	/* its own */
	struct buf part; /* what is not a whole line yet */
	struct buf columns; /* "a, b" */
	const struct pg_copy_table *table; /* whose rows come, or NULL */
	bool in_rows;
	struct bytes line; /* the row */
};

void pg_copy_init(struct pg_copy *copy, const struct pg_copy_table *tables, void *ctx);
void pg_copy_finish(struct pg_copy *copy);
/* Takes a part of the script, cut anywhere (struct pg_copy *ctx; see child_take_fn). A line of more
 * than 64 MiB is ERR_TOO_LARGE. */
int pg_copy_take(void *ctx, struct bytes part);

/* The whole line at the beginning of buf, without its end; false: there is none. */
bool pg_copy_line(const struct buf *buf, struct bytes *ret_line);

/* The text of a field as it stands there; BYTES_NONE where there is no such column, or it is NULL.
 */
struct bytes pg_copy_field(const struct pg_copy *copy, const char *column);
/* 0 where it is no number. */
uint64_t pg_copy_number(const struct pg_copy *copy, const char *column);
/* A bytea of exactly len bytes ("\\x00ff" in the text); false where it is not. */
bool pg_copy_bytea(const struct pg_copy *copy, const char *column, uint8_t *out, size_t len);

#endif
