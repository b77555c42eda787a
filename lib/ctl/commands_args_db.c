/* What the commands on the database itself and probes take: for the rows in commands_db.c. */
#include "lib/ctl/commands_tables.h"

#define URL_ARG \
	{ \
		.name = "url", .kind = CTL_ARG_TEXT, .min = 1, .max = 4096, .placeholder = "URL", \
		.doc = "The database, such as sqlite:PATH or postgresql://HOST/NAME, without a " \
		       "password; " \
		       "without it chatd's." \
	}

static const char *const check_formats[] = {"text", "nagios", "json", "prometheus", NULL};

const struct ctl_arg db_migrate_args[] = {
	{.name = "to",
		.kind = CTL_ARG_NUMBER,
		.min = 1,
		.max = 9999,
		.placeholder = "NUMBER",
		.doc = "Up to this migration; all without it."},
	URL_ARG,
	{0},
};

const struct ctl_arg db_args[] = {
	URL_ARG,
	{0},
};

const struct ctl_arg db_backup_args[] = {
	{.name = "target",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.required = true,
		.min = 1,
		.max = 4096,
		.placeholder = "FILE",
		.doc = "File to write."},
	{.name = "force", .kind = CTL_ARG_FLAG, .doc = "Replace FILE where it is there."},
	URL_ARG,
	{0},
};

const struct ctl_arg db_restore_args[] = {
	{.name = "source",
		.kind = CTL_ARG_TEXT,
		.positional = true,
		.required = true,
		.min = 1,
		.max = 4096,
		.placeholder = "FILE",
		.doc = "What db backup wrote."},
	URL_ARG,
	{0},
};

const struct ctl_arg check_args[] = {
	{.name = "warn",
		.kind = CTL_ARG_DURATION,
		.min = 1,
		.max = INT64_C(3600000),
		.placeholder = "TIME",
		.doc = "Slower than this (500ms, 2s) is a warning."},
	{.name = "crit",
		.kind = CTL_ARG_DURATION,
		.min = 1,
		.max = INT64_C(3600000),
		.placeholder = "TIME",
		.doc = "Slower than this is critical."},
	{.name = "format",
		.kind = CTL_ARG_TEXT,
		.min = 1,
		.max = 16,
		.placeholder = "FORMAT",
		.choices = check_formats,
		.doc = "text, nagios, json or prometheus; text without it."},
	{0},
};
