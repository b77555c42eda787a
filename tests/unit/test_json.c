#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/value/json.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

/* The bytes end at the end of a heap block, so that reading on is noticed. */
static int read_bytes(struct bytes text, struct value *ret_value, const char **ret_why)
{
	char *exact = malloc(text.len > 0 ? text.len : 1);
	if (text.len > 0) {
		memcpy(exact, text.ptr, text.len);
	}
	int err = json_read(arena, bytes_of(exact, text.len), ret_value, ret_why);
	free(exact);
	return err;
}

static struct value read_ok(const char *text)
{
	struct value value = {0};
	const char *why = "";
	int err = read_bytes(bytes_str(text), &value, &why);
	if (err != 0) {
		fail_msg("%s: %s", text, why);
	}
	return value;
}

static void assert_refused(struct bytes text, const char *why_part)
{
	struct value value = {.kind = VALUE_TIME, .time_ms = 99};
	const char *why = NULL;
	assert_int_equal(read_bytes(text, &value, &why), ERR_BAD_REQUEST);
	assert_non_null(why);
	if (strstr(why, why_part) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", why, why_part);
	}
	/* Untouched on failure, and without a place for the reason it fails too. */
	assert_int_equal(value.kind, VALUE_TIME);
	assert_int_equal(value.time_ms, 99);
	assert_int_equal(read_bytes(text, &value, NULL), ERR_BAD_REQUEST);
}

static void assert_text(const struct value *value, const char *expected, size_t len)
{
	assert_int_equal(value->kind, VALUE_TEXT);
	assert_int_equal(value->text.len, len);
	assert_memory_equal(value->text.ptr, expected, len);
	assert_int_equal(value->text.ptr[len], '\0');
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(read_ok("null").kind, VALUE_NULL);
	struct value value = read_ok(" \t\r\n true\n");
	assert_int_equal(value.kind, VALUE_BOOL);
	assert_true(value.boolean);
	value = read_ok("false");
	assert_int_equal(value.kind, VALUE_BOOL);
	assert_false(value.boolean);
	value = read_ok("\"\"");
	assert_text(&value, "", 0);
	assert_false(value.bad_text);
	value = read_ok("[]");
	assert_int_equal(value.kind, VALUE_ARRAY);
	assert_int_equal(value.count, 0);
	value = read_ok("{}");
	assert_int_equal(value.kind, VALUE_OBJECT);
	assert_int_equal(value.count, 0);
	assert_true(value.dictionary);
	value = read_ok("{\"b\":[1,\"x\",{}],\"a\":null}");
	assert_int_equal(value.count, 2);
	assert_true(bytes_eq(value.members[0].name, BYTES_LIT("b")));
	assert_int_equal(value.members[0].value.count, 3);
	assert_int_equal(value.members[0].value.items[0].integer, 1);
	assert_text(&value.members[0].value.items[1], "x", 1);
	assert_int_equal(value.members[0].value.items[2].kind, VALUE_OBJECT);
	assert_true(value.members[0].value.items[2].dictionary);
	assert_int_equal(value_get(&value, "a")->kind, VALUE_NULL);
}

static void test_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t n;
	} integers[] = {
		{"0", 0},
		{"-0", 0},
		{"1", 1},
		{"-1", -1},
		{"1000000000000000000", 1000000000000000000},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
	};
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		struct value value = read_ok(integers[i].text);
		assert_int_equal(value.kind, VALUE_INT);
		assert_true(value.integer == integers[i].n);
	}
	static const struct {
		const char *text;
		double n;
	} doubles[] = {
		{"1.0", 1},
		{"1e0", 1},
		{"1E+2", 100},
		{"-0.25", -0.25},
		{"1e-400", 0},
		{"9223372036854775808", 9223372036854775808.0},
		{"-9223372036854775809", -9223372036854775808.0},
		{"100000000000000000000000000000", 1e29},
		{"12345678901234567890.5", 12345678901234567890.5},
		{"12345678901234567890e1", 123456789012345678900.0},
		{"1.00000000000000000000000000000000001", 1},
	};
	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
		struct value value = read_ok(doubles[i].text);
		assert_int_equal(value.kind, VALUE_DOUBLE);
		assert_true(value.number == doubles[i].n);
	}
}

