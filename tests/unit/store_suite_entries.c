/* Edits and deletions: entries of their own, and what they do to the message they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_suite.h"

static struct append_item edit(struct uuid room, unsigned user, uint64_t seq, const char *text)
{
	return test_change(room, user, MESSAGE_EDIT, seq, text);
}

static struct append_item removal(struct uuid room, unsigned user, uint64_t seq)
{
	return test_change(room, user, MESSAGE_DELETE, seq, "");
}

static uint64_t send_type(
	struct store_test *t, struct uuid room, unsigned user, enum message_type type)
{
	struct append_item item = test_item(room, test_user(user), "", "a message");

	item.type = type;
	item.client_key[0] = (uint8_t)type;
	item.attachment = type == MESSAGE_FILE ? BYTES_LIT("{\"url\":\"u\"}") : BYTES_NONE;
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	return item.seq;
}

static void an_edit_gives_the_message_its_text(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	uint64_t seq = test_send(t, room, test_user(2), "1", "frist");
	struct append_item change = edit(room, 2, seq, "first");

	test_send(t, room, test_user(1), "1", "between");
	atomic_fetch_add(&t->clock.wall_ms, 5000);
	assert_int_equal(test_outcome(t, &change), APPEND_STORED);
	assert_int_equal(change.seq, 3);
	assert_int_equal(change.sent_ms, 1700000005000);
	assert_int_equal(change.member_version, 1);

	struct message_row row = test_row(t, room, seq);
	assert_bytes(row.content, "first");
	assert_int_equal(row.type, MESSAGE_TEXT);
	assert_int_equal(row.sent_ms, 1700000000000);
	assert_int_equal(row.edited_ms, 1700000005000);
	assert_int_equal(row.deleted_ms, 0);
	row = test_row(t, room, 2);
	assert_bytes(row.content, "between");
	assert_int_equal(row.edited_ms, 0);
	row = test_row(t, room, 3);
	assert_int_equal(row.type, MESSAGE_EDIT);
	assert_int_equal(row.ref_seq, seq);
	assert_bytes(row.content, "first");
	assert_int_equal(row.edited_ms, 0);
	assert_int_equal(test_room_row(t, room).last_seq, 3);
}

static void the_last_edit_counts(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "one");
	struct append_item items[] = {
		edit(room, 1, seq, "two"),
		edit(room, 1, seq, "three"),
	};

	assert_int_equal(test_append(t, items, 2), 0);
	assert_int_equal(items[0].outcome, APPEND_STORED);
	assert_int_equal(items[1].outcome, APPEND_STORED);
	assert_bytes(test_row(t, room, seq).content, "three");
	assert_bytes(test_row(t, room, 2).content, "two");
	assert_bytes(test_row(t, room, 3).content, "three");
}

static void an_edit_in_the_batch_of_its_message_finds_it(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item items[] = {
		test_item(room, test_user(1), "1", "one"),
		edit(room, 1, 1, "two"),
		test_item(room, test_user(1), "2", "next"),
		removal(room, 1, 3),
		edit(room, 1, 9, "later"),
	};

	assert_int_equal(test_append(t, items, 5), 0);
	assert_int_equal(items[1].outcome, APPEND_STORED);
	assert_int_equal(items[3].outcome, APPEND_STORED);
	assert_int_equal(items[3].seq, 4);
	assert_int_equal(items[4].outcome, APPEND_NO_TARGET);
	assert_bytes(test_row(t, room, 1).content, "two");
	assert_bytes(test_row(t, room, 3).content, "");
}

static void an_encrypted_edit_brings_nonce_and_tag(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	struct append_item item = test_item(room, test_user(1), "1", "cipher");
	struct append_item change = edit(room, 1, 1, "\xff\x01");

	item.encrypted = change.encrypted = true;
	item.nonce = BYTES_LIT("nonce 1");
	item.auth_tag = BYTES_LIT("tag 1");
	change.nonce = BYTES_LIT("nonce 2");
	assert_int_equal(test_outcome(t, &item), APPEND_STORED);
	assert_int_equal(test_outcome(t, &change), APPEND_STORED);
	struct message_row row = test_row(t, room, 1);
	assert_true(row.encrypted);
	assert_bytes(row.content, "\xff\x01");
	assert_bytes(row.nonce, "nonce 2");
	assert_int_equal(row.auth_tag.len, 0);
}

static void an_edited_picture_keeps_its_attachment(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = send_type(t, room, 1, MESSAGE_FILE);
	struct append_item change = edit(room, 1, seq, "caption");

	assert_int_equal(test_outcome(t, &change), APPEND_STORED);
	assert_bytes(test_row(t, room, seq).content, "caption");
	assert_bytes(test_row(t, room, seq).attachment, "{\"url\":\"u\"}");
	assert_int_equal(test_row(t, room, seq).type, MESSAGE_FILE);
}

static void only_the_sender_edits(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 3);
	uint64_t seq = test_send(t, room, test_user(2), "1", "of 2");
	struct append_item by_owner = edit(room, 1, seq, "x"), by_other = edit(room, 3, seq, "x");
	struct append_item by_stranger = edit(room, 9, seq, "x");

	assert_int_equal(test_outcome(t, &by_owner), APPEND_FORBIDDEN);
	assert_int_equal(test_outcome(t, &by_other), APPEND_FORBIDDEN);
	assert_int_equal(test_outcome(t, &by_stranger), APPEND_NOT_MEMBER);
	assert_bytes(test_row(t, room, seq).content, "of 2");
	assert_int_equal(test_room_row(t, room).last_seq, 1);
}

static void who_deletes(void **state)
{
	static const struct {
		unsigned user;
		enum append_outcome outcome;
	} cases[] = {
		{1, APPEND_STORED}, /* Owner */
		{2, APPEND_STORED}, /* Admin */
		{3, APPEND_STORED}, /* the sender */
		{4, APPEND_FORBIDDEN},
		{9, APPEND_NOT_MEMBER},
	};
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 4);

	test_role(t, room, 2, ROLE_ADMIN);
	for (size_t i = 0; i < 5; i++) {
		char key[24];
		snprintf(key, sizeof(key), "%zu", i);
		uint64_t seq = test_send(t, room, test_user(3), key, "text");
		struct append_item item = removal(room, cases[i].user, seq);
		assert_int_equal(test_outcome(t, &item), cases[i].outcome);
		bool gone = cases[i].outcome == APPEND_STORED;
		assert_int_equal(test_row(t, room, seq).content.len, gone ? 0 : 4);
		assert_int_equal(test_row(t, room, seq).deleted_ms != 0, gone);
	}
}

