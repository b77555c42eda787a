/* Rooms that are changed, renamed and deleted under the eyes of those who are in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/change_help.h"

/* Two workers; the room's home is worker 0. alice and bob are in it, each with a device on both
 * workers, all of them live. */
struct fixture {
	struct hub hub;
	struct uuid room;
	struct hub_client *alice[2], *bob[2];
};

static struct hub_client *live(struct fixture *f, unsigned worker, const char *user)
{
	struct hub_client *client = client_start(&f->hub, worker, user);
	room_join(client, &f->room, "");
	hub_settle(&f->hub);
	client_skip(client);
	return client;
}

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct uuid alice = hub_user("alice");
	hub_open(&f->hub, 2, "");
	f->room = hub_room(&f->hub, 0, "general");
	fake_store_role(f->hub.store, &f->room, &alice, ROLE_OWNER);
	hub_member(&f->hub, &f->room, "bob");
	for (unsigned i = 0; i < 2; i++) {
		f->alice[i] = live(f, i, "alice");
		f->bob[i] = live(f, i, "bob");
	}
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

/* The next record is an invocation of target, and contains text. */
static void expect_call(struct hub_client *client, const char *target, const char *text)
{
	char wanted[80];
	const char *got = client_next(client);
	snprintf(wanted, sizeof(wanted), "{\"type\":1,\"target\":\"%s\"", target);
	if (got == NULL || strncmp(got, wanted, strlen(wanted)) != 0 || strstr(got, text) == NULL) {
		fail_msg("%s instead of %s with %s", got != NULL ? got : "nothing", target, text);
	}
}

static void expect_all(struct fixture *f, const char *target, const char *text)
{
	for (int i = 0; i < 2; i++) {
		expect_call(f->alice[i], target, text);
		expect_call(f->bob[i], target, text);
	}
}

static void expect_silence(struct fixture *f)
{
	for (int i = 0; i < 2; i++) {
		assert_null(client_next(f->alice[i]));
		assert_null(client_next(f->bob[i]));
	}
}

static void send_by_alias(struct hub_client *client, const char *alias)
{
	client_say(client,
		"{'type':1,'invocationId':'7','target':'SendMessage','arguments':['%s','x']}",
		alias);
}

static size_t lookups(const struct fixture *f)
{
	return fake_store_calls(f->hub.store, FAKE_ROOM_FIND);
}

/* ---- what is set ---- */

static void an_update_takes_its_place_among_the_messages(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[2];
	static struct changing change;
	sending_start(&f->hub, 0, &sendings[0], &f->room, "one");
	hub_turns(&f->hub, 2);
	change_name(&f->hub, 1, &change, &f->room, "A new name");
	sending_start(&f->hub, 1, &sendings[1], &f->room, "two");
	hub_settle(&f->hub);
	change_expect(&change, 0);
	expect_all(f, "ReceiveMessage", "\"content\":\"one\"");
	expect_all(f, "RoomUpdated", "\"name\":\"A new name\"");
	expect_all(f, "ReceiveMessage", "\"content\":\"two\"");
	expect_silence(f);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_LIST), 0);
}

static void what_changes_nothing_is_not_told(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	change_alias(&f->hub, 0, &change, &f->room, "General");
	hub_settle(&f->hub);
	change_expect(&change, 0);
	change_role(&f->hub, 0, &change, &f->room, "bob", ROLE_MEMBER);
	hub_settle(&f->hub);
	change_expect(&change, 0);
	expect_silence(f);
}

static void failures_are_answered_and_not_told(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	struct uuid other = hub_room(&f->hub, 1, "other");
	change_alias(&f->hub, 1, &change, &f->room, "other");
	hub_settle(&f->hub);
	change_expect(&change, ERR_EXISTS);
	change_delete(&f->hub, 1, &change, &other);
	hub_turns(&f->hub, 2);
	fake_store_fail(f->hub.store, ERR_STORAGE_FULL, false);
	hub_turns(&f->hub, 3);
	change_expect(&change, ERR_STORAGE_FULL);
	fake_store_refuse(f->hub.store, ERR_BUSY);
	change_name(&f->hub, 0, &change, &f->room, "x");
	hub_turns(&f->hub, 3);
	change_expect(&change, ERR_BUSY);
	change_role(&f->hub, 1, &change, &f->room, "bob", ROLE_ADMIN);
	hub_turns(&f->hub, 3);
	change_expect(&change, ERR_BUSY);
	change_delete(&f->hub, 1, &change, &f->room);
	hub_turns(&f->hub, 3);
	change_expect(&change, ERR_BUSY);
	fake_store_refuse(f->hub.store, 0);
	change_role(&f->hub, 1, &change, &f->room, "alice", ROLE_MEMBER);
	hub_settle(&f->hub);
	change_expect(&change, ERR_CONFLICT);
	expect_silence(f);
}

