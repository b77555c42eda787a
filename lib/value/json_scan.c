#include "lib/value/json_scan.h"

#include <limits.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/utf8.h"

enum {
	ESCAPE_LEN = 6, /* of backslash, u and four digits */
	LONG_LEAST = 64, /* bytes of a text that is worth the trouble */
	MARK_LEN = sizeof(JSON_SCAN_MARK) - 1,
};

/* The scan itself, and what it writes on its second pass. */
struct walk {
	struct json_scan *scan;
	const char *at, *end;
	unsigned depth;
	char *out; /* NULL on the first pass */
	const char *copied; /* the text up to here has been written to out */
	bool keep_longs; /* a text begins like a stand-in: there must be none */
};

enum token { TOKEN_OTHER, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_QUOTE, TOKEN_NUMBER };

static const uint8_t tokens[256] = {
	['['] = TOKEN_OPEN,
	['{'] = TOKEN_OPEN,
	[']'] = TOKEN_CLOSE,
	['}'] = TOKEN_CLOSE,
	['"'] = TOKEN_QUOTE,
	['-'] = TOKEN_NUMBER,
	['0' ... '9'] = TOKEN_NUMBER,
};

/* What a number consists of. */
static const bool number_chars[256] = {
	['+'] = true,
	['-'] = true,
	['.'] = true,
	['0' ... '9'] = true,
	['E'] = true,
	['e'] = true,
};

static int refuse(struct walk *walk, const char *reason)
{
	walk->scan->reason = reason;
	walk->scan->at = (size_t)(walk->at - walk->scan->text.ptr);
	return ERR_BAD_REQUEST;
}

/* Second pass: everything up to "from", then instead of what goes up to "to" something else. */
static void replace(
	struct walk *walk, const char *from, const char *to, const char *instead, size_t len)
{
	size_t before = (size_t)(from - walk->copied);
	memcpy(walk->out, walk->copied, before);
	memcpy(walk->out + before, instead, len);
	walk->out += before + len;
	walk->copied = to;
}

/* ---- texts ---- */

