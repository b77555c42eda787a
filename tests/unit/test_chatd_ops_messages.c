/* Pages of messages at their borders; one message; edits and deletions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/op_help.h"

#define NONE INT64_MIN

/* ---- pages ---- */

static void page(struct world *world, struct trying *trying, const struct uuid *room,
	int64_t before, int64_t after, int64_t limit)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_message_page, "olga");
	struct message_page_params *params = op->params;
	params->room = op_id(op, room);
	params->limit = limit;
	if (before != NONE) {
		params->before = before;
		params->before_given = PARAM_PRESENT;
	}
	if (after != NONE) {
		params->after = after;
		params->after_given = PARAM_PRESENT;
	}
	world_run(world, trying);
}

/* Numbers on the page as "1 2 3", then what the next page is asked by, and the gap. */
static void describe(const struct trying *trying, char *out, size_t size)
{
	size_t len = 0;
	out[0] = '\0';
	for (const char *at = trying->result; (at = strstr(at, "\"seq\":")) != NULL; at++) {
		int seq = 0;
		sscanf(at, "\"seq\":%d", &seq);
		len += (size_t)snprintf(out + len, size - len, "%s%d", len > 0 ? " " : "", seq);
	}
	const char *const names[] = {"nextBefore", "nextAfter", "gap"};
	for (size_t i = 0; i < 3; i++) {
		const char *member = trying_member(trying, names[i]);
		if (member[0] != '\0' && strcmp(member, "null") != 0) {
			len += (size_t)snprintf(out + len, size - len, "; %s %s", names[i], member);
		}
	}
}

struct border {
	int64_t before, after, limit;
	const char *wanted;
};

static void try_borders(
	struct world *world, const struct uuid *room, const struct border *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct border *row = &rows[i];
		struct trying trying;
		char got[400];
		page(world, &trying, room, row->before, row->after, row->limit);
		trying_expect(&trying, 0);
		describe(&trying, got, sizeof(got));
		if (strcmp(got, row->wanted) != 0) {
			fail_msg("row %zu: \"%s\" instead of \"%s\"", i, got, row->wanted);
		}
		assert_string_equal(trying_member(&trying, "epoch"), "\"" FAKE_EPOCH "\"");
		trying_finish(&trying);
	}
}

#define TRY(world, room, rows) try_borders(world, room, rows, sizeof(rows) / sizeof((rows)[0]))

static void pages_end_where_messages_end(void **state)
{
	static const struct border rows[] = {
		{NONE, NONE, 0, "1 2 3 4 5"},
		{NONE, NONE, 5, "1 2 3 4 5"},
		{NONE, NONE, 4, "2 3 4 5; nextBefore 2"},
		{NONE, NONE, 1, "5; nextBefore 5"},
		{6, NONE, 2, "4 5; nextBefore 4"},
		{5, NONE, 2, "3 4; nextBefore 3"},
		{3, NONE, 2, "1 2"},
		{3, NONE, 1, "2; nextBefore 2"},
		{2, NONE, 200, "1"},
		{1, NONE, 200, ""},
		{7, NONE, 1, "5; nextBefore 5"},
		{INT64_MAX, NONE, 1, "5; nextBefore 5"},
		{NONE, 0, 2, "1 2; nextAfter 2"},
		{NONE, 2, 2, "3 4; nextAfter 4"},
		{NONE, 3, 2, "4 5"},
		{NONE, 4, 200, "5"},
		{NONE, 5, 200, ""},
		{NONE, 6, 200, ""},
		{NONE, INT64_MAX, 200, ""},
	};
	struct world world;
	(void)state;
	world_open(&world);
	TRY(&world, &world.general, rows);
	world_close(&world);
}

static void an_empty_room_has_no_pages(void **state)
{
	static const struct border rows[] = {
		{NONE, NONE, 0, ""},
		{1, NONE, 0, ""},
		{INT64_MAX, NONE, 0, ""},
		{NONE, 0, 0, ""},
		{NONE, 1, 0, ""},
		{NONE, INT64_MAX, 0, ""},
	};
	struct world world;
	(void)state;
	world_open(&world);
	TRY(&world, &world.closed, rows);
	world_close(&world);
}

static void what_was_purged_is_a_gap_to_who_reads_on(void **state)
{
	static const struct border rows[] = {
		{NONE, NONE, 0, "3 4 5"},
		{NONE, NONE, 3, "3 4 5"},
		{NONE, NONE, 2, "4 5; nextBefore 4"},
		{4, NONE, 200, "3"},
		{3, NONE, 200, ""},
		{2, NONE, 200, ""},
		{NONE, 0, 0, "3 4 5; gap {\"from\":1,\"to\":2}"},
		{NONE, 0, 1, "3; nextAfter 3; gap {\"from\":1,\"to\":2}"},
		{NONE, 1, 0, "3 4 5; gap {\"from\":2,\"to\":2}"},
		{NONE, 2, 0, "3 4 5"},
		{NONE, 3, 0, "4 5"},
	};
	struct world world;
	(void)state;
	world_open(&world);
	fake_store_purge(world.hub.store, &world.general, 1, 2);
	TRY(&world, &world.general, rows);
	world_close(&world);
}

