/* How events are written, in each form: no control character, nothing that is no UTF-8, and no
 * value that ends another's quotes ever comes through. */
#include "lib/base/log_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/base/utf8.h"
#include "lib/value/json.h"

typedef void (*format_fn)(const struct log_record *record, struct buf *out);

static const struct form {
	const char *name;
	format_fn format;
	bool json;
	size_t lines; /* newlines of an event with one field */
} forms[] = {
	{"text", log_format_text, false, 1},
	{"prefixed", log_format_prefixed, false, 1},
	{"json", log_format_json, true, 1},
	{"item", log_format_item, true, 0},
	{"journal", log_format_journal, false, 6},
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

static void format_value(const struct form *form, struct bytes value, struct buf *out)
{
	const struct log_field fields[] = {LOG_BYTES("v", value), {.kind = LOG_END_FIELDS}};
	const struct log_record record = {
		.wall_ms = 1704164645678,
		.level = LOG_INFO,
		.event = "tried",
		.thread = "worker-0",
		.fields = fields,
	};
	buf_clear(out);
	form->format(&record, out);
}

/* What must hold of every line whatever the value was. */
static void assert_clean(const struct form *form, const struct buf *out)
{
	struct bytes rest = buf_bytes(out);
	size_t lines = 0;
	assert_true(utf8_valid(rest));
	while (rest.len > 0) {
		uint32_t c = utf8_next(&rest);
		lines += c == '\n' ? 1 : 0;
		if ((c < 0x20 && c != '\n') || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
			c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
			(c >= 0x2066 && c <= 0x2069) || c == 0xfeff) {
			fail_msg("%s lets U+%04X through", form->name, (unsigned)c);
		}
	}
	assert_int_equal(lines, form->lines);
}

/* The value as a reader of the JSON forms sees it. */
static void read_back(const struct form *form, const struct buf *out, struct buf *ret_value)
{
	struct arena *arena = arena_create(0);
	struct value value;
	const char *why = "";
	size_t len = out->len - form->lines;
	if (json_read(arena, bytes_of(out->data, len), &value, &why) != 0) {
		fail_msg("%s is no JSON: %s: %.*s", form->name, why, (int)len, out->data);
	}
	const struct value *fields = form->lines == 0 ? value_get(&value, "fields") : &value;
	const struct value *v = value_get(fields, "v");
	assert_non_null(v);
	assert_int_equal(v->kind, VALUE_TEXT);
	buf_clear(ret_value);
	buf_append_bytes(ret_value, v->text);
	arena_destroy(&arena);
}

static size_t write_utf8(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

/* Undoes the escapes of text and journal. Answers the first byte behind the value. */
static const char *unescape(const char *at, bool quoted, struct buf *out)
{
	static const char plain[] = "\"\\\n\r\t";
	static const char letters[] = "\"\\nrt";
	buf_clear(out);
	while (quoted ? *at != '"' : *at != '\n' && *at != ' ') {
		unsigned code;
		assert_int_not_equal(*at, '\0');
		if (*at != '\\') {
			buf_append_char(out, *at++);
			continue;
		}
		const char *letter = strchr(letters, at[1]);
		if (letter != NULL) {
			buf_append_char(out, plain[letter - letters]);
			at += 2;
		} else if (sscanf(at, "\\x%2x", &code) == 1) {
			buf_append_char(out, (char)code);
			at += 4;
		} else {
			char text[4];
			assert_int_equal(sscanf(at, "\\u%4x", &code), 1);
			buf_append(out, text, write_utf8(code, text));
			at += 6;
		}
	}
	return at;
}

/* The value as a reader of the text sees it. */
static void read_text(struct buf *out, struct buf *ret_value)
{
	const char *at = strstr(buf_cstr(out), " v=") + 3;
	bool quoted = *at == '"';
	at = unescape(at + (quoted ? 1 : 0), quoted, ret_value);
	assert_string_equal(at, quoted ? "\"\n" : "\n");
}

static void test_lines(void **state)
{
	const struct log_field fields[] = {LOG_STR("listen", "127.0.0.1:5000"),
		LOG_INT("workers", 4), LOG_STR("two", "a b"), {.kind = LOG_END_FIELDS}};
	const struct log_record record = {1704164645678, LOG_WARN, "not ready", "worker-1", fields};
	static const char *const wanted[] = {
		"2024-01-02T03:04:05.678Z warn not ready listen=127.0.0.1:5000 workers=4 "
		"two=\"a b\"\n",
		"<4>not ready listen=127.0.0.1:5000 workers=4 two=\"a b\"\n",
		"{\"time\":\"2024-01-02T03:04:05.678Z\",\"level\":\"warn\",\"event\":\"not ready\","
		"\"thread\":\"worker-1\",\"listen\":\"127.0.0.1:5000\",\"workers\":4,"
		"\"two\":\"a b\"}\n",
		"{\"time\":\"2024-01-02T03:04:05.678Z\",\"level\":\"warn\",\"event\":\"not ready\","
		"\"thread\":\"worker-1\",\"fields\":{\"listen\":\"127.0.0.1:5000\",\"workers\":4,"
		"\"two\":\"a b\"}}",
		"MESSAGE=not ready listen=127.0.0.1:5000 workers=4 two=\"a b\"\nPRIORITY=4\n"
		"SYSLOG_IDENTIFIER=chatd\nCHATD_EVENT=not ready\nCHATD_THREAD=worker-1\n"
		"CHATD_LISTEN=127.0.0.1:5000\nCHATD_WORKERS=4\nCHATD_TWO=a b\n",
	};
	(void)state;
	for (size_t i = 0; i < FORMS; i++) {
		struct buf out = {0};
		forms[i].format(&record, &out);
		assert_string_equal(buf_cstr(&out), wanted[i]);
		buf_finish(&out);
	}
}

static void test_without_fields(void **state)
{
	const struct log_field none = {.kind = LOG_END_FIELDS};
	const struct log_record record = {0, LOG_ERROR, "down", "", &none};
	static const char *const wanted[] = {
		"1970-01-01T00:00:00.000Z error down\n",
		"<3>down\n",
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"error\",\"event\":\"down\","
		"\"thread\":\"\"}\n",
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"error\",\"event\":\"down\","
		"\"thread\":\"\",\"fields\":{}}",
		"MESSAGE=down\nPRIORITY=3\nSYSLOG_IDENTIFIER=chatd\nCHATD_EVENT=down\n"
		"CHATD_THREAD=\n",
	};
	(void)state;
	for (size_t i = 0; i < FORMS; i++) {
		struct buf out = {0};
		forms[i].format(&record, &out);
		assert_string_equal(buf_cstr(&out), wanted[i]);
		buf_finish(&out);
	}
}

/* sd-daemon(3): 7 debug, 6 info, 4 warning, 3 err. */
static void test_priorities(void **state)
{
	static const char *const wanted[] = {"<7>x\n", "<6>x\n", "<4>x\n", "<3>x\n"};
	const struct log_field none = {.kind = LOG_END_FIELDS};
	(void)state;
	for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
		const struct log_record record = {0, (enum log_level)level, "x", "", &none};
		struct buf out = {0};
		log_format_prefixed(&record, &out);
		assert_string_equal(buf_cstr(&out), wanted[level]);
		buf_finish(&out);
	}
}

/* Each character below U+FFFF, with a letter on both sides: in every form it is clean, JSON gives
 * it back as it was, and text and journal in a form from which it can be told. */
static void test_every_character(void **state)
{
	struct buf out = {0}, back = {0};
	(void)state;
	for (uint32_t c = 0; c < 0xffff; c++) {
		char value[6] = "a";
		if (c >= 0xd800 && c < 0xe000) {
			continue; /* surrogates are no characters */
		}
		size_t len = 1 + write_utf8(c, value + 1);
		value[len++] = 'z';
		struct bytes wanted = bytes_of(value, len);
		for (size_t i = 0; i < FORMS; i++) {
			format_value(&forms[i], wanted, &out);
			assert_clean(&forms[i], &out);
			if (forms[i].json) {
				read_back(&forms[i], &out, &back);
			} else if (forms[i].format == log_format_text) {
				read_text(&out, &back);
			} else {
				continue;
			}
			assert_int_equal(back.len, len);
			assert_memory_equal(back.data, value, len);
		}
	}
	buf_finish(&out);
	buf_finish(&back);
}

static void test_every_byte_alone(void **state)
{
	struct buf out = {0}, back = {0};
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char value[] = {'a', (char)byte, 'z'};
		for (size_t i = 0; i < FORMS; i++) {
			format_value(&forms[i], bytes_of(value, sizeof(value)), &out);
			assert_clean(&forms[i], &out);
		}
		format_value(&forms[0], bytes_of(value, sizeof(value)), &out);
		read_text(&out, &back);
		assert_int_equal(back.len, sizeof(value));
		assert_memory_equal(back.data, value, sizeof(value));
	}
	buf_finish(&out);
	buf_finish(&back);
}

