#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"
#include "tests/unit/hex.h"
#include "tests/unit/same_value.h"

static struct arena *arena;
static const struct hub_codec *codec;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	codec = hub_codec_msgpack(MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

/* A record without its prefix. */
static int read_record(const char *hex, struct hub_message *ret_message, const char **ret_why)
{
	/* A block of its own, so that a sanitizer sees a byte read behind it. */
	struct bytes record = hex_alloc(bytes_str(hex));
	int err = codec->read(arena, record, ret_message, ret_why);
	free((char *)record.ptr);
	return err;
}

static struct hub_message read_ok(const char *hex)
{
	struct hub_message message = {0};
	const char *why = "";
	if (read_record(hex, &message, &why) != 0) {
		fail_msg("%s: %s", hex, why);
	}
	return message;
}

static void assert_refused(const char *hex, const char *expected)
{
	struct hub_message message;
	const char *why = NULL;
	if (read_record(hex, &message, &why) != ERR_BAD_REQUEST) {
		fail_msg("%s is not refused", hex);
	}
	assert_string_equal(why, expected);
}

static void assert_text(struct bytes text, const char *expected)
{
	if (!bytes_eq(text, bytes_str(expected))) {
		fail_msg("\"%.*s\" is not \"%s\"", BYTES_ARG(text), expected);
	}
}

static void test_calls(void **state)
{
	(void)state;
	struct hub_message message = read_ok("96 01 80 a137 a4 53656e64 92a161c0 92a136a137");
	assert_int_equal(message.type, HUB_INVOCATION);
	assert_text(message.invocation_id, "7");
	assert_text(message.target, "Send");
	assert_int_equal(message.arguments.kind, VALUE_ARRAY);
	assert_int_equal(message.arguments.count, 2);
	assert_text(message.arguments.items[0].text, "a");
	assert_int_equal(message.stream_id_count, 2);
	assert_text(message.stream_ids[1], "7");
	/* An empty id is none; other heads than the shortest. */
	message = read_ok("dc0006 cc01 de0000 d900 da000153 dd00000000 dc0000");
	assert_int_equal(message.type, HUB_INVOCATION);
	assert_int_equal(message.invocation_id.len, 0);
	assert_text(message.target, "S");
	assert_int_equal(message.arguments.count, 0);
	assert_int_equal(message.stream_id_count, 0);
	message = read_ok("95 04 81a16ba176 a131 a153 90");
	assert_int_equal(message.type, HUB_STREAM_INVOCATION);
	/* Elements of later versions, of whatever kind. */
	message = read_ok("98 01 80 c0 a153 9101 90 81c0d40000 93010203");
	assert_int_equal(message.arguments.count, 1);
}

static void test_completions(void **state)
{
	(void)state;
	struct hub_message message = read_ok("94 03 80 a134 02");
	assert_int_equal(message.outcome, HUB_OUTCOME_VOID);
	message = read_ok("95 03 80 a134 02 01");
	assert_int_equal(message.outcome, HUB_OUTCOME_VOID);
	message = read_ok("95 03 80 a134 03 c0");
	assert_int_equal(message.outcome, HUB_OUTCOME_RESULT);
	assert_int_equal(message.item.kind, VALUE_NULL);
	message = read_ok("95 03 80 a134 01 a0");
	assert_int_equal(message.outcome, HUB_OUTCOME_ERROR);
	assert_int_equal(message.error.len, 0);
	message = read_ok("95 03 80 a134 01 c0");
	assert_int_equal(message.outcome, HUB_OUTCOME_VOID);
}

static void test_others(void **state)
{
	(void)state;
	struct hub_message message = read_ok("94 02 80 a131 93010203");
	assert_int_equal(message.type, HUB_STREAM_ITEM);
	assert_int_equal(message.item.count, 3);
	message = read_ok("93 05 80 a131");
	assert_int_equal(message.type, HUB_CANCEL_INVOCATION);
	assert_text(message.invocation_id, "1");
	assert_int_equal(read_ok("91 d006").type, HUB_PING);
	message = read_ok("92 07 a0");
	assert_int_equal(message.error.len, 0);
	message = read_ok("94 07 a165 c3 c0");
	assert_text(message.error, "e");
	assert_true(message.allow_reconnect);
	assert_true(read_ok("92 08 d38000000000000000").sequence_id == INT64_MIN);
	assert_true(read_ok("92 09 cf7fffffffffffffff").sequence_id == INT64_MAX);
	/* Unknown ones are skipped, whatever follows. */
	assert_int_equal(read_ok("91 00").type, HUB_UNKNOWN);
	assert_int_equal(read_ok("92 0a 05").type, HUB_UNKNOWN);
	assert_int_equal(read_ok("91 ff").type, HUB_UNKNOWN);
	assert_int_equal(read_ok("94 d27fffffff 80 a0 9190").type, HUB_UNKNOWN);
}

/* In ASP.NET Core's words where it reads as strictly. */
static const char *const refused[][2] = {
	{"", "The message is no array."},
	{"c0", "The message is no array."},
	{"81 0601", "The message is no array."},
	{"92 06", "The message is no array."},
	{"dcffff 06", "The message is no array."},
	{"90", "Reading 'messageType' as Int32 failed."},
	{"91 c0", "Reading 'messageType' as Int32 failed."},
	{"91 a136", "Reading 'messageType' as Int32 failed."},
	{"91 cb4018000000000000", "Reading 'messageType' as Int32 failed."},
	{"91 ce80000000", "Reading 'messageType' as Int32 failed."},
	{"91 cfffffffffffffffff", "Reading 'messageType' as Int32 failed."},
	{"91 c1", "Reading 'messageType' as Int32 failed."},
	{"91 06 00", "Bytes follow the message in its frame."},
	{"92 06 c1", "Error reading MessagePack."},
	{"92 0a 91", "Error reading MessagePack."},
	{"91 01", "Reading map length for 'headers' failed."},
	{"95 01 c0 c0 a153 90", "Reading map length for 'headers' failed."},
	{"95 01 90 c0 a153 90", "Reading map length for 'headers' failed."},
	{"95 01 81 01a176 c0 a153 90", "Reading 'headers[0].Key' as String failed."},
	{"95 01 82 a16ba176 a16c01 c0 a153 90", "Reading 'headers[1].Value' as String failed."},
	{"95 01 81 a0a176 c0 a153 90", "Null or empty key in header."},
	{"95 01 81 c0a176 c0 a153 90", "Null or empty key in header."},
	{"95 01 81 a16ba0 c0 a153 90", "Null or empty value in header."},
	{"95 01 81 a16bc0 c0 a153 90", "Null or empty value in header."},
	{"95 01 80 01 a153 90", "Reading 'invocationId' as String failed."},
	{"95 01 80 a1ff a153 90", "Reading 'invocationId' as String failed."},
	{"92 01 80", "Reading 'invocationId' as String failed."},
	{"95 01 80 c0 01 90", "Reading 'target' as String failed."},
	{"95 01 80 c0 a3eda080 90", "Reading 'target' as String failed."},
	{"93 01 80 c0", "Reading 'target' as String failed."},
	{"95 01 80 c0 c0 90", "Null or empty target for Invocation message."},
	{"95 01 80 c0 a0 90", "Null or empty target for Invocation message."},
	{"95 04 80 a131 a0 90", "Null or empty target for StreamInvocation message."},
	{"95 04 80 a0 a153 90", "Null or empty invocation ID for StreamInvocation message."},
	{"94 02 80 c0 01", "Null or empty invocation ID for StreamItem message."},
	{"94 03 80 a0 02", "Null or empty invocation ID for Completion message."},
	{"93 05 80 c0", "Null or empty invocation ID for CancelInvocation message."},
	{"94 01 80 c0 a153", "Reading array length for 'arguments' failed."},
	{"95 01 80 c0 a153 80", "Reading array length for 'arguments' failed."},
	{"95 01 80 c0 a153 c0", "Reading array length for 'arguments' failed."},
	{"95 01 80 c0 a153 dd7fffffff", "Reading array length for 'arguments' failed."},
	{"95 01 80 c0 a153 91c1", "Error reading MessagePack."},
	{"95 01 80 c0 a153 9292", "Reading array length for 'arguments' failed."},
	{"96 01 80 c0 a153 90 c0", "Reading array length for 'streamIds' failed."},
	{"96 01 80 c0 a153 90 9101", "Reading 'streamIds' as String failed."},
	{"96 01 80 c0 a153 90 91a0", "Null or empty value in streamIds received."},
	{"96 01 80 c0 a153 90 91c0", "Null or empty value in streamIds received."},
	{"93 02 80 a131", "Reading 'item' failed."},
	{"94 02 80 a131 c1", "Error reading MessagePack."},
	{"93 03 80 a131", "Reading 'resultKind' as Int32 failed."},
	{"94 03 80 a131 a132", "Reading 'resultKind' as Int32 failed."},
	{"95 03 80 a131 00 01", "Invalid invocation result kind."},
	{"95 03 80 a131 04 01", "Invalid invocation result kind."},
	{"94 03 80 a131 01", "Reading 'error' as String failed."},
	{"95 03 80 a131 01 01", "Reading 'error' as String failed."},
	{"94 03 80 a131 03", "Reading 'result' failed."},
	{"91 07", "Reading 'error' as String failed."},
	{"92 07 05", "Reading 'error' as String failed."},
	{"93 07 c0 01", "Reading 'allowReconnect' as Boolean failed."},
	{"93 07 c0 c0", "Reading 'allowReconnect' as Boolean failed."},
	{"91 08", "Reading 'sequenceId' as Int64 failed."},
	{"92 09 a131", "Reading 'sequenceId' as Int64 failed."},
	{"92 08 cf8000000000000000", "Reading 'sequenceId' as Int64 failed."},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_refused(refused[i][0], refused[i][1]);
	}
}

