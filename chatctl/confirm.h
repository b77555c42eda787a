/* Questions before something is destroyed. */
#ifndef CHATCTL_CONFIRM_H
#define CHATCTL_CONFIRM_H

#include "chatctl/command.h"
#include "chatctl/failure.h"
#include "chatctl/options.h"

/* Has the user say yes to what: one or more sentences, which may hold anything. With -y that is
 * said already. It asks on stderr and reads a line of stdin where both are a terminal and
 * --no-input was not given; nothing but "y" and "yes" is a yes. 0; ERR_USAGE (exit code 2) where
 * nobody can be asked; ERR_CANCELLED where the answer was another one. */
int confirm(struct failure *failure, const struct options *options, const char *what);

/* The same for a command, by its row's "destroys": 0 at once where that is NULL, and with
 * --dry-run. Called once for all commands (main.c). */
int confirm_command(const struct invocation *invocation, struct failure *failure);

#endif
