/* Lines of the console, made of messages and events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "chatctl/chat_item.h"
#include "chatctl/chat_lines.h"
#include "lib/base/clock.h"
#include "lib/value/json.h"

#define ROOM "73719723-c081-4fd3-b1c7-76b1363d793e"
#define SENT "\"senderId\":\"u1\",\"sentAt\":\"2024-01-02T12:34:56.000Z\""

static const char *name_of(void *ctx, struct bytes id)
{
	(void)ctx;
	return bytes_eq(id, BYTES_LIT("u1")) ? "ann" : "\033[31mevil";
}

static const struct chat_style plain = {.colour = false, .name = name_of};
static const struct chat_style coloured = {.colour = true, .name = name_of};

static struct arena *arena;

static struct value json(const char *text)
{
	struct value value;
	assert_int_equal(json_read(arena, bytes_str(text), &value, NULL), 0);
	return value;
}

static void assert_message(const char *message, const char *line)
{
	struct buf out = {0};
	struct value value = json(message);
	chat_lines_message(&out, &value, &plain);
	assert_string_equal(buf_cstr(&out), line);
	buf_finish(&out);
}

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	arena = arena_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

static void test_messages(void **state)
{
	(void)state;
	assert_message("{" SENT ",\"type\":\"Text\",\"content\":\"h\\u00e9 \\u65e5\"}",
		"12:34 ann: h\u00e9 \u65e5\n");
	assert_message("{" SENT ",\"type\":\"Text\",\"content\":\"one\\ntwo\\n\"}",
		"12:34 ann: one\n      two\n      \n");
	assert_message("{" SENT ",\"type\":\"Edit\",\"refSeq\":12,\"content\":\"better\"}",
		"12:34 ann: (edited #12) better\n");
	assert_message(
		"{" SENT ",\"type\":\"Delete\",\"refSeq\":12}", "12:34 ann: (#12 deleted)\n");
	assert_message("{" SENT ",\"type\":\"Text\",\"content\":\"new\",\"editedAt\":\"x\"}",
		"12:34 ann: new (edited)\n");
	assert_message("{" SENT ",\"type\":\"Text\",\"content\":null,\"deletedAt\":\"x\"}",
		"12:34 ann: (deleted)\n");
	assert_message("{" SENT ",\"type\":\"Text\",\"encryptedContent\":\"AAAA\"}",
		"12:34 ann: (encrypted)\n");
	assert_message("{" SENT ",\"type\":\"Image\",\"content\":\"look\",\"attachment\":"
		       "{\"url\":\"https://x/y.png\",\"name\":\"y.png\"}}",
		"12:34 ann: (image y.png) https://x/y.png look\n");
	assert_message("{" SENT ",\"type\":\"File\",\"content\":\"\",\"attachment\":{\"url\":"
		       "\"https://x/y\"}}",
		"12:34 ann: (file) https://x/y\n");
}

static void test_messages_that_lack_much(void **state)
{
	(void)state;
	assert_message("{}", "--:-- System: \n");
	assert_message(
		"{\"type\":\"System\",\"content\":\"up\",\"senderId\":null}", "--:-- System: up\n");
	assert_message(
		"{\"type\":\"Image\",\"sentAt\":7,\"content\":[]}", "--:-- Image: (image) \n");
	assert_message("{\"type\":\"Edit\",\"refSeq\":-3,\"senderId\":\"u1\"}",
		"--:-- ann: (edited #0) \n");
}

static void test_others_cannot_steer_the_terminal(void **state)
{
	struct buf out = {0};
	(void)state;
	assert_message(
		"{\"senderId\":\"u2\",\"type\":\"Text\",\"content\":\"\\u001b[2J\\r\\u202e\"}",
		"--:-- \\x1B[31mevil: \\x1B[2J\\x0D\\u202E\n");
	assert_message("{\"type\":\"\\u0007\",\"content\":\"\"}", "--:-- \\x07: \n");
	struct value args = json("[\"u2\",\"" ROOM "\"]");
	chat_lines_event(&out, BYTES_LIT("UserJoined"), &args, BYTES_LIT(ROOM), &plain);
	assert_string_equal(buf_cstr(&out), "-- \\x1B[31mevil has joined\n");
	buf_finish(&out);
}

static void assert_event(const char *target, const char *arguments, const char *line)
{
	struct buf out = {0};
	struct value value = json(arguments);
	chat_lines_event(&out, bytes_str(target), &value, BYTES_LIT(ROOM), &plain);
	assert_string_equal(buf_cstr(&out), line);
	buf_finish(&out);
}

static void test_events(void **state)
{
	(void)state;
	assert_event("UserJoined", "[\"u1\",\"" ROOM "\"]", "-- ann has joined\n");
	assert_event("UserLeft", "[\"u1\",\"" ROOM "\"]", "-- ann has left\n");
	assert_event("UserLeft", "[\"u1\",\"another\"]", "");
	assert_event("UserLeft", "[]", "");
	assert_event("UserLeft", "[1,2]", "");
	assert_event("RoomDeleted", "[\"" ROOM "\"]", "-- the room was deleted\n");
	assert_event("RoomDeleted", "[\"another\"]", "");
	assert_event("RoomUpdated", "[{\"id\":\"" ROOM "\",\"name\":\"New\"}]",
		"-- the room was changed: New\n");
	assert_event("RoomUpdated", "[{\"id\":\"" ROOM "\",\"name\":\"New\",\"archivedAt\":\"x\"}]",
		"-- the room was changed: New, archived\n");
	assert_event("RoomUpdated", "[{\"id\":\"another\",\"name\":\"New\"}]", "");
	assert_event("RoomUpdated", "[]", "");
	assert_event("ServerNotification", "[\"down\\nsoon\",\"2024\"]",
		"-- the server says: down\n-- soon\n");
	assert_event("PresenceChanged", "[\"u1\",\"Online\",null]", "");
}

static void test_who_is_named(void **state)
{
	(void)state;
	struct value args = json("[\"u1\",\"" ROOM "\"]");
	assert_true(bytes_eq(chat_lines_event_user(BYTES_LIT("UserLeft"), &args, BYTES_LIT(ROOM)),
		BYTES_LIT("u1")));
	assert_int_equal(
		chat_lines_event_user(BYTES_LIT("UserLeft"), &args, BYTES_LIT("other")).len, 0);
	assert_int_equal(
		chat_lines_event_user(BYTES_LIT("RoomDeleted"), &args, BYTES_LIT(ROOM)).len, 0);
}

static void test_colours(void **state)
{
	struct buf out = {0};
	(void)state;
	struct value value = json("{" SENT ",\"type\":\"Text\",\"content\":\"hi\"}");
	chat_lines_message(&out, &value, &coloured);
	const char *line = buf_cstr(&out);
	assert_non_null(strstr(line, "\033[2m12:34\033[0m "));
	assert_non_null(strstr(line, "ann\033[0m: hi\n"));
	buf_clear(&out);
	chat_lines_notice(&out, BYTES_LIT("a\nb"), &coloured);
	assert_string_equal(buf_cstr(&out), "\033[2m-- a\033[0m\n\033[2m-- b\033[0m\n");
	buf_finish(&out);
}

static void day(const char *sent, const char *now, long *at, const char *line)
{
	struct buf out = {0};
	char text[128];
	int64_t now_ms;
	snprintf(text, sizeof(text), "{\"sentAt\":\"%s\"}", sent);
	struct value value = json(text);
	assert_int_equal(clock_parse(bytes_str(now), &now_ms), 0);
	chat_lines_day(&out, &value, now_ms, at, &plain);
	assert_string_equal(buf_cstr(&out), line);
	buf_finish(&out);
}

static void test_days(void **state)
{
	long at = 0;
	(void)state;
	day("2024-03-01T10:00:00Z", "2024-03-01T23:00:00Z", &at, "");
	day("2024-03-01T11:00:00Z", "2024-03-01T23:00:00Z", &at, "");
	day("2024-02-29T11:00:00Z", "2024-03-01T23:00:00Z", &at, "-- 2024-02-29\n");
	day("2024-02-29T11:00:00Z", "2024-03-01T23:00:00Z", &at, "");
	day("nonsense", "2024-03-01T23:00:00Z", &at, "");
	day("2024-03-01T11:00:00Z", "2024-03-01T23:00:00Z", &at, "-- 2024-03-01\n");
	at = 0;
	day("2023-03-01T11:00:00Z", "2024-03-01T23:00:00Z", &at, "-- 2023-03-01\n");
}

static void test_items_are_copies(void **state)
{
	(void)state;
	struct value value = json("{\"a\":[1,\"two\",null,true,2.5,{\"b\":{}}],\"n\":-1}");
	struct chat_item *item = chat_item_message(&value);
	struct buf one = {0}, two = {0};
	json_write(&one, &value);
	arena_reset(arena);
	memset(arena_alloc(arena, 512), 'x', 512);
	json_write(&two, &item->value);
	assert_true(bytes_eq(buf_bytes(&one), buf_bytes(&two)));
	assert_int_equal(chat_value_number(&item->value, "n"), 0);
	assert_int_equal(chat_value_text(&item->value, "a").len, 0);
	chat_item_free(&item);
	assert_null(item);
	buf_finish(&one);
	buf_finish(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_messages_that_lack_much),
		cmocka_unit_test(test_others_cannot_steer_the_terminal),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_who_is_named),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_items_are_copies),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
