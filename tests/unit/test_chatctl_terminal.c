/* Questions and progress, on a terminal and where there is none; and what probes say. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "chatctl/confirm.h"
#include "chatctl/probe.h"
#include "chatctl/progress.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"

/* stdin and stderr are a terminal whose other end is the test's. */
struct terminal {
	int other;
	int kept_in, kept_err;
	struct arena *arena;
	struct failure failure;
	struct options options;
	struct buf seen; /* what was written to it */
};

static int setup(void **state)
{
	struct terminal *t = mem_zalloc(sizeof(*t));

	t->other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->other >= 0 && grantpt(t->other) == 0 && unlockpt(t->other) == 0);
	int end = open(ptsname(t->other), O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios modes;
	assert_true(end >= 0 && tcgetattr(end, &modes) == 0);
	modes.c_lflag &= ~(tcflag_t)ECHO;
	modes.c_oflag &= ~(tcflag_t)OPOST;
	assert_int_equal(tcsetattr(end, TCSANOW, &modes), 0);
	assert_int_equal(fcntl(t->other, F_SETFL, O_NONBLOCK), 0);
	t->kept_in = dup(STDIN_FILENO);
	t->kept_err = dup(STDERR_FILENO);
	dup2(end, STDIN_FILENO);
	dup2(end, STDERR_FILENO);
	close(end);
	t->arena = arena_create(0);
	t->failure.arena = t->arena;
	options_init(&t->options);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct terminal *t = *state;

	dup2(t->kept_in, STDIN_FILENO);
	dup2(t->kept_err, STDERR_FILENO);
	close(t->kept_in);
	close(t->kept_err);
	close(t->other);
	arena_destroy(&t->arena);
	buf_finish(&t->seen);
	free(t);
	return 0;
}

/* All that the terminal shows since the last time. */
static const char *shown(struct terminal *t)
{
	char piece[512];
	ssize_t len;

	buf_clear(&t->seen);
	while ((len = read(t->other, piece, sizeof(piece))) > 0) {
		buf_append(&t->seen, piece, (size_t)len);
	}
	return buf_cstr(&t->seen);
}

static void type(struct terminal *t, const char *text)
{
	assert_int_equal(write(t->other, text, strlen(text)), strlen(text));
}

static int asked(struct terminal *t, const char *typed)
{
	t->failure = (struct failure){.arena = t->arena};
	type(t, typed);
	return confirm(&t->failure, &t->options, "The \x1b[31mroom\nwill be gone");
}

/* ---- questions ---- */

static void only_a_yes_is_a_yes(void **state)
{
	static const char *const yes[] = {"y\n", "Y\n", "yes\n", " YES \n"};
	static const char *const no[] = {"\n", "n\n", "ye\n", "yes please\n",
		"y and so on and on\n", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n", "\x04"};
	struct terminal *t = *state;

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		assert_int_equal(asked(t, yes[i]), 0);
		assert_int_equal(t->failure.exit, 0);
		assert_string_equal(shown(t), "The \\x1B[31mroom\nwill be gone. Go on? [y/N] ");
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		assert_int_equal(asked(t, no[i]), ERR_CANCELLED);
		assert_int_equal(t->failure.exit, 1);
		assert_string_equal(t->failure.message, "nothing was done");
		clearerr(stdin);
	}
	assert_int_equal(asked(t, "y\n"), 0);
}

static void without_a_terminal_it_needs_a_yes_beforehand(void **state)
{
	struct terminal *t = *state;

	t->options.no_input = true;
	assert_int_equal(confirm(&t->failure, &t->options, "It will be gone"), ERR_USAGE);
	assert_int_equal(t->failure.exit, 2);
	assert_non_null(strstr(t->failure.message, "It will be gone. Nobody can be asked"));
	t->options.yes = true;
	assert_int_equal(confirm(&t->failure, &t->options, "It will be gone"), 0);
	t->options.yes = t->options.no_input = false;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int end = dup(STDIN_FILENO);
	dup2(null, STDIN_FILENO);
	assert_int_equal(confirm(&t->failure, &t->options, "It will be gone"), ERR_USAGE);
	dup2(end, STDIN_FILENO);
	dup2(null, STDERR_FILENO);
	assert_int_equal(confirm(&t->failure, &t->options, "It will be gone"), ERR_USAGE);
	dup2(end, STDERR_FILENO);
	close(null);
	close(end);
	assert_string_equal(shown(t), "");
}

/* The rows of the table: which ask, and with what. */
static void commands_that_destroy_ask(void **state)
{
	struct terminal *t = *state;
	char name[] = "a\x07 room";
	char *words[] = {(char *)(uintptr_t) "room", (char *)(uintptr_t) "delete", name};
	char *dry[] = {
		words[0], words[1], (char *)(uintptr_t) "x", (char *)(uintptr_t) "--dry-run"};
	char *harmless[] = {words[0], (char *)(uintptr_t) "list"};
	struct invocation invocation;

	assert_int_equal(command_parse(&invocation, t->arena, 2, harmless, &t->failure), 0);
	assert_int_equal(confirm_command(&invocation, &t->failure), 0);
	assert_int_equal(command_parse(&invocation, t->arena, 4, dry, &t->failure), 0);
	assert_int_equal(confirm_command(&invocation, &t->failure), 0);
	assert_string_equal(shown(t), "");
	words[2] = name + 3;
	assert_int_equal(command_parse(&invocation, t->arena, 3, words, &t->failure), 0);
	type(t, "no\n");
	assert_int_equal(confirm_command(&invocation, &t->failure), ERR_CANCELLED);
	assert_string_equal(shown(t), "room delete room: The room and all its messages will be "
				      "gone. Go on? [y/N] ");
}

