/* The schema of a database on PostgreSQL: looked at, judged, migrated; and what of it never
 * changes. Blocking. What was applied stands in its table schema_migrations: no, name, checksum,
 * oldest_program   as struct migration_applied applied_at   when it ended; NULL: it runs outside a
 * transaction, and was begun program      which did it */
#ifndef LIB_STORE_PG_SCHEMA_H
#define LIB_STORE_PG_SCHEMA_H

#include "lib/store/admin.h"
#include "lib/store/migrate.h"
#include "lib/store/pg_direct.h"
#include "lib/store/pg_store.h"

/* The oldest server: 14, because of SQL function bodies and pg_current_xact_id(). */
enum { PG_SCHEMA_SERVER_MIN = 140000 };
/* pg_try_advisory_lock() of who migrates: "chatmigr". */
#define PG_SCHEMA_LOCK INT64_C(0x636861746d696772)

/* What is there, of one look. */
struct pg_schema {
	char *encoding, *database, *role, *server; /* server: its version */
	char *name; /* of the PostgreSQL schema that tables are made in; NULL: there is none */
	bool is_standby;
	bool may_create;
	bool is_ours; /* there is our schema_migrations */
	struct migration_applied *rows; /* that ended, ascending by no */
	size_t count;
	struct migration_applied begun; /* one that did not end; no is 0: none */
	char *begun_by;
};

/* ---- pg_schema.c ---- */

/* Looks without changing anything. ERR_CONFIG: a server that is too old, a database of another
 * program. */
int pg_schema_look(struct pg_direct *direct, struct pg_schema *ret_schema, struct buf *why);
void pg_schema_finish(struct pg_schema *schema);
/* Whether the server and the database are such that chatd can work on them: encoding (ERR_CONFIG),
 * no standby (ERR_UNAVAILABLE: it may be promoted). */
int pg_schema_judge_place(
	const struct pg_direct *direct, const struct pg_schema *schema, struct buf *why);
/* As migrate_judge(); also ERR_CONFIG where a migration that the program knows was begun and did
 * not end. */
int pg_schema_judge(const struct pg_schema *schema, const struct migration_set *set,
	size_t *ret_missing, struct buf *why);
/* Whether the role has the rights that serving takes. ERR_CONFIG, and ERR_CORRUPT where a table is
 * missing. */
int pg_schema_may_serve(struct pg_direct *direct, const struct pg_schema *schema, struct buf *why);

/* ---- pg_migrate.c ---- */

struct pg_migrate {
	const struct migration_set *set;
	uint32_t to; /* number of the last to be applied, 0: all */
	uint64_t wait_us; /* for others who migrate */
	store_admin_step_fn step; /* after each, or NULL */
	void *ctx;
};

/* Applies what is missing under the lock, each file in a transaction together with its row.
 * ERR_BUSY: another program has the lock (why says which). ERR_CONFIG: the schema may not be served
 * or migrated, the role may not, or a file failed (why names file and line). */
int pg_migrate_run(struct pg_direct *direct, const struct pg_migrate *migrate, struct buf *why);
/* Appends who migrates now ("chatctl, PostgreSQL process 4711, role chat"): 1, or 0 where nobody
 * does; a negative error with a sentence in who. */
int pg_migrate_holder(struct pg_direct *direct, struct buf *who);
/* After err of judging a schema, why says: where that is ERR_CONFIG, and somebody is at work on the
 * schema, it is ERR_BUSY, and why says who instead. */
int pg_migrate_excuse(struct pg_direct *direct, int err, struct buf *why);

/* ---- pg_constants.c ---- */

/* Reads fleet secret, epochs and system identifier into store, making the secret and the first
 * epoch where there are none, and a new epoch where the database was moved to another database
 * system. Instances may do it at once. */
int pg_schema_constants(struct pg_direct *direct, struct pg_store *store, struct buf *why);
/* Frees and wipes what it filled. */
void pg_constants_finish(struct pg_store *store);
/* Begins a new epoch, where not only planned. */
int pg_schema_new_epoch(
	struct pg_direct *direct, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why);

#endif
