/* How messages are gathered, stored and answered over one link to PostgreSQL, and what becomes of
 * the others where one is bad. What each outcome means is in the suite of all back ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_pg_link.h"

enum { MANY = 600 };

/* Items whose keys and texts are their numbers. */
struct many {
	char keys[MANY][24];
	struct append_item items[MANY];
};

static struct many *make_many(const struct uuid *rooms, size_t room_count, size_t count)
{
	struct many *many = mem_zalloc(sizeof(*many));

	for (size_t i = 0; i < count; i++) {
		snprintf(many->keys[i], sizeof(many->keys[i]), "%zu", i);
		many->items[i] = test_item(
			rooms[i % room_count], test_user(1), many->keys[i], many->keys[i]);
	}
	return many;
}

/* ---- order ---- */

static void a_run_keeps_the_order_of_each_room(void **state)
{
	struct link_test *t = *state;
	struct uuid rooms[7];
	struct store_append calls[4] = {{.count = 0}};
	const size_t counts[] = {300, 0, 299, 1};
	struct link_run run;

	for (unsigned i = 0; i < 7; i++) {
		rooms[i] = link_room(t, 7 - i, 1);
	}
	struct many *many = make_many(rooms, 7, MANY);
	struct append_item *next = many->items;
	for (size_t i = 0; i < 4; i++) {
		calls[i].items = next;
		calls[i].count = counts[i];
		calls[i].call.arena = t->base.arena;
		calls[i].call.err = 99;
		calls[i].call.next = i < 3 ? &calls[i + 1].call : NULL;
		next += counts[i];
	}
	link_begin_calls(&t->sides[0], &run, &calls[0].call);
	link_end(&t->sides[0], &run);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(calls[i].call.err, 0);
		assert_null(calls[i].call.why);
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(many->items[i].outcome, APPEND_STORED);
		assert_int_equal(many->items[i].seq, i / 7 + 1);
		assert_int_equal(many->items[i].sent_ms, 1700000000000);
		assert_int_equal(many->items[i].member_version, 1);
		assert_int_equal(many->items[i].epoch_no, 2);
	}
	link_check(t);
	assert_int_equal(link_number(t, "SELECT count(DISTINCT xmin::text) FROM messages"), 3);
	free(many);
}

static void nothing_is_answered_later_too(void **state)
{
	struct link_test *t = *state;

	assert_int_equal(link_append(&t->sides[0], NULL, 0), 0);
}

static void nobody_overtakes_a_twin(void **state)
{
	struct link_test *t = *state;
	struct uuid a = link_room(t, 1, 1), b = link_room(t, 2, 1);
	struct append_item items[] = {
		test_item(a, test_user(1), "1", "one"),
		test_item(b, test_user(1), "1", "the same key in another room"),
		test_item(a, test_user(1), "1", "one"),
		test_item(a, test_user(1), "2", "two"),
		test_item(a, test_user(1), "1", "other text"),
		test_item(b, test_user(1), "2", "two there"),
		test_item(a, test_user(1), "3", "three"),
	};
	const enum append_outcome outcomes[] = {APPEND_STORED, APPEND_STORED, APPEND_REPEATED,
		APPEND_STORED, APPEND_CONFLICT, APPEND_STORED, APPEND_STORED};
	const uint64_t seqs[] = {1, 1, 1, 2, 1, 2, 3};

	assert_int_equal(link_append(&t->sides[0], items, 7), 0);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(items[i].outcome, outcomes[i]);
		assert_int_equal(items[i].seq, seqs[i]);
	}
	link_check(t);
}

static void kinds_keep_their_order(void **state)
{
	struct link_test *t = *state;
	struct uuid a = link_room(t, 1, 2), b = link_room(t, 2, 1);
	struct append_item items[] = {
		test_item(a, test_user(1), "1", "one"),
		test_change(a, 1, MESSAGE_EDIT, 1, "one, edited"),
		test_item(b, test_user(1), "1", "elsewhere"),
		test_item(a, test_user(2), "2", "three"),
		test_item(a, test_user(9), "i", "imported"),
		test_item(a, test_user(1), "3", "cipher"),
		test_change(a, 2, MESSAGE_EDIT, 3, "three, edited"),
		test_change(a, 1, MESSAGE_DELETE, 3, ""),
		test_change(a, 1, MESSAGE_EDIT, 1, "one, edited again"),
		test_item(b, test_user(1), "2", "elsewhere again"),
		test_item(a, test_user(2), "4", "ten"),
	};
	const uint64_t seqs[] = {1, 2, 1, 3, 4, 5, 6, 7, 8, 2, 9};

	items[4].imported = true;
	items[4].imported_id = test_user(77);
	items[4].sent_ms = 1600000000000;
	items[5].encrypted = true;
	assert_int_equal(link_append(&t->sides[0], items, 11), 0);
	for (size_t i = 0; i < 11; i++) {
		assert_int_equal(items[i].outcome, APPEND_STORED);
		assert_int_equal(items[i].seq, seqs[i]);
	}
	link_check(t);
	char *texts = store_pg_lines(&t->base, "SELECT coalesce(content, '#') FROM messages"
					       " WHERE room_id = (SELECT min(id::text)::uuid"
					       " FROM rooms) ORDER BY seq");
	assert_string_equal(texts, "one, edited again\none, edited\n\nimported\n#\n\n\n"
				   "one, edited again\nten\n");
	free(texts);
}

