/* Lists that users read page by page, and the cursors between the pages: forged, cut, of another
 * user, of another list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "chatd/ops/cursor.h"
#include "lib/base/err.h"
#include "tests/unit/op_help.h"

enum { MINE, ALL_PUBLIC, GROUP = 0, DIRECT = 1, ANY_TYPE = -1 };

/* A page of rooms. cursor: NULL for the first. */
static void page_rooms(struct world *world, struct trying *trying, const char *user, int scope,
	int type, int64_t limit, const char *cursor)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_room_page, user);
	struct room_page_params *params = op->params;
	params->scope = scope;
	params->limit = limit;
	if (type != ANY_TYPE) {
		params->type = type;
		params->type_given = PARAM_PRESENT;
	}
	params->cursor = cursor != NULL ? bytes_str(cursor) : BYTES_NONE;
	world_run(world, trying);
}

static void page_members(struct world *world, struct trying *trying, const char *user,
	const struct uuid *room, int64_t limit, const char *cursor)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_member_page, user);
	struct member_page_params *params = op->params;
	params->room = op_id(op, room);
	params->limit = limit;
	params->cursor = cursor != NULL ? bytes_str(cursor) : BYTES_NONE;
	world_run(world, trying);
}

/* nextCursor without its quotes, or "" where it is null. */
static void take_cursor(const struct trying *trying, char out[2048])
{
	const char *json = trying_member(trying, "nextCursor");
	out[0] = '\0';
	if (json[0] == '"') {
		snprintf(out, 2048, "%.*s", (int)(strlen(json) - 2), json + 1);
	} else {
		assert_string_equal(json, "null");
	}
}

static size_t count_items(const struct trying *trying, const char *name)
{
	char wanted[40];
	size_t count = 0;
	snprintf(wanted, sizeof(wanted), "\"%s\":", name);
	for (const char *at = trying->result; (at = strstr(at, wanted)) != NULL; at++) {
		count++;
	}
	return count;
}

/* ---- walks ---- */

/* Public rooms, some of the same name; alice is in none of them. */
static void add_rooms(struct world *world, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		hub_room(&world->hub, (unsigned)(i % 2), "");
	}
}

static void all_rooms_come_once_whatever_the_limit(void **state)
{
	struct world world;
	(void)state;
	world_open(&world);
	add_rooms(&world, 13);
	for (int64_t limit = 1; limit <= 16; limit++) {
		char cursor[2048] = "", next[2048];
		size_t rooms = 0, pages = 0;
		do {
			struct trying trying;
			page_rooms(&world, &trying, "alice", ALL_PUBLIC, ANY_TYPE, limit,
				pages > 0 ? cursor : NULL);
			trying_expect(&trying, 0);
			rooms += count_items(&trying, "visibility");
			take_cursor(&trying, next);
			trying_finish(&trying);
			memcpy(cursor, next, sizeof(cursor));
			pages++;
		} while (cursor[0] != '\0');
		assert_int_equal(rooms, 14); /* general too */
		assert_int_equal(pages, (14 + limit - 1) / limit);
	}
	world_close(&world);
}

static void own_rooms_have_role_unread_and_last_message(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	page_rooms(&world, &trying, "alice", MINE, GROUP, 0, NULL);
	trying_expect(&trying, 0);
	assert_int_equal(count_items(&trying, "visibility"), 1);
	assert_non_null(strstr(trying.result, "\"role\":\"Admin\",\"lastReadSeq\":0,"
					      "\"unreadCount\":5,\"lastMessage\":{"));
	assert_string_equal(trying_member(&trying, "nextCursor"), "null");
	trying_finish(&trying);
	page_rooms(&world, &trying, "alice", MINE, DIRECT, 0, NULL);
	assert_int_equal(count_items(&trying, "visibility"), 1);
	assert_non_null(strstr(trying.result, "\"unreadCount\":0,\"lastMessage\":null"));
	trying_finish(&trying);
	/* What is said in a Public room is for those who are in it. */
	page_rooms(&world, &trying, "carol", ALL_PUBLIC, ANY_TYPE, 0, NULL);
	assert_int_equal(count_items(&trying, "visibility"), 1);
	assert_non_null(strstr(trying.result, "\"role\":null,\"lastReadSeq\":null,"
					      "\"unreadCount\":null,\"lastMessage\":null"));
	trying_finish(&trying);
	page_rooms(&world, &trying, "carol", MINE, ANY_TYPE, 0, NULL);
	trying_expect_result(&trying, "{'items':[],'nextCursor':null}");
	trying_finish(&trying);
	world_close(&world);
}

