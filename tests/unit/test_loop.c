#include "lib/loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;

/* What happened, a letter each. */
static char trace[256];

static void note(char c)
{
	size_t len = strlen(trace);
	assert_true(len + 1 < sizeof(trace));
	trace[len] = c;
	trace[len + 1] = '\0';
}

static int setup(void **state)
{
	(void)state;
	trace[0] = '\0';
	loop = loop_create();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(&loop);
	assert_null(loop);
	return 0;
}

/* ---- descriptors ---- */

struct watched {
	int ends[2];
	struct loop_fd *watch;
	struct watched *victim; /* closed by the first callback */
	int calls, seen;
};

static void on_watched(void *ctx, int events)
{
	struct watched *w = ctx;
	w->calls++;
	w->seen |= events;
	if (w->victim != NULL) {
		loop_fd_close(&w->victim->watch);
	}
}

static void watched_open(struct watched *w, int events)
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w->ends), 0);
	w->watch = loop_fd_open(loop, w->ends[0], events, on_watched, w);
}

static void watched_close(struct watched *w)
{
	loop_fd_close(&w->watch);
	assert_null(w->watch);
	close(w->ends[0]);
	close(w->ends[1]);
}

static int run_and_see(struct watched *w)
{
	w->seen = 0;
	loop_turn(loop, 0);
	return w->seen;
}

static void test_fd_events(void **state)
{
	struct watched w = {0};
	(void)state;
	watched_open(&w, 0);
	assert_int_equal(write(w.ends[1], "x", 1), 1);
	assert_int_equal(run_and_see(&w), 0);
	loop_fd_set(w.watch, LOOP_READ);
	assert_int_equal(loop_fd_events(w.watch), LOOP_READ);
	assert_int_equal(run_and_see(&w), LOOP_READ);
	/* Level-triggered: it is told again. */
	assert_int_equal(run_and_see(&w), LOOP_READ);
	loop_fd_set(w.watch, LOOP_READ | LOOP_WRITE);
	assert_int_equal(run_and_see(&w), LOOP_READ | LOOP_WRITE);
	loop_fd_set(w.watch, LOOP_WRITE);
	assert_int_equal(run_and_see(&w), LOOP_WRITE);
	loop_fd_set(w.watch, LOOP_READ);
	assert_int_equal(run_and_see(&w), LOOP_READ);
	loop_fd_set(w.watch, 0);
	assert_int_equal(run_and_see(&w), 0);
	watched_close(&w);
}

static void test_fd_end_comes_as_read(void **state)
{
	struct watched w = {0};
	(void)state;
	watched_open(&w, LOOP_READ);
	assert_int_equal(run_and_see(&w), 0);
	shutdown(w.ends[1], SHUT_RDWR);
	assert_int_equal(run_and_see(&w), LOOP_READ);
	watched_close(&w);
}

/* Two are ready; whichever comes first closes the other, whose callback must not come. */
static void test_fd_close_another(void **state)
{
	struct watched a = {0}, b = {0};
	(void)state;
	watched_open(&a, LOOP_READ | LOOP_WRITE);
	watched_open(&b, LOOP_READ | LOOP_WRITE);
	a.victim = &b;
	b.victim = &a;
	assert_int_equal(write(a.ends[1], "x", 1), 1);
	assert_int_equal(write(b.ends[1], "x", 1), 1);
	loop_turn(loop, 0);
	assert_true((a.calls == 0) != (b.calls == 0));
	watched_close(&a);
	watched_close(&b);
}

static void test_fd_close_itself(void **state)
{
	struct watched w = {0};
	(void)state;
	watched_open(&w, LOOP_READ | LOOP_WRITE);
	w.victim = &w;
	assert_int_equal(write(w.ends[1], "x", 1), 1);
	loop_turn(loop, 0);
	assert_int_equal(w.calls, 1);
	loop_turn(loop, 0);
	assert_int_equal(w.calls, 1);
	watched_close(&w);
}

/* ---- timers ---- */

static char letter_a = 'a', letter_b = 'b', letter_c = 'c', letter_s = 's';

