#include "chatctl/database.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "chatctl/locate.h"
#include "chatctl/remote.h"
#include "lib/base/err.h"

#define SCHEME "sqlite:"

const char *database_url_of(struct arena *arena, const char *url, int64_t pid)
{
	const char *path = url + strlen(SCHEME);
	char link[64], folder[4096];

	if (!bytes_starts(bytes_str(url), BYTES_LIT(SCHEME)) || path[0] == '/') {
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

struct asking {
	struct arena *arena;
	const char *url; /* NULL: not told, or of a kind that needs more than a path */
};

static int on_status(void *ctx, const struct value *item)
{
	struct asking *asking = ctx;
	const struct value *pid = value_get(item, "pid");
	const struct value *url = value_get(item, "databaseUrl");

	if (pid != NULL && pid->kind == VALUE_INT && url != NULL && url->kind == VALUE_TEXT &&
		bytes_starts(url->text, BYTES_LIT(SCHEME))) {
		const char *told = arena_dup(asking->arena, url->text).ptr;
		asking->url = database_url_of(asking->arena, told, pid->integer);
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
		*ret_url = asking.url;
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
