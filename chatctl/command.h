/* The command line, read by the tables of lib/ctl/commands.h and options.h. */
#ifndef CHATCTL_COMMAND_H
#define CHATCTL_COMMAND_H

#include "chatctl/failure.h"
#include "chatctl/options.h"
#include "lib/ctl/commands.h"

struct invocation {
	struct arena *arena;
	struct options options;
	/* Both NULL: neither a group nor a command was named. */
	const struct ctl_group *group;
	const struct ctl_command *command;
	struct value args; /* checked, but that CTL_ARG_INPUT holds the file's name or is missing */
};

/* argv: without the program's name. With options.help (--help, or "help ..."), and with
 * options.version, arguments may be missing. 0; ERR_USAGE with the failure set (options are valid
 * as far as they were read). */
int command_parse(struct invocation *invocation, struct arena *arena, int argc, char **argv,
	struct failure *failure);
/* Replaces what a CTL_ARG_INPUT names by the contents of the file or of stdin. 0; ERR_SYSTEM,
 * ERR_USAGE. */
int command_read_input(struct invocation *invocation, struct failure *failure);

#endif
