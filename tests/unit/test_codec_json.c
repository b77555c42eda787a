#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

static int read_record(struct bytes record, struct hub_message *ret_message, const char **ret_why)
{
	return hub_codec_json.read(arena, record, ret_message, ret_why);
}

static struct hub_message read_ok(const char *record)
{
	struct hub_message message = {0};
	const char *why = "";
	if (read_record(bytes_str(record), &message, &why) != 0) {
		fail_msg("%s: %s", record, why);
	}
	return message;
}

static void assert_text(struct bytes text, const char *expected)
{
	if (!bytes_eq(text, bytes_str(expected))) {
		fail_msg("\"%.*s\" is not \"%s\"", BYTES_ARG(text), expected);
	}
}

/* ---- framing ---- */

static void test_next_record(void **state)
{
	(void)state;
	struct bytes input = BYTES_LIT("{\"type\":6}\x1e\x1e{\"t"), record;
	size_t scanned = 0;
	assert_int_equal(hub_codec_json.next_record(&input, 100, &scanned, &record), 0);
	assert_text(record, "{\"type\":6}");
	assert_int_equal(scanned, 0);
	/* An empty record is one, too (and malformed). */
	assert_int_equal(hub_codec_json.next_record(&input, 100, &scanned, &record), 0);
	assert_int_equal(record.len, 0);
	const char *rest = input.ptr;
	assert_int_equal(hub_codec_json.next_record(&input, 100, &scanned, &record), ERR_AGAIN);
	assert_ptr_equal(input.ptr, rest);
	assert_int_equal(input.len, 3);
	assert_int_equal(scanned, 3);
	input = BYTES_NONE;
	scanned = 0;
	assert_int_equal(hub_codec_json.next_record(&input, 100, &scanned, &record), ERR_AGAIN);
}

static void test_next_record_byte_by_byte(void **state)
{
	(void)state;
	static const char stream[] = "{\"type\":6}\x1e{\"type\":7}\x1e";
	size_t start = 0, scanned = 0, records = 0;
	for (size_t end = 0; end <= sizeof(stream) - 1; end++) {
		struct bytes input = bytes_of(stream + start, end - start), record;
		int err = hub_codec_json.next_record(&input, 11, &scanned, &record);
		if (err == 0) {
			assert_int_equal(stream[end - 1], '\x1e');
			assert_int_equal(input.len, 0);
			assert_int_equal(scanned, 0);
			start = end;
			records++;
		} else {
			assert_int_equal(err, ERR_AGAIN);
			assert_int_equal(scanned, end - start);
		}
	}
	assert_int_equal(records, 2);
}

/* What was scanned is not looked at again: a separator put there later is not found. */
static void test_next_record_remembers(void **state)
{
	(void)state;
	char text[] = "abcdef";
	struct bytes input = bytes_of(text, 4), record;
	size_t scanned = 0;
	assert_int_equal(hub_codec_json.next_record(&input, 100, &scanned, &record), ERR_AGAIN);
	text[1] = '\x1e';
	text[5] = '\x1e';
	input = bytes_of(text, 6);
	assert_int_equal(hub_codec_json.next_record(&input, 100, &scanned, &record), 0);
	assert_int_equal(record.len, 5);
}

static void test_record_size(void **state)
{
	(void)state;
	/* The limit counts the separator. */
	struct bytes input = BYTES_LIT("{\"type\":6}\x1e"), record;
	size_t scanned = 0;
	assert_int_equal(hub_codec_json.next_record(&input, 11, &scanned, &record), 0);
	input = BYTES_LIT("{\"type\":6}\x1e");
	assert_int_equal(hub_codec_json.next_record(&input, 10, &scanned, &record), ERR_TOO_LARGE);
	/* It is noticed as soon as it is certain. */
	scanned = 0;
	input = BYTES_LIT("123456789");
	assert_int_equal(hub_codec_json.next_record(&input, 10, &scanned, &record), ERR_AGAIN);
	input = BYTES_LIT("1234567890");
	assert_int_equal(hub_codec_json.next_record(&input, 10, &scanned, &record), ERR_TOO_LARGE);
	/* Many small ones together may be longer. */
	scanned = 0;
	input = BYTES_LIT("1234\x1e"
			  "5678\x1e"
			  "90\x1e");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(hub_codec_json.next_record(&input, 5, &scanned, &record), 0);
	}
	assert_int_equal(input.len, 0);
}

/* ---- reading ---- */

