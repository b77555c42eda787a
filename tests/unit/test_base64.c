#include "lib/base/ident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/err.h"

/* RFC 4648 section 10, and what tells the two alphabets apart. */
static const struct {
	const char *plain, *standard, *url;
} known[] = {
	{"", "", ""},
	{"f", "Zg==", "Zg"},
	{"fo", "Zm8=", "Zm8"},
	{"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg==", "Zm9vYg"},
	{"fooba", "Zm9vYmE=", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	{"\xfb\xff\xfe", "+//+", "-__-"},
};

/* Buffers of exactly the promised size, so that ASan sees a byte too many. */
static void check_both(const char *plain, const char *standard, const char *url)
{
	struct bytes in = bytes_str(plain);
	char *out = mem_alloc((in.len + 2) / 3 * 4);
	size_t len = base64_encode(in, out);
	assert_int_equal(len, strlen(standard));
	assert_memory_equal(out, standard, len);
	free(out);
	out = mem_alloc((in.len * 4 + 2) / 3);
	len = base64url_encode(in, out);
	assert_int_equal(len, strlen(url));
	assert_memory_equal(out, url, len);
	free(out);
	out = mem_alloc(strlen(standard) * 3 / 4);
	assert_int_equal(base64_decode(bytes_str(standard), out, &len), 0);
	assert_int_equal(len, in.len);
	assert_memory_equal(out, plain, len);
	free(out);
	out = mem_alloc(strlen(url) * 3 / 4);
	assert_int_equal(base64url_decode(bytes_str(url), out, &len), 0);
	assert_int_equal(len, in.len);
	assert_memory_equal(out, plain, len);
	free(out);
}

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		check_both(known[i].plain, known[i].standard, known[i].url);
	}
}

static void test_round_trip(void **state)
{
	char in[200], text[300], out[200];
	(void)state;
	for (size_t len = 0; len <= sizeof(in); len++) {
		size_t got;
		random_bytes(in, len);
		size_t text_len = base64url_encode(bytes_of(in, len), text);
		assert_int_equal(base64url_decode(bytes_of(text, text_len), out, &got), 0);
		assert_int_equal(got, len);
		assert_memory_equal(in, out, len);
	}
}

static void test_strict(void **state)
{
	static const char *const bad_url[] = {"A", "Zg==", "Zg=", "Zh", "Zm9", "Zm9vY", "Zm+v",
		"Zm/v", "Zm 9v", "Zm9v\n", "Zg\xc3", "=", "===="};
	static const char *const bad_standard[] = {"Zg",
		"Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zm-v", "Zm_v",
		"Zg==Zg==", "=Zg=", "Zm9v\n", "Zm9v====", "Zm9vZ==="};
	char out[16];
	size_t len = 99;
	(void)state;
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++) {
		assert_int_equal(
			base64url_decode(bytes_str(bad_url[i]), out, &len), ERR_BAD_REQUEST);
	}
	for (size_t i = 0; i < sizeof(bad_standard) / sizeof(bad_standard[0]); i++) {
		assert_int_equal(
			base64_decode(bytes_str(bad_standard[i]), out, &len), ERR_BAD_REQUEST);
	}
	assert_int_equal(len, 99);
}

/* Of all 256 bytes, 64 are digits in each alphabet. */
static void test_alphabets(void **state)
{
	int url = 0, standard = 0;
	(void)state;
	for (int c = 0; c < 256; c++) {
		const char text[4] = {(char)c, 'A', 'A', 'A'};
		char out[3];
		size_t len;
		url += base64url_decode(bytes_of(text, 4), out, &len) == 0;
		standard += base64_decode(bytes_of(text, 4), out, &len) == 0;
	}
	assert_int_equal(url, 64);
	assert_int_equal(standard, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_alphabets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
