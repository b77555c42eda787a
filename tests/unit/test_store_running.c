/* SQLite's files while they are open: locks and damage that others make, requests that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/base/err.h"
#include "lib/store/sqlite.h"
#include "tests/unit/store_help.h"

static int setup(void **state)
{
	*state = mem_zalloc(sizeof(struct store_test));
	store_test_init(*state);
	return 0;
}

static int teardown(void **state)
{
	store_test_finish(*state);
	free(*state);
	return 0;
}

static void a_lock_of_another_program_is_waited_for_a_while(void **state)
{
	struct store_test *t = *state;
	struct sqlite *db = NULL;
	struct append_item item;
	struct buf why;

	buf_init(&why);
	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	assert_int_equal(sqlite_open(t->path, SQLITE_MODE_WRITER, &db, &why), 0);
	assert_int_equal(sqlite_run_plain(db, SQL_BEGIN_WRITE), 0);
	item = test_item(room, test_user(1), "1", "text");
	assert_int_equal(test_append(t, &item, 1), ERR_BUSY);
	assert_int_equal(item.outcome, APPEND_FAILED);
	struct store_page page = {.room = room, .limit = 1};
	assert_int_equal(test_page(t, &page), 0); /* readers do not mind */
	sqlite_rollback(db);
	sqlite_close(&db);
	assert_int_equal(test_append(t, &item, 1), 0);
	assert_int_equal(item.outcome, APPEND_STORED);
}

static void errors_of_reading_are_told(void **state)
{
	struct store_test *t = *state;

	store_test_open(t);
	struct store_page page = {.room = test_room(t, "a", 1), .limit = 1};
	assert_int_equal(test_page(t, &page), 0);
	assert_null(page.call.why);
	store_test_sql(t, "DROP TABLE messages");
	assert_int_equal(test_page(t, &page), ERR_INTERNAL);
	assert_non_null(strstr(page.call.why, "messages"));
	struct append_item item = test_item(page.room, test_user(1), "1", "text");
	assert_int_equal(test_append(t, &item, 1), 0);
	assert_int_equal(item.outcome, APPEND_FAILED);
	assert_int_equal(item.err, ERR_INTERNAL);
	struct store_room_find find = {.ref = BYTES_LIT("a")};
	assert_int_equal(test_find(t, &find), 0);
}

