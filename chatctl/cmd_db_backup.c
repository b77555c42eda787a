/* db backup and restore. */
#include "chatctl/cmd_db.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chatctl/progress.h"
#include "chatctl/text.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/admin.h"

/* Where PostgreSQL's client programs are, for who has them in a place of their own. */
#define PROGRAMS_VARIABLE "CHATCTL_POSTGRESQL_BIN"

static const char *find_programs(void)
{
	const char *folder = getenv(PROGRAMS_VARIABLE);

	return folder != NULL && folder[0] != '\0' ? folder : NULL;
}

static const char *path_argument(const struct cmd *cmd, const char *name)
{
	const struct invocation *invocation = cmd->invocation;

	return arena_dup(invocation->arena, ctl_args_text(&invocation->args, name)).ptr;
}

static struct value milliseconds_since(uint64_t start_us)
{
	return value_int((int64_t)((clock_mono_us(&clock_system) - start_us) / 1000));
}

static int on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	progress_name(ctx, what);
	progress_update(ctx, done, total);
	return db_signals_waiting();
}

/* One line for people. */
static int put_plan(struct cmd *cmd, struct buf *text)
{
	struct buf line = {0};

	text_escape(&line, buf_bytes(text), false);
	buf_append_char(&line, '\n');
	int err = output_raw(cmd->output, buf_bytes(&line));
	buf_finish(text);
	buf_finish(&line);
	return err;
}

/* ---- backup ---- */

static bool may_make(const char *target)
{
	char *copy = mem_strdup(target);
	bool may = access(dirname(copy), W_OK) == 0;

	free(copy);
	return may;
}

static int run_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why)
{
	sigset_t before;

	db_signals_hold(&before);
	int err = store_admin_backup(url, backup, why);
	progress_finish(backup->ctx);
	db_signals_release(&before);
	return err;
}

static int put_backup(struct cmd *cmd, const struct store_admin_backup *backup, uint64_t start_us)
{
	struct value item = value_object(cmd->invocation->arena, 4);

	value_put(&item, "target", value_str(backup->target));
	value_put(&item, "bytes", value_int((int64_t)backup->bytes));
	value_put(&item, "messages", value_int((int64_t)backup->messages));
	value_put(&item, "ms", milliseconds_since(start_us));
	return output_item(cmd->output, &item);
}

static int plan_backup(struct cmd *cmd, struct bytes url, const char *target)
{
	struct store_admin_status status;
	struct buf why = {0}, text = {0};
	int err = store_admin_status(url, cmd->invocation->arena, &status, &why);

	if (err != 0) {
		return db_fail(cmd, url, err, &why);
	}
	buf_finish(&why);
	buf_printf(&text, "%s (%llu bytes, %llu messages) would be copied to %s", status.place,
		(unsigned long long)(status.bytes + status.wal_bytes),
		(unsigned long long)status.messages, target);
	return put_plan(cmd, &text);
}

int cmd_db_backup(struct cmd *cmd)
{
	const struct invocation *invocation = cmd->invocation;
	struct progress progress;
	struct store_admin_backup backup = {
		.target = path_argument(cmd, "target"),
		.force = ctl_args_flag(&invocation->args, "force"),
		.programs = find_programs(),
		.progress = on_progress,
		.ctx = &progress,
	};
	struct bytes url;
	struct buf why = {0};
	uint64_t start_us = clock_mono_us(&clock_system);
	int err = db_find(cmd, &url);

	if (err != 0) {
		return err;
	}
	if (invocation->options.dry_run) {
		return plan_backup(cmd, url, backup.target);
	}
	progress_init(&progress, &invocation->options, "backup");
	err = run_backup(url, &backup, &why);
	if (err == ERR_FORBIDDEN && !may_make(backup.target)) {
		return db_fail_plain(cmd, err, &why);
	}
	if (err != 0) {
		return db_fail(cmd, url, err, &why);
	}
	buf_finish(&why);
	return put_backup(cmd, &backup, start_us);
}

/* ---- restore ---- */

struct restoring {
	struct bytes url;
	struct store_admin_restore restore;
};

static int restore_once(void *ctx, struct buf *why)
{
	struct restoring *restoring = ctx;

	return store_admin_restore(restoring->url, &restoring->restore, why);
}

static int run_restore(struct cmd *cmd, struct restoring *restoring, struct buf *why)
{
	sigset_t before;

	db_signals_hold(&before);
	int err = db_wait(cmd, restore_once, restoring, why);
	progress_finish(restoring->restore.ctx);
	db_signals_release(&before);
	return err;
}

static struct value text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? value_str(text) : value_null;
}

static int put_restore(
	struct cmd *cmd, const struct store_admin_restore *restore, uint64_t start_us)
{
	struct value item = value_object(cmd->invocation->arena, 10);

	value_put(&item, "source", value_str(restore->source));
	value_put(&item, "database", text_or_null(restore->place));
	value_put(&item, "messages", value_int((int64_t)restore->messages));
	value_put(&item, "rooms", value_int((int64_t)restore->rooms));
	value_put(&item, "schema", value_int(restore->schema));
	value_put(&item, "missing", value_int((int64_t)restore->missing));
	value_put(&item, "epoch", text_or_null(restore->epoch));
	value_put(&item, "formerEpoch", text_or_null(restore->former));
	value_put(&item, "kept", text_or_null(restore->kept));
	value_put(&item, "ms", milliseconds_since(start_us));
	return output_item(cmd->output, &item);
}

static int plan_restore(struct cmd *cmd, const struct store_admin_restore *restore)
{
	struct buf text = {0};

	buf_printf(&text, "%s (schema %u, %llu rooms, %llu messages) would replace what is in %s",
		restore->source, (unsigned)restore->schema, (unsigned long long)restore->rooms,
		(unsigned long long)restore->messages, restore->place);
	if (restore->kept != NULL) {
		buf_printf(&text, ", which would be kept as %s", restore->kept);
	}
	buf_append_str(&text, "; a new epoch would begin");
	return put_plan(cmd, &text);
}

/* For people: chatd does it by itself on SQLite. */
static void offer_migration(struct cmd *cmd, const struct store_admin_restore *restore)
{
	if (restore->missing > 0 && !cmd->invocation->options.quiet) {
		fprintf(stderr,
			"chatctl: the backup has the older schema %u; chatctl db migrate brings it "
			"up to date\n",
			(unsigned)restore->schema);
	}
}

int cmd_db_restore(struct cmd *cmd)
{
	const struct invocation *invocation = cmd->invocation;
	struct progress progress;
	struct restoring restoring = {
		.restore =
			{
				.source = path_argument(cmd, "source"),
				.plan = invocation->options.dry_run,
				.programs = find_programs(),
				.progress = on_progress,
				.ctx = &progress,
				.arena = invocation->arena,
			},
	};
	struct buf why = {0};
	uint64_t start_us = clock_mono_us(&clock_system);
	int err = db_find(cmd, &restoring.url);

	if (err != 0) {
		return err;
	}
	progress_init(&progress, &invocation->options, "restore");
	err = run_restore(cmd, &restoring, &why);
	if (err != 0 && access(restoring.restore.source, R_OK) != 0) {
		return db_fail_plain(cmd, err, &why);
	}
	if (err != 0) {
		return db_fail(cmd, restoring.url, err, &why);
	}
	buf_finish(&why);
	if (restoring.restore.plan) {
		return plan_restore(cmd, &restoring.restore);
	}
	err = put_restore(cmd, &restoring.restore, start_us);
	offer_migration(cmd, &restoring.restore);
	return err;
}
