/* Requests that overlap: order, bounds, closing, and several threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/loop/thread.h"
#include "tests/unit/store_suite.h"

static struct store_test *test_of(void **state)
{
	return &((struct suite_state *)*state)->test;
}

struct one_send {
	struct store_append req;
	struct append_item item;
	char key[16];
	int posted;
};

static void post_send(
	struct store_test *t, struct one_send *send, struct uuid room, unsigned user, size_t number)
{
	snprintf(send->key, sizeof(send->key), "%zu", number);
	send->item = test_item(room, test_user(user), send->key, "text");
	send->req = (struct store_append){.items = &send->item, .count = 1};
	store_test_call(t, &send->req.call);
	send->posted = store_append(t->store, &send->req);
}

static void posts_are_done_in_their_order(void **state)
{
	struct store_test *t = test_of(state);
	enum { SENDS = 300, ROOMS = 3 };
	struct one_send *sends = mem_zalloc(SENDS * sizeof(*sends));
	struct uuid rooms[ROOMS];

	for (size_t i = 0; i < ROOMS; i++) {
		rooms[i] = test_room(t, NULL, 1);
	}
	for (size_t i = 0; i < SENDS; i++) {
		post_send(t, &sends[i], rooms[i % ROOMS], 1, i);
	}
	for (size_t i = 0; i < SENDS; i++) {
		assert_int_equal(store_test_wait(t, &sends[i].req.call, sends[i].posted), 0);
		assert_int_equal(sends[i].item.outcome, APPEND_STORED);
		assert_int_equal(sends[i].item.seq, i / ROOMS + 1);
	}
	free(sends);
}

/* What stands between two sends is between them, however they are gathered, and a request that
 * fails takes none of them along. */
static void other_writes_keep_their_place(void **state)
{
	struct store_test *t = test_of(state);
	struct uuid room = test_room(t, "a", 2);
	struct store_member_remove removal = {.room = room, .user = test_user(2)};
	struct store_member_remove again = removal;
	struct store_member_add back = {.room = room, .user = test_user(2), .role = ROLE_MEMBER};
	struct store_room_create taken = {.room = {.id = test_user(9)}};
	struct one_send sends[4];

	taken.room.alias = BYTES_LIT("a");
	store_test_call(t, &removal.call);
	store_test_call(t, &again.call);
	store_test_call(t, &back.call);
	store_test_call(t, &taken.call);
	post_send(t, &sends[0], room, 2, 0);
	assert_int_equal(store_member_remove(t->store, &removal), 0);
	assert_int_equal(store_member_remove(t->store, &again), 0);
	post_send(t, &sends[1], room, 2, 1);
	assert_int_equal(store_room_create(t->store, &taken), 0);
	post_send(t, &sends[2], room, 1, 2);
	assert_int_equal(store_member_add(t->store, &back), 0);
	post_send(t, &sends[3], room, 2, 3);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(store_test_wait(t, &sends[i].req.call, sends[i].posted), 0);
	}
	assert_int_equal(removal.call.err, 0);
	assert_int_equal(again.call.err, ERR_NOT_MEMBER);
	assert_int_equal(taken.call.err, ERR_EXISTS);
	assert_true(back.added);
	assert_int_equal(sends[0].item.seq, 1);
	assert_int_equal(sends[0].item.member_version, 1);
	assert_int_equal(sends[1].item.outcome, APPEND_NOT_MEMBER);
	assert_int_equal(sends[2].item.seq, 2);
	assert_int_equal(sends[2].item.member_version, 2);
	assert_int_equal(sends[3].item.outcome, APPEND_STORED);
	assert_int_equal(sends[3].item.seq, 3);
	assert_int_equal(sends[3].item.member_version, 3);
}

static void the_queue_is_bounded(void **state)
{
	struct store_test *t = test_of(state);
	enum { SENDS = 2000 };
	struct one_send *sends = mem_zalloc(SENDS * sizeof(*sends));
	struct uuid room;
	uint64_t next = 1;
	size_t refused = 0;

	store_test_close(t);
	t->max_queued = 4;
	((struct suite_state *)*state)->backend->reopen(t);
	room = test_room(t, NULL, 1);
	for (size_t i = 0; i < SENDS; i++) {
		post_send(t, &sends[i], room, 1, i);
	}
	for (size_t i = 0; i < SENDS; i++) {
		if (sends[i].posted != 0) {
			assert_int_equal(sends[i].posted, ERR_BUSY);
			assert_int_equal(sends[i].item.outcome, 99);
			refused++;
			continue;
		}
		assert_int_equal(store_test_wait(t, &sends[i].req.call, 0), 0);
		assert_int_equal(sends[i].item.seq, next++);
	}
	assert_true(refused > 0);
	assert_true(next > 4);

	/* What is larger than the queue passes where nothing else waits. */
	struct append_item many[10];
	for (size_t i = 0; i < 10; i++) {
		snprintf(sends[i].key, sizeof(sends[i].key), "many%zu", i);
		many[i] = test_item(room, test_user(1), sends[i].key, "text");
	}
	assert_int_equal(test_append(t, many, 10), 0);
	assert_int_equal(many[9].seq, next + 9);
	free(sends);
}