static void test_invocation(void **state)
{
	(void)state;
	struct hub_message message = read_ok(
		"{\"type\":1,\"invocationId\":\"7\",\"target\":\"Upload\",\"arguments\":[\"x\",{}],"
		"\"streamIds\":[\"6\",\"7\"],\"headers\":{\"a\":\"b\"}}");
	assert_int_equal(message.type, HUB_INVOCATION);
	assert_text(message.invocation_id, "7");
	assert_text(message.target, "Upload");
	assert_int_equal(message.arguments.kind, VALUE_ARRAY);
	assert_int_equal(message.arguments.count, 2);
	assert_int_equal(message.stream_id_count, 2);
	assert_text(message.stream_ids[0], "6");
	assert_text(message.stream_ids[1], "7");

	/* An empty id counts as none, an empty target as a method like any other. */
	message = read_ok("{\"type\":1,\"invocationId\":\"\",\"target\":\"\",\"arguments\":[],"
			  "\"streamIds\":[]}");
	assert_int_equal(message.invocation_id.len, 0);
	assert_int_equal(message.target.len, 0);
	assert_int_equal(message.stream_id_count, 0);

	/* Any order, escaped names, repeated and unknown members. */
	message = read_ok(
		"{\"arguments\":[1],\"zzz\":{\"type\":9},\"target\":\"a\",\"\\u0074arget\":"
		"\"b\",\"Type\":6,\"invocationId\":\"1\",\"invocationId\":\"2\",\"type\":1}");
	assert_int_equal(message.type, HUB_INVOCATION);
	assert_text(message.target, "b");
	assert_text(message.invocation_id, "2");
	assert_int_equal(message.arguments.items[0].integer, 1);

	message = read_ok("{\"type\":4,\"invocationId\":\"1\",\"target\":\"x\",\"arguments\":[]}");
	assert_int_equal(message.type, HUB_STREAM_INVOCATION);
}

static void test_items_and_completions(void **state)
{
	(void)state;
	struct hub_message message = read_ok("{\"type\":2,\"invocationId\":\"3\",\"item\":null}");
	assert_int_equal(message.type, HUB_STREAM_ITEM);
	assert_int_equal(message.item.kind, VALUE_NULL);
	message = read_ok("{\"item\":[42],\"type\":2,\"invocationId\":\"3\"}");
	assert_int_equal(message.item.items[0].integer, 42);

	message = read_ok("{\"type\":3,\"invocationId\":\"4\"}");
	assert_int_equal(message.type, HUB_COMPLETION);
	assert_int_equal(message.outcome, HUB_OUTCOME_VOID);
	message = read_ok("{\"type\":3,\"invocationId\":\"4\",\"result\":null}");
	assert_int_equal(message.outcome, HUB_OUTCOME_RESULT);
	assert_int_equal(message.item.kind, VALUE_NULL);
	message = read_ok("{\"type\":3,\"invocationId\":\"4\",\"error\":\"boom\"}");
	assert_int_equal(message.outcome, HUB_OUTCOME_ERROR);
	assert_text(message.error, "boom");
	message = read_ok("{\"type\":5,\"invocationId\":\"4\"}");
	assert_int_equal(message.type, HUB_CANCEL_INVOCATION);
	assert_text(message.invocation_id, "4");
}

static void test_the_others(void **state)
{
	(void)state;
	assert_int_equal(read_ok(" {\"type\" : 6}\n").type, HUB_PING);
	struct hub_message message = read_ok("{\"type\":7}");
	assert_int_equal(message.type, HUB_CLOSE);
	assert_int_equal(message.error.len, 0);
	assert_false(message.allow_reconnect);
	message = read_ok("{\"type\":7,\"error\":\"e\",\"allowReconnect\":true}");
	assert_text(message.error, "e");
	assert_true(message.allow_reconnect);
	message = read_ok("{\"type\":8,\"sequenceId\":9223372036854775807}");
	assert_int_equal(message.type, HUB_ACK);
	assert_true(message.sequence_id == INT64_MAX);
	message = read_ok("{\"type\":9,\"sequenceId\":-1}");
	assert_int_equal(message.type, HUB_SEQUENCE);
	assert_int_equal(message.sequence_id, -1);
}

static void test_unknown_types(void **state)
{
	(void)state;
	static const char *const records[] = {
		"{\"type\":0}",
		"{\"type\":10}",
		"{\"type\":-1}",
		"{\"type\":99,\"invocationId\":\"1\",\"x\":{}}",
		"{\"type\":2147483647}",
		"{\"type\":-2147483648}",
	};
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		assert_int_equal(read_ok(records[i]).type, HUB_UNKNOWN);
	}
}

