#include "chatctl/chat_access.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "chatctl/remote.h"
#include "chatctl/text.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"

#define TOKEN_MAX 65536
#define AGAIN_US 50000

/* ---- the arguments ---- */

/* Whoever became root for a command is still himself. */
static const char *own_name(struct arena *arena)
{
	const char *sudo = getenv("SUDO_USER");
	if (getuid() == 0 && sudo != NULL && sudo[0] != '\0') {
		return sudo;
	}
	const struct passwd *row = getpwuid(getuid());
	return row != NULL && row->pw_name[0] != '\0' ? arena_strdup(arena, row->pw_name) : NULL;
}

int chat_access_read_token(struct chat_access *access)
{
	char *space = mem_alloc(TOKEN_MAX);
	size_t len = 0;
	ssize_t n = 1;
	int fd = open(access->token_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int err = fd >= 0 ? 0 : ERR_SYSTEM;
	while (err == 0 && n > 0) {
		n = read(fd, space + len, TOKEN_MAX - len);
		if (n < 0) {
			err = errno == EINTR ? 0 : ERR_SYSTEM;
			n = 1;
			continue;
		}
		len += (size_t)n;
		err = len == TOKEN_MAX ? ERR_TOO_LARGE : 0;
	}
	int saved = errno;
	struct bytes token = text_trim(bytes_of(space, len));
	if (err == 0 && token.len == 0) {
		err = ERR_BAD_REQUEST;
	}
	if (err == 0) {
		free(access->token);
		access->token = mem_dup_bytes(token);
	}
	mem_wipe(space, TOKEN_MAX);
	free(space);
	if (fd >= 0) {
		close(fd);
	}
	errno = saved;
	return err;
}

static const char *text_arg(const struct cmd *cmd, const char *name)
{
	struct bytes text = ctl_args_text(&cmd->invocation->args, name);
	return text.len > 0 ? text.ptr : NULL;
}

int chat_access_init(struct chat_access *access, const struct cmd *cmd)
{
	struct failure *failure = cmd->failure;
	*access = (struct chat_access){
		.timeout_us = cmd->invocation->options.timeout_us,
		.user = text_arg(cmd, "user"),
		.url = text_arg(cmd, "url"),
		.token_file = text_arg(cmd, "token-file"),
	};
	if (access->url == NULL || access->token_file == NULL) {
		int err = locate_socket(&access->locate, &cmd->invocation->options, failure);
		if (err < 0) {
			return err;
		}
	}
	if (access->token_file != NULL) {
		int err = chat_access_read_token(access);
		return err == 0 ? 0
				: failure_set(failure, err, NULL, "cannot read a token from %s: %s",
					  access->token_file,
					  err == ERR_SYSTEM	 ? strerror(errno)
					  : err == ERR_TOO_LARGE ? "it is too long"
								 : "it is empty");
	}
	if (access->user == NULL) {
		access->user = own_name(cmd->invocation->arena);
	}
	return access->user != NULL ? 0
				    : failure_set(failure, ERR_USAGE, "name one with --user",
					      "this user has no name on this machine");
}

void chat_access_finish(struct chat_access *access)
{
	if (access->token != NULL) {
		mem_wipe(access->token, strlen(access->token));
	}
	free(access->token);
	access->token = NULL;
}

/* ---- which room ---- */

struct room_search {
	struct arena *arena;
	const char *id, *label;
};

static int on_room(void *ctx, const struct value *item)
{
	struct room_search *search = ctx;
	const char *const names[] = {"id", "alias", "name"};
	const char *found[3] = {NULL, NULL, NULL};
	for (size_t i = 0; i < 3; i++) {
		const struct value *text = value_get(item, names[i]);
		if (text != NULL && text->kind == VALUE_TEXT && text->text.len > 0) {
			found[i] = arena_dup(search->arena, text->text).ptr;
		}
	}
	search->id = found[0];
	search->label = found[1] != NULL ? found[1] : found[2];
	return 0;
}

/* With --wait until somebody listens. */
static int call_waiting(const struct remote_call *call, const struct cmd *cmd)
{
	const struct options *options = &cmd->invocation->options;
	uint64_t end = clock_mono_us(&clock_system) + options->wait_us;
	for (;;) {
		*cmd->failure = (struct failure){.arena = cmd->failure->arena};
		int err = remote_call(call, cmd->failure);
		if (err != ERR_UNREACHABLE || !options->wait) {
			return err;
		}
		if (clock_mono_us(&clock_system) + AGAIN_US >= end) {
			return failure_set(cmd->failure, ERR_TIMEOUT, cmd->failure->hint,
				"chatd was not there within %.3g s: %s",
				(double)options->wait_us / 1e6, cmd->failure->message);
		}
		const struct timespec pause = {.tv_nsec = AGAIN_US * 1000};
		nanosleep(&pause, NULL);
	}
}

int chat_access_room(const struct chat_access *access, const struct cmd *cmd, const char *room,
	const char **ret_room, const char **ret_label)
{
	struct room_search search = {.arena = cmd->invocation->arena};
	*ret_room = *ret_label = room;
	if (access->locate.count == 0) {
		return 0;
	}
	struct value args = value_object(search.arena, 1);
	value_put(&args, "room", value_str(room));
	const struct remote_call call = {.locate = &access->locate,
		.command = "room show",
		.args = &args,
		.timeout_us = access->timeout_us,
		.item = on_room,
		.ctx = &search};
	int err = call_waiting(&call, cmd);
	if (err == ERR_NOT_FOUND) { /* joining may make it, or will say so */
		*cmd->failure = (struct failure){.arena = cmd->failure->arena};
		return 0;
	}
	if (err == 0 && search.id != NULL) {
		*ret_room = search.id;
		*ret_label = search.label != NULL ? search.label : room;
	}
	return err;
}

/* ---- tickets ---- */

int chat_access_url(struct buf *out, struct bytes listen, struct bytes hub_path)
{
	static const struct {
		struct bytes wildcard;
		const char *instead;
	} rows[] = {
		{{"0.0.0.0:", 8}, "127.0.0.1:"},
		{{"[::]:", 5}, "[::1]:"},
		{{"*:", 2}, "127.0.0.1:"},
	};
	struct bytes address = bytes_trim(bytes_split(&listen, ','));
	if (address.len == 0) {
		return ERR_UNREACHABLE;
	}
	if (bytes_starts(address, BYTES_LIT("unix:"))) {
		buf_append_bytes(out, address);
		return 0;
	}
	buf_append_str(out, "http://");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (bytes_starts(address, rows[i].wildcard)) {
			buf_append_str(out, rows[i].instead);
			address = bytes_of(address.ptr + rows[i].wildcard.len,
				address.len - rows[i].wildcard.len);
			break;
		}
	}
	buf_append_bytes(out, address);
	buf_append_bytes(out, hub_path);
	return 0;
}
