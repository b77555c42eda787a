/* Restoring a backup: a checked copy of it takes the place of the database file, which stays beside
 * it under another name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/backup_file.h"
#include "lib/store/sqlite_admin.h"
#include "lib/store/sqlite_store.h"

enum { KEPT_TRIES = 10 };

/* What of a database lies beside its file, and is named after it. */
static const char *const journals[] = {"-wal", "-journal"};
enum { JOURNALS = sizeof(journals) / sizeof(journals[0]) };

struct restoring {
	struct store_admin_restore *restore;
	struct sqlite_file source, target;
	struct sqlite *from;
	struct backup_file copy;
	/* the former database */
	char *kept; /* its new name, NULL: there was none */
	bool linked; /* it has both names */
	bool moved[JOURNALS];
};

/* ---- the backup ---- */

static int judge_source(struct restoring *restoring, struct buf *why)
{
	struct store_admin_restore *restore = restoring->restore;
	const struct migration_set *set = migrate_sqlite();
	struct sqlite_applied list = {0};
	size_t applied = 0;
	int err = sqlite_schema_list(restoring->from, &list, why);

	if (err == 0 && list.count == 0) {
		buf_printf(why, "%s is a database without a schema: nothing is in it",
			restore->source);
		err = ERR_BAD_CONTENT;
	}
	if (err == 0) {
		restore->schema = list.rows[list.count - 1].no;
		err = migrate_judge(set, list.rows, list.count, &applied, why);
		restore->missing = set->count - applied;
	}
	free(list.rows);
	return err;
}

static int count_source(struct restoring *restoring)
{
	struct sqlite_stmt *stmt = sqlite_stmt(restoring->from, SQL_STATUS_ROOMS);
	int err = sqlite_step(stmt);

	if (err == 1) {
		restoring->restore->rooms = (uint64_t)sqlite_int(stmt, 0);
		restoring->restore->messages = (uint64_t)sqlite_int(stmt, 1);
		sqlite_end(stmt);
	}
	return err < 0 ? err : 0;
}

/* Begins the snapshot that is copied. */
static int open_source(struct restoring *restoring, struct buf *why)
{
	const char *source = restoring->restore->source;
	int err = sqlite_admin_open(bytes_str(source), &restoring->source, &restoring->from, why);

	if (err != 0) {
		return err == ERR_CORRUPT ? ERR_BAD_CONTENT : err;
	}
	err = sqlite_run_plain(restoring->from, SQL_BEGIN_READ);
	if (err == 0) {
		err = judge_source(restoring, why);
	}
	if (err == 0) {
		err = count_source(restoring);
	}
	if (err != 0 && why->len == 0) {
		buf_printf(why, "%s: %s", source, sqlite_why(restoring->from));
	}
	return err == ERR_CORRUPT ? ERR_BAD_CONTENT : err;
}

/* ---- the database ---- */

/* Of one that cannot be read nothing is told. */
static void read_former(struct bytes path, char out[17])
{
	struct sqlite_file file;
	struct sqlite *db = NULL;
	struct buf unread = {0};

	if (sqlite_admin_open(path, &file, &db, &unread) == 0) {
		struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_EPOCH_LIST);
		while (sqlite_step(stmt) == 1) {
			struct bytes epoch = sqlite_bytes(stmt, 1);
			memcpy(out, epoch.ptr, epoch.len == 16 ? 16 : 0);
		}
		sqlite_close(&db);
		sqlite_file_close(&file);
	}
	buf_finish(&unread);
}

static int check_other(const struct restoring *restoring, struct buf *why)
{
	struct stat source, target;

	if (stat(restoring->source.path, &source) == 0 &&
		stat(restoring->target.path, &target) == 0 && source.st_dev == target.st_dev &&
		source.st_ino == target.st_ino) {
		buf_printf(why, "%s is the database itself", restoring->restore->source);
		return ERR_CONFLICT;
	}
	return 0;
}

/* Damage is why people restore. Another program's file is none of ours to replace. */
static int lock_target(struct restoring *restoring, struct bytes path, struct buf *why)
{
	struct buf damage = {0};
	int err = sqlite_file_open(path, &restoring->target, &damage);

	if (err == ERR_CORRUPT) {
		err = sqlite_file_lock(path, &restoring->target, why);
	} else {
		buf_append_bytes(why, buf_bytes(&damage));
	}
	buf_finish(&damage);
	return err;
}

static char *path_with(const char *path, const char *suffix)
{
	struct buf text = {0};

	buf_printf(&text, "%s%s", path, suffix);
	buf_cstr(&text);
	return text.data;
}

static bool is_there(const char *path, const char *suffix)
{
	char *name = path_with(path, suffix);
	struct stat st;
	bool there = lstat(name, &st) == 0;

	free(name);
	return there;
}

