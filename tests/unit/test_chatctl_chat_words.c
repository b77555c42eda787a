/* Lines that are typed: text, commands, and what is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chatctl/chat_words.h"

static struct chat_words read_line(const char *line)
{
	struct chat_words words;
	chat_words_read(&words, bytes_str(line));
	return words;
}

static void assert_text(const char *line, const char *text)
{
	struct chat_words words = read_line(line);
	assert_int_equal(words.word, CHAT_WORD_TEXT);
	assert_true(bytes_eq(words.text, bytes_str(text)));
}

static void assert_wrong(const char *line, const char *why)
{
	struct chat_words words = read_line(line);
	assert_int_equal(words.word, CHAT_WORD_WRONG);
	assert_string_equal(words.why, why);
}

static void test_text(void **state)
{
	(void)state;
	assert_text("hello", "hello");
	assert_text(" /quit", " /quit");
	assert_text("  two  blanks ", "  two  blanks ");
	assert_text("//quit", "/quit");
	assert_text("//", "/");
	assert_text("///", "//");
	assert_int_equal(read_line("").word, CHAT_WORD_NOTHING);
	assert_int_equal(read_line(" \t ").word, CHAT_WORD_NOTHING);
}

static void test_commands(void **state)
{
	(void)state;
	assert_int_equal(read_line("/help").word, CHAT_WORD_HELP);
	assert_int_equal(read_line("/WHO  ").word, CHAT_WORD_WHO);
	assert_int_equal(read_line("/quit").word, CHAT_WORD_QUIT);
	struct chat_words words = read_line("/join  Big Room ");
	assert_int_equal(words.word, CHAT_WORD_JOIN);
	assert_true(bytes_eq(words.text, BYTES_LIT("Big Room")));
	assert_int_equal(read_line("/history").count, CHAT_HISTORY_DEFAULT);
	assert_int_equal(read_line("/history 7").count, 7);
	assert_int_equal(read_line("/history 1000").count, 1000);
}

static void test_wrong_ones(void **state)
{
	(void)state;
	assert_wrong("/hlep", "there is no /hlep: did you mean /help?");
	assert_wrong("/histroy 5", "there is no /histroy: did you mean /history?");
	assert_wrong("/xyzzy", "there is no /xyzzy: /help lists what there is");
	assert_wrong("/", "there is no /: /help lists what there is");
	assert_wrong("/\033[2J", "there is no /\\x1B[2J: /help lists what there is");
	assert_wrong("/join", "it is /join ROOM");
	assert_wrong("/who me", "it is /who");
	assert_wrong("/history x", "it is /history [N], N from 1 to 1000");
	assert_wrong("/history 0", "it is /history [N], N from 1 to 1000");
	assert_wrong("/history 1001", "it is /history [N], N from 1 to 1000");
	assert_wrong("/history -1", "it is /history [N], N from 1 to 1000");
	assert_wrong("/history 99999999999999999999999", "it is /history [N], N from 1 to 1000");
}

static void test_long_ones(void **state)
{
	char line[2000];
	(void)state;
	memset(line, 'a', sizeof(line));
	line[0] = '/';
	line[sizeof(line) - 1] = '\0';
	struct chat_words words = read_line(line);
	assert_int_equal(words.word, CHAT_WORD_WRONG);
	assert_true(strlen(words.why) < sizeof(words.why));
	memcpy(line, "/join ", 6);
	assert_int_equal(read_line(line).word, CHAT_WORD_WRONG);
	memset(line + 1, '\x80', 200);
	assert_int_equal(read_line(line).word, CHAT_WORD_WRONG);
}

/* Everything that help names is understood, and the other way round. */
static void test_help_names_all(void **state)
{
	struct buf out = {0};
	(void)state;
	chat_words_help(&out);
	const char *help = buf_cstr(&out);
	const char *names[] = {"/help", "/who", "/join", "/history", "/quit", "//text"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_non_null(strstr(help, names[i]));
	}
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_wrong_ones),
		cmocka_unit_test(test_long_ones),
		cmocka_unit_test(test_help_names_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
