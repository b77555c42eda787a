#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"
#include "tests/unit/hub_vector.h"

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

/* The first record of a chunk. */
static struct bytes first_record(struct bytes chunk)
{
	struct bytes record;
	size_t scanned = 0;
	assert_int_equal(hub_codec_json.next_record(&chunk, 1 << 20, &scanned, &record), 0);
	return record;
}

static void test_what_clients_write(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/hub-messages-written.json");
	assert_true(vectors.count >= 20);
	for (uint32_t i = 0; i < vectors.count; i++) {
		struct bytes record = first_record(json_file_text(&vectors.items[i], "json"));
		struct hub_message message;
		const char *why = "";
		if (read_record(record, &message, &why) != 0) {
			fail_msg("%.*s: %s", BYTES_ARG(record), why);
		}
		assert_message(value_get(&vectors.items[i], "message"), &message);
		/* What we write is read as the same again. */
		struct buf out = {0};
		hub_codec_json.write(&out, &message);
		struct hub_message again;
		assert_int_equal(read_record(first_record(buf_bytes(&out)), &again, &why), 0);
		assert_message(value_get(&vectors.items[i], "message"), &again);
		buf_finish(&out);
	}
}

/* ---- what servers write ---- */

static const struct difference differences[] = {
	{"invocationId empty", 0}, /* counts as none */
	{"arguments missing", ERR_BAD_REQUEST},
	{"completion error and falsy result", ERR_BAD_REQUEST},
	{"unknown type", 0}, /* HUB_UNKNOWN */
	{"stream invocation towards a client", 0},
	{"cancel invocation towards a client", 0},
	{"missing separator", ERR_AGAIN},
	{"second message cut", 0}, /* the first is whole */
	{NULL, 0},
};

/* Cuts and reads the next record of input. */
static int read_next(struct bytes *input, struct hub_message *ret_message)
{
	struct bytes record;
	size_t scanned = 0;
	const char *why;
	int err = hub_codec_json.next_record(input, 1 << 20, &scanned, &record);
	return err != 0 ? err : read_record(record, ret_message, &why);
}

static void test_what_servers_write(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/hub-messages-parsed.json");
	size_t checked = 0;
	for (uint32_t i = 0; i < vectors.count; i++) {
		const struct value *vector = &vectors.items[i];
		if (same_text(vector, "protocol", BYTES_LIT("json"))) {
			check_parsed(
				vector, json_file_text(vector, "input"), differences, read_next);
			checked++;
		}
	}
	assert_true(checked >= 30);
}

/* A message that a server wrote comes out byte for byte when it is read and written again. */
static void test_written_again(void **state)
{
	(void)state;
	static const char *const records[] = {
		"{\"type\":1,\"target\":\"OnMessage\",\"arguments\":[\"a\",\"b\"]}\x1e",
		"{\"type\":1,\"target\":\"Send\",\"arguments\":[\"a\",1]}\x1e",
		"{\"type\":1,\"invocationId\":\"1\",\"target\":\"GetName\",\"arguments\":[]}\x1e",
		"{\"type\":1,\"invocationId\":\"7\",\"target\":\"Upload\",\"arguments\":[\"x\"],"
		"\"streamIds\":[\"6\",\"7\"]}\x1e",
		"{\"type\":2,\"invocationId\":\"1\",\"item\":1}\x1e",
		"{\"type\":2,\"invocationId\":\"1\",\"item\":null}\x1e",
		"{\"type\":3,\"invocationId\":\"1\"}\x1e",
		"{\"type\":3,\"invocationId\":\"1\",\"result\":null}\x1e",
		"{\"type\":3,\"invocationId\":\"1\",\"result\":{\"a\":[true,false,1.5]}}\x1e",
		"{\"type\":3,\"invocationId\":\"a\\\"\\\\\xc3\xa9\\uD83D\\uDE00 "
		"\\u0001\",\"error\":"
		"\"Failed to invoke 'noSuchMETHOD <&'\\\"\\\\ \xc3\xa9\\uD83D\\uDE00\\n' due to an "
		"error on the server. HubException: Method does not exist.\"}\x1e",
		"{\"type\":4,\"invocationId\":\"5\",\"target\":\"Counter\",\"arguments\":[10,500]}"
		"\x1e",
		"{\"type\":5,\"invocationId\":\"5\"}\x1e",
		"{\"type\":6}\x1e",
		"{\"type\":7}\x1e",
		"{\"type\":7,\"allowReconnect\":true}\x1e",
		"{\"type\":7,\"error\":\"Connection closed with an "
		"error.\",\"allowReconnect\":true}"
		"\x1e",
		"{\"type\":8,\"sequenceId\":1394}\x1e",
		"{\"type\":9,\"sequenceId\":4294967296}\x1e",
	};
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct hub_message message;
		const char *why = "";
		if (read_record(first_record(bytes_str(records[i])), &message, &why) != 0) {
			fail_msg("%s: %s", records[i], why);
		}
		struct buf out = {0};
		buf_append_str(&out, "before");
		hub_codec_json.write(&out, &message);
		assert_string_equal(buf_cstr(&out) + 6, records[i]);
		buf_finish(&out);
	}
}

static void assert_written(const struct hub_message *message, const char *expected)
{
	struct buf out = {0};
	hub_codec_json.write(&out, message);
	assert_string_equal(buf_cstr(&out), expected);
	buf_finish(&out);
}

static void test_written_from_fields(void **state)
{
	(void)state;
	struct value arguments = value_array(arena, 1);
	value_add(&arguments, value_time(1704164645678));
	/* What does not belong to the type is not looked at. */
	assert_written(
		&(struct hub_message){
			.type = HUB_INVOCATION,
			.target = BYTES_LIT("\x1e"),
			.arguments = arguments,
			.outcome = HUB_OUTCOME_ERROR,
			.error = BYTES_LIT("e"),
			.allow_reconnect = true,
		},
		"{\"type\":1,\"target\":\"\\u001E\",\"arguments\":[\"2024-01-02T03:04:05.678Z\"]}"
		"\x1e");
	/* An error is never empty, for clients would take that for success. */
	assert_written(
		&(struct hub_message){
			.type = HUB_COMPLETION,
			.invocation_id = BYTES_LIT("1"),
			.outcome = HUB_OUTCOME_ERROR,
		},
		"{\"type\":3,\"invocationId\":\"1\",\"error\":\"Unknown error.\"}\x1e");
	assert_written(&(struct hub_message){.type = HUB_ACK, .sequence_id = INT64_MIN},
		"{\"type\":8,\"sequenceId\":-9223372036854775808}\x1e");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_clients_write),
		TEST(test_what_servers_write),
		TEST(test_written_again),
		TEST(test_written_from_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
