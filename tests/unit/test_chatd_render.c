/* Rows as clients see them. */
#include "chatd/room/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/value/json.h"
#include "lib/value/msgpack.h"
#include "tests/unit/fake_store.h"

#define MESSAGE \
	"{\"id\":\"03030303-0303-8303-8303-030303030303\"," \
	"\"roomId\":\"01010101-0101-8101-8101-010101010101\",\"seq\":7," \
	"\"senderId\":\"02020202-0202-8202-8202-020202020202\",\"type\":\"Text\",\"refSeq\":null," \
	"\"status\":\"Sent\",\"clientMessageId\":null,\"sentAt\":\"2023-11-14T22:13:20.000Z\","

static struct uuid uuid_filled(uint8_t byte)
{
	struct uuid id;
	memset(id.b, byte, sizeof(id.b));
	id.b[6] = (uint8_t)(0x80 | (byte & 0x0f));
	id.b[8] = (uint8_t)(0x80 | (byte & 0x3f));
	return id;
}

static struct message_row a_message(void)
{
	return (struct message_row){
		.room = uuid_filled(1),
		.sender = uuid_filled(2),
		.imported_id = uuid_filled(3),
		.seq = 7,
		.sent_ms = INT64_C(1700000000000),
		.content = BYTES_LIT("hello"),
	};
}

static void expect_json(const struct value *value, const char *wanted)
{
	struct buf json = {0};
	json_write(&json, value);
	assert_string_equal(buf_cstr(&json), wanted);
	buf_finish(&json);
}

static void expect_message(const struct message_row *row, const char *wanted)
{
	struct fake_store *store = fake_store_create();
	struct arena *arena = arena_create(0);
	struct value value = render_message(arena, fake_store_base(store), row);
	expect_json(&value, wanted);
	arena_destroy(&arena);
	fake_store_destroy(&store);
}

/* What each receiver gets of each message has no member more than it needs. */
static void a_plain_message(void **state)
{
	struct message_row row = a_message();
	(void)state;
	expect_message(&row, MESSAGE "\"content\":\"hello\"}");
}

static void an_edited_message(void **state)
{
	struct message_row row = a_message();
	(void)state;
	row.edited_ms = row.sent_ms + 1500;
	expect_message(
		&row, MESSAGE "\"content\":\"hello\",\"editedAt\":\"2023-11-14T22:13:21.500Z\"}");
}

/* With everything that a row can have; a deleted one of an encrypted room has no cipher text. */
static void a_deleted_message(void **state)
{
	struct message_row row = a_message();
	(void)state;
	row.edited_ms = row.sent_ms + 1500;
	row.deleted_ms = row.sent_ms + 3000;
	row.content = BYTES_NONE;
	const char *wanted = MESSAGE "\"content\":\"\",\"editedAt\":\"2023-11-14T22:13:21.500Z\","
				     "\"deletedAt\":\"2023-11-14T22:13:23.000Z\"}";
	expect_message(&row, wanted);
	row.encrypted = true;
	row.nonce = BYTES_LIT("bm9uY2U=");
	expect_message(&row, wanted);
}

static void a_replayed_message(void **state)
{
	struct fake_store *store = fake_store_create();
	struct arena *arena = arena_create(0);
	struct message_row row = a_message();
	(void)state;
	row.encrypted = true;
	row.content = BYTES_LIT("Y2lwaGVy");
	row.nonce = BYTES_LIT("bm9uY2U=");
	row.auth_tag = BYTES_LIT("dGFn");
	row.attachment = BYTES_LIT("{\"url\":\"u\"}");
	row.edited_ms = row.deleted_ms = 0;
	struct hub_message message = render_replayed_message(arena, fake_store_base(store), &row);
	assert_int_equal(message.type, HUB_INVOCATION);
	assert_true(bytes_eq(message.target, BYTES_LIT("ReceiveMessage")));
	assert_int_equal(message.arguments.count, 1);
	expect_json(&message.arguments.items[0],
		MESSAGE "\"encryptedContent\":\"Y2lwaGVy\",\"nonce\":\"bm9uY2U=\",\"authTag\":"
			"\"dGFn\",\"attachment\":{\"url\":\"u\"},\"replayed\":true}");
	/* All its names are those of fields, also within what was read from the store. */
	struct buf packed = {0};
	msgpack_write(&packed, &message.arguments.items[0], MSGPACK_NAMES_PASCAL);
	const struct bytes spelt = BYTES_LIT("\xaa"
					     "Attachment\x81\xa3Url\xa1u\xa8Replayed\xc3");
	assert_non_null(memmem(packed.data, packed.len, spelt.ptr, spelt.len));
	buf_finish(&packed);
	/* The fullest there can be finds room. */
	row.edited_ms = row.sent_ms;
	message = render_replayed_message(arena, fake_store_base(store), &row);
	assert_true(value_get(&message.arguments.items[0], "replayed")->boolean);
	arena_destroy(&arena);
	fake_store_destroy(&store);
}

static void notices_of_rooms(void **state)
{
	struct arena *arena = arena_create(0);
	struct room_row row = {
		.id = uuid_filled(1),
		.alias = BYTES_LIT("den"),
		.name = BYTES_LIT("The den"),
		.created_ms = INT64_C(1700000000000),
		.last_activity_ms = INT64_C(1700000000000),
		.archived_ms = INT64_C(1700000000001),
		.member_count = 2,
	};
	(void)state;
	struct hub_message updated = render_room_updated(arena, &row);
	struct value room = render_room(arena, &row);
	assert_true(bytes_eq(updated.target, BYTES_LIT("RoomUpdated")));
	assert_int_equal(updated.arguments.count, 1);
	struct buf json = {0};
	json_write(&json, &room);
	expect_json(&updated.arguments.items[0], buf_cstr(&json));
	assert_non_null(strstr(buf_cstr(&json), "\"archivedAt\":\"2023-11-14T22:13:20.001Z\""));
	buf_finish(&json);
	struct hub_message deleted = render_room_deleted(arena, &row.id);
	assert_true(bytes_eq(deleted.target, BYTES_LIT("RoomDeleted")));
	expect_json(&deleted.arguments, "[\"01010101-0101-8101-8101-010101010101\"]");
	arena_destroy(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_message),
		cmocka_unit_test(an_edited_message),
		cmocka_unit_test(a_deleted_message),
		cmocka_unit_test(a_replayed_message),
		cmocka_unit_test(notices_of_rooms),
	};
	return cmocka_run_group_tests_name("chatd_render", tests, NULL, NULL);
}
