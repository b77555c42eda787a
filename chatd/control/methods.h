/* The control door's table: which operation each command of lib/ctl/commands.c starts, and how its
 * arguments bind. */
#ifndef CHATD_CONTROL_METHODS_H
#define CHATD_CONTROL_METHODS_H

#include "chatd/op/op.h"

struct control_method {
	const char *command; /* as in lib/ctl/commands.c */
	const struct op_def *op;
	const struct param *params;
	size_t param_count;
};

/* NULL: the daemon does not do it. */
const struct control_method *control_method_find(const char *command);

#endif
