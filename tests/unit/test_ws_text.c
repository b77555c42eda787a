/* WebSocket conformance, text: section 6 of the Autobahn suite, whose sequences are those of Kuhn's
 * UTF-8 decoder test. Each text is sent whole and in fragments of every size, and cut in every way;
 * a bad one must end at its first byte that no good text has there. */
#include "tests/unit/ws_echo.h"

#define B(text) BYTES_LIT(text)
#define BAD "close 1007[text is not UTF-8]\n"
#define CUT "close 1007[text ends inside a character]\n"
/* "κόσμε" */
#define KOSME "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
/* "Hello-µ@ßöäüàá-UTF-8!!" */
#define HELLO \
	"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1" \
	"-UTF-8!!"

enum {
	GOOD = -1,
	INCOMPLETE = -2, /* good so far, but it may not end here */
};

static const struct {
	const char *name;
	struct bytes text;
	int bad; /* index of the first bad byte, GOOD or INCOMPLETE */
} texts[] = {
	{"6.1 empty", B(""), GOOD},
	{"6.2", B(HELLO), GOOD},
	{"6.3",
		B(KOSME "\xed\xa0\x80"
			"edited"),
		12},
	{"6.4 above the last",
		B(KOSME "\xf4\x90\x80\x80"
			"edited"),
		12},
	{"6.5.1", B(KOSME), GOOD},
	/* 6.6: every cut of "κόσμε" */
	{"6.6.1", B("\xce"), INCOMPLETE},
	{"6.6.2", B("\xce\xba"), GOOD},
	{"6.6.3", B("\xce\xba\xe1"), INCOMPLETE},
	{"6.6.4", B("\xce\xba\xe1\xbd"), INCOMPLETE},
	{"6.6.5", B("\xce\xba\xe1\xbd\xb9"), GOOD},
	{"6.6.6", B("\xce\xba\xe1\xbd\xb9\xcf"), INCOMPLETE},
	{"6.6.7", B("\xce\xba\xe1\xbd\xb9\xcf\x83"), GOOD},
	{"6.6.8", B("\xce\xba\xe1\xbd\xb9\xcf\x83\xce"), INCOMPLETE},
	{"6.6.9", B("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc"), GOOD},
	{"6.6.10", B("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce"), INCOMPLETE},
	{"6.6.11", B(KOSME), GOOD},
	/* 6.7: the first sequence of each length */
	{"6.7.1", B("\x00"), GOOD},
	{"6.7.2", B("\xc2\x80"), GOOD},
	{"6.7.3", B("\xe0\xa0\x80"), GOOD},
	{"6.7.4", B("\xf0\x90\x80\x80"), GOOD},
	/* 6.8: those of lengths that are none */
	{"6.8.1", B("\xf8\x88\x80\x80\x80"), 0},
	{"6.8.2", B("\xfc\x84\x80\x80\x80\x80"), 0},
	/* 6.9: the last of each length */
	{"6.9.1", B("\x7f"), GOOD},
	{"6.9.2", B("\xdf\xbf"), GOOD},
	{"6.9.3", B("\xef\xbf\xbf"), GOOD},
	{"6.9.4", B("\xf4\x8f\xbf\xbf"), GOOD},
	{"6.10.1", B("\xf7\xbf\xbf\xbf"), 0},
	{"6.10.2", B("\xfb\xbf\xbf\xbf\xbf"), 0},
	{"6.10.3", B("\xfd\xbf\xbf\xbf\xbf\xbf"), 0},
	/* 6.11: around the gaps */
	{"6.11.1", B("\xed\x9f\xbf"), GOOD},
	{"6.11.2", B("\xee\x80\x80"), GOOD},
	{"6.11.3", B("\xef\xbf\xbd"), GOOD},
	{"6.11.4", B("\xf4\x8f\xbf\xbf"), GOOD},
	{"6.11.5", B("\xf4\x90\x80\x80"), 1},
	/* 6.12: continuation bytes without a start */
	{"6.12.1", B("\x80"), 0},
	{"6.12.2", B("\xbf"), 0},
	{"6.12.3", B("\x80\xbf"), 0},
	{"6.12.4", B("\x80\xbf\x80"), 0},
	{"6.12.5", B("\x80\xbf\x80\xbf"), 0},
	{"6.12.6", B("\x80\xbf\x80\xbf\x80"), 0},
	{"6.12.7", B("\x80\xbf\x80\xbf\x80\xbf"), 0},
	{"6.12.8", B("\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"), 0},
	{"6.12 behind text", B("a\xbf"), 1},
	/* 6.13: starts without continuation, each with a blank behind it */
	{"6.13.1", B("\xc0 \xc1 "), 0},
	{"6.13.1 lawful starts", B("\xc2 \xc3 "), 1},
	{"6.13.2", B("\xe0 \xe1 "), 1},
	{"6.13.3", B("\xf0 \xf1 "), 1},
	{"6.13.4", B("\xf8 \xf9 "), 0},
	{"6.13.5", B("\xfc \xfd "), 0},
	/* 6.14: sequences without their last byte */
	{"6.14.1", B("\xc0"), 0},
	{"6.14.2", B("\xe0\x80"), 1},
	{"6.14.3", B("\xf0\x80\x80"), 1},
	{"6.14.4", B("\xf8\x80\x80\x80"), 0},
	{"6.14.5", B("\xfc\x80\x80\x80\x80"), 0},
	{"6.14.6", B("\xdf"), INCOMPLETE},
	{"6.14.7", B("\xef\xbf"), INCOMPLETE},
	{"6.14.8", B("\xf7\xbf\xbf"), 0},
	{"6.14.9", B("\xfb\xbf\xbf\xbf"), 0},
	{"6.14.10", B("\xfd\xbf\xbf\xbf\xbf"), 0},
	{"6.14 of four bytes", B("\xf4\x8f\xbf"), INCOMPLETE},
	/* 6.15: several of those */
	{"6.15.1", B("\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80"), 0},
	{"6.15 lawful starts", B("\xdf\xef\xbf\xf4\x8f\xbf"), 1},
	{"6.16.1", B("\xfe"), 0},
	{"6.16.2", B("\xff"), 0},
	{"6.16.3", B("\xfe\xfe\xff\xff"), 0},
	/* 6.17: the slash, too long */
	{"6.17.1", B("\xc0\xaf"), 0},
	{"6.17.2", B("\xe0\x80\xaf"), 1},
	{"6.17.3", B("\xf0\x80\x80\xaf"), 1},
	{"6.17.4", B("\xf8\x80\x80\x80\xaf"), 0},
	{"6.17.5", B("\xfc\x80\x80\x80\x80\xaf"), 0},
	/* 6.18: the last of too long forms */
	{"6.18.1", B("\xc1\xbf"), 0},
	{"6.18.2", B("\xe0\x9f\xbf"), 1},
	{"6.18.3", B("\xf0\x8f\xbf\xbf"), 1},
	{"6.18.4", B("\xf8\x87\xbf\xbf\xbf"), 0},
	{"6.18.5", B("\xfc\x83\xbf\xbf\xbf\xbf"), 0},
	/* 6.19: NUL, too long */
	{"6.19.1", B("\xc0\x80"), 0},
	{"6.19.2", B("\xe0\x80\x80"), 1},
	{"6.19.3", B("\xf0\x80\x80\x80"), 1},
	{"6.19.4", B("\xf8\x80\x80\x80\x80"), 0},
	{"6.19.5", B("\xfc\x80\x80\x80\x80\x80"), 0},
	/* 6.20: single surrogates */
	{"6.20.1", B("\xed\xa0\x80"), 1},
	{"6.20.2", B("\xed\xad\xbf"), 1},
	{"6.20.3", B("\xed\xae\x80"), 1},
	{"6.20.4", B("\xed\xaf\xbf"), 1},
	{"6.20.5", B("\xed\xb0\x80"), 1},
	{"6.20.6", B("\xed\xbe\x80"), 1},
	{"6.20.7", B("\xed\xbf\xbf"), 1},
	/* 6.21: pairs of them */
	{"6.21.1", B("\xed\xa0\x80\xed\xb0\x80"), 1},
	{"6.21.2", B("\xed\xa0\x80\xed\xbf\xbf"), 1},
	{"6.21.3", B("\xed\xad\xbf\xed\xb0\x80"), 1},
	{"6.21.4", B("\xed\xad\xbf\xed\xbf\xbf"), 1},
	{"6.21.5", B("\xed\xae\x80\xed\xb0\x80"), 1},
	{"6.21.6", B("\xed\xae\x80\xed\xbf\xbf"), 1},
	{"6.21.7", B("\xed\xaf\xbf\xed\xb0\x80"), 1},
	{"6.21.8", B("\xed\xaf\xbf\xed\xbf\xbf"), 1},
	/* 6.23: characters with a meaning of their own */
	{"6.23.1", B("\xef\xbf\xb9"), GOOD},
	{"6.23.2", B("\xef\xbf\xba"), GOOD},
	{"6.23.3", B("\xef\xbf\xbb"), GOOD},
	{"6.23.4", B("\xef\xbf\xbc"), GOOD},
	{"6.23.5", B("\xef\xbf\xbd"), GOOD},
	{"6.23.6", B("\xef\xbf\xbe"), GOOD},
	{"6.23.7", B("\xef\xbf\xbf"), GOOD},
	{"a byte order mark", B("\xef\xbb\xbf"), GOOD},
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

/* What the client sees of a text and of a ping behind it. */
static void expect_text(struct bytes text, int bad, struct buf *ret)
{
	if (bad == GOOD) {
		buf_append_str(ret, "text[");
		buf_append_bytes(ret, text);
		buf_append_str(ret, "]\npong[]\n");
	} else {
		buf_append_str(ret, bad == INCOMPLETE ? CUT : BAD);
	}
}

/* Bytes up to the one that ends it, where the text goes in frames of size bytes: 6 of header before
 * each frame's payload. */
static size_t judged_at(int bad, size_t size, size_t message_len)
{
	return bad >= 0 ? 6 * ((size_t)bad / size + 1) + (size_t)bad + 1 : message_len;
}

static void assert_text(const char *name, struct bytes text, int bad)
{
	struct buf sees = {0};
	expect_text(text, bad, &sees);
	for (size_t size = 1; size == 1 || size <= text.len; size++) {
		struct buf input = {0};
		put_message(&input, WS_TEXT, text, size);
		size_t message_len = input.len;
		put_frame(&input, 0x89, BYTES_NONE);
		assert_echo(name, buf_bytes(&input), buf_bytes(&sees),
			bad == GOOD ? 0 : input.len - judged_at(bad, size, message_len));
		buf_finish(&input);
	}
	buf_finish(&sees);
}

static void test_sequences(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXTS; i++) {
		assert_text(texts[i].name, texts[i].text, texts[i].bad);
	}
}

