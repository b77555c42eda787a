/* Messages that meet other transactions, and links that break: what is told is what is stored,
 * numbers have no holes, and the order of one sender stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "tests/unit/store_pg_link.h"

#define ROOM_1 "'cc000000-0000-4000-8000-000000000001'"
#define ROOM_2 "'cc000000-0000-4000-8000-000000000002'"
#define LOCK_ROOM_1 "BEGIN; SELECT FROM rooms WHERE id = " ROOM_1 " FOR UPDATE"
#define LOCK_ROOM_2 "BEGIN; SELECT FROM rooms WHERE id = " ROOM_2 " FOR UPDATE"
#define RAISE_ROOM_1 "UPDATE rooms SET member_version = member_version + 1 WHERE id = " ROOM_1 ";"
#define USER_2 "'aa000000-0000-4000-8000-000000000002'"

/* ---- what happens while a batch waits for the lock of its room ---- */

/* Sends items while the session holds the room, does sql and commits. */
static int send_meanwhile(
	struct link_test *t, struct append_item *items, size_t count, const char *sql)
{
	struct link_run run;

	link_session(t, LOCK_ROOM_1);
	link_begin(&t->sides[0], &run, items, count);
	link_wait_locked(t, 1);
	link_session(t, sql);
	link_session(t, "COMMIT");
	int err = link_end(&t->sides[0], &run);
	link_check(t);
	return err;
}

static void who_was_removed_meanwhile_sends_nothing(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 2), other = link_room(t, 2, 2);
	struct append_item items[] = {
		test_item(room, test_user(2), "1", "from the removed one"),
		test_item(room, test_user(1), "1", "from the other one"),
		test_item(other, test_user(2), "1", "where he still is"),
		test_item(room, test_user(2), "2", "from the removed one again"),
	};

	assert_int_equal(send_meanwhile(t, items, 4,
				 RAISE_ROOM_1 "DELETE FROM participants WHERE room_id = " ROOM_1
					      " AND user_id = " USER_2),
		0);
	assert_int_equal(items[0].outcome, APPEND_NOT_MEMBER);
	assert_int_equal(items[1].outcome, APPEND_STORED);
	assert_int_equal(items[1].seq, 1);
	assert_int_equal(items[1].member_version, 2);
	assert_int_equal(items[2].outcome, APPEND_STORED);
	assert_int_equal(items[3].outcome, APPEND_NOT_MEMBER);
}

static void who_came_meanwhile_sends(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item items[] = {
		test_item(room, test_user(1), "1", "one"),
		test_item(room, test_user(1), "2", "two"),
	};

	assert_int_equal(send_meanwhile(t, items, 2,
				 RAISE_ROOM_1 "INSERT INTO participants (room_id, user_id, role)"
					      " VALUES (" ROOM_1 ", " USER_2 ", 1)"),
		0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(items[i].outcome, APPEND_STORED);
		assert_int_equal(items[i].seq, i + 1);
		assert_int_equal(items[i].member_version, 2);
	}
}

static void a_room_archived_meanwhile_takes_nothing(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item item = test_item(room, test_user(1), "1", "one");

	assert_int_equal(
		send_meanwhile(t, &item, 1, "UPDATE rooms SET archived_at = chat_now()"), 0);
	assert_int_equal(item.outcome, APPEND_ARCHIVED);
}

static void a_room_deleted_meanwhile_is_none(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item item = test_item(room, test_user(1), "1", "one");

	assert_int_equal(
		send_meanwhile(t, &item, 1, "DELETE FROM participants; DELETE FROM rooms"), 0);
	assert_int_equal(item.outcome, APPEND_NOT_MEMBER);
}

