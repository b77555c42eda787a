#include "lib/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

static int saved_stderr;
static int log_pipe[2];

static int capture(void **state)
{
	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	assert_int_equal(pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(log_pipe[1], STDERR_FILENO);
	log_set_level(LOG_INFO);
	log_set_format(LOG_FORMAT_TEXT);
	return 0;
}

static int release(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(log_pipe[0]);
	close(log_pipe[1]);
	return 0;
}

/* What was logged, without the time of the text format, which is checked. */
static const char *logged(void)
{
	static char line[65536];
	int64_t ms;
	ssize_t n = read(log_pipe[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	if (n <= 0 || line[0] == '{') {
		return line;
	}
	assert_int_equal(clock_parse(bytes_of(line, 24), &ms), 0);
	assert_int_equal(line[24], ' ');
	return line + 25;
}

static void test_text(void **state)
{
	(void)state;
	log_event(LOG_INFO, "ready", LOG_STR("listen", "127.0.0.1:5000"), LOG_INT("workers", 4));
	assert_string_equal(logged(), "info ready listen=127.0.0.1:5000 workers=4\n");
	log_event(LOG_ERROR, "down");
	assert_string_equal(logged(), "error down\n");
	log_event(LOG_WARN, "x", LOG_STR("a", ""), LOG_STR("b", NULL), LOG_BYTES("c", BYTES_NONE));
	assert_string_equal(logged(), "warn x a=\"\" b=\"\" c=\"\"\n");
	log_event(LOG_INFO, "n", LOG_INT("least", INT64_MIN), LOG_INT("minus", -1));
	assert_string_equal(logged(), "info n least=-9223372036854775808 minus=-1\n");
}

static void test_text_escapes(void **state)
{
	(void)state;
	log_event(LOG_INFO, "e", LOG_STR("a", "two words"), LOG_STR("b", "say \"hi\""),
		LOG_STR("c", "back\\slash"));
	assert_string_equal(
		logged(), "info e a=\"two words\" b=\"say \\\"hi\\\"\" c=\"back\\\\slash\"\n");
	log_event(LOG_INFO, "e", LOG_STR("a", "line\nnext\r\t\x1b[31m"),
		LOG_BYTES("b", BYTES_LIT("nul\0\x7f")), LOG_STR("c", "k=v"));
	assert_string_equal(logged(),
		"info e a=\"line\\nnext\\r\\t\\x1b[31m\" b=\"nul\\x00\\x7f\" c=\"k=v\"\n");
	/* Text is kept; bytes that are none, C1 controls and direction marks are not. */
	log_event(LOG_INFO, "e", LOG_STR("a", "Gr\xc3\xbc\xc3\x9f"), LOG_STR("b", "\xff\xc3"),
		LOG_STR("c", "\xc2\x9b"), LOG_STR("d", "\xe2\x80\xae"));
	assert_string_equal(logged(),
		"info e a=\"Gr\xc3\xbc\xc3\x9f\" b=\"\\xff\\xc3\" c=\"\\x9b\" d=\"\\u202e\"\n");
}

static void test_json(void **state)
{
	(void)state;
	log_set_format(LOG_FORMAT_JSON);
	log_event(LOG_WARN, "slow", LOG_STR("a", "q\"\\\n\x1b\xff"), LOG_INT("n", 7),
		LOG_BYTES("b", BYTES_LIT("\xf0\x9f\x98\x80")));
	const char *line = logged();
	assert_memory_equal(line, "{\"time\":\"", 9);
	assert_string_equal(line + 9 + 24,
		"\",\"level\":\"warn\",\"event\":\"slow\",\"a\":\"q\\\"\\\\\\n\\u001b\\ufffd\","
		"\"n\":7,\"b\":\"\xf0\x9f\x98\x80\"}\n");
}

static void test_long_values(void **state)
{
	char value[5000];
	(void)state;
	memset(value, 'v', sizeof(value));
	log_event(LOG_INFO, "e", LOG_BYTES("a", bytes_of(value, 1024)));
	assert_int_equal(strlen(logged()), strlen("info e a=\n") + 1024);
	log_event(LOG_INFO, "e", LOG_BYTES("a", bytes_of(value, sizeof(value))), LOG_INT("b", 1));
	const char *line = logged();
	assert_int_equal(strlen(line), strlen("info e a=\"\" b=1\n") + 1024 + 3);
	assert_string_equal(line + strlen(line) - 10, "v...\" b=1\n");
	/* A character is not cut in two. */
	memcpy(value + 1023, "\xe2\x82\xac", 3);
	log_event(LOG_INFO, "e", LOG_BYTES("a", bytes_of(value, sizeof(value))));
	line = logged();
	assert_int_equal(strlen(line), strlen("info e a=\"\"\n") + 1023 + 3);
}

static void test_levels(void **state)
{
	enum log_level level = LOG_OFF;
	(void)state;
	log_event(LOG_DEBUG, "no");
	assert_string_equal(logged(), "");
	log_set_level(LOG_DEBUG);
	log_event(LOG_DEBUG, "yes");
	assert_string_equal(logged(), "debug yes\n");
	log_set_level(LOG_OFF);
	log_event(LOG_ERROR, "no");
	assert_false(log_enabled(LOG_OFF));
	assert_string_equal(logged(), "");
	assert_int_equal(log_level_parse(BYTES_LIT("warn"), &level), 0);
	assert_int_equal(level, LOG_WARN);
	assert_int_equal(log_level_parse(BYTES_LIT("off"), &level), 0);
	assert_int_equal(level, LOG_OFF);
	assert_int_equal(log_level_parse(BYTES_LIT("Warn"), &level), ERR_BAD_REQUEST);
	assert_int_equal(log_level_parse(BYTES_NONE, &level), ERR_BAD_REQUEST);
	assert_int_equal(level, LOG_OFF);
}

/* A reader who has stopped does not stop the writer, and errno stays. */
static void test_full_pipe(void **state)
{
	char value[1000];
	(void)state;
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 200; i++) {
		errno = 77;
		log_event(LOG_INFO, "e", LOG_BYTES("a", bytes_of(value, sizeof(value))));
		assert_int_equal(errno, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, capture, release),
		cmocka_unit_test_setup_teardown(test_text_escapes, capture, release),
		cmocka_unit_test_setup_teardown(test_json, capture, release),
		cmocka_unit_test_setup_teardown(test_long_values, capture, release),
		cmocka_unit_test_setup_teardown(test_levels, capture, release),
		cmocka_unit_test_setup_teardown(test_full_pipe, capture, release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
