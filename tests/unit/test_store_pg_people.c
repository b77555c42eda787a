/* Users and messages on PostgreSQL where two programs, or very much of something, meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_pg_help.h"

struct people {
	struct store_test a, b;
};

static int setup(void **state)
{
	struct people *p = mem_zalloc(sizeof(*p));

	store_pg_init(&p->a);
	store_pg_join(&p->b, &p->a);
	store_test_open(&p->a);
	store_test_open(&p->b);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct people *p = *state;

	store_test_finish(&p->b);
	store_test_finish(&p->a);
	free(p);
	return 0;
}

/* Either may wait for what the other has locked. */
static void wait_both(struct people *p, struct store_call *of_a, struct store_call *of_b)
{
	uint64_t until = clock_mono_us(&clock_system) + 20000000;

	while (of_a->done != NULL || of_b->done != NULL) {
		assert_true(clock_mono_us(&clock_system) < until);
		loop_turn(p->a.loop, 5);
		loop_turn(p->b.loop, 5);
	}
	assert_int_equal(of_a->err, 0);
	assert_int_equal(of_b->err, 0);
}

/* ---- users ---- */

static void post_open(struct store_test *t, struct store_user_open *req, const char *name)
{
	*req = (struct store_user_open){.user = test_user(7),
		.identity = BYTES_LIT("same"),
		.display_name = bytes_str(name)};
	store_test_call(t, &req->call);
	assert_int_equal(store_user_open(t->store, req), 0);
}

/* Both are told of the one row that there is then. */
static void a_new_user_comes_twice_at_once(void **state)
{
	struct people *p = *state;
	struct store_user_open one, two;

	store_pg_sql(&p->a, "BEGIN; LOCK TABLE users IN SHARE MODE");
	post_open(&p->a, &one, "one");
	post_open(&p->b, &two, "two");
	for (int i = 0; i < 20; i++) { /* both have seen that he is new, and wait */
		loop_turn(p->a.loop, 5);
		loop_turn(p->b.loop, 5);
	}
	store_pg_sql(&p->a, "COMMIT");
	wait_both(p, &one.call, &two.call);
	assert_true(bytes_eq(one.row.display_name, two.row.display_name));
	assert_int_equal(one.row.version, 1);
	assert_int_equal(two.row.version, 1);
	assert_bytes(one.row.identity, "same");
}

static void he_is_opened_with_his_rooms(void **state)
{
	struct people *p = *state;
	struct uuid room = test_room(&p->a, "a", 2);
	struct store_user_open req = {
		.user = test_user(2), .identity = BYTES_LIT("bob"), .display_name = BYTES_LIT("B")};

	for (int i = 0; i < 2; i++) { /* named only, then opened */
		assert_int_equal(test_open_user(&p->b, &req), 0);
		assert_bytes(req.row.identity, "bob");
		assert_bytes(req.row.display_name, "B");
		assert_int_equal(req.row.version, 2);
		assert_int_equal(req.room_count, 1);
		assert_memory_equal(req.rooms[0].id.b, room.b, sizeof(room.b));
		assert_int_equal(req.rooms[0].member_count, 2);
	}
}

