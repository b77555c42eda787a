/* Explanations, made from the tables alone. */
#ifndef CHATCTL_HELP_H
#define CHATCTL_HELP_H

#include "chatctl/command.h"

/* Of all, of a group, or of a command, as far as the command line named one. Appends. */
void help_write(const struct invocation *invocation, struct buf *out);

#endif