static void what_kind_can_be_changed(void **state)
{
	static const struct {
		enum message_type type;
		enum append_outcome edited, deleted;
	} cases[] = {
		{MESSAGE_TEXT, APPEND_STORED, APPEND_STORED},
		{MESSAGE_IMAGE, APPEND_STORED, APPEND_STORED},
		{MESSAGE_FILE, APPEND_STORED, APPEND_STORED},
		{MESSAGE_SYSTEM, APPEND_NO_TARGET, APPEND_STORED},
		{MESSAGE_ASSISTANT, APPEND_NO_TARGET, APPEND_STORED},
	};
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);

	for (size_t i = 0; i < 5; i++) {
		uint64_t seq = send_type(t, room, 1, cases[i].type);
		struct append_item change = edit(room, 1, seq, "x"), end = removal(room, 1, seq);
		assert_int_equal(test_outcome(t, &change), cases[i].edited);
		assert_int_equal(test_outcome(t, &end), cases[i].deleted);
	}
}

static void entries_are_no_targets(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1), other = test_room(t, "b", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "one");
	struct append_item first = edit(room, 1, seq, "two");
	struct append_item last = removal(room, 1, seq);

	assert_int_equal(test_outcome(t, &first), APPEND_STORED);
	assert_int_equal(test_outcome(t, &last), APPEND_STORED);
	struct append_item none[] = {
		edit(room, 1, first.seq, "an edit"),
		removal(room, 1, first.seq),
		edit(room, 1, last.seq, "a deletion"),
		removal(room, 1, last.seq),
		edit(room, 1, 0, "nothing"),
		removal(room, 1, 99),
		edit(room, 1, UINT64_MAX, "far"),
		edit(other, 1, seq, "in another room"),
	};
	assert_int_equal(test_append(t, none, 8), 0);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(none[i].outcome, APPEND_NO_TARGET);
	}
	assert_int_equal(test_room_row(t, room).last_seq, 3);
	assert_int_equal(test_room_row(t, other).last_seq, 0);
}