static void all_members_come_once(void **state)
{
	struct world world;
	(void)state;
	world_open(&world);
	for (int64_t limit = 1; limit <= 4; limit++) {
		char cursor[2048] = "";
		size_t members = 0, pages = 0;
		do {
			struct trying trying;
			page_members(&world, &trying, "bob", &world.general, limit,
				pages++ > 0 ? cursor : NULL);
			trying_expect(&trying, 0);
			members += count_items(&trying, "userId");
			assert_int_equal(count_items(&trying, "identity"), 0);
			take_cursor(&trying, cursor);
			trying_finish(&trying);
		} while (cursor[0] != '\0');
		assert_int_equal(members, 3);
		assert_int_equal(pages, (3 + limit - 1) / limit);
	}
	world_close(&world);
}

static void members_are_for_members(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	page_members(&world, &trying, "carol", &world.general, 0, NULL);
	trying_expect(&trying, ERR_NOT_MEMBER);
	trying_finish(&trying);
	page_members(&world, &trying, "alice", &world.closed, 0, NULL);
	trying_expect(&trying, ERR_NOT_FOUND);
	trying_finish(&trying);
	world_close(&world);
}

/* The room that the cursor names has gone: the list goes on behind its place. */
static void a_cursor_survives_its_row(void **state)
{
	struct world world;
	struct trying trying;
	char cursor[2048], room[UUID_TEXT_SIZE];
	(void)state;
	world_open(&world);
	add_rooms(&world, 3);
	page_rooms(&world, &trying, "carol", ALL_PUBLIC, ANY_TYPE, 2, NULL);
	take_cursor(&trying, cursor);
	const char *first = strstr(trying.result, "{\"id\":\"");
	const char *last = strstr(first + 1, "{\"id\":\"");
	snprintf(room, sizeof(room), "%s", last + strlen("{\"id\":\""));
	trying_finish(&trying);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_room_delete, NULL);
	((struct room_ref_params *)op->params)->room = bytes_str(room);
	world_run(&world, &trying);
	trying_expect(&trying, 0);
	trying_finish(&trying);
	page_rooms(&world, &trying, "carol", ALL_PUBLIC, ANY_TYPE, 200, cursor);
	trying_expect(&trying, 0);
	assert_int_equal(count_items(&trying, "visibility"), 2);
	trying_finish(&trying);
	world_close(&world);
}

/* ---- cursors that are none ---- */

static void expect_refused(
	struct world *world, const char *user, int scope, int type, const char *cursor)
{
	struct trying trying;
	size_t asked = fake_store_calls(world->hub.store, FAKE_ROOMS_PAGE);
	page_rooms(world, &trying, user, scope, type, 1, cursor);
	if (trying.err == 0) {
		print_error("taken: %s\n", cursor);
	}
	trying_expect_failure(&trying, ERR_BAD_REQUEST, "'cursor' must be the nextCursor");
	trying_finish(&trying);
	assert_int_equal(fake_store_calls(world->hub.store, FAKE_ROOMS_PAGE), asked);
}

static void first_cursor(struct world *world, int scope, char out[2048])
{
	struct trying trying;
	page_rooms(world, &trying, "alice", scope, ANY_TYPE, 1, NULL);
	take_cursor(&trying, out);
	trying_finish(&trying);
	assert_true(out[0] != '\0');
}

static void a_forged_cursor_is_refused(void **state)
{
	struct world world;
	char cursor[2048], forged[5000];
	(void)state;
	world_open(&world);
	add_rooms(&world, 2);
	first_cursor(&world, ALL_PUBLIC, cursor);
	size_t len = strlen(cursor);
	for (size_t i = 0; i < len; i++) { /* one character other */
		memcpy(forged, cursor, len + 1);
		forged[i] = forged[i] == 'A' ? 'B' : 'A';
		expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, forged);
	}
	for (size_t i = 1; i < len; i++) { /* cut */
		memcpy(forged, cursor, i);
		forged[i] = '\0';
		expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, forged);
		expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, cursor + i);
	}
	snprintf(forged, sizeof(forged), "%sA", cursor);
	expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, forged);
	snprintf(forged, sizeof(forged), "%s=", cursor);
	expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, forged);
	snprintf(forged, sizeof(forged), "%s%s", cursor, cursor);
	expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, forged);
	world_close(&world);
}