/* No beginning of a message is one, and nothing is read behind its end. */
static void test_cut_off(void **state)
{
	(void)state;
	static const char *const messages[] = {
		"96 01 81a16ba176 a137 a4 53656e64 92 82a161d6ff65937d25a162c403010203 c0 "
		"92a136a137",
		"94 02 80 a131 d9056162636465",
		"95 03 80 a134 01 a4626f6f6d",
		"95 03 80 a134 03 93010203",
		"93 05 80 a131",
		"93 07 a3657272 c2",
		"92 08 cd0572",
		"93 2a 81a16101 dc000101",
	};
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct bytes whole = hex_bytes(arena, bytes_str(messages[i]));
		for (size_t len = 0; len < whole.len; len++) {
			char *copy = malloc(len > 0 ? len : 1);
			memcpy(copy, whole.ptr, len);
			struct hub_message message;
			const char *why = NULL;
			assert_int_equal(codec->read(arena, bytes_of(copy, len), &message, &why),
				ERR_BAD_REQUEST);
			assert_non_null(why);
			free(copy);
		}
		read_ok(messages[i]);
	}
}

/* Arguments that no parameter takes are no breach of the protocol. */
static void test_unfit_arguments(void **state)
{
	(void)state;
	struct hub_message message = read_ok("95 01 80 c0 a153 95 a1ff d46400 810102 d6ff65937d25 "
					     "c70663d27fffffff1f");
	assert_int_equal(message.arguments.count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct value *argument = &message.arguments.items[i];
		assert_true(
			i == 3 ? argument->kind == VALUE_TIME : same_value(argument, &value_unfit));
	}
}

