#include "lib/value/params.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

enum { NAME_SHOWN_MAX = 64 }; /* bytes of an unknown name */

/* ---- one value ---- */

static bool in_range(const struct param *param, int64_t n)
{
	return (param->min == 0 && param->max == 0) || (n >= param->min && n <= param->max);
}

static bool is_list(const struct param *param)
{
	return param->kind == PARAM_TEXT || param->kind == PARAM_ARRAY;
}

/* The place of text in param's choices, or -1. */
static int find_choice(const struct param *param, struct bytes text)
{
	for (int i = 0; param->choices[i] != NULL; i++) {
		if (bytes_eq_nocase(bytes_str(param->choices[i]), text)) {
			return i;
		}
	}
	return -1;
}

static bool read_time(const struct value *value, int64_t *ret_ms)
{
	if (value->kind == VALUE_TIME) {
		*ret_ms = value->time_ms;
		return true;
	}
	return value->kind == VALUE_TEXT && !value->bad_text &&
	       clock_parse(value->text, ret_ms) == 0;
}

/* Whether SignalR would bind null to a parameter of this kind, and leave it to the method. */
static bool takes_null(enum param_kind kind)
{
	return kind != PARAM_INT && kind != PARAM_BOOL && kind != PARAM_TIME &&
	       kind != PARAM_CHOICE;
}

static int fail(const struct param *param, enum params_fault fault, struct params_error *ret_error)
{
	*ret_error = (struct params_error){.fault = fault, .param = param};
	return ERR_BAD_REQUEST;
}

static enum value_kind wanted_kind(enum param_kind kind)
{
	switch (kind) {
	case PARAM_INT:
		return VALUE_INT;
	case PARAM_BOOL:
		return VALUE_BOOL;
	case PARAM_OBJECT:
		return VALUE_OBJECT;
	case PARAM_ARRAY:
		return VALUE_ARRAY;
	default:
		return VALUE_TEXT;
	}
}

static bool all_texts(const struct value *array)
{
	for (uint32_t i = 0; i < array->count; i++) {
		if (array->items[i].kind != VALUE_TEXT || array->items[i].bad_text) {
			return false;
		}
	}
	return true;
}

/* Whether the value is of a kind that the parameter takes. */
static bool is_wanted(const struct param *param, const struct value *value)
{
	if (param->kind == PARAM_ANY || param->kind == PARAM_TIME) {
		return true;
	}
	if (value->kind == VALUE_TEXT && value->bad_text) {
		return false;
	}
	if (value->kind == VALUE_ARRAY && (param->flags & PARAM_OF_TEXTS) != 0 &&
		!all_texts(value)) {
		return false;
	}
	bool object = param->kind == PARAM_TEXT_OR_OBJECT && value->kind == VALUE_OBJECT;
	return object || value->kind == wanted_kind(param->kind);
}

static enum params_fault check_range(const struct param *param, int64_t n)
{
	return in_range(param, n) ? PARAMS_OK : PARAMS_RANGE;
}

/* Writes a value of the right kind to the field. */
static enum params_fault store(const struct param *param, const struct value *value, void *field)
{
	int choice;
	switch (param->kind) {
	case PARAM_TEXT:
		*(struct bytes *)field = value->text;
		return check_range(param, (int64_t)value->text.len);
	case PARAM_INT:
		*(int64_t *)field = value->integer;
		return check_range(param, value->integer);
	case PARAM_BOOL:
		*(bool *)field = value->boolean;
		return PARAMS_OK;
	case PARAM_TIME:
		return read_time(value, field) ? PARAMS_OK : PARAMS_TYPE;
	case PARAM_CHOICE:
		choice = find_choice(param, value->text);
		*(int *)field = choice;
		return choice >= 0 ? PARAMS_OK : PARAMS_RANGE;
	case PARAM_ARRAY:
		*(const struct value **)field = value;
		return check_range(param, value->count);
	case PARAM_OBJECT:
	case PARAM_TEXT_OR_OBJECT:
	case PARAM_ANY:
		*(const struct value **)field = value;
		return PARAMS_OK;
	}
	return PARAMS_TYPE;
}

