#include "chatctl/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "chatctl/settings.h"
#include "lib/base/err.h"
#include "lib/conf/load.h"

static void add(struct locate *locate, const char *path)
{
	for (size_t i = 0; i < locate->count; i++) {
		if (strcmp(locate->paths[i], path) == 0) {
			return;
		}
	}
	locate->paths[locate->count++] = path;
}

/* What the settings say, where they say it. */
static int from_settings(
	struct locate *locate, const struct options *options, struct failure *failure)
{
	struct conf *conf = NULL;
	struct failure ignored = {.arena = failure->arena};
	int err = settings_load(options, &conf, NULL, options->config != NULL ? failure : &ignored);
	if (err < 0) {
		/* A usual file that is not for us to read, or not good, does not keep from asking
		 * the daemon. */
		return options->config != NULL ? err : 0;
	}
	const struct conf_key *key = conf_key_find(BYTES_LIT("control"), BYTES_LIT("socket"));
	if (conf_origin_of(conf, key)->kind != CONF_FROM_DEFAULT) {
		add(locate, arena_strdup(failure->arena, conf->control.socket));
	}
	conf_unref(&conf);
	return 0;
}

int locate_socket(struct locate *locate, const struct options *options, struct failure *failure)
{
	*locate = (struct locate){.count = 0};
	const char *variable = getenv("CHATD_CONTROL_SOCKET");
	if (options->socket != NULL) {
		add(locate, options->socket);
		return 0;
	}
	if (variable != NULL && variable[0] != '\0') {
		add(locate, variable);
		return 0;
	}
	int err = from_settings(locate, options, failure);
	if (err < 0 || locate->count > 0) {
		return err;
	}
	add(locate, "/run/chatd/control.sock");
	add(locate, "./var/control.sock");
	return 0;
}

#define VAR_DATABASE "./var/chatd.db"

/* Whether nothing names the database, so that its place is only the usual one. */
static bool is_unnamed(const struct conf *conf)
{
	static const char *const names[][2] = {{"database", "url"}, {"server", "state_dir"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct conf_key *key =
			conf_key_find(bytes_str(names[i][0]), bytes_str(names[i][1]));
		if (conf_origin_of(conf, key)->kind != CONF_FROM_DEFAULT) {
			return false;
		}
	}
	return getenv("STATE_DIRECTORY") == NULL;
}

/* What may only not be looked at is there. */
static bool is_missing(const char *path)
{
	return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

int locate_database(const char **ret_url, bool *ret_named, const struct options *options,
	struct failure *failure)
{
	struct conf *conf = NULL;
	int err = settings_load(options, &conf, NULL, failure);
	if (err < 0) {
		return err;
	}
	struct bytes url = bytes_str(conf->database.url);
	struct bytes scheme = BYTES_LIT("sqlite:");
	bool named = !is_unnamed(conf);
	bool in_var = !named && bytes_starts(url, scheme) &&
		      is_missing(conf->database.url + scheme.len) && !is_missing(VAR_DATABASE);
	*ret_url =
		in_var ? "sqlite:" VAR_DATABASE : arena_strdup(failure->arena, conf->database.url);
	if (ret_named != NULL) {
		*ret_named = named;
	}
	conf_unref(&conf);
	return 0;
}
