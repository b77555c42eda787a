/* The connection of an operator's work on PostgreSQL. */
#ifndef LIB_STORE_PG_ADMIN_LINK_H
#define LIB_STORE_PG_ADMIN_LINK_H

#include <stdint.h>

#include "lib/store/pg_direct.h"
#include "lib/store/pg_schema.h"

struct pg_admin {
	struct pg_url url;
	struct pg_direct *direct;
	struct pg_schema schema;
	char *home; /* PostgreSQL's schema that our tables are in, or would be made in; NULL: none
		     */
	char *owner; /* role whose tables they are; NULL: there are none */
	uint64_t bytes; /* of the database */
};

/* Connects and looks at the schema. Errors as in lib/store/admin.h; after one there is nothing to
 * close. */
int pg_admin_open(struct bytes url, struct pg_admin *ret_admin, struct buf *why);
void pg_admin_close(struct pg_admin *admin);
/* The same where there must be a schema: ERR_CONFIG. */
int pg_admin_open_migrated(struct bytes url, struct pg_admin *ret_admin, struct buf *why);

/* As pg_direct_run() and pg_direct_script(); what the role may not is ERR_FORBIDDEN. */
int pg_admin_run(struct pg_admin *admin, enum pg_sql sql, const struct pg_params *params,
	pg_direct_read_fn read, void *ctx, struct buf *why);
int pg_admin_script(struct pg_admin *admin, const char *text, struct buf *why);

/* Begins the one snapshot of all that is read until pg_admin_close(). */
int pg_admin_snapshot(struct pg_admin *admin, struct buf *why);

/* "name" as an identifier in SQL, quotes doubled. */
void pg_admin_quote(struct buf *sql, struct bytes name);
/* 'text' as SQL's literal. */
void pg_admin_literal(struct buf *sql, struct bytes text);

#endif
