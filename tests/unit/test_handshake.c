#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/hubproto/handshake.h"
#include "tests/unit/json_file.h"

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

#define ALL (~0U) /* codecs */
#define UNEXPECTED "An unexpected error occurred during connection handshake."

static void assert_accepted(struct bytes record, int version)
{
	struct handshake_request request = {0};
	const char *error = "";
	if (handshake_read(arena, record, ALL, false, true, &request, &error) != 0) {
		fail_msg("%.*s: %s", BYTES_ARG(record), error);
	}
	assert_ptr_equal(request.codec, &hub_codec_json);
	assert_int_equal(request.version, version);
}

/* detail: with detailed errors behind the general sentence; NULL: error is all there is. */
static void assert_refused(struct bytes record, const char *error, const char *detail)
{
	struct handshake_request request = {.version = 77};
	const char *got = NULL;
	assert_int_equal(
		handshake_read(arena, record, ALL, true, false, &request, &got), ERR_BAD_REQUEST);
	assert_string_equal(got, error);
	assert_int_equal(
		handshake_read(arena, record, ALL, true, true, &request, &got), ERR_BAD_REQUEST);
	if (detail == NULL) {
		assert_string_equal(got, error);
	} else {
		assert_string_equal(got, arena_printf(arena, "%s %s", error, detail));
	}
	assert_int_equal(request.version, 77);
	assert_null(request.codec);
}

/* The cases handshake/... that were observed on the real server. */
static void test_accepted(void **state)
{
	(void)state;
	assert_accepted(BYTES_LIT("{\"protocol\":\"json\",\"version\":1}"), 1);
	assert_accepted(BYTES_LIT("{\"protocol\":\"json\",\"version\":2}"), 2);
	assert_accepted(BYTES_LIT("{\"protocol\":\"json\",\"version\":0}"), 0);
	assert_accepted(BYTES_LIT("{\"protocol\":\"json\",\"version\":-2147483648}"), INT32_MIN);
	assert_accepted(BYTES_LIT("{\"protocol\":\"json\",\"version\":99,\"version\":1}"), 1);
	assert_accepted(BYTES_LIT("{\"protocol\":\"JSON\",\"version\":1}"), 1);
	assert_accepted(BYTES_LIT(" {\"version\":1,\n\"protocol\":\"Json\"}\r\n"), 1);
	assert_accepted(
		BYTES_LIT("{\"x\":[1,{\"y\":null}],\"protocol\":\"json\",\"z\":{\"protocol\":"
			  "\"xml\"},\"version\":1,\"type\":1,\"minorVersion\":5}"),
		1);
	assert_accepted(BYTES_LIT("{\"\\u0070rotocol\":\"js\\u006fn\",\"version\":1}"), 1);
	assert_accepted(BYTES_LIT("{\"protocol\":\"json\",\"version\":1,\"Version\":9}"), 1);
}

static void test_not_supported(void **state)
{
	(void)state;
	/* The name comes before the version. */
	assert_refused(BYTES_LIT("{\"protocol\":\"xml\",\"version\":99}"),
		"The protocol 'xml' is not supported.", NULL);
	assert_refused(BYTES_LIT("{\"protocol\":\"\",\"version\":1}"),
		"The protocol '' is not supported.", NULL);
	assert_refused(BYTES_LIT("{\"protocol\":\"json\",\"version\":3}"),
		"The server does not support version 3 of the 'json' protocol.", NULL);
	assert_refused(BYTES_LIT("{\"protocol\":\"JsOn\",\"version\":2147483647}"),
		"The server does not support version 2147483647 of the 'JsOn' protocol.", NULL);
	/* A long name is repeated in full. */
	struct buf record = {0}, expected = {0};
	buf_append_str(&record, "{\"protocol\":\"");
	buf_append_str(&expected, "The protocol '");
	for (int i = 0; i < 2000; i++) {
		buf_append_char(&record, 'p');
		buf_append_char(&expected, 'p');
	}
	buf_append_str(&record, "\",\"version\":1}");
	buf_append_str(&expected, "' is not supported.");
	assert_refused(buf_bytes(&record), buf_cstr(&expected), NULL);
	buf_finish(&record);
	buf_finish(&expected);
}

