/* What an operator does to a database without an open store: blocking, for a program of its own.
 * Never in the process that has the store open: SQLite's locks would be lost (sqlite_file.h).
 *
 * url is that of store_open(). Errors of all, each with a sentence for the operator in why, which
 * the caller finishes: ERR_NOT_FOUND (there is no such database), ERR_CONFIG (a URL or a path that
 * cannot be used, a file of another program, a schema that this program may not serve),
 * ERR_CORRUPT (no database, or a damaged one), ERR_BUSY (another process has it), ERR_FORBIDDEN
 * (not for this user), ERR_STORAGE_FULL, ERR_SYSTEM, ERR_UNAVAILABLE (the server cannot be reached
 * now). */
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
	uint32_t epoch_no; /* 0 where there is none yet */
	/* A server's; of SQLite NULL and 0. There wal_bytes, free_bytes and holder are 0 (not
	 * known), place names the database and its server, and held says that programs are
	 * connected. */
	const char *server; /* its version, such as "PostgreSQL 15.8" */
	const char *role; /* as which we are connected */
	const char *system; /* identifier of the database system, '/', its timeline */
	uint64_t connections; /* of chatd's programs to the database, this one left out */
	const char *migrating; /* who applies migrations now, or NULL */
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
 * database where there is none (not on a server). step runs after each file, also of those before
 * one that failed. plan: only tells, which works while chatd runs. Further errors: ERR_NOT_FOUND
 * (there is no migration of that number), ERR_CONFLICT (a later one is applied: there is no way
 * back). */
int store_admin_migrate(struct bytes url, uint32_t to, bool plan, store_admin_step_fn step,
	void *ctx, struct buf *why);

struct store_admin_epoch {
	uint32_t no, former_no;
	char epoch[17], former[17]; /* 16 hex digits; epoch is "" where it was only planned */
};

/* Begins a new epoch: clients and other instances are told that what they know of numbers holds no
 * more (after the database was set back by means that chatd does not know). PostgreSQL: also while
 * chatd runs, which notices by itself. Further errors: ERR_CONFIG where a migration is missing. */
int store_admin_new_epoch(
	struct bytes url, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why);

/* Of long work, several times a second or oftener: what is being done ("rooms"), and how far it
 * is. total 0: not known. A negative answer ends the work with it. */
typedef int (*store_admin_progress_fn)(void *ctx, const char *what, uint64_t done, uint64_t total);

struct store_admin_backup {
	const char *target; /* a file's path */
	bool force; /* it may be there, and is replaced */
	const char *programs; /* folder of PostgreSQL's client programs; NULL: the usual ones */
	store_admin_progress_fn progress;
	void *ctx;
	/* out */
	uint64_t bytes; /* of the target */
	uint64_t messages; /* in it */
};

/* Copies one state of the database, also while chatd writes. The target appears whole and synced or
 * not at all, with mode 0600; until then it is TARGET.XXXXXX.part. Further errors: ERR_EXISTS (the
 * target is there), ERR_CONFLICT (it is the database itself), ERR_BUSY (it is a database in use),
 * ERR_USAGE (it is no file's name), and what progress answered. PostgreSQL: an archive of pg_dump
 * in custom format, of the schema that our tables are in; ERR_CONFIG also where no pg_dump is here
 * that fits the server. */
int store_admin_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why);

struct store_admin_restore {
	const char *source; /* path of what store_admin_backup() wrote */
	bool plan; /* only looks at the file and the database */
	const char *programs; /* as of store_admin_backup */
	store_admin_progress_fn progress;
	void *ctx;
	/* out; the texts are on arena */
	struct arena *arena; /* in: the caller's */
	uint64_t rooms, messages; /* in the file */
	uint32_t schema; /* number of the file's last migration */
	size_t missing; /* migrations that this program would apply to it */
	char epoch[17], former[17]; /* as of store_admin_epoch; former is the database's, "" where
				       it had none; epoch is "" where it was only planned */
	const char *kept; /* path of the former database, or of what it would be; NULL: none */
	const char *place; /* of the database */
};

/* Puts a backup into the place of the database, and begins a new epoch, so that clients and feeds
 * take nothing they know for numbers of today. Nobody may have the database open. SQLite: the
 * former file is kept beside it. PostgreSQL: our tables are replaced, in one transaction, so that
 * after a failure the database is what it was; what else lies in it is left alone; owner and
 * granted rights stay those of the former tables. Further errors: ERR_NOT_FOUND (no such file, or
 * no such database), ERR_BAD_CONTENT (the file is no backup, or a damaged one), ERR_CONFLICT (a
 * backup of the other kind of store, or it does not fit this database), ERR_BUSY (a chatd has the
 * database), and what progress answered. */
int store_admin_restore(struct bytes url, struct store_admin_restore *restore, struct buf *why);

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
