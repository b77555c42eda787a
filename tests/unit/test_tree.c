#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/bytes.h"
#include "lib/value/json.h"
#include "lib/value/params.h"
#include "lib/value/tree.h"

static void a_copy_stands_alone(void **state)
{
	static const char text[] = "{\"a\":[1,-2.5,true,null,\"x\\u0000y\",{}],\"b\":{\"C\":[[]],"
				   "\"d\":\"\"},\"e\":\"z\"}";
	struct arena *from = arena_create(0);
	struct arena *to = arena_create(0);
	struct value value;
	struct buf out = {0};
	(void)state;
	assert_int_equal(json_read(from, BYTES_LIT(text), &value, NULL), 0);
	value.dictionary = true;
	struct value copy = value_copy(to, &value);
	arena_destroy(&from);
	json_write(&out, &copy);
	buf_cstr(&out);
	assert_string_equal(out.data, text);
	assert_true(copy.dictionary);
	assert_int_equal(copy.cap, 0);
	buf_finish(&out);
	arena_destroy(&to);
}

static void other_kinds_are_copied(void **state)
{
	struct arena *to = arena_create(0);
	char bytes[] = "\x01\x00\xff";
	(void)state;
	struct value binary = {.kind = VALUE_BINARY, .text = bytes_of(bytes, 3)};
	struct value copy = value_copy(to, &binary);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(copy.kind, VALUE_BINARY);
	assert_true(bytes_eq(copy.text, bytes_of("\x01\x00\xff", 3)));
	struct value time = value_time(1234);
	copy = value_copy(to, &time);
	assert_int_equal(copy.kind, VALUE_TIME);
	assert_int_equal(copy.time_ms, 1234);
	arena_destroy(&to);
}

static void numbers_that_are_none_are_found(void **state)
{
	static const double bad[] = {NAN, INFINITY, -INFINITY};
	struct arena *arena = arena_create(0);
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct value number = {.kind = VALUE_DOUBLE, .number = bad[i]};
		struct value array = value_array(arena, 2);
		struct value object = value_object(arena, 2);
		assert_false(value_is_finite(&number));
		value_add(&array, value_int(1));
		value_put(&object, "a", array);
		assert_true(value_is_finite(&object));
		value_add(&array, number);
		object = value_object(arena, 2);
		value_put(&object, "a", array);
		value_put(&object, "b", value_int(1));
		assert_false(value_is_finite(&object));
	}
	struct value fine = {.kind = VALUE_DOUBLE, .number = 1e308};
	assert_true(value_is_finite(&fine));
	assert_true(value_is_finite(&value_null));
	arena_destroy(&arena);
}

/* params_check() is params_bind_array() for one value that goes nowhere. */
static void values_are_checked(void **state)
{
	static const char *const choices[] = {"one", "two", NULL};
	static const struct param number = {
		.name = "n", .kind = PARAM_INT, .min = 1, .max = 5, .offset = 4096, .given = 5000};
	static const struct param text = {
		.name = "t", .kind = PARAM_TEXT, .flags = PARAM_NULLABLE, .offset = 4096};
	static const struct param choice = {
		.name = "c", .kind = PARAM_CHOICE, .choices = choices, .offset = 4096};
	struct params_error error;
	(void)state;
	struct value five = value_int(5);
	struct value six = value_int(6);
	struct value word = value_str("two");
	assert_int_equal(params_check(&number, &five, &error), 0);
	assert_true(params_check(&number, &six, &error) != 0);
	assert_int_equal(error.fault, PARAMS_RANGE);
	assert_ptr_equal(error.param, &number);
	assert_true(params_check(&number, &word, &error) != 0);
	assert_int_equal(error.fault, PARAMS_TYPE);
	assert_ptr_equal(error.param, &number);
	assert_true(params_check(&number, &value_null, &error) != 0);
	assert_int_equal(params_check(&text, &value_null, &error), 0);
	assert_int_equal(params_check(&text, &word, &error), 0);
	assert_true(params_check(&text, &five, &error) != 0);
	assert_int_equal(params_check(&choice, &word, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_stands_alone),
		cmocka_unit_test(other_kinds_are_copied),
		cmocka_unit_test(numbers_that_are_none_are_found),
		cmocka_unit_test(values_are_checked),
	};
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
