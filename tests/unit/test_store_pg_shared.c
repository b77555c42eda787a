/* Two programs on one database of PostgreSQL: what each is told of the other, and the one order of
 * what both write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/loop/thread.h"
#include "tests/unit/store_pg_help.h"

struct pair {
	struct store_test a, b;
};

static int setup(void **state)
{
	struct pair *p = mem_zalloc(sizeof(*p));
	struct store_watch watch = {.from_now = true};

	store_pg_init(&p->a);
	store_pg_join(&p->b, &p->a);
	store_test_open(&p->a);
	store_test_open(&p->b);
	assert_true(p->a.store->shared);
	assert_int_equal(ask_watch(&p->a, &watch), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	store_test_finish(&p->b);
	store_test_finish(&p->a);
	free(p);
	return 0;
}

/* ---- what is told ---- */

/* Asks until nothing more comes; a change comes at most one call late. The number of changes. */
static size_t told(struct store_test *t, struct store_change *ret_changes, size_t max)
{
	size_t count = 0;

	for (size_t empty = 0; empty < 2;) {
		struct store_watch watch = {0};
		assert_int_equal(ask_watch(t, &watch), 0);
		assert_false(watch.lost);
		assert_false(watch.anew);
		assert_true(count + watch.count <= max);
		for (size_t i = 0; i < watch.count; i++) {
			ret_changes[count++] = watch.changes[i];
		}
		empty = watch.count == 0 ? empty + 1 : 0;
	}
	return count;
}

static void assert_change(const struct store_change *change, enum store_change_kind kind,
	const struct uuid *room, unsigned user)
{
	static const struct uuid nil;
	struct uuid of = user != 0 ? test_user(user) : nil;

	assert_int_equal(change->kind, kind);
	assert_memory_equal(change->room.b, room != NULL ? room->b : nil.b, sizeof(nil.b));
	assert_memory_equal(change->user.b, of.b, sizeof(of.b));
}

/* One change, and nothing else. */
static void assert_told(
	struct store_test *t, enum store_change_kind kind, const struct uuid *room, unsigned user)
{
	struct store_change changes[8];

	assert_int_equal(told(t, changes, 8), 1);
	assert_change(&changes[0], kind, room, user);
}

static void the_other_is_told_of_members(void **state)
{
	struct pair *p = *state;
	struct store_change changes[8];
	struct uuid room = test_room(&p->b, "a", 3);
	struct store_member_add join = {.room = room, .user = test_user(7), .public_only = true};
	struct store_member_add add = {.room = room, .user = test_user(8), .actor = test_actor(1)};
	struct store_member_role role = {.room = room, .user = test_user(8), .role = ROLE_ADMIN};
	struct store_member_remove away = {.room = room, .user = test_user(8)};

	assert_int_equal(told(&p->a, changes, 8), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(changes[i].kind, CHANGE_ADDED);
		assert_memory_equal(changes[i].room.b, room.b, sizeof(room.b));
	}
	assert_int_equal(test_add(&p->b, &join), 0);
	assert_told(&p->a, CHANGE_JOINED, &room, 7);
	assert_int_equal(test_add(&p->b, &add), 0);
	assert_told(&p->a, CHANGE_ADDED, &room, 8);
	assert_int_equal(ask_member_role(&p->b, &role), 0);
	assert_told(&p->a, CHANGE_ROLE, &room, 8);
	assert_int_equal(test_remove(&p->b, &away), 0);
	assert_told(&p->a, CHANGE_REMOVED, &room, 8);
	/* Nothing changes here. */
	assert_int_equal(test_add(&p->b, &join), 0);
	assert_false(join.added);
	assert_int_equal(told(&p->a, changes, 8), 0);
}

/* The last Owner who leaves makes another: both are told, in this order. */
static void the_other_is_told_of_successors(void **state)
{
	struct pair *p = *state;
	struct store_change changes[8];
	struct uuid room = test_room(&p->b, "a", 2);
	struct store_member_remove away = {.room = room, .user = test_user(1)};

	assert_int_equal(told(&p->a, changes, 8), 2);
	assert_int_equal(test_remove(&p->b, &away), 0);
	assert_true(away.has_successor);
	assert_int_equal(told(&p->a, changes, 8), 2);
	assert_change(&changes[0], CHANGE_REMOVED, &room, 1);
	assert_change(&changes[1], CHANGE_ROLE, &room, 2);
}