/* Values that were made to look like the end of their own and the begin of another event. */
static void test_forged(void **state)
{
	static const char *const values[] = {
		"x\n2024-01-02T03:04:05.678Z error forged",
		"x\" forged=\"1",
		"x\\\" forged=\"1",
		"x\\",
		"\\",
		"x\",\"v\":\"forged",
		"x\"}\n{\"event\":\"forged\"}",
		"x\nMESSAGE=forged\nPRIORITY=0\n",
		"x\r<0>forged",
		"x\xe2\x80\xa8\x66orged",
		"\x1b[2J\x1b]0;forged\x07",
		"\x9b\x32J",
		"\xc2\x9b\x32J",
		"\xed\xa0\x80", /* a surrogate */
		"\xc0\x8a", /* an overlong newline */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xe2\x80",
	};
	struct buf out = {0}, back = {0};
	(void)state;
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		for (size_t i = 0; i < FORMS; i++) {
			format_value(&forms[i], bytes_str(values[v]), &out);
			assert_clean(&forms[i], &out);
			if (forms[i].json) {
				read_back(&forms[i], &out, &back);
			}
		}
		format_value(&forms[0], bytes_str(values[v]), &out);
		read_text(&out, &back);
		assert_int_equal(back.len, strlen(values[v]));
		assert_memory_equal(back.data, values[v], back.len);
	}
	buf_finish(&out);
	buf_finish(&back);
}

