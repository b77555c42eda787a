/* Durations, sizes, addresses, and names that are near. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/conf/nearest.h"
#include "lib/conf/units.h"

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
		const char *shown;
	} good[] = {
		{"0", 0, "0"},
		{"0s", 0, "0"},
		{"1us", 1, "1us"},
		{"500ms", 500000, "500ms"},
		{"2s", 2000000, "2s"},
		{"1m", 60000000, "1m"},
		{"60s", 60000000, "1m"},
		{"90s", 90000000, "90s"},
		{"1h", UINT64_C(3600000000), "1h"},
		{"30d", UINT64_C(2592000000000), "30d"},
		{"1500ms", 1500000, "1500ms"},
		{"106751991d", UINT64_C(9223372022400000000), "106751991d"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t us = 77;
		struct buf shown = {0};
		assert_int_equal(units_duration(bytes_str(good[i].text), &us), 0);
		assert_int_equal(us, good[i].us);
		units_duration_text(us, &shown);
		assert_string_equal(buf_cstr(&shown), good[i].shown);
		buf_finish(&shown);
	}
	static const char *const bad[] = {"", "s", "1", "-1s", "+1s", "1 s", "1S", "1.5s", "1sec",
		"1s ", "106751992d", "99999999999999999999s", "0x1s"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t us = 77;
		assert_int_equal(units_duration(bytes_str(bad[i]), &us), ERR_BAD_REQUEST);
		assert_int_equal(us, 77);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
		const char *shown;
	} good[] = {
		{"0", 0, "0"},
		{"32768", 32768, "32KiB"},
		{"100B", 100, "100"},
		{"128KiB", 131072, "128KiB"},
		{"1MiB", 1048576, "1MiB"},
		{"1025KiB", 1049600, "1025KiB"},
		{"2GiB", UINT64_C(2147483648), "2GiB"},
		{"8388607TiB", UINT64_C(9223370937343148032), "8388607TiB"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t size = 77;
		struct buf shown = {0};
		assert_int_equal(units_size(bytes_str(good[i].text), &size), 0);
		assert_int_equal(size, good[i].size);
		units_size_text(size, &shown);
		assert_string_equal(buf_cstr(&shown), good[i].shown);
		buf_finish(&shown);
	}
	static const char *const bad[] = {
		"", "KiB", "-1", "1 KiB", "1kb", "1KB", "1K", "8388608TiB", "1.5MiB"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t size = 77;
		assert_int_equal(units_size(bytes_str(bad[i]), &size), ERR_BAD_REQUEST);
	}
}

static void test_addresses(void **state)
{
	static const char *const good[] = {"127.0.0.1:5000", "0.0.0.0:0", "localhost:65535",
		"[::1]:80", "[fe80::1%eth0]:80", "[::]:0", "unix:/run/x.sock", "unix:x", "*:80"};
	static const char *const bad[] = {"", "5000", ":5000", "localhost",
		"localhost:", "localhost:65536", "localhost:-1", "localhost:1x", "::1:80", "[::1]",
		"[::1]80", "[]:80", "[::1:80", "unix:", "a b:80", "http://x:80", "a:1:2"};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(units_address(bytes_str(good[i])), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(units_address(bytes_str(bad[i])), ERR_BAD_REQUEST);
	}
	char path[5 + 108 + 1] = "unix:";
	memset(path + 5, 'x', 108);
	assert_int_equal(units_address(bytes_of(path, 5 + 107)), 0);
	assert_int_equal(units_address(bytes_of(path, 5 + 108)), ERR_BAD_REQUEST);
}

static const char *near(const char *wrong)
{
	static const char *const names[] = {"create", "list", "show", "keepalive", "show"};
	struct nearest nearest;
	nearest_init(&nearest, bytes_str(wrong));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		nearest_offer(&nearest, names[i]);
	}
	return nearest.best;
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(near("crate"), "create");
	assert_string_equal(near("CREAET"), "create"); /* two neighbours swapped */
	assert_string_equal(near("shw"), "show");
	assert_string_equal(near("kepalive"), "keepalive");
	assert_string_equal(near("keep"), "keepalive"); /* its beginning */
	assert_null(near("zzz"));
	assert_null(near(""));
	assert_null(
		near("this is a very long name, far longer than any name that there is at all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
