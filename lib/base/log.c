#include "lib/base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"

enum {
	VALUE_MAX = 1024, /* bytes of one value that are written */
	LINE_MAX_SIZE = 16 * 1024, /* bytes of a line; fields behind are left out */
};

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

/* The logger is the one mutable global. */
static atomic_int logger_level = LOG_INFO;
static atomic_int logger_format = LOG_FORMAT_TEXT;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&logger_level, (int)level, memory_order_relaxed);
}

void log_set_format(enum log_format format)
{
	atomic_store_explicit(&logger_format, (int)format, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return level != LOG_OFF &&
	       (int)level >= atomic_load_explicit(&logger_level, memory_order_relaxed);
}

int log_level_parse(struct bytes name, enum log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (bytes_eq(name, bytes_str(level_names[i]))) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return ERR_BAD_REQUEST;
}

/* ---- values ---- */

/* Length of the valid character at the front of text, 0 where it is none. */
static size_t char_len(struct bytes text)
{
	for (size_t len = 1; len <= 4 && len <= text.len; len++) {
		if (utf8_valid(bytes_of(text.ptr, len))) {
			return len;
		}
	}
	return 0;
}

static bool is_control(uint32_t c)
{
	/* Also the C1 set, and the marks that change the direction of what follows. */
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

static void append_escape(struct buf *line, uint32_t c, enum log_format format)
{
	static const char plain[] = "\"\\\n\r\t";
	static const char letters[] = "\"\\nrt";
	const char *found = c != 0 && c < 0x80 ? strchr(plain, (int)c) : NULL;
	if (found != NULL) {
		buf_append_char(line, '\\');
		buf_append_char(line, letters[found - plain]);
	} else if (format == LOG_FORMAT_JSON || c > 0xff) {
		buf_printf(line, "\\u%04x", (unsigned)c);
	} else {
		buf_printf(line, "\\x%02x", (unsigned)c);
	}
}

static void append_escaped(struct buf *line, struct bytes value, enum log_format format)
{
	while (value.len > 0) {
		size_t len = char_len(value);
		struct bytes one = bytes_of(value.ptr, len);
		if (len == 0) {
			/* JSON has no way to write a byte that is no text. */
			if (format == LOG_FORMAT_JSON) {
				buf_append_str(line, "\\ufffd");
			} else {
				append_escape(line, (unsigned char)value.ptr[0], format);
			}
			len = 1;
		} else {
			struct bytes rest = one;
			uint32_t c = utf8_next(&rest);
			if (is_control(c) || c == '"' || c == '\\') {
				append_escape(line, c, format);
			} else {
				buf_append_bytes(line, one);
			}
		}
		value.ptr += len;
		value.len -= len;
	}
}

/* Whether a value of the text format can stand without quotes. */
static bool is_plain(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=') {
			return false;
		}
	}
	return value.len > 0;
}

/* Cuts to VALUE_MAX bytes at the end of a character. */
static struct bytes cut_value(struct bytes value)
{
	if (value.len <= VALUE_MAX) {
		return value;
	}
	size_t len = VALUE_MAX;
	while (len > VALUE_MAX - 3 && ((unsigned char)value.ptr[len] & 0xc0) == 0x80) {
		len--;
	}
	return bytes_of(value.ptr, len);
}

static void append_value(struct buf *line, struct bytes value, enum log_format format)
{
	struct bytes cut = cut_value(value);
	if (format == LOG_FORMAT_TEXT && cut.len == value.len && is_plain(value)) {
		buf_append_bytes(line, value);
		return;
	}
	buf_append_char(line, '"');
	append_escaped(line, cut, format);
	buf_append_str(line, cut.len < value.len ? "...\"" : "\"");
}

static void append_field(struct buf *line, const struct log_field *field, enum log_format format)
{
	if (format == LOG_FORMAT_JSON) {
		buf_append_char(line, ',');
		append_value(line, bytes_str(field->name), format);
		buf_append_char(line, ':');
	} else {
		buf_printf(line, " %s=", field->name);
	}
	switch (field->kind) {
	case LOG_FIELD_STR:
		append_value(line, bytes_str(field->str != NULL ? field->str : ""), format);
		break;
	case LOG_FIELD_BYTES:
		append_value(line, field->bytes, format);
		break;
	case LOG_FIELD_INT:
		buf_printf(line, "%lld", (long long)field->num);
		break;
	case LOG_END_FIELDS:
		break;
	}
}

/* ---- lines ---- */

/* A full pipe loses the line rather than holding up the server. */
static void write_line(struct bytes line)
{
	int saved = errno;
	while (line.len > 0) {
		ssize_t n = write(STDERR_FILENO, line.ptr, line.len);
		if (n < 0 && errno != EINTR) {
			break;
		}
		if (n > 0) {
			line.ptr += n;
			line.len -= (size_t)n;
		}
	}
	errno = saved;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	enum log_format format =
		(enum log_format)atomic_load_explicit(&logger_format, memory_order_relaxed);
	char when[CLOCK_TEXT_SIZE];
	struct buf line = {0};
	if (!log_enabled(level)) {
		return;
	}
	clock_format(clock_wall_ms(&clock_system), when);
	if (format == LOG_FORMAT_JSON) {
		buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", when,
			level_names[level]);
		append_value(&line, bytes_str(event), format);
	} else {
		buf_printf(&line, "%s %s %s", when, level_names[level], event);
	}
	for (; fields->kind != LOG_END_FIELDS && line.len < LINE_MAX_SIZE; fields++) {
		append_field(&line, fields, format);
	}
	buf_append_str(&line, format == LOG_FORMAT_JSON ? "}\n" : "\n");
	write_line(buf_bytes(&line));
	buf_finish(&line);
}