/* Eight bytes at a time, as long as none of them is a quote or a backslash. */
static const char *skip_plain(const char *at, const char *end)
{
	const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
	while (end - at >= 8) {
		uint64_t word;
		memcpy(&word, at, sizeof(word));
		uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
		if ((((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops) {
			break;
		}
		at += 8;
	}
	while (at < end && *at != '"' && *at != '\\') {
		at++;
	}
	return at;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number in an escape such as \u00e9, or -1 where there is none. */
static int escaped_unit(const char *at, const char *end)
{
	if (end - at < ESCAPE_LEN || at[0] != '\\' || at[1] != 'u') {
		return -1;
	}
	int unit = 0;
	for (int i = 2; i < ESCAPE_LEN; i++) {
		int digit = hex_value(at[i]);
		if (digit < 0) {
			return -1;
		}
		unit = unit << 4 | digit;
	}
	return unit;
}

/* Goes over an escape; true where it was half a surrogate pair. */
static bool walk_escape(struct walk *walk)
{
	int unit = escaped_unit(walk->at, walk->end);
	if (unit < 0) {
		walk->at += walk->end - walk->at >= 2 ? 2 : 1;
		return false;
	}
	walk->keep_longs |= unit == 0xfdd1;
	if (unit < 0xd800 || unit > 0xdfff) {
		walk->at += ESCAPE_LEN;
		return false;
	}
	int next = escaped_unit(walk->at + ESCAPE_LEN, walk->end);
	if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) {
		walk->at += 2 * ESCAPE_LEN;
		return false;
	}
	if (walk->out != NULL) {
		replace(walk, walk->at, walk->at + ESCAPE_LEN, "\\uFDD0", ESCAPE_LEN);
	}
	walk->scan->marks++;
	walk->at += ESCAPE_LEN;
	return true;
}

/* Whether a colon comes next. */
static bool before_colon(const struct walk *walk)
{
	const char *at = walk->at;
	while (at < walk->end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
		at++;
	}
	return at < walk->end && *at == ':';
}

static bool has_control(struct bytes text)
{
	const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
	size_t i = 0;
	for (; text.len - i >= 8; i += 8) {
		uint64_t word;
		memcpy(&word, text.ptr + i, sizeof(word));
		if (((word - ones * 0x20) & ~word & tops) != 0) {
			return true;
		}
	}
	for (; i < text.len; i++) {
		if ((uint8_t)text.ptr[i] < 0x20) {
			return true;
		}
	}
	return false;
}

static bool is_stand_in(struct bytes text)
{
	return bytes_starts(text, BYTES_LIT(JSON_SCAN_LONG_MARK));
}

/* Second pass: in place of text the mark and the index that it gets. */
static void put_stand_in(struct walk *walk, struct bytes text)
{
	static const char digits[] = "0123456789abcdef";
	char stand_in[JSON_SCAN_LONG_LEN] = JSON_SCAN_LONG_MARK;
	size_t index = walk->scan->long_count;
	for (size_t at = JSON_SCAN_LONG_LEN; at > MARK_LEN; at--, index >>= 4) {
		stand_in[at - 1] = digits[index & 15];
	}
	replace(walk, text.ptr, text.ptr + text.len, stand_in, JSON_SCAN_LONG_LEN);
}

/* A text without escapes whose quotes have been passed. */
static void walk_plain(struct walk *walk, struct bytes text)
{
	if (text.len < LONG_LEAST) {
		walk->keep_longs |= is_stand_in(text);
		return;
	}
	struct json_scan *scan = walk->scan;
	bool looking = walk->out == NULL;
	if ((!looking && scan->longs == NULL) || before_colon(walk) || has_control(text) ||
		!utf8_valid(text)) {
		walk->keep_longs |= is_stand_in(text);
		return;
	}
	if (!looking) {
		put_stand_in(walk, text);
		scan->longs[scan->long_count] = text;
	}
	scan->long_count++;
	scan->long_bytes += text.len;
}

/* From behind the first quote to behind the last. */
static int walk_text(struct walk *walk)
{
	const char *start = walk->at;
	bool unpaired = false, plain = true;
	for (;;) {
		walk->at = skip_plain(walk->at, walk->end);
		if (walk->at == walk->end) {
			return 0;
		}
		if (*walk->at == '"') {
			walk->at++;
			break;
		}
		plain = false;
		unpaired |= walk_escape(walk);
	}
	struct bytes text = bytes_of(start, (size_t)(walk->at - 1 - start));
	if (plain) {
		walk_plain(walk, text);
	} else {
		walk->keep_longs |= is_stand_in(text);
	}
	if (unpaired && before_colon(walk)) {
		return refuse(walk, "an unpaired surrogate in the name of a member ends");
	}
	return 0;
}

/* ---- the rest ---- */

static void walk_number(struct walk *walk)
{
	const char *start = walk->at;
	while (walk->at < walk->end && number_chars[(uint8_t)*walk->at]) {
		walk->at++;
	}
	struct bytes number = bytes_of(start, (size_t)(walk->at - start));
	/* The least that may be too large has 19 digits. What holds a dot or an exponent is a
	 * double anyway, and what has zeros in front is refused later. */
	long long fits;
	if (number.len < 19 || memchr(number.ptr, '.', number.len) != NULL ||
		memchr(number.ptr, 'e', number.len) != NULL ||
		memchr(number.ptr, 'E', number.len) != NULL || bytes_to_i64(number, &fits) == 0) {
		return;
	}
	if (walk->out != NULL) {
		replace(walk, walk->at, walk->at, "e0", 2);
	}
	walk->scan->numbers++;
}

static int walk_all(struct walk *walk)
{
	while (walk->at < walk->end) {
		int err = 0;
		switch ((enum token)tokens[(uint8_t)*walk->at]) {
		case TOKEN_OPEN:
			if (++walk->depth > JSON_DEPTH_MAX) {
				return refuse(walk, "nested deeper than 64 levels");
			}
			walk->at++;
			break;
		case TOKEN_CLOSE:
			/* One too many is refused later. */
			walk->depth -= walk->depth > 0;
			walk->at++;
			break;
		case TOKEN_QUOTE:
			walk->at++;
			err = walk_text(walk);
			break;
		case TOKEN_NUMBER:
			walk_number(walk);
			break;
		case TOKEN_OTHER:
			walk->at++;
			break;
		}
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

int json_scan(struct json_scan *scan, struct bytes text)
{
	*scan = (struct json_scan){.text = text};
	if (text.len > INT_MAX) {
		scan->reason = "longer than can be read, cut";
		scan->at = INT_MAX;
		return ERR_BAD_REQUEST;
	}
	struct walk walk = {.scan = scan, .at = text.ptr, .end = text.ptr + text.len};
	int err = walk_all(&walk);
	if (walk.keep_longs) {
		scan->long_count = scan->long_bytes = 0;
	}
	return err;
}

int json_scan_mend(struct json_scan *scan, struct arena *arena, struct bytes *ret_text)
{
	struct bytes text = scan->text;
	size_t size = text.len - scan->long_bytes + scan->long_count * JSON_SCAN_LONG_LEN +
		      2 * scan->numbers;
	char *copy = arena_try_alloc(arena, size);
	struct json_scan again = {.text = text};
	if (scan->long_count > 0) {
		again.longs = arena_try_alloc(arena, scan->long_count * sizeof(struct bytes));
	}
	if (copy == NULL || (again.longs == NULL && scan->long_count > 0)) {
		return ERR_NOMEM;
	}
	struct walk walk = {
		.scan = &again,
		.at = text.ptr,
		.end = text.ptr + text.len,
		.out = copy,
		.copied = text.ptr,
	};
	/* It was fine the first time. */
	(void)walk_all(&walk);
	replace(&walk, walk.end, walk.end, "", 0);
	scan->longs = again.longs;
	*ret_text = bytes_of(copy, (size_t)(walk.out - copy));
	return 0;
}

struct bytes json_scan_restore(const struct json_scan *scan, struct bytes text)
{
	if (scan->long_count == 0 || text.len != JSON_SCAN_LONG_LEN || !is_stand_in(text)) {
		return text;
	}
	size_t index = 0;
	for (size_t i = MARK_LEN; i < text.len; i++) {
		index = index << 4 | (size_t)hex_value(text.ptr[i]);
	}
	return scan->longs[index];
}