static void a_cursor_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = {"A", "null", "-1", "%00", "'; DROP TABLE rooms; --",
		"\xc3\xa4", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "    ", "\n"};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, texts[i]);
	}
	struct op *op = trying_create(&trying, &world.hub, 0, &op_room_page, "alice");
	((struct room_page_params *)op->params)->cursor = op_long(op, 100000);
	world_run(&world, &trying);
	trying_expect(&trying, ERR_BAD_REQUEST);
	trying_finish(&trying);
	world_close(&world);
}

static void a_cursor_is_good_for_one_list_of_one_user(void **state)
{
	struct world world;
	struct trying trying;
	char cursor[2048];
	(void)state;
	world_open(&world);
	add_rooms(&world, 2);
	first_cursor(&world, ALL_PUBLIC, cursor);
	page_rooms(&world, &trying, "alice", ALL_PUBLIC, ANY_TYPE, 1, cursor);
	trying_expect(&trying, 0);
	trying_finish(&trying);
	expect_refused(&world, "bob", ALL_PUBLIC, ANY_TYPE, cursor);
	expect_refused(&world, "alice", MINE, ANY_TYPE, cursor);
	expect_refused(&world, "alice", ALL_PUBLIC, GROUP, cursor);
	expect_refused(&world, "alice", ALL_PUBLIC, DIRECT, cursor);
	first_cursor(&world, MINE, cursor);
	expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, cursor);

	/* Members of one room, of another, and rooms. */
	page_members(&world, &trying, "bob", &world.general, 1, NULL);
	take_cursor(&trying, cursor);
	trying_finish(&trying);
	expect_refused(&world, "bob", MINE, ANY_TYPE, cursor);
	page_members(&world, &trying, "bob", &world.direct, 1, cursor);
	trying_expect(&trying, ERR_BAD_REQUEST);
	trying_finish(&trying);
	page_members(&world, &trying, "alice", &world.general, 1, cursor);
	trying_expect(&trying, ERR_BAD_REQUEST);
	trying_finish(&trying);
	page_members(&world, &trying, "bob", &world.general, 1, cursor);
	trying_expect(&trying, 0);
	trying_finish(&trying);
	/* Of a room that he may not see it is not even looked at. */
	page_members(&world, &trying, "bob", &world.closed, 1, "nonsense");
	trying_expect(&trying, ERR_NOT_FOUND);
	trying_finish(&trying);
	world_close(&world);
}

/* Another fleet's, or one from before the secret changed. */
static void a_cursor_needs_the_fleets_secret(void **state)
{
	struct world world;
	char cursor[2048];
	(void)state;
	world_open(&world);
	add_rooms(&world, 1);
	first_cursor(&world, ALL_PUBLIC, cursor);
	fake_store_base(world.hub.store)->fleet_secret[0] ^= 1;
	expect_refused(&world, "alice", ALL_PUBLIC, ANY_TYPE, cursor);
	world_close(&world);
}

/* Names of rooms are up to 256 bytes, and any text. */
static void a_cursor_holds_every_name(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_room_page, "alice");
	for (size_t len = 0; len <= 1024; len += 64) {
		const struct cursor from = {.id = world.general, .text = op_long(op, len)};
		struct cursor back = {.text = BYTES_LIT("untouched")};
		op->principal = trying.principal;
		struct value text = cursor_write(op, "a list", &from);
		assert_int_equal(cursor_read(op, "a list", text.text, &back), 0);
		assert_true(uuid_eq(&back.id, &from.id));
		assert_true(bytes_eq(back.text, from.text));
		assert_int_equal(cursor_read(op, "a lis", text.text, &back), ERR_BAD_REQUEST);
		op->principal = NULL;
		assert_int_equal(cursor_read(op, "a list", text.text, &back), ERR_BAD_REQUEST);
	}
	op_discard(&trying.op);
	trying_finish(&trying);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_rooms_come_once_whatever_the_limit),
		cmocka_unit_test(own_rooms_have_role_unread_and_last_message),
		cmocka_unit_test(all_members_come_once),
		cmocka_unit_test(members_are_for_members),
		cmocka_unit_test(a_cursor_survives_its_row),
		cmocka_unit_test(a_forged_cursor_is_refused),
		cmocka_unit_test(a_cursor_that_is_none_is_refused),
		cmocka_unit_test(a_cursor_is_good_for_one_list_of_one_user),
		cmocka_unit_test(a_cursor_needs_the_fleets_secret),
		cmocka_unit_test(a_cursor_holds_every_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
