#include "lib/conf/mask.h"

#include <ctype.h>

#define HIDDEN "***"

static struct bytes skip(struct bytes b, size_t n)
{
	return bytes_of(b.ptr + n, b.len - n);
}

/* Offset behind "scheme://", 0 where the text does not begin so. */
static size_t find_authority(struct bytes url)
{
	size_t i = 0;
	while (i < url.len && (isalnum((unsigned char)url.ptr[i]) || url.ptr[i] == '+')) {
		i++;
	}
	return bytes_starts(skip(url, i), BYTES_LIT("://")) ? i + 3 : 0;
}

/* Offset of the last '@' before the end, 0 where there is none. */
static size_t find_last_at(struct bytes url, size_t from, size_t end)
{
	for (size_t i = end; i > from; i--) {
		if (url.ptr[i - 1] == '@') {
			return i - 1;
		}
	}
	return 0;
}

static size_t find_any(struct bytes url, size_t from, const char *which)
{
	size_t i = from;
	while (i < url.len && strchr(which, url.ptr[i]) == NULL) {
		i++;
	}
	return i;
}

/* Copies the part up to the end of the user's; answers the rest. Passwords may hold '@', '?' and
 * '#'. One with a '/' is wrong, but is hidden all the same. */
static struct bytes mask_user(struct bytes url, size_t from, struct buf *out)
{
	size_t slash = find_any(url, from, "/");
	size_t colon = find_any(url, from, ":");
	size_t at = find_last_at(url, from, slash);
	if (at == 0) {
		at = find_last_at(url, from, find_any(url, from, "?#"));
	}
	if (at == 0 || colon > at || colon > slash) {
		return url;
	}
	buf_append(out, url.ptr, colon + 1);
	buf_append_str(out, HIDDEN);
	return skip(url, at);
}

static int hex_digit(char c)
{
	if (isdigit((unsigned char)c)) {
		return c - '0';
	}
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* The character at the beginning, which may be written %61; *ret_size: how long it is. */
static char first_char(struct bytes b, size_t *ret_size)
{
	if (b.len >= 3 && b.ptr[0] == '%' && hex_digit(b.ptr[1]) >= 0 && hex_digit(b.ptr[2]) >= 0) {
		*ret_size = 3;
		return (char)(hex_digit(b.ptr[1]) << 4 | hex_digit(b.ptr[2]));
	}
	*ret_size = 1;
	return b.ptr[0];
}

/* Offset behind what Npgsql does not read in keywords. */
static size_t skip_blanks(struct bytes text, size_t at)
{
	while (at < text.len && strchr(" \t-_", text.ptr[at]) != NULL) {
		at++;
	}
	return at;
}

/* Length of the keyword with the '=' behind it, 0: the text begins otherwise. */
static size_t match_keyword(struct bytes text, const char *keyword)
{
	size_t at = 0, size = 0;
	for (; *keyword != '\0'; keyword++, at = skip_blanks(text, at + size)) {
		if (at >= text.len ||
			tolower((unsigned char)first_char(skip(text, at), &size)) != *keyword) {
			return 0;
		}
	}
	return at < text.len && text.ptr[at] == '=' ? at + 1 : 0;
}

static size_t match_any(struct bytes text)
{
	static const char *const keywords[] = {"password", "passwd", "pwd", "psw"};
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		size_t len = match_keyword(text, keywords[i]);
		if (len > 0) {
			return len;
		}
	}
	return 0;
}

/* How long the value is: to the separator, which may stand in quotes. */
static size_t value_length(struct bytes text, char separator)
{
	size_t i = 0;
	char quote = '\0';
	while (i < text.len && isblank((unsigned char)text.ptr[i])) {
		i++;
	}
	if (separator == ';' && i < text.len && (text.ptr[i] == '\'' || text.ptr[i] == '"')) {
		quote = text.ptr[i++];
	}
	for (; i < text.len; i++) {
		if (quote != '\0' && text.ptr[i] == quote) {
			/* A doubled one stands for itself. */
			if (i + 1 < text.len && text.ptr[i + 1] == quote) {
				i++;
			} else {
				quote = '\0';
			}
		} else if (quote == '\0' && text.ptr[i] == separator) {
			break;
		}
	}
	return i;
}

void mask_url(struct bytes url, struct buf *out)
{
	size_t authority = find_authority(url);
	char separator = authority > 0 ? '&' : ';';
	if (authority > 0) {
		url = mask_user(url, authority, out);
	}
	while (url.len > 0) {
		size_t keyword = match_any(url);
		if (keyword > 0) {
			buf_append(out, url.ptr, keyword);
			buf_append_str(out, HIDDEN);
			url = skip(url, keyword);
			url = skip(url, value_length(url, separator));
			continue;
		}
		buf_append_char(out, url.ptr[0]);
		url = skip(url, 1);
	}
}
