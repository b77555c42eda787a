/* check live, ready, database: what monitoring asks, with the exit codes of a Nagios plugin. */
#include <time.h>

#include "chatctl/database.h"
#include "chatctl/locate.h"
#include "chatctl/probe.h"
#include "chatctl/remote.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/admin.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define AGAIN_US 50000

/* A WAL is a few MiB and is cut at 64; what is more waits for a reader that does not end. */
#define WAL_WARN (256 * MIB)
#define WAL_CRIT (1024 * MIB)
#define FREE_WARN (512 * MIB)
#define FREE_CRIT (64 * MIB)

struct check {
	struct cmd *cmd;
	uint64_t warn_us, crit_us; /* 0: no bound */
	struct probe probe;
	/* Of the daemon's status. */
	int64_t pid;
	const char *url; /* of its database, NULL: not told */
	bool store_answered;
};

/* ---- asking the daemon ---- */

static double seconds(uint64_t us)
{
	return (double)us / 1e6;
}

static int on_item(void *ctx, const struct value *item)
{
	struct check *check = ctx;
	const struct value *pid = value_get(item, "pid");
	const struct value *url = value_get(item, "databaseUrl");
	const struct value *messages = value_get(item, "messages");

	if (pid != NULL && pid->kind == VALUE_INT) {
		check->pid = pid->integer;
	}
	if (url != NULL && url->kind == VALUE_TEXT) {
		check->url = arena_dup(check->probe.arena, url->text).ptr;
	}
	check->store_answered = messages != NULL && messages->kind == VALUE_INT;
	return 0;
}

/* Which failures say that the daemon is ill, and not that it could not be asked. */
static enum cmd_check_level level_of(int err)
{
	switch (err) {
	case ERR_FORBIDDEN:
	case ERR_CONFIG:
	case ERR_USAGE:
	case ERR_BAD_REQUEST:
	case ERR_MISMATCH:
	case ERR_NOT_SUPPORTED:
		return CMD_CHECK_UNKNOWN;
	default:
		return CMD_CHECK_CRITICAL;
	}
}

static void measure_answer(struct check *check)
{
	const struct probe_metric metric = {
		.name = "time",
		.unit = "s",
		.value = seconds(check->probe.us),
		.warn = seconds(check->warn_us),
		.crit = seconds(check->crit_us),
	};
	probe_measure(&check->probe, &metric);
	double ms = (double)check->probe.us / 1000;
	if (check->crit_us != 0 && check->probe.us > check->crit_us) {
		probe_find(&check->probe, CMD_CHECK_CRITICAL, "the answer took %.1f ms", ms);
	} else if (check->warn_us != 0 && check->probe.us > check->warn_us) {
		probe_find(&check->probe, CMD_CHECK_WARNING, "the answer took %.1f ms", ms);
	}
}

/* Asks one command, and says what failed. 0 where the daemon answered, whatever time it took. */
static int ask(struct check *check, const char *command, const char *good)
{
	const struct options *options = &check->cmd->invocation->options;
	struct failure failure = {.arena = check->probe.arena};
	const struct value args = value_object(check->probe.arena, 0);
	struct locate locate;
	int err = locate_socket(&locate, options, &failure);
	uint64_t timeout = options->timeout_us;

	if (err == 0) {
		const struct remote_call call = {.locate = &locate,
			.command = command,
			.args = &args,
			.timeout_us = check->crit_us != 0 && check->crit_us < timeout
					      ? check->crit_us
					      : timeout,
			.item = on_item,
			.ctx = check};
		uint64_t start = clock_mono_us(&clock_system);
		err = remote_call(&call, &failure);
		check->probe.us = clock_mono_us(&clock_system) - start;
	}
	if (err < 0) {
		probe_find(&check->probe, level_of(err), "%s", failure.message);
		return err;
	}
	check->probe.timed = true;
	probe_find(
		&check->probe, CMD_CHECK_OK, "%s in %.1f ms", good, (double)check->probe.us / 1000);
	measure_answer(check);
	return 0;
}

static void check_live(struct check *check)
{
	ask(check, "ping", "chatd answers");
}

static void check_ready(struct check *check)
{
	ask(check, "check ready", "chatd is ready: store and sockets answer");
}

/* ---- the database ---- */

static void find_size(struct check *check, const char *name, const char *what, uint64_t size,
	enum cmd_check_level level)
{
	const bool is_wal = strcmp(name, "wal") == 0;
	const struct probe_metric metric = {
		.name = name,
		.unit = "B",
		.value = (double)size,
		.warn = (double)(is_wal ? WAL_WARN : FREE_WARN),
		.crit = (double)(is_wal ? WAL_CRIT : FREE_CRIT),
		.low = !is_wal,
	};
	bool is_large = size >= 10 * GIB;
	probe_measure(&check->probe, &metric);
	probe_find(&check->probe, level, "%s %.1f %s", what,
		(double)size / (double)(is_large ? GIB : MIB), is_large ? "GiB" : "MiB");
}

static void judge_files(struct check *check, const struct store_admin_status *status)
{
	uint64_t wal = status->wal_bytes;
	uint64_t space = status->free_bytes;

	find_size(check, "wal", "WAL", wal,
		wal > WAL_CRIT	 ? CMD_CHECK_CRITICAL
		: wal > WAL_WARN ? CMD_CHECK_WARNING
				 : CMD_CHECK_OK);
	find_size(check, "free", "free space", space,
		space < FREE_CRIT   ? CMD_CHECK_CRITICAL
		: space < FREE_WARN ? CMD_CHECK_WARNING
				    : CMD_CHECK_OK);
}

