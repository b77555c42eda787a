#include "chatctl/options.h"

#include "chatctl/text.h"
#include "lib/base/err.h"

#define SECOND UINT64_C(1000000)

static int set_socket(struct options *options, const char *text)
{
	options->socket = text;
	return text[0] != '\0' ? 0 : ERR_USAGE;
}

static int set_config(struct options *options, const char *text)
{
	options->config = text;
	return text[0] != '\0' ? 0 : ERR_USAGE;
}

static int set_format(struct options *options, const char *text)
{
	static const char *const names[] = {"table", "json", "jsonl", "csv"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			options->format = (enum output_format)i;
			options->format_given = true;
			return 0;
		}
	}
	return ERR_USAGE;
}

static int set_columns(struct options *options, const char *text)
{
	options->columns = text;
	return text[0] != '\0' ? 0 : ERR_USAGE;
}

static int set_timeout(struct options *options, const char *text)
{
	int err = text_seconds(bytes_str(text), &options->timeout_us);
	return err == 0 && options->timeout_us == 0 ? ERR_USAGE : err;
}

static int set_wait(struct options *options, const char *text)
{
	options->wait = true;
	return text != NULL ? text_seconds(bytes_str(text), &options->wait_us) : 0;
}

static int set_dry_run(struct options *options, const char *text)
{
	(void)text;
	options->dry_run = true;
	return 0;
}

static int set_yes(struct options *options, const char *text)
{
	(void)text;
	options->yes = true;
	return 0;
}

static int set_no_input(struct options *options, const char *text)
{
	(void)text;
	options->no_input = true;
	return 0;
}

static int set_quiet(struct options *options, const char *text)
{
	(void)text;
	options->quiet = true;
	return 0;
}

static int set_help(struct options *options, const char *text)
{
	(void)text;
	options->help = true;
	return 0;
}

static int set_version(struct options *options, const char *text)
{
	(void)text;
	options->version = true;
	return 0;
}

const struct option_def option_defs[] = {
	{"socket", 0, OPTION_VALUE, "PATH",
		"Control socket of the daemon. Else $CHATD_CONTROL_SOCKET, the settings file, "
		"/run/chatd/control.sock, ./var/control.sock.",
		set_socket},
	{"config", 0, OPTION_VALUE, "PATH",
		"Settings file. Else $CHATD_CONFIG, /etc/chatd/chatd.conf.", set_config},
	{"output", 'o', OPTION_VALUE, "table|json|jsonl|csv",
		"Form of the output; table, where the command has no other.", set_format},
	{"columns", 0, OPTION_VALUE, "LIST", "What to show, by names separated by commas.",
		set_columns},
	{"timeout", 0, OPTION_VALUE, "S",
		"Seconds (or 500ms, 2m) to wait for each answer of the daemon; 30.", set_timeout},
	{"wait", 0, OPTION_MAYBE, "S",
		"Wait until the daemon is there, at most so many seconds; 30 without a number.",
		set_wait},
	{"dry-run", 0, OPTION_FLAG, NULL, "Print what would be done.", set_dry_run},
	{"yes", 'y', OPTION_FLAG, NULL, "Take every question as answered with yes.", set_yes},
	{"no-input", 0, OPTION_FLAG, NULL, "Never ask and never read from a terminal.",
		set_no_input},
	{"quiet", 'q', OPTION_FLAG, NULL, "Print only the id of what it is about.", set_quiet},
	{"help", 'h', OPTION_FLAG, NULL, "Explain the command.", set_help},
	{"version", 'V', OPTION_FLAG, NULL, "Print the version.", set_version},
	{NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

void options_init(struct options *options)
{
	*options = (struct options){.timeout_us = 30 * SECOND, .wait_us = 30 * SECOND};
}

const struct option_def *option_find(struct bytes name, char letter)
{
	for (const struct option_def *def = option_defs; def->name != NULL; def++) {
		if (name.ptr != NULL ? bytes_eq(bytes_str(def->name), name)
				     : def->letter == letter) {
			return def;
		}
	}
	return NULL;
}

int option_set(struct options *options, const struct option_def *def, const char *text,
	struct failure *failure)
{
	if (def->set(options, text) < 0) {
		return failure_set(failure, ERR_USAGE, NULL,
			"--%s: \"%s\" is not good: it takes %s", def->name, text,
			strcmp(def->placeholder, "S") == 0
				? "seconds, or a time such as 500ms or 2m"
				: def->placeholder);
	}
	return 0;
}