/* The one that comes second is judged by what the first one left. */
static void bars_of_two_programs_follow_each_other(void **state)
{
	struct people *p = *state;
	struct store_user_bar away = {.user = test_user(2), .set_banned = true, .banned = true};
	struct store_user_bar back = {.user = test_user(2), .set_banned = true};
	char *noted;

	store_pg_sql(&p->a, "INSERT INTO users (id, identity, display_name) VALUES"
			    " ('aa000000-0000-4000-8000-000000000002', 'bob', 'bob');"
			    "BEGIN; SELECT 1 FROM users FOR UPDATE");
	store_test_call(&p->a, &away.call);
	store_test_call(&p->b, &back.call);
	assert_int_equal(store_user_bar(p->a.store, &away), 0);
	for (int i = 0; i < 10; i++) {
		loop_turn(p->a.loop, 10);
	}
	assert_int_equal(store_user_bar(p->b.store, &back), 0);
	for (int i = 0; i < 10; i++) {
		loop_turn(p->b.loop, 10);
	}
	store_pg_sql(&p->a, "COMMIT");
	wait_both(p, &away.call, &back.call);
	assert_true(away.row.banned_ms != 0);
	noted = store_pg_lines(&p->a, "SELECT count(*) FILTER (WHERE kind = 7) FROM changes");
	bool banned = back.row.banned_ms != 0;
	struct store_user_find find = {.user = test_user(2)};
	assert_int_equal(ask_user_find(&p->a, &find), 0);
	assert_false(banned);
	/* Who let him in first had nothing to note. */
	assert_string_equal(noted, find.row.banned_ms != 0 ? "1\n" : "2\n");
	free(noted);
}

/* ---- messages ---- */

/* A page of many large messages ends early, and what follows goes on there. */
static void what_one_sent_is_much(void **state)
{
	struct people *p = *state;
	enum { COUNT = 21, SIZE = 1024 * 1024 };
	struct uuid room = test_room(&p->a, "a", 2);
	struct store_sent_page req = {.user = test_user(2), .scan_max = 10000};
	char sql[512];
	uint64_t next = 1;
	size_t pages = 0;

	snprintf(sql, sizeof(sql),
		"INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key, body_hash,"
		" epoch_no, type, content) SELECT id, n, now(),"
		" 'aa000000-0000-4000-8000-000000000002', gen_random_uuid(), 0, 1, 0,"
		" repeat('x', %d) FROM rooms, generate_series(1, %d) n",
		SIZE, COUNT);
	store_pg_sql(&p->a, sql);
	do {
		assert_int_equal(ask_sent_page(&p->b, &req), 0);
		assert_true(req.count <= 8);
		for (size_t i = 0; i < req.count; i++) {
			assert_memory_equal(req.rows[i].room.b, room.b, sizeof(room.b));
			assert_int_equal(req.rows[i].seq, next++);
			assert_int_equal(req.rows[i].content.len, SIZE);
		}
		pages++;
	} while (req.more);
	assert_int_equal(next, COUNT + 1);
	assert_int_equal(pages, 3);
}

/* ---- status ---- */

static void large_tables_are_not_counted(void **state)
{
	struct people *p = *state;
	struct store_status status = {0};

	test_room(&p->a, "a", 3);
	assert_int_equal(test_status(&p->a, &status), 0);
	assert_int_equal(status.users, 3);
	assert_int_equal(status.rooms, 1);
	assert_true(status.size_bytes > 1000000);
	assert_true(status.schema >= 1);
	store_pg_sql(&p->a, "UPDATE pg_class SET reltuples = 100001 WHERE relname = 'users';"
			    "UPDATE pg_class SET reltuples = 200000 WHERE relname = 'rooms';"
			    "UPDATE pg_class SET reltuples = 5e7 WHERE relname = 'messages'");
	assert_int_equal(test_status(&p->a, &status), 0);
	assert_int_equal(status.users, 100001);
	assert_int_equal(status.rooms, 200000);
	assert_int_equal(status.messages, 50000000);
	store_pg_sql(&p->a, "UPDATE pg_class SET reltuples = -1 WHERE relname IN"
			    " ('users', 'rooms', 'messages')");
	assert_int_equal(test_status(&p->a, &status), 0);
	assert_int_equal(status.users, 3);
	assert_int_equal(status.messages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_user_comes_twice_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(he_is_opened_with_his_rooms, setup, teardown),
		cmocka_unit_test_setup_teardown(
			bars_of_two_programs_follow_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(what_one_sent_is_much, setup, teardown),
		cmocka_unit_test_setup_teardown(large_tables_are_not_counted, setup, teardown),
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests_name("store: people", tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