/* Somebody else's copy of the message is committed while ours waits behind it. */
static void a_repeat_meanwhile_is_one(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item items[] = {
		test_item(room, test_user(1), "0", "before"),
		test_item(room, test_user(1), "1", "one"),
		test_item(room, test_user(1), "2", "after"),
	};
	char sql[512], key[UUID_TEXT_SIZE];
	struct uuid id;

	memcpy(id.b, items[1].client_key, sizeof(id.b));
	uuid_format(&id, key);
	snprintf(sql, sizeof(sql),
		"UPDATE rooms SET last_seq = 1, message_count = 1;"
		"INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key, body_hash,"
		" epoch_no, type, content) VALUES (" ROOM_1 ", 1, chat_now(), " USER_2
		", '%s', 1, 2, 0, 'other')",
		key);
	assert_int_equal(send_meanwhile(t, items, 3, sql), 0);
	assert_int_equal(items[0].seq, 2);
	assert_int_equal(items[1].outcome, APPEND_CONFLICT);
	assert_int_equal(items[1].seq, 1);
	assert_int_equal(items[2].seq, 3);
}

static void a_change_meanwhile_is_judged_anew(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 2);
	struct append_item items[] = {
		test_item(room, test_user(2), "1", "one"),
		test_item(room, test_user(2), "2", "two"),
	};
	struct append_item changes[] = {
		test_change(room, 2, MESSAGE_EDIT, 1, "edited"),
		test_change(room, 2, MESSAGE_DELETE, 2, ""),
	};

	assert_int_equal(link_append(&t->sides[0], items, 2), 0);
	assert_int_equal(send_meanwhile(t, changes, 2,
				 RAISE_ROOM_1 "DELETE FROM participants WHERE user_id = " USER_2),
		0);
	assert_int_equal(changes[0].outcome, APPEND_NOT_MEMBER);
	assert_int_equal(changes[1].outcome, APPEND_NOT_MEMBER);
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages WHERE deleted_at IS NULL"
					" AND edited_at IS NULL"),
		2);
}

/* Erasing does not lock the room. */
static void a_target_erased_meanwhile_is_none(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item item = test_item(room, test_user(1), "1", "one");
	struct append_item change = test_change(room, 1, MESSAGE_EDIT, 1, "edited");
	struct link_run run;

	assert_int_equal(link_append(&t->sides[0], &item, 1), 0);
	link_session(t, "BEGIN; UPDATE messages SET deleted_at = chat_now(), content = ''");
	link_begin(&t->sides[0], &run, &change, 1);
	link_wait_locked(t, 1);
	link_session(t, "COMMIT");
	assert_int_equal(link_end(&t->sides[0], &run), 0);
	assert_int_equal(change.outcome, APPEND_NO_TARGET);
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages WHERE content = ''"), 1);
	link_check(t);
}

/* ---- locks ---- */

/* Each waits for a room that the other has; we are the ones who are told. */
static void a_deadlock_is_tried_again(void **state)
{
	struct link_test *t = *state;
	struct uuid rooms[] = {link_room(t, 1, 1), link_room(t, 2, 1)};
	struct append_item items[] = {
		test_item(rooms[0], test_user(1), "1", "one"),
		test_item(rooms[1], test_user(1), "1", "one"),
		test_item(rooms[0], test_user(1), "2", "two"),
	};
	struct link_run run;

	link_side_open(&t->sides[0], "SET deadlock_timeout = '100ms'");
	link_session(t, "SET deadlock_timeout = '60s'");
	link_session(t, LOCK_ROOM_2);
	link_begin(&t->sides[0], &run, items, 3);
	link_wait_locked(t, 1);
	link_session_begin(t, "UPDATE rooms SET member_version = member_version + 1"
			      " WHERE id = " ROOM_1 "; COMMIT");
	assert_int_equal(link_end(&t->sides[0], &run), 0);
	link_session_end(t);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].outcome, APPEND_STORED);
		assert_int_equal(items[i].seq, i / 2 + 1);
	}
	assert_int_equal(items[0].member_version, 2);
	assert_int_equal(items[1].member_version, 1);
	link_check(t);
}