static void where_all_was_purged(void **state)
{
	static const struct border rows[] = {
		{NONE, NONE, 0, ""},
		{4, NONE, 0, ""},
		{INT64_MAX, NONE, 0, ""},
		{NONE, 0, 0, "; gap {\"from\":1,\"to\":5}"},
		{NONE, 4, 0, "; gap {\"from\":5,\"to\":5}"},
		{NONE, 5, 0, ""},
		{NONE, 6, 0, ""},
		{NONE, INT64_MAX, 0, ""},
	};
	struct world world;
	(void)state;
	world_open(&world);
	fake_store_purge(world.hub.store, &world.general, 1, 5);
	TRY(&world, &world.general, rows);
	world_close(&world);
}

/* A page holds about a mebibyte; the reader asks for what was left out, in both directions. */
static void heavy_pages_are_cut_and_go_on(void **state)
{
	struct world world;
	struct uuid bob = hub_user("bob");
	(void)state;
	world_open(&world);
	char *heavy = mem_zalloc(300001);
	memset(heavy, 'x', 300000);
	for (int i = 0; i < 5; i++) {
		fake_store_message(world.hub.store, &world.general, &bob, heavy);
	}
	free(heavy);
	static const struct border rows[] = {
		{NONE, NONE, 0, "7 8 9 10; nextBefore 7"},
		{7, NONE, 0, "1 2 3 4 5 6"},
		{NONE, 0, 0, "1 2 3 4 5 6 7 8 9; nextAfter 9"},
		{NONE, 5, 0, "6 7 8 9; nextAfter 9"},
		{NONE, 9, 0, "10"},
	};
	TRY(&world, &world.general, rows);
	world_close(&world);
}

static void pages_that_nobody_gets(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	page(&world, &trying, &world.general, 5, 1, 0);
	trying_expect_failure(&trying, ERR_BAD_REQUEST, "exclude each other");
	trying_finish(&trying);
	page(&world, &trying, &world.direct, NONE, NONE, 0);
	trying_expect(&trying, ERR_NOT_FOUND);
	trying_finish(&trying);
	world_close(&world);
}

/* ---- one message ---- */

static void change(struct world *world, struct trying *trying, const struct op_def *def,
	const char *user, const struct uuid *room, struct bytes message, struct bytes content)
{
	struct op *op = trying_create(trying, &world->hub, 0, def, user);
	struct message_params *params = op->params;
	params->room = op_id(op, room);
	params->message = message;
	params->content = content;
	world_run(world, trying);
}

static void expect_refused(struct world *world, const struct op_def *def, const char *user,
	struct bytes message, struct bytes content, int err, const char *text)
{
	struct trying trying;
	uint64_t head = fake_store_head(world->hub.store, &world->general);
	change(world, &trying, def, user, &world->general, message, content);
	trying_expect_failure(&trying, err, text);
	trying_finish(&trying);
	assert_int_equal(fake_store_head(world->hub.store, &world->general), head);
}

static void messages_that_are_none(void **state)
{
	static const char *const names[] = {"", "3", "no-uuid",
		"{00000000-0000-4000-8000-000000000000}", "00000000-0000-4000-8000-00000000000",
		" 00000000-0000-4000-8000-000000000000"};
	const struct op_def *const defs[] = {
		&op_message_show, &op_message_edit, &op_message_delete};
	struct world world;
	(void)state;
	world_open(&world);
	for (size_t d = 0; d < 3; d++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			expect_refused(&world, defs[d], "bob", bytes_str(names[i]),
				BYTES_LIT("new"), ERR_BAD_REQUEST, "its id, a UUID");
		}
		expect_refused(&world, defs[d], "bob",
			BYTES_LIT("00000000-0000-4000-8000-000000000000"), BYTES_LIT("new"),
			ERR_NOT_FOUND, "no such message in this room");
	}
	world_close(&world);
}

static void who_may_change_a_message(void **state)
{
	struct world world;
	struct trying trying;
	char id[UUID_TEXT_SIZE];
	(void)state;
	world_open(&world);
	uuid_format(&world.message, id);
	struct bytes message = bytes_str(id);
	struct bytes content = BYTES_LIT("new");
	expect_refused(&world, &op_message_edit, "olga", message, content, ERR_FORBIDDEN,
		"only its sender may edit");
	expect_refused(&world, &op_message_edit, "carol", message, content, ERR_NOT_MEMBER, "");
	expect_refused(&world, &op_message_delete, "carol", message, content, ERR_NOT_MEMBER, "");
	change(&world, &trying, &op_message_edit, "bob", &world.general, message, content);
	trying_expect(&trying, 0);
	assert_true(trying.created);
	assert_string_equal(trying_member(&trying, "seq"), "6");
	trying_finish(&trying);
	change(&world, &trying, &op_message_delete, "alice", &world.general, message, content);
	trying_expect(&trying, 0);
	trying_finish(&trying);
	expect_refused(&world, &op_message_edit, "bob", message, content, ERR_NOT_FOUND,
		"or it was deleted");
	expect_refused(&world, &op_message_delete, "bob", message, content, ERR_NOT_FOUND,
		"or it was deleted");
	/* Its number, and it as it is now, are still there. */
	change(&world, &trying, &op_message_show, "bob", &world.general, message, content);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "content"), "\"\"");
	assert_string_equal(trying_member(&trying, "seq"), "3");
	trying_finish(&trying);
	world_close(&world);
}

