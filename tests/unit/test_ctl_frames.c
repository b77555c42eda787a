/* Frames of the control socket: known bytes, byte by byte, limits, other versions, nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/ctl/frames.h"
#include "lib/value/json.h"

static int arena_setup(void **state)
{
	*state = arena_create(0);
	return 0;
}

static int arena_teardown(void **state)
{
	struct arena *arena = *state;
	arena_destroy(&arena);
	return 0;
}

static void assert_bytes(struct bytes got, struct bytes wanted)
{
	if (!bytes_eq(got, wanted)) {
		fail_msg("\"%.*s\" instead of \"%.*s\"", BYTES_ARG(got), BYTES_ARG(wanted));
	}
}

static void test_known_bytes(void **state)
{
	struct buf out = {0};
	struct value args = value_object(*state, 2);
	value_put(&args, "name", value_str("general"));
	value_put(&args, "private", value_bool(true));
	const struct ctl_request request = {
		.id = 7, .command = BYTES_LIT("room create"), .args = args};
	assert_int_equal(ctl_request_write(&out, &request), 0);
	assert_bytes(buf_bytes(&out), BYTES_LIT("\0\0\0\x4f{\"v\":1,\"id\":7,\"command\":\"room "
						"create\",\"args\":{\"name\":"
						"\"general\",\"private\":true}}"));
	buf_clear(&out);
	assert_int_equal(ctl_item_write(&out, 7, &args), 0);
	ctl_end_write(&out, 7, 0, NULL, NULL);
	assert_bytes(
		buf_bytes(&out), BYTES_LIT("\0\0\0\x37{\"v\":1,\"id\":7,\"item\":{\"name\":"
					   "\"general\",\"private\":true}}"
					   "\0\0\0\x22{\"v\":1,\"id\":7,\"end\":true,\"exit\":0}"));
	buf_clear(&out);
	ctl_end_write(&out, 7, ERR_NOT_FOUND, "no \"x\"", "look");
	assert_bytes(buf_bytes(&out),
		BYTES_LIT("\0\0\0\x62{\"v\":1,\"id\":7,\"end\":true,\"exit\":4,\"error\":{\"code\":"
			  "\"not_found\",\"message\":\"no \\\"x\\\"\",\"hint\":\"look\"}}"));
	buf_finish(&out);
}

/* The reader sees a prefix of every length, and takes nothing before a frame is whole. */
static void test_byte_by_byte(void **state)
{
	static const char input[] = "\0\0\0\2{}\0\0\0\3[1]\0\0\1\0";
	const size_t whole = sizeof(input) - 1;
	(void)state;
	for (size_t len = 0; len <= whole; len++) {
		struct bytes rest = bytes_of(input, len);
		struct bytes json = BYTES_NONE;
		size_t frames = 0;
		while (ctl_frame_next(&rest, &json) == 0) {
			assert_bytes(json, frames == 0 ? BYTES_LIT("{}") : BYTES_LIT("[1]"));
			frames++;
		}
		assert_int_equal(frames, (size_t)(len >= 6) + (size_t)(len >= 13));
		assert_int_equal(ctl_frame_next(&rest, &json), ERR_AGAIN);
		assert_int_equal(rest.len, len - (len >= 13 ? 13 : len >= 6 ? 6 : 0));
	}
}

static void test_frame_limits(void **state)
{
	(void)state;
	struct bytes json;
	struct bytes most = BYTES_LIT("\x00\x10\x00\x00x");
	assert_int_equal(ctl_frame_next(&most, &json), ERR_AGAIN);
	struct bytes more = BYTES_LIT("\x00\x10\x00\x01"); /* refused before a byte of it came */
	assert_int_equal(ctl_frame_next(&more, &json), ERR_TOO_LARGE);
	assert_int_equal(more.len, 4);
	struct bytes sign = BYTES_LIT("\xff\xff\xff\xff{}");
	assert_int_equal(ctl_frame_next(&sign, &json), ERR_TOO_LARGE);
	struct bytes http = BYTES_LIT("GET / HTTP/1.1\r\n");
	assert_int_equal(ctl_frame_next(&http, &json), ERR_TOO_LARGE);
	struct bytes empty = BYTES_LIT("\0\0\0\0{}");
	assert_int_equal(ctl_frame_next(&empty, &json), ERR_BAD_REQUEST);
}

/* What is too long is not half written. */
static void test_write_limits(void **state)
{
	struct buf out = {0}, text = {0};
	buf_append_str(&out, "kept");
	buf_reserve(&text, CTL_FRAME_MAX);
	memset(text.data, 'x', CTL_FRAME_MAX);
	size_t around = strlen("{\"v\":1,\"id\":0,\"item\":\"\"}");
	struct value item = value_text(bytes_of(text.data, CTL_FRAME_MAX - around));
	assert_int_equal(ctl_item_write(&out, 0, &item), 0);
	assert_int_equal(out.len, 4 + CTL_FRAME_HEAD + CTL_FRAME_MAX);
	out.len = 4;
	item.text.len++;
	assert_int_equal(ctl_item_write(&out, 0, &item), ERR_TOO_LARGE);
	assert_bytes(buf_bytes(&out), BYTES_LIT("kept"));
	const struct ctl_request request = {
		.command = bytes_of(text.data, CTL_FRAME_MAX), .args = value_object(*state, 0)};
	assert_int_equal(ctl_request_write(&out, &request), ERR_TOO_LARGE);
	assert_bytes(buf_bytes(&out), BYTES_LIT("kept"));
	/* An end always fits; a character is not cut in two. */
	for (size_t i = 0; i + 2 < CTL_FRAME_MAX; i += 3) {
		memcpy(text.data + i, "\xe2\x82\xac", 3);
	}
	text.data[CTL_FRAME_MAX - 1] = '\0';
	buf_clear(&out);
	ctl_end_write(&out, 1, ERR_INTERNAL, text.data, text.data);
	struct bytes input = buf_bytes(&out), json = BYTES_NONE;
	struct ctl_answer answer;
	const char *why = NULL;
	assert_int_equal(ctl_frame_next(&input, &json), 0);
	assert_int_equal(ctl_answer_read(*state, json, &answer, &why), 0);
	assert_int_equal(answer.message.len, 16383);
	assert_int_equal(answer.exit, 1);
	buf_finish(&out);
	buf_finish(&text);
}

