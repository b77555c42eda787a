#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/value/json.h"
#include "tests/unit/json_file.h"

static struct arena *arena;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	buf_init(&out);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	buf_finish(&out);
	return 0;
}

static void assert_written(const struct value *value, const char *expected)
{
	buf_clear(&out);
	json_write(&out, value);
	assert_string_equal(buf_cstr(&out), expected);
}

static void test_write_text(void **state)
{
	(void)state;
	static const struct {
		struct bytes text;
		const char *expected;
	} cases[] = {
		{BYTES_LIT(""), "\"\""},
		{BYTES_NONE, "\"\""},
		{BYTES_LIT("plain ASCII that is longer than a machine word"),
			"\"plain ASCII that is longer than a machine word\""},
		{BYTES_LIT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
		{BYTES_LIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
		{BYTES_LIT("\x00\x01\x0b\x1f\x7f "), "\"\\u0000\\u0001\\u000B\\u001F\\u007F \""},
		{BYTES_LIT("\xc2\x80\xc2\x9f\xc2\xa0"), "\"\\u0080\\u009F\xc2\xa0\""},
		{BYTES_LIT("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
			"\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\""},
		{BYTES_LIT("<&'+> h\xc3\xa9llo \xe2\x98\x83"),
			"\"<&'+> h\xc3\xa9llo \xe2\x98\x83\""},
		{BYTES_LIT("\xf0\x9f\x98\x80"), "\"\\uD83D\\uDE00\""},
		{BYTES_LIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "\"\\uD800\\uDC00\\uDBFF\\uDFFF\""},
		{BYTES_LIT("\xef\xbf\xbf\xee\x80\x80"), "\"\xef\xbf\xbf\xee\x80\x80\""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		json_write_text(&out, cases[i].text);
		assert_string_equal(buf_cstr(&out), cases[i].expected);
	}
}

/* The fast path must not miss what stands at any place of a word. */
static void test_write_text_at_every_place(void **state)
{
	(void)state;
	static const struct {
		struct bytes text;
		const char *expected;
	} specials[] = {
		{BYTES_LIT("\""), "\\\""},
		{BYTES_LIT("\\"), "\\\\"},
		{BYTES_LIT("\x1f"), "\\u001F"},
		{BYTES_LIT("\x7f"), "\\u007F"},
		{BYTES_LIT("\xc3\xa9"), "\xc3\xa9"},
		{BYTES_LIT("\xc2\x85"), "\\u0085"},
		{BYTES_LIT("\xf0\x9f\x98\x80"), "\\uD83D\\uDE00"},
		{BYTES_LIT("~"), "~"},
		{BYTES_LIT("!#[]"), "!#[]"},
	};
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		for (size_t before = 0; before < 20; before++) {
			for (size_t after = 0; after < 20; after += 3) {
				char text[64], expected[64];
				int len = snprintf(text, sizeof(text), "%.*s%.*s%.*s", (int)before,
					"abcdefghijklmnopqrst", BYTES_ARG(specials[i].text),
					(int)after, "ABCDEFGHIJKLMNOPQRST");
				snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"", (int)before,
					"abcdefghijklmnopqrst", specials[i].expected, (int)after,
					"ABCDEFGHIJKLMNOPQRST");
				buf_clear(&out);
				json_write_text(&out, bytes_of(text, (size_t)len));
				assert_string_equal(buf_cstr(&out), expected);
			}
		}
	}
}

/* Against the contract, but it must not read behind its end. */
static void test_write_cut_text(void **state)
{
	(void)state;
	static const char cut[] = "\xf0\x9f\x98\x80";
	for (size_t len = 1; len < 4; len++) {
		char *exact = malloc(len);
		memcpy(exact, cut, len);
		buf_clear(&out);
		json_write_text(&out, bytes_of(exact, len));
		assert_int_equal(out.len, len + 2);
		free(exact);
	}
}

static void test_write_numbers(void **state)
{
	(void)state;
	static const struct {
		int64_t n;
		const char *expected;
	} integers[] = {
		{0, "0"},
		{7, "7"},
		{-10, "-10"},
		{INT64_MAX, "9223372036854775807"},
		{INT64_MIN, "-9223372036854775808"},
	};
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		struct value value = value_int(integers[i].n);
		assert_written(&value, integers[i].expected);
	}
	static const struct {
		double n;
		const char *expected;
	} doubles[] = {
		{1.5, "1.5"},
		{-0.1, "-0.1"},
		{1, "1"},
		{0.1 + 0.2, "0.30000000000000004"},
		{DBL_MAX, "1.7976931348623157e+308"},
		{5e-324, "4.94065645841247e-324"},
		{1e21, "1e+21"},
		{(double)NAN, "null"},
		{(double)INFINITY, "null"},
		{-(double)INFINITY, "null"},
	};
	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
		struct value value = {.kind = VALUE_DOUBLE, .number = doubles[i].n};
		assert_written(&value, doubles[i].expected);
	}
}

