/* WebSocket conformance, size: section 9 of the Autobahn suite: large messages, in one frame, in
 * many, in many arrivals; and what a reader costs meanwhile. */
#include <malloc.h>
#include <time.h>

#include "tests/unit/ws_echo.h"

#define KIB 1024
#define MIB ((size_t)1024 * 1024)

static void fill(struct buf *ret, enum ws_opcode opcode, size_t size)
{
	static const char text[] = "The quick brown fox \xe2\x82\xac ";
	for (size_t i = 0; i < size; i++) {
		buf_append_char(ret, opcode == WS_TEXT ? text[i % (sizeof(text) - 1)] : (char)i);
	}
	for (size_t i = 0; opcode == WS_TEXT && i < 3 && i < size; i++) {
		ret->data[size - 1 - i] = '.'; /* not inside a character */
	}
}

/* The message comes back whole when it goes in frames of frame_size bytes and arrives in pieces of
 * step bytes. */
static void assert_large(enum ws_opcode opcode, size_t size, size_t frame_size, size_t step)
{
	struct buf payload = {0}, input = {0}, sees = {0};
	struct echo echo;
	fill(&payload, opcode, size);
	put_message(&input, opcode, buf_bytes(&payload), frame_size);
	buf_append_str(&sees, opcode == WS_TEXT ? "text[" : "binary[");
	buf_append_bytes(&sees, buf_bytes(&payload));
	buf_append_str(&sees, "]\n");
	echo_init(&echo, ECHO_MAX_FRAME);
	echo_take_all(&echo, buf_bytes(&input), (struct cuts){step, 0});
	assert_sees("9", &echo.out, buf_bytes(&sees));
	echo_finish(&echo);
	buf_finish(&payload);
	buf_finish(&input);
	buf_finish(&sees);
}

/* 9.1, 9.2 */
static void test_one_frame(void **state)
{
	static const size_t sizes[] = {64 * KIB, 256 * KIB, 1 * MIB, 4 * MIB, 16 * MIB};
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_large(WS_TEXT, sizes[i], sizes[i], SIZE_MAX);
		assert_large(WS_BINARY, sizes[i], sizes[i], 64 * KIB);
	}
}

/* 9.3, 9.4 */
static void test_fragments(void **state)
{
	(void)state;
	for (size_t frame_size = 64; frame_size <= 4 * MIB; frame_size *= 4) {
		assert_large(WS_TEXT, 4 * MIB, frame_size, 64 * KIB);
		assert_large(WS_BINARY, 4 * MIB, frame_size, 64 * KIB);
	}
}

/* 9.5, 9.6 */
static void test_arrivals(void **state)
{
	(void)state;
	for (size_t step = 1; step <= 2048; step = step == 1 ? 64 : step * 2) {
		assert_large(WS_TEXT, 1 * MIB, 1 * MIB, step);
		assert_large(WS_BINARY, 1 * MIB, 1 * MIB, step);
	}
}

/* 9.7, 9.8 */
static void test_many_messages(void **state)
{
	static const size_t sizes[] = {0, 16, 64, 256, 1024, 4096};
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		const enum ws_opcode opcode = i % 2 == 0 ? WS_TEXT : WS_BINARY;
		struct buf payload = {0}, input = {0}, sees = {0};
		struct echo echo;
		fill(&payload, opcode, sizes[i / 2]);
		for (int n = 0; n < 1000; n++) {
			put_frame(&input, (uint8_t)(0x80 | opcode), buf_bytes(&payload));
			buf_append_str(&sees, opcode == WS_TEXT ? "text[" : "binary[");
			buf_append_bytes(&sees, buf_bytes(&payload));
			buf_append_str(&sees, "]\n");
		}
		echo_init(&echo, ECHO_MAX_FRAME);
		echo_take_all(&echo, buf_bytes(&input), (struct cuts){0, 7});
		assert_sees("9.7, 9.8", &echo.out, buf_bytes(&sees));
		echo_finish(&echo);
		buf_finish(&payload);
		buf_finish(&input);
		buf_finish(&sees);
	}
}

/* A length is judged when its last byte is there, whatever it claims and whether or not anything
 * follows; one below it is waited for. */