/* The same in the middle of plain text, long enough that it is judged eight bytes at a time. */
static void test_embedded(void **state)
{
	static const char around[] = "abcdefghijklmnopqrstuvwxyz";
	(void)state;
	for (size_t i = 0; i < TEXTS; i++) {
		for (size_t before = 0; before <= 9; before += 3) {
			struct buf text = {0}, input = {0}, sees = {0};
			int bad = texts[i].bad;
			buf_append(&text, around, before);
			buf_append_bytes(&text, texts[i].text);
			size_t next = text.len;
			buf_append(&text, around, 17);
			if (bad != GOOD) {
				bad = (int)(bad >= 0 ? before + (size_t)bad : next);
			}
			expect_text(buf_bytes(&text), bad, &sees);
			put_frame(&input, 0x81, buf_bytes(&text));
			put_frame(&input, 0x89, BYTES_NONE);
			assert_echo(texts[i].name, buf_bytes(&input), buf_bytes(&sees),
				bad == GOOD ? 0 : input.len - 6 - (size_t)bad - 1);
			buf_finish(&text);
			buf_finish(&input);
			buf_finish(&sees);
		}
	}
}

/* In binary messages all of it is good, and leaves no trace in the text behind. */
static void test_binary(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXTS; i++) {
		struct buf input = {0}, sees = {0};
		put_message(&input, WS_BINARY, texts[i].text, 2);
		put_message(&input, WS_TEXT, B(KOSME), 3);
		buf_append_str(&sees, "binary[");
		buf_append_bytes(&sees, texts[i].text);
		buf_append_str(&sees, "]\ntext[" KOSME "]\n");
		assert_echo(texts[i].name, buf_bytes(&input), buf_bytes(&sees), 0);
		buf_finish(&input);
		buf_finish(&sees);
	}
}