/* Where such a locale is installed; the dot is JSON's everywhere. */
static void test_write_double_in_a_locale(void **state)
{
	(void)state;
	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) {
		skip();
	}
	struct value value = {.kind = VALUE_DOUBLE, .number = -1.5};
	assert_written(&value, "-1.5");
	struct value read;
	assert_int_equal(json_read(arena, BYTES_LIT("2.5"), &read, NULL), 0);
	assert_true(read.number == 2.5);
	setlocale(LC_NUMERIC, "C");
}

static void test_write_the_rest(void **state)
{
	(void)state;
	struct value binary = {.kind = VALUE_BINARY, .text = BYTES_LIT("\x01\x02\x03\xff")};
	assert_written(&binary, "\"AQID/w==\"");
	struct value time = value_time(1704164645678);
	assert_written(&time, "\"2024-01-02T03:04:05.678Z\"");
	struct value object = value_object(arena, 4);
	value_put(&object, "a", value_null);
	value_put(&object, "b\n", value_bool(false));
	struct value array = value_array(arena, 3);
	assert_written(&array, "[]");
	value_add(&array, value_bool(true));
	value_add(&array, value_object(arena, 0));
	value_put(&object, "c", array);
	assert_written(&object, "{\"a\":null,\"b\\n\":false,\"c\":[true,{}]}");
}

static void test_write_members(void **state)
{
	(void)state;
	buf_append_char(&out, '{');
	json_write_member_text(&out, "a", BYTES_LIT("x\"y"));
	json_write_member_int(&out, "b", -5);
	json_write_member_text(&out, "c", BYTES_NONE);
	buf_append_char(&out, '}');
	assert_string_equal(buf_cstr(&out), "{\"a\":\"x\\\"y\",\"b\":-5,\"c\":\"\"}");
}

/* ---- vectors ---- */

static void check_vector(const struct value *vector)
{
	struct bytes text = json_file_text(vector, "json");
	struct value value;
	const char *why = "";
	if (json_read(arena, text, &value, &why) != 0) {
		fail_msg("%.*s: %s", BYTES_ARG(text), why);
	}
	if (value.kind == VALUE_TEXT && value.bad_text) {
		assert_true(bytes_eq(json_file_text(vector, "name"), BYTES_LIT("lone surrogate")));
		return;
	}
	/* What the JSON text says is what the vector says, where the vector can say it. */
	const struct value *expected = value_get(vector, "value");
	if (value_get(expected, "$bin") == NULL && value_get(expected, "$date") == NULL) {
		struct buf again = {0};
		json_write(&again, expected);
		buf_clear(&out);
		json_write(&out, &value);
		assert_string_equal(buf_cstr(&out), buf_cstr(&again));
		buf_finish(&again);
	}
	/* It is written back byte for byte, but for characters above U+FFFF. */
	buf_clear(&out);
	json_write(&out, &value);
	if (!bytes_eq(json_file_text(vector, "name"), BYTES_LIT("emoji"))) {
		assert_true(bytes_eq(buf_bytes(&out), text));
	} else {
		assert_string_equal(buf_cstr(&out), "\"\\uD83D\\uDE00\"");
	}
	const struct value *date = value_get(expected, "$date");
	if (date != NULL) {
		int64_t ms;
		assert_int_equal(clock_parse(date->text, &ms), 0);
		struct value time = value_time(ms);
		buf_clear(&out);
		json_write(&out, &time);
		assert_true(bytes_eq(buf_bytes(&out), text));
	}
}

static void test_vectors(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/values.json");
	assert_true(vectors.count > 40);
	for (uint32_t i = 0; i < vectors.count; i++) {
		check_vector(&vectors.items[i]);
	}
}

/* The largest of the vector files, there and back. */
static void test_round_trip(void **state)
{
	(void)state;
	struct value first = json_file(arena, "tests/vectors/hub-messages-parsed.json");
	json_write(&out, &first);
	struct value second;
	assert_int_equal(json_read(arena, buf_bytes(&out), &second, NULL), 0);
	struct buf again = {0};
	json_write(&again, &second);
	assert_true(bytes_eq(buf_bytes(&out), buf_bytes(&again)));
	buf_finish(&again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_text),
		TEST(test_write_text_at_every_place),
		TEST(test_write_cut_text),
		TEST(test_write_numbers),
		TEST(test_write_double_in_a_locale),
		TEST(test_write_the_rest),
		TEST(test_write_members),
		TEST(test_vectors),
		TEST(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