/* A name that nothing has: PATH.before-restore-20240102T030405Z, or with -2 behind it. */
static char *name_kept(const char *path)
{
	time_t now = (time_t)(clock_wall_ms(&clock_system) / 1000);
	struct buf name = {0};
	char stamp[32];
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	for (unsigned i = 1; i <= KEPT_TRIES; i++) {
		buf_clear(&name);
		buf_printf(&name, "%s.before-restore-%s", path, stamp);
		if (i > 1) {
			buf_printf(&name, "-%u", i);
		}
		if (!is_there(buf_cstr(&name), "")) {
			break;
		}
	}
	buf_cstr(&name);
	return name.data;
}

/* ---- the copy ---- */

static int on_pages(void *ctx, uint64_t done, uint64_t total)
{
	const struct store_admin_restore *restore = ctx;

	return restore->progress != NULL ? restore->progress(restore->ctx, "restore", done, total)
					 : 0;
}

static int on_check(void *ctx, uint64_t done, uint64_t total)
{
	const struct store_admin_restore *restore = ctx;

	(void)done;
	(void)total;
	return restore->progress != NULL ? restore->progress(restore->ctx, "check", 0, 0) : 0;
}

static int copy_pages(struct restoring *restoring, struct buf *why)
{
	struct sqlite *to = NULL;
	int err = sqlite_open(restoring->copy.temporary, SQLITE_MODE_COPY, &to, why);

	if (err == 0) {
		err = sqlite_copy(restoring->from, to, on_pages, restoring->restore);
		if (err != 0) {
			buf_printf(why, "the copy was not completed: %s", sqlite_why(to));
		}
	}
	sqlite_close(&to);
	return err;
}

static int read_check(struct restoring *restoring, struct sqlite *db, struct buf *why)
{
	const struct sqlite_watch watch = {on_check, restoring->restore};

	sqlite_watch(db, &watch);
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_INTEGRITY_CHECK);
	int err = sqlite_step(stmt);
	if (err == 1 && !bytes_eq(sqlite_bytes(stmt, 0), BYTES_LIT("ok"))) {
		buf_printf(why, "%s is damaged: %.*s", restoring->restore->source,
			BYTES_ARG(sqlite_bytes(stmt, 0)));
		err = ERR_BAD_CONTENT;
	}
	sqlite_end(stmt);
	sqlite_watch(db, NULL);
	return err < 0 ? err : 0;
}

static int add_epoch(struct sqlite *db, char out[17])
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_EPOCH_LIST);
	int64_t no = 0;
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		no = sqlite_int(stmt, 0) > no ? sqlite_int(stmt, 0) : no;
	}
	if (err != 0) {
		return err;
	}
	char epoch[17];
	store_epoch_make(epoch);
	stmt = sqlite_stmt(db, SQL_EPOCH_ADD);
	sqlite_bind_int(stmt, 1, no + 1);
	sqlite_bind_text(stmt, 2, bytes_str(epoch));
	sqlite_bind_int(stmt, 3, clock_wall_ms(&clock_system));
	err = sqlite_run(stmt, NULL);
	if (err == 0) {
		memcpy(out, epoch, sizeof(epoch));
	}
	return err;
}

/* Before it is anybody's database. */
static int finish_copy(struct restoring *restoring, struct buf *why)
{
	struct sqlite *db = NULL;
	int err = sqlite_open(restoring->copy.temporary, SQLITE_MODE_WRITER, &db, why);

	if (err != 0) {
		return err == ERR_CORRUPT ? ERR_BAD_CONTENT : err;
	}
	sqlite_tidy_at_close(db);
	err = read_check(restoring, db, why);
	if (err == 0) {
		err = add_epoch(db, restoring->restore->epoch);
	}
	if (err != 0 && why->len == 0) {
		buf_printf(why, "%s: %s", restoring->restore->source, sqlite_why(db));
	}
	sqlite_close(&db);
	return err == ERR_CORRUPT ? ERR_BAD_CONTENT : err;
}

/* Who could read and write the former one can do so with this; where there is none the folder's
 * owner, as chatd is who has that. */
static void own_copy(const struct restoring *restoring)
{
	struct buf folder = {0};
	struct stat st;
	int fd = restoring->copy.fd;
	bool former = stat(restoring->target.path, &st) == 0;

	if (!former) {
		const char *path = restoring->target.path;
		buf_append(&folder, path, (size_t)(strrchr(path, '/') - path) + 1);
		former = stat(buf_cstr(&folder), &st) == 0;
		st.st_mode = S_IRUSR | S_IWUSR;
	}
	if (former) {
		int ignored = geteuid() == 0 ? fchown(fd, st.st_uid, st.st_gid) : 0;
		ignored = fchmod(fd, st.st_mode & 0660);
		(void)ignored;
	}
	buf_finish(&folder);
}

static int make_copy(struct restoring *restoring, struct buf *why)
{
	int err = backup_file_begin(&restoring->copy, restoring->target.path, true, why);

	if (err == 0) {
		err = backup_file_space(
			&restoring->copy, sqlite_file_size(&restoring->source), why);
	}
	if (err == 0) {
		err = copy_pages(restoring, why);
	}
	if (err == 0) {
		err = finish_copy(restoring, why);
	}
	if (err == 0) {
		own_copy(restoring);
	}
	return err;
}

/* ---- taking the place ---- */

/* What the last chatd left beside the file goes into it, so that one file is all there is. Where
 * that cannot be done both are kept. */
