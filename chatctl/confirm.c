#include "chatctl/confirm.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "chatctl/text.h"
#include "lib/base/err.h"

/* A line of stdin, as much as matters of it. false: there is none. */
static bool read_line(char *line, size_t size)
{
	size_t len = 0;
	int c;

	while ((c = getchar()) != EOF && c != '\n') {
		if (len + 1 < size) {
			line[len++] = (char)c;
		}
	}
	line[len] = '\0';
	return c != EOF || len > 0;
}

static bool is_yes(const char *line)
{
	struct bytes word = bytes_trim(bytes_str(line));

	return bytes_eq_nocase(word, BYTES_LIT("y")) || bytes_eq_nocase(word, BYTES_LIT("yes"));
}

int confirm(struct failure *failure, const struct options *options, const char *what)
{
	char line[16];
	struct buf text = {0};

	if (options->yes) {
		return 0;
	}
	if (options->no_input || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		return failure_set(failure, ERR_USAGE,
			"-y says yes beforehand; --dry-run shows what would be done",
			"%s. Nobody can be asked whether to go on, and -y was not given", what);
	}
	text_escape(&text, bytes_str(what), true);
	fprintf(stderr, "%s. Go on? [y/N] ", buf_cstr(&text));
	buf_finish(&text);
	if (read_line(line, sizeof(line)) && is_yes(line)) {
		return 0;
	}
	return failure_set(failure, ERR_CANCELLED, NULL, "nothing was done");
}

/* "room delete general", as it was asked for. */
static void append_command(const struct invocation *invocation, struct buf *out)
{
	buf_append_str(out, invocation->command->name);
	for (const struct ctl_arg *arg = invocation->command->args; arg->name != NULL; arg++) {
		const struct value *value = value_get(&invocation->args, arg->name);
		if (value == NULL || arg->kind == CTL_ARG_INPUT || arg->kind == CTL_ARG_INTERNAL) {
			continue;
		}
		if (!arg->positional) {
			buf_printf(out, " --%s", arg->name);
		}
		if (arg->kind != CTL_ARG_FLAG) {
			buf_append_char(out, ' ');
			text_value(out, value);
		}
	}
}

int confirm_command(const struct invocation *invocation, struct failure *failure)
{
	struct buf what = {0};

	if (invocation->command->destroys == NULL || invocation->options.dry_run) {
		return 0;
	}
	append_command(invocation, &what);
	buf_printf(&what, ": %s", invocation->command->destroys);
	int err = confirm(failure, &invocation->options, buf_cstr(&what));
	buf_finish(&what);
	return err;
}