static void long_texts_go_in_several_batches(void **state)
{
	enum { COUNT = 12, LONG = 300000 };
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct many *many = make_many(&room, 1, COUNT);
	char *text = mem_alloc(LONG);

	memset(text, 'x', LONG);
	for (size_t i = 0; i < COUNT; i += 2) {
		many->items[i].content = bytes_of(text, LONG);
	}
	assert_int_equal(link_append(&t->sides[0], many->items, COUNT), 0);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(many->items[i].seq, i + 1);
	}
	assert_int_equal(link_number(t, "SELECT count(DISTINCT xmin::text) FROM messages"), 2);
	assert_int_equal(link_number(t, "SELECT sum(octet_length(content)) FROM messages"),
		COUNT / 2 * LONG + 1 + 1 + 1 + 1 + 1 + 2);
	free(text);
	free(many);
}

static void ids_of_former_epochs_are_known(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1), old;
	struct append_item first = test_item(room, test_user(1), "1", "text");
	struct append_item again = test_item(room, test_user(1), "2", "text"), other = again;

	assert_int_equal(link_append(&t->sides[0], &first, 1), 0);
	store_pg_sql(&t->base, "UPDATE messages SET epoch_no = 1");
	ident_message(&room, t->epochs[1], 1, &old);
	again.imported = true;
	again.imported_id = old;
	again.sent_ms = 0; /* the time of long ago */
	assert_int_equal(link_append(&t->sides[0], &again, 1), 0);
	assert_int_equal(again.outcome, APPEND_REPEATED);
	assert_int_equal(again.seq, 1);
	assert_int_equal(again.epoch_no, 1);
	/* Of the epoch that the message was not stored under. */
	other.imported = true;
	ident_message(&room, t->epochs[2], 1, &other.imported_id);
	assert_int_equal(link_append(&t->sides[0], &other, 1), 0);
	assert_int_equal(other.outcome, APPEND_STORED);
	assert_int_equal(other.sent_ms, 0);
	link_check(t);
}

static void erased_senders_of_imports_are_users_again(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct many *many = make_many(&room, 1, 4);

	store_pg_sql(&t->base,
		"INSERT INTO users (id, identity, display_name, erased_at)"
		" VALUES ('aa000000-0000-4000-8000-000000000002', 'x', 'x', chat_now()),"
		" ('aa000000-0000-4000-8000-000000000003', 'three', 'Three', NULL),"
		" ('aa000000-0000-4000-8000-000000000005', 'x', 'x', chat_now())");
	for (unsigned i = 0; i < 4; i++) {
		many->items[i].sender = test_user(i + 1);
		many->items[i].imported = true;
		many->items[i].imported_id = test_user(100 + i);
	}
	assert_int_equal(link_append(&t->sides[0], many->items, 4), 0);
	char *users = store_pg_lines(&t->base, "SELECT identity || ',' || display_name || ','"
					       " || (erased_at IS NULL) || ',' || version"
					       " FROM users ORDER BY id");
	assert_string_equal(users,
		"aa000000-0000-4000-8000-000000000001,aa000000-0000-4000-8000-000000000001,true,1\n"
		"aa000000-0000-4000-8000-000000000002,aa000000-0000-4000-8000-000000000002,true,2\n"
		"three,Three,true,1\n"
		"aa000000-0000-4000-8000-000000000004,aa000000-0000-4000-8000-000000000004,true,1\n"
		"x,x,false,1\n");
	free(users);
	/* A repeat makes nobody a user. */
	store_pg_sql(&t->base, "UPDATE users SET erased_at = chat_now()");
	assert_int_equal(link_append(&t->sides[0], many->items, 4), 0);
	assert_int_equal(many->items[0].outcome, APPEND_REPEATED);
	assert_int_equal(link_number(t, "SELECT count(*) FROM users WHERE erased_at IS NULL"), 0);
	free(many);
}

/* ---- rows that fail ---- */

