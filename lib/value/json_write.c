/* The writing half of lib/value/json.h. It is on the way of each message that is sent. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/ident.h"
#include "lib/base/utf8.h"
#include "lib/value/json.h"

/* ---- texts ---- */

/* Bytes that a character which is to be escaped may begin with. */
static const bool suspects[256] = {
	[0 ... 0x1f] = true,
	['"'] = true,
	['\\'] = true,
	[0x7f] = true,
	[0xc2] = true, /* U+0080 to U+009F */
	[0xe2] = true, /* U+2028, U+2029 */
	[0xf0 ... 0xf4] = true, /* above U+FFFF */
};

/* Over what is copied as it stands: eight bytes at a time as long as they are plain ASCII. */
static const char *skip_plain(const char *at, const char *end)
{
	const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
	while (at < end) {
		while (end - at >= 8) {
			uint64_t word;
			memcpy(&word, at, sizeof(word));
			uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
			uint64_t del = word ^ ones * 0x7f;
			if ((word | (word - ones * 0x20) | (quote - ones) | (backslash - ones) |
				    (del - ones)) &
				tops) {
				break;
			}
			at += 8;
		}
		/* Text that is not ASCII comes in runs: byte by byte up to where it ends. */
		const char *run = at;
		while (at < end && !suspects[(uint8_t)*at] && (at - run < 8 || *at < 0)) {
			at++;
		}
		if (at == end || suspects[(uint8_t)*at]) {
			break;
		}
	}
	return at;
}

static void write_unit(struct buf *out, unsigned unit)
{
	static const char digits[] = "0123456789ABCDEF";
	const char escape[] = {'\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15],
		digits[unit >> 4 & 15], digits[unit & 15]};
	buf_append(out, escape, sizeof(escape));
}

static void write_ascii(struct buf *out, char c)
{
	static const char shorts[128] = {
		['\b'] = 'b',
		['\t'] = 't',
		['\n'] = 'n',
		['\f'] = 'f',
		['\r'] = 'r',
		['"'] = '"',
		['\\'] = '\\',
	};
	char letter = shorts[(uint8_t)c];
	if (letter == '\0') {
		write_unit(out, (uint8_t)c);
		return;
	}
	buf_append(out, (const char[]){'\\', letter}, 2);
}

/* Writes the character that a suspect begins; gives what is behind it. */
static const char *write_suspect(struct buf *out, const char *at, const char *end)
{
	if (*at >= 0) {
		write_ascii(out, *at);
		return at + 1;
	}
	uint8_t first = (uint8_t)*at;
	ptrdiff_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (len > end - at) {
		/* Not UTF-8: the caller's fault, but no reason to read on behind the end. */
		buf_append(out, at, (size_t)(end - at));
		return end;
	}
	struct bytes rest = bytes_of(at, (size_t)len);
	uint32_t c = utf8_next(&rest);
	if (c > 0xffff) {
		write_unit(out, 0xd800 + ((c - 0x10000) >> 10 & 0x3ff));
		write_unit(out, 0xdc00 + (c & 0x3ff));
	} else if (c < 0xa0 || c == 0x2028 || c == 0x2029) {
		write_unit(out, c);
	} else {
		buf_append(out, at, (size_t)len);
	}
	return at + len;
}

void json_write_text(struct buf *out, struct bytes text)
{
	const char *at = text.ptr;
	const char *end = text.len > 0 ? text.ptr + text.len : at;
	buf_reserve(out, text.len + 2);
	buf_append_char(out, '"');
	while (at < end) {
		const char *next = skip_plain(at, end);
		buf_append(out, at, (size_t)(next - at));
		at = next < end ? write_suspect(out, next, end) : next;
	}
	buf_append_char(out, '"');
}

/* ---- numbers and the rest ---- */

static void write_int(struct buf *out, int64_t n)
{
	char digits[20]; /* the least has 19 and its sign */
	char *at = digits + sizeof(digits);
	/* The least number has no positive twin. */
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (n < 0) {
		*--at = '-';
	}
	buf_append(out, at, (size_t)(digits + sizeof(digits) - at));
}

/* The shortest form that reads as the same number; whole numbers without a dot, as .NET and
 * JavaScript do it. */
static void write_double(struct buf *out, double number)
{
	if (!isfinite(number)) {
		buf_append(out, "null", 4);
		return;
	}
	char text[40];
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, number);
		if (strtod(text, NULL) == number) {
			break;
		}
	}
	/* The decimal point is whatever the locale says. */
	bool foreign = false;
	for (const char *at = text; *at != '\0'; at++) {
		if (strchr("+-0123456789e", *at) != NULL) {
			buf_append_char(out, *at);
			foreign = false;
		} else if (!foreign) {
			buf_append_char(out, '.');
			foreign = true;
		}
	}
}

static void write_binary(struct buf *out, struct bytes binary)
{
	buf_reserve(out, (binary.len + 2) / 3 * 4 + 2);
	buf_append_char(out, '"');
	out->len += base64_encode(binary, out->data + out->len);
	buf_append_char(out, '"');
}

static void write_time(struct buf *out, int64_t ms)
{
	char text[CLOCK_TEXT_SIZE];
	clock_format(ms, text);
	buf_append_char(out, '"');
	buf_append_str(out, text);
	buf_append_char(out, '"');
}

static void write_array(struct buf *out, const struct value *array)
{
	buf_append_char(out, '[');
	for (uint32_t i = 0; i < array->count; i++) {
		if (i > 0) {
			buf_append_char(out, ',');
		}
		json_write(out, &array->items[i]);
	}
	buf_append_char(out, ']');
}

static void write_object(struct buf *out, const struct value *object)
{
	buf_append_char(out, '{');
	for (uint32_t i = 0; i < object->count; i++) {
		if (i > 0) {
			buf_append_char(out, ',');
		}
		json_write_text(out, object->members[i].name);
		buf_append_char(out, ':');
		json_write(out, &object->members[i].value);
	}
	buf_append_char(out, '}');
}

/* Recursive: what was read is at most 64 levels deep, and we build nothing deeper. */
void json_write(struct buf *out, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		buf_append(out, "null", 4);
		break;
	case VALUE_BOOL:
		buf_append_str(out, value->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		write_int(out, value->integer);
		break;
	case VALUE_DOUBLE:
		write_double(out, value->number);
		break;
	case VALUE_TEXT:
		json_write_text(out, value->text);
		break;
	case VALUE_BINARY:
		write_binary(out, value->text);
		break;
	case VALUE_TIME:
		write_time(out, value->time_ms);
		break;
	case VALUE_ARRAY:
		write_array(out, value);
		break;
	case VALUE_OBJECT:
		write_object(out, value);
		break;
	}
}

static void write_member_name(struct buf *out, const char *name)
{
	if (out->len > 0 && out->data[out->len - 1] != '{') {
		buf_append_char(out, ',');
	}
	json_write_text(out, bytes_str(name));
	buf_append_char(out, ':');
}

void json_write_member_text(struct buf *out, const char *name, struct bytes text)
{
	write_member_name(out, name);
	json_write_text(out, text);
}

void json_write_member_int(struct buf *out, const char *name, int64_t n)
{
	write_member_name(out, name);
	write_int(out, n);
}
