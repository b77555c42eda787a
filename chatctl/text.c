#include "chatctl/text.h"

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/conf/units.h"
#include "lib/value/json.h"

/* Length of the valid character at the start of text, or 0. */
static size_t char_length(struct bytes text)
{
	for (size_t len = 1; len <= 4 && len <= text.len; len++) {
		if (utf8_valid(bytes_of(text.ptr, len))) {
			return len;
		}
	}
	return 0;
}

static bool is_direction_mark(uint32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || c == 0x2028 || c == 0x2029 ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void text_escape(struct buf *out, struct bytes text, bool keep_lines)
{
	while (text.len > 0) {
		size_t len = char_length(text);
		if (len == 0) {
			buf_printf(out, "\\x%02X", (unsigned char)text.ptr[0]);
			text = bytes_of(text.ptr + 1, text.len - 1);
			continue;
		}
		struct bytes one = bytes_of(text.ptr, len);
		struct bytes rest = one;
		uint32_t c = utf8_next(&rest);
		bool kept = keep_lines && (c == '\n' || c == '\t');
		if (!kept && (c < 0x20 || (c >= 0x7f && c <= 0x9f))) {
			buf_printf(out, "\\x%02X", (unsigned)c);
		} else if (is_direction_mark(c)) {
			buf_printf(out, "\\u%04X", (unsigned)c);
		} else {
			buf_append_bytes(out, one);
		}
		text = bytes_of(text.ptr + len, text.len - len);
	}
}

static bool is_scalar(const struct value *value)
{
	return value->kind != VALUE_ARRAY && value->kind != VALUE_OBJECT;
}

static void append_scalar(struct buf *out, const struct value *value)
{
	if (value->kind == VALUE_TEXT) {
		buf_append_bytes(out, value->text);
	} else if (value->kind == VALUE_TIME) {
		char time[CLOCK_TEXT_SIZE];
		clock_format(value->time_ms, time);
		buf_append_str(out, time);
	} else if (value->kind != VALUE_NULL) {
		json_write(out, value);
	}
}

void text_value(struct buf *out, const struct value *value)
{
	if (is_scalar(value)) {
		append_scalar(out, value);
		return;
	}
	bool plain = value->kind == VALUE_ARRAY;
	for (uint32_t i = 0; plain && i < value->count; i++) {
		plain = is_scalar(&value->items[i]);
	}
	if (!plain) {
		json_write(out, value);
		return;
	}
	for (uint32_t i = 0; i < value->count; i++) {
		buf_append_str(out, i > 0 ? ", " : "");
		append_scalar(out, &value->items[i]);
	}
}

struct bytes text_trim(struct bytes text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL) {
		text.len--;
	}
	while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL) {
		text = bytes_of(text.ptr + 1, text.len - 1);
	}
	return text;
}

int text_seconds(struct bytes text, uint64_t *ret_us)
{
	unsigned long long seconds = 0;
	if (bytes_to_u64(text, &seconds) == 0) {
		if (seconds > 366ULL * 86400) {
			return ERR_USAGE;
		}
		*ret_us = seconds * 1000000;
		return 0;
	}
	return units_duration(text, ret_us) == 0 ? 0 : ERR_USAGE;
}
