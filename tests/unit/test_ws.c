/* WebSocket frames. Each input is read in one piece and in steps down to single bytes, always from
 * memory of exactly its size; what comes out is written as one line per frame and compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/ws.h"

#define MAX_FRAME 100000

struct transcript {
	struct buf lines;
	struct buf frame; /* payload of the data frame under way */
	size_t used; /* bytes read up to the end or the first error */
	size_t pieces; /* data events */
};

static void write_event(struct transcript *t, const struct ws_event *event)
{
	switch (event->type) {
	case WS_EVENT_DATA:
		t->pieces++;
		assert_true(event->payload.len > 0 || event->frame_end);
		assert_true(event->frame_end || !event->message_end);
		buf_append_bytes(&t->frame, event->payload);
		if (event->frame_end) {
			buf_printf(&t->lines, "%s%s[%.*s]\n",
				event->opcode == WS_TEXT ? "text" : "binary",
				event->message_end ? "" : "...", BYTES_ARG(buf_bytes(&t->frame)));
			buf_clear(&t->frame);
		}
		break;
	case WS_EVENT_PING:
		buf_printf(&t->lines, "ping[%.*s]\n", BYTES_ARG(event->payload));
		break;
	case WS_EVENT_PONG:
		buf_printf(&t->lines, "pong[%.*s]\n", BYTES_ARG(event->payload));
		break;
	case WS_EVENT_CLOSE:
		buf_printf(&t->lines, "close %d[%.*s]\n", event->code, BYTES_ARG(event->payload));
		break;
	case WS_EVENT_ERROR:
		buf_printf(&t->lines, "error %d %.*s\n", event->code, BYTES_ARG(event->payload));
		break;
	}
}

static bool read_step(struct ws_reader *reader, struct bytes step, struct transcript *t)
{
	char *memory = malloc(step.len);
	char *data = memory;
	size_t len = step.len;
	struct ws_event event;
	bool ended = false;
	int err;

	assert_non_null(memory);
	memcpy(memory, step.ptr, step.len);
	while ((err = ws_reader_next(reader, &data, &len, &event)) == 0) {
		write_event(t, &event);
		if (event.type == WS_EVENT_CLOSE || event.type == WS_EVENT_ERROR) {
			t->used += step.len - len;
			ended = true;
		}
	}
	assert_int_equal(len, 0);
	assert_int_equal(err, ended ? ERR_CLOSED : ERR_AGAIN);
	t->used += ended ? 0 : step.len;
	free(memory);
	return !ended;
}

static void read_all(struct bytes input, size_t step, enum ws_role role, uint64_t max_frame,
	struct transcript *ret)
{
	struct ws_reader reader;
	bool going = true;
	size_t n;

	*ret = (struct transcript){0};
	ws_reader_init(&reader, role, max_frame);
	while (going && input.len > 0) {
		n = input.len < step ? input.len : step;
		going = read_step(&reader, bytes_of(input.ptr, n), ret);
		input = bytes_of(input.ptr + n, input.len - n);
	}
	ws_reader_finish(&reader);
}

static void transcript_finish(struct transcript *t)
{
	buf_finish(&t->lines);
	buf_finish(&t->frame);
}

static const size_t steps[] = {1, 2, 3, 5, 9, 1000000};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* used: bytes read until the end; 0: all of them. */
static void assert_reads(
	struct bytes input, enum ws_role role, uint64_t max_frame, const char *lines, size_t used)
{
	for (size_t i = 0; i < STEPS; i++) {
		struct transcript got;

		read_all(input, steps[i], role, max_frame, &got);
		assert_string_equal(buf_cstr(&got.lines), lines);
		assert_int_equal(got.used, used > 0 ? used : input.len);
		transcript_finish(&got);
	}
}