/* Straight to SQLite, which our own connections keep from editing its schema. */
static void edit(const struct store_test *t, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* An entry of an index that leads to no row: found only where it is touched. The row is deleted
 * while the schema does not show the index. */
static void make_dangling_entry(struct store_test *t)
{
	store_close(&t->store);
	edit(t, "CREATE TABLE kept AS SELECT * FROM sqlite_master WHERE name = 'messages_once';"
		"PRAGMA writable_schema = ON;"
		"DELETE FROM sqlite_master WHERE name = 'messages_once';"
		"PRAGMA schema_version = 1000;");
	edit(t, "DELETE FROM messages WHERE rowid = 1;"
		"PRAGMA writable_schema = ON;"
		"INSERT INTO sqlite_master SELECT * FROM kept;"
		"PRAGMA schema_version = 2000;");
}

static void damage_of_one_room_is_its_own(void **state)
{
	struct store_test *t = *state;

	store_test_open(t);
	struct uuid bad = test_room(t, "bad", 1), good = test_room(t, "good", 1);
	test_send(t, bad, test_user(1), "1", "text");
	test_send(t, good, test_user(1), "0", "text");
	make_dangling_entry(t);
	store_test_open(t);
	struct append_item items[] = {
		test_item(good, test_user(1), "1", "text"),
		test_item(bad, test_user(1), "1", "text"),
		test_item(good, test_user(1), "2", "text"),
		test_item(bad, test_user(1), "2", "text"),
	};
	assert_int_equal(test_append(t, items, 4), 0);
	assert_int_equal(items[0].outcome, APPEND_STORED);
	assert_int_equal(items[0].seq, 2);
	assert_int_equal(items[1].outcome, APPEND_FAILED);
	assert_int_equal(items[1].err, ERR_CORRUPT);
	assert_int_equal(items[2].outcome, APPEND_STORED);
	assert_int_equal(items[2].seq, 3);
	assert_int_equal(items[3].outcome, APPEND_STORED);
	assert_int_equal(items[3].seq, 2);
}

/* The room is written before its member fails; its neighbours in the transaction stay. */
static void what_fails_half_way_is_undone(void **state)
{
	struct store_test *t = *state;
	struct store_new_member member = {.user = test_user(77)};
	struct store_room_create req = {.members = &member, .member_count = 1};
	struct store_room_find find = {.ref = BYTES_LIT("half")};
	struct append_item item;
	struct store_append send = {.items = &item, .count = 1};

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	store_test_sql(t, "CREATE TRIGGER bad BEFORE INSERT ON participants"
			  " WHEN substr(new.user_id, 16) = x'4d'"
			  " BEGIN SELECT raise(ABORT, 'not this one'); END");
	req.room = (struct room_row){.id = test_user(50), .alias = BYTES_LIT("half")};
	item = test_item(room, test_user(1), "1", "text");
	store_test_call(t, &send.call);
	store_test_call(t, &req.call);
	assert_int_equal(store_room_create(t->store, &req), 0);
	assert_int_equal(store_append(t->store, &send), 0);
	assert_int_equal(store_test_wait(t, &req.call, 0), ERR_INTERNAL);
	assert_non_null(strstr(req.call.why, "not this one"));
	assert_int_equal(store_test_wait(t, &send.call, 0), 0);
	assert_int_equal(item.outcome, APPEND_STORED);
	assert_int_equal(test_find(t, &find), ERR_NOT_FOUND);
}

/* A server that ends stops the store before it has taken all answers. */
static void a_stopped_store_has_answered_and_refuses_the_rest(void **state)
{
	struct store_test *t = *state;
	struct store_page before = {.limit = 1}, after = {.limit = 1};
	struct append_item item;

	store_test_open(t);
	before.room = after.room = test_room(t, "a", 1);
	store_test_call(t, &before.call);
	int posted = store_page(t->store, &before);
	store_stop(t->store);
	assert_int_equal(store_test_wait(t, &before.call, posted), 0);
	assert_int_equal(test_page(t, &after), ERR_UNAVAILABLE);
	item = test_item(after.room, test_user(1), "1", "text");
	assert_int_equal(test_append(t, &item, 1), ERR_UNAVAILABLE);
	assert_int_equal(strlen(t->store->epoch), 16);
	store_stop(t->store); /* once more does no harm */
}

/* The entry cannot be stored after the message was changed: neither is, and no number is spent. */
static void a_change_that_fails_half_way_is_undone(void **state)
{
	struct store_test *t = *state;

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	test_send(t, room, test_user(1), "1", "one");
	test_send(t, room, test_user(1), "2", "two");
	store_test_sql(t, "CREATE TRIGGER bad BEFORE INSERT ON messages WHEN new.content = 'bad'"
			  " BEGIN SELECT raise(ABORT, 'not this one'); END");
	struct append_item items[] = {
		test_item(room, test_user(1), "3", "three"),
		test_change(room, 1, MESSAGE_EDIT, 1, "bad"),
		test_change(room, 1, MESSAGE_EDIT, 2, "good"),
		test_item(room, test_user(1), "4", "five"),
	};
	assert_int_equal(test_append(t, items, 4), 0);
	assert_int_equal(items[1].outcome, APPEND_FAILED);
	assert_int_equal(items[1].err, ERR_INTERNAL);
	assert_int_equal(items[2].outcome, APPEND_STORED);
	assert_int_equal(items[2].seq, 4);
	assert_int_equal(items[3].seq, 5);
	assert_bytes(test_row(t, room, 1).content, "one");
	assert_int_equal(test_row(t, room, 1).edited_ms, 0);
	assert_bytes(test_row(t, room, 2).content, "good");
	assert_int_equal(test_room_row(t, room).last_seq, 5);
}

static void wait_ms(long ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* The damage that another request meets loses the transaction in which messages were erased: in the
 * next one all of them are erased again, not only those behind. */
static void an_erasure_is_done_again_from_its_start(void **state)
{
	struct store_test *t = *state;
	struct store_sent_erase erase = {.user = test_user(1), .scan_max = 100};
	struct store_ping first = {0};
	struct sqlite *db = NULL;
	struct buf why;

	buf_init(&why);
	store_test_open(t);
	struct uuid bad = test_room(t, "bad", 1), good = test_room(t, "good", 1);
	test_send(t, bad, test_user(1), "1", "text");
	test_send(t, good, test_user(1), "0", "text");
	make_dangling_entry(t);
	store_test_open(t);
	struct append_item item = test_item(bad, test_user(1), "1", "text");
	struct store_append send = {.items = &item, .count = 1};
	store_test_call(t, &first.call);
	store_test_call(t, &erase.call);
	store_test_call(t, &send.call);
	/* While the first waits for the lock, the others come together. */
	assert_int_equal(sqlite_open(t->path, SQLITE_MODE_WRITER, &db, &why), 0);
	assert_int_equal(sqlite_run_plain(db, SQL_BEGIN_WRITE), 0);
	assert_int_equal(store_ping(t->store, &first), 0);
	wait_ms(100);
	/* The rooms' ids are random: erasing must not begin with the damaged one. */
	erase.after_room = bad;
	erase.after_seq = 1;
	if (memcmp(bad.b, good.b, 16) > 0) {
		erase.after_room = (struct uuid){{0}};
		erase.after_seq = 0;
	}
	assert_int_equal(store_sent_erase(t->store, &erase), 0);
	assert_int_equal(store_append(t->store, &send), 0);
	sqlite_rollback(db);
	sqlite_close(&db);
	assert_int_equal(store_test_wait(t, &first.call, 0), 0);
	assert_int_equal(store_test_wait(t, &erase.call, 0), 0);
	assert_int_equal(store_test_wait(t, &send.call, 0), 0);
	assert_int_equal(item.outcome, APPEND_FAILED);
	assert_int_equal(item.err, ERR_CORRUPT);
	assert_int_equal(erase.erased, 1);
	assert_bytes(test_row(t, good, 1).content, "");
	buf_finish(&why);
}

/* What was not committed was not passed by either. */
static void an_erasure_that_fails_stays_where_it_was(void **state)
{
	struct store_test *t = *state;
	struct store_sent_erase erase = {.user = test_user(1), .scan_max = 100};

	store_test_open(t);
	struct uuid room = test_room(t, "a", 1);
	test_send(t, room, test_user(1), "1", "text");
	test_send(t, room, test_user(1), "2", "text");
	store_test_sql(t, "CREATE TRIGGER bad BEFORE UPDATE ON messages WHEN new.seq = 2"
			  " BEGIN SELECT raise(ABORT, 'not this one'); END");
	assert_int_equal(ask_sent_erase(t, &erase), ERR_INTERNAL);
	assert_true(uuid_is_nil(&erase.after_room));
	assert_int_equal(erase.after_seq, 0);
	assert_bytes(test_row(t, room, 1).content, "text");
	store_test_sql(t, "DROP TRIGGER bad");
	assert_int_equal(ask_sent_erase(t, &erase), 0);
	assert_int_equal(erase.erased, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_of_another_program_is_waited_for_a_while),
		TEST(errors_of_reading_are_told),
		TEST(damage_of_one_room_is_its_own),
		TEST(what_fails_half_way_is_undone),
		TEST(a_stopped_store_has_answered_and_refuses_the_rest),
		TEST(a_change_that_fails_half_way_is_undone),
		TEST(an_erasure_is_done_again_from_its_start),
		TEST(an_erasure_that_fails_stays_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