/* Only what goes there fails, and nothing of a room passes what failed. */
static void a_room_that_stays_locked_holds_nobody_else(void **state)
{
	enum { COUNT = 30 };
	struct link_test *t = *state;
	struct append_item items[COUNT];
	struct uuid rooms[3];
	char keys[COUNT][24];
	struct link_run run;

	for (unsigned i = 0; i < 3; i++) {
		rooms[i] = link_room(t, i + 1, 1);
	}
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		items[i] = test_item(rooms[i % 3], test_user(1), keys[i], "text");
	}
	items[22].imported = true; /* another batch, of room 2 */
	link_side_open(&t->sides[0], "SET lock_timeout = '200ms'");
	link_session(t, LOCK_ROOM_2);
	link_begin(&t->sides[0], &run, items, COUNT);
	assert_int_equal(link_end(&t->sides[0], &run), 0);
	assert_non_null(strstr(run.req.call.why, "55P03"));
	for (size_t i = 0; i < COUNT; i++) {
		bool locked = i % 3 == 1;
		assert_int_equal(items[i].outcome, locked ? APPEND_FAILED : APPEND_STORED);
		assert_int_equal(items[i].err, locked ? ERR_BUSY : 0);
		if (!locked) {
			assert_int_equal(items[i].seq, i / 3 + 1);
		}
	}
	/* The next ones do not wait for it as long as it is locked. */
	link_side_open(&t->sides[0], "SET lock_timeout = '10s'");
	struct append_item next[] = {
		test_item(rooms[1], test_user(1), "100", "text"),
		test_item(rooms[2], test_user(1), "100", "text"),
		test_item(rooms[1], test_user(1), "101", "text"),
	};
	assert_int_equal(link_append(&t->sides[0], next, 3), 0);
	assert_int_equal(next[0].err, ERR_BUSY);
	assert_int_equal(next[1].seq, 11);
	assert_int_equal(next[2].err, ERR_BUSY);
	link_session(t, "COMMIT");
	assert_int_equal(link_append(&t->sides[0], next, 3), 0);
	assert_int_equal(next[0].seq, 1);
	assert_int_equal(next[2].seq, 2);
	/* It is one like others again, which is waited for. */
	link_session(t, LOCK_ROOM_2);
	link_begin(&t->sides[0], &run, items, COUNT);
	link_wait_locked(t, 1);
	link_session(t, "COMMIT");
	assert_int_equal(link_end(&t->sides[0], &run), 0);
	assert_int_equal(items[28].outcome, APPEND_STORED);
	assert_int_equal(items[28].seq, 12);
	link_check(t);
}

/* Somebody has locked the table, not a room: each of the rooms would take as long as the first. */
static void all_rooms_locked_are_waited_for_once(void **state)
{
	enum { COUNT = 12, RUNS = 2 };
	struct link_test *t = *state;
	struct append_item items[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		items[i] = test_item(link_room(t, (unsigned)i + 1, 1), test_user(1), "1", "text");
	}
	link_session(t, "BEGIN; LOCK TABLE rooms");
	for (unsigned run = 0; run < RUNS; run++) {
		uint64_t begun = clock_mono_us(&clock_system);
		int err = link_append(&t->sides[0], items, COUNT);
		uint64_t took = clock_mono_us(&clock_system) - begun;
		assert_in_range(took, 0, 7500000);
		assert_true(err == 0 || err == ERR_BUSY);
		for (size_t i = 0; i < COUNT; i++) {
			assert_int_equal(items[i].outcome, APPEND_FAILED);
			assert_int_equal(items[i].err, ERR_BUSY);
		}
	}
	link_session(t, "COMMIT");
	assert_int_equal(link_append(&t->sides[0], items, COUNT), 0);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(items[i].outcome, APPEND_STORED);
		assert_int_equal(items[i].seq, 1);
	}
	link_check(t);
}

static void a_statement_that_takes_too_long_stores_nothing(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item item = test_item(room, test_user(1), "1", "one");

	link_side_open(&t->sides[0], "SET statement_timeout = '200ms'");
	link_session(t, LOCK_ROOM_1);
	assert_int_equal(link_append(&t->sides[0], &item, 1), ERR_UNAVAILABLE);
	link_session(t, "COMMIT");
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages"), 0);
	assert_int_equal(link_append(&t->sides[0], &item, 1), 0);
	assert_int_equal(item.outcome, APPEND_STORED);
	link_check(t);
}

/* ---- links that break ---- */

#define END_OTHERS \
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity" \
	" WHERE datname = current_database() AND wait_event_type = 'Lock'"

/* The second batch is under way when the backend ends: what was sent is uncertain, what was not is
 * not done. */