/* Large integers among others: only they become doubles. */
static void test_large_integers_inside(void **state)
{
	(void)state;
	struct value value = read_ok("[1,99999999999999999999,\"99999999999999999999\","
				     "{\"a\":-99999999999999999999},2.0,3]");
	assert_int_equal(value.count, 6);
	assert_int_equal(value.items[0].kind, VALUE_INT);
	assert_int_equal(value.items[1].kind, VALUE_DOUBLE);
	assert_true(value.items[1].number == 1e20);
	assert_text(&value.items[2], "99999999999999999999", 20);
	assert_true(value_get(&value.items[3], "a")->number == -1e20);
	assert_int_equal(value.items[4].kind, VALUE_DOUBLE);
	assert_int_equal(value.items[5].kind, VALUE_INT);
}

static void test_escapes(void **state)
{
	(void)state;
	struct value value = read_ok("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\"");
	assert_text(&value, "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac", 14);
	value = read_ok("\"a\\u0000b\"");
	assert_text(&value, "a\0b", 3);
	value = read_ok("\"\\ud83d\\uDE00 \xf0\x9f\x98\x80\"");
	assert_text(&value, "\xf0\x9f\x98\x80 \xf0\x9f\x98\x80", 9);
	assert_false(value.bad_text);
	value = read_ok("{\"\\u0074ype\":6}");
	assert_int_equal(value_get(&value, "type")->integer, 6);
}

static void assert_twice(const char *text, const char *wanted)
{
	struct value value = {.kind = VALUE_TIME};
	const char *why = NULL;
	assert_int_equal(json_read_unique(arena, bytes_str(text), &value, &why), ERR_BAD_REQUEST);
	assert_string_equal(why, wanted);
	assert_int_equal(value.kind, VALUE_TIME);
	assert_int_equal(json_read_unique(arena, bytes_str(text), &value, NULL), ERR_BAD_REQUEST);
}

static void test_unique_names(void **state)
{
	struct value value;
	char text[512];
	(void)state;
	assert_int_equal(
		json_read_unique(arena, BYTES_LIT("{\"a\":{\"a\":1},\"A\":2}"), &value, NULL), 0);
	assert_int_equal(value.count, 2);
	assert_twice("{\"a\":1,\"a\":1}", "'a' is there twice");
	assert_twice("{\"x\":[{\"b\" : 1 , \"b\" : 2}]}", "'b' is there twice");
	assert_twice("{\"\":1,\"\":2}", "'' is there twice");
	/* As it is written, not as it is meant. */
	assert_twice("{\"a\":1,\"\\u0061\":1}", "'\\u0061' is there twice");
	assert_twice("{\"a\\\"\":1,\"a\\\"\":1}", "'a\\\"' is there twice");
	assert_twice("{\"\\\\\":1,\"\\\\\":1}", "'\\\\' is there twice");
	/* Behind what is kept from jansson, or mended. */
	snprintf(text, sizeof(text), "{\"l\":\"%0100d\",\"n\":99999999999999999999,\"l\":1}", 0);
	assert_twice(text, "'l' is there twice");
	snprintf(text, sizeof(text), "{\"%065d\":1,\"%065d\":1}", 0, 0);
	assert_twice(text, "a member with a long name is there twice");
	/* What is wrong before is said first. */
	assert_twice("{\"a\":1,\"a\"", "'a' is there twice");
	assert_twice("[1,]", "not valid JSON at byte 4");
}

static void test_repeated_names(void **state)
{
	(void)state;
	struct value value = read_ok("{\"a\":1,\"b\":2,\"\\u0061\":\"last\"}");
	assert_int_equal(value.count, 2);
	assert_text(value_get(&value, "a"), "last", 4);
	assert_int_equal(value_get(&value, "b")->integer, 2);
}

