/* Server-sent events: WHATWG HTML, section 9.2.6 «Interpreting an event stream», with the examples
 * that stand there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/wire/sse.h"

/* Events as "type|data;" in pieces of step bytes, each in memory of its own; what is refused ends
 * with "!". */
static void read_steps(struct bytes input, size_t step, size_t max, struct buf *out)
{
	struct sse_reader reader;
	struct sse_event event;
	int err = ERR_AGAIN;
	sse_reader_init(&reader, max);
	for (size_t at = 0; at < input.len && err == ERR_AGAIN; at += step) {
		size_t len = input.len - at < step ? input.len - at : step;
		char *copy = mem_dup_bytes(bytes_of(input.ptr + at, len));
		struct bytes rest = bytes_of(copy, len);
		while ((err = sse_reader_next(&reader, &rest, &event)) == 0) {
			buf_append_bytes(out, event.type);
			buf_append_char(out, '|');
			buf_append_bytes(out, event.data);
			buf_append_char(out, ';');
		}
		if (err == ERR_AGAIN) {
			assert_int_equal(rest.len, 0);
		}
		free(copy);
	}
	if (err != ERR_AGAIN) {
		assert_int_equal(err, ERR_TOO_LARGE);
		buf_append_char(out, '!');
	}
	sse_reader_finish(&reader);
}

static void check_max(struct bytes input, size_t max, const char *wanted)
{
	for (size_t step = 1; step <= input.len + 1; step = step < 4 ? step + 1 : step * 2) {
		struct buf out = {0};
		read_steps(input, step, max, &out);
		assert_string_equal(buf_cstr(&out), wanted);
		buf_finish(&out);
	}
	struct buf out = {0};
	read_steps(input, input.len, max, &out);
	assert_string_equal(buf_cstr(&out), wanted);
	buf_finish(&out);
}

static void check(const char *input, const char *wanted)
{
	check_max(bytes_str(input), 1000, wanted);
}

static void test_examples(void **state)
{
	(void)state;
	check("data: YHOO\ndata: +2\ndata: 10\n\n", "message|YHOO\n+2\n10;");
	check(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
	      "data:  third event\n\n",
		"message|first event;message|second event;message| third event;");
	check("data\n\ndata\ndata\n\ndata:", "message|;message|\n;");
	check("data:test\n\ndata: test\n\n", "message|test;message|test;");
	check("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
		"add|73857293;remove|2153;");
}

static void test_line_ends(void **state)
{
	(void)state;
	check("data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message|a;message|b;message|c;");
	check("data: a\rdata: b\r\n\rdata: c\n\r\n", "message|a\nb;message|c;");
	check("data: a\r\ndata: b\r\n\r\nevent: x\r\ndata: c\r\n\r\n", "message|a\nb;x|c;");
	check("data: a\r\n\ndata: b\n\r\n", "message|a;message|b;");
	check("\r\n\n\rdata: a\n\n\n\n", "message|a;");
	check(":\r\n", "");
	check(":\r\ndata: {}\x1e\r\n\r\n", "message|{}\x1e;");
}

/* What has no blank line behind it when the stream ends is no event. */
static void test_unfinished(void **state)
{
	(void)state;
	check("data: a\n\ndata: b\n", "message|a;");
	check("data: a\n\ndata: b", "message|a;");
	check("data: a", "");
	check("", "");
	/* A CR ends the line; whether an LF follows makes no difference. */
	check("data: a\r\n\r", "message|a;");
}

static void test_fields(void **state)
{
	(void)state;
	check("event: x\n\ndata: a\n\n", "message|a;"); /* without data the type is forgotten */
	check("event: x\nevent: y\ndata: a\n\n", "y|a;");
	check("event: x\nevent:\ndata: a\n\n", "message|a;");
	check("event\ndata: a\n\n", "message|a;");
	check("retry: 10\nid: 7\nfoo: bar\nfoo\nDATA: x\n data: y\ndata: a\n\n", "message|a;");
	check("data: a: b\ndata:: c\n\n", "message|a: b\n: c;");
	check(":data: x\n: \n::\n\n", "");
	check("data:\ta\n\n", "message|\ta;");
}

static void test_byte_order_mark(void **state)
{
	(void)state;
	check("\xef\xbb\xbf"
	      "data: a\n\n",
		"message|a;");
	check("\xef\xbb\xbf\n\ndata: a\n\n", "message|a;");
	/* Only at the start. */
	check("\n\xef\xbb\xbf"
	      "data: a\n\n",
		"");
	check("\xef\xbb"
	      "data: a\n\n",
		"");
}

static void test_zero_bytes(void **state)
{
	struct sse_reader reader;
	struct sse_event event;
	struct bytes input = BYTES_LIT("data: a\0b\n\n");
	(void)state;
	sse_reader_init(&reader, 100);
	assert_int_equal(sse_reader_next(&reader, &input, &event), 0);
	assert_true(bytes_eq(event.data, BYTES_LIT("a\0b")));
	sse_reader_finish(&reader);
}

static void test_limits(void **state)
{
	(void)state;
	/* A line: ten bytes are taken, eleven are not, ended or not. */
	check_max(BYTES_LIT(":123456789\ndata: 1\n\n"), 10, "message|1;");
	check_max(BYTES_LIT(":1234567890\ndata: 1\n\n"), 10, "!");
	check_max(BYTES_LIT(":1234567890"), 10, "!");
	/* The data of an event: an LF counts for each line. */
	check_max(BYTES_LIT("data:12345\ndata:678\n\n"), 10, "message|12345\n678;");
	check_max(BYTES_LIT("data:12345\ndata:6789\n\n"), 10, "!");
	check_max(BYTES_LIT("data:12345\ndata:678\ndata\n\n"), 10, "!");
	/* It is the event's limit, not the stream's. */
	check_max(BYTES_LIT("data:12345\n\ndata:12345\n\ndata:12345\n\n"), 10,
		"message|12345;message|12345;message|12345;");
}

static void test_holds_nothing(void **state)
{
	struct sse_reader reader;
	struct sse_event event;
	struct bytes input = BYTES_LIT("event: x\ndata: 12345\n\n");
	(void)state;
	sse_reader_init(&reader, 100);
	assert_int_equal(sse_reader_next(&reader, &input, &event), 0);
	assert_int_equal(sse_reader_next(&reader, &input, &event), ERR_AGAIN);
	assert_null(reader.line.data);
	assert_null(reader.type.data);
	assert_null(reader.data.data);
	input = BYTES_LIT("dat");
	assert_int_equal(sse_reader_next(&reader, &input, &event), ERR_AGAIN);
	assert_non_null(reader.line.data);
	sse_reader_finish(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_zero_bytes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_holds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
