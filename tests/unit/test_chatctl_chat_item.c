/* What the hub sends, as chatctl keeps it: the same from JSON and from MessagePack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chatctl/chat_item.h"
#include "lib/base/err.h"
#include "lib/value/json.h"
#include "lib/value/tree.h"

static struct value read_json(struct arena *arena, const char *text)
{
	struct value value;
	assert_int_equal(json_read(arena, bytes_str(text), &value, NULL), 0);
	return value;
}

static void assert_json(const struct value *value, const char *text)
{
	struct buf out = {0};
	json_write(&out, value);
	assert_string_equal(buf_cstr(&out), text);
	buf_finish(&out);
}

static void test_names(void **state)
{
	static const char *const sent[] = {
		"{\"roomId\":\"R\",\"attachment\":{\"mediaType\":\"Image/"
		"Png\"},\"list\":[{\"aB\":1}]}",
		"{\"RoomId\":\"R\",\"Attachment\":{\"MediaType\":\"Image/"
		"Png\"},\"List\":[{\"AB\":1}]}",
	};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct arena *arena = arena_create(0);
		struct value value = read_json(arena, sent[i]);
		struct chat_item *message = chat_item_message(&value);
		struct value arguments = value_array(arena, 1);
		value_add(&arguments, value);
		struct chat_item *event = chat_item_event(BYTES_LIT("RoomUpdated"), &arguments);
		arena_destroy(&arena); /* they are copies */
		assert_json(&message->value, sent[0]);
		assert_json(&event->value.items[0], sent[0]);
		assert_true(bytes_eq(event->target, BYTES_LIT("RoomUpdated")));
		assert_true(bytes_eq(chat_value_text(&message->value, "roomId"), BYTES_LIT("R")));
		chat_item_free(&message);
		chat_item_free(&event);
		assert_null(message);
	}
}

/* What the daemon answers to commands may hold data as names, which stay. */
static void test_plain_copy(void **state)
{
	static const char text[] = "{\"Key\":{\"Other\":[true,null,1.5,\"x\"]},\"\":2}";
	struct arena *from = arena_create(0), *to = arena_create(0);
	(void)state;
	struct value value = read_json(from, text);
	struct value copy = value_copy(to, &value);
	arena_destroy(&from);
	assert_json(&copy, text);
	arena_destroy(&to);
}

static void test_members(void **state)
{
	struct arena *arena = arena_create(0);
	struct value value =
		read_json(arena, "{\"Seq\":7,\"zero\":0,\"minus\":-1,\"Text\":\"t\","
				 "\"sentAt\":\"2024-01-02T03:04:05.678Z\",\"bad\":\"x\"}");
	int64_t ms = 1;
	(void)state;
	assert_int_equal(chat_value_number(&value, "seq"), 7);
	assert_int_equal(chat_value_number(&value, "zero"), 0);
	assert_int_equal(chat_value_number(&value, "minus"), 0);
	assert_int_equal(chat_value_number(&value, "text"), 0);
	assert_int_equal(chat_value_text(&value, "seq").len, 0);
	assert_true(bytes_eq(chat_value_text(&value, "text"), BYTES_LIT("t")));
	assert_int_not_equal(chat_value_time(&value, "bad", &ms), 0);
	assert_int_not_equal(chat_value_time(&value, "seq", &ms), 0);
	assert_int_not_equal(chat_value_time(&value, "none", &ms), 0);
	assert_int_equal(ms, 1);
	assert_int_equal(chat_value_time(&value, "sentAt", &ms), 0);
	assert_int_equal(ms, INT64_C(1704164645678));
	/* MessagePack has times of its own. */
	struct value packed = value_object(arena, 1);
	value_put(&packed, "SentAt", value_time(INT64_C(1704164645678)));
	ms = 1;
	assert_int_equal(chat_value_time(&packed, "sentAt", &ms), 0);
	assert_int_equal(ms, INT64_C(1704164645678));
	arena_destroy(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_plain_copy),
		cmocka_unit_test(test_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
