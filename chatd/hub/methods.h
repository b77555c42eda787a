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
	/* What it emits are the items of a stream: it is called by a StreamInvocation, and its
	 * result is not told. */
	bool streams;
	/* Its upload streams, in the order of streamIds: an item must be of the row's kind, and the
	 * field at its offset is a (struct upload *). */
	const struct param *uploads;
	size_t upload_count;
	/* What the table cannot say about the types of the arguments, asked when they are bound;
	 * may change what is bound. false: they do not bind. NULL: it says all. */
	bool (*fits)(void *params);
};

/* Rows that a program adds by linking them in, as tests/own does; chatd has none. */
struct hub_method_set {
	const struct hub_method *rows;
	size_t count;
};
extern const struct hub_method_set hub_methods_own __attribute__((weak));

/* The row for a name and a number of arguments; where the name is there with other numbers only,
 * the nearest row. NULL: no such method. */
const struct hub_method *hub_method_find(struct bytes name, uint32_t argument_count);
/* All rows, for help texts and tests. */
const struct hub_method *hub_methods(size_t *ret_count);

#endif
