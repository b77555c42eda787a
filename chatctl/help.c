#include "chatctl/help.h"

#include "lib/conf/units.h"

#define WIDTH 79
#define INDENT 26

/* Breaks text at blanks into lines of WIDTH; the first begins at column, the others at indent. */
static void append_wrapped(struct buf *out, const char *text, size_t column, size_t indent)
{
	struct bytes rest = bytes_str(text);
	bool first = true;
	while (rest.len > 0) {
		struct bytes word = bytes_split(&rest, ' ');
		if (!first && column + 1 + word.len > WIDTH) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		buf_append_str(out, first ? "" : " ");
		buf_append_bytes(out, word);
		column += word.len + (first ? 0 : 1);
		first = false;
	}
	buf_append_char(out, '\n');
}

/* "  name   explanation". */
static void append_entry(struct buf *out, const char *name, const char *doc)
{
	size_t len = strlen(name) + 2;
	buf_printf(out, "  %s", name);
	if (len + 2 > INDENT) {
		buf_append_char(out, '\n');
		len = 0;
	}
	buf_printf(out, "%*s", (int)(INDENT - len), "");
	append_wrapped(out, doc, INDENT, INDENT);
}

static void append_global_options(struct buf *out)
{
	buf_append_str(out, "\nOptions of all commands:\n");
	for (const struct option_def *def = option_defs; def->name != NULL; def++) {
		struct buf name = {0};
		if (def->letter != '\0') {
			buf_printf(&name, "-%c, ", def->letter);
		}
		buf_printf(&name, "--%s", def->name);
		if (def->value == OPTION_VALUE) {
			buf_printf(&name, " %s", def->placeholder);
		} else if (def->value == OPTION_MAYBE) {
			buf_printf(&name, "[=%s]", def->placeholder);
		}
		append_entry(out, buf_cstr(&name), def->doc);
		buf_finish(&name);
	}
}

static void append_commands(struct buf *out, const char *group)
{
	for (size_t i = 0; i < ctl_command_count(); i++) {
		const struct ctl_command *command = ctl_command_at(i);
		bool here = group == NULL
				    ? command->group == NULL
				    : command->group != NULL && strcmp(command->group, group) == 0;
		if (here) {
			append_entry(out, command->name, command->doc);
		}
	}
}

static void help_all(struct buf *out)
{
	buf_append_str(out, "Usage: chatctl [OPTIONS] COMMAND ...\n\n"
			    "The operator's hand on chatd.\n\n");
	append_commands(out, NULL);
	for (size_t i = 0; i < ctl_group_count; i++) {
		buf_printf(out, "\n%s:\n", ctl_groups[i].doc);
		append_commands(out, ctl_groups[i].name);
	}
	append_global_options(out);
	buf_append_str(out, "\nExit codes: 0 done, 1 failed, 2 usage, 3 daemon unreachable, "
			    "4 not found,\n5 conflict, 6 denied, 7 wait timed out, 8 partly done.\n"
			    "\nchatctl COMMAND --help explains a command.\n");
}

static void help_group(const struct ctl_group *group, struct buf *out)
{
	buf_printf(out, "Usage: chatctl %s VERB ...\n\n%s:\n", group->name, group->doc);
	append_commands(out, group->name);
	buf_printf(out,
		"\nchatctl %s VERB --help explains a verb, chatctl --help the options of all.\n",
		group->name);
}

static void append_usage(const struct ctl_command *command, struct buf *out)
{
	struct buf line = {0};
	buf_printf(&line, "chatctl %s", command->name);
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		const char *dots = arg->repeatable ? "..." : "";
		if (arg->kind == CTL_ARG_INTERNAL) {
			continue;
		}
		if (arg->positional) {
			buf_printf(&line, " %s%s", arg->placeholder, dots);
		} else if (arg->kind == CTL_ARG_FLAG) {
			buf_printf(&line, " [--%s]", arg->name);
		} else if (arg->required) {
			buf_printf(&line, " --%s=%s%s", arg->name, arg->placeholder, dots);
		} else {
			buf_printf(&line, " [--%s=%s]%s", arg->name, arg->placeholder, dots);
		}
	}
	buf_append_str(out, "Usage: ");
	append_wrapped(out, buf_cstr(&line), 7, 7 + 8);
	buf_finish(&line);
}

/* Positional arguments or options of the command. */
static void append_args(const struct ctl_command *command, bool positional, struct buf *out)
{
	bool any = false;
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		if (arg->positional != positional || arg->kind == CTL_ARG_INTERNAL) {
			continue;
		}
		if (!any) {
			buf_append_str(out, positional ? "\nArguments:\n" : "\nOptions:\n");
			any = true;
		}
		struct buf name = {0};
		if (arg->letter != '\0') {
			buf_printf(&name, "-%c, ", arg->letter);
		}
		buf_printf(&name, "%s%s%s%s", positional ? "" : "--",
			positional ? arg->placeholder : arg->name,
			!positional && arg->placeholder != NULL ? " " : "",
			!positional && arg->placeholder != NULL ? arg->placeholder : "");
		append_entry(out, buf_cstr(&name), arg->doc);
		buf_finish(&name);
	}
}

static void help_command(const struct ctl_command *command, struct buf *out)
{
	append_usage(command, out);
	buf_printf(out, "\n%s.\n", command->doc);
	if (command->more != NULL) {
		append_wrapped(out, command->more, 0, 0);
	}
	if (command->destroys != NULL) {
		buf_append_str(out, "It asks before on a terminal, and needs -y elsewhere.\n");
	}
	append_args(command, true, out);
	append_args(command, false, out);
	if (command->columns->name != NULL) {
		buf_append_str(out, "\nColumns:\n");
	}
	for (const struct ctl_column *c = command->columns; c->name != NULL; c++) {
		append_entry(out, c->name, c->doc);
	}
	if (command->quiet != NULL) {
		buf_printf(out, "\nWith -q it prints the column %s alone.\n", command->quiet);
	}
	append_global_options(out);
}

void help_write(const struct invocation *invocation, struct buf *out)
{
	if (invocation->command != NULL) {
		help_command(invocation->command, out);
	} else if (invocation->group != NULL) {
		help_group(invocation->group, out);
	} else {
		help_all(out);
	}
}