static void note_t(void *ctx)
{
	note(*(const char *)ctx);
}

static void stop_loop(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

static void test_timer_order(void **state)
{
	struct loop_timer *a = loop_timer_create(loop, note_t, &letter_a);
	struct loop_timer *b = loop_timer_create(loop, note_t, &letter_b);
	struct loop_timer *c = loop_timer_create(loop, note_t, &letter_c);
	struct loop_timer *end = loop_timer_create(loop, stop_loop, NULL);
	uint64_t start = loop_now_us(loop);
	(void)state;
	loop_timer_set(a, 60000);
	loop_timer_set(b, 30000);
	loop_timer_set(c, 1000);
	loop_timer_set(end, 100000);
	assert_true(loop_timer_armed(c));
	loop_timer_cancel(c);
	assert_false(loop_timer_armed(c));
	loop_timer_set(a, 10000); /* moved before b */
	loop_run(loop);
	assert_string_equal(trace, "ab");
	assert_false(loop_timer_armed(a));
	assert_true(loop_now_us(loop) - start >= 100000);
	loop_timer_destroy(&a);
	loop_timer_destroy(&b);
	loop_timer_destroy(&c);
	loop_timer_destroy(&end);
	loop_timer_destroy(&end);
}

/* loop_now_us() has moved by the delay at least, each time; also where something else keeps the
 * loop awake, so that libevent's coarse clock is looked at all the time. */
static void test_timer_never_early(void **state)
{
	struct loop_timer *end = loop_timer_create(loop, stop_loop, NULL);
	struct watched busy = {0};
	(void)state;
	watched_open(&busy, LOOP_WRITE);
	for (int i = 0; i < 40; i++) {
		uint64_t delay = (uint64_t)i % 20 * 500;
		usleep((unsigned)i * 100);
		loop_turn(loop, 0);
		uint64_t start = loop_now_us(loop);
		loop_timer_set(end, delay);
		loop_run(loop);
		assert_true(loop_now_us(loop) - start >= delay);
	}
	watched_close(&busy);
	loop_timer_destroy(&end);
}

static void test_turn_limit(void **state)
{
	uint64_t start = loop_now_us(loop);
	(void)state;
	loop_turn(loop, 20);
	uint64_t waited = loop_now_us(loop) - start;
	assert_in_range(waited, 15000, 5000000);
	loop_turn(loop, 0);
}

/* One time for all of a turn. */
static void remember_now(void *ctx)
{
	*(uint64_t *)ctx = loop_now_us(loop);
}

static void remember_and_dawdle(void *ctx)
{
	remember_now(ctx);
	usleep(3000);
}

static void test_now_is_of_the_turn(void **state)
{
	uint64_t first = 0, second = 0;
	struct loop_timer *a = loop_timer_create(loop, remember_and_dawdle, &first);
	struct loop_defer later;
	(void)state;
	loop_defer_init(&later, remember_now, &second);
	loop_timer_set(a, 0);
	for (int i = 0; i < 100 && first == 0; i++) {
		loop_turn(loop, 10);
	}
	loop_defer(loop, &later, LOOP_GATHER);
	loop_turn(loop, 0);
	assert_true(first > 0);
	assert_true(second == first);
	loop_turn(loop, 0);
	assert_true(loop_now_us(loop) >= first + 3000);
	loop_timer_destroy(&a);
}

/* ---- deferred work ---- */

struct work {
	struct loop_defer defer;
	char letter;
	struct work *next; /* scheduled when it runs */
	enum loop_stage next_stage;
};

static void on_work(void *ctx)
{
	struct work *work = ctx;
	note(work->letter);
	if (work->next != NULL) {
		struct work *next = work->next;
		work->next = NULL;
		loop_defer(loop, &next->defer, work->next_stage);
	}
}

static void work_init(struct work *work, char letter)
{
	*work = (struct work){.letter = letter};
	loop_defer_init(&work->defer, on_work, work);
}

static void test_defer_order(void **state)
{
	struct work g1, g2, f1, f2;
	(void)state;
	work_init(&g1, 'g');
	work_init(&g2, 'h');
	work_init(&f1, 'F');
	work_init(&f2, 'E');
	loop_defer(loop, &f1.defer, LOOP_FLUSH);
	loop_defer(loop, &g1.defer, LOOP_GATHER);
	loop_defer(loop, &f2.defer, LOOP_FLUSH);
	loop_defer(loop, &g2.defer, LOOP_GATHER);
	loop_defer(loop, &g1.defer, LOOP_GATHER);
	loop_turn(loop, 0);
	assert_string_equal(trace, "ghFE");
	loop_turn(loop, 0);
	assert_string_equal(trace, "ghFE");
}

/* What is scheduled meanwhile runs in the same turn, gathering before the next flush. */
static void test_defer_chain(void **state)
{
	struct work g1, g2, f1, f2;
	(void)state;
	work_init(&g1, 'g');
	work_init(&g2, 'h');
	work_init(&f1, 'F');
	work_init(&f2, 'E');
	g1.next = &g2;
	g1.next_stage = LOOP_GATHER;
	g2.next = &f2;
	g2.next_stage = LOOP_FLUSH;
	loop_defer(loop, &f1.defer, LOOP_FLUSH);
	loop_defer(loop, &g1.defer, LOOP_GATHER);
	loop_turn(loop, 0);
	assert_string_equal(trace, "ghFE");
	/* A flush that gathers and flushes: the gathering goes first. */
	trace[0] = '\0';
	f1.next = &g1;
	f1.next_stage = LOOP_GATHER;
	f2.next = &f1;
	f2.next_stage = LOOP_FLUSH;
	loop_defer(loop, &f1.defer, LOOP_FLUSH);
	loop_defer(loop, &f2.defer, LOOP_FLUSH);
	loop_turn(loop, 0);
	assert_string_equal(trace, "FEgF");
}

static void test_defer_cancel(void **state)
{
	struct work a, b;
	(void)state;
	work_init(&a, 'a');
	work_init(&b, 'b');
	loop_defer_cancel(&a.defer);
	loop_defer(loop, &a.defer, LOOP_FLUSH);
	loop_defer(loop, &b.defer, LOOP_FLUSH);
	loop_defer_cancel(&a.defer);
	loop_turn(loop, 0);
	assert_string_equal(trace, "b");
	loop_defer(loop, &a.defer, LOOP_GATHER);
	loop_turn(loop, 0);
	assert_string_equal(trace, "ba");
}

/* Waiting does not hold up work that was deferred before. */
static void test_defer_before_waiting(void **state)
{
	struct loop_defer stop;
	(void)state;
	loop_defer_init(&stop, stop_loop, NULL);
	loop_defer(loop, &stop, LOOP_GATHER);
	loop_run(loop);
	/* Stopping before running: it returns at once, and only once. */
	loop_stop(loop);
	loop_run(loop);
	struct loop_timer *end = loop_timer_create(loop, stop_loop, NULL);
	uint64_t start = loop_now_us(loop);
	loop_timer_set(end, 5000);
	loop_run(loop);
	assert_true(loop_now_us(loop) - start >= 5000);
	loop_timer_destroy(&end);
}

static void test_signal(void **state)
{
	struct loop_signal *watch = loop_signal_open(loop, SIGUSR1, note_t, &letter_s);
	(void)state;
	raise(SIGUSR1);
	loop_turn(loop, 1000);
	assert_string_equal(trace, "s");
	loop_signal_close(&watch);
	assert_null(watch);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fd_events),
		TEST(test_fd_end_comes_as_read),
		TEST(test_fd_close_another),
		TEST(test_fd_close_itself),
		TEST(test_timer_order),
		TEST(test_timer_never_early),
		TEST(test_turn_limit),
		TEST(test_now_is_of_the_turn),
		TEST(test_defer_order),
		TEST(test_defer_chain),
		TEST(test_defer_cancel),
		TEST(test_defer_before_waiting),
		TEST(test_signal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
