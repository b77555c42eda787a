#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "tests/own/own.h"

/* ---- what binds ---- */

static bool is_int(const struct value *value, int64_t min, int64_t max)
{
	return value->kind == VALUE_INT && value->integer >= min && value->integer <= max;
}

static bool is_null(const void *params)
{
	return ((const struct own_any_params *)params)->value->kind == VALUE_NULL;
}

static const struct value *value_of(const void *params)
{
	return ((const struct own_any_params *)params)->value;
}

bool own_fits_int(void *params)
{
	return is_int(value_of(params), INT32_MIN, INT32_MAX);
}

bool own_fits_maybe_int(void *params)
{
	return is_null(params) || own_fits_int(params);
}

bool own_fits_long(void *params)
{
	return is_int(value_of(params), INT64_MIN, INT64_MAX);
}

bool own_fits_double(void *params)
{
	enum value_kind kind = value_of(params)->kind;
	return kind == VALUE_INT || kind == VALUE_DOUBLE;
}

bool own_fits_bool(void *params)
{
	return value_of(params)->kind == VALUE_BOOL;
}

bool own_fits_text(void *params)
{
	const struct value *value = value_of(params);
	return is_null(params) || (value->kind == VALUE_TEXT && !value->bad_text);
}

bool own_fits_id(void *params)
{
	const struct value *value = value_of(params);
	struct uuid id;
	return value->kind == VALUE_TEXT && uuid_parse(value->text, &id) == 0;
}

static bool is_coordinate(const struct value *value)
{
	return value == NULL || is_int(value, INT32_MIN, INT32_MAX);
}

bool own_fits_object(void *params)
{
	const struct value *value = value_of(params);
	return is_null(params) ||
	       (value->kind == VALUE_OBJECT && is_coordinate(value_get_nocase(value, "x")) &&
		       is_coordinate(value_get_nocase(value, "y")));
}

/* How a DateTime is written: a date, a time without zone, in UTC, or with an offset. */
enum time_form { TIME_NONE, TIME_DATE, TIME_LOCAL, TIME_UTC, TIME_OFFSET };

static enum time_form time_form(struct bytes text, int64_t *ret_ms)
{
	char whole[64];
	if (text.len < 10 || text.len > 40 || (text.len > 10 && text.ptr[10] != 'T')) {
		return TIME_NONE;
	}
	enum time_form form = TIME_LOCAL;
	if (text.len == 10) {
		form = TIME_DATE;
	} else if (text.ptr[text.len - 1] == 'Z') {
		form = TIME_UTC;
	} else if (memchr(text.ptr + 10, '+', text.len - 10) != NULL ||
		   memchr(text.ptr + 10, '-', text.len - 10) != NULL) {
		form = TIME_OFFSET;
	}
	const char *end = form == TIME_DATE ? "T00:00:00Z" : form == TIME_LOCAL ? "Z" : "";
	snprintf(whole, sizeof(whole), "%.*s%s", BYTES_ARG(text), end);
	return clock_parse(bytes_str(whole), ret_ms) == 0 ? form : TIME_NONE;
}

bool own_fits_time(void *params)
{
	const struct value *value = value_of(params);
	int64_t ms;
	return value->kind == VALUE_TIME ||
	       (value->kind == VALUE_TEXT && time_form(value->text, &ms) != TIME_NONE);
}

/* ---- what comes back ---- */

#define OP(id, text) \
	static const struct op_step id##_steps[] = {{"reply", id, 0}, {0}}; \
	const struct op_def op_own_##id = { \
		.name = "own_" #id, \
		.steps = id##_steps, \
		.params_size = sizeof(struct own_any_params), \
		.needs = OP_USER, \
		.doc = text, \
	}

static int echo(struct op *op)
{
	op->result = *value_of(op->params);
	return OP_NEXT;
}

/* A DateTime comes back in the server's zone, which is UTC. */
static int time(struct op *op)
{
	const struct value *value = value_of(op->params);
	char text[CLOCK_TEXT_SIZE];
	int64_t ms;
	op->result = *value;
	enum time_form form = value->kind == VALUE_TEXT ? time_form(value->text, &ms) : TIME_UTC;
	if (form == TIME_DATE) {
		op->result =
			value_str(arena_printf(op->arena, "%.*sT00:00:00", BYTES_ARG(value->text)));
	} else if (form == TIME_OFFSET) {
		clock_format(ms, text);
		op->result = value_str(arena_printf(op->arena, "%.19s+00:00", text));
	}
	return OP_NEXT;
}

static int id(struct op *op)
{
	struct uuid parsed;
	char *text = arena_alloc(op->arena, UUID_TEXT_SIZE);
	uuid_parse(value_of(op->params)->text, &parsed);
	uuid_format(&parsed, text);
	op->result = value_str(text);
	return OP_NEXT;
}

static struct value coordinate(const struct value *object, const char *name)
{
	const struct value *found = value_get_nocase(object, name);
	return found != NULL ? *found : value_int(0);
}

static int object(struct op *op)
{
	const struct value *given = value_of(op->params);
	if (given->kind == VALUE_OBJECT) {
		op->result = value_object(op->arena, 2);
		value_put(&op->result, "x", coordinate(given, "x"));
		value_put(&op->result, "y", coordinate(given, "y"));
	}
	return OP_NEXT;
}

static int values(struct op *op)
{
	struct value *all = &op->result;
	struct value map = value_object(op->arena, 1);
	map.dictionary = true;
	value_put(&map, "KeyOne", value_int(1));
	*all = value_object(op->arena, 13);
	value_put(all, "int", value_int(1));
	value_put(all, "long", value_int(INT64_MAX));
	value_put(all, "float", (struct value){.kind = VALUE_DOUBLE, .number = 0.1});
	value_put(all, "text",
		value_str("q\" b\\ <&>' \xc3\xa9 \xf0\x9f\x98\x80 \x01\r\n\t\xe2\x80\xa8"));
	value_put(all, "null", value_null);
	value_put(all, "kind", value_int(5));
	value_put(all, "bytes",
		(struct value){.kind = VALUE_BINARY, .text = bytes_of("\x01\x02\xff", 3)});
	value_put(all, "at", value_time(1704164645678));
	value_put(all, "off", value_str("2024-01-02T03:04:05+02:00"));
	value_put(all, "span", value_str("1.02:03:04"));
	value_put(all, "id", value_str("d3b07384-d9a0-4c9b-8f5e-1c2a3b4c5d6e"));
	value_put(all, "dec", (struct value){.kind = VALUE_DOUBLE, .number = 1.5});
	value_put(all, "map", map);
	return OP_NEXT;
}

static int nan_result(struct op *op)
{
	op->result = (struct value){.kind = VALUE_DOUBLE, .number = NAN};
	return OP_NEXT;
}

static int void_result(struct op *op)
{
	op->result = value_null;
	return OP_NEXT;
}

static int renamed(struct op *op)
{
	op->result = value_str("renamed");
	return OP_NEXT;
}

OP(echo, "Give back the argument.");
OP(time, "Give back a time.");
OP(id, "Give back a UUID.");
OP(object, "Give back two coordinates.");
OP(values, "One value of each kind.");
OP(renamed, "Say so.");

static const struct op_step nan_steps[] = {{"reply", nan_result, 0}, {0}};
const struct op_def op_own_nan = {
	.name = "own_nan", .steps = nan_steps, .needs = OP_USER, .doc = "What JSON cannot say."};

static const struct op_step void_steps[] = {{"reply", void_result, 0}, {0}};
const struct op_def op_own_void = {
	.name = "own_void", .steps = void_steps, .needs = OP_USER, .doc = "Nothing."};