static void an_archived_room_takes_nothing_at_once(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	change_archived(&f->hub, 0, &change, &f->room, true);
	hub_settle(&f->hub);
	expect_all(f, "RoomUpdated", "\"archivedAt\":\"2023-");
	size_t appends = fake_store_calls(f->hub.store, FAKE_APPEND);
	for (int i = 0; i < 2; i++) {
		send_by_alias(f->bob[i], "general");
		hub_turn(&f->hub);
		assert_non_null(strstr(client_next(f->bob[i]), "HubException: archived: "));
	}
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_APPEND), appends);
	change_archived(&f->hub, 1, &change, &f->room, false);
	hub_settle(&f->hub);
	expect_all(f, "RoomUpdated", "\"archivedAt\":null");
	send_by_alias(f->bob[1], "general");
	hub_settle(&f->hub);
	expect_all(f, "ReceiveMessage", "\"seq\":1,");
}

static void a_renamed_room_is_found_by_its_new_alias(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	change_alias(&f->hub, 1, &change, &f->room, "parlour");
	hub_settle(&f->hub);
	expect_all(f, "RoomUpdated", "\"alias\":\"parlour\"");
	size_t before = lookups(f);
	for (int i = 0; i < 2; i++) {
		send_by_alias(f->bob[i], "Parlour");
		hub_settle(&f->hub);
	}
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 2);
	assert_int_equal(lookups(f), before); /* found here */
	client_skip(f->bob[1]);
	send_by_alias(f->bob[1], "general");
	hub_settle(&f->hub);
	assert_int_equal(lookups(f), before + 1);
	assert_non_null(strstr(client_next(f->bob[1]), "HubException: not_found: "));
	change_alias(&f->hub, 1, &change, &f->room, "");
	hub_settle(&f->hub);
	send_by_alias(f->bob[0], "parlour");
	hub_settle(&f->hub);
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 2);
}

/* One who comes with a row from before the change is told by the home. */
static void a_row_from_before_a_change_is_corrected(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	struct uuid den = hub_room(&f->hub, 0, "den");
	hub_member(&f->hub, &den, "dave");
	hub_member(&f->hub, &den, "erin");
	client_start(&f->hub, 0, "erin"); /* the home knows the room */
	struct hub_client *dave = client_open(&f->hub, 1, "dave");
	client_handshake(dave);
	fake_store_read(f->hub.store); /* his rooms, as they are now */
	change_alias(&f->hub, 1, &change, &den, "lair");
	hub_turns(&f->hub, 2);
	fake_store_answer_behind(f->hub.store);
	hub_turns(&f->hub, 4);
	change_expect(&change, 0);
	hub_settle(&f->hub);
	size_t before = lookups(f);
	send_by_alias(dave, "lair");
	hub_settle(&f->hub);
	assert_int_equal(lookups(f), before);
	assert_int_equal(fake_store_head(f->hub.store, &den), 1);
	send_by_alias(dave, "den");
	hub_settle(&f->hub);
	assert_int_equal(fake_store_head(f->hub.store, &den), 1);
}

/* ---- roles ---- */

static void a_role_is_told_and_misses_nothing(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	change_role(&f->hub, 1, &change, &f->room, "bob", ROLE_ADMIN);
	hub_settle(&f->hub);
	change_expect(&change, 0);
	expect_all(f, "RoomUpdated", uuid_text(&f->room));
	room_send(&f->hub, &f->room, 2);
	expect_all(f, "ReceiveMessage", "\"seq\":1,");
	expect_all(f, "ReceiveMessage", "\"seq\":2,");
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_LIST), 0);
}