/* An entry is told of, but is no message that can be edited. */
static void entries_cannot_be_changed(void **state)
{
	struct world world;
	struct trying trying;
	char id[UUID_TEXT_SIZE];
	(void)state;
	world_open(&world);
	uuid_format(&world.message, id);
	change(&world, &trying, &op_message_edit, "bob", &world.general, bytes_str(id),
		BYTES_LIT("new"));
	snprintf(id, sizeof(id), "%s", trying_member(&trying, "id") + 1);
	trying_finish(&trying);
	expect_refused(&world, &op_message_edit, "bob", bytes_str(id), BYTES_LIT("again"),
		ERR_NOT_FOUND, "");
	expect_refused(
		&world, &op_message_delete, "bob", bytes_str(id), BYTES_NONE, ERR_NOT_FOUND, "");
	world_close(&world);
}

static void content_has_its_bounds(void **state)
{
	struct world world;
	struct trying trying;
	char id[UUID_TEXT_SIZE];
	(void)state;
	world_open(&world);
	uuid_format(&world.message, id);
	for (int over = 0; over < 2; over++) {
		struct op *op = trying_create(&trying, &world.hub, 0, &op_message_edit, "bob");
		struct message_params *params = op->params;
		params->room = BYTES_LIT("general");
		params->message = bytes_str(id);
		params->content = op_long(op, (size_t)65536 + (size_t)over);
		world_run(&world, &trying);
		trying_expect_failure(&trying, over ? ERR_BAD_CONTENT : 0,
			over ? "65537 bytes, at most 65536" : "");
		trying_finish(&trying);
	}
	expect_refused(&world, &op_message_edit, "bob", bytes_str(id), BYTES_NONE, ERR_BAD_CONTENT,
		"needs content");
	expect_refused(&world, &op_message_edit, "bob", bytes_str(id), bytes_of("a\0b", 3),
		ERR_BAD_CONTENT, "no text");
	expect_refused(&world, &op_message_edit, "bob", bytes_str(id), BYTES_LIT("a\xff"),
		ERR_BAD_CONTENT, "no text");
	world_close(&world);
}

static void client_ids_have_their_bounds(void **state)
{
	static const size_t lengths[] = {0, 1, 128, 129};
	struct world world;
	struct trying trying;
	char id[UUID_TEXT_SIZE];
	(void)state;
	world_open(&world);
	uuid_format(&world.message, id);
	for (size_t i = 0; i < 8; i++) {
		struct op *op = trying_create(&trying, &world.hub, 0, &op_message_edit, "bob");
		struct message_params *params = op->params;
		size_t len = lengths[i % 4];
		params->room = BYTES_LIT("general");
		params->message = bytes_str(id);
		params->content = BYTES_LIT("new");
		params->client_message_id = op_long(op, len);
		params->client_message_id_given = PARAM_PRESENT;
		world_run(&world, &trying);
		bool good = len >= 1 && len <= 128;
		trying_expect_failure(
			&trying, good ? 0 : ERR_BAD_CONTENT, good ? "" : "1 to 128 bytes");
		assert_int_equal(trying.created, good && i < 4); /* then it is a repeat */
		trying_finish(&trying);
	}
	world_close(&world);
}

static void rooms_that_take_no_change(void **state)
{
	struct world world;
	char id[UUID_TEXT_SIZE];
	(void)state;
	world_open(&world);
	uuid_format(&world.message, id);
	fake_store_room_flags(world.hub.store, &world.general, true, false);
	expect_refused(&world, &op_message_edit, "bob", bytes_str(id), BYTES_LIT("plain"),
		ERR_BAD_CONTENT, "plaintext is refused");
	fake_store_room_flags(world.hub.store, &world.general, false, true);
	expect_refused(&world, &op_message_edit, "bob", bytes_str(id), BYTES_LIT("new"),
		ERR_ARCHIVED, "archived");
	expect_refused(&world, &op_message_delete, "bob", bytes_str(id), BYTES_NONE, ERR_ARCHIVED,
		"archived");
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_end_where_messages_end),
		cmocka_unit_test(an_empty_room_has_no_pages),
		cmocka_unit_test(what_was_purged_is_a_gap_to_who_reads_on),
		cmocka_unit_test(where_all_was_purged),
		cmocka_unit_test(heavy_pages_are_cut_and_go_on),
		cmocka_unit_test(pages_that_nobody_gets),
		cmocka_unit_test(messages_that_are_none),
		cmocka_unit_test(who_may_change_a_message),
		cmocka_unit_test(entries_cannot_be_changed),
		cmocka_unit_test(content_has_its_bounds),
		cmocka_unit_test(client_ids_have_their_bounds),
		cmocka_unit_test(rooms_that_take_no_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
