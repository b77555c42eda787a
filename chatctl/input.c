/* What is read from files and stdin: secrets are never arguments. */
#include "chatctl/command.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chatctl/text.h"
#include "lib/base/err.h"

#define INPUT_MAX (256 * 1024)

static int read_all(int fd, struct buf *out)
{
	for (;;) {
		buf_reserve(out, 4096);
		ssize_t n = read(fd, out->data + out->len, 4096);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return ERR_SYSTEM;
		}
		if (n == 0) {
			return 0;
		}
		out->len += (size_t)n;
		if (out->len > INPUT_MAX) {
			return ERR_TOO_LARGE;
		}
	}
}

/* The descriptor to read, or an error. */
static int open_input(struct invocation *invocation, const struct ctl_arg *arg, const char *name,
	struct failure *failure)
{
	if (strcmp(name, "-") != 0) {
		int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		return fd >= 0 ? fd
			       : failure_set(failure, ERR_SYSTEM, NULL, "cannot open %s: %s", name,
					 strerror(errno));
	}
	if (isatty(STDIN_FILENO) && invocation->options.no_input) {
		return failure_set(failure, ERR_USAGE, "name a file, or pipe it in",
			"the %s would be read from the terminal, but --no-input was given",
			arg->name);
	}
	return STDIN_FILENO;
}

static int read_arg(struct invocation *invocation, const struct ctl_arg *arg,
	struct value *ret_value, struct failure *failure)
{
	const struct value *named = value_get(&invocation->args, arg->name);
	const char *name = named != NULL ? named->text.ptr : "-";
	int fd = open_input(invocation, arg, name, failure);
	if (fd < 0) {
		return fd;
	}
	struct buf text = {0};
	int err = read_all(fd, &text);
	if (err < 0) {
		failure_set(failure, err, NULL, "cannot read %s: %s",
			fd == STDIN_FILENO ? "stdin" : name,
			err == ERR_SYSTEM ? strerror(errno) : "it is too long");
	} else {
		*ret_value = value_text(arena_dup(invocation->arena, text_trim(buf_bytes(&text))));
	}
	if (fd != STDIN_FILENO) {
		close(fd);
	}
	mem_wipe(text.data, text.cap);
	buf_finish(&text);
	return err;
}

int command_read_input(struct invocation *invocation, struct failure *failure)
{
	const struct ctl_command *command = invocation->command;
	bool any = false;
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		struct value value;
		if (arg->kind != CTL_ARG_INPUT) {
			continue;
		}
		any = true;
		int err = read_arg(invocation, arg, &value, failure);
		if (err < 0) {
			return err;
		}
		/* The name gives way to the contents. */
		const struct value *named = value_get(&invocation->args, arg->name);
		if (named != NULL) {
			*(struct value *)(uintptr_t)named = value;
		} else {
			value_put(&invocation->args, arg->name, value);
		}
	}
	const char *why = NULL;
	int err = any ? ctl_args_check(invocation->arena, command, &invocation->args, &why) : 0;
	return err < 0 ? failure_set(failure, err, NULL, "%s", why) : 0;
}
