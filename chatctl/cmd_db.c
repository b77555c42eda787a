/* db status, migrate, backup, verify: on the database itself, whether chatd runs or not. */
#include "chatctl/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "chatctl/database.h"
#include "chatctl/progress.h"
#include "chatctl/text.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/admin.h"

#define AGAIN_US 50000

/* ---- which database, and what failed ---- */

static int find_database(struct cmd *cmd, struct bytes *ret_url)
{
	struct bytes given = ctl_args_text(&cmd->invocation->args, "url");
	const char *url = NULL;

	if (given.len > 0) {
		*ret_url = given;
		return 0;
	}
	int err = database_find(&url, &cmd->invocation->options, cmd->failure);
	if (err == 0) {
		*ret_url = bytes_str(url);
	}
	return err;
}

static const char *hint_for(int err)
{
	switch (err) {
	case ERR_NOT_FOUND:
		return "name it with --url sqlite:PATH, or the settings file with --config; "
		       "chatctl db migrate makes a new one, as chatd does at its first start";
	case ERR_BUSY:
		return "stop chatd first (systemctl stop chatd); --wait waits until it has ended";
	case ERR_FORBIDDEN:
		return "be root, or the user that chatd runs as";
	case ERR_CORRUPT:
		return "is this really chatd's database? If it is, restore a backup";
	case ERR_EXISTS:
		return "--force replaces it";
	default:
		return NULL;
	}
}

/* Takes why, which it finishes. */
static int fail(struct cmd *cmd, int err, struct buf *why)
{
	failure_set(cmd->failure, err, hint_for(err), "%s",
		why->len > 0 ? buf_cstr(why) : err_text(err));
	buf_finish(why);
	return err;
}

/* ---- status ---- */

static struct value missing_names(struct arena *arena, const struct store_admin_status *status)
{
	struct value names = value_array(arena, (uint32_t)status->missing_count);

	for (size_t i = 0; i < status->missing_count; i++) {
		value_add(&names, value_str(status->missing[i]));
	}
	return names;
}

static struct value status_item(struct arena *arena, const struct store_admin_status *status)
{
	const struct {
		const char *name;
		uint64_t n;
	} numbers[] = {
		{"oldestProgram", status->oldest_program},
		{"users", status->users},
		{"rooms", status->rooms},
		{"messages", status->messages},
		{"bytes", status->bytes},
		{"walBytes", status->wal_bytes},
		{"freeBytes", status->free_bytes},
	};
	struct value item = value_object(arena, 13);

	value_put(&item, "url", value_str(arena_printf(arena, "sqlite:%s", status->place)));
	value_put(&item, "schema", value_int(status->schema));
	value_put(&item, "missing", missing_names(arena, status));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		value_put(&item, numbers[i].name, value_int((int64_t)numbers[i].n));
	}
	value_put(&item, "epoch", status->epoch[0] != '\0' ? value_str(status->epoch) : value_null);
	value_put(&item, "heldBy", status->held ? value_int(status->holder) : value_null);
	value_put(&item, "problem",
		status->problem != NULL ? value_str(status->problem) : value_null);
	return item;
}

int cmd_db_status(struct cmd *cmd)
{
	struct arena *arena = cmd->invocation->arena;
	struct store_admin_status status;
	struct bytes url;
	struct buf why = {0};
	int err = find_database(cmd, &url);

	if (err != 0) {
		return err;
	}
	err = store_admin_status(url, arena, &status, &why);
	if (err != 0) {
		return fail(cmd, err, &why);
	}
	buf_finish(&why);
	struct value item = status_item(arena, &status);
	err = output_item(cmd->output, &item);
	if (err == 0 && status.problem != NULL) {
		err = failure_set(cmd->failure, ERR_CONFIG, NULL, "%s", status.problem);
	}
	return err;
}

/* ---- migrate ---- */

struct migrating {
	struct cmd *cmd;
	size_t count; /* steps so far */
	bool applied; /* one of them was done */
	int err; /* of the output */
};

static void on_step(void *ctx, const struct store_admin_step *step)
{
	struct migrating *migrating = ctx;
	struct arena *arena = migrating->cmd->invocation->arena;
	struct value item = value_object(arena, 4);

	migrating->count++;
	migrating->applied = migrating->applied || step->applied;
	value_put(&item, "no", value_int(step->no));
	value_put(&item, "name", value_str(step->name));
	value_put(&item, "applied", value_bool(step->applied));
	value_put(&item, "ms", step->applied ? value_int((int64_t)(step->us / 1000)) : value_null);
	if (migrating->err == 0) {
		migrating->err = output_item(migrating->cmd->output, &item);
	}
}

static int migrate_once(struct migrating *migrating, struct bytes url, struct buf *why)
{
	const struct invocation *invocation = migrating->cmd->invocation;

	return store_admin_migrate(url, (uint32_t)ctl_args_number(&invocation->args, "to", 0),
		invocation->options.dry_run, on_step, migrating, why);
}

/* With --wait until nobody has it any more. */
static int migrate_all(struct migrating *migrating, struct bytes url, struct buf *why)
{
	const struct options *options = &migrating->cmd->invocation->options;
	uint64_t end = clock_mono_us(&clock_system) + options->wait_us;
	int err = migrate_once(migrating, url, why);

	while (err == ERR_BUSY && options->wait && clock_mono_us(&clock_system) < end) {
		const struct timespec pause = {.tv_nsec = AGAIN_US * 1000};
		nanosleep(&pause, NULL);
		buf_clear(why);
		err = migrate_once(migrating, url, why);
	}
	return err;
}