static void test_claims(void **state)
{
	static const struct {
		uint64_t length, max;
		const char *sees;
	} rows[] = {
		{UINT64_C(1) << 62, ECHO_MAX_FRAME, "close 1009[frame too long]\n"},
		{INT64_MAX, ECHO_MAX_FRAME, "close 1009[frame too long]\n"},
		{UINT64_C(1) << 63, ECHO_MAX_FRAME,
			"close 1002[length with the highest bit set]\n"},
		{UINT64_MAX, ECHO_MAX_FRAME, "close 1002[length with the highest bit set]\n"},
		{(uint64_t)UINT32_MAX + 1, ECHO_MAX_FRAME, "close 1009[frame too long]\n"},
		{1001, 1000, "close 1009[frame too long]\n"},
		{1000, 1000, ""},
		{INT64_MAX, INT64_MAX, ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct echo echo;
		char header[10] = {(char)0x82, (char)0xff};
		for (int k = 0; k < 8; k++) {
			header[2 + k] = (char)(rows[i].length >> (56 - 8 * k));
		}
		echo_init(&echo, rows[i].max);
		echo_take(&echo, bytes_of(header, 9));
		assert_int_equal(echo.out.len, 0);
		echo_take(&echo, bytes_of(header + 9, 1));
		assert_sees("claims", &echo.out, bytes_str(rows[i].sees));
		if (!echo.ended) {
			echo_take(&echo, BYTES_LIT("maskabc"));
			assert_int_equal(echo.message.len, 3);
		}
		echo_finish(&echo);
	}
}

/* The bound is of a frame: a message of more is nothing to the reader, which keeps none of it. */
static void test_bound_is_of_frames(void **state)
{
	struct buf payload = {0}, input = {0};
	struct echo echo;
	(void)state;
	fill(&payload, WS_BINARY, 10000);
	put_message(&input, WS_BINARY, buf_bytes(&payload), 1000);
	echo_init(&echo, 1000);
	echo_take_all(&echo, buf_bytes(&input), (struct cuts){0, 3});
	assert_int_equal(echo.out.len, 4 + 10000);
	echo_finish(&echo);
	buf_clear(&input);
	put_message(&input, WS_BINARY, buf_bytes(&payload), 1001);
	echo_init(&echo, 1000);
	echo_take_all(&echo, buf_bytes(&input), (struct cuts){0, 3});
	assert_sees("bound", &echo.out, BYTES_LIT("close 1009[frame too long]\n"));
	echo_finish(&echo);
	buf_finish(&payload);
	buf_finish(&input);
}

/* A million fragments, empty or of one byte, with pings among them: no memory but that of a control
 * frame in pieces, and time in proportion. */
static void test_million_fragments(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 1; size++) {
		struct ws_reader reader;
		struct ws_event event;
		struct buf input = {0};
		size_t pings = 0, data = 0;
		clock_t start = clock();
		for (size_t i = 0; i < 1000000; i++) {
			put_frame(&input, i == 0 ? 0x01 : 0x00, bytes_of("x", size));
			if (i % 1000 == 0) {
				put_frame(&input, 0x89, BYTES_LIT("still there?"));
			}
		}
		ws_reader_init(&reader, WS_SERVER, ECHO_MAX_FRAME);
		for (size_t at = 0; at < input.len;) {
			char *ptr = input.data + at;
			size_t n = input.len - at < 1021 ? input.len - at : 1021;
			at += n;
			while (ws_reader_next(&reader, &ptr, &n, &event) == 0) {
				pings += event.type == WS_EVENT_PING;
				data += event.type == WS_EVENT_DATA && event.frame_end;
			}
			assert_true(reader.control == NULL ||
				    malloc_usable_size(reader.control) < 2 * WS_CONTROL_MAX);
		}
		assert_int_equal(pings, 1000);
		assert_int_equal(data, 1000000);
		assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
		ws_reader_finish(&reader);
		buf_finish(&input);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_frame),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_arrivals),
		cmocka_unit_test(test_many_messages),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_bound_is_of_frames),
		cmocka_unit_test(test_million_fragments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