static void test_bad_text_in_arguments(void **state)
{
	(void)state;
	struct hub_message message =
		read_ok("{\"type\":1,\"target\":\"x\",\"arguments\":[\"\\ud800\",\"fine\"]}");
	assert_true(message.arguments.items[0].bad_text);
	assert_false(message.arguments.items[1].bad_text);
	message = read_ok("{\"type\":2,\"invocationId\":\"1\",\"item\":\"\\udc00\"}");
	assert_true(message.item.bad_text);
}

static void test_deep_arguments(void **state)
{
	(void)state;
	for (int depth = 62; depth <= 64; depth++) {
		struct buf record = {0};
		buf_append_str(&record, "{\"type\":1,\"target\":\"x\",\"arguments\":");
		for (int i = 0; i < depth; i++) {
			buf_append_char(&record, '[');
		}
		for (int i = 0; i < depth; i++) {
			buf_append_char(&record, ']');
		}
		buf_append_char(&record, '}');
		struct hub_message message;
		const char *why = "";
		assert_int_equal(read_record(buf_bytes(&record), &message, &why),
			depth < 64 ? 0 : ERR_BAD_REQUEST);
		buf_finish(&record);
	}
}

static void test_malformed(void **state)
{
	(void)state;
	static const struct {
		const char *record;
		const char *why;
	} cases[] = {
		{"", "Error reading JSON."},
		{"nope", "Error reading JSON."},
		{"{", "Error reading JSON."},
		{"{\"type\":6}x", "Error reading JSON."},
		{"{\"type\":6}{\"type\":6}", "Error reading JSON."},
		{"{\"type\":6,}", "Error reading JSON."},
		{"{\"type\":6/*c*/}", "Error reading JSON."},
		{"{\"type\":06}", "Error reading JSON."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":[NaN]}", "Error reading JSON."},
		{"{\"type\":1,\"target\":\"No\x01\",\"arguments\":[]}", "Error reading JSON."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":[\"\xff\"]}", "Error reading JSON."},
		{"\xef\xbb\xbf{\"type\":6}", "Error reading JSON."},
		{"[1]", "Unexpected JSON Token Type 'Array'. Expected a JSON Object."},
		{"null", "Unexpected JSON Token Type 'Null'. Expected a JSON Object."},
		{"false", "Unexpected JSON Token Type 'False'. Expected a JSON Object."},
		{"6", "Unexpected JSON Token Type 'Number'. Expected a JSON Object."},
		{"6.5", "Unexpected JSON Token Type 'Number'. Expected a JSON Object."},
		{"\"x\"", "Unexpected JSON Token Type 'String'. Expected a JSON Object."},
		{"{}", "Missing required property 'type'."},
		{"{\"target\":\"x\",\"arguments\":[]}", "Missing required property 'type'."},
		{"{\"type\":null}", "Expected 'type' to be of type Number."},
		{"{\"type\":\"1\"}", "Expected 'type' to be of type Number."},
		{"{\"type\":true}", "Expected 'type' to be of type Number."},
		{"{\"type\":1.0}", "Expected 'type' to be of type Number."},
		{"{\"type\":1e0}", "Expected 'type' to be of type Number."},
		{"{\"type\":2147483648}", "Expected 'type' to be of type Number."},
		{"{\"type\":99999999999999999999}", "Expected 'type' to be of type Number."},
		{"{\"type\":1,\"arguments\":[]}", "Missing required property 'target'."},
		{"{\"type\":1}", "Missing required property 'target'."},
		{"{\"type\":1,\"target\":\"x\"}", "Missing required property 'arguments'."},
		{"{\"type\":1,\"target\":null,\"arguments\":[]}",
			"Expected 'target' to be of type String."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":{}}",
			"Expected 'arguments' to be of type Array."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":null}",
			"Expected 'arguments' to be of type Array."},
		{"{\"type\":1,\"invocationId\":1,\"target\":\"x\",\"arguments\":[]}",
			"Expected 'invocationId' to be of type String."},
		{"{\"type\":1,\"invocationId\":null,\"target\":\"x\",\"arguments\":[]}",
			"Expected 'invocationId' to be of type String."},
		{"{\"type\":1,\"invocationId\":\"\\ud800\",\"target\":\"x\",\"arguments\":[]}",
			"Error reading JSON."},
		{"{\"type\":1,\"target\":\"\\ud800\",\"arguments\":[]}", "Error reading JSON."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":[],\"streamIds\":null}",
			"Expected 'streamIds' to be of type Array."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":[],\"streamIds\":[\"1\",null]}",
			"Null value for 'streamIds' is not valid."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":[],\"streamIds\":[1]}",
			"Expected 'streamIds' to be of type String."},
		{"{\"type\":1,\"target\":\"x\",\"arguments\":[],\"streamIds\":[\"\\udc00\"]}",
			"Error reading JSON."},
		{"{\"type\":6,\"headers\":null}", "Expected 'headers' to be of type StartObject."},
		{"{\"type\":6,\"headers\":[]}", "Expected 'headers' to be of type StartObject."},
		{"{\"type\":6,\"headers\":{\"a\":1}}", "Expected header 'a' to be of type String."},
		{"{\"type\":6,\"headers\":{\"a\":\"\\ud800\"}}", "Error reading JSON."},
		{"{\"type\":2,\"invocationId\":\"9\"}", "Missing required property 'item'."},
		{"{\"type\":2,\"item\":1}", "Missing required property 'invocationId'."},
		{"{\"type\":2,\"invocationId\":\"\",\"item\":1}",
			"Missing required property 'invocationId'."},
		{"{\"type\":3,\"result\":1}", "Missing required property 'invocationId'."},
		{"{\"type\":3,\"invocationId\":\"\"}", "Missing required property 'invocationId'."},
		{"{\"type\":3,\"invocationId\":\"9\",\"error\":null}",
			"Expected 'error' to be of type String."},
		{"{\"type\":3,\"invocationId\":\"9\",\"result\":1,\"error\":\"x\"}",
			"The 'error' and 'result' properties are mutually exclusive."},
		{"{\"type\":3,\"invocationId\":\"9\",\"result\":null,\"error\":\"\"}",
			"The 'error' and 'result' properties are mutually exclusive."},
		{"{\"type\":4,\"target\":\"x\",\"arguments\":[]}",
			"Missing required property 'invocationId'."},
		{"{\"type\":4,\"invocationId\":\"1\",\"arguments\":[]}",
			"Missing required property 'target'."},
		{"{\"type\":4,\"invocationId\":\"1\",\"target\":\"x\"}",
			"Missing required property 'arguments'."},
		{"{\"type\":4,\"invocationId\":\"\",\"target\":\"x\",\"arguments\":[]}",
			"Missing required property 'invocationId'."},
		{"{\"type\":5}", "Missing required property 'invocationId'."},
		{"{\"type\":7,\"allowReconnect\":\"true\"}",
			"Expected 'allowReconnect' to be true or false."},
		{"{\"type\":7,\"error\":1}", "Expected 'error' to be of type String."},
		{"{\"type\":8}", "Missing required property 'sequenceId'."},
		{"{\"type\":9,\"sequenceId\":null}", "Missing required property 'sequenceId'."},
		{"{\"type\":9,\"sequenceId\":\"1\"}",
			"Expected 'sequenceId' to be of type Number."},
		{"{\"type\":9,\"sequenceId\":1.5}", "Expected 'sequenceId' to be of type Number."},
		{"{\"type\":9,\"sequenceId\":9223372036854775808}",
			"Expected 'sequenceId' to be of type Number."},
		/* As the members are met; what is missing comes after the end. */
		{"{\"allowReconnect\":1,\"type\":\"x\"}",
			"Expected 'allowReconnect' to be true or false."},
		{"{\"type\":99,\"arguments\":1}", "Expected 'arguments' to be of type Array."},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hub_message message = {.sequence_id = 77};
		const char *why = "";
		int err = read_record(bytes_str(cases[i].record), &message, &why);
		if (err != ERR_BAD_REQUEST || strcmp(why, cases[i].why) != 0) {
			fail_msg("%s: %d %s", cases[i].record, err, why);
		}
		assert_int_equal(message.sequence_id, 77);
	}
}

/* Each beginning of a record is malformed and nothing is read behind it. */
static void test_beginnings(void **state)
{
	(void)state;
	static const char whole[] = "{\"type\":1,\"invocationId\":\"1\",\"target\":\"Send\\u0041\","
				    "\"arguments\":[1.5,\"\\ud83d\\ude00\"],\"streamIds\":[\"2\"]}";
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *exact = malloc(len > 0 ? len : 1);
		memcpy(exact, whole, len);
		struct hub_message message;
		const char *why;
		assert_int_equal(
			read_record(bytes_of(exact, len), &message, &why), ERR_BAD_REQUEST);
		free(exact);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_next_record),
		TEST(test_next_record_byte_by_byte),
		TEST(test_next_record_remembers),
		TEST(test_record_size),
		TEST(test_invocation),
		TEST(test_items_and_completions),
		TEST(test_the_others),
		TEST(test_unknown_types),
		TEST(test_bad_text_in_arguments),
		TEST(test_deep_arguments),
		TEST(test_malformed),
		TEST(test_beginnings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
