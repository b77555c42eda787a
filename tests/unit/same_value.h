/* Whether two trees of values say the same. */
#ifndef TESTS_UNIT_SAME_VALUE_H
#define TESTS_UNIT_SAME_VALUE_H

#include "lib/value/value.h"

/* Bit by bit, so that NaN is itself. */
static inline bool same_number(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static inline bool same_value(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind || a->bad_text != b->bad_text) {
		return false;
	}
	switch (a->kind) {
	case VALUE_NULL:
		return true;
	case VALUE_BOOL:
		return a->boolean == b->boolean;
	case VALUE_INT:
		return a->integer == b->integer;
	case VALUE_DOUBLE:
		return same_number(a->number, b->number);
	case VALUE_TEXT:
	case VALUE_BINARY:
		return bytes_eq(a->text, b->text);
	case VALUE_TIME:
		return a->time_ms == b->time_ms;
	case VALUE_ARRAY:
	case VALUE_OBJECT:
		break;
	}
	if (a->count != b->count || a->dictionary != b->dictionary) {
		return false;
	}
	for (uint32_t i = 0; i < a->count; i++) {
		bool object = a->kind == VALUE_OBJECT;
		if (object && !bytes_eq(a->members[i].name, b->members[i].name)) {
			return false;
		}
		if (!same_value(object ? &a->members[i].value : &a->items[i],
			    object ? &b->members[i].value : &b->items[i])) {
			return false;
		}
	}
	return true;
}

#endif
