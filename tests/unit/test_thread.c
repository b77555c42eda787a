#include "lib/loop/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

struct report {
	pthread_t self;
	char name[16];
	int unblocked;
	pthread_barrier_t named; /* the name is given after the start */
};

static void *look_around(void *arg)
{
	struct report *report = arg;
	sigset_t mask;
	report->self = pthread_self();
	pthread_barrier_wait(&report->named);
	pthread_getname_np(pthread_self(), report->name, sizeof(report->name));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGALRM, SIGCHLD};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		report->unblocked += sigismember(&mask, signals[i]) == 0;
	}
	return NULL;
}

static void run(const char *name, struct report *report)
{
	pthread_t thread;
	memset(report, 0, sizeof(*report));
	pthread_barrier_init(&report->named, NULL, 2);
	assert_int_equal(thread_start(&thread, name, look_around, report), 0);
	pthread_barrier_wait(&report->named);
	thread_join(thread);
	assert_true(pthread_equal(thread, report->self));
	assert_int_equal(report->unblocked, 0);
	pthread_barrier_destroy(&report->named);
}

static void test_names_and_signals(void **state)
{
	struct report report;
	sigset_t before, after;
	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	run("worker-1", &report);
	assert_string_equal(report.name, "worker-1");
	run("a name that is too long", &report);
	assert_string_equal(report.name, "a name that is ");
	/* The starter's own mask is as it was. */
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
	assert_int_equal(sigismember(&after, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names_and_signals)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