/* RFC 6455 section 5.7 */
static void test_rfc_examples(void **state)
{
	const struct bytes masked = BYTES_LIT("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
	struct buf big = {0}, lines = {0};

	(void)state;
	assert_reads(BYTES_LIT("\x81\x05Hello"), WS_CLIENT, MAX_FRAME, "text[Hello]\n", 0);
	assert_reads(masked, WS_SERVER, MAX_FRAME, "text[Hello]\n", 0);
	assert_reads(BYTES_LIT("\x01\x03Hel\x80\x02lo"), WS_CLIENT, MAX_FRAME,
		"text...[Hel]\ntext[lo]\n", 0);
	assert_reads(BYTES_LIT("\x89\x05Hello"), WS_CLIENT, MAX_FRAME, "ping[Hello]\n", 0);
	assert_reads(BYTES_LIT("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), WS_SERVER,
		MAX_FRAME, "pong[Hello]\n", 0);
	for (size_t len = 256; len <= 65536; len *= 256) {
		buf_clear(&big);
		buf_clear(&lines);
		buf_append_bytes(&big, len == 256 ? BYTES_LIT("\x82\x7e\x01\x00")
						  : BYTES_LIT("\x82\x7f\0\0\0\0\0\x01\0\0"));
		buf_append_str(&lines, "binary[");
		for (size_t i = 0; i < len; i++) {
			buf_append_char(&big, (char)('a' + i % 26));
			buf_append_char(&lines, (char)('a' + i % 26));
		}
		buf_append_str(&lines, "]\n");
		assert_reads(buf_bytes(&big), WS_CLIENT, MAX_FRAME, buf_cstr(&lines), 0);
	}
	buf_finish(&big);
	buf_finish(&lines);
}

/* Frames for the server's reader; the mask differs from frame to frame. */
static void put_raw(
	struct buf *out, uint8_t first, uint8_t length, struct bytes extended, struct bytes payload)
{
	const uint8_t mask[4] = {(uint8_t)(0x5a + out->len), 0xff, 0x01, (uint8_t)payload.len};
	size_t at;

	buf_append_char(out, (char)first);
	buf_append_char(out, (char)(length | 0x80));
	buf_append_bytes(out, extended);
	buf_append(out, mask, sizeof(mask));
	at = out->len;
	buf_append_bytes(out, payload);
	for (size_t i = 0; i < payload.len; i++) {
		out->data[at + i] = (char)(out->data[at + i] ^ (char)mask[i % 4]);
	}
}

static void put(struct buf *out, uint8_t first, struct bytes payload)
{
	put_raw(out, first, (uint8_t)payload.len, BYTES_NONE, payload);
}

struct frame {
	uint8_t first;
	struct bytes payload;
};

static const struct {
	struct frame frames[6]; /* up to first 0 and payload NULL */
	const char *lines;
	size_t beyond; /* bytes of the last frame that are not read any more */
} cases[] = {
	{{{0x81, BYTES_LIT("")}, {0x82, BYTES_LIT("")}}, "text[]\nbinary[]\n", 0},
	{{{0x01, BYTES_LIT("")}, {0x00, BYTES_LIT("")}, {0x80, BYTES_LIT("a")}},
		"text...[]\ntext...[]\ntext[a]\n", 0},
	{{{0x02, BYTES_LIT("ab")}, {0x89, BYTES_LIT("p")}, {0x00, BYTES_LIT("c")},
		 {0x8a, BYTES_LIT("")}, {0x80, BYTES_LIT("d")}},
		"binary...[ab]\nping[p]\nbinary...[c]\npong[]\nbinary[d]\n", 0},
	/* UTF-8 across fragments and pings; binary is not looked at */
	{{{0x01, BYTES_LIT("\xe2")}, {0x89, BYTES_LIT("\xff")}, {0x00, BYTES_LIT("\x82")},
		 {0x80, BYTES_LIT("\xac")}},
		"text...[\xe2]\nping[\xff]\ntext...[\x82]\ntext[\xac]\n", 0},
	{{{0x82, BYTES_LIT("\xff\xfe")}, {0x81, BYTES_LIT("\xc3\xa9")}},
		"binary[\xff\xfe]\ntext[\xc3\xa9]\n", 0},
	{{{0x81, BYTES_LIT("a\xff"
			   "bcd")}},
		"error 1007 text is not UTF-8\n", 3},
	{{{0x81, BYTES_LIT("\xed\xa0\x80")}}, "error 1007 text is not UTF-8\n", 1},
	{{{0x81, BYTES_LIT("\xf4\x90\x80\x80")}}, "error 1007 text is not UTF-8\n", 2},
	{{{0x81, BYTES_LIT("\xc0\x80")}}, "error 1007 text is not UTF-8\n", 1},
	{{{0x01, BYTES_LIT("a\xc3")}, {0x80, BYTES_LIT("b")}},
		"text...[a\xc3]\nerror 1007 text is not UTF-8\n", 0},
	{{{0x81, BYTES_LIT("\xe2\x82")}}, "error 1007 text ends inside a character\n", 0},
	{{{0x01, BYTES_LIT("\xe2\x82")}, {0x80, BYTES_LIT("")}},
		"text...[\xe2\x82]\nerror 1007 text ends inside a character\n", 0},
	/* The state of one message does not reach into the next. */
	{{{0x01, BYTES_LIT("a")}, {0x80, BYTES_LIT("b")}, {0x81, BYTES_LIT("c")}},
		"text...[a]\ntext[b]\ntext[c]\n", 0},
	/* RSV bits and opcodes fail at the first byte: the mask (4) and length (1) stay unread. */
	{{{0xc1, BYTES_LIT("")}}, "error 1002 reserved bit set\n", 5},
	{{{0xa1, BYTES_LIT("")}}, "error 1002 reserved bit set\n", 5},
	{{{0x99, BYTES_LIT("")}}, "error 1002 reserved bit set\n", 5},
	{{{0x83, BYTES_LIT("")}}, "error 1002 reserved opcode\n", 5},
	{{{0x87, BYTES_LIT("")}}, "error 1002 reserved opcode\n", 5},
	{{{0x8b, BYTES_LIT("")}}, "error 1002 reserved opcode\n", 5},
	{{{0x8f, BYTES_LIT("")}}, "error 1002 reserved opcode\n", 5},
	{{{0x09, BYTES_LIT("")}}, "error 1002 fragmented control frame\n", 5},
	{{{0x08, BYTES_LIT("")}}, "error 1002 fragmented control frame\n", 5},
	{{{0x80, BYTES_LIT("")}}, "error 1002 continuation without a message\n", 5},
	{{{0x81, BYTES_LIT("a")}, {0x00, BYTES_LIT("")}},
		"text[a]\nerror 1002 continuation without a message\n", 5},
	{{{0x01, BYTES_LIT("a")}, {0x81, BYTES_LIT("")}},
		"text...[a]\nerror 1002 new message inside a fragmented one\n", 5},
	{{{0x02, BYTES_LIT("")}, {0x01, BYTES_LIT("")}},
		"binary...[]\nerror 1002 new message inside a fragmented one\n", 5},
	/* Close */
	{{{0x88, BYTES_LIT("")}}, "close 1005[]\n", 0},
	{{{0x88, BYTES_LIT("\x03\xe8")}}, "close 1000[]\n", 0},
	{{{0x88, BYTES_LIT("\x03\xe9"
			   "bye \xe2\x82\xac")}},
		"close 1001[bye \xe2\x82\xac]\n", 0},
	{{{0x88, BYTES_LIT("\x0f\xa0")}}, "close 4000[]\n", 0},
	{{{0x01, BYTES_LIT("a")}, {0x88, BYTES_LIT("\x03\xe8")}}, "text...[a]\nclose 1000[]\n", 0},
	{{{0x88, BYTES_LIT("\x03")}}, "error 1002 Close with half a code\n", 0},
	{{{0x88, BYTES_LIT("\0\0")}}, "error 1002 forbidden close code\n", 0},
	{{{0x88, BYTES_LIT("\x03\xe7")}}, "error 1002 forbidden close code\n", 0},
	{{{0x88, BYTES_LIT("\x03\xed")}}, "error 1002 forbidden close code\n", 0},
	{{{0x88, BYTES_LIT("\x13\x88")}}, "error 1002 forbidden close code\n", 0},
	{{{0x88, BYTES_LIT("\x03\xe8\xff")}}, "error 1002 close reason is not UTF-8\n", 0},
	{{{0x88, BYTES_LIT("\x03\xe8\xe2\x82")}}, "error 1002 close reason is not UTF-8\n", 0},
};

static void test_cases(void **state)
{
	struct buf input = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct frame *frame = cases[i].frames;

		buf_clear(&input);
		for (; frame->payload.ptr != NULL; frame++) {
			put(&input, frame->first, frame->payload);
		}
		for (size_t k = 0; k < STEPS; k++) {
			struct transcript got;

			read_all(buf_bytes(&input), steps[k], WS_SERVER, MAX_FRAME, &got);
			assert_string_equal(buf_cstr(&got.lines), cases[i].lines);
			/* In bigger steps the whole piece is taken before it is judged. */
			if (steps[k] == 1) {
				assert_int_equal(got.used, input.len - cases[i].beyond);
			}
			transcript_finish(&got);
		}
	}
	buf_finish(&input);
}

static void test_headers(void **state)
{
	struct buf input = {0};

	(void)state;
	/* Wrong masking, by the second byte. */
	assert_reads(BYTES_LIT("\x81\x05Hello"), WS_SERVER, MAX_FRAME,
		"error 1002 frame is not masked\n", 2);
	assert_reads(BYTES_LIT("\x81\x85"
			       "abcd"),
		WS_CLIENT, MAX_FRAME, "error 1002 frame is masked\n", 2);
	/* Long control frames. */
	assert_reads(BYTES_LIT("\x89\xfe\0\x7e"), WS_SERVER, MAX_FRAME,
		"error 1002 control frame longer than 125 bytes\n", 2);
	assert_reads(BYTES_LIT("\x88\x7f\0"), WS_CLIENT, MAX_FRAME,
		"error 1002 control frame longer than 125 bytes\n", 2);
	/* Lengths that are judged before the mask has come. */
	assert_reads(BYTES_LIT("\x82\xff\x80\0\0\0\0\0\0\0mask"), WS_SERVER, UINT64_MAX,
		"error 1002 length with the highest bit set\n", 10);
	assert_reads(BYTES_LIT("\x82\xff\x40\0\0\0\0\0\0\0mask"), WS_SERVER, MAX_FRAME,
		"error 1009 frame too long\n", 10);
	assert_reads(BYTES_LIT("\x82\xfe\x04\x01mask"), WS_SERVER, 1024,
		"error 1009 frame too long\n", 4);
	assert_reads(BYTES_LIT("\x82\x05Hello"), WS_CLIENT, 4, "error 1009 frame too long\n", 2);
	/* At the limit; control frames do not count. */
	assert_reads(BYTES_LIT("\x82\x04Hell\x89\x05Hello"), WS_CLIENT, 4,
		"binary[Hell]\nping[Hello]\n", 0);
	/* 2^62 is a length, where it is allowed. */
	assert_reads(BYTES_LIT("\x82\x7f\x40\0\0\0\0\0\0\0abc"), WS_CLIENT, UINT64_MAX, "", 0);
	/* Longer forms than needed. */
	put_raw(&input, 0x81, 126, BYTES_LIT("\0\x02"), BYTES_LIT("ab"));
	put_raw(&input, 0x82, 127, BYTES_LIT("\0\0\0\0\0\0\0\x03"), BYTES_LIT("cde"));
	put_raw(&input, 0x81, 126, BYTES_LIT("\0\0"), BYTES_LIT(""));
	assert_reads(buf_bytes(&input), WS_SERVER, MAX_FRAME, "text[ab]\nbinary[cde]\ntext[]\n", 0);
	buf_finish(&input);
}

static void test_long_control(void **state)
{
	char payload[WS_CONTROL_MAX];
	struct buf input = {0}, lines = {0};

	(void)state;
	memset(payload, 'x', sizeof(payload));
	put(&input, 0x89, bytes_of(payload, sizeof(payload)));
	put(&input, 0x8a, bytes_of(payload, 124));
	memcpy(payload, "\x03\xe8", 2);
	put(&input, 0x88, bytes_of(payload, sizeof(payload)));
	memset(payload, 'x', 2);
	buf_printf(&lines, "ping[%.125s]\npong[%.124s]\nclose 1000[%.123s]\n", payload, payload,
		payload);
	assert_reads(buf_bytes(&input), WS_SERVER, MAX_FRAME, buf_cstr(&lines), 0);
	buf_finish(&input);
	buf_finish(&lines);
}

/* Data is handed on as it comes, and nothing is kept between frames. */
static void test_pieces(void **state)
{
	struct ws_reader reader;
	struct ws_event event;
	char input[] = "\x01\x06"
		       "abcdef"
		       "\x89\x02"
		       "pq";
	char *data = input;
	size_t len = 5;

	(void)state;
	ws_reader_init(&reader, WS_CLIENT, MAX_FRAME);
	assert_true(ws_reader_idle(&reader));
	assert_int_equal(ws_reader_next(&reader, &data, &len, &event), 0);
	assert_int_equal(event.payload.len, 3);
	assert_ptr_equal(event.payload.ptr, input + 2);
	assert_false(event.frame_end);
	assert_false(ws_reader_idle(&reader));
	assert_int_equal(ws_reader_next(&reader, &data, &len, &event), ERR_AGAIN);
	len = 3;
	assert_int_equal(ws_reader_next(&reader, &data, &len, &event), 0);
	assert_ptr_equal(event.payload.ptr, input + 5);
	assert_true(event.frame_end);
	assert_false(event.message_end);
	assert_false(ws_reader_idle(&reader));
	len = 3;
	assert_int_equal(ws_reader_next(&reader, &data, &len, &event), ERR_AGAIN);
	assert_non_null(reader.control);
	len = 1;
	assert_int_equal(ws_reader_next(&reader, &data, &len, &event), 0);
	assert_int_equal(event.type, WS_EVENT_PING);
	assert_memory_equal(event.payload.ptr, "pq", 2);
	assert_int_equal(ws_reader_next(&reader, &data, &len, &event), ERR_AGAIN);
	assert_null(reader.control);
	/* Finishing inside a control frame leaves nothing behind. */
	memcpy(input, "\x89\x02p", 3);
	data = input;
	len = 3;
	assert_int_equal(ws_reader_next(&reader, &data, &len, &event), ERR_AGAIN);
	ws_reader_finish(&reader);
	assert_null(reader.control);
	ws_reader_finish(&reader);
}

/* A million empty fragments cost a million times one of them. */
static void test_empty_fragments(void **state)
{
	const size_t count = 1000000;
	struct buf input = {0};
	struct ws_reader reader;
	struct ws_event event;
	size_t events = 0, len;
	char *data;
	clock_t start = clock();

	(void)state;
	ws_reader_init(&reader, WS_SERVER, MAX_FRAME);
	buf_append_bytes(&input, BYTES_LIT("\x01\x80mask"));
	for (size_t i = 1; i < count; i++) {
		buf_append_bytes(&input, BYTES_LIT("\x00\x80mask"));
	}
	data = input.data;
	len = input.len;
	while (ws_reader_next(&reader, &data, &len, &event) == 0) {
		assert_int_equal(event.type, WS_EVENT_DATA);
		assert_true(event.frame_end && !event.message_end);
		events++;
	}
	assert_int_equal(events, count);
	assert_null(reader.control);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10);
	ws_reader_finish(&reader);
	buf_finish(&input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_examples),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_long_control),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_empty_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
