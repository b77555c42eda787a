/* A mail that goes from worker to worker, each on a thread of its own: order, threads, and that
 * what it carries belongs to one of them at a time (ThreadSanitizer looks on). */
#include "chatd/op/tour.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/list.h"
#include "lib/loop/thread.h"

/* The last one is the main thread's, without clients. */
enum { WORKERS = 4, ALL = WORKERS + 1, TOURS = 2000 };

struct office {
	struct services sv[ALL];
	struct services *peers[ALL];
	struct mailbox *boxes[ALL];
	pthread_t threads[WORKERS];
	/* Of each worker, touched on its thread alone. */
	unsigned visits[ALL];
	unsigned left; /* tours that are not done, of the main thread */
};

struct trip {
	struct tour tour;
	struct office *office;
	unsigned seen[ALL]; /* workers, in the order of the visits */
	unsigned count;
	unsigned done;
	pthread_t done_on;
};

static struct trip *trip_of(struct tour *tour)
{
	return CONTAINER_OF(tour, struct trip, tour);
}

static void office_open(struct office *office, unsigned workers)
{
	*office = (struct office){0};
	for (unsigned i = 0; i <= workers; i++) {
		struct services *sv = &office->sv[i];
		sv->worker = i;
		sv->worker_count = workers;
		sv->loop = loop_create();
		sv->boxes = office->boxes;
		sv->peers = office->peers;
		office->peers[i] = sv;
		office->boxes[i] = mailbox_create(sv->loop);
	}
}

static void office_close(struct office *office, unsigned workers)
{
	for (unsigned i = 0; i <= workers; i++) {
		mailbox_destroy(&office->boxes[i]);
		loop_destroy(&office->sv[i].loop);
	}
}

static void visit(struct services *sv, struct tour *tour)
{
	struct trip *trip = trip_of(tour);
	assert_ptr_equal(sv, trip->office->peers[trip->count]);
	trip->seen[trip->count++] = sv->worker;
	trip->office->visits[sv->worker]++;
}

/* ---- one after the other ---- */

static void note_done(struct tour *tour)
{
	struct trip *trip = trip_of(tour);
	trip->done++;
	trip->done_on = pthread_self();
}

/* From each worker, and from the main thread: all workers with clients are visited, once each, in
 * their order, and nothing happens before the mail is read. */
static void every_worker_is_visited_once(void **state)
{
	struct office office;
	(void)state;
	office_open(&office, 3);
	for (unsigned from = 0; from <= 3; from++) {
		struct trip trip = {.office = &office};
		tour_start(&office.sv[from], &trip.tour, visit, note_done);
		assert_int_equal(trip.count, 0);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(trip.done, 0);
			loop_turn(office.sv[i].loop, 0);
			assert_int_equal(trip.count, i + 1);
			assert_int_equal(trip.seen[i], i);
		}
		assert_int_equal(trip.done, 0);
		loop_turn(office.sv[from].loop, 0);
		assert_int_equal(trip.done, 1);
		assert_int_equal(trip.count, 3);
	}
	assert_int_equal(office.visits[3], 0);
	office_close(&office, 3);
}

static void one_worker_visits_itself(void **state)
{
	struct office office;
	struct trip trip = {.office = &office};
	(void)state;
	office_open(&office, 1);
	tour_start(&office.sv[0], &trip.tour, visit, note_done);
	assert_int_equal(trip.count, 0);
	loop_turn(office.sv[0].loop, 0);
	assert_int_equal(trip.count, 1);
	assert_int_equal(trip.done, 0); /* mail posted while mail runs: the next turn */
	loop_turn(office.sv[0].loop, 0);
	assert_int_equal(trip.done, 1);
	office_close(&office, 1);
}

/* ---- many at once ---- */

struct start {
	struct mail mail;
	struct services *sv;
	struct trip *trip;
};

struct report {
	struct mail mail;
	struct office *office;
};

static void report_run(struct mail *mail)
{
	struct report *report = CONTAINER_OF(mail, struct report, mail);
	struct office *office = report->office;
	free(report);
	office->left--;
	if (office->left == 0) {
		loop_stop(office->sv[WORKERS].loop);
	}
}

static void tell_main(struct tour *tour)
{
	struct trip *trip = trip_of(tour);
	note_done(tour);
	struct report *report = mem_zalloc(sizeof(*report));
	report->office = trip->office;
	mailbox_post(trip->office->boxes[WORKERS], &report->mail, report_run);
}

static void start_run(struct mail *mail)
{
	struct start *start = CONTAINER_OF(mail, struct start, mail);
	tour_start(start->sv, &start->trip->tour, visit, tell_main);
	free(start);
}

static void stop_run(struct mail *mail)
{
	struct start *stop = CONTAINER_OF(mail, struct start, mail);
	loop_stop(stop->sv->loop);
	free(stop);
}

static void post_to(struct services *sv, struct trip *trip, mail_fn run)
{
	struct start *start = mem_zalloc(sizeof(*start));
	start->sv = sv;
	start->trip = trip;
	mailbox_post(services_mailbox(sv), &start->mail, run);
}

static void *work(void *arg)
{
	struct services *sv = arg;
	loop_run(sv->loop);
	return NULL;
}

static void many_tours_cross(void **state)
{
	static struct office office;
	struct trip *trips = mem_zalloc(TOURS * sizeof(*trips));
	(void)state;
	office_open(&office, WORKERS);
	office.left = TOURS;
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(thread_start(&office.threads[i], "w", work, &office.sv[i]), 0);
	}
	for (unsigned i = 0; i < TOURS; i++) {
		trips[i].office = &office;
		post_to(&office.sv[i % ALL], &trips[i], start_run);
	}
	loop_run(office.sv[WORKERS].loop);
	for (unsigned i = 0; i < WORKERS; i++) {
		post_to(&office.sv[i], NULL, stop_run);
		thread_join(office.threads[i]);
		assert_int_equal(office.visits[i], TOURS);
	}
	for (unsigned i = 0; i < TOURS; i++) {
		unsigned from = i % ALL;
		pthread_t home = from == WORKERS ? pthread_self() : office.threads[from];
		assert_int_equal(trips[i].count, WORKERS);
		assert_int_equal(trips[i].done, 1);
		assert_true(pthread_equal(trips[i].done_on, home));
	}
	assert_int_equal(office.visits[WORKERS], 0);
	office_close(&office, WORKERS);
	free(trips);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_worker_is_visited_once),
		cmocka_unit_test(one_worker_visits_itself),
		cmocka_unit_test(many_tours_cross),
	};
	return cmocka_run_group_tests_name("chatd_tour", tests, NULL, NULL);
}
