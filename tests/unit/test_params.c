#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/value/json.h"
#include "lib/value/params.h"

struct bound {
	struct bytes room;
	int64_t limit;
	enum param_given limit_given;
	bool typing;
	int64_t since;
	int colour;
	const struct value *options;
	const struct value *ids;
	const struct value *anything;
};

static const char *const colours[] = {"Red", "Green", NULL};

#define ROW(member) .name = #member, .offset = offsetof(struct bound, member)
static const struct param table[] = {
	{ROW(room), .kind = PARAM_TEXT, .min = 1, .max = 8, .doc = "Id or alias."},
	{ROW(limit), .kind = PARAM_INT, .flags = PARAM_OPTIONAL | PARAM_NULLABLE, .min = 1,
		.max = 100, .given = PARAM_GIVEN_AT(struct bound, limit_given)},
	{ROW(typing), .kind = PARAM_BOOL, .flags = PARAM_OPTIONAL},
	{ROW(since), .kind = PARAM_TIME, .flags = PARAM_OPTIONAL},
	{ROW(colour), .kind = PARAM_CHOICE, .choices = colours, .flags = PARAM_OPTIONAL},
	{ROW(options), .kind = PARAM_OBJECT, .flags = PARAM_OPTIONAL},
	{ROW(ids), .kind = PARAM_ARRAY, .flags = PARAM_OPTIONAL, .max = 2},
	{ROW(anything), .kind = PARAM_ANY, .flags = PARAM_OPTIONAL | PARAM_NULLABLE},
};
#undef ROW
enum { ROWS = sizeof(table) / sizeof(table[0]) };

static struct arena *arena;
static struct params_error error;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	memset(&error, 0, sizeof(error));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

static const struct value *read_value(const char *text)
{
	struct value *value = arena_alloc(arena, sizeof(*value));
	assert_int_equal(json_read(arena, bytes_str(text), value, NULL), 0);
	return value;
}

static int bind_array(const char *text, struct bound *ret_bound)
{
	return params_bind_array(table, ROWS, read_value(text), ret_bound, &error);
}

static int bind_object(const char *text, struct bound *ret_bound)
{
	return params_bind_object(table, ROWS, read_value(text), ret_bound, &error);
}

static void assert_error_text(const char *expected)
{
	assert_string_equal(params_error_text(arena, &error), expected);
}

static void test_array(void **state)
{
	(void)state;
	struct bound bound = {0};
	assert_int_equal(bind_array("[\"general\",100,true,\"2024-01-02T03:04:05.678Z\",\"gREEN\","
				    "{\"a\":1},[1,2],null]",
				 &bound),
		0);
	assert_true(bytes_eq(bound.room, BYTES_LIT("general")));
	assert_int_equal(bound.limit, 100);
	assert_int_equal(bound.limit_given, PARAM_PRESENT);
	assert_true(bound.typing);
	assert_true(bound.since == 1704164645678);
	assert_int_equal(bound.colour, 1);
	assert_int_equal(value_get(bound.options, "a")->integer, 1);
	assert_int_equal(bound.ids->count, 2);
	assert_int_equal(bound.anything->kind, VALUE_NULL);
}

static void test_array_defaults(void **state)
{
	(void)state;
	struct bound bound = {.limit = 50, .colour = -1};
	assert_int_equal(bind_array("[\"g\"]", &bound), 0);
	assert_int_equal(bound.limit, 50);
	assert_int_equal(bound.limit_given, PARAM_ABSENT);
	assert_int_equal(bound.colour, -1);
	assert_null(bound.anything);
	/* null is known from absent. */
	assert_int_equal(bind_array("[\"g\",null]", &bound), 0);
	assert_int_equal(bound.limit, 50);
	assert_int_equal(bound.limit_given, PARAM_NULL);
}

static void test_count(void **state)
{
	(void)state;
	struct bound bound = {0};
	assert_int_equal(bind_array("[]", &bound), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_COUNT);
	assert_null(error.param);
	assert_int_equal(error.given, 0);
	assert_int_equal(error.expected, 1);
	assert_error_text("0 given where 1 are expected");
	assert_int_equal(bind_array("[1,2,3,4,5,6,7,8,9]", &bound), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_COUNT);
	assert_int_equal(error.given, 9);
	assert_int_equal(error.expected, 8);
	/* A table without rows takes nothing. */
	assert_int_equal(params_bind_array(table, 0, read_value("[]"), &bound, &error), 0);
	assert_int_equal(
		params_bind_array(table, 0, read_value("[1]"), &bound, &error), ERR_BAD_REQUEST);
	assert_int_equal(error.expected, 0);
	/* No array at all. */
	assert_int_equal(bind_array("{}", &bound), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_TYPE);
	assert_null(error.param);
	assert_error_text("it has the wrong type as a whole");
}

