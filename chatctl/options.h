/* Options that every command takes. */
#ifndef CHATCTL_OPTIONS_H
#define CHATCTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chatctl/failure.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };

struct options {
	const char *socket; /* NULL: found otherwise */
	const char *config; /* NULL: the usual one */
	enum output_format format;
	bool format_given;
	const char *columns; /* NULL: the command's own */
	uint64_t timeout_us; /* for each answer of the daemon */
	bool wait;
	uint64_t wait_us;
	bool dry_run;
	bool yes;
	bool no_input;
	bool quiet;
	bool help;
	bool version;
};

enum option_value { OPTION_FLAG, OPTION_VALUE, OPTION_MAYBE /* --name or --name=VALUE */ };

struct option_def {
	const char *name;
	char letter; /* '\0': none */
	enum option_value value;
	const char *placeholder;
	const char *doc;
	/* text is NULL for a flag. 0, or ERR_USAGE. */
	int (*set)(struct options *options, const char *text);
};

/* Ends with name NULL. */
extern const struct option_def option_defs[];

void options_init(struct options *options);
/* By name, or where that is NULL by letter. NULL where there is none. */
const struct option_def *option_find(struct bytes name, char letter);
/* Sets one; a bad value is a usage failure. */
int option_set(struct options *options, const struct option_def *def, const char *text,
	struct failure *failure);

#endif
