#include "lib/wire/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"

#define UTF8_MAX 4

static const char hex_digits[] = "0123456789ABCDEF";

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

/* The byte of "%XX" at the start of text, or -1. */
static int percent_value(struct bytes text)
{
	int high, low;

	if (text.len < 3 || text.ptr[0] != '%') {
		return -1;
	}
	high = hex_value(text.ptr[1]);
	low = hex_value(text.ptr[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static void advance(struct bytes *text, size_t n)
{
	text->ptr += n;
	text->len -= n;
}

/* ---- path ---- */

static int path_decode(struct bytes raw, char *out, size_t *ret_len)
{
	size_t len = 0;
	int value;

	while (raw.len > 0) {
		value = percent_value(raw);
		if (raw.ptr[0] == '%' && value <= 0) {
			return ERR_BAD_REQUEST;
		}
		if (value == '/') {
			memcpy(out + len, raw.ptr, 3);
			len += 3;
			advance(&raw, 3);
			continue;
		}
		out[len++] = value > 0 ? (char)value : raw.ptr[0];
		advance(&raw, value > 0 ? 3 : 1);
	}
	*ret_len = len;
	return 0;
}

/* The length of path without its last segment. */
static size_t segment_drop(const char *path, size_t len)
{
	while (len > 0) {
		len--;
		if (path[len] == '/') {
			break;
		}
	}
	return len;
}

/* RFC 3986 section 5.2.4, in place; answers the new length. path starts with '/'. */
static size_t dots_resolve(char *path, size_t len)
{
	size_t out = 0, end;

	for (size_t at = 0; at < len; at = end) {
		struct bytes segment;

		end = at + 1;
		while (end < len && path[end] != '/') {
			end++;
		}
		segment = bytes_of(path + at + 1, end - at - 1);
		if (!bytes_eq(segment, BYTES_LIT(".")) && !bytes_eq(segment, BYTES_LIT(".."))) {
			memmove(path + out, path + at, end - at);
			out += end - at;
			continue;
		}
		if (segment.len == 2) {
			out = segment_drop(path, out);
		}
		if (end == len) {
			path[out++] = '/';
		}
	}
	return out;
}

static int path_parse(struct bytes raw, struct arena *arena, struct bytes *ret_path)
{
	char *path = arena_alloc(arena, raw.len + 1);
	size_t len = 0;

	if (path_decode(raw, path, &len) != 0 || !utf8_valid(bytes_of(path, len))) {
		return ERR_BAD_REQUEST;
	}
	len = dots_resolve(path, len);
	path[len] = '\0';
	*ret_path = bytes_of(path, len);
	return 0;
}

/* ---- the whole target ---- */

static bool chars_allowed(struct bytes raw)
{
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.ptr[i] <= 0x20 || raw.ptr[i] >= 0x7f || raw.ptr[i] == '#') {
			return false;
		}
	}
	return true;
}

/* Length of "http://" or "https://" at the start, else 0. */
static size_t scheme_length(struct bytes raw)
{
	if (bytes_starts_nocase(raw, BYTES_LIT("http://"))) {
		return 7;
	}
	return bytes_starts_nocase(raw, BYTES_LIT("https://")) ? 8 : 0;
}

/* Up to the first '/' or '?'. */
static struct bytes authority_cut(struct bytes *rest)
{
	struct bytes authority = *rest;
	size_t n = 0;

	while (n < rest->len && rest->ptr[n] != '/' && rest->ptr[n] != '?') {
		n++;
	}
	authority.len = n;
	advance(rest, n);
	return authority;
}

int target_parse(struct bytes raw, struct arena *arena, struct target *ret_target)
{
	struct target target = {.authority = BYTES_NONE};
	struct bytes path = raw;
	size_t scheme = scheme_length(raw);
	int err;

	if (!chars_allowed(raw)) {
		return ERR_BAD_REQUEST;
	}
	if (bytes_eq(raw, BYTES_LIT("*"))) {
		*ret_target = (struct target){.path = arena_dup(arena, raw)};
		return 0;
	}
	if (scheme > 0) {
		advance(&path, scheme);
		target.authority = authority_cut(&path);
		if (target.authority.len == 0 || bytes_find_char(target.authority, '@') >= 0) {
			return ERR_BAD_REQUEST;
		}
	}
	target.query = path;
	path = bytes_split(&target.query, '?');
	if (path.len == 0 && scheme > 0) {
		path = BYTES_LIT("/");
	}
	if (path.len == 0 || path.ptr[0] != '/') {
		return ERR_BAD_REQUEST;
	}
	err = path_parse(path, arena, &target.path);
	if (err != 0) {
		return err;
	}
	*ret_target = target;
	return 0;
}

/* ---- query ---- */

/* The percent sequences of one whole UTF-8 character at the start of text: its bytes to out, their
 * number (1 to 4), or 0 where there is none. */
static size_t percent_char(struct bytes text, char out[UTF8_MAX])
{
	struct utf8_state state = {0};
	size_t n = 0;

	do {
		int value = percent_value(text);

		if (value < 0) {
			return 0;
		}
		out[n++] = (char)value;
		if (!utf8_feed(&state, bytes_of(&out[n - 1], 1))) {
			return 0;
		}
		advance(&text, 3);
	} while (!utf8_complete(&state));
	return n;
}

/* Decodes one character off the front of *text (not empty); answers the number of its bytes. */
static size_t query_char(struct bytes *text, char out[UTF8_MAX])
{
	size_t n = percent_char(*text, out);

	if (n > 0) {
		advance(text, 3 * n);
		return n;
	}
	out[0] = text->ptr[0] == '+' ? ' ' : text->ptr[0];
	advance(text, 1);
	return 1;
}

static size_t query_decode_to(struct bytes text, char *out)
{
	char piece[UTF8_MAX];
	size_t len = 0, n;

	while (text.len > 0) {
		n = query_char(&text, piece);
		memcpy(out + len, piece, n);
		len += n;
	}
	return len;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether a name that is not decoded yet is name. */
static bool name_is(struct bytes raw, const char *name)
{
	struct bytes wanted = bytes_str(name);
	char piece[UTF8_MAX];
	size_t n;

	while (raw.len > 0) {
		n = query_char(&raw, piece);
		if (n > 1 || wanted.len == 0 || lower(piece[0]) != lower(wanted.ptr[0])) {
			return false;
		}
		advance(&wanted, 1);
	}
	return wanted.len == 0;
}

int target_query_next(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value)
{
	struct bytes pair = BYTES_NONE;

	while (query->len > 0 && pair.len == 0) {
		pair = bytes_split(query, '&');
	}
	if (pair.len == 0) {
		return ERR_NOT_FOUND;
	}
	*ret_name = bytes_split(&pair, '=');
	*ret_value = pair;
	return 0;
}

/* How often the key occurs, and room for its values with a comma behind each. */
static size_t query_count(struct bytes query, const char *name, size_t *ret_room)
{
	struct bytes key, value;
	size_t count = 0;

	*ret_room = 0;
	while (target_query_next(&query, &key, &value) == 0) {
		if (name_is(key, name)) {
			count++;
			*ret_room += value.len + 1;
		}
	}
	return count;
}

int target_query_get(struct bytes query, const char *name, struct arena *arena,
	struct bytes *ret_value, size_t *ret_count)
{
	struct bytes key, value;
	size_t room, len = 0;
	size_t count = query_count(query, name, &room);
	char *out;

	if (count == 0) {
		return ERR_NOT_FOUND;
	}
	out = arena_alloc(arena, room);
	while (target_query_next(&query, &key, &value) == 0) {
		if (name_is(key, name)) {
			len += query_decode_to(value, out + len);
			out[len++] = ',';
		}
	}
	out[--len] = '\0';
	*ret_value = bytes_of(out, len);
	if (ret_count != NULL) {
		*ret_count = count;
	}
	return 0;
}

struct bytes target_query_decode(struct bytes text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);

	return bytes_of(out, query_decode_to(text, out));
}

/* ---- writing ---- */

/* What stands before the path in a log line; user information is hidden. */
static void log_authority(struct buf *out, struct bytes *rest)
{
	size_t scheme = scheme_length(*rest);
	struct bytes authority;
	ptrdiff_t at;

	if (scheme == 0) {
		return;
	}
	buf_append(out, rest->ptr, scheme);
	advance(rest, scheme);
	authority = authority_cut(rest);
	for (at = bytes_find_char(authority, '@'); at >= 0; at = bytes_find_char(authority, '@')) {
		advance(&authority, (size_t)at + 1);
	}
	buf_append_bytes(out, authority);
}

static void log_pair(struct buf *out, struct bytes pair)
{
	struct bytes value = pair;
	struct bytes name = bytes_split(&value, '=');

	if (value.len == 0 || (!name_is(name, "id") && !name_is(name, "access_token"))) {
		buf_append_bytes(out, pair);
		return;
	}
	buf_append_bytes(out, name);
	buf_append_bytes(out, BYTES_LIT("=***"));
}

struct bytes target_for_log(struct bytes raw, struct arena *arena)
{
	struct buf out = {0};
	struct bytes rest = raw, result;
	ptrdiff_t mark;

	log_authority(&out, &rest);
	mark = bytes_find_char(rest, '?');
	if (mark < 0) {
		buf_append_bytes(&out, rest);
		rest = BYTES_NONE;
	} else {
		buf_append(&out, rest.ptr, (size_t)mark + 1);
		advance(&rest, (size_t)mark + 1);
	}
	while (rest.len > 0) {
		log_pair(&out, bytes_split(&rest, '&'));
		if (rest.ptr != NULL) {
			buf_append_char(&out, '&');
		}
	}
	result = arena_dup(arena, buf_bytes(&out));
	buf_finish(&out);
	return result;
}

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void target_encode(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (is_unreserved(text.ptr[i])) {
			buf_append_char(out, text.ptr[i]);
			continue;
		}
		buf_append_char(out, '%');
		buf_append_char(out, hex_digits[c >> 4]);
		buf_append_char(out, hex_digits[c & 15]);
	}
}
