#include "lib/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
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
		"info e a=\"Gr\xc3\xbc\xc3\x9f\" b=\"\\xff\\xc3\" c=\"\\u009b\" d=\"\\u202e\"\n");
}

static void test_json(void **state)
{
	(void)state;
	pthread_setname_np(pthread_self(), "test");
	log_set_format(LOG_FORMAT_JSON);
	log_event(LOG_WARN, "slow", LOG_STR("a", "q\"\\\n\x1b\xff"), LOG_INT("n", 7),
		LOG_BYTES("b", BYTES_LIT("\xf0\x9f\x98\x80")));
	const char *line = logged();
	assert_memory_equal(line, "{\"time\":\"", 9);
	assert_string_equal(line + 9 + 24, "\",\"level\":\"warn\",\"event\":\"slow\",\"thread\":"
					   "\"test\",\"a\":\"q\\\"\\\\\\n\\u001b\\ufffd\","
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
	log_set_level(LOG_ERROR);
	log_on_record("changed", LOG_INT("by", 7));
	assert_string_equal(logged(), "info changed by=7\n");
	log_set_level(LOG_OFF);
	log_event(LOG_ERROR, "no");
	log_on_record("no");
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

/* ---- who does not read ---- */

static char filler[1000];

/* Until lines are lost. */
static void fill_pipe(void)
{
	memset(filler, 'v', sizeof(filler));
	for (int i = 0; i < 200; i++) {
		errno = 77;
		log_event(LOG_INFO, "e", LOG_BYTES("a", bytes_of(filler, sizeof(filler))));
		assert_int_equal(errno, 77);
	}
}

/* Reads all of it; answers how many whole lines begin with this. */
static size_t count_lines(const char *begin)
{
	static char text[1 << 20];
	ssize_t n = read(log_pipe[0], text, sizeof(text));
	struct bytes rest = bytes_of(text, n > 0 ? (size_t)n : 0);
	size_t count = 0;
	while (rest.len > 0) {
		assert_int_equal(rest.ptr[rest.len - 1], '\n');
		struct bytes line = bytes_split(&rest, '\n');
		assert_true(line.len > 25);
		count += bytes_starts(bytes_of(line.ptr + 25, line.len - 25), bytes_str(begin)) ? 1
												: 0;
	}
	return count;
}

/* A reader who has stopped does not stop the writer, whether the pipe is set so or not; how many
 * lines he missed is told to him before the next one. */
static void check_lost(bool blocking)
{
	char wanted[64];
	if (blocking) { /* of the writer's end alone */
		assert_int_equal(fcntl(log_pipe[1], F_SETFL, 0), 0);
	}
	alarm(20);
	fill_pipe();
	size_t kept = count_lines("info e a=");
	assert_in_range(kept, 30, 199);
	log_event(LOG_INFO, "after");
	snprintf(wanted, sizeof(wanted), "warn log lines lost count=%zu\n", 200 - kept);
	const char *text = logged();
	assert_memory_equal(text, wanted, strlen(wanted));
	assert_string_equal(text + strlen(wanted) + 25, "info after\n");
	log_event(LOG_INFO, "last");
	assert_string_equal(logged(), "info last\n");
	alarm(0);
}

static void test_lost(void **state)
{
	(void)state;
	check_lost(false);
}

static void test_lost_blocking(void **state)
{
	(void)state;
	check_lost(true);
}

/* A line that only began to be written is ended before the next. */
static void test_torn(void **state)
{
	char big[1024];
	(void)state;
	memset(big, 'b', sizeof(big));
	/* Room for a page, while the line has three. */
	for (size_t left = 65536 - 4096; left > 0; left -= 1024) {
		assert_int_equal(write(log_pipe[1], big, 1024), 1024);
	}
	log_event(LOG_INFO, "long", LOG_BYTES("a", bytes_of(big, 1024)),
		LOG_BYTES("b", bytes_of(big, 1024)), LOG_BYTES("c", bytes_of(big, 1024)),
		LOG_BYTES("d", bytes_of(big, 1024)), LOG_BYTES("e", bytes_of(big, 1024)),
		LOG_BYTES("f", bytes_of(big, 1024)));
	static char text[1 << 17];
	ssize_t n = read(log_pipe[0], text, sizeof(text));
	assert_int_equal(n, 65536);
	log_event(LOG_INFO, "after");
	n = read(log_pipe[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(text[0], '\n');
	assert_string_equal(
		text + 1 + 25 + strlen("warn log lines lost count=1\n") + 25, "info after\n");
}

/* Nobody at all. */
static void test_closed(void **state)
{
	(void)state;
	close(log_pipe[0]);
	log_pipe[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	fill_pipe();
}

/* ---- many who write ---- */

#define WRITERS 4
#define LINES 2000

static void *write_lines(void *arg)
{
	pthread_setname_np(pthread_self(), arg);
	for (int i = 0; i < LINES; i++) {
		log_event(LOG_INFO, "line", LOG_INT("n", i));
	}
	return NULL;
}

struct tapped {
	pthread_mutex_t mutex;
	size_t lines, named;
};

static void tap(void *ctx, const struct log_record *record)
{
	struct tapped *tapped = ctx;
	pthread_mutex_lock(&tapped->mutex);
	tapped->lines += strcmp(record->event, "line") == 0 ? 1 : 0;
	tapped->named += strncmp(record->thread, "writer-", 7) == 0 ? 1 : 0;
	pthread_mutex_unlock(&tapped->mutex);
}

/* No line is mixed with another's, all of them come to the tap, and what stderr did not take was
 * counted. */
static void test_threads(void **state)
{
	static char names[WRITERS][16];
	struct tapped tapped = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	pthread_t writers[WRITERS];
	(void)state;
	log_set_tap(tap, &tapped);
	for (size_t i = 0; i < WRITERS; i++) {
		snprintf(names[i], sizeof(names[i]), "writer-%zu", i);
		assert_int_equal(pthread_create(&writers[i], NULL, write_lines, names[i]), 0);
	}
	for (size_t i = 0; i < WRITERS; i++) {
		pthread_join(writers[i], NULL);
	}
	log_set_tap(NULL, NULL);
	assert_int_equal(tapped.lines, WRITERS * LINES);
	assert_int_equal(tapped.named, WRITERS * LINES);
	size_t kept = count_lines("info line n=");
	char wanted[64];
	log_event(LOG_INFO, "after");
	snprintf(wanted, sizeof(wanted), "warn log lines lost count=%zu\n", WRITERS * LINES - kept);
	assert_memory_equal(logged(), wanted, strlen(wanted));
}

static void test_rate(void **state)
{
	struct log_rate rate = {0};
	uint64_t more = 99;
	(void)state;
	assert_true(log_rate_allows(&rate, 5000000, &more));
	assert_int_equal(more, 0);
	assert_false(log_rate_allows(&rate, 5000000, &more));
	assert_false(log_rate_allows(&rate, 5999999, &more));
	assert_true(log_rate_allows(&rate, 6000000, &more));
	assert_int_equal(more, 2);
	assert_true(log_rate_allows(&rate, 9000000, &more));
	assert_int_equal(more, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, capture, release),
		cmocka_unit_test_setup_teardown(test_text_escapes, capture, release),
		cmocka_unit_test_setup_teardown(test_json, capture, release),
		cmocka_unit_test_setup_teardown(test_long_values, capture, release),
		cmocka_unit_test_setup_teardown(test_levels, capture, release),
		cmocka_unit_test_setup_teardown(test_lost, capture, release),
		cmocka_unit_test_setup_teardown(test_lost_blocking, capture, release),
		cmocka_unit_test_setup_teardown(test_torn, capture, release),
		cmocka_unit_test_setup_teardown(test_threads, capture, release),
		cmocka_unit_test_setup_teardown(test_closed, capture, release),
		cmocka_unit_test(test_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
