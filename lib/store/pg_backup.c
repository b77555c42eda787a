/* Backups: pg_dump's archive of one snapshot, looked at before it becomes the target. */
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/err.h"
#include "lib/store/backup_file.h"
#include "lib/store/child.h"
#include "lib/store/pg_admin.h"
#include "lib/store/pg_admin_link.h"
#include "lib/store/pg_archive.h"

enum { TICK_MS = 100, ARGUMENTS = 12 };

/* Behind a migration, or whoever else locks whole tables. */
#define LOCK_WAIT "--lock-wait-timeout=60000"

struct dumping {
	struct store_admin_backup *backup;
	struct pg_admin admin;
	struct pg_tools tools;
	struct backup_file file;
	char *snapshot; /* its name */
};

/* ---- the snapshot ---- */

static int read_snapshot(void *ctx, const struct pg_result *result)
{
	struct dumping *dumping = ctx;

	dumping->snapshot = mem_dup_bytes(pg_bytes(result, 0, 0));
	return 0;
}

static int read_counts(void *ctx, const struct pg_result *result)
{
	struct dumping *dumping = ctx;

	dumping->backup->messages = (uint64_t)pg_int(result, 0, 2);
	return 0;
}

/* pg_dump reads what this connection sees, so that what is counted is what the file holds. */
static int begin_snapshot(struct dumping *dumping, struct buf *why)
{
	struct pg_admin *admin = &dumping->admin;
	int err = pg_admin_snapshot(admin, why);

	if (err == 0) {
		err = pg_admin_run(admin, PG_SQL_ADMIN_SNAPSHOT, NULL, read_snapshot, dumping, why);
	}
	if (err == 0) {
		err = pg_admin_run(admin, PG_SQL_ADMIN_COUNTS, NULL, read_counts, dumping, why);
	}
	return err;
}

/* ---- pg_dump ---- */

static int progress(const struct dumping *dumping)
{
	const struct store_admin_backup *backup = dumping->backup;
	struct stat st;
	uint64_t done = fstat(dumping->file.fd, &st) == 0 ? (uint64_t)st.st_size : 0;

	return backup->progress != NULL
		       ? backup->progress(backup->ctx, "backup", done, dumping->admin.bytes)
		       : 0;
}

static int fail(const struct dumping *dumping, const struct child *child, struct buf *why)
{
	const char *said = child->said.len > 0 ? child->said.data : "";
	size_t len = child->said.len;
	int err = ERR_SYSTEM;

	if (memmem(said, len, "No space left", 13) != NULL ||
		memmem(said, len, "Disk quota exceeded", 19) != NULL) {
		err = ERR_STORAGE_FULL;
	} else if (memmem(said, len, "permission denied", 17) != NULL) {
		err = ERR_FORBIDDEN;
	}
	buf_printf(why, "%s/pg_dump did not come to its end: ", dumping->tools.folder);
	pg_tools_end(child, why);
	return err;
}

static int await(struct dumping *dumping, struct child *child, struct buf *why)
{
	int err = 0;

	while (err == 0 && !child_wait(child, TICK_MS)) {
		err = progress(dumping);
	}
	if (err == 0) {
		err = progress(dumping); /* who ended us may have ended it as well */
	}
	if (err == 0 && !child_went_well(child)) {
		err = fail(dumping, child, why);
	}
	return err;
}

static int run_pg_dump(struct dumping *dumping, struct buf *why)
{
	const struct pg_tools *tools = &dumping->tools;
	const int fds[CHILD_FDS] = {-1, dumping->file.fd, -1, -1};
	char *path = pg_tools_path(tools, "pg_dump");
	struct buf schema = {0}, changes = {0}, snapshot = {0};
	struct child child;

	buf_append_str(&schema, "--schema=");
	pg_admin_quote(&schema, bytes_str(dumping->admin.home));
	buf_append_str(&changes, "--exclude-table-data=");
	pg_admin_quote(&changes, bytes_str(dumping->admin.home));
	buf_append_str(&changes, ".changes");
	buf_printf(&snapshot, "--snapshot=%s", dumping->snapshot);
	const char *const argv[ARGUMENTS] = {path, "--format=custom", "--no-password", LOCK_WAIT,
		buf_cstr(&schema), buf_cstr(&changes), buf_cstr(&snapshot),
		tools->target != NULL ? "--dbname" : NULL, tools->target, NULL};
	int err = child_start(&child, argv, tools->environment, fds, why);
	if (err == 0) {
		err = await(dumping, &child, why);
	}
	child_finish(&child);
	buf_finish(&schema);
	buf_finish(&changes);
	buf_finish(&snapshot);
	free(path);
	return err;
}

/* ---- the archive ---- */

static int check_archive(struct dumping *dumping, struct buf *why)
{
	const struct pg_schema *schema = &dumping->admin.schema;
	struct pg_archive archive = {
		.fd = dumping->file.fd,
		.name = "what pg_dump wrote",
		.schema = bytes_str(dumping->admin.home),
	};
	struct pg_objects objects;

	pg_objects_list(migrate_postgres(), &objects);
	int err = pg_archive_list(&archive, &dumping->tools, &objects, why);
	if (err == 0) {
		uint32_t no = schema->rows[schema->count - 1].no;
		err = pg_archive_check(&archive, &objects, no, why);
	}
	pg_archive_finish(&archive);
	pg_objects_finish(&objects);
	return err == ERR_BAD_CONTENT || err == ERR_CONFLICT ? ERR_CORRUPT : err;
}

static int dump(struct dumping *dumping, struct buf *why)
{
	struct store_admin_backup *backup = dumping->backup;
	int version = pg_link_server_version(pg_direct_link(dumping->admin.direct));
	int err = pg_tools_find(
		backup->programs, "pg_dump", version, &dumping->admin.url, &dumping->tools, why);

	if (err == 0) {
		err = begin_snapshot(dumping, why);
	}
	if (err == 0) {
		err = backup_file_begin(&dumping->file, backup->target, backup->force, why);
	}
	if (err == 0) {
		err = run_pg_dump(dumping, why);
	}
	if (err == 0) {
		err = check_archive(dumping, why);
	}
	return err != 0 ? err : backup_file_complete(&dumping->file, &backup->bytes, why);
}

int pg_admin_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why)
{
	struct dumping dumping = {.backup = backup, .file = {.fd = -1}};
	int err = backup_file_name(backup->target, why);

	if (err == 0) {
		err = backup_file_check(backup->target, backup->force, why);
	}
	if (err == 0) {
		err = pg_admin_open_migrated(url, &dumping.admin, why);
	}
	if (err != 0) {
		return err;
	}
	err = dump(&dumping, why);
	backup_file_finish(&dumping.file);
	pg_tools_finish(&dumping.tools);
	pg_admin_close(&dumping.admin);
	free(dumping.snapshot);
	return err;
}