/* 1024 bytes of a value, never half a character, and a mark. */
static void test_cut(void **state)
{
	char value[4096];
	struct buf out = {0}, back = {0};
	(void)state;
	for (size_t offset = 0; offset < 4; offset++) {
		memset(value, 'v', offset);
		for (size_t at = offset; at + 4 <= sizeof(value); at += 4) {
			memcpy(value + at, "\xf0\x9f\x98\x80", 4);
		}
		for (size_t i = 0; i < FORMS; i++) {
			format_value(&forms[i], bytes_of(value, sizeof(value) - 4), &out);
			assert_clean(&forms[i], &out);
			if (forms[i].json) {
				size_t kept = offset + (1024 - offset) / 4 * 4;
				read_back(&forms[i], &out, &back);
				assert_int_equal(back.len, kept + 3);
				assert_memory_equal(back.data, value, kept);
				assert_memory_equal(back.data + kept, "...", 3);
			}
		}
	}
	buf_finish(&out);
	buf_finish(&back);
}

/* Even where each byte becomes six an event stays below 24 KiB, and every form is whole. */
static void test_many_long_fields(void **state)
{
	char value[2000];
	struct log_field fields[41];
	struct log_record record = {0, LOG_INFO, "e", "t", fields};
	(void)state;
	memset(value, '\x01', sizeof(value));
	for (size_t i = 0; i < 40; i++) {
		fields[i] = LOG_BYTES("v", bytes_of(value, sizeof(value)));
	}
	fields[40] = (struct log_field){.kind = LOG_END_FIELDS};
	for (size_t i = 0; i < FORMS; i++) {
		struct buf out = {0}, back = {0};
		forms[i].format(&record, &out);
		assert_in_range(out.len, 16 * 1024, (i == 4 ? 2 : 1) * 24 * 1024);
		if (forms[i].json) {
			read_back(&forms[i], &out, &back);
		} else {
			assert_int_equal(out.data[out.len - 1], '\n');
		}
		buf_finish(&out);
		buf_finish(&back);
	}
}

/* Of the journal's names only A-Z, 0-9 and '_' are taken, and at most 64. */
static void test_journal_names(void **state)
{
	const struct log_field fields[] = {LOG_INT("lastSeq", 1), LOG_INT("a.b-c d=e\nf", 2),
		LOG_INT("a_name_that_is_much_longer_than_what_the_journal_takes_for_one_of_them",
			3),
		{.kind = LOG_END_FIELDS}};
	const struct log_record record = {0, LOG_INFO, "e", "t", fields};
	struct buf out = {0};
	(void)state;
	log_format_journal(&record, &out);
	const char *text = buf_cstr(&out);
	assert_non_null(strstr(text, "\nCHATD_LASTSEQ=1\n"));
	assert_non_null(strstr(text, "\nCHATD_A_B_C_D_E_F=2\n"));
	assert_non_null(strstr(
		text, "\nCHATD_A_NAME_THAT_IS_MUCH_LONGER_THAN_WHAT_THE_JOURNAL_TAKES_FOR=3\n"));
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_without_fields),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_every_byte_alone),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_many_long_fields),
		cmocka_unit_test(test_journal_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
