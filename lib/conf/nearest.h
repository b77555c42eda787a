/* "Did you mean ...?" */
#ifndef LIB_CONF_NEAREST_H
#define LIB_CONF_NEAREST_H

#include "lib/base/bytes.h"

struct nearest {
	struct bytes wrong;
	const char *best; /* NULL where nothing was near enough */
	size_t distance;
};

/* wrong is viewed as long as the struct is used. */
void nearest_init(struct nearest *nearest, struct bytes wrong);
/* Offers a name that exists (kept, not copied). The first of the nearest wins; near is at most a
 * third of the longer text's letters apart (insertions, deletions, replacements, swaps of
 * neighbours; without regard to case), or one of which the other is the beginning. */
void nearest_offer(struct nearest *nearest, const char *name);

#endif
