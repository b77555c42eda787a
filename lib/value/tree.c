#include "lib/value/tree.h"

#include <math.h>

static struct value copy_array(struct arena *arena, const struct value *from)
{
	struct value copy = *from;
	copy.cap = 0;
	copy.items = arena_alloc(arena, from->count * sizeof(struct value));
	for (uint32_t i = 0; i < from->count; i++) {
		copy.items[i] = value_copy(arena, &from->items[i]);
	}
	return copy;
}

static struct value copy_object(struct arena *arena, const struct value *from)
{
	struct value copy = *from;
	copy.cap = 0;
	copy.members = arena_alloc(arena, from->count * sizeof(struct value_member));
	for (uint32_t i = 0; i < from->count; i++) {
		copy.members[i].name = arena_dup(arena, from->members[i].name);
		copy.members[i].value = value_copy(arena, &from->members[i].value);
	}
	return copy;
}

struct value value_copy(struct arena *arena, const struct value *from)
{
	struct value copy = *from;
	switch (from->kind) {
	case VALUE_TEXT:
	case VALUE_BINARY:
		copy.text = arena_dup(arena, from->text);
		return copy;
	case VALUE_ARRAY:
		return copy_array(arena, from);
	case VALUE_OBJECT:
		return copy_object(arena, from);
	case VALUE_NULL:
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_DOUBLE:
	case VALUE_TIME:
		break;
	}
	return copy;
}

bool value_is_finite(const struct value *value)
{
	bool finite = value->kind != VALUE_DOUBLE || isfinite(value->number);
	for (uint32_t i = 0; value->kind == VALUE_ARRAY && finite && i < value->count; i++) {
		finite = value_is_finite(&value->items[i]);
	}
	for (uint32_t i = 0; value->kind == VALUE_OBJECT && finite && i < value->count; i++) {
		finite = value_is_finite(&value->members[i].value);
	}
	return finite;
}