static void a_deletion_takes_all_that_was_said(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = send_type(t, room, 1, MESSAGE_FILE);
	uint64_t other = test_send(t, room, test_user(1), "1", "other");
	struct append_item items[] = {
		edit(room, 1, seq, "two"),
		edit(room, 1, other, "other two"),
		edit(room, 1, seq, "three"),
		removal(room, 1, seq),
	};

	assert_int_equal(test_append(t, items, 3), 0);
	atomic_fetch_add(&t->clock.wall_ms, 1000);
	assert_int_equal(test_append(t, items + 3, 1), 0);
	assert_int_equal(items[3].outcome, APPEND_STORED);
	const uint64_t gone[] = {seq, items[0].seq, items[2].seq};
	for (size_t i = 0; i < 3; i++) {
		struct message_row row = test_row(t, room, gone[i]);
		assert_int_equal(row.content.len + row.attachment.len, 0);
		assert_int_equal(row.deleted_ms, 1700000001000);
	}
	assert_int_equal(test_row(t, room, seq).type, MESSAGE_FILE);
	assert_int_equal(test_row(t, room, seq).edited_ms, 1700000000000);
	assert_int_equal(test_row(t, room, items[3].seq).deleted_ms, 0);
	assert_bytes(test_row(t, room, other).content, "other two");
	assert_bytes(test_row(t, room, items[1].seq).content, "other two");
	assert_int_equal(test_row(t, room, items[1].seq).deleted_ms, 0);
}

/* A message of another kind may name one as well, as an answer does. */
static void an_answer_outlives_what_it_answers(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "question");
	struct append_item answer = test_item(room, test_user(1), "2", "answer");
	struct append_item end = removal(room, 1, seq);

	answer.ref_seq = seq;
	assert_int_equal(test_outcome(t, &answer), APPEND_STORED);
	assert_int_equal(test_outcome(t, &end), APPEND_STORED);
	assert_bytes(test_row(t, room, answer.seq).content, "answer");
	assert_int_equal(test_row(t, room, answer.seq).deleted_ms, 0);
}

static void what_is_deleted_stays_so(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 2);
	uint64_t seq = test_send(t, room, test_user(2), "1", "one");
	struct append_item end = removal(room, 1, seq);

	assert_int_equal(test_outcome(t, &end), APPEND_STORED);
	struct append_item again = removal(room, 2, seq), change = edit(room, 2, seq, "two");
	assert_int_equal(test_outcome(t, &again), APPEND_NO_TARGET);
	assert_int_equal(test_outcome(t, &change), APPEND_NO_TARGET);
	assert_bytes(test_row(t, room, seq).content, "");
	assert_int_equal(test_row(t, room, seq).edited_ms, 0);
	/* The first send is still known by its key and what it said. */
	struct append_item repeat = test_item(room, test_user(2), "1", "one");
	assert_int_equal(test_outcome(t, &repeat), APPEND_REPEATED);
	assert_int_equal(repeat.seq, seq);
	repeat = test_item(room, test_user(2), "1", "two");
	assert_int_equal(test_outcome(t, &repeat), APPEND_CONFLICT);
}

/* Before anything is judged again: the target may be gone since, and the sender is owed his answer.
 */