static int bind(const struct param *param, const struct value *value, void *out,
	struct params_error *ret_error)
{
	bool null = value->kind == VALUE_NULL;
	if (null && (param->flags & PARAM_NULLABLE) == 0) {
		return fail(param, takes_null(param->kind) ? PARAMS_NULL : PARAMS_TYPE, ret_error);
	}
	if (!null && !is_wanted(param, value)) {
		return fail(param, PARAMS_TYPE, ret_error);
	}
	if (param->given != 0) {
		enum param_given *given = (void *)((char *)out + param->given - 1);
		*given = null ? PARAM_NULL : PARAM_PRESENT;
	}
	if (null && param->kind != PARAM_ANY) {
		return 0;
	}
	enum params_fault fault = store(param, value, (char *)out + param->offset);
	return fault == PARAMS_OK ? 0 : fail(param, fault, ret_error);
}

int params_check(
	const struct param *param, const struct value *value, struct params_error *ret_error)
{
	union {
		struct bytes text;
		int64_t integer;
		bool boolean;
		int choice;
		const struct value *value;
	} field;
	struct param here = *param;
	here.offset = 0;
	here.given = 0;
	int err = bind(&here, value, &field, ret_error);
	if (err != 0) {
		ret_error->param = param;
	}
	return err;
}

/* ---- arrays ---- */

int params_bind_array(const struct param *table, size_t count, const struct value *args, void *out,
	struct params_error *ret_error)
{
	if (args->kind != VALUE_ARRAY) {
		return fail(NULL, PARAMS_TYPE, ret_error);
	}
	size_t least = count;
	while (least > 0 && (table[least - 1].flags & PARAM_OPTIONAL) != 0) {
		least--;
	}
	if (args->count < least || args->count > count) {
		*ret_error = (struct params_error){
			.fault = PARAMS_COUNT,
			.given = args->count,
			.expected = args->count < least ? least : count,
		};
		return ERR_BAD_REQUEST;
	}
	for (size_t i = 0; i < args->count; i++) {
		int err = bind(&table[i], &args->items[i], out, ret_error);
		if (err != 0) {
			ret_error->index = i;
			return err;
		}
	}
	return 0;
}

/* ---- objects ---- */

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
	return bytes_eq_nocase(bytes_of(&a, 1), bytes_of(&b, 1));
}

/* Insertions, deletions and replacements that lead from a to b (Levenshtein), b being at most
 * NAME_SHOWN_MAX long. */
static size_t distance(struct bytes a, struct bytes b)
{
	size_t row[NAME_SHOWN_MAX + 1];
	for (size_t j = 0; j <= b.len; j++) {
		row[j] = j;
	}
	for (size_t i = 0; i < a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b.len; j++) {
			size_t replaced = diagonal + !same_letter(a.ptr[i], b.ptr[j]);
			diagonal = row[j + 1];
			row[j + 1] = min2(replaced, min2(row[j], row[j + 1]) + 1);
		}
	}
	return row[b.len];
}

/* The name in the table that is at most a third of its letters away, or NULL. */
static const char *find_nearest(const struct param *table, size_t count, struct bytes name)
{
	const char *best = NULL;
	size_t least = SIZE_MAX;
	for (size_t i = 0; i < count && name.len <= NAME_SHOWN_MAX; i++) {
		struct bytes known = bytes_str(table[i].name);
		size_t far = distance(known, name);
		if (far <= (known.len + 2) / 3 && far < least) {
			least = far;
			best = table[i].name;
		}
	}
	return best;
}

static const struct param *find_param(const struct param *table, size_t count, struct bytes name)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes_eq_nocase(bytes_str(table[i].name), name)) {
			return &table[i];
		}
	}
	return NULL;
}

