/* One good call of each operation, for tests that make the store fail or the caller go anywhere in
 * it. */
#ifndef TESTS_UNIT_OP_CASES_H
#define TESTS_UNIT_OP_CASES_H

#include "tests/unit/op_help.h"

struct op_case {
	const struct op_def *def;
	const char *user; /* NULL: the operator */
	void (*fill)(const struct world *world, struct op *op); /* NULL: no parameters */
	/* Whether what it changes has happened; NULL: it changes nothing in the store. */
	bool (*effect)(const struct world *world);
	/* Where more than so many calls were answered, something is stored, and what fails then is
	 * told as late_err. 0: never. */
	size_t stored_after;
	int late_err;
};

extern const struct op_case op_cases[];
extern const size_t op_case_count;

#endif