/* The bad one of 64 in 8 rooms stands at every place once. */
static void a_bad_row_fails_alone(void **state)
{
	struct link_test *t = *state;
	struct uuid rooms[8];
	uint64_t seqs[8] = {0};

	for (unsigned i = 0; i < 8; i++) {
		rooms[i] = link_room(t, i + 1, 1);
	}
	for (size_t bad = 0; bad < 64; bad += 7) {
		struct many *many = make_many(rooms, 8, 64);
		for (size_t i = 0; i < 64; i++) {
			many->items[i].client_key[0] ^= (uint8_t)(bad + 1);
		}
		many->items[bad].content = BYTES_LIT("no \xff text"); /* 22021 */
		assert_int_equal(link_append(&t->sides[0], many->items, 64), 0);
		for (size_t i = 0; i < 64; i++) {
			const struct append_item *item = &many->items[i];
			assert_int_equal(item->outcome, i == bad ? APPEND_FAILED : APPEND_STORED);
			assert_int_equal(item->err, i == bad ? ERR_BAD_REQUEST : 0);
			if (i != bad) {
				assert_int_equal(item->seq, ++seqs[i % 8]);
			}
		}
		free(many);
	}
	link_check(t);
}

static void bad_rows_fail_each_alone(void **state)
{
	static const size_t bad[] = {3, 4, 40, 250, 299};
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct many *many = make_many(&room, 1, 300);
	struct link_run run;
	uint64_t seq = 0;

	store_pg_sql(
		&t->base, "ALTER TABLE messages ADD CONSTRAINT no_bad CHECK (content <> 'bad')");
	for (size_t i = 0; i < 5; i++) {
		many->items[bad[i]].content = BYTES_LIT("bad"); /* 23514 */
	}
	link_begin(&t->sides[0], &run, many->items, 300);
	assert_int_equal(link_end(&t->sides[0], &run), 0);
	assert_non_null(strstr(run.req.call.why, "23514"));
	for (size_t i = 0; i < 300; i++) {
		bool is_bad = bytes_eq(many->items[i].content, BYTES_LIT("bad"));
		assert_int_equal(many->items[i].outcome, is_bad ? APPEND_FAILED : APPEND_STORED);
		if (!is_bad) {
			assert_int_equal(many->items[i].seq, ++seq);
		}
	}
	store_pg_sql(&t->base, "ALTER TABLE messages DROP CONSTRAINT no_bad");
	link_check(t);
	free(many);
}

static void a_bad_change_fails_alone(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct append_item items[] = {
		test_item(room, test_user(1), "1", "one"),
		test_change(room, 1, MESSAGE_EDIT, 1, "a"),
		test_change(room, 1, MESSAGE_EDIT, 1, "\xff"),
		test_change(room, 1, MESSAGE_EDIT, 1, "b"),
		test_item(room, test_user(1), "2", "after"),
	};

	assert_int_equal(link_append(&t->sides[0], items, 5), 0);
	assert_int_equal(items[2].outcome, APPEND_FAILED);
	assert_int_equal(items[2].err, ERR_BAD_REQUEST);
	assert_int_equal(items[3].seq, 3);
	assert_int_equal(items[4].seq, 4);
	assert_int_equal(
		link_number(t, "SELECT count(*) FROM messages WHERE seq = 1 AND content = 'b'"), 1);
	link_check(t);
}

#define BEFORE_INSERT "CREATE TRIGGER refuse BEFORE INSERT ON messages"
#define AT_COMMIT \
	"CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED"

/* Makes the database raise an error with that SQLSTATE where a message says so. */
static void refuse(
	struct link_test *t, const char *trigger, const char *content, const char *sqlstate)
{
	char sql[768];

	snprintf(sql, sizeof(sql),
		"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		" IF NEW.content = '%s' THEN RAISE EXCEPTION 'refused' USING ERRCODE = '%s';"
		" END IF; RETURN NEW; END $$; %s FOR EACH ROW EXECUTE FUNCTION refuse()",
		content, sqlstate, trigger);
	store_pg_sql(&t->base, sql);
}

static void refuse_nothing(struct link_test *t)
{
	store_pg_sql(&t->base, "DROP FUNCTION refuse CASCADE");
}

/* Not a race: it does not go away with the rooms locked. A table with rows above its room's number
 * is like that; nobody has taken a name. */
static void what_stays_a_double_fails_alone(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct many *many = make_many(&room, 1, 10);

	refuse(t, BEFORE_INSERT, "3", "23505");
	assert_int_equal(link_append(&t->sides[0], many->items, 10), 0);
	refuse_nothing(t);
	assert_int_equal(many->items[3].outcome, APPEND_FAILED);
	assert_int_equal(many->items[3].err, ERR_CORRUPT);
	assert_int_equal(many->items[4].seq, 4);
	assert_int_equal(many->items[9].seq, 9);
	link_check(t);
	free(many);
}