static void a_backend_that_ends_before_the_commit(void **state)
{
	enum { COUNT = 700 };
	struct link_test *t = *state;
	struct uuid rooms[2] = {link_room(t, 1, 1), link_room(t, 2, 1)};
	struct append_item *items = mem_zalloc(COUNT * sizeof(*items));
	char(*keys)[24] = mem_zalloc(COUNT * sizeof(*keys));
	struct store_append calls[4] = {{.count = 0}};
	const size_t firsts[] = {0, 200, 300, 600, COUNT};
	struct link_run run;

	for (size_t i = 0; i < COUNT; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		items[i] = test_item(rooms[i >= 256], test_user(1), keys[i], "text");
	}
	for (size_t i = 0; i < 4; i++) {
		calls[i].items = items + firsts[i];
		calls[i].count = firsts[i + 1] - firsts[i];
		calls[i].call.arena = t->base.arena;
		calls[i].call.next = i < 3 ? &calls[i + 1].call : NULL;
	}
	t->sides[0].may_close = true;
	link_session(t, LOCK_ROOM_2);
	link_begin_calls(&t->sides[0], &run, &calls[0].call);
	link_wait_locked(t, 1);
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages"), 256);
	store_pg_sql(&t->base, END_OTHERS);
	link_end(&t->sides[0], &run);
	link_session(t, "COMMIT");
	assert_int_equal(calls[0].call.err, 0);
	assert_int_equal(items[199].outcome, APPEND_STORED);
	assert_int_equal(calls[1].call.err, ERR_UNCERTAIN); /* 56 of it were stored */
	assert_int_equal(calls[2].call.err, ERR_UNCERTAIN);
	assert_int_equal(calls[3].call.err, ERR_UNAVAILABLE);
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages"), 256);

	/* All the same once more over another link. */
	for (size_t i = 0; i < 3; i++) {
		calls[i].call.next = &calls[i + 1].call;
	}
	link_begin_calls(&t->sides[1], &run, &calls[0].call);
	link_end(&t->sides[1], &run);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(items[i].outcome, i < 256 ? APPEND_REPEATED : APPEND_STORED);
		assert_int_equal(items[i].seq, i < 256 ? i + 1 : i - 255);
	}
	link_check(t);
	free(keys);
	free(items);
}

/* It was committed, but nobody heard of it. */
static void a_link_that_ends_after_the_commit(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item items[] = {
		test_item(room, test_user(1), "1", "one"),
		test_item(room, test_user(1), "2", "two"),
	};
	struct link_run run;

	link_begin(&t->sides[0], &run, items, 2);
	for (int i = 0; link_number(t, "SELECT count(*) FROM messages") < 2; i++) {
		assert_true(i < 10000);
		if (pg_append_running(t->sides[0].append) && i == 0) {
			loop_turn(t->base.loop, 0); /* what libpq kept back goes */
		}
	}
	if (pg_append_running(t->sides[0].append)) {
		pg_link_close(t->sides[0].link);
		assert_int_equal(link_end(&t->sides[0], &run), ERR_UNCERTAIN);
	}
	assert_int_equal(link_append(&t->sides[1], items, 2), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(items[i].outcome, APPEND_REPEATED);
		assert_int_equal(items[i].seq, i + 1);
	}
	link_check(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, link_test_setup, link_test_teardown)
		TEST(who_was_removed_meanwhile_sends_nothing),
		TEST(who_came_meanwhile_sends),
		TEST(a_room_archived_meanwhile_takes_nothing),
		TEST(a_room_deleted_meanwhile_is_none),
		TEST(a_repeat_meanwhile_is_one),
		TEST(a_change_meanwhile_is_judged_anew),
		TEST(a_target_erased_meanwhile_is_none),
		TEST(a_deadlock_is_tried_again),
		TEST(a_room_that_stays_locked_holds_nobody_else),
		TEST(all_rooms_locked_are_waited_for_once),
		TEST(a_statement_that_takes_too_long_stores_nothing),
		TEST(a_backend_that_ends_before_the_commit),
		TEST(a_link_that_ends_after_the_commit),
#undef TEST
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
