/* The journal's side is a socket of the test's own. */
#include "lib/base/log_journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/base/log.h"

static char dir[] = "/tmp/test-log-journal-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int saved_stderr;
static int log_pipe[2];

static int setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL) {
		return -1;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	saved_stderr = dup(STDERR_FILENO);
	if (pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		return -1;
	}
	dup2(log_pipe[1], STDERR_FILENO);
	log_set_level(LOG_DEBUG);
	log_set_format(LOG_FORMAT_JOURNAL);
	return log_open_journal(address.sun_path);
}

static int teardown(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(log_pipe[0]);
	close(log_pipe[1]);
	unlink(address.sun_path);
	return rmdir(dir);
}

static int open_journal(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	unlink(address.sun_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static const char *read_text(int fd)
{
	static char text[65536];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_datagram(void **state)
{
	int journal = open_journal();
	(void)state;
	pthread_setname_np(pthread_self(), "worker-3");
	log_event(LOG_WARN, "slow operation", LOG_STR("op", "post_message"), LOG_INT("ms", 1234),
		LOG_STR("steps", "insert=1230\nreply=4"));
	assert_string_equal(read_text(journal), "MESSAGE=slow operation op=post_message ms=1234 "
						"steps=\"insert=1230\\nreply=4\"\n"
						"PRIORITY=4\n"
						"SYSLOG_IDENTIFIER=chatd\n"
						"CHATD_EVENT=slow operation\n"
						"CHATD_THREAD=worker-3\n"
						"CHATD_OP=post_message\n"
						"CHATD_MS=1234\n"
						"CHATD_STEPS=insert=1230\\nreply=4\n");
	assert_string_equal(read_text(log_pipe[0]), "");
	close(journal);
}

/* Away at the start, gone, back, or too slow: stderr has what the journal does not take. */
static void test_fallback(void **state)
{
	(void)state;
	unlink(address.sun_path);
	log_event(LOG_ERROR, "no journal", LOG_STR("a", "b c"));
	assert_string_equal(read_text(log_pipe[0]), "<3>no journal a=\"b c\"\n");
	int journal = open_journal();
	log_event(LOG_INFO, "there");
	assert_memory_equal(read_text(journal), "MESSAGE=there\n", 14);
	close(journal); /* the name stays, nobody listens */
	log_event(LOG_DEBUG, "refused");
	assert_string_equal(read_text(log_pipe[0]), "<7>refused\n");
	journal = open_journal();
	log_event(LOG_INFO, "back");
	assert_memory_equal(read_text(journal), "MESSAGE=back\n", 13);
	for (int i = 0; i < 2000; i++) {
		log_event(LOG_INFO, "flood");
	}
	const char *text = read_text(log_pipe[0]);
	assert_memory_equal(text, "<6>flood\n", 9);
	close(journal);
}

static void test_send(void **state)
{
	char too_long[200];
	int fd = -1;
	(void)state;
	memset(too_long, 'p', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	unlink(address.sun_path);
	assert_int_equal(log_journal_open(&fd), 0);
	assert_int_equal(log_journal_send(fd, address.sun_path, "x", 1), ERR_UNREACHABLE);
	assert_int_equal(log_journal_send(fd, too_long, "x", 1), ERR_UNREACHABLE);
	int journal = open_journal();
	assert_int_equal(log_journal_send(fd, address.sun_path, "x", 1), 0);
	assert_string_equal(read_text(journal), "x");
	int err = 0;
	for (int i = 0; i < 10000 && err == 0; i++) {
		err = log_journal_send(fd, address.sun_path, "x", 1);
	}
	assert_int_equal(err, ERR_BUSY);
	close(journal);
	assert_int_equal(log_journal_send(-1, address.sun_path, "x", 1), ERR_SYSTEM);
	close(fd);
}

/* systemd.exec(5): device and inode of the file behind stderr, in decimal. */
static void test_stream(void **state)
{
	struct stat stat;
	char text[64];
	(void)state;
	assert_int_equal(fstat(log_pipe[1], &stat), 0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)stat.st_dev,
		(unsigned long long)stat.st_ino);
	assert_true(log_journal_reads(text, log_pipe[1]));
	assert_true(log_journal_reads(text, STDERR_FILENO));
	assert_false(log_journal_reads(text, STDOUT_FILENO));
	assert_false(log_journal_reads(NULL, STDERR_FILENO));
	assert_false(log_journal_reads("", STDERR_FILENO));
	assert_false(log_journal_reads(text, -1));
	strcat(text, "0");
	assert_false(log_journal_reads(text, STDERR_FILENO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_stream),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