static void test_unpaired_surrogates(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"[\"\\ud800\"]",
		"[\"x\\udc00y\"]",
		"[\"\\ud800\\ud800\"]",
		"[\"\\ud800x\\udc00\"]",
		"[\"\\udc00\\ud800\"]",
		"[\"\\uD83D\\u0041\"]",
		"[\"\\ud83d\\n\"]",
		"[\"\\ud83d\\ud83d\\ude00\"]",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct value value = read_ok(bad[i]);
		assert_int_equal(value.count, 1);
		assert_true(value.items[0].bad_text);
	}
	struct value value = read_ok("[\"x\\ud800y\",\"fine \\ud83d\\ude00\"]");
	assert_true(value.items[0].bad_text);
	assert_text(&value.items[0], "x\xef\xbf\xbdy", 5);
	assert_false(value.items[1].bad_text);
	/* The mark of the reader itself is text like any other. */
	value = read_ok("[\"\xef\xb7\x90\",\"\\ufdd0\"]");
	assert_false(value.items[0].bad_text);
	assert_text(&value.items[0], "\xef\xb7\x90", 3);
	assert_text(&value.items[1], "\xef\xb7\x90", 3);
	/* An escaped backslash begins no escape. */
	value = read_ok("\"\\\\ud800\"");
	assert_text(&value, "\\ud800", 6);
	assert_false(value.bad_text);
	/* Names cannot be marked. */
	assert_refused(BYTES_LIT("{\"\\ud800\":1}"), "surrogate");
	assert_refused(BYTES_LIT("{\"a\\udc00\" \n:1}"), "surrogate");
	/* With a large integer, both in one. */
	value = read_ok("{\"a\":\"\\ud800\",\"b\":99999999999999999999}");
	assert_true(value_get(&value, "a")->bad_text);
	assert_int_equal(value_get(&value, "b")->kind, VALUE_DOUBLE);
}

/* 70 bytes: texts from 64 on take a way of their own. */
#define LONG "long text long text long text long text long text long text long text "

static void test_long_texts(void **state)
{
	(void)state;
	struct value value = read_ok("[\"" LONG "\",\"short\",{\"" LONG "\":\"\"},\"" LONG LONG
				     "\\n\",\"" LONG "\xc3\xa9\",\"\"]");
	assert_int_equal(value.count, 6);
	assert_text(&value.items[0], LONG, 70);
	assert_text(&value.items[1], "short", 5);
	assert_text(value_get(&value.items[2], LONG), "", 0);
	assert_text(&value.items[3], LONG LONG "\n", 141);
	assert_text(&value.items[4], LONG "\xc3\xa9", 72);
	assert_text(&value.items[5], "", 0);
	/* Beside the other exceptions; of repeated names the last wins here too. */
	value = read_ok(
		"{\"a\":\"" LONG "1\",\"b\":\"\\ud800\",\"c\":99999999999999999999,\"a\":\"" LONG
		"2\",\"d\":\"" LONG "\xef\xb7\x90\"}");
	assert_int_equal(value.count, 4);
	assert_text(value_get(&value, "a"), LONG "2", 71);
	assert_true(value_get(&value, "b")->bad_text);
	assert_int_equal(value_get(&value, "c")->kind, VALUE_DOUBLE);
	assert_text(value_get(&value, "d"), LONG "\xef\xb7\x90", 73);
	assert_false(value_get(&value, "d")->bad_text);
	value = read_ok("\"" LONG "\"");
	assert_text(&value, LONG, 70);
	/* Many, so that the index has several digits. */
	struct buf many = {0};
	buf_append_char(&many, '[');
	for (int i = 0; i < 300; i++) {
		buf_printf(&many, "\"" LONG "%d\",", i);
	}
	buf_append_str(&many, "1]");
	value = read_ok(buf_cstr(&many));
	buf_finish(&many);
	assert_int_equal(value.count, 301);
	for (int i = 0; i < 300; i++) {
		assert_true(bytes_eq(
			value.items[i].text, bytes_str(arena_printf(arena, LONG "%d", i))));
	}
}

