/* Messages from another place, and messages found by their id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static struct uuid old_id(unsigned n)
{
	struct uuid id = {{0xbb, 0, 0, 0, 0, 0, 0x40, 0, 0x80}};

	id.b[15] = (uint8_t)n;
	return id;
}

static struct append_item imported(
	struct uuid room, unsigned sender, unsigned id, int64_t sent_ms, const char *text)
{
	char key[16];

	snprintf(key, sizeof(key), "old %u", id);
	struct append_item item = test_item(room, test_user(sender), key, text);
	item.client_message_id = BYTES_NONE;
	item.imported = true;
	item.imported_id = old_id(id);
	item.sent_ms = sent_ms;
	return item;
}

static void an_import_keeps_id_and_time(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item items[] = {
		imported(room, 1, 1, 1600000000000, "long ago"),
		test_item(room, test_user(1), "1", "now"),
		imported(room, 7, 2, 1650000000000, "of one who is no member"),
	};

	assert_int_equal(test_append(t, items, 3), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].outcome, APPEND_STORED);
		assert_int_equal(items[i].seq, i + 1);
	}
	assert_int_equal(items[0].sent_ms, 1600000000000);
	assert_int_equal(items[1].sent_ms, 1700000000000);
	struct message_row row = test_row(t, room, 1);
	struct uuid id;
	store_message_id(t->store, &row, &id);
	assert_memory_equal(id.b, old_id(1).b, 16);
	assert_int_equal(row.sent_ms, 1600000000000);
	assert_bytes(row.content, "long ago");
	row = test_row(t, room, 3);
	assert_user(&row.sender, 7);

	/* He is a user now, but still no member. */
	struct store_user_find find = {.user = test_user(7)};
	assert_int_equal(ask_user_find(t, &find), 0);
	assert_bytes(find.row.identity, "aa000000-0000-4000-8000-000000000007");
	struct append_item own = test_item(room, test_user(7), "1", "own");
	assert_int_equal(test_outcome(t, &own), APPEND_NOT_MEMBER);
}

static void an_import_moves_the_activity_only_forward(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item item = imported(room, 1, 1, 1600000000000, "long ago");

	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(test_room_row(t, room).last_activity_ms, 1700000000000);
	atomic_fetch_add(&t->clock.wall_ms, 10000);
	item = imported(room, 1, 2, 1700000004000, "just now");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(test_room_row(t, room).last_activity_ms, 1700000004000);
	/* A time to come stays the message's own. */
	item = imported(room, 1, 3, 1900000000000, "from the future");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(item.sent_ms, 1900000000000);
	assert_int_equal(test_row(t, room, 3).sent_ms, 1900000000000);
	assert_int_equal(test_room_row(t, room).last_activity_ms, 1700000010000);
	item = test_item(room, test_user(1), "1", "now");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(item.sent_ms, 1700000010000);
}

static void an_import_once_more_is_a_repeat(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1), other = test_room(t, "b", 1);
	struct append_item item = imported(room, 1, 1, 1600000000000, "text");

	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	item = imported(room, 1, 1, 1600000000999, "text");
	assert_int_equal(test_outcome(t, &item), APPEND_REPEATED);
	assert_int_equal(item.seq, 1);
	assert_int_equal(item.sent_ms, 1600000000000);
	item = imported(room, 1, 1, 1600000000000, "other text");
	assert_int_equal(test_outcome(t, &item), APPEND_CONFLICT);
	assert_int_equal(item.seq, 1);

	/* The same id under another key. */
	item = imported(room, 1, 1, 1600000000000, "text");
	item.client_key[0] ^= 1;
	assert_int_equal(test_outcome(t, &item), APPEND_REPEATED);
	assert_int_equal(item.seq, 1);
	item = imported(room, 1, 1, 1600000000000, "not the same");
	item.client_key[0] ^= 1;
	assert_int_equal(test_outcome(t, &item), APPEND_CONFLICT);
	item = imported(room, 2, 1, 1600000000000, "text"); /* of another sender */
	assert_int_equal(test_outcome(t, &item), APPEND_CONFLICT);
	assert_int_equal(item.seq, 1);
	/* Twins in one batch. */
	struct append_item twins[] = {
		imported(room, 1, 5, 1600000000000, "twin"),
		imported(room, 1, 5, 1600000000000, "twin"),
	};
	assert_int_equal(test_append(t, twins, 2), 0);
	assert_int_equal(twins[0].outcome, APPEND_STORED);
	assert_int_equal(twins[1].outcome, APPEND_REPEATED);
	assert_int_equal(twins[1].seq, 2);
	assert_int_equal(test_room_row(t, room).last_seq, 2);
	/* Ids are those of a room. */
	item = imported(other, 1, 1, 1600000000000, "text");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
}

/* What a room's own export holds is there already. */
static void the_id_of_a_message_that_was_sent_here_is_taken(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1), other = test_room(t, "b", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "text");
	struct message_row row = test_row(t, room, seq);
	struct append_item item = imported(room, 1, 1, 1600000000000, "text");

	store_message_id(t->store, &row, &item.imported_id);
	assert_int_equal(test_outcome(t, &item), APPEND_REPEATED);
	assert_int_equal(item.seq, seq);
	assert_int_equal(item.sent_ms, 1700000000000);
	item.content = BYTES_LIT("changed");
	store_body_hash(&item, item.body_hash);
	assert_int_equal(test_outcome(t, &item), APPEND_CONFLICT);
	item.room = other;
	item.sent_ms = 1600000000000;
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
}

