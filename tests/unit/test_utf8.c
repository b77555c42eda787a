#include "lib/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

/* Writes c as RFC 3629 section 3 says, whether it may be written or not. */
static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
	out[0] = (char)(heads[len] | c);
	return len;
}

static bool valid_bytewise(struct bytes text)
{
	struct utf8_state state = {0};
	for (size_t i = 0; i < text.len; i++) {
		if (!utf8_feed(&state, bytes_of(text.ptr + i, 1))) {
			return false;
		}
	}
	return utf8_complete(&state);
}

static void test_every_character(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x1fffff; c++) {
		char text[4];
		size_t len = encode(c, text);
		struct bytes b = bytes_of(text, len);
		bool expected = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		assert_int_equal(utf8_valid(b), expected);
		assert_int_equal(valid_bytewise(b), expected);
		if (expected) {
			assert_int_equal(utf8_next(&b), c);
			assert_int_equal(b.len, 0);
		}
	}
}

static void test_invalid(void **state)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80", "\xff",
		"\xfe", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3\xc3", "\xe2\x82\x20", "a\xc3z",
		"\xf4\x90\x80\x80", "\xed\xa0\x80", "12345678\x80", "1234567\xc3", "\xc3\xa4\xa4"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(utf8_valid(bytes_str(bad[i])));
		assert_false(valid_bytewise(bytes_str(bad[i])));
	}
}

/* As early as the first bad byte. */
static void test_early(void **state)
{
	struct utf8_state s = {0};
	(void)state;
	assert_true(utf8_feed(&s, BYTES_LIT("abc\xed")));
	assert_false(utf8_complete(&s));
	assert_false(utf8_feed(&s, BYTES_LIT("\xa0")));
	s = (struct utf8_state){0};
	assert_true(utf8_feed(&s, BYTES_LIT("\xf4")));
	assert_false(utf8_feed(&s, BYTES_LIT("\x90")));
}

static void test_chunks(void **state)
{
	static const char text[] =
		"Gr\xc3\xbc\xc3\x9f"
		"e \xf0\x9f\x98\x80 \xe2\x82\xac and much ASCII behind it \xd0\xb6";
	const size_t len = sizeof(text) - 1;
	(void)state;
	for (size_t a = 0; a <= len; a++) {
		for (size_t b = a; b <= len; b++) {
			struct utf8_state s = {0};
			assert_true(utf8_feed(&s, bytes_of(text, a)));
			assert_true(utf8_feed(&s, bytes_of(text + a, b - a)));
			assert_true(utf8_feed(&s, bytes_of(text + b, len - b)));
			assert_true(utf8_complete(&s));
			assert_int_equal(s.low | s.high, 0);
		}
	}
	assert_true(utf8_valid(BYTES_NONE));
	struct bytes rest = BYTES_LIT("\xe2\x82\xac!");
	assert_int_equal(utf8_next(&rest), 0x20ac);
	assert_int_equal(utf8_next(&rest), '!');
}

static void test_plain(void **state)
{
	static const struct {
		const char *text;
		bool plain;
	} rows[] = {
		{"", true},
		{"Gr\xc3\xbc\xc3\x9f"
		 "e \xf0\x9f\x98\x80 ~",
			true},
		{"\xc2\xa0", true}, /* the first behind C1 */
		{"\xe2\x80\xae", true}, /* writes from right to left, but is no control */
		{"a\nb", false},
		{"a\tb", false},
		{"\x1b[31m", false},
		{"\x1f", false},
		{"a\x7f", false},
		{"\xc2\x80", false},
		{"a\xc2\x9b"
		 "2J",
			false},
		{"\xc2\x9f", false},
		{"\x9b", false},
		{"a\xff", false},
		{"a\xc3", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(utf8_plain(bytes_str(rows[i].text)), rows[i].plain);
	}
	assert_true(utf8_plain(BYTES_NONE));
	assert_false(utf8_plain(bytes_of("a\0b", 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