/* Texts that look like what the reader puts in place of long ones. */
static void test_long_texts_and_impostors(void **state)
{
	(void)state;
	static const char stand_in[] = "\xef\xb7\x91"
				       "00000000";
	static const char *const texts[] = {
		"[\"" LONG "\",\"\xef\xb7\x91"
		"00000000\"]",
		"[\"" LONG "\",\"\\ufdd1"
		"00000000\"]",
		"[\"" LONG "\",\"\xef\xb7\x91\\u0030"
		"0000000\"]",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct value value = read_ok(texts[i]);
		assert_int_equal(value.count, 2);
		assert_text(&value.items[0], LONG, 70);
		assert_text(&value.items[1], stand_in, sizeof(stand_in) - 1);
	}
	struct value value = read_ok("[\"\xef\xb7\x91" LONG "\",\"\xef\xb7\x91\"]");
	assert_text(&value.items[0], "\xef\xb7\x91" LONG, 73);
	assert_text(&value.items[1], "\xef\xb7\x91", 3);
}

static void test_bad_long_texts(void **state)
{
	(void)state;
	assert_refused(BYTES_LIT("[\"" LONG "\x1f\"]"), "not valid JSON at byte 72");
	assert_refused(BYTES_LIT("[\"\x01" LONG "\"]"), "not valid JSON at byte 2");
	assert_refused(BYTES_LIT("[\"" LONG "\xff\"]"), "not valid UTF-8 at byte 72");
	assert_refused(BYTES_LIT("[\"" LONG "\xe2\x82\"]"), "not valid UTF-8 at byte 72");
	assert_refused(BYTES_LIT("[\"" LONG "\",x]"), "not valid JSON at byte 75");
	assert_refused(BYTES_LIT("\"" LONG), "too early at byte 71");
	assert_refused(BYTES_LIT("\"" LONG "\"\"" LONG "\""), "follows the JSON value");
}

#undef LONG

