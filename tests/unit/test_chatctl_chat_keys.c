/* What the bytes of a terminal mean to the console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chatctl/chat_keys.h"

/* What a run of bytes gives: "c<hex>" a character, "e<ascii>" an edit key, else a letter. */
static const char *run(struct chat_keys *keys, const char *bytes, size_t len)
{
	static char out[512];
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < len; i++) {
		struct chat_key key = chat_keys_feed(keys, bytes[i]);
		const char *blank = at > 0 ? " " : "";
		switch (key.kind) {
		case CHAT_KEY_NONE:
			break;
		case CHAT_KEY_CHARACTER:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%sc%x", blank,
				(unsigned)key.character);
			break;
		case CHAT_KEY_EDIT:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%se", blank);
			for (const char *p = key.edit; *p != '\0'; p++) {
				at += (size_t)snprintf(
					out + at, sizeof(out) - at, "%02x", (unsigned char)*p);
			}
			break;
		case CHAT_KEY_ENTER:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%senter", blank);
			break;
		case CHAT_KEY_END:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%send", blank);
			break;
		case CHAT_KEY_LEAVE:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%sleave", blank);
			break;
		case CHAT_KEY_PAGE_UP:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%spageup", blank);
			break;
		}
	}
	return out;
}

#define RUN(bytes) run(&(struct chat_keys){.len = 0}, bytes, sizeof(bytes) - 1)

static void test_characters(void **state)
{
	(void)state;
	assert_string_equal(RUN("aB "), "c61 c42 c20");
	assert_string_equal(RUN("\xc3\xa4"), "ce4");
	assert_string_equal(RUN("\xe6\x97\xa5\xf0\x9f\x91\x8b"), "c65e5 c1f44b");
}

static void test_bad_utf8_is_dropped_and_what_follows_is_not(void **state)
{
	(void)state;
	assert_string_equal(RUN("\xff\xfe"
				"a"),
		"c61");
	assert_string_equal(RUN("\xe6\x97"
				"a"),
		"c61");
	assert_string_equal(RUN("\xc3\xc3\xa4"), "ce4");
	assert_string_equal(RUN("\xed\xa0\x80x"), "c78"); /* a surrogate */
	assert_string_equal(RUN("\xc0\x80x"), "c78"); /* an overlong form */
	assert_string_equal(RUN("\xe6\x97\x1b[A"), "e10"); /* broken off by a key */
	assert_string_equal(RUN("\xe6\r"), "enter");
}

static void test_controls_never_are_characters(void **state)
{
	(void)state;
	for (int c = 0; c < 0x20; c++) {
		struct chat_keys keys = {.len = 0};
		char byte = (char)c;
		assert_true(strncmp(run(&keys, &byte, 1), "c", 1) != 0);
	}
	assert_string_equal(RUN("\xc2\x9f\xc2\x80"), ""); /* C1 */
	assert_string_equal(RUN("\t\x16\x18\x13"), ""); /* those that would make libedit read on */
	assert_string_equal(RUN("\xc2\xa0"), "ca0");
}

static void test_keys(void **state)
{
	(void)state;
	assert_string_equal(RUN("\r\n"), "enter enter");
	assert_string_equal(RUN("\004\003"), "end leave");
	assert_string_equal(RUN("\177\010"), "e7f e7f");
	assert_string_equal(RUN("\033[A\033OB\033[5~"), "e10 e0e pageup");
	assert_string_equal(RUN("\033[1;5D"), "e1b62");
	assert_string_equal(RUN("\033f\033\177"), "e1b66 e17");
}

static void test_unknown_sequences_leave_no_rest(void **state)
{
	(void)state;
	assert_string_equal(RUN("\033[99;5ux"), "c78");
	assert_string_equal(RUN("\033[?1;2cx"), "c78");
	assert_string_equal(RUN("\033[[Ax"), "c78"); /* a function key of the Linux console */
	assert_string_equal(RUN("\033OPx"), "c78");
	assert_string_equal(RUN("\033xy"), "c79"); /* a command prompt in emacs */
	assert_string_equal(RUN("\033\033[A"), "e10");
	assert_string_equal(RUN("\033[12\rx"), "enter c78"); /* broken off */
	assert_string_equal(RUN("\033[12\033[Ax"), "e10 c78");
}

static void test_an_endless_sequence_is_no_danger(void **state)
{
	struct chat_keys keys = {.len = 0};
	(void)state;
	run(&keys, "\033[", 2);
	for (int i = 0; i < 1000; i++) {
		assert_string_equal(run(&keys, "1", 1), "");
	}
	assert_true(chat_keys_begun(&keys));
	assert_string_equal(run(&keys, "Ax", 2), "c78");
}

static void test_a_lone_escape_can_be_forgotten(void **state)
{
	struct chat_keys keys = {.len = 0};
	(void)state;
	assert_string_equal(run(&keys, "\033", 1), "");
	assert_true(chat_keys_begun(&keys));
	chat_keys_forget(&keys);
	assert_false(chat_keys_begun(&keys));
	assert_string_equal(run(&keys, "f", 1), "c66");
}

/* Whatever comes: a letter after enough letters is one again, and no control is a character. */
static void test_anything(void **state)
{
	unsigned seed = 1;
	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct chat_keys keys = {.len = 0};
		for (int i = 0; i < 100; i++) {
			seed = seed * 1103515245 + 12345;
			unsigned char byte = (unsigned char)(seed >> 16);
			byte = seed >> 28 < 4 ? '\033' : seed >> 28 < 6 ? '[' : byte;
			struct chat_key key = chat_keys_feed(&keys, (char)byte);
			if (key.kind == CHAT_KEY_CHARACTER) {
				assert_true(key.character >= 0x20 && key.character != 0x7f);
				assert_false(key.character >= 0x80 && key.character <= 0x9f);
			}
		}
		run(&keys, "AAAA", 4);
		assert_string_equal(run(&keys, "z", 1), "c7a");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_bad_utf8_is_dropped_and_what_follows_is_not),
		cmocka_unit_test(test_controls_never_are_characters),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_unknown_sequences_leave_no_rest),
		cmocka_unit_test(test_an_endless_sequence_is_no_danger),
		cmocka_unit_test(test_a_lone_escape_can_be_forgotten),
		cmocka_unit_test(test_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