/* bob is removed by another process; an update, a role or a notice must not cover that up. He is
 * told that he is out, and nothing more. */
static void expect_bob_is_found_out(struct fixture *f, const char *target)
{
	hub_settle(&f->hub);
	for (int i = 0; i < 2; i++) {
		expect_call(f->alice[i], target, "");
		expect_call(f->bob[i], "UserLeft", uuid_text(&f->room));
		assert_null(client_next(f->bob[i]));
	}
	room_send(&f->hub, &f->room, 1);
	for (int i = 0; i < 2; i++) {
		expect_call(f->alice[i], "ReceiveMessage", "");
		assert_null(client_next(f->bob[i]));
	}
}

static void an_update_does_not_cover_up_a_missed_removal(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	struct uuid bob = hub_user("bob");
	fake_store_member_gone(f->hub.store, &f->room, &bob);
	change_name(&f->hub, 0, &change, &f->room, "Without bob");
	expect_bob_is_found_out(f, "RoomUpdated");
}

static void a_role_does_not_cover_up_a_missed_removal(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	struct uuid bob = hub_user("bob");
	hub_member(&f->hub, &f->room, "carol");
	fake_store_member_gone(f->hub.store, &f->room, &bob);
	change_role(&f->hub, 0, &change, &f->room, "carol", ROLE_ADMIN);
	expect_bob_is_found_out(f, "RoomUpdated");
}

/* The fate of a rename is unknown, and before the look at the room is answered, it gets another
 * name: what was seen is old by then. */
static void an_old_look_is_not_told(void **state)
{
	struct fixture *f = *state;
	static struct changing change[2];
	change_name(&f->hub, 1, &change[0], &f->room, "Old");
	hub_turns(&f->hub, 3);
	fake_store_read(f->hub.store);
	fake_store_fail(f->hub.store, ERR_UNCERTAIN, false);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_ROOM_FIND);
	fake_store_read(f->hub.store);
	change_name(&f->hub, 0, &change[1], &f->room, "New");
	hub_turns(&f->hub, 3);
	fake_store_answer_behind(f->hub.store);
	hub_settle(&f->hub);
	change_expect(&change[0], ERR_UNCERTAIN);
	change_expect(&change[1], 0);
	expect_all(f, "RoomUpdated", "\"name\":\"New\"");
	expect_silence(f);
}

/* ---- direct rooms ---- */

static void a_direct_room_is_not_left(void **state)
{
	struct fixture *f = *state;
	fake_store_room_direct(f->hub.store, &f->room);
	client_say(f->bob[1],
		"{'type':1,'invocationId':'1','target':'LeaveRoom','arguments':['general']}");
	hub_settle(&f->hub);
	assert_non_null(strstr(client_next(f->bob[1]),
		"HubException: forbidden: a direct room has exactly two participants: it can only "
		"be deleted"));
	room_send(&f->hub, &f->room, 1);
	expect_all(f, "ReceiveMessage", "\"seq\":1,");
}

/* One who is erased leaves it all the same; for the other it is archived at once. */
static void who_stays_alone_cannot_write(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	fake_store_room_direct(f->hub.store, &f->room);
	change_remove(&f->hub, 0, &change, &f->room, "bob");
	hub_settle(&f->hub);
	change_expect(&change, 0);
	expect_all(f, "UserLeft", uuid_text(&f->room));
	size_t appends = fake_store_calls(f->hub.store, FAKE_APPEND);
	for (int i = 0; i < 2; i++) {
		send_by_alias(f->alice[i], "general");
		hub_turn(&f->hub);
		assert_non_null(strstr(client_next(f->alice[i]), "HubException: archived: "));
	}
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_APPEND), appends);
}

/* ---- notices ---- */

static void a_notice_comes_in_order(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[2];
	static struct changing change[2];
	struct uuid nobody = hub_room(&f->hub, 0, "");
	sending_start(&f->hub, 0, &sendings[0], &f->room, "one");
	hub_settle(&f->hub);
	change_notice(&f->hub, 1, &change[0], &f->room, "tea!");
	sending_start(&f->hub, 1, &sendings[1], &f->room, "two");
	change_notice(&f->hub, 1, &change[1], &nobody, "is there anybody?");
	hub_settle(&f->hub);
	change_expect(&change[0], 0);
	change_expect(&change[1], 0);
	expect_all(f, "ReceiveMessage", "\"content\":\"one\"");
	expect_all(f, "ServerNotification", "\"tea!\"");
	expect_all(f, "ReceiveMessage", "\"content\":\"two\"");
	expect_silence(f);
}

