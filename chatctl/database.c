#include "chatctl/database.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "chatctl/locate.h"
#include "chatctl/remote.h"
#include "lib/base/err.h"
#include "lib/conf/mask.h"

#define SCHEME "sqlite:"

/* What stands for a password (lib/conf/mask.h). */
#define HIDDEN "***"

static const char *in_its_folder(struct arena *arena, const char *url, int64_t pid)
{
	const char *path = url + strlen(SCHEME);
	char link[64], folder[4096];

	if (path[0] == '/') {
		return url;
	}
	snprintf(link, sizeof(link), "/proc/%" PRId64 "/cwd", pid);
	ssize_t len = readlink(link, folder, sizeof(folder));
	if (len <= 0 || (size_t)len >= sizeof(folder)) {
		return url;
	}
	while (path[0] == '.' && path[1] == '/') {
		path += 2;
	}
	return arena_printf(arena, SCHEME "%.*s/%s", (int)len, folder, path);
}

/* Whether it is the same but for what is hidden. */
static bool is_same(const char *url, const char *masked)
{
	struct buf mine = {0};

	mask_url(bytes_str(url), &mine);
	bool same = bytes_eq(buf_bytes(&mine), bytes_str(masked));
	buf_finish(&mine);
	return same;
}

int database_of_daemon(const char **ret_url, const char *url, int64_t pid,
	const struct options *options, struct failure *failure)
{
	const char *settings = NULL;
	bool named = false;

	if (bytes_starts(bytes_str(url), BYTES_LIT(SCHEME))) {
		*ret_url = in_its_folder(failure->arena, url, pid);
		return 0;
	}
	if (strstr(url, HIDDEN) == NULL) {
		*ret_url = url;
		return 0;
	}
	int err = locate_database(&settings, &named, options, failure);
	if (err < 0) {
		return err;
	}
	if (named && is_same(settings, url)) {
		*ret_url = settings;
		return 0;
	}
	return failure_set(failure, ERR_CONFIG,
		"put the whole URL into CHATD_DATABASE_URL, or name chatd's settings with --config",
		"chatd has the database %s, and does not tell the password", url);
}

struct asking {
	struct arena *arena;
	const char *url; /* NULL: not told */
	int64_t pid;
};

static int on_status(void *ctx, const struct value *item)
{
	struct asking *asking = ctx;
	const struct value *pid = value_get(item, "pid");
	const struct value *url = value_get(item, "databaseUrl");

	if (pid != NULL && pid->kind == VALUE_INT && url != NULL && url->kind == VALUE_TEXT) {
		asking->url = arena_dup(asking->arena, url->text).ptr;
		asking->pid = pid->integer;
	}
	return 0;
}

/* Without a daemon that can be asked, *ret_url stays as it is: the settings decide. One that is
 * there and silent is a failure, since another database than its own may be the wrong one. */
static int ask_daemon(const char **ret_url, const struct options *options, struct failure *failure)
{
	struct failure refused = {.arena = failure->arena};
	struct asking asking = {.arena = failure->arena};
	const struct value args = value_object(failure->arena, 0);
	struct locate locate;
	int err = locate_socket(&locate, options, &refused);

	if (err == 0) {
		const struct remote_call call = {.locate = &locate,
			.command = "status",
			.args = &args,
			.timeout_us = options->timeout_us,
			.item = on_status,
			.ctx = &asking};
		err = remote_call(&call, &refused);
	}
	if (err == ERR_TIMEOUT || err == ERR_CLOSED) {
		return failure_set(failure, err, "name the database with --url sqlite:PATH",
			"chatd does not say which database it has: %s", refused.message);
	}
	if (err == 0 && asking.url != NULL) {
		return database_of_daemon(ret_url, asking.url, asking.pid, options, failure);
	}
	return 0;
}

int database_find(const char **ret_url, const struct options *options, struct failure *failure)
{
	bool named = false;
	int err = locate_database(ret_url, &named, options, failure);

	if (err < 0 || (named && options->socket == NULL)) {
		return err;
	}
	return ask_daemon(ret_url, options, failure);
}