static void test_depth(void **state)
{
	(void)state;
	char text[256];
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	text[128] = '\0';
	struct value value = read_ok(text);
	for (int depth = 1; depth < 64; depth++) {
		assert_int_equal(value.count, 1);
		struct value inner = value.items[0];
		value = inner;
	}
	assert_int_equal(value.count, 0);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_refused(bytes_of(text, 130), "64 levels");
	/* Objects count as well, texts do not. */
	assert_refused(BYTES_LIT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
				 "{\"a\":1}"),
		"64 levels");
	value = read_ok("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
			"[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[\"");
	assert_int_equal(value.kind, VALUE_TEXT);
	/* Side by side is not deep. */
	value = read_ok("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
			"[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
			"[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]");
	assert_int_equal(value.count, 72);
	/* Far too deep for a stack. */
	size_t len = 4 * 1024 * 1024;
	char *deep = malloc(len);
	memset(deep, '[', len);
	const char *why;
	assert_int_equal(json_read(arena, bytes_of(deep, len), &value, &why), ERR_BAD_REQUEST);
	free(deep);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		struct bytes text;
		const char *why;
	} cases[] = {
		{BYTES_LIT(""), "too early at byte 0"},
		{BYTES_LIT("  "), "at byte 2"},
		{BYTES_LIT("{"), "too early"},
		{BYTES_LIT("[1,2"), "too early"},
		{BYTES_LIT("\"abc"), "too early"},
		{BYTES_LIT("\"abc\\"), ""},
		{BYTES_LIT("\"\\u00"), ""},
		{BYTES_LIT("hello"), "not valid JSON"},
		{BYTES_LIT("nul"), "not valid JSON"},
		{BYTES_LIT("NaN"), "not valid JSON"},
		{BYTES_LIT("-Infinity"), "not valid JSON"},
		{BYTES_LIT("'a'"), "not valid JSON"},
		{BYTES_LIT("\x00"), ""},
		{BYTES_LIT("[\x00]"), ""},
		{BYTES_LIT("{}x"), "follows the JSON value"},
		{BYTES_LIT("{}{}"), "follows the JSON value"},
		{BYTES_LIT("1 2"), "follows the JSON value"},
		{BYTES_LIT("{} \x00"), "follows the JSON value"},
		{BYTES_LIT("[1,]"), "not valid JSON"},
		{BYTES_LIT("{\"a\":1,}"), "not valid JSON"},
		{BYTES_LIT("{a:1}"), "not valid JSON"},
		{BYTES_LIT("{\"a\" 1}"), "not valid JSON"},
		{BYTES_LIT("]"), "not valid JSON"},
		{BYTES_LIT("[}"), "not valid JSON"},
		{BYTES_LIT("{\"type\":6/*c*/}"), "not valid JSON"},
		{BYTES_LIT("// c\n1"), "not valid JSON"},
		{BYTES_LIT("06"), "not valid JSON"},
		{BYTES_LIT("00000000000000000000001"), "not valid JSON"},
		{BYTES_LIT("99999999999999999999-1"), "at byte"},
		{BYTES_LIT("+1"), "not valid JSON"},
		{BYTES_LIT("1."), "not valid JSON"},
		{BYTES_LIT(".5"), "not valid JSON"},
		{BYTES_LIT("-"), "not valid JSON"},
		{BYTES_LIT("1e"), "not valid JSON"},
		{BYTES_LIT("1e999"), "too large"},
		{BYTES_LIT("-1e999"), "too large"},
		{BYTES_LIT("\"\x01\""), "not valid JSON"},
		{BYTES_LIT("\"a\nb\""), "not valid JSON"},
		{BYTES_LIT("\"\\x41\""), "not valid JSON"},
		{BYTES_LIT("\"\\u12g4\""), "not valid JSON"},
		{BYTES_LIT("{\"\\u0000\":1}"), "U+0000"},
		{BYTES_LIT("\xef\xbb\xbf{}"), "not valid JSON"},
		{BYTES_LIT("\"\xff\""), "UTF-8"},
		{BYTES_LIT("\"\xc0\xaf\""), "UTF-8"},
		{BYTES_LIT("\"\xed\xa0\x80\""), "UTF-8"},
		{BYTES_LIT("\"\xf4\x90\x80\x80\""), "UTF-8"},
		{BYTES_LIT("\"\xe2\x82\""), "UTF-8"},
		{BYTES_LIT("\"\xe2\x82"), "UTF-8"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_refused(cases[i].text, cases[i].why);
	}
	struct value value;
	assert_int_equal(json_read(arena, BYTES_NONE, &value, NULL), ERR_BAD_REQUEST);
}

/* The reason names no content. */
static void test_reason_is_discreet(void **state)
{
	(void)state;
	struct value value;
	const char *why = NULL;
	assert_int_equal(
		read_bytes(BYTES_LIT("{\"a\":\"secret\",secret}"), &value, &why), ERR_BAD_REQUEST);
	assert_null(strstr(why, "secret"));
	assert_non_null(strstr(why, "at byte 20"));
}

/* Each beginning of a text is refused, and none is read past its end (ASan sees that). */
static void test_every_beginning(void **state)
{
	(void)state;
	static const char whole[] = "{\"a\":[1,-2.5e3,99999999999999999999,\"\\ud83d\\ude00\\n\xc3"
				    "\xa9\\ud800\"],\"b\":{\"c\":true,\"d\":null}}";
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		struct value value;
		const char *why = NULL;
		assert_int_equal(read_bytes(bytes_of(whole, len), &value, &why), ERR_BAD_REQUEST);
		assert_non_null(why);
	}
	(void)read_ok(whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kinds),
		TEST(test_numbers),
		TEST(test_large_integers_inside),
		TEST(test_escapes),
		TEST(test_repeated_names),
		TEST(test_unique_names),
		TEST(test_unpaired_surrogates),
		TEST(test_long_texts),
		TEST(test_long_texts_and_impostors),
		TEST(test_bad_long_texts),
		TEST(test_depth),
		TEST(test_refused),
		TEST(test_reason_is_discreet),
		TEST(test_every_beginning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
