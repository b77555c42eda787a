/* The hub door's table: which operation a method name starts, and how its arguments bind. */
#ifndef CHATD_HUB_METHODS_H
#define CHATD_HUB_METHODS_H

#include <stdbool.h>

#include "chatd/op/op.h"
#include "lib/value/params.h"

struct hub_method {
	const char *name; /* compared without regard to case of ASCII letters */
	const struct op_def *op;
	const struct param *params; /* of this arity; several rows may have one name */
	size_t param_count;
	/* Calls of it to one room may be under way together: their Completions keep the order of
	 * the calls. The operation's params begin with the room's text. */
	bool ordered;
};

/* The row for a name and a number of arguments; where the name is there with other numbers only,
 * the nearest row. NULL: no such method. */
const struct hub_method *hub_method_find(struct bytes name, uint32_t argument_count);
/* All rows, for help texts and tests. */
const struct hub_method *hub_methods(size_t *ret_count);

#endif
