/* Walks over whole trees of values. A tree is as deep as its reader allowed (64). */
#ifndef LIB_VALUE_TREE_H
#define LIB_VALUE_TREE_H

#include "lib/value/value.h"

/* A copy that refers to nothing outside the arena. */
struct value value_copy(struct arena *arena, const struct value *from);
/* Whether each number in it is one: JSON has no word for NaN and infinity. */
bool value_is_finite(const struct value *value);

#endif