static void tidy_former(const struct restoring *restoring)
{
	struct sqlite *db = NULL;
	struct buf unread = {0};

	if (sqlite_open(restoring->target.path, SQLITE_MODE_WRITER, &db, &unread) == 0) {
		struct sqlite_stmt *stmt = sqlite_stmt(db, SQL_EPOCH_LIST);
		while (sqlite_step(stmt) == 1) {
		}
		sqlite_tidy_at_close(db);
	}
	sqlite_close(&db);
	buf_finish(&unread);
}

static bool move_beside(const char *from, const char *to, const char *suffix)
{
	char *old = path_with(from, suffix);
	char *new = path_with(to, suffix);
	bool moved = rename(old, new) == 0;

	free(old);
	free(new);
	return moved;
}

/* A second name first, so that at no moment there is nothing under the first one. */
static int keep_former(struct restoring *restoring, struct buf *why)
{
	const char *path = restoring->target.path;

	restoring->kept = name_kept(path);
	if (is_there(path, "")) {
		restoring->linked = link(path, restoring->kept) == 0;
		if (!restoring->linked && rename(path, restoring->kept) != 0) {
			return backup_file_errno(why, "cannot rename", path);
		}
	}
	for (size_t i = 0; i < JOURNALS; i++) {
		if (!is_there(path, journals[i])) {
			continue;
		}
		restoring->moved[i] = move_beside(path, restoring->kept, journals[i]);
		if (!restoring->moved[i]) {
			return backup_file_errno(why, "cannot rename the journal of", path);
		}
	}
	char *shared = path_with(path, "-shm");
	unlink(shared); /* it belongs to the journal, and is made anew */
	free(shared);
	return 0;
}

static void take_back(const struct restoring *restoring)
{
	const char *path = restoring->target.path;

	for (size_t i = 0; i < JOURNALS; i++) {
		if (restoring->moved[i]) {
			move_beside(restoring->kept, path, journals[i]);
		}
	}
	if (restoring->linked) {
		unlink(restoring->kept);
	} else if (restoring->kept != NULL && !is_there(path, "")) {
		move_beside(restoring->kept, path, "");
	}
}

static int replace(struct restoring *restoring, struct buf *why)
{
	struct store_admin_restore *restore = restoring->restore;
	uint64_t bytes;
	int err = make_copy(restoring, why);

	if (err != 0) {
		return err;
	}
	if (is_there(restoring->target.path, "-wal")) {
		tidy_former(restoring);
	}
	err = keep_former(restoring, why);
	if (err == 0) {
		err = backup_file_complete(&restoring->copy, &bytes, why);
	}
	if (err != 0 && restoring->copy.temporary != NULL) {
		take_back(restoring);
	}
	if (err == 0 && (is_there(restoring->kept, "") || is_there(restoring->kept, "-wal"))) {
		restore->kept = arena_strdup(restore->arena, restoring->kept);
	}
	return err;
}

/* ---- all ---- */

static int plan(struct restoring *restoring, struct bytes path, struct buf *why)
{
	struct store_admin_restore *restore = restoring->restore;
	struct sqlite_file file;
	struct buf damage = {0};
	int err = sqlite_file_look(path, &file, &damage);

	if (err == 0) {
		restore->place = arena_strdup(restore->arena, file.path);
		if (!file.is_new) {
			char *kept = name_kept(file.path);
			restore->kept = arena_strdup(restore->arena, kept);
			free(kept);
		}
		restoring->target.path = file.path;
		err = check_other(restoring, why);
		restoring->target.path = NULL;
		sqlite_file_close(&file);
	} else if (err == ERR_CORRUPT) {
		restore->place = arena_dup(restore->arena, path).ptr;
		err = 0;
	} else {
		buf_append_bytes(why, buf_bytes(&damage));
	}
	buf_finish(&damage);
	return err;
}

static int restore_all(struct restoring *restoring, struct bytes path, struct buf *why)
{
	struct store_admin_restore *restore = restoring->restore;
	int err = open_source(restoring, why);

	if (err == 0 && restore->plan) {
		return plan(restoring, path, why);
	}
	if (err == 0) {
		err = lock_target(restoring, path, why);
	}
	if (err == 0) {
		restore->place = arena_strdup(restore->arena, restoring->target.path);
		err = check_other(restoring, why);
	}
	return err != 0 ? err : replace(restoring, why);
}

int sqlite_admin_restore(struct bytes path, struct store_admin_restore *restore, struct buf *why)
{
	struct restoring restoring = {
		.restore = restore,
		.source = {.lock_fd = -1},
		.target = {.lock_fd = -1},
		.copy = {.fd = -1},
	};

	read_former(path, restore->former);
	int err = restore_all(&restoring, path, why);
	sqlite_close(&restoring.from);
	sqlite_file_close(&restoring.source);
	backup_file_finish(&restoring.copy);
	sqlite_file_close(&restoring.target);
	free(restoring.kept);
	return err == ERR_UNAVAILABLE || err == ERR_UNCERTAIN ? ERR_SYSTEM : err;
}
