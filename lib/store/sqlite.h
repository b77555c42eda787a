/* One connection to an SQLite file: statements of sql.h prepared once each, and errors told in our
 * numbers. sqlite.c is the only file that sees libsqlite3. A connection belongs to one thread at a
 * time. */
#ifndef LIB_STORE_SQLITE_H
#define LIB_STORE_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"
#include "lib/store/sql.h"

struct sqlite;
struct sqlite_stmt;

enum sqlite_mode {
	SQLITE_MODE_NEW, /* make the file, which is not there; one page, WAL mode */
	SQLITE_MODE_LOOK, /* read without locks, and without WAL: nothing on the disk changes */
	SQLITE_MODE_WRITER,
	SQLITE_MODE_READER,
	SQLITE_MODE_COPY, /* an empty file that sqlite_copy() fills */
};

/* Errors here and below: ERR_BUSY (another process kept it locked for 2 s), ERR_STORAGE_FULL,
 * ERR_UNAVAILABLE (the disk or memory failed), ERR_CORRUPT, ERR_TOO_LARGE, and ERR_INTERNAL for
 * what our SQL or a constraint forbids. */

/* path: absolute. 0, or ERR_BUSY, ERR_CORRUPT, ERR_SYSTEM, ERR_STORAGE_FULL, ERR_UNAVAILABLE with a
 * sentence appended to why. A writer leaves the WAL as it is when it is closed, until
 * sqlite_tidy_at_close(). */
int sqlite_open(const char *path, enum sqlite_mode mode, struct sqlite **ret_db, struct buf *why);
void sqlite_close(struct sqlite **db);
/* From here on closing copies the WAL into the file and removes it. */
void sqlite_tidy_at_close(struct sqlite *db);

/* Runs a text of several statements, rows are dropped. */
int sqlite_script(struct sqlite *db, const char *sql);
/* Runs a statement that has no parameters and whose rows are dropped. */
int sqlite_run_plain(struct sqlite *db, enum sql_id id);
/* COMMIT. ERR_UNCERTAIN where the file may hold it although it failed; all other errors: nothing is
 * stored. The transaction is over in any case. */
int sqlite_commit(struct sqlite *db);
/* Ends a transaction if there still is one. */
void sqlite_rollback(struct sqlite *db);
/* Some errors end the transaction by themselves. */
bool sqlite_in_transaction(const struct sqlite *db);
/* Of long work: negative ends it. */
typedef int (*sqlite_watch_fn)(void *ctx, uint64_t done, uint64_t total);

/* Copies all pages of from, which must be in a transaction that has read something, so that what is
 * copied is one state whoever writes meanwhile. watch (or NULL): pages. 0, what watch answered, or
 * an error with its sentence at to. */
int sqlite_copy(struct sqlite *from, struct sqlite *to, sqlite_watch_fn watch, void *ctx);
/* From here on watch(ctx, 0, 0) runs every few milliseconds of a statement, which ends with
 * ERR_UNAVAILABLE where it answers negative. NULL: no more. At most one at a time. */
struct sqlite_watch {
	sqlite_watch_fn fn;
	void *ctx;
};
void sqlite_watch(struct sqlite *db, const struct sqlite_watch *watch);

/* What went wrong last: one sentence, valid until the next error or close. Never NULL. */
const char *sqlite_why(const struct sqlite *db);

/* The statement ready to bind: parameters are NULL or what they were last time, no row. What fails
 * here or in binding is told by sqlite_step(). One use at a time. */
struct sqlite_stmt *sqlite_stmt(struct sqlite *db, enum sql_id id);
/* at: 1, 2, ... The bytes must live until the statement has ended. */
void sqlite_bind_int(struct sqlite_stmt *stmt, int at, int64_t n);
void sqlite_bind_blob(struct sqlite_stmt *stmt, int at, struct bytes b);
void sqlite_bind_text(struct sqlite_stmt *stmt, int at, struct bytes b);
void sqlite_bind_null(struct sqlite_stmt *stmt, int at);

static inline void sqlite_bind_id(struct sqlite_stmt *stmt, int at, const struct uuid *id)
{
	sqlite_bind_blob(stmt, at, uuid_bytes(id));
}

/* NULL where it is empty. */
static inline void sqlite_bind_text_or_null(struct sqlite_stmt *stmt, int at, struct bytes b)
{
	if (b.len == 0) {
		sqlite_bind_null(stmt, at);
	} else {
		sqlite_bind_text(stmt, at, b);
	}
}

static inline void sqlite_bind_blob_or_null(struct sqlite_stmt *stmt, int at, struct bytes b)
{
	if (b.len == 0) {
		sqlite_bind_null(stmt, at);
	} else {
		sqlite_bind_blob(stmt, at, b);
	}
}

/* 1: there is a row. 0: there is none any more, the statement has ended. Negative: ERR_*, ended. */
int sqlite_step(struct sqlite_stmt *stmt);
/* Ends a statement whose rows are not all wanted. */
void sqlite_end(struct sqlite_stmt *stmt);
/* Runs a statement whose rows do not matter. ret_changed (or NULL): rows that it changed. */
int sqlite_run(struct sqlite_stmt *stmt, int64_t *ret_changed);

/* Columns of the row: 0, 1, ... NULL is 0 and BYTES_NONE. Bytes are valid until the next step. */
int64_t sqlite_int(struct sqlite_stmt *stmt, int column);
struct bytes sqlite_bytes(struct sqlite_stmt *stmt, int column);
/* false, and nil, where the column does not hold 16 bytes. */
bool sqlite_id(struct sqlite_stmt *stmt, int column, struct uuid *ret_id);

#endif