/* Another transaction that is met again and again ends what goes to that room, not the run. */
static void what_stays_in_the_way_fails_its_room(void **state)
{
	struct link_test *t = *state;
	struct uuid rooms[2] = {link_room(t, 1, 1), link_room(t, 2, 1)};
	struct many *many = make_many(rooms, 2, 10);

	refuse(t, BEFORE_INSERT, "4", "40001");
	assert_int_equal(link_append(&t->sides[0], many->items, 10), 0);
	refuse_nothing(t);
	for (size_t i = 0; i < 10; i++) {
		bool met = i % 2 == 0;
		assert_int_equal(many->items[i].outcome, met ? APPEND_FAILED : APPEND_STORED);
		assert_int_equal(many->items[i].err, met ? ERR_BUSY : 0);
	}
	link_check(t);
	free(many);
}

/* An error that is not the row's own may be gone the next time: nothing may have passed it then. */
static void nobody_overtakes_what_failed_for_the_moment(void **state)
{
	struct link_test *t = *state;
	struct uuid rooms[2] = {link_room(t, 1, 1), link_room(t, 2, 1)};
	struct many *many = make_many(rooms, 2, 20);
	uint64_t seqs[2] = {0};

	refuse(t, BEFORE_INSERT, "6", "XX000");
	assert_int_equal(link_append(&t->sides[0], many->items, 20), 0);
	refuse_nothing(t);
	for (size_t i = 0; i < 20; i++) {
		bool behind = i >= 6 && i % 2 == 0;
		assert_int_equal(many->items[i].outcome, behind ? APPEND_FAILED : APPEND_STORED);
		assert_int_equal(many->items[i].err, behind ? ERR_INTERNAL : 0);
		if (!behind) {
			assert_int_equal(many->items[i].seq, ++seqs[i % 2]);
		}
	}
	link_check(t);
	free(many);
}

static void a_commit_that_fails_stores_nothing(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct many *many = make_many(&room, 1, 5);

	refuse(t, AT_COMMIT, "2", "23514");
	assert_int_equal(link_append(&t->sides[0], many->items, 5), 0);
	refuse_nothing(t);
	assert_int_equal(many->items[1].outcome, APPEND_STORED);
	assert_int_equal(many->items[2].outcome, APPEND_FAILED);
	assert_int_equal(many->items[3].outcome, APPEND_STORED);
	assert_int_equal(many->items[3].seq, 3);
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages"), 4);
	link_check(t);
	free(many);
}

/* What was stored before is answered; the rest is told the error, and nothing of it is there. */
static void a_full_disk_ends_the_run(void **state)
{
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	struct many *many = make_many(&room, 1, MANY);
	struct store_append calls[2] = {
		{.items = many->items, .count = 500},
		{.items = many->items + 500, .count = 100},
	};
	struct link_run run;

	calls[0].call.arena = calls[1].call.arena = t->base.arena;
	calls[0].call.next = &calls[1].call;
	refuse(t, BEFORE_INSERT, "300", "53100");
	link_begin_calls(&t->sides[0], &run, &calls[0].call);
	link_end(&t->sides[0], &run);
	assert_int_equal(calls[0].call.err, 0);
	assert_non_null(strstr(calls[0].call.why, "53100"));
	assert_int_equal(calls[1].call.err, ERR_STORAGE_FULL);
	assert_non_null(strstr(calls[1].call.why, "53100"));
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(many->items[i].outcome, i < 256 ? APPEND_STORED : APPEND_FAILED);
		assert_int_equal(many->items[i].err, i < 256 ? 0 : ERR_STORAGE_FULL);
	}
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages"), 256);
	/* It can be used again. */
	refuse_nothing(t);
	assert_int_equal(link_append(&t->sides[0], many->items, MANY), 0);
	assert_int_equal(many->items[255].outcome, APPEND_REPEATED);
	assert_int_equal(many->items[599].seq, MANY);
	link_check(t);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, link_test_setup, link_test_teardown)
		TEST(a_run_keeps_the_order_of_each_room),
		TEST(nothing_is_answered_later_too),
		TEST(nobody_overtakes_a_twin),
		TEST(kinds_keep_their_order),
		TEST(long_texts_go_in_several_batches),
		TEST(ids_of_former_epochs_are_known),
		TEST(erased_senders_of_imports_are_users_again),
		TEST(a_bad_row_fails_alone),
		TEST(bad_rows_fail_each_alone),
		TEST(a_bad_change_fails_alone),
		TEST(what_stays_a_double_fails_alone),
		TEST(what_stays_in_the_way_fails_its_room),
		TEST(nobody_overtakes_what_failed_for_the_moment),
		TEST(a_commit_that_fails_stores_nothing),
		TEST(a_full_disk_ends_the_run),
#undef TEST
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