/* While it is not known who is in the room, it waits. */
static void a_notice_waits_for_the_participants(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	static struct changing change;
	struct uuid bob = hub_user("bob");
	fake_store_member_gone(f->hub.store, &f->room, &bob);
	sending_start(&f->hub, 0, &sending, &f->room, "not for bob");
	hub_turns(&f->hub, 3);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_MEMBER_LIST);
	change_notice(&f->hub, 0, &change, &f->room, "nor this");
	hub_turns(&f->hub, 4);
	expect_silence(f);
	hub_settle(&f->hub);
	for (int i = 0; i < 2; i++) {
		expect_call(f->alice[i], "ServerNotification", "\"nor this\"");
		expect_call(f->alice[i], "ReceiveMessage", "\"not for bob\"");
		expect_call(f->bob[i], "UserLeft", uuid_text(&f->room));
		assert_null(client_next(f->bob[i]));
	}
}

/* What is to be sent first is known then. */
static void a_join_waits_for_the_participants(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	struct uuid bob = hub_user("bob");
	fake_store_member_gone(f->hub.store, &f->room, &bob);
	sending_start(&f->hub, 0, &sending, &f->room, "one");
	hub_turns(&f->hub, 3);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 4);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_MEMBER_LIST);
	room_join(f->alice[0], &f->room, ",0,null");
	hub_turns(&f->hub, 4);
	assert_null(client_next(f->alice[0]));
	hub_settle(&f->hub);
	expect_call(f->alice[0], "ReceiveMessage", "\"content\":\"one\"");
	room_expect_joined(
		f->alice[0], &f->room, &(struct room_answer){.last_seq = 1, .from = 1, .to = 1});
}

static void on_announced(struct home_call *call, int err)
{
	CONTAINER_OF(call, struct changing, call)->done += err == 0 ? 1 : 0;
}

/* What made a room tells of its participants when one of them may have gone again. */
static void an_announcement_does_not_bring_back_who_has_left(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	struct uuid room = hub_room(&f->hub, 0, "");
	struct hub_client *carol = client_start(&f->hub, 1, "carol");
	hub_member(&f->hub, &room, "carol");
	change_remove(&f->hub, 0, &change, &room, "carol");
	hub_settle(&f->hub);
	change_expect(&change, 0);
	change = (struct changing){0};
	change.join.announce = change.join.invited = true;
	change.join.add.room = room;
	change.join.add.user = hub_user("carol");
	change.join.add.row = (struct room_row){
		.id = room, .name = BYTES_LIT("new"), .member_version = 1, .version = 1};
	home_join(&f->hub.sv[0], &change.join, on_announced);
	hub_settle(&f->hub);
	assert_int_equal(change.done, 1);
	client_skip(carol);
	change_notice(&f->hub, 0, &change, &room, "not for carol");
	hub_settle(&f->hub);
	assert_null(client_next(carol));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(an_update_takes_its_place_among_the_messages),
		TEST(what_changes_nothing_is_not_told),
		TEST(failures_are_answered_and_not_told),
		TEST(an_archived_room_takes_nothing_at_once),
		TEST(a_renamed_room_is_found_by_its_new_alias),
		TEST(a_row_from_before_a_change_is_corrected),
		TEST(a_role_is_told_and_misses_nothing),
		TEST(an_update_does_not_cover_up_a_missed_removal),
		TEST(a_role_does_not_cover_up_a_missed_removal),
		TEST(an_old_look_is_not_told),
		TEST(a_direct_room_is_not_left),
		TEST(who_stays_alone_cannot_write),
		TEST(a_notice_comes_in_order),
		TEST(a_notice_waits_for_the_participants),
		TEST(a_join_waits_for_the_participants),
		TEST(an_announcement_does_not_bring_back_who_has_left),
	};
#undef TEST
	return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