/* 64 levels with the message's own array, as in JSON. */
static void assert_depth(const char *head, size_t levels, int expected)
{
	struct bytes start = hex_bytes(arena, bytes_str(head));
	struct buf record = {0};
	buf_append_bytes(&record, start);
	for (size_t i = 0; i < levels; i++) {
		buf_append_char(&record, '\x91');
	}
	buf_append_char(&record, '\x01');
	struct hub_message message;
	const char *why;
	assert_int_equal(codec->read(arena, buf_bytes(&record), &message, &why), expected);
	buf_finish(&record);
}

static void test_depth(void **state)
{
	(void)state;
	assert_depth("94 02 80 a131", 63, 0);
	assert_depth("94 02 80 a131", 64, ERR_BAD_REQUEST);
	assert_depth("95 01 80 c0 a153 91", 62, 0);
	assert_depth("95 01 80 c0 a153 91", 63, ERR_BAD_REQUEST);
	assert_depth("92 06", 63, 0);
	assert_depth("92 06", 64, ERR_BAD_REQUEST);
	assert_depth("94 02 80 a131", 100000, ERR_BAD_REQUEST);
	assert_depth("", 100000, ERR_BAD_REQUEST);
	assert_depth("92 0a", 100000, ERR_BAD_REQUEST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_calls),
		TEST(test_completions),
		TEST(test_others),
		TEST(test_refused),
		TEST(test_cut_off),
		TEST(test_unfit_arguments),
		TEST(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