static void test_malformed(void **state)
{
	(void)state;
	static const struct {
		struct bytes record;
		const char *detail;
	} cases[] = {
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":\"1\"}"),
			"InvalidDataException: Expected 'version' to be of type Number."},
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":1.0}"),
			"InvalidDataException: Expected 'version' to be of type Number."},
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":1e0}"),
			"InvalidDataException: Expected 'version' to be of type Number."},
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":2147483648}"),
			"InvalidDataException: Expected 'version' to be of type Number."},
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":null}"),
			"InvalidDataException: Missing required property 'version'. Message "
			"content: {\"protocol\":\"json\",\"version\":null}"},
		{BYTES_LIT("{\"protocol\":1,\"version\":1}"),
			"InvalidDataException: Expected 'protocol' to be of type String."},
		{BYTES_LIT("{\"protocol\":null,\"version\":1}"),
			"InvalidDataException: Expected 'protocol' to be of type String."},
		{BYTES_LIT("{\"protocol\":\"\\ud800\",\"version\":1}"),
			"InvalidDataException: Expected 'protocol' to be of type String."},
		{BYTES_LIT("{\"version\":\"x\",\"protocol\":1}"),
			"InvalidDataException: Expected 'version' to be of type Number."},
		{BYTES_LIT("{\"version\":1}"),
			"InvalidDataException: Missing required property 'protocol'. Message "
			"content: {\"version\":1}"},
		{BYTES_LIT("{\"Protocol\":\"json\",\"version\":1}"),
			"InvalidDataException: Missing required property 'protocol'. Message "
			"content: {\"Protocol\":\"json\",\"version\":1}"},
		{BYTES_LIT("{}"), "InvalidDataException: Missing required property 'protocol'. "
				  "Message content: {}"},
		{BYTES_LIT("{\"type\":6}"),
			"InvalidDataException: Missing required property 'protocol'. Message "
			"content: {\"type\":6}"},
		{BYTES_LIT("[]"), "InvalidDataException: Unexpected JSON Token Type 'Array'. "
				  "Expected a JSON Object."},
		{BYTES_LIT("\"json\""), "InvalidDataException: Unexpected JSON Token Type "
					"'String'. Expected a JSON Object."},
		{BYTES_LIT("1"), "InvalidDataException: Unexpected JSON Token Type 'Number'. "
				 "Expected a JSON Object."},
		{BYTES_LIT("true"), "InvalidDataException: Unexpected JSON Token Type 'True'. "
				    "Expected a JSON Object."},
		{BYTES_LIT("null"), "InvalidDataException: Unexpected JSON Token Type 'Null'. "
				    "Expected a JSON Object."},
		{BYTES_LIT(""), "JsonReaderException: the JSON text ends too early at byte 0."},
		{BYTES_LIT("hello"), "JsonReaderException: not valid JSON at byte 5."},
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":1}x"),
			"JsonReaderException: something follows the JSON value at byte 32."},
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":1}{\"protocol\":\"json\","
			   "\"version\":1}"),
			"JsonReaderException: something follows the JSON value at byte 32."},
		{BYTES_LIT("{\"protocol\":\"json\",\"version\":1,}"),
			"JsonReaderException: not valid JSON at byte 32."},
		{BYTES_LIT("\xff\xfe"), "JsonReaderException: not valid UTF-8 at byte 0."},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_refused(cases[i].record, UNEXPECTED, cases[i].detail);
	}
}

static void test_deep(void **state)
{
	(void)state;
	struct buf record = {0};
	buf_append_str(&record, "{\"x\":");
	for (int i = 0; i < 200; i++) {
		buf_append_char(&record, '[');
	}
	for (int i = 0; i < 200; i++) {
		buf_append_char(&record, ']');
	}
	buf_append_str(&record, ",\"protocol\":\"json\",\"version\":1}");
	assert_refused(buf_bytes(&record), UNEXPECTED,
		"JsonReaderException: nested deeper than 64 levels at byte 68.");
	buf_finish(&record);
}

static void test_beginnings(void **state)
{
	(void)state;
	static const char whole[] = "{\"protocol\":\"json\",\"version\":1}";
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		struct handshake_request request;
		const char *error;
		assert_int_equal(handshake_read(arena, bytes_of(whole, len), ALL, true, false,
					 &request, &error),
			ERR_BAD_REQUEST);
	}
}

