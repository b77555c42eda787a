/* Inside db verify for PostgreSQL: what its checks share. Of pg_verify*.c alone. */
#ifndef LIB_STORE_PG_VERIFY_H
#define LIB_STORE_PG_VERIFY_H

#include "lib/store/pg_admin_link.h"
#include "lib/store/pg_objects.h"

struct pg_verify {
	struct store_admin_verify *verify;
	struct pg_admin *admin;
	struct pg_objects objects;
	struct buf *why;
	const char *check; /* the present one */
	uint64_t bad_before; /* findings before it began */
	int stop; /* what finding or progress answered, 0: go on */
	size_t epochs;
	uint64_t rooms, messages, participants; /* that were seen */
	uint64_t messages_total; /* that rooms say there are */
};

void pg_verify_begin(struct pg_verify *v, const char *check);
/* A finding that is not ok. What it answers is in stop as well. */
int pg_verify_bad(struct pg_verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Answers stop. */
int pg_verify_progress(struct pg_verify *v, uint64_t done, uint64_t total);
/* Ends a check. err: what it met; damage is a finding, other errors are answered. Else, where
 * nothing was found, the one finding that is ok. */
int pg_verify_end(struct pg_verify *v, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Runs a statement of the snapshot. */
int pg_verify_run(struct pg_verify *v, enum pg_sql sql, const struct pg_params *params,
	pg_direct_read_fn read, void *ctx);

/* pg_verify_rooms.c */
int pg_verify_rooms(struct pg_verify *v);
int pg_verify_participants(struct pg_verify *v);
/* pg_verify_index.c; not in the snapshot */
int pg_verify_indexes(struct pg_verify *v);

#endif