static void an_import_goes_into_archived_rooms(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1), none = test_user(999);
	struct append_item item = imported(room, 9, 1, 1600000000000, "text");

	((struct suite_state *)*state)->backend->archive_all(t);
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	item = imported(none, 1, 2, 1600000000000, "text");
	assert_int_equal(test_outcome(t, &item), APPEND_NOT_MEMBER);
}

/* The message that an imported entry is about has another number here. */
static void imported_entries_change_nothing(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "text");
	struct append_item items[] = {
		imported(room, 1, 1, 1600000000000, "an edit"),
		imported(room, 1, 2, 1600000000000, ""),
		imported(room, 1, 3, 1600000000000, "an edit of nothing"),
	};

	items[0].type = items[2].type = MESSAGE_EDIT;
	items[1].type = MESSAGE_DELETE;
	items[0].ref_seq = items[1].ref_seq = seq;
	assert_int_equal(test_append(t, items, 3), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].outcome, APPEND_STORED);
		assert_int_equal(test_row(t, room, items[i].seq).type, items[i].type);
	}
	assert_bytes(test_row(t, room, seq).content, "text");
	assert_int_equal(test_row(t, room, seq).deleted_ms, 0);
}

static void imported_messages_can_be_edited(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item item = imported(room, 1, 1, 1600000000000, "text");

	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	struct append_item change = test_change(room, 1, MESSAGE_EDIT, item.seq, "new text");
	assert_int_equal(test_outcome(t, &change), APPEND_STORED);
	assert_bytes(test_row(t, room, item.seq).content, "new text");
}

/* ---- found by id ---- */

static void messages_are_found_by_their_ids(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1), other = test_room(t, "b", 1);
	struct append_item item = imported(room, 1, 1, 1600000000000, "imported");
	struct store_message_find find = {.room = room};

	test_send(t, room, test_user(1), "1", "one");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	uint64_t seq = test_send(t, room, test_user(1), "2", "three");
	test_send(t, other, test_user(1), "1", "in the other room");
	struct message_row row = test_row(t, room, seq);
	store_message_id(t->store, &row, &find.id);
	assert_int_equal(ask_message_find(t, &find), 0);
	assert_int_equal(find.row.seq, seq);
	assert_bytes(find.row.content, "three");
	assert_memory_equal(find.row.room.b, room.b, 16);
	find.id = old_id(1);
	assert_int_equal(ask_message_find(t, &find), 0);
	assert_int_equal(find.row.seq, 2);
	assert_memory_equal(find.row.imported_id.b, old_id(1).b, 16);
}

static void other_ids_are_not_found(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1), other = test_room(t, "b", 1);
	struct append_item item = imported(room, 1, 1, 1600000000000, "imported");
	struct store_message_find find = {.room = room};

	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	struct message_row row = {.room = room, .seq = 1, .epoch_no = t->store->epoch_no};
	store_message_id(t->store, &row, &find.id); /* what it would have without the import */
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
	row.seq = 2; /* not stored yet */
	store_message_id(t->store, &row, &find.id);
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
	test_send(t, room, test_user(1), "1", "two");
	assert_int_equal(ask_message_find(t, &find), 0);
	find.room = other;
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
	test_send(t, other, test_user(1), "1", "one");
	test_send(t, other, test_user(1), "2", "two");
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
	find.room = room;
	find.id.b[12] ^= 1;
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
	find.id = (struct uuid){{0}};
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
	memset(find.id.b, 0xff, sizeof(find.id.b));
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
	find.room = test_user(999);
	find.id = old_id(1);
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
}

static void messages_of_a_deleted_room_are_not_found(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item item = imported(room, 1, 1, 1600000000000, "imported");
	struct store_message_find find = {.room = room, .id = old_id(1)};
	struct store_room_delete end = {.room = room};

	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(ask_message_find(t, &find), 0);
	assert_int_equal(ask_room_delete(t, &end), 0);
	assert_int_equal(ask_message_find(t, &find), ERR_NOT_FOUND);
}

int store_suite_imports(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(an_import_keeps_id_and_time, backend),
		SUITE_TEST(an_import_moves_the_activity_only_forward, backend),
		SUITE_TEST(an_import_once_more_is_a_repeat, backend),
		SUITE_TEST(the_id_of_a_message_that_was_sent_here_is_taken, backend),
		SUITE_TEST(an_import_goes_into_archived_rooms, backend),
		SUITE_TEST(imported_entries_change_nothing, backend),
		SUITE_TEST(imported_messages_can_be_edited, backend),
		SUITE_TEST(messages_are_found_by_their_ids, backend),
		SUITE_TEST(other_ids_are_not_found, backend),
		SUITE_TEST(messages_of_a_deleted_room_are_not_found, backend),
	};

	return cmocka_run_group_tests_name("store: imports", tests, NULL, NULL);
}