/* ---- progress ---- */

static void pause_ms(long ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000};
	nanosleep(&pause, NULL);
}

static void short_work_shows_nothing(void **state)
{
	struct terminal *t = *state;
	struct progress progress;

	progress_init(&progress, &t->options, "work");
	assert_true(progress.next_us >= progress.start_us + 200000);
	progress.next_us = UINT64_MAX;
	progress_update(&progress, 1, 1000);
	progress_finish(&progress);
	assert_string_equal(shown(t), "");
}

static void a_line_that_is_written_over_and_erased(void **state)
{
	struct terminal *t = *state;
	struct progress progress;

	progress_init(&progress, &t->options, "work");
	progress.next_us = 0;
	progress_update(&progress, 123, 271);
	assert_string_equal(shown(t), "\rwork 45 % (123 of 271)");
	progress.next_us = 0;
	progress.start_us -= 7100000;
	progress_name(&progress, "rest");
	progress_update(&progress, 7, 0);
	assert_string_equal(shown(t), "\rrest, 7 s             ");
	progress.next_us = 0;
	progress_update(&progress, 300, 271);
	assert_string_equal(shown(t), "\rrest 100 % (300 of 271)");
	progress_finish(&progress);
	assert_string_equal(shown(t), "\r                       \r");
	progress_finish(&progress);
	assert_string_equal(shown(t), "");
}

static void ten_times_a_second_at_most(void **state)
{
	struct terminal *t = *state;
	struct progress progress;
	unsigned lines = 0;

	progress_init(&progress, &t->options, "work");
	for (unsigned i = 0; i < 650; i++) {
		progress_update(&progress, i, 650);
		pause_ms(1);
	}
	for (const char *c = shown(t); *c != '\0'; c++) {
		lines += *c == '\r';
	}
	assert_true(lines >= 2);
	uint64_t us = clock_mono_us(&clock_system) - progress.start_us;
	assert_true(lines <= us / 100000);
}

static void nothing_where_it_is_not_wanted(void **state)
{
	struct terminal *t = *state;
	struct progress progress;

	t->options.quiet = true;
	progress_init(&progress, &t->options, "work");
	progress.next_us = 0;
	progress_update(&progress, 1, 2);
	t->options.quiet = false;
	int end = dup(STDERR_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	progress_init(&progress, &t->options, "work");
	dup2(end, STDERR_FILENO);
	progress.next_us = 0;
	progress_update(&progress, 1, 2);
	progress_finish(&progress);
	close(null);
	close(end);
	assert_string_equal(shown(t), "");
}

/* ---- probes ---- */

static void the_gravest_finding_counts_and_comes_first(void **state)
{
	struct terminal *t = *state;
	struct probe probe = {.name = "live", .arena = t->arena};

	probe_find(&probe, CMD_CHECK_OK, "a");
	assert_int_equal(probe.level, CMD_CHECK_OK);
	probe_find(&probe, CMD_CHECK_WARNING, "b %d", 2);
	probe_find(&probe, CMD_CHECK_OK, "c");
	assert_string_equal(probe.text, "b 2; a; c");
	probe_find(&probe, CMD_CHECK_CRITICAL, "d\n");
	probe_find(&probe, CMD_CHECK_UNKNOWN, "e");
	assert_int_equal(probe.level, CMD_CHECK_CRITICAL);
	assert_string_equal(probe.text, "d\\x0A; b 2; a; c; e");
}

static void forms_of_a_probe(void **state)
{
	struct terminal *t = *state;
	struct probe probe = {.name = "live", .arena = t->arena, .us = 1500, .timed = true};
	struct probe_metric time = {.name = "time", .unit = "s", .value = 0.0015, .warn = 0.5};
	struct probe_metric space = {
		.name = "free", .unit = "B", .value = 5e9, .crit = 1000, .low = true};
	static const struct {
		const char *format, *text;
	} rows[] = {
		{NULL, "WARNING: x | y\n"},
		{"text", "WARNING: x | y\n"},
		{"Nagios", "CHATD LIVE WARNING: x / y | time=0.0015s;0.5;;0 "
			   "free=5000000000B;;1000:;0\n"},
		{"json", "{\"check\":\"live\",\"status\":\"WARNING\",\"text\":\"x | y\",\"ms\":1.5,"
			 "\"freeBytes\":5000000000}\n"},
		{"prometheus", "# HELP chatd_check_status 0 OK, 1 warning, 2 critical, 3 unknown.\n"
			       "# TYPE chatd_check_status gauge\n"
			       "chatd_check_status{check=\"live\"} 1\n"
			       "# TYPE chatd_check_time_seconds gauge\n"
			       "chatd_check_time_seconds{check=\"live\"} 0.0015\n"
			       "# TYPE chatd_check_free_bytes gauge\n"
			       "chatd_check_free_bytes{check=\"live\"} 5000000000\n"},
	};

	probe_find(&probe, CMD_CHECK_WARNING, "x | y");
	probe_measure(&probe, &time);
	probe_measure(&probe, &space);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = {0};
		probe_write(&probe, rows[i].format, &out);
		assert_string_equal(buf_cstr(&out), rows[i].text);
		buf_finish(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(only_a_yes_is_a_yes),
		TEST(without_a_terminal_it_needs_a_yes_beforehand),
		TEST(commands_that_destroy_ask),
		TEST(short_work_shows_nothing),
		TEST(a_line_that_is_written_over_and_erased),
		TEST(ten_times_a_second_at_most),
		TEST(nothing_where_it_is_not_wanted),
		TEST(the_gravest_finding_counts_and_comes_first),
		TEST(forms_of_a_probe),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