int cmd_db_migrate(struct cmd *cmd)
{
	struct migrating migrating = {.cmd = cmd};
	struct bytes url;
	struct buf why = {0};
	int err = find_database(cmd, &url);

	if (err != 0) {
		return err;
	}
	err = migrate_all(&migrating, url, &why);
	if (err != 0) {
		return fail(cmd, migrating.applied ? ERR_PARTIAL : err, &why);
	}
	buf_finish(&why);
	if (migrating.count == 0 && !cmd->invocation->options.quiet && isatty(STDERR_FILENO)) {
		fputs("chatctl: no migration is missing\n", stderr);
	}
	return migrating.err;
}

/* ---- backup ---- */

/* The user wants it to end: the signal waits until the half-made file is gone. */
static bool is_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGHUP);
}

static int on_backup_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	(void)what;
	progress_update(ctx, done, total);
	return is_interrupted() ? ERR_CANCELLED : 0;
}

static int run_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why)
{
	sigset_t held, before;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, &before);
	int err = store_admin_backup(url, backup, why);
	progress_finish(backup->ctx);
	sigprocmask(SIG_SETMASK, &before, NULL); /* what waited ends the program here */
	return err;
}

static int put_backup(struct cmd *cmd, const struct store_admin_backup *backup, uint64_t start_us)
{
	struct value item = value_object(cmd->invocation->arena, 4);
	uint64_t us = clock_mono_us(&clock_system) - start_us;

	value_put(&item, "target", value_str(backup->target));
	value_put(&item, "bytes", value_int((int64_t)backup->bytes));
	value_put(&item, "messages", value_int((int64_t)backup->messages));
	value_put(&item, "ms", value_int((int64_t)(us / 1000)));
	return output_item(cmd->output, &item);
}

static int plan_backup(struct cmd *cmd, struct bytes url, const char *target)
{
	struct store_admin_status status;
	struct buf why = {0}, text = {0}, line = {0};
	int err = store_admin_status(url, cmd->invocation->arena, &status, &why);

	if (err != 0) {
		return fail(cmd, err, &why);
	}
	buf_finish(&why);
	buf_printf(&text, "%s (%llu bytes, %llu messages) would be copied to %s", status.place,
		(unsigned long long)(status.bytes + status.wal_bytes),
		(unsigned long long)status.messages, target);
	text_escape(&line, buf_bytes(&text), false);
	buf_append_char(&line, '\n');
	err = output_raw(cmd->output, buf_bytes(&line));
	buf_finish(&text);
	buf_finish(&line);
	return err;
}

int cmd_db_backup(struct cmd *cmd)
{
	const struct invocation *invocation = cmd->invocation;
	struct bytes target = ctl_args_text(&invocation->args, "target");
	struct progress progress;
	struct store_admin_backup backup = {
		.target = arena_dup(invocation->arena, target).ptr,
		.force = ctl_args_flag(&invocation->args, "force"),
		.progress = on_backup_progress,
		.ctx = &progress,
	};
	struct bytes url;
	struct buf why = {0};
	uint64_t start_us = clock_mono_us(&clock_system);
	int err = find_database(cmd, &url);

	if (err != 0) {
		return err;
	}
	if (invocation->options.dry_run) {
		return plan_backup(cmd, url, backup.target);
	}
	progress_init(&progress, &invocation->options, "backup");
	err = run_backup(url, &backup, &why);
	if (err != 0) {
		return fail(cmd, err, &why);
	}
	buf_finish(&why);
	return put_backup(cmd, &backup, start_us);
}

/* ---- verify ---- */

struct verifying {
	struct cmd *cmd;
	struct progress progress;
};

static int on_finding(void *ctx, const struct store_admin_finding *finding)
{
	struct verifying *verifying = ctx;
	struct arena *arena = verifying->cmd->invocation->arena;
	struct value item = value_object(arena, 3);
	struct bytes detail = arena_dup(arena, bytes_str(finding->detail));

	value_put(&item, "check", value_str(finding->check));
	value_put(&item, "ok", value_bool(finding->ok));
	value_put(&item, "detail", value_text(detail));
	progress_finish(&verifying->progress);
	return output_item(verifying->cmd->output, &item);
}

static int on_verify_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct verifying *verifying = ctx;

	progress_name(&verifying->progress, what);
	progress_update(&verifying->progress, done, total);
	return 0;
}

int cmd_db_verify(struct cmd *cmd)
{
	struct verifying verifying = {.cmd = cmd};
	struct store_admin_verify verify = {
		.finding = on_finding, .progress = on_verify_progress, .ctx = &verifying};
	struct bytes url;
	struct buf why = {0};
	int err = find_database(cmd, &url);

	if (err != 0) {
		return err;
	}
	progress_init(&verifying.progress, &cmd->invocation->options, "verify");
	err = store_admin_verify(url, &verify, &why);
	progress_finish(&verifying.progress);
	if (err == ERR_CLOSED || (err != 0 && cmd->failure->exit != 0)) {
		buf_finish(&why);
		return err; /* of the output */
	}
	if (err != 0) {
		return fail(cmd, err, &why);
	}
	buf_finish(&why);
	return verify.bad == 0 ? 0
			       : failure_set(cmd->failure, ERR_CORRUPT, "restore a backup",
					 "the database is damaged: %llu findings",
					 (unsigned long long)verify.bad);
}
