#include "lib/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "lib/base/err.h"

static const struct {
	int64_t ms;
	const char *text;
} known[] = {
	{0, "1970-01-01T00:00:00.000Z"},
	{-1, "1969-12-31T23:59:59.999Z"},
	{1704164645678, "2024-01-02T03:04:05.678Z"},
	{951782399999, "2000-02-28T23:59:59.999Z"},
	{951782400000, "2000-02-29T00:00:00.000Z"},
	{-2203891200000, "1900-03-01T00:00:00.000Z"}, /* 1900 was no leap year */
	{-2203891200001, "1900-02-28T23:59:59.999Z"},
	{-62167219200000, "0000-01-01T00:00:00.000Z"},
	{253402300799999, "9999-12-31T23:59:59.999Z"},
};

static void test_known(void **state)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		clock_format(known[i].ms, text);
		assert_string_equal(text, known[i].text);
		assert_int_equal(clock_parse(bytes_str(text), &ms), 0);
		assert_true(ms == known[i].ms);
	}
	clock_format(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
	clock_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

/* Every day of 450 years, against the C library. */
static void test_days(void **state)
{
	(void)state;
	for (int64_t day = -80000; day < 85000; day++) {
		char text[CLOCK_TEXT_SIZE], expected[64];
		time_t seconds = (time_t)(day * 86400 + 3661);
		struct tm tm;
		int64_t ms;
		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.042Z", &tm);
		clock_format(seconds * 1000 + 42, text);
		assert_string_equal(text, expected);
		assert_int_equal(clock_parse(bytes_str(text), &ms), 0);
		assert_true(ms == seconds * 1000 + 42);
	}
}

static void test_forms(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} forms[] = {
		/* RFC 3339 section 5.8 */
		{"1985-04-12T23:20:50.52Z", 482196050520},
		{"1996-12-19T16:39:57-08:00", 851042397000},
		{"1990-12-31T23:59:60Z", 662688000000},
		{"1990-12-31T15:59:60-08:00", 662688000000},
		{"1937-01-01T12:00:27.87+00:20", -1041337172130},
		{"1970-01-01t00:00:00z", 0},
		{"1970-01-01 00:00:00Z", 0},
		{"1970-01-01T00:00:00.0009999Z", 0},
		{"1970-01-01T00:00:00.123456789Z", 123},
		{"1970-01-01T00:00:00-00:00", 0},
		{"1970-01-01T23:59:00+23:59", 0},
	};
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_int_equal(clock_parse(bytes_str(forms[i].text), &ms), 0);
		assert_true(ms == forms[i].ms);
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", "2024", "2024-01-02", "2024-01-02T03:04:05",
		"2024-01-02T03:04Z", "2024-13-02T03:04:05Z", "2024-00-02T03:04:05Z",
		"2024-01-00T03:04:05Z", "2024-01-32T03:04:05Z", "2023-02-29T03:04:05Z",
		"1900-02-29T03:04:05Z", "2024-01-02T24:00:00Z", "2024-01-02T03:60:05Z",
		"2024-01-02T03:04:61Z", "2024-01-02T03:04:05.Z", "2024-01-02T03:04:05,5Z",
		"2024-01-02T03:04:05+24:00", "2024-01-02T03:04:05+0100",
		"2024-01-02T03:04:05+01:60", "2024-01-02T03:04:05ZZ", "2024-01-02T03:04:05Z ",
		" 2024-01-02T03:04:05Z", "2024-1-2T03:04:05Z", "+024-01-02T03:04:05Z",
		"2024/01/02T03:04:05Z", "2024-01-02X03:04:05Z"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms = 77;
		assert_int_equal(clock_parse(bytes_str(bad[i]), &ms), ERR_BAD_REQUEST);
		assert_true(ms == 77);
	}
	/* Every proper beginning of a good one. */
	const char *good = "2024-01-02T03:04:05.678+01:00";
	for (size_t len = 0; len < strlen(good); len++) {
		int64_t ms;
		assert_int_equal(clock_parse(bytes_of(good, len), &ms), ERR_BAD_REQUEST);
	}
}

static void test_system(void **state)
{
	uint64_t before = clock_mono_us(&clock_system);
	const struct timespec pause = {0, 2000000};
	(void)state;
	nanosleep(&pause, NULL);
	uint64_t after = clock_mono_us(&clock_system);
	assert_true(after - before >= 2000);
	assert_true(after - before < 60000000);
	int64_t wall = clock_wall_ms(&clock_system);
	int64_t seconds = (int64_t)time(NULL);
	assert_true(wall / 1000 - seconds <= 1 && seconds - wall / 1000 <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_system),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