static void test_faults(void **state)
{
	(void)state;
	static const struct {
		const char *args;
		enum params_fault fault;
		size_t index;
		const char *text;
	} cases[] = {
		{"[5]", PARAMS_TYPE, 0, "'room' must be a text"},
		{"[\"\\ud800\"]", PARAMS_TYPE, 0, "'room' must be a text"},
		{"[null]", PARAMS_NULL, 0, "'room' must not be null"},
		{"[\"\"]", PARAMS_RANGE, 0, "'room' must be 1 to 8 bytes long"},
		{"[\"123456789\"]", PARAMS_RANGE, 0, "'room' must be 1 to 8 bytes long"},
		{"[\"g\",\"1\"]", PARAMS_TYPE, 1, "'limit' must be an integer"},
		{"[\"g\",1.0]", PARAMS_TYPE, 1, "'limit' must be an integer"},
		{"[\"g\",0]", PARAMS_RANGE, 1, "'limit' must be 1 to 100"},
		{"[\"g\",101]", PARAMS_RANGE, 1, "'limit' must be 1 to 100"},
		{"[\"g\",1,1]", PARAMS_TYPE, 2, "'typing' must be true or false"},
		{"[\"g\",1,null]", PARAMS_TYPE, 2, "'typing' must be true or false"},
		{"[\"g\",1,true,\"2024-01-02 03:04\"]", PARAMS_TYPE, 3, "'since' must be a time"},
		{"[\"g\",1,true,1704164645]", PARAMS_TYPE, 3, "'since' must be a time"},
		{"[\"g\",1,true,\"2024-01-02T03:04:05Z\",1]", PARAMS_TYPE, 4,
			"'colour' must be a text"},
		{"[\"g\",1,true,\"2024-01-02T03:04:05Z\",\"Blue\"]", PARAMS_RANGE, 4,
			"'colour' must be one of Red, Green"},
		{"[\"g\",1,true,\"2024-01-02T03:04:05Z\",\"Red\",[]]", PARAMS_TYPE, 5,
			"'options' must be an object"},
		{"[\"g\",1,true,\"2024-01-02T03:04:05Z\",\"Red\",{},{}]", PARAMS_TYPE, 6,
			"'ids' must be an array"},
		{"[\"g\",1,true,\"2024-01-02T03:04:05Z\",\"Red\",{},[1,2,3]]", PARAMS_RANGE, 6,
			"'ids' must be 0 to 2 items long"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bound bound = {0};
		assert_int_equal(bind_array(cases[i].args, &bound), ERR_BAD_REQUEST);
		assert_int_equal(error.fault, cases[i].fault);
		assert_int_equal(error.index, cases[i].index);
		assert_ptr_equal(error.param, &table[cases[i].index]);
		assert_error_text(cases[i].text);
	}
}

/* Times and binary come from MessagePack as such. */
static void test_native_time(void **state)
{
	(void)state;
	struct bound bound = {0};
	struct value object = value_object(arena, 2);
	value_put(&object, "Room", value_str("g"));
	value_put(&object, "Since", value_time(-5));
	assert_int_equal(params_bind_object(table, ROWS, &object, &bound, &error), 0);
	assert_int_equal(bound.since, -5);
	struct value binary = {.kind = VALUE_BINARY, .text = BYTES_LIT("g")};
	struct value args = value_array(arena, 1);
	value_add(&args, binary);
	assert_int_equal(params_bind_array(table, ROWS, &args, &bound, &error), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_TYPE);
}

static void test_object(void **state)
{
	(void)state;
	struct bound bound = {0};
	assert_int_equal(
		bind_object(
			"{\"LIMIT\":7,\"room\":\"g\",\"Room\":\"other\",\"anything\":[]}", &bound),
		0);
	assert_true(bytes_eq(bound.room, BYTES_LIT("g")));
	assert_int_equal(bound.limit, 7);
	assert_int_equal(bound.limit_given, PARAM_PRESENT);
	assert_int_equal(bound.anything->kind, VALUE_ARRAY);

	assert_int_equal(bind_object("{\"limit\":7}", &bound), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_MISSING);
	assert_ptr_equal(error.param, &table[0]);
	assert_error_text("'room' is missing");
	assert_int_equal(bind_object("{\"room\":\"g\",\"limit\":1000}", &bound), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_RANGE);
	assert_int_equal(error.index, 1);
	assert_int_equal(bind_object("[]", &bound), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_TYPE);
	assert_null(error.param);
}

static void test_unknown_members(void **state)
{
	(void)state;
	struct bound bound = {0};
	assert_int_equal(bind_object("{\"room\":\"g\",\"limti\":1}", &bound), ERR_BAD_REQUEST);
	assert_int_equal(error.fault, PARAMS_UNKNOWN);
	assert_true(bytes_eq(error.unknown, BYTES_LIT("limti")));
	assert_string_equal(error.nearest, "limit");
	assert_error_text("'limti' is not known; did you mean 'limit'");
	assert_int_equal(bind_object("{\"rom\":\"g\"}", &bound), ERR_BAD_REQUEST);
	assert_string_equal(error.nearest, "room");
	assert_int_equal(bind_object("{\"zzzzzz\":1}", &bound), ERR_BAD_REQUEST);
	assert_null(error.nearest);
	assert_error_text("'zzzzzz' is not known");
	assert_int_equal(bind_object("{\"\":1}", &bound), ERR_BAD_REQUEST);
	assert_null(error.nearest);
	assert_int_equal(
		bind_object("{\"limitlimitlimitlimitlimitlimitlimitlimitlimitlimitlimitlimit"
			    "limitlimit\":1}",
			&bound),
		ERR_BAD_REQUEST);
	assert_null(error.nearest);
	assert_error_text("a member has an unknown name that is too long to be shown");
}

static void test_text_or_object(void **state)
{
	(void)state;
	static const struct param either[] = {
		{.name = "content",
			.kind = PARAM_TEXT_OR_OBJECT,
			.offset = offsetof(struct bound, anything)},
	};
	static const struct {
		const char *args;
		int err;
		enum params_fault fault;
	} cases[] = {
		{"[\"text\"]", 0, PARAMS_OK},
		{"[{\"content\":1}]", 0, PARAMS_OK},
		{"[\"\\ud800\"]", ERR_BAD_REQUEST, PARAMS_TYPE},
		{"[[]]", ERR_BAD_REQUEST, PARAMS_TYPE},
		{"[1]", ERR_BAD_REQUEST, PARAMS_TYPE},
		{"[null]", ERR_BAD_REQUEST, PARAMS_NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bound bound = {0};
		const struct value *args = read_value(cases[i].args);
		assert_int_equal(params_bind_array(either, 1, args, &bound, &error), cases[i].err);
		assert_ptr_equal(bound.anything, cases[i].err == 0 ? &args->items[0] : NULL);
		if (cases[i].err != 0) {
			assert_int_equal(error.fault, cases[i].fault);
		}
	}
}

static void test_open_table(void **state)
{
	(void)state;
	static const struct param open[] = {
		{.name = "room",
			.kind = PARAM_TEXT,
			.flags = PARAM_OPEN,
			.offset = offsetof(struct bound, room)},
	};
	struct bound bound = {0};
	assert_int_equal(
		params_bind_object(open, 1, read_value("{\"x\":1,\"room\":\"\"}"), &bound, &error),
		0);
	assert_int_equal(bound.room.len, 0);
	assert_non_null(bound.room.ptr);
}

static void test_array_of_texts(void **state)
{
	static const struct param texts[] = {
		{.name = "ids",
			.kind = PARAM_ARRAY,
			.flags = PARAM_OF_TEXTS,
			.offset = offsetof(struct bound, ids)},
	};
	static const char *const refused[] = {"{\"ids\":[1]}", "{\"ids\":[\"a\",null]}",
		"{\"ids\":[\"\\ud800\"]}", "{\"ids\":[[\"a\"]]}", "{\"ids\":\"a\"}"};
	struct bound bound = {0};
	(void)state;
	assert_int_equal(
		params_bind_object(texts, 1, read_value("{\"ids\":[\"a\",\"\"]}"), &bound, &error),
		0);
	assert_int_equal(bound.ids->count, 2);
	assert_int_equal(
		params_bind_object(texts, 1, read_value("{\"ids\":[]}"), &bound, &error), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(
			params_bind_object(texts, 1, read_value(refused[i]), &bound, &error),
			ERR_BAD_REQUEST);
		assert_int_equal(error.fault, PARAMS_TYPE);
		assert_string_equal(
			params_error_text(arena, &error), "'ids' must be an array of texts");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_array),
		TEST(test_array_defaults),
		TEST(test_count),
		TEST(test_faults),
		TEST(test_native_time),
		TEST(test_object),
		TEST(test_unknown_members),
		TEST(test_open_table),
		TEST(test_text_or_object),
		TEST(test_array_of_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