static int refuse_unknown(const struct param *table, size_t count, const struct value *object,
	struct params_error *ret_error)
{
	for (uint32_t i = 0; i < object->count; i++) {
		struct bytes name = object->members[i].name;
		if (find_param(table, count, name) == NULL) {
			fail(NULL, PARAMS_UNKNOWN, ret_error);
			ret_error->unknown = name;
			ret_error->nearest = find_nearest(table, count, name);
			return ERR_BAD_REQUEST;
		}
	}
	return 0;
}

int params_bind_object(const struct param *table, size_t count, const struct value *object,
	void *out, struct params_error *ret_error)
{
	if (object->kind != VALUE_OBJECT) {
		return fail(NULL, PARAMS_TYPE, ret_error);
	}
	bool open = count > 0 && (table[0].flags & PARAM_OPEN) != 0;
	int err = open ? 0 : refuse_unknown(table, count, object, ret_error);
	for (size_t i = 0; err == 0 && i < count; i++) {
		const struct value *member = value_get_nocase(object, table[i].name);
		if (member != NULL) {
			err = bind(&table[i], member, out, ret_error);
		} else if ((table[i].flags & PARAM_OPTIONAL) == 0) {
			err = fail(&table[i], PARAMS_MISSING, ret_error);
		}
		if (err != 0) {
			ret_error->index = i;
		}
	}
	return err;
}

/* ---- in words ---- */

static const char *kind_text(const struct param *param)
{
	switch (param->kind) {
	case PARAM_TEXT:
	case PARAM_CHOICE:
		return "a text";
	case PARAM_INT:
		return "an integer";
	case PARAM_BOOL:
		return "true or false";
	case PARAM_TIME:
		return "a time";
	case PARAM_OBJECT:
		return "an object";
	case PARAM_ARRAY:
		return (param->flags & PARAM_OF_TEXTS) != 0 ? "an array of texts" : "an array";
	case PARAM_TEXT_OR_OBJECT:
		return "a text or an object";
	case PARAM_ANY:
		break;
	}
	return "a value";
}

static const char *range_text(struct arena *arena, const struct param *param)
{
	if (param->kind == PARAM_CHOICE) {
		const char *list = "";
		for (size_t i = 0; param->choices[i] != NULL; i++) {
			list = arena_printf(
				arena, "%s%s%s", list, i > 0 ? ", " : "", param->choices[i]);
		}
		return arena_printf(arena, "'%s' must be one of %s", param->name, list);
	}
	const char *unit = param->kind == PARAM_TEXT ? " bytes long" : " items long";
	return arena_printf(arena, "'%s' must be %" PRId64 " to %" PRId64 "%s", param->name,
		param->min, param->max, is_list(param) ? unit : "");
}

static const char *unknown_text(struct arena *arena, const struct params_error *error)
{
	struct bytes name = error->unknown;
	if (name.len > NAME_SHOWN_MAX) {
		return "a member has an unknown name that is too long to be shown";
	}
	if (error->nearest == NULL) {
		return arena_printf(arena, "'%.*s' is not known", BYTES_ARG(name));
	}
	return arena_printf(
		arena, "'%.*s' is not known; did you mean '%s'", BYTES_ARG(name), error->nearest);
}

const char *params_error_text(struct arena *arena, const struct params_error *error)
{
	switch (error->fault) {
	case PARAMS_COUNT:
		return arena_printf(
			arena, "%zu given where %zu are expected", error->given, error->expected);
	case PARAMS_TYPE:
		if (error->param == NULL) {
			return "it has the wrong type as a whole";
		}
		return arena_printf(
			arena, "'%s' must be %s", error->param->name, kind_text(error->param));
	case PARAMS_NULL:
		return arena_printf(arena, "'%s' must not be null", error->param->name);
	case PARAMS_RANGE:
		return range_text(arena, error->param);
	case PARAMS_MISSING:
		return arena_printf(arena, "'%s' is missing", error->param->name);
	case PARAMS_UNKNOWN:
		return unknown_text(arena, error);
	case PARAMS_OK:
		break;
	}
	return "nothing is wrong";
}