static void a_repeated_change_gets_the_first_answer(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "one");
	struct append_item first = edit(room, 1, seq, "two"), third = edit(room, 1, seq, "three");
	struct append_item end = removal(room, 1, seq);

	assert_int_equal(test_outcome(t, &first), APPEND_STORED);
	assert_int_equal(test_outcome(t, &third), APPEND_STORED);
	struct append_item again = edit(room, 1, seq, "two");
	assert_int_equal(test_outcome(t, &again), APPEND_REPEATED);
	assert_int_equal(again.seq, first.seq);
	assert_int_equal(again.sent_ms, first.sent_ms);
	assert_bytes(test_row(t, room, seq).content, "three");
	again.ref_seq = 99;
	store_body_hash(&again, again.body_hash);
	assert_int_equal(test_outcome(t, &again), APPEND_CONFLICT);

	assert_int_equal(test_outcome(t, &end), APPEND_STORED);
	again = edit(room, 1, seq, "two");
	assert_int_equal(test_outcome(t, &again), APPEND_REPEATED);
	again = removal(room, 1, seq);
	assert_int_equal(test_outcome(t, &again), APPEND_REPEATED);
	assert_int_equal(again.seq, end.seq);
	assert_int_equal(test_room_row(t, room).last_seq, 4);
}

static void archived_rooms_take_no_changes(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "one");
	struct append_item first = edit(room, 1, seq, "two");
	struct store_room_update archive = {
		.room = room, .changes = ROOM_SET_ARCHIVED, .archived = true};

	assert_int_equal(test_outcome(t, &first), APPEND_STORED);
	assert_int_equal(ask_room_update(t, &archive), 0);
	struct append_item items[] = {
		edit(room, 1, seq, "three"),
		removal(room, 1, seq),
		edit(room, 1, seq, "two"),
		edit(room, 9, seq, "two"),
	};
	assert_int_equal(test_append(t, items, 4), 0);
	assert_int_equal(items[0].outcome, APPEND_ARCHIVED);
	assert_int_equal(items[1].outcome, APPEND_ARCHIVED);
	assert_int_equal(items[2].outcome, APPEND_REPEATED);
	assert_int_equal(items[3].outcome, APPEND_NOT_MEMBER);
	assert_bytes(test_row(t, room, seq).content, "two");
}

static void what_was_purged_is_no_target(void **state)
{
	struct store_test *t = suite_test(state);
	struct uuid room = test_room(t, "a", 1);
	uint64_t seq = test_send(t, room, test_user(1), "1", "one");
	struct append_item first = edit(room, 1, seq, "two");
	struct store_purge purge = {.room = room, .before_seq = seq + 1, .limit = 10};

	assert_int_equal(test_outcome(t, &first), APPEND_STORED);
	assert_int_equal(ask_purge(t, &purge), 0);
	struct append_item next = edit(room, 1, seq, "three"), end = removal(room, 1, seq);
	assert_int_equal(test_outcome(t, &next), APPEND_NO_TARGET);
	assert_int_equal(test_outcome(t, &end), APPEND_NO_TARGET);
	assert_bytes(test_row(t, room, first.seq).content, "two");
}

int store_suite_entries(const struct suite_backend *backend)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST(an_edit_gives_the_message_its_text, backend),
		SUITE_TEST(the_last_edit_counts, backend),
		SUITE_TEST(an_edit_in_the_batch_of_its_message_finds_it, backend),
		SUITE_TEST(an_encrypted_edit_brings_nonce_and_tag, backend),
		SUITE_TEST(an_edited_picture_keeps_its_attachment, backend),
		SUITE_TEST(only_the_sender_edits, backend),
		SUITE_TEST(who_deletes, backend),
		SUITE_TEST(what_kind_can_be_changed, backend),
		SUITE_TEST(entries_are_no_targets, backend),
		SUITE_TEST(a_deletion_takes_all_that_was_said, backend),
		SUITE_TEST(an_answer_outlives_what_it_answers, backend),
		SUITE_TEST(what_is_deleted_stays_so, backend),
		SUITE_TEST(a_repeated_change_gets_the_first_answer, backend),
		SUITE_TEST(archived_rooms_take_no_changes, backend),
		SUITE_TEST(what_was_purged_is_no_target, backend),
	};

	return cmocka_run_group_tests_name("store: edits and deletions", tests, NULL, NULL);
}
