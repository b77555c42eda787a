/* db status, and what all db commands share. They work on the database itself, whether chatd runs
 * or not. */
#include "chatctl/cmd_db.h"

#include <time.h>

#include "chatctl/database.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/admin.h"
#include "lib/store/pg_url.h"

#define AGAIN_US 50000

/* ---- which database ---- */

/* Whoever may see the list of processes sees arguments. A URL that cannot be read is refused later.
 */
static int refuse_secrets(struct cmd *cmd, struct bytes url)
{
	struct buf why = {0};
	struct pg_url parsed;
	bool secret = false;

	if (pg_url_is(url) && pg_url_parse(url, &parsed, &why) == 0) {
		for (size_t i = 0; i < parsed.count; i++) {
			secret = secret || strcmp(parsed.keywords[i], "password") == 0 ||
				 strcmp(parsed.keywords[i], "sslpassword") == 0;
		}
		pg_url_finish(&parsed);
	}
	buf_finish(&why);
	return secret ? failure_set(cmd->failure, ERR_USAGE,
				"name the settings file with --config, or put the URL into "
				"CHATD_DATABASE_URL, or the password into ~/.pgpass",
				"--url has a password in it, and arguments are seen by others")
		      : 0;
}

int db_find(struct cmd *cmd, struct bytes *ret_url)
{
	struct bytes given = ctl_args_text(&cmd->invocation->args, "url");
	const char *url = NULL;

	if (given.len > 0) {
		*ret_url = given;
		return refuse_secrets(cmd, given);
	}
	int err = database_find(&url, &cmd->invocation->options, cmd->failure);
	if (err == 0) {
		*ret_url = bytes_str(url);
	}
	return err;
}

/* ---- what failed ---- */

struct hint {
	int err;
	const char *file, *server; /* of a database in a file, and on a server */
};

static const struct hint hints[] = {
	{ERR_NOT_FOUND,
		"name it with --url sqlite:PATH, or the settings file with --config; "
		"chatctl db migrate makes a new one, as chatd does at its first start",
		"when there is one chatctl db migrate makes its tables"},
	{ERR_BUSY, "stop chatd first (systemctl stop chatd); --wait waits until it has ended",
		"stop chatd on all its hosts first (systemctl stop chatd); --wait waits until all "
		"have ended"},
	{ERR_FORBIDDEN, "be root, or the user that chatd runs as",
		"name a role that may: the one whose tables they are; a password can stand in "
		"~/.pgpass"},
	{ERR_UNAVAILABLE, NULL,
		"is the server running, and are host and port those of the URL? pg_isready asks "
		"it"},
	{ERR_CORRUPT, "is this really chatd's database? If it is, restore a backup",
		"restore a backup"},
	{ERR_EXISTS, "--force replaces it", "--force replaces it"},
	{ERR_BAD_CONTENT, "chatctl db backup FILE makes one",
		"chatctl db backup FILE makes one, and so does pg_dump -Fc"},
};

static const char *find_hint(struct bytes url, int err)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (hints[i].err == err) {
			return pg_url_is(url) ? hints[i].server : hints[i].file;
		}
	}
	return NULL;
}

static int fail(struct cmd *cmd, const char *hint, int err, struct buf *why)
{
	failure_set(cmd->failure, err, hint, "%s", why->len > 0 ? buf_cstr(why) : err_text(err));
	buf_finish(why);
	return err;
}

int db_fail(struct cmd *cmd, struct bytes url, int err, struct buf *why)
{
	return fail(cmd, find_hint(url, err), err, why);
}

int db_fail_plain(struct cmd *cmd, int err, struct buf *why)
{
	return fail(cmd, NULL, err, why);
}

/* ---- waiting ---- */

int db_wait(struct cmd *cmd, int (*work)(void *ctx, struct buf *why), void *ctx, struct buf *why)
{
	const struct options *options = &cmd->invocation->options;
	uint64_t end = clock_mono_us(&clock_system) + options->wait_us;
	int err = work(ctx, why);

	while (err == ERR_BUSY && options->wait && clock_mono_us(&clock_system) < end &&
		db_signals_waiting() == 0) {
		const struct timespec pause = {.tv_nsec = AGAIN_US * 1000};
		nanosleep(&pause, NULL);
		buf_clear(why);
		err = work(ctx, why);
	}
	return err;
}

void db_signals_hold(sigset_t *ret_before)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, ret_before);
}

void db_signals_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

int db_signals_waiting(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
			       sigismember(&pending, SIGHUP)
		       ? ERR_CANCELLED
		       : 0;
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

static struct value text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? value_str(text) : value_null;
}

static void put_number(struct value *item, const char *name, uint64_t n)
{
	value_put(item, name, value_int((int64_t)n));
}

/* Of a database in a file. */
static void put_file(struct value *item, const struct store_admin_status *status)
{
	put_number(item, "walBytes", status->wal_bytes);
	put_number(item, "freeBytes", status->free_bytes);
	value_put(item, "heldBy", status->held ? value_int(status->holder) : value_null);
}

static void put_server(struct value *item, const struct store_admin_status *status)
{
	value_put(item, "server", value_str(status->server));
	value_put(item, "role", text_or_null(status->role));
	put_number(item, "connections", status->connections);
	value_put(item, "migrating", text_or_null(status->migrating));
}

static struct value status_item(struct arena *arena, const struct store_admin_status *status)
{
	bool is_file = status->server == NULL;
	struct value item = value_object(arena, 18);

	value_put(&item, "url",
		value_str(
			is_file ? arena_printf(arena, "sqlite:%s", status->place) : status->place));
	put_number(&item, "schema", status->schema);
	value_put(&item, "missing", missing_names(arena, status));
	put_number(&item, "oldestProgram", status->oldest_program);
	put_number(&item, "users", status->users);
	put_number(&item, "rooms", status->rooms);
	put_number(&item, "messages", status->messages);
	put_number(&item, "bytes", status->bytes);
	if (is_file) {
		put_file(&item, status);
	} else {
		put_server(&item, status);
	}
	value_put(&item, "epoch", text_or_null(status->epoch));
	value_put(&item, "problem", text_or_null(status->problem));
	return item;
}

int cmd_db_status(struct cmd *cmd)
{
	struct arena *arena = cmd->invocation->arena;
	struct store_admin_status status;
	struct bytes url;
	struct buf why = {0};
	int err = db_find(cmd, &url);

	if (err != 0) {
		return err;
	}
	err = store_admin_status(url, arena, &status, &why);
	if (err != 0) {
		return db_fail(cmd, url, err, &why);
	}
	buf_finish(&why);
	struct value item = status_item(arena, &status);
	err = output_item(cmd->output, &item);
	if (err == 0 && status.problem != NULL) {
		err = failure_set(cmd->failure, ERR_CONFIG, NULL, "%s", status.problem);
	}
	return err;
}