static void test_requests(void **state)
{
	static const struct {
		const char *json;
		int err;
	} rows[] = {
		{"{\"v\":1,\"id\":0,\"command\":\"ping\"}", 0},
		{"{\"v\":1,\"id\":9,\"command\":\"ping\",\"args\":{\"a\":1},\"new\":null}", 0},
		{"{\"v\":2,\"id\":9,\"command\":\"ping\"}", ERR_MISMATCH},
		{"{\"v\":\"1\",\"id\":9,\"command\":\"ping\"}", ERR_BAD_REQUEST},
		{"{\"id\":9,\"command\":\"ping\"}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"command\":\"ping\"}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":-1,\"command\":\"ping\"}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":1.0,\"command\":\"ping\"}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":1}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":1,\"command\":7}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":1,\"command\":\"\\ud800\"}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":1,\"command\":\"ping\",\"args\":[]}", ERR_BAD_REQUEST},
		{"[]", ERR_BAD_REQUEST},
		{"{\"v\":1", ERR_BAD_REQUEST},
		{"", ERR_BAD_REQUEST},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ctl_request request;
		const char *why = NULL;
		assert_int_equal(ctl_request_read(*state, bytes_str(rows[i].json), &request, &why),
			rows[i].err);
		if (rows[i].err < 0) {
			assert_non_null(why);
			continue;
		}
		assert_bytes(request.command, BYTES_LIT("ping"));
		assert_int_equal(request.args.kind, VALUE_OBJECT);
		assert_int_equal(request.args.count, i);
	}
	struct ctl_request request;
	const char *why = NULL;
	ctl_request_read(*state, BYTES_LIT("{\"v\":2,\"id\":9}"), &request, &why);
	assert_int_equal(request.id, 9); /* so that the refusal can be answered */
	assert_string_equal(
		why, "the other side speaks version 2 of the control frames, this one 1");
}

static void test_answers(void **state)
{
	static const struct {
		const char *json;
		int err;
	} rows[] = {
		{"{\"v\":1,\"id\":3,\"item\":{\"a\":1}}", 0},
		{"{\"v\":1,\"item\":{}}", 0},
		{"{\"v\":1,\"id\":3,\"end\":true,\"exit\":8}", 0},
		{"{\"v\":1,\"id\":3,\"end\":true,\"exit\":0,\"error\":null}", 0},
		{"{\"v\":1,\"end\":true,\"exit\":4,\"error\":{\"code\":\"a\",\"message\":\"b\"}}",
			0},
		{"{\"v\":3,\"item\":1}", ERR_MISMATCH},
		{"{\"v\":1,\"item\":null}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"item\":[{}]}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"item\":7}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":3}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"end\":false}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"end\":true}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"end\":true,\"exit\":9}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"end\":true,\"exit\":-1}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"end\":true,\"exit\":1,\"error\":{}}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"end\":true,\"exit\":1,\"error\":7}", ERR_BAD_REQUEST},
		{"{\"v\":1,\"end\":true,\"exit\":1,\"error\":{\"code\":\"a\",\"message\":"
		 "\"\\udc00\"}}",
			ERR_BAD_REQUEST},
		{"{\"v\":1,\"id\":\"3\",\"item\":1}", ERR_BAD_REQUEST},
		{"7", ERR_BAD_REQUEST},
	};
	struct ctl_answer answer;
	const char *why = NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = NULL;
		assert_int_equal(ctl_answer_read(*state, bytes_str(rows[i].json), &answer, &why),
			rows[i].err);
		assert_int_equal(why != NULL, rows[i].err < 0);
	}
	assert_int_equal(ctl_answer_read(*state, bytes_str(rows[0].json), &answer, &why), 0);
	assert_int_equal(answer.kind, CTL_ITEM);
	assert_int_equal(answer.id, 3);
	assert_int_equal(value_get(&answer.item, "a")->integer, 1);
	assert_int_equal(ctl_answer_read(*state, bytes_str(rows[2].json), &answer, &why), 0);
	assert_int_equal(answer.kind, CTL_END);
	assert_int_equal(answer.exit, 8);
	assert_false(answer.has_error);
	assert_int_equal(ctl_answer_read(*state, bytes_str(rows[4].json), &answer, &why), 0);
	assert_int_equal(answer.id, -1);
	assert_true(answer.has_error);
	assert_bytes(answer.code, BYTES_LIT("a"));
	assert_int_equal(answer.hint.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known_bytes, arena_setup, arena_teardown),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_frame_limits),
		cmocka_unit_test_setup_teardown(test_write_limits, arena_setup, arena_teardown),
		cmocka_unit_test_setup_teardown(test_requests, arena_setup, arena_teardown),
		cmocka_unit_test_setup_teardown(test_answers, arena_setup, arena_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
