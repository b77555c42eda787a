#include "lib/loop/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/bytes.h"
#include "lib/loop/thread.h"

enum { POSTERS = 4, LETTERS = 20000 };

static struct loop *loop;
static struct mailbox *box;

static int setup(void **state)
{
	(void)state;
	loop = loop_create();
	box = mailbox_create(loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mailbox_destroy(&box);
	assert_null(box);
	loop_destroy(&loop);
	return 0;
}

/* ---- many posters ---- */

struct poster {
	pthread_t thread;
	int received; /* by the receiver alone */
};

struct letter {
	struct mail mail;
	struct poster *from;
	int number;
};

static int total;
static int batches;
static struct loop_defer batch_end;

static void on_batch_end(void *ctx)
{
	(void)ctx;
	batches++;
}

static void receive(struct mail *mail)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
	/* First in, first out for each poster; none lost, none twice. */
	assert_int_equal(letter->number, letter->from->received);
	letter->from->received++;
	total++;
	loop_defer(loop, &batch_end, LOOP_GATHER);
	free(letter);
	if (total == POSTERS * LETTERS) {
		loop_stop(loop);
	}
}

static void *post_all(void *arg)
{
	struct poster *poster = arg;
	for (int i = 0; i < LETTERS; i++) {
		struct letter *letter = mem_alloc(sizeof(*letter));
		letter->from = poster;
		letter->number = i;
		mailbox_post(box, &letter->mail, receive);
	}
	return NULL;
}

static void test_posters(void **state)
{
	struct poster posters[POSTERS] = {0};
	(void)state;
	total = batches = 0;
	loop_defer_init(&batch_end, on_batch_end, NULL);
	for (int i = 0; i < POSTERS; i++) {
		assert_int_equal(
			thread_start(&posters[i].thread, "poster", post_all, &posters[i]), 0);
	}
	loop_run(loop);
	for (int i = 0; i < POSTERS; i++) {
		thread_join(posters[i].thread);
		assert_int_equal(posters[i].received, LETTERS);
	}
	assert_int_equal(total, POSTERS * LETTERS);
	assert_in_range(batches, 1, POSTERS * LETTERS);
}

/* How often the sleeping loop was woken: what /proc says of the one eventfd here (hexadecimal). */
static unsigned wake_ups(void)
{
	unsigned count = 0, found = 0;
	for (int fd = 0; fd < 64; fd++) {
		char path[64], line[128];
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		FILE *info = fopen(path, "re");
		while (info != NULL && fgets(line, sizeof(line), info) != NULL) {
			found += sscanf(line, "eventfd-count: %x", &count) == 1;
		}
		if (info != NULL) {
			fclose(info);
		}
	}
	assert_int_equal(found, 1);
	return count;
}

/* All posted before the first turn: the loop is woken once, and one turn runs everything. */
static void test_one_wake_up(void **state)
{
	struct poster posters[POSTERS] = {0};
	(void)state;
	total = batches = 0;
	loop_defer_init(&batch_end, on_batch_end, NULL);
	for (int i = 0; i < POSTERS; i++) {
		assert_int_equal(
			thread_start(&posters[i].thread, "poster", post_all, &posters[i]), 0);
	}
	for (int i = 0; i < POSTERS; i++) {
		thread_join(posters[i].thread);
	}
	assert_int_equal(total, 0);
	assert_int_equal(wake_ups(), 1);
	loop_turn(loop, 1000);
	assert_int_equal(wake_ups(), 0);
	assert_int_equal(total, POSTERS * LETTERS);
	assert_int_equal(batches, 1);
}

/* ---- there and back ---- */

struct ball {
	struct mail mail;
	struct mailbox *here, *there;
	int left;
};

static void miss(struct mail *mail)
{
	(void)mail;
}

static void hit(struct mail *mail)
{
	struct ball *ball = CONTAINER_OF(mail, struct ball, mail);
	struct mailbox *next = ball->there;
	ball->there = ball->here;
	ball->here = next;
	if (--ball->left > 0) {
		mailbox_post(next, mail, hit);
	}
}

struct stop_mail {
	struct mail mail;
	struct loop *loop;
};

static void finish(struct mail *mail)
{
	loop_stop(CONTAINER_OF(mail, struct stop_mail, mail)->loop);
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* Every hit finds an empty box: each one must wake the other side. */
static void test_ping_pong(void **state)
{
	struct loop *other = loop_create();
	struct mailbox *other_box = mailbox_create(other);
	struct stop_mail stop = {.loop = other};
	struct ball ball = {.here = other_box, .there = box, .left = 2001};
	pthread_t thread;
	(void)state;
	assert_int_equal(thread_start(&thread, "other", run_loop, other), 0);
	mailbox_post(other_box, &ball.mail, hit);
	/* The 2001st hit is on the other side, and nothing comes after it. */
	for (int i = 0; i < 1000; i++) {
		loop_turn(loop, 10000);
	}
	mailbox_post(other_box, &stop.mail, finish);
	thread_join(thread);
	assert_int_equal(ball.left, 0);
	mailbox_destroy(&other_box);
	loop_destroy(&other);
}

/* ---- fairness and the end ---- */

static int posted_again;

static void post_again(struct mail *mail)
{
	posted_again++;
	if (posted_again < 5) {
		mailbox_post(box, mail, post_again);
	}
}

/* What is posted while mail runs, runs in a turn of its own. */
static void test_later_turn(void **state)
{
	struct mail mail;
	(void)state;
	posted_again = 0;
	mailbox_post(box, &mail, post_again);
	for (int i = 1; i <= 5; i++) {
		loop_turn(loop, 1000);
		assert_int_equal(posted_again, i);
	}
	loop_turn(loop, 0);
	assert_int_equal(posted_again, 5);
}

static void test_destroy_runs_the_rest(void **state)
{
	struct mail mail, other;
	(void)state;
	posted_again = 0;
	mailbox_post(box, &other, miss);
	mailbox_post(box, &mail, post_again);
	mailbox_destroy(&box);
	assert_int_equal(posted_again, 5);
	mailbox_destroy(&box);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_posters),
		TEST(test_one_wake_up),
		TEST(test_ping_pong),
		TEST(test_later_turn),
		TEST(test_destroy_runs_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