static void the_other_is_told_of_rooms_and_bars(void **state)
{
	struct pair *p = *state;
	struct store_change changes[8];
	struct uuid room = test_room(&p->b, "a", 1);
	struct store_room_update set = {
		.room = room, .changes = ROOM_SET_NAME, .name = BYTES_LIT("other")};
	struct store_user_bar ban = {.user = test_user(9), .set_banned = true, .banned = true};
	struct store_user_bar tokens = {.user = test_user(9), .set_tokens_from = true};
	struct store_room_delete end = {.room = room};

	assert_int_equal(told(&p->a, changes, 8), 1);
	assert_int_equal(ask_room_update(&p->b, &set), 0);
	assert_told(&p->a, CHANGE_ROOM_SET, &room, 0);
	assert_int_equal(ask_room_update(&p->b, &set), 0); /* nothing is different */
	assert_false(set.changed);
	assert_int_equal(told(&p->a, changes, 8), 0);
	assert_int_equal(ask_user_bar(&p->b, &ban), 0);
	assert_told(&p->a, CHANGE_USER_BARRED, NULL, 9);
	assert_int_equal(ask_user_bar(&p->b, &tokens), 0);
	assert_told(&p->a, CHANGE_USER_BARRED, NULL, 9);
	ban.banned = false;
	assert_int_equal(ask_user_bar(&p->b, &ban), 0);
	assert_told(&p->a, CHANGE_USER_BARRED, NULL, 9);
	assert_int_equal(ask_room_delete(&p->b, &end), 0);
	assert_told(&p->a, CHANGE_ROOM_DELETED, &room, 0);
}

/* What an open transaction has written has a lower number than what is committed meanwhile, and is
 * not missed for it. */
static void late_transactions_are_not_missed(void **state)
{
	struct pair *p = *state;
	struct store_change changes[8];
	struct uuid room = test_room(&p->b, "a", 1);
	struct store_member_add add = {.room = room, .user = test_user(7), .actor = test_actor(1)};

	assert_int_equal(told(&p->a, changes, 8), 1);
	store_pg_sql(&p->b, "BEGIN; INSERT INTO changes (origin, room_id, kind) VALUES"
			    " (1, '00000000-0000-4000-8000-000000000005', 5)");
	assert_int_equal(test_add(&p->b, &add), 0);
	size_t before = told(&p->a, changes, 8);
	store_pg_sql(&p->b, "COMMIT");
	size_t count = before + told(&p->a, changes + before, 8 - before);
	assert_int_equal(count, 2);
	bool order = changes[0].kind == CHANGE_ADDED;
	assert_change(&changes[order ? 0 : 1], CHANGE_ADDED, &room, 7);
	assert_int_equal(changes[order ? 1 : 0].kind, CHANGE_ROOM_SET);
	assert_int_equal(changes[order ? 1 : 0].room.b[15], 5);
}

static void many_changes_come_in_parts(void **state)
{
	struct pair *p = *state;
	enum { MANY = 5000 };
	struct store_change *changes = mem_zalloc((MANY + 1) * sizeof(*changes));
	bool *seen = mem_zalloc(MANY * sizeof(*seen));
	char sql[256];

	snprintf(sql, sizeof(sql),
		"INSERT INTO changes (origin, room_id, kind) SELECT 1,"
		" ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 5"
		" FROM generate_series(0, %d - 1) n",
		MANY);
	store_pg_sql(&p->b, sql);
	assert_int_equal(told(&p->a, changes, MANY + 1), MANY);
	for (size_t i = 0; i < MANY; i++) {
		size_t n = (size_t)changes[i].room.b[14] << 8 | changes[i].room.b[15];
		assert_in_range(n, 0, MANY - 1);
		assert_false(seen[n]);
		seen[n] = true;
	}
	free(changes);
	free(seen);
}

static void what_was_before_can_be_forgotten(void **state)
{
	struct pair *p = *state;
	struct store_change changes[8];
	struct store_watch watch = {.from_now = true};

	test_room(&p->b, "a", 1);
	assert_int_equal(ask_watch(&p->a, &watch), 0);
	assert_int_equal(watch.count, 0);
	assert_int_equal(told(&p->a, changes, 8), 0);
	struct uuid room = test_room(&p->b, "b", 1);
	assert_told(&p->a, CHANGE_ADDED, &room, 1);
}

static void a_new_epoch_is_noticed(void **state)
{
	struct pair *p = *state;
	struct store_watch watch = {0};

	assert_int_equal(ask_watch(&p->a, &watch), 0);
	assert_false(watch.anew);
	store_pg_sql(&p->b, "INSERT INTO epochs (no, epoch) SELECT max(no) + 1, '00000000000000aa'"
			    " FROM epochs");
	for (size_t i = 0; i < 2 && !watch.anew; i++) {
		assert_int_equal(ask_watch(&p->a, &watch), 0);
	}
	assert_true(watch.anew);
	store_pg_sql(&p->b, "DELETE FROM epochs WHERE epoch = '00000000000000aa'");
}

