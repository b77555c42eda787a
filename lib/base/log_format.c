#include "lib/base/log_format.h"

#include "lib/base/clock.h"
#include "lib/base/utf8.h"

enum {
	VALUE_MAX = 1024, /* bytes of one value that are written */
	LINE_MAX_SIZE = 16 * 1024, /* bytes of a line; fields behind are left out */
	NAME_MAX_SIZE = 64, /* of a journal field */
};

/* How values are written; each is more than the one before escapes. */
enum style {
	STYLE_RAW, /* nothing around them */
	STYLE_TEXT, /* quotes where they are needed */
	STYLE_JSON,
};

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
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0, 0x1f}, {0x7f, 0x9f}, /* C0, DEL, C1 */
		{0x2028, 0x2029}, /* line and paragraph separator */
		{0x61c, 0x61c}, {0x200e, 0x200f}, {0x202a, 0x202e},
		{0x2066, 0x2069}, /* direction */
		{0x200b, 0x200d}, {0x2060, 0x2060}, {0xfeff, 0xfeff}, /* without width */
	};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i].first && c <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

static void append_escape(struct buf *line, uint32_t c, enum style style)
{
	static const char plain[] = "\"\\\n\r\t";
	static const char letters[] = "\"\\nrt";
	const char *found = c != 0 && c < 0x80 ? strchr(plain, (int)c) : NULL;
	if (found != NULL) {
		buf_append_char(line, '\\');
		buf_append_char(line, letters[found - plain]);
	} else if (style == STYLE_JSON || c >= 0x80) {
		buf_printf(line, "\\u%04x", (unsigned)c);
	} else {
		buf_printf(line, "\\x%02x", (unsigned)c);
	}
}

/* A byte that is no text: JSON has no way to write it. */
static void append_bad_byte(struct buf *line, char byte, enum style style)
{
	if (style == STYLE_JSON) {
		buf_append_str(line, "\\ufffd");
	} else {
		buf_printf(line, "\\x%02x", (unsigned char)byte);
	}
}

static void append_escaped(struct buf *line, struct bytes value, enum style style)
{
	while (value.len > 0) {
		size_t len = char_len(value);
		struct bytes one = bytes_of(value.ptr, len);
		if (len == 0) {
			append_bad_byte(line, value.ptr[0], style);
			len = 1;
		} else {
			struct bytes rest = one;
			uint32_t c = utf8_next(&rest);
			bool quote = c == '"' && style != STYLE_RAW;
			if (is_control(c) || quote || c == '\\') {
				append_escape(line, c, style);
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

static void append_value(struct buf *line, struct bytes value, enum style style)
{
	struct bytes cut = cut_value(value);
	bool whole = cut.len == value.len;
	if (style == STYLE_TEXT && whole && is_plain(value)) {
		buf_append_bytes(line, value);
		return;
	}
	const char *quote = style == STYLE_RAW ? "" : "\"";
	buf_append_str(line, quote);
	append_escaped(line, cut, style);
	buf_append_str(line, whole ? "" : "...");
	buf_append_str(line, quote);
}

static void append_field_value(struct buf *line, const struct log_field *field, enum style style)
{
	switch (field->kind) {
	case LOG_FIELD_STR:
		append_value(line, bytes_str(field->str != NULL ? field->str : ""), style);
		break;
	case LOG_FIELD_BYTES:
		append_value(line, field->bytes, style);
		break;
	case LOG_FIELD_INT:
		buf_printf(line, "%lld", (long long)field->num);
		break;
	case LOG_END_FIELDS:
		break;
	}
}

/* The next field that has room in what begins at start; NULL: no more. */
static const struct log_field *next_field(
	const struct log_field *field, const struct buf *out, size_t start)
{
	bool room = out->len - start < LINE_MAX_SIZE;
	return room && field->kind != LOG_END_FIELDS ? field : NULL;
}

/* ---- text ---- */

static void append_message(struct buf *out, const struct log_record *record, enum style event_style)
{
	size_t start = out->len;
	append_escaped(out, bytes_str(record->event), event_style);
	for (const struct log_field *f = record->fields; next_field(f, out, start) != NULL; f++) {
		buf_printf(out, " %s=", f->name);
		append_field_value(out, f, STYLE_TEXT);
	}
}

void log_format_text(const struct log_record *record, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];
	clock_format(record->wall_ms, when);
	buf_printf(out, "%s %s ", when, log_level_name(record->level));
	append_message(out, record, STYLE_RAW);
	buf_append_char(out, '\n');
}

/* syslog(3): err, warning, info, debug. */
static int priority_of(enum log_level level)
{
	static const int priorities[] = {
		[LOG_DEBUG] = 7, [LOG_INFO] = 6, [LOG_WARN] = 4, [LOG_ERROR] = 3, [LOG_OFF] = 7};
	return priorities[level];
}

void log_format_prefixed(const struct log_record *record, struct buf *out)
{
	buf_printf(out, "<%d>", priority_of(record->level));
	append_message(out, record, STYLE_RAW);
	buf_append_char(out, '\n');
}

/* ---- JSON ---- */

static void append_json_head(const struct log_record *record, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];
	clock_format(record->wall_ms, when);
	buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", when,
		log_level_name(record->level));
	append_value(out, bytes_str(record->event), STYLE_JSON);
	buf_append_str(out, ",\"thread\":");
	append_value(out, bytes_str(record->thread), STYLE_JSON);
}

static void append_json_fields(const struct log_record *record, struct buf *out, bool comma)
{
	size_t start = out->len;
	for (const struct log_field *f = record->fields; next_field(f, out, start) != NULL; f++) {
		buf_append_str(out, comma ? "," : "");
		comma = true;
		append_value(out, bytes_str(f->name), STYLE_JSON);
		buf_append_char(out, ':');
		append_field_value(out, f, STYLE_JSON);
	}
}

void log_format_json(const struct log_record *record, struct buf *out)
{
	append_json_head(record, out);
	append_json_fields(record, out, true);
	buf_append_str(out, "}\n");
}

void log_format_item(const struct log_record *record, struct buf *out)
{
	append_json_head(record, out);
	buf_append_str(out, ",\"fields\":{");
	append_json_fields(record, out, false);
	buf_append_str(out, "}}");
}

/* ---- journal ---- */

/* Of names only A to Z, 0 to 9 and '_' are taken. */
static void append_journal_name(struct buf *out, const char *name)
{
	buf_append_str(out, "CHATD_");
	for (size_t i = 0; name[i] != '\0' && i < NAME_MAX_SIZE - 6; i++) {
		char c = name[i];
		bool lower = c >= 'a' && c <= 'z';
		bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		buf_append_char(out, lower ? (char)(c - 'a' + 'A') : kept ? c : '_');
	}
	buf_append_char(out, '=');
}

static void append_journal_text(struct buf *out, const char *name, const char *value)
{
	append_journal_name(out, name);
	append_value(out, bytes_str(value), STYLE_RAW);
	buf_append_char(out, '\n');
}

void log_format_journal(const struct log_record *record, struct buf *out)
{
	buf_append_str(out, "MESSAGE=");
	append_message(out, record, STYLE_RAW);
	buf_printf(out, "\nPRIORITY=%d\nSYSLOG_IDENTIFIER=chatd\n", priority_of(record->level));
	append_journal_text(out, "event", record->event);
	append_journal_text(out, "thread", record->thread);
	size_t start = out->len;
	for (const struct log_field *f = record->fields; next_field(f, out, start) != NULL; f++) {
		append_journal_name(out, f->name);
		append_field_value(out, f, STYLE_RAW);
		buf_append_char(out, '\n');
	}
}
