#include "lib/hubproto/json_record.h"

/* As System.Text.Json calls its tokens. */
static const char *token_name(const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		return "Null";
	case VALUE_BOOL:
		return value->boolean ? "True" : "False";
	case VALUE_INT:
	case VALUE_DOUBLE:
		return "Number";
	case VALUE_ARRAY:
		return "Array";
	case VALUE_OBJECT:
		return "Object";
	case VALUE_TEXT:
	case VALUE_BINARY:
	case VALUE_TIME:
		break;
	}
	return "String";
}

const char *json_record_no_object(struct arena *arena, const struct value *value)
{
	return arena_printf(arena, "Unexpected JSON Token Type '%s'. Expected a JSON Object.",
		token_name(value));
}
