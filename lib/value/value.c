#include "lib/value/value.h"

#include <assert.h>

const struct value value_null = {.kind = VALUE_NULL};
const struct value value_unfit = {
	.kind = VALUE_TEXT,
	.bad_text = true,
	.text = {"\xef\xbf\xbd", 3},
};

const struct value *value_get(const struct value *object, const char *name)
{
	if (object->kind != VALUE_OBJECT) {
		return NULL;
	}
	struct bytes wanted = bytes_str(name);
	for (uint32_t i = 0; i < object->count; i++) {
		if (bytes_eq(object->members[i].name, wanted)) {
			return &object->members[i].value;
		}
	}
	return NULL;
}

const struct value *value_get_nocase(const struct value *object, const char *name)
{
	const struct value *found = value_get(object, name);
	if (found != NULL || object->kind != VALUE_OBJECT) {
		return found;
	}
	struct bytes wanted = bytes_str(name);
	for (uint32_t i = 0; i < object->count; i++) {
		/* As with repeated names the last one wins. */
		if (bytes_eq_nocase(object->members[i].name, wanted)) {
			found = &object->members[i].value;
		}
	}
	return found;
}

struct value value_object(struct arena *arena, uint32_t cap)
{
	return (struct value){
		.kind = VALUE_OBJECT,
		.cap = cap,
		.members = arena_alloc(arena, cap * sizeof(struct value_member)),
	};
}

struct value value_array(struct arena *arena, uint32_t cap)
{
	return (struct value){
		.kind = VALUE_ARRAY,
		.cap = cap,
		.items = arena_alloc(arena, cap * sizeof(struct value)),
	};
}

void value_put(struct value *object, const char *name, struct value value)
{
	assert(object->kind == VALUE_OBJECT && object->count < object->cap);
	object->members[object->count++] =
		(struct value_member){.name = bytes_str(name), .value = value};
}

void value_add(struct value *array, struct value item)
{
	assert(array->kind == VALUE_ARRAY && array->count < array->cap);
	array->items[array->count++] = item;
}
