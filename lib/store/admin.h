/* What an operator does to a database without an open store: blocking, for a program of its own.
 * Never in the process that has the store open: SQLite's locks would be lost (sqlite_file.h).
 *
 * url is that of store_open(). Errors of all, each with a sentence for the operator in why, which
 * the caller finishes: ERR_NOT_FOUND (there is no such database), ERR_CONFIG (a URL or a path that
 * cannot be used, a file of another program, a schema that this program may not serve),
 * ERR_CORRUPT (no database, or a damaged one), ERR_BUSY (another process has it), ERR_FORBIDDEN
 * (not for this user), ERR_STORAGE_FULL, ERR_SYSTEM. */
#ifndef LIB_STORE_ADMIN_H
#define LIB_STORE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

struct store_admin_status {
	const char *place; /* the file's absolute path */
	bool held; /* a process has it open for writing: chatd */
	int64_t holder; /* its process id, 0: not known */
	uint64_t bytes; /* of the file */
	uint64_t wal_bytes; /* of what is committed beside it */
	uint64_t free_bytes; /* that the file system has left for it */
	uint32_t schema; /* number of the last migration, 0: none yet */
	uint32_t oldest_program; /* that may serve this schema */
	const char **missing; /* names of migrations that this program would apply */
	size_t missing_count;
	const char *problem; /* why this program may not serve the schema, or NULL */
	uint64_t users, rooms, messages; /* 0 where there is no schema yet */
	char epoch[17]; /* 16 hex digits, "" where there is none yet */
};

/* Looks without changing anything, also while chatd writes. Texts are on arena. */
int store_admin_status(struct bytes url, struct arena *arena, struct store_admin_status *ret_status,
	struct buf *why);

struct store_admin_step {
	uint32_t no;
	const char *name;
	bool applied; /* false: it is only planned */
	uint64_t us; /* time it took */
};
typedef void (*store_admin_step_fn)(void *ctx, const struct store_admin_step *step);

/* Applies what is missing, up to and with number to (0: all), each file in a transaction; makes the
 * database where there is none. step runs after each file, also of those before one that failed.
 * plan: only tells, which works while chatd runs. Further errors: ERR_NOT_FOUND (there is no
 * migration of that number), ERR_CONFLICT (a later one is applied: there is no way back). */
int store_admin_migrate(struct bytes url, uint32_t to, bool plan, store_admin_step_fn step,
	void *ctx, struct buf *why);

/* Of long work, several times a second or oftener: what is being done ("rooms"), and how far it
 * is. total 0: not known. A negative answer ends the work with it. */
typedef int (*store_admin_progress_fn)(void *ctx, const char *what, uint64_t done, uint64_t total);

struct store_admin_backup {
	const char *target; /* a file's path */
	bool force; /* it may be there, and is replaced */
	store_admin_progress_fn progress;
	void *ctx;
	/* out */
	uint64_t bytes; /* of the target */
	uint64_t messages; /* in it */
};

/* Copies one state of the database, also while chatd writes. The target appears whole and synced or
 * not at all, with mode 0600; until then it is TARGET.XXXXXX.part. Further errors: ERR_EXISTS (the
 * target is there), ERR_CONFLICT (it is the database itself), ERR_BUSY (it is a database in use),
 * ERR_USAGE (it is no file's name), and what progress answered. */
int store_admin_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why);

struct store_admin_finding {
	const char *check; /* "pages", "schema", "epochs", "rooms", "participants" */
	bool ok;
	const char *detail; /* what is wrong, or of what is in order how much there is */
};
/* A negative answer ends the work with it. */
typedef int (*store_admin_finding_fn)(void *ctx, const struct store_admin_finding *finding);

struct store_admin_verify {
	store_admin_finding_fn finding;
	store_admin_progress_fn progress;
	void *ctx;
	/* out */
	uint64_t bad; /* findings that were not ok */
};

/* Looks for damage in one state of the database, also while chatd writes: every page and index; the
 * checksums of migrations; epochs; that the messages of each room are numbered without holes from
 * the first kept one to the room's head; that rooms count their messages and participants right,
 * and that these belong to rooms and users that exist. Each check ends in one finding that is ok,
 * or in any number that are not. 0 where it came to the end, whatever was found; ERR_CONFIG where
 * there is no schema yet. */
int store_admin_verify(struct bytes url, struct store_admin_verify *verify, struct buf *why);

#endif
