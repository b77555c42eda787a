/* WebSocket conformance, framing: the cases of sections 1 to 5 and 7 of the Autobahn suite, with
 * its numbers, each with the input cut in every way. */
#include "tests/unit/ws_echo.h"

#define B(text) BYTES_LIT(text)

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A123 A50 A50 "aaaaaaaaaaaaaaaaaaaaaaa"
#define A125 A123 "aa"

#define RESERVED_BIT "close 1002[reserved bit set]\n"
#define RESERVED_OPCODE "close 1002[reserved opcode]\n"
#define FRAGMENTED "close 1002[fragmented control frame]\n"
#define STRAY "close 1002[continuation without a message]\n"
#define INSIDE "close 1002[new message inside a fragmented one]\n"
#define TOO_LONG "close 1002[control frame longer than 125 bytes]\n"
#define FORBIDDEN "close 1002[forbidden close code]\n"

struct conform_case {
	const char *name;
	struct frame frames[12]; /* up to one without payload */
	const char *sees;
	/* Where reading ends: the frame, from 1, and how many of its bytes are read, 0 for all. */
	size_t end_frame, end_byte;
};

static const struct conform_case cases[] = {
	/* 2: pings and pongs */
	{"2.1", {{0x89, B("")}}, "pong[]\n", 0, 0},
	{"2.2", {{0x89, B("Hello, world!")}}, "pong[Hello, world!]\n", 0, 0},
	{"2.3", {{0x89, B("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}},
		"pong[\\0\xff\xfe\xfd\xfc\xfb\\0\xff]\n", 0, 0},
	{"2.4 and 2.6", {{0x89, B(A125)}}, "pong[" A125 "]\n", 0, 0},
	{"2.5", {{0x89, B(A125 "a")}, {0x81, B("x")}}, TOO_LONG, 1, 2},
	{"2.7", {{0x8a, B("")}}, "", 0, 0},
	{"2.8", {{0x8a, B("unsolicited pong payload")}}, "", 0, 0},
	{"2.9", {{0x8a, B("unsolicited pong payload")}, {0x89, B("ping payload")}},
		"pong[ping payload]\n", 0, 0},
	{"2.10 and 2.11",
		{{0x89, B("payload-0")}, {0x89, B("payload-1")}, {0x89, B("payload-2")},
			{0x89, B("payload-3")}, {0x89, B("payload-4")}, {0x89, B("payload-5")},
			{0x89, B("payload-6")}, {0x89, B("payload-7")}, {0x89, B("payload-8")},
			{0x89, B("payload-9")}},
		"pong[payload-0]\npong[payload-1]\npong[payload-2]\npong[payload-3]\n"
		"pong[payload-4]\npong[payload-5]\npong[payload-6]\npong[payload-7]\n"
		"pong[payload-8]\npong[payload-9]\n",
		0, 0},
	/* 3: reserved bits */
	{"3.1", {{0x91, B("Hello, world!")}}, RESERVED_BIT, 1, 1},
	{"3.2 to 3.4", {{0x81, B("Hello")}, {0xa1, B("Hello")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_BIT, 2, 1},
	{"3.3 with RSV1", {{0x81, B("Hello")}, {0xc1, B("Hello")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_BIT, 2, 1},
	{"3.5", {{0xd2, B("\xff\xfe")}}, RESERVED_BIT, 1, 1},
	{"3.6", {{0xe9, B("Hello, world!")}}, RESERVED_BIT, 1, 1},
	{"3.7", {{0xf8, B("")}}, RESERVED_BIT, 1, 1},
	{"3 in a continuation", {{0x01, B("a")}, {0xc0, B("b")}}, RESERVED_BIT, 2, 1},
	/* 4: reserved opcodes */
	{"4.1.1", {{0x83, B("")}}, RESERVED_OPCODE, 1, 1},
	{"4.1.2", {{0x84, B("reserved opcode payload")}}, RESERVED_OPCODE, 1, 1},
	{"4.1.3", {{0x81, B("Hello")}, {0x85, B("")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_OPCODE, 2, 1},
	{"4.1.4", {{0x81, B("Hello")}, {0x86, B("Hello")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_OPCODE, 2, 1},
	{"4.1.5", {{0x81, B("Hello")}, {0x87, B("Hello")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_OPCODE, 2, 1},
	{"4.2.1", {{0x8b, B("")}}, RESERVED_OPCODE, 1, 1},
	{"4.2.2", {{0x8c, B("reserved opcode payload")}}, RESERVED_OPCODE, 1, 1},
	{"4.2.3", {{0x81, B("Hello")}, {0x8d, B("")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_OPCODE, 2, 1},
	{"4.2.4", {{0x81, B("Hello")}, {0x8e, B("Hello")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_OPCODE, 2, 1},
	{"4.2.5", {{0x81, B("Hello")}, {0x8f, B("Hello")}, {0x89, B("")}},
		"text[Hello]\n" RESERVED_OPCODE, 2, 1},
	{"4 without FIN", {{0x03, B("")}}, RESERVED_OPCODE, 1, 1},
	/* 5: fragmentation */
	{"5.1", {{0x09, B("fragment1")}, {0x80, B("fragment2")}}, FRAGMENTED, 1, 1},
	{"5.2", {{0x0a, B("fragment1")}, {0x80, B("fragment2")}}, FRAGMENTED, 1, 1},
	{"5 with a Close", {{0x08, B("\x03\xe8")}, {0x80, B("")}}, FRAGMENTED, 1, 1},
	{"5.3 to 5.5", {{0x01, B("fragment1")}, {0x80, B("fragment2")}},
		"text[fragment1fragment2]\n", 0, 0},
	{"5.6 to 5.8", {{0x01, B("fragment1")}, {0x89, B("ping")}, {0x80, B("fragment2")}},
		"pong[ping]\ntext[fragment1fragment2]\n", 0, 0},
	{"5.6 with a pong", {{0x01, B("fragment1")}, {0x8a, B("pong")}, {0x80, B("fragment2")}},
		"text[fragment1fragment2]\n", 0, 0},
	{"5.9 to 5.11", {{0x80, B("non-continuation")}, {0x81, B("Hello")}}, STRAY, 1, 1},
	{"5.12 to 5.14", {{0x00, B("non-continuation")}, {0x81, B("Hello")}}, STRAY, 1, 1},
	{"5.15",
		{{0x01, B("fragment1")}, {0x80, B("fragment2")}, {0x00, B("fragment3")},
			{0x81, B("fragment4")}},
		"text[fragment1fragment2]\n" STRAY, 3, 1},
	{"5.16", {{0x00, B("fragment1")}, {0x01, B("fragment2")}, {0x80, B("fragment3")}}, STRAY, 1,
		1},
	{"5.17", {{0x80, B("fragment1")}, {0x01, B("fragment2")}, {0x80, B("fragment3")}}, STRAY, 1,
		1},
	{"5.18", {{0x01, B("fragment1")}, {0x81, B("fragment2")}}, INSIDE, 2, 1},
	{"5.18 with a binary", {{0x01, B("fragment1")}, {0x02, B("fragment2")}}, INSIDE, 2, 1},
	{"5.19 and 5.20",
		{{0x01, B("fragment1")}, {0x00, B("fragment2")}, {0x89, B("pongme 1!")},
			{0x00, B("fragment3")}, {0x00, B("fragment4")}, {0x89, B("pongme 2!")},
			{0x80, B("fragment5")}},
		"pong[pongme 1!]\npong[pongme 2!]\n"
		"text[fragment1fragment2fragment3fragment4fragment5]\n",
		0, 0},
	{"5 with empty fragments",
		{{0x02, B("")}, {0x00, B("")}, {0x00, B("a")}, {0x89, B("")}, {0x00, B("")},
			{0x80, B("")}, {0x81, B("")}},
		"pong[]\nbinary[a]\ntext[]\n", 0, 0},
	/* 7: Close */
	{"7.1.1", {{0x81, B("Hello")}, {0x88, B("\x03\xe8")}}, "text[Hello]\nclose 1000[]\n", 2, 0},
	{"7.1.2", {{0x88, B("\x03\xe8")}, {0x88, B("\x03\xe9")}}, "close 1000[]\n", 1, 0},
	{"7.1.3", {{0x88, B("\x03\xe8")}, {0x89, B("")}}, "close 1000[]\n", 1, 0},
	{"7.1.4", {{0x88, B("\x03\xe8")}, {0x81, B("Hello")}}, "close 1000[]\n", 1, 0},
	{"7.1.5", {{0x01, B("fragment1")}, {0x88, B("\x03\xe8")}, {0x80, B("fragment2")}},
		"close 1000[]\n", 2, 0},
	{"7.1.5 inside a character", {{0x01, B("\xe2\x82")}, {0x88, B("\x03\xe8")}},
		"close 1000[]\n", 2, 0},
	{"7 with a breach behind it", {{0x88, B("\x03\xe8")}, {0xff, B("")}}, "close 1000[]\n", 1,
		0},
	{"7.3.1", {{0x88, B("")}}, "close 1005[]\n", 1, 0},
	{"7.3.2", {{0x88, B("a")}}, "close 1002[Close with half a code]\n", 1, 0},
	{"7.3.3", {{0x88, B("\x03\xe8")}}, "close 1000[]\n", 1, 0},
	{"7.3.4", {{0x88, B("\x03\xe8Hello World!")}}, "close 1000[Hello World!]\n", 1, 0},
	{"7.3.5", {{0x88, B("\x03\xe8" A123)}}, "close 1000[" A123 "]\n", 1, 0},
	{"7.3.6", {{0x88, B("\x03\xe8" A123 "a")}}, TOO_LONG, 1, 2},
	/* 1002 as the real server has it; the suite takes 1007 too. */
	{"7.5.1", {{0x88, B("\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80")}},
		"close 1002[close reason is not UTF-8]\n", 1, 0},
	{"7.5 cut in a character", {{0x88, B("\x03\xe8 \xe2\x82")}},
		"close 1002[close reason is not UTF-8]\n", 1, 0},
};

/* Binary payloads have NULs, which are "\\0" in the table and in what is compared. */
static struct bytes escaped(const char *sees, struct buf *ret)
{
	for (const char *p = sees; *p != '\0'; p++) {
		if (p[0] == '\\' && p[1] == '0') {
			buf_append_char(ret, '\0');
			p++;
		} else {
			buf_append_char(ret, *p);
		}
	}
	return buf_bytes(ret);
}

static void run_case(const struct conform_case *row)
{
	struct buf input = {0}, sees = {0};
	size_t end = 0, start;
	for (size_t i = 0; i < 12 && row->frames[i].payload.ptr != NULL; i++) {
		start = input.len;
		put_frame(&input, row->frames[i].first, row->frames[i].payload);
		if (i + 1 == row->end_frame) {
			end = row->end_byte > 0 ? start + row->end_byte : input.len;
		}
	}
	assert_echo(row->name, buf_bytes(&input), escaped(row->sees, &sees),
		row->end_frame > 0 ? input.len - end : 0);
	buf_finish(&input);
	buf_finish(&sees);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(&cases[i]);
	}
}

/* 1: text and binary messages of all the sizes at which the header changes, in one frame. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537};
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool binary = i % 2 == 1;
		struct buf payload = {0}, input = {0}, sees = {0};
		for (size_t k = 0; k < sizes[i / 2]; k++) {
			buf_append_char(&payload, binary ? '\xfe' : (char)('a' + k % 26));
		}
		put_frame(&input, binary ? 0x82 : 0x81, buf_bytes(&payload));
		put_frame(&input, 0x89, BYTES_LIT("behind"));
		buf_append_str(&sees, binary ? "binary[" : "text[");
		buf_append_bytes(&sees, buf_bytes(&payload));
		buf_append_str(&sees, "]\npong[behind]\n");
		assert_echo("1", buf_bytes(&input), buf_bytes(&sees), 0);
		buf_finish(&payload);
		buf_finish(&input);
		buf_finish(&sees);
	}
}

/* 7.7, 7.9, 7.13: every code there is; a good one comes back. */
static void test_close_codes(void **state)
{
	static const struct {
		unsigned from, to;
	} good[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};
	(void)state;
	for (unsigned code = 0; code <= 0xffff; code++) {
		const char payload[2] = {(char)(code >> 8), (char)code};
		struct buf input = {0}, sees = {0};
		struct echo echo;
		bool is_good = false;
		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
			is_good = is_good || (code >= good[i].from && code <= good[i].to);
		}
		put_frame(&input, 0x88, bytes_of(payload, sizeof(payload)));
		buf_printf(&sees, is_good ? "close %u[]\n" : FORBIDDEN, code);
		echo_init(&echo, ECHO_MAX_FRAME);
		echo_take(&echo, buf_bytes(&input));
		assert_sees("7.7, 7.9, 7.13", &echo.out, buf_bytes(&sees));
		echo_finish(&echo);
		buf_finish(&input);
		buf_finish(&sees);
	}
}

/* Every first byte between messages and inside one: lawful or ended by that byte alone. */
static void test_first_bytes(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 512; n++) {
		uint8_t first = (uint8_t)(n & 0xff);
		unsigned opcode = first & 0xf;
		bool inside = n > 0xff, fin = first >= 0x80;
		bool control = opcode >= WS_CLOSE && opcode <= WS_PONG;
		bool data = inside ? opcode == WS_CONTINUATION
				   : opcode == WS_TEXT || opcode == WS_BINARY;
		bool good = (first & 0x70) == 0 && (data || (control && fin));
		struct buf input = {0};
		struct echo echo;
		if (inside) {
			put_frame(&input, 0x02, BYTES_LIT("a"));
		}
		size_t before = input.len;
		put_frame(&input, first, BYTES_NONE);
		echo_init(&echo, ECHO_MAX_FRAME);
		echo_take_all(&echo, buf_bytes(&input), (struct cuts){1, 0});
		assert_int_equal(echo.ended, !good || opcode == WS_CLOSE);
		assert_int_equal(echo.used, good ? input.len : before + 1);
		echo_finish(&echo);
		buf_finish(&input);
	}
}

/* Which breaches are those of a Close whose frame is lawful. */
static void test_fault_of_a_close(void **state)
{
	static const struct {
		uint8_t first;
		struct bytes payload;
		enum ws_opcode at_fault;
	} rows[] = {
		{0x88, B("a"), WS_CLOSE},
		{0x88, B("\x03\xe7"), WS_CLOSE},
		{0x88, B("\x03\xe8\xff"), WS_CLOSE},
		{0x88, B(A125 "a"), WS_CONTINUATION},
		{0xc8, B("\x03\xe8"), WS_CONTINUATION},
		{0x08, B("\x03\xe8"), WS_CONTINUATION},
		{0x89, B(A125 "a"), WS_CONTINUATION},
		{0x81, B("\xff"), WS_CONTINUATION},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_reader reader;
		struct ws_event event;
		struct buf input = {0};
		put_frame(&input, rows[i].first, rows[i].payload);
		char *data = input.data;
		size_t len = input.len;
		ws_reader_init(&reader, WS_SERVER, ECHO_MAX_FRAME);
		assert_int_equal(ws_reader_next(&reader, &data, &len, &event), 0);
		assert_int_equal(event.type, WS_EVENT_ERROR);
		assert_int_equal(event.opcode, rows[i].at_fault);
		ws_reader_finish(&reader);
		buf_finish(&input);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_close_codes),
		cmocka_unit_test(test_first_bytes),
		cmocka_unit_test(test_fault_of_a_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