static void test_response(void **state)
{
	(void)state;
	struct buf out = {0};
	handshake_write_response(&out, NULL);
	assert_true(bytes_eq(buf_bytes(&out), BYTES_LIT("\x7b\x7d\x1e")));
	buf_clear(&out);
	handshake_write_response(&out, "The protocol 'x\"y' is not supported.");
	assert_string_equal(
		buf_cstr(&out), "{\"error\":\"The protocol 'x\\\"y' is not supported.\"}\x1e");
	buf_finish(&out);
}

/* Cuts the separator; false where there is none. */
static bool cut_record(struct bytes text, struct bytes *ret_record)
{
	ptrdiff_t end = bytes_find_char(text, '\x1e');
	*ret_record = bytes_of(text.ptr, end >= 0 ? (size_t)end : text.len);
	return end >= 0;
}

static void test_vectors_of_requests(void **state)
{
	(void)state;
	struct value root = json_file(arena, "tests/vectors/handshake.json");
	const struct value *requests = value_get(&root, "requests");
	assert_int_equal(requests->count, 4);
	for (uint32_t i = 0; i < requests->count; i++) {
		struct bytes text = json_file_text(&requests->items[i], "text"), record;
		assert_true(cut_record(text, &record));
		struct value members;
		assert_int_equal(json_read(arena, record, &members, NULL), 0);
		const struct hub_codec *codec =
			hub_codec_find(json_file_text(&members, "protocol"));
		if (codec == NULL) {
			continue; /* a protocol that is not built in */
		}
		int version = (int)value_get(&members, "version")->integer;
		struct handshake_request request;
		const char *error;
		assert_int_equal(
			handshake_read(arena, record, ALL, true, true, &request, &error), 0);
		assert_ptr_equal(request.codec, codec);
		assert_int_equal(request.version, version);
		/* And the client's half writes the same bytes. */
		struct buf out = {0};
		handshake_write_request(&out, codec, version);
		assert_true(bytes_eq(buf_bytes(&out), text));
		buf_finish(&out);
		if (codec->binary) {
			assert_int_equal(
				handshake_read(arena, record, ALL, false, true, &request, &error),
				ERR_BAD_REQUEST);
			assert_non_null(strstr(error, "does not support 'Binary'"));
		}
	}
}

static void test_vectors_of_responses(void **state)
{
	(void)state;
	struct value root = json_file(arena, "tests/vectors/handshake.json");
	const struct value *responses = value_get(&root, "responses");
	assert_true(responses->count >= 7);
	for (uint32_t i = 0; i < responses->count; i++) {
		const struct value *vector = &responses->items[i];
		struct bytes record;
		if (!cut_record(json_file_text(vector, "text"), &record)) {
			continue; /* not whole: the framing's business */
		}
		const char *error = NULL;
		int err = handshake_read_response(arena, record, &error);
		if (value_get(vector, "accepted")->boolean) {
			assert_int_equal(err, 0);
		} else if (value_get(vector, "parse_error") != NULL) {
			assert_int_equal(err, ERR_BAD_REQUEST);
			assert_true(
				bytes_eq(json_file_text(vector, "parse_error"), bytes_str(error)));
		} else {
			assert_int_equal(err, ERR_UNAVAILABLE);
			assert_true(bytes_eq(json_file_text(value_get(vector, "parsed"), "error"),
				bytes_str(error)));
		}
	}
	const char *error = NULL;
	assert_int_equal(handshake_read_response(arena, BYTES_LIT("{\"error\":1}"), &error),
		ERR_BAD_REQUEST);
	assert_non_null(strstr(error, "'error'"));
	assert_int_equal(handshake_read_response(arena, BYTES_LIT("[]"), &error), ERR_BAD_REQUEST);
	assert_int_equal(handshake_read_response(arena, BYTES_LIT("{"), &error), ERR_BAD_REQUEST);
	assert_non_null(strstr(error, "cannot be read"));
}

static void test_find_codec(void **state)
{
	(void)state;
	assert_ptr_equal(hub_codec_find(BYTES_LIT("jSoN")), &hub_codec_json);
	assert_null(hub_codec_find(BYTES_LIT("jso")));
	assert_null(hub_codec_find(BYTES_NONE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_accepted),
		TEST(test_not_supported),
		TEST(test_malformed),
		TEST(test_deep),
		TEST(test_beginnings),
		TEST(test_response),
		TEST(test_vectors_of_requests),
		TEST(test_vectors_of_responses),
		TEST(test_find_codec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
