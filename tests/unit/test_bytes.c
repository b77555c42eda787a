#include "lib/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>

#include "lib/base/err.h"

#define S(text) BYTES_LIT(text)

static void assert_bytes(struct bytes b, const char *expected)
{
	assert_int_equal(b.len, strlen(expected));
	assert_memory_equal(b.len > 0 ? b.ptr : "", expected, b.len);
}

static void test_compare(void **state)
{
	(void)state;
	assert_true(bytes_eq(S("abc"), S("abc")));
	assert_false(bytes_eq(S("abc"), S("abC")));
	assert_false(bytes_eq(S("abc"), S("ab")));
	assert_true(bytes_eq(BYTES_NONE, S("")));
	assert_true(bytes_eq(S("a\0b"), S("a\0b")));
	assert_false(bytes_eq(S("a\0b"), S("a\0c")));
	assert_true(bytes_eq_nocase(S("Sec-WebSocket"), S("sEC-wEBsOCKET")));
	/* Neighbours of the letters, 32 apart, are not letters. */
	assert_false(bytes_eq_nocase(S("@"), S("`")));
	assert_false(bytes_eq_nocase(S("["), S("{")));
	assert_false(bytes_eq_nocase(S("\xc4"), S("\xe4")));
	assert_false(bytes_eq_nocase(S("abc"), S("ab")));
	assert_true(bytes_starts(S("room:1"), S("room:")));
	assert_true(bytes_starts(S("room"), BYTES_NONE));
	assert_true(bytes_starts(S("room"), S("room")));
	assert_false(bytes_starts(S("roo"), S("room")));
	assert_false(bytes_starts(S("Room:"), S("room:")));
	assert_true(bytes_starts_nocase(S("BEARER x"), S("bearer ")));
	assert_false(bytes_starts_nocase(S("BEAR"), S("bearer ")));
}

static void test_cut(void **state)
{
	struct bytes rest = S("a,,b");
	(void)state;
	assert_int_equal(bytes_find_char(S("abca"), 'a'), 0);
	assert_int_equal(bytes_find_char(S("abca"), 'c'), 2);
	assert_int_equal(bytes_find_char(S("abca"), 'x'), -1);
	assert_int_equal(bytes_find_char(BYTES_NONE, 'x'), -1);
	assert_bytes(bytes_trim(S(" \t a b\t ")), "a b");
	assert_bytes(bytes_trim(S("\n a")), "\n a");
	assert_bytes(bytes_trim(S(" \t ")), "");
	assert_bytes(bytes_trim(BYTES_NONE), "");
	assert_bytes(bytes_split(&rest, ','), "a");
	assert_bytes(bytes_split(&rest, ','), "");
	assert_non_null(rest.ptr);
	assert_bytes(bytes_split(&rest, ','), "b");
	assert_null(rest.ptr);
	assert_int_equal(rest.len, 0);
	/* An empty last part differs from none. */
	rest = S("a,");
	bytes_split(&rest, ',');
	assert_int_equal(rest.len, 0);
	assert_non_null(rest.ptr);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {"", "-", "-1", "+1", " 1", "1 ", "1a", "0x1", "1.0",
		"18446744073709551616", "99999999999999999999", "000000000000000000000", "/", ":"};
	static const char *const bad_signed[] = {"", "-", "--1", "+1", "- 1", "9223372036854775808",
		"-9223372036854775809", "-18446744073709551616"};
	unsigned long long n;
	long long i;
	(void)state;
	assert_int_equal(bytes_to_u64(S("0"), &n), 0);
	assert_true(n == 0);
	assert_int_equal(bytes_to_u64(S("18446744073709551615"), &n), 0);
	assert_true(n == ULLONG_MAX);
	assert_int_equal(bytes_to_u64(S("00000000000000000007"), &n), 0);
	assert_true(n == 7);
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		n = 42;
		assert_int_equal(bytes_to_u64(bytes_str(bad[k]), &n), ERR_BAD_REQUEST);
		assert_true(n == 42);
	}
	assert_int_equal(bytes_to_i64(S("9223372036854775807"), &i), 0);
	assert_true(i == LLONG_MAX);
	assert_int_equal(bytes_to_i64(S("-9223372036854775808"), &i), 0);
	assert_true(i == LLONG_MIN);
	assert_int_equal(bytes_to_i64(S("-0"), &i), 0);
	assert_true(i == 0);
	assert_int_equal(bytes_to_i64(S("-12"), &i), 0);
	assert_true(i == -12);
	for (size_t k = 0; k < sizeof(bad_signed) / sizeof(bad_signed[0]); k++) {
		i = 42;
		assert_int_equal(bytes_to_i64(bytes_str(bad_signed[k]), &i), ERR_BAD_REQUEST);
		assert_true(i == 42);
	}
}

