/* How commands are run: those of the daemon in one way, what chatctl does itself in a file of its
 * own each (cmd_*.c). */
#ifndef CHATCTL_CMD_H
#define CHATCTL_CMD_H

#include "chatctl/command.h"
#include "chatctl/failure.h"
#include "chatctl/output.h"

struct cmd {
	const struct invocation *invocation;
	struct output *output;
	struct failure *failure;
};

/* Asks the daemon and puts out its items; with --wait as soon as it is there. 0, or an error with
 * the failure set (ERR_CLOSED without: nobody reads the output). */
int cmd_remote(struct cmd *cmd);
/* The same for ping, which waits until the daemon is ready. */
int cmd_ping(struct cmd *cmd);
int cmd_config_check(struct cmd *cmd);
/* --config only; without it the daemon is asked. */
int cmd_config_show(struct cmd *cmd);
int cmd_config_defaults(struct cmd *cmd);

#endif