/* ---- what both write ---- */

enum { SENDS = 300, ROOMS = 3, WRITERS = 2 };

struct writer {
	pthread_t thread;
	struct store_test *test;
	const struct uuid *rooms;
	/* What it saw, judged by the test's own thread. */
	struct append_item items[SENDS];
	char keys[SENDS][40];
	int bad;
};

/* Every second send has a key that both use, the others one of the writer's own. */
static void *writer_main(void *arg)
{
	struct writer *w = arg;

	for (size_t i = 0; i < SENDS; i++) {
		struct append_item *item = &w->items[i];
		struct store_append req = {.items = item, .count = 1};
		snprintf(w->keys[i], sizeof(w->keys[i]), i % 2 == 0 ? "%zu" : "%zu of %p", i,
			(void *)w);
		*item = test_item(w->rooms[i % ROOMS], test_user(1), w->keys[i], "text");
		store_test_call(w->test, &req.call);
		w->bad += store_test_wait(w->test, &req.call, store_append(w->test->store, &req)) !=
			  0;
	}
	return NULL;
}

static void check_room(struct pair *p, const struct writer *writers, size_t room)
{
	bool seen[WRITERS * SENDS + 1] = {false};
	uint64_t stored = 0;

	for (size_t i = 0; i < WRITERS; i++) {
		for (size_t j = room; j < SENDS; j += ROOMS) {
			const struct append_item *item = &writers[i].items[j];
			if (item->outcome == APPEND_REPEATED) {
				const struct append_item *other = &writers[1 - i].items[j];
				assert_int_equal(j % 2, 0);
				assert_int_equal(other->outcome, APPEND_STORED);
				assert_int_equal(other->seq, item->seq);
				continue;
			}
			assert_int_equal(item->outcome, APPEND_STORED);
			assert_in_range(item->seq, 1, WRITERS * SENDS);
			assert_false(seen[item->seq]);
			seen[item->seq] = true;
			stored++;
		}
	}
	struct room_row row = test_room_row(&p->a, writers[0].rooms[room]);
	assert_int_equal(row.last_seq, stored);
	for (uint64_t seq = 1; seq <= stored; seq++) {
		assert_true(seen[seq]);
	}
}

/* Numbers without holes in every room, and one message under each key. */
static void both_write_into_one_order(void **state)
{
	struct pair *p = *state;
	struct writer *writers = mem_zalloc(WRITERS * sizeof(*writers));
	struct uuid rooms[ROOMS] = {
		test_room(&p->a, NULL, 1), test_room(&p->a, NULL, 1), test_room(&p->a, NULL, 1)};

	for (size_t i = 0; i < WRITERS; i++) {
		writers[i].test = i == 0 ? &p->a : &p->b;
		writers[i].rooms = rooms;
		assert_int_equal(
			thread_start(&writers[i].thread, "writer", writer_main, &writers[i]), 0);
	}
	for (size_t i = 0; i < WRITERS; i++) {
		thread_join(writers[i].thread);
		assert_int_equal(writers[i].bad, 0);
	}
	for (size_t i = 0; i < ROOMS; i++) {
		check_room(p, writers, i);
	}
	free(writers);
}

static void each_reads_what_the_other_was_answered(void **state)
{
	struct pair *p = *state;
	struct uuid room = test_room(&p->a, "a", 2);

	for (unsigned i = 0; i < 20; i++) {
		struct store_test *by = i % 2 == 0 ? &p->a : &p->b;
		struct store_test *other = i % 2 == 0 ? &p->b : &p->a;
		char key[16];
		snprintf(key, sizeof(key), "%u", i);
		assert_int_equal(test_send(by, room, test_user(1 + i % 2), key, "text"), i + 1);
		assert_bytes(test_row(other, room, i + 1).content, "text");
	}
}

#define PAIR_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(the_other_is_told_of_members),
		PAIR_TEST(the_other_is_told_of_successors),
		PAIR_TEST(the_other_is_told_of_rooms_and_bars),
		PAIR_TEST(late_transactions_are_not_missed),
		PAIR_TEST(many_changes_come_in_parts),
		PAIR_TEST(what_was_before_can_be_forgotten),
		PAIR_TEST(a_new_epoch_is_noticed),
		PAIR_TEST(both_write_into_one_order),
		PAIR_TEST(each_reads_what_the_other_was_answered),
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