static void test_buf(void **state)
{
	struct buf buf = {0};
	char expected[3000];
	(void)state;
	assert_int_equal(buf_bytes(&buf).len, 0);
	assert_string_equal(buf_cstr(&buf), "");
	for (int i = 0; i < 3000; i++) {
		expected[i] = (char)('a' + i % 26);
		buf_append_char(&buf, expected[i]);
	}
	assert_int_equal(buf.len, 3000);
	assert_memory_equal(buf.data, expected, 3000);
	buf_consume(&buf, 2999);
	assert_int_equal(buf.len, 1);
	assert_int_equal(buf.data[0], expected[2999]);
	buf_consume(&buf, 0);
	buf_consume(&buf, 1);
	assert_int_equal(buf.len, 0);
	buf_append_str(&buf, "x");
	buf_append_bytes(&buf, S("y\0z"));
	buf_append_bytes(&buf, BYTES_NONE);
	assert_int_equal(buf.len, 4);
	assert_memory_equal(buf.data, "xy\0z", 4);
	buf_clear(&buf);
	assert_string_equal(buf_cstr(&buf), "");
	buf_finish(&buf);
	assert_null(buf.data);
}

static void test_buf_printf(void **state)
{
	struct buf buf;
	char *longer = mem_alloc(5001);
	(void)state;
	memset(longer, 'q', 5000);
	longer[5000] = '\0';
	/* Every length about the first capacity, where the terminator just fits or not. */
	for (int width = 60; width < 70; width++) {
		buf_init(&buf);
		buf_printf(&buf, "%*d", width, 7);
		assert_int_equal(buf.len, width);
		assert_int_equal(buf.data[width - 1], '7');
		buf_printf(&buf, "%s|%d", longer, 5);
		assert_int_equal(buf.len, width + 5002);
		assert_int_equal(buf.data[buf.len - 1], '5');
		buf_finish(&buf);
	}
	free(longer);
}

static void test_reserve_limits(void **state)
{
	struct buf buf = {0};
	(void)state;
	assert_int_equal(buf_try_reserve(&buf, 100), 0);
	assert_true(buf.cap >= 100);
	buf_append_str(&buf, "abc");
	assert_int_equal(buf_try_reserve(&buf, SIZE_MAX), ERR_NOMEM);
	assert_int_equal(buf_try_reserve(&buf, (size_t)PTRDIFF_MAX), ERR_NOMEM);
	assert_string_equal(buf_cstr(&buf), "abc");
	buf_finish(&buf);
}

static void test_mem(void **state)
{
	char secret[8] = "secret";
	char *copy = mem_strdup("text");
	char *zeroed = mem_zalloc(16);
	(void)state;
	assert_string_equal(copy, "text");
	copy = mem_realloc(copy, 100);
	assert_string_equal(copy, "text");
	free(copy);
	copy = mem_dup_bytes(BYTES_NONE);
	assert_string_equal(copy, "");
	free(copy);
	copy = mem_dup_bytes(bytes_of("abcdef", 3));
	assert_string_equal(copy, "abc");
	free(copy);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(zeroed[i], 0);
	}
	free(zeroed);
	mem_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++) {
		assert_int_equal(secret[i], 0);
	}
	mem_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_buf_printf),
		cmocka_unit_test(test_reserve_limits),
		cmocka_unit_test(test_mem),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