/* 6.1.2, 6.1.3: empty fragments, and control frames that are no text, inside a character. */
static void test_between(void **state)
{
	struct buf input = {0}, sees = {0};
	(void)state;
	put_frame(&input, 0x01, BYTES_NONE);
	for (size_t i = 0; i < sizeof(KOSME) - 1; i++) {
		put_frame(&input, 0x00, bytes_of(&KOSME[i], 1));
		put_frame(&input, 0x89, B("\xff\xc3"));
		put_frame(&input, 0x00, BYTES_NONE);
		put_frame(&input, 0x8a, B("\xe2"));
		buf_append_str(&sees, "pong[\xff\xc3]\n");
	}
	put_frame(&input, 0x80, BYTES_NONE);
	buf_append_str(&sees, "text[" KOSME "]\n");
	assert_echo("6.1", buf_bytes(&input), buf_bytes(&sees), 0);
	buf_finish(&input);
	buf_finish(&sees);
}

/* 6.22: the 66 characters that are none, which text may hold all the same. */
static void test_noncharacters(void **state)
{
	(void)state;
	for (unsigned plane = 0; plane <= 16; plane++) {
		for (unsigned c = 0xfffe; c <= 0xffff; c++) {
			char text[4] = {(char)(0xf0 | plane >> 2),
				(char)(0x80 | (plane << 4 & 0x30) | c >> 12),
				(char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))};
			if (plane == 0) {
				text[1] = (char)0xef;
			}
			assert_text(
				"6.22", bytes_of(text + (plane == 0), plane == 0 ? 3 : 4), GOOD);
		}
	}
	for (unsigned c = 0x10; c <= 0x2f; c++) {
		const char text[] = {(char)0xef, (char)(0xb7), (char)(0x80 | c)};
		assert_text("6.22", bytes_of(text, sizeof(text)), GOOD);
	}
}

/* 6.4.3, 6.4.4: a frame of which only the part up to the bad byte has come. */
static void test_fail_fast(void **state)
{
	struct buf input = {0};
	struct echo echo;
	(void)state;
	put_frame(&input, 0x81,
		B(KOSME "\xf4\x90\x80\x80"
			"edited"));
	size_t bad = 6 + sizeof(KOSME) - 1 + 2;
	echo_init(&echo, ECHO_MAX_FRAME);
	echo_take(&echo, bytes_of(input.data, bad - 1));
	assert_false(echo.ended);
	assert_int_equal(echo.out.len, 0);
	echo_take(&echo, bytes_of(input.data + bad - 1, 1));
	assert_true(echo.ended);
	assert_sees("6.4.3", &echo.out, B(BAD));
	echo_finish(&echo);
	buf_finish(&input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_embedded),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_noncharacters),
		cmocka_unit_test(test_fail_fast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