static void closing_finishes_what_was_accepted(void **state)
{
	struct store_test *t = test_of(state);
	enum { SENDS = 100 };
	struct one_send *sends = mem_zalloc(SENDS * sizeof(*sends));
	struct uuid room = test_room(t, NULL, 1);
	struct store_user_open user = {.user = test_user(500), .identity = BYTES_LIT("new")};

	for (size_t i = 0; i < SENDS; i++) {
		post_send(t, &sends[i], room, 1, i);
	}
	store_test_call(t, &user.call);
	assert_int_equal(store_user_open(t->store, &user), 0); /* goes from reader to writer */
	store_test_close(t);
	for (size_t i = 0; i < SENDS; i++) {
		assert_int_equal(store_test_wait(t, &sends[i].req.call, sends[i].posted), 0);
		assert_int_equal(sends[i].item.seq, i + 1);
	}
	assert_int_equal(store_test_wait(t, &user.call, 0), 0);
	assert_bytes(user.row.identity, "new");
	free(sends);
}

/* ---- threads ---- */

enum { THREADS = 3, PER_THREAD = 200 };

struct poster {
	pthread_t thread;
	struct store_test test; /* what its calls need, on a loop of its own */
	struct uuid rooms[2];
	unsigned user;
	/* what it saw, judged by the test's own thread */
	struct append_item items[PER_THREAD];
	char keys[PER_THREAD][16];
	uint64_t own_last[2];
	int bad;
};

/* A send, then a page that must show it: a read sees what was answered before. */
static void send_and_read(struct poster *p, size_t i)
{
	struct store_test *t = &p->test;
	struct append_item *item = &p->items[i];
	struct store_append req = {.items = item, .count = 1};

	snprintf(p->keys[i], sizeof(p->keys[i]), "%zu", i);
	*item = test_item(p->rooms[i % 2], test_user(p->user), p->keys[i], "text");
	store_test_call(t, &req.call);
	p->bad += store_test_wait(t, &req.call, store_append(t->store, &req)) != 0;
	p->bad += item->outcome != APPEND_STORED || item->seq <= p->own_last[i % 2];
	p->own_last[i % 2] = item->seq;
	if (i % 8 == 0) {
		struct store_page page = {.room = item->room, .limit = 1};
		page.after_seq = item->seq - 1;
		store_test_call(t, &page.call);
		p->bad += store_test_wait(t, &page.call, store_page(t->store, &page)) != 0;
		p->bad += page.count != 1 || page.rows[0].seq != item->seq;
		arena_reset(t->arena);
	}
}

static void *poster_main(void *arg)
{
	for (size_t i = 0; i < PER_THREAD; i++) {
		send_and_read(arg, i);
	}
	return NULL;
}

static void poster_init(struct poster *p, struct store *root)
{
	p->test.loop = loop_create();
	p->test.box = mailbox_create(p->test.loop);
	p->test.arena = arena_create(0);
	assert_int_equal(store_attach(root, p->test.loop, &p->test.store), 0);
}

static void poster_finish(struct poster *p, struct store *root)
{
	store_detach(root, &p->test.store);
	mailbox_destroy(&p->test.box);
	loop_destroy(&p->test.loop);
	arena_destroy(&p->test.arena);
}

static void check_numbers(const struct poster *posters, size_t room)
{
	bool seen[THREADS * PER_THREAD / 2 + 1] = {0};

	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(posters[i].bad, 0);
		for (size_t j = room; j < PER_THREAD; j += 2) {
			uint64_t seq = posters[i].items[j].seq;
			assert_true(seq >= 1 && seq <= THREADS * PER_THREAD / 2);
			assert_false(seen[seq]);
			seen[seq] = true;
		}
	}
}

static void threads_share_one_order(void **state)
{
	struct store_test *t = test_of(state);
	struct poster *posters = mem_zalloc(THREADS * sizeof(*posters));
	struct uuid rooms[2] = {test_room(t, NULL, THREADS), test_room(t, NULL, THREADS)};

	for (unsigned i = 0; i < THREADS; i++) {
		poster_init(&posters[i], t->root);
		posters[i].user = i + 1;
		memcpy(posters[i].rooms, rooms, sizeof(rooms));
		assert_int_equal(
			thread_start(&posters[i].thread, "poster", poster_main, &posters[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		thread_join(posters[i].thread);
	}
	check_numbers(posters, 0);
	check_numbers(posters, 1);
	store_stop(t->root);
	for (size_t i = 0; i < THREADS; i++) {
		poster_finish(&posters[i], t->root);
	}
	free(posters);
}

int store_suite_order(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(posts_are_done_in_their_order, backend),
		SUITE_TEST(other_writes_keep_their_place, backend),
		SUITE_TEST(the_queue_is_bounded, backend),
		SUITE_TEST(closing_finishes_what_was_accepted, backend),
		SUITE_TEST(threads_share_one_order, backend),
	};

	return cmocka_run_group_tests_name("store: order", tests, NULL, NULL);
}