/* A server's files are its own affair. */
static void judge_database(
	struct check *check, const struct store_admin_status *status, bool daemon_there)
{
	struct probe *probe = &check->probe;

	if (status->server == NULL) {
		judge_files(check, status);
	}
	if (status->problem != NULL) {
		probe_find(probe, CMD_CHECK_CRITICAL, "%s", status->problem);
	} else if (status->missing_count > 0) {
		/* A daemon that serves it does not know the migration: this program is newer. */
		probe_find(probe, daemon_there ? CMD_CHECK_WARNING : CMD_CHECK_CRITICAL,
			"schema %u lacks migration %s", (unsigned)status->schema,
			status->missing[0]);
	} else {
		probe_find(probe, CMD_CHECK_OK, "schema %u is current", (unsigned)status->schema);
	}
}

static int find_database(struct check *check, struct bytes *ret_url)
{
	struct failure failure = {.arena = check->probe.arena};
	const struct options *options = &check->cmd->invocation->options;
	const char *url = NULL;
	int err = check->url != NULL
			  ? database_of_daemon(&url, check->url, check->pid, options, &failure)
			  : locate_database(&url, NULL, options, &failure);

	if (err == ERR_CONFIG && check->url != NULL) {
		/* Who may ask the daemon need not know the password. */
		probe_find(&check->probe, CMD_CHECK_OK, "the database is not open to this user");
		return err;
	}
	if (err < 0) {
		probe_find(&check->probe, CMD_CHECK_UNKNOWN, "%s", failure.message);
		return err;
	}
	*ret_url = bytes_str(url);
	return 0;
}

static void look_at_database(struct check *check, bool daemon_there)
{
	struct store_admin_status status;
	struct bytes url;
	struct buf why = {0};

	if (find_database(check, &url) < 0) {
		return;
	}
	int err = store_admin_status(url, check->probe.arena, &status, &why);
	if (err == 0) {
		judge_database(check, &status, daemon_there);
	} else if (err == ERR_FORBIDDEN && daemon_there) {
		/* Who may ask the daemon may not always look into its database. */
		probe_find(&check->probe, CMD_CHECK_OK, "the database is not open to this user");
	} else {
		probe_find(&check->probe,
			err == ERR_FORBIDDEN ? CMD_CHECK_UNKNOWN : CMD_CHECK_CRITICAL, "%s",
			why.len > 0 ? buf_cstr(&why) : err_text(err));
	}
	buf_finish(&why);
}

/* A daemon that is away is for the other checks to cry about: where its database is well, this is a
 * warning. */
static void check_database(struct check *check)
{
	struct probe *probe = &check->probe;
	int err = ask(check, "status", "the store answers");

	if (err == 0 && !check->store_answered) {
		probe_find(probe, CMD_CHECK_CRITICAL, "the store does not answer the daemon");
	}
	if (err == ERR_UNREACHABLE) {
		probe->text = NULL;
		probe_find(probe, CMD_CHECK_WARNING,
			"chatd is not there; looked at the database itself");
	}
	if (err == 0 || err == ERR_UNREACHABLE) {
		look_at_database(check, err == 0);
	}
}

/* ---- all of them ---- */

static int read_bounds(struct check *check)
{
	const struct value *args = &check->cmd->invocation->args;

	check->warn_us = (uint64_t)ctl_args_number(args, "warn", 0) * 1000;
	check->crit_us = (uint64_t)ctl_args_number(args, "crit", 0) * 1000;
	if (check->crit_us != 0 && check->warn_us > check->crit_us) {
		return failure_set(check->cmd->failure, ERR_USAGE, NULL,
			"--warn is a longer time than --crit");
	}
	return 0;
}

/* With --wait until all is well. */
static void run_checks(struct check *check, const char *name, void (*fn)(struct check *check))
{
	const struct options *options = &check->cmd->invocation->options;
	uint64_t end = clock_mono_us(&clock_system) + options->wait_us;

	for (;;) {
		check->probe = (struct probe){.name = name, .arena = check->cmd->invocation->arena};
		fn(check);
		if (!options->wait || check->probe.level != CMD_CHECK_CRITICAL ||
			clock_mono_us(&clock_system) + AGAIN_US >= end) {
			return;
		}
		const struct timespec pause = {.tv_nsec = AGAIN_US * 1000};
		nanosleep(&pause, NULL);
	}
}

static int put_outcome(struct check *check)
{
	const struct invocation *invocation = check->cmd->invocation;
	const struct options *options = &invocation->options;
	struct bytes format = ctl_args_text(&invocation->args, "format");
	struct buf text = {0};
	int err;

	if (format.len == 0 &&
		(options->format_given || options->columns != NULL || options->quiet)) {
		struct value item = probe_item(&check->probe);
		return output_item(check->cmd->output, &item);
	}
	probe_write(&check->probe, format.ptr, &text);
	err = output_raw(check->cmd->output, buf_bytes(&text));
	buf_finish(&text);
	return err;
}

static int run(struct cmd *cmd, const char *name, void (*fn)(struct check *check))
{
	struct check check = {.cmd = cmd};
	int err = read_bounds(&check);

	if (err < 0) {
		return err;
	}
	run_checks(&check, name, fn);
	err = put_outcome(&check);
	if (err < 0) {
		return err;
	}
	cmd->failure->exit = (int)check.probe.level;
	cmd->failure->told = true;
	return 0;
}

int cmd_check_live(struct cmd *cmd)
{
	return run(cmd, "live", check_live);
}

int cmd_check_ready(struct cmd *cmd)
{
	return run(cmd, "ready", check_ready);
}

int cmd_check_database(struct cmd *cmd)
{
	return run(cmd, "database", check_database);
}
