/* postgresql://user:password@host:port,host:port/database?keyword=value&keyword=value: PostgreSQL
 * manual, «Connection URIs», and where that is silent libpq's own reader. */
#include "lib/store/pg_url_private.h"

#include <ctype.h>

#include "lib/base/err.h"

static const struct bytes schemes[] = {
	{"postgresql://", 13},
	{"postgres://", 11},
};
enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

/* Length of the scheme, 0 where the text has none of ours. */
static size_t scheme_length(struct bytes text)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		if (bytes_starts(text, schemes[i])) {
			return schemes[i].len;
		}
	}
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* 0, or ERR_CONFIG where it is no text. */
static int decode(struct bytes text, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '%') {
			int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
			int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
			if (high < 0 || low < 0 || high + low == 0) {
				return ERR_CONFIG;
			}
			c = (char)(high << 4 | low);
			i += 2;
		}
		buf_append_char(out, c);
	}
	return 0;
}

/* Decodes and sets; an empty part is none. */
static int set_part(struct pg_url *url, const char *keyword, struct bytes part, struct buf *why)
{
	struct buf value = {0};
	int err = decode(part, &value);
	if (err != 0) {
		buf_printf(why, "%s: a '%%' must be followed by two hex digits (%%25 is '%%')",
			keyword);
	} else if (part.len > 0) {
		pg_url_set(url, keyword, buf_bytes(&value));
	}
	if (value.data != NULL) {
		mem_wipe(value.data, value.cap);
	}
	buf_finish(&value);
	return err;
}

/* Cuts what is before the first of some characters. */
static struct bytes cut(struct bytes *rest, const char *ends)
{
	size_t n = 0;
	while (n < rest->len && strchr(ends, rest->ptr[n]) == NULL) {
		n++;
	}
	struct bytes part = bytes_of(rest->ptr, n);
	*rest = bytes_of(rest->ptr + n, rest->len - n);
	return part;
}

static bool take_char(struct bytes *rest, char c)
{
	if (rest->len == 0 || rest->ptr[0] != c) {
		return false;
	}
	*rest = bytes_of(rest->ptr + 1, rest->len - 1);
	return true;
}

/* user:password@, where there is an '@' before the path. */
static int parse_user(struct bytes *rest, struct pg_url *url, struct buf *why)
{
	struct bytes after = *rest;
	cut(&after, "@/");
	if (after.len == 0 || after.ptr[0] != '@') {
		return 0;
	}
	int err = set_part(url, "user", cut(rest, ":@"), why);
	if (err == 0 && take_char(rest, ':')) {
		err = set_part(url, "password", cut(rest, "@"), why);
	}
	take_char(rest, '@');
	return err;
}

/* host:port or [v6]:port, between commas. */
static int parse_hosts(struct bytes *rest, struct pg_url *url, struct buf *why)
{
	struct buf hosts = {0}, ports = {0};
	int err = 0;
	do {
		struct bytes host;
		if (take_char(rest, '[')) {
			host = cut(rest, "]");
			if (host.len == 0 || !take_char(rest, ']') ||
				(rest->len > 0 && strchr(":/?,", rest->ptr[0]) == NULL)) {
				buf_append_str(why, "host: an address in [ ] is not whole");
				err = ERR_CONFIG;
				break;
			}
		} else {
			host = cut(rest, ":/?,");
		}
		buf_append_bytes(&hosts, host);
		if (take_char(rest, ':')) {
			buf_append_bytes(&ports, cut(rest, "/?,"));
		}
		if (rest->len > 0 && rest->ptr[0] == ',') {
			buf_append_char(&hosts, ',');
			buf_append_char(&ports, ',');
		}
	} while (take_char(rest, ','));
	if (err == 0) {
		err = set_part(url, "host", buf_bytes(&hosts), why);
	}
	if (err == 0) {
		err = set_part(url, "port", buf_bytes(&ports), why);
	}
	buf_finish(&hosts);
	buf_finish(&ports);
	return err;
}

static bool is_no_port(const char *ports)
{
	return ports != NULL && ports[strspn(ports, "0123456789,")] != '\0';
}

/* Where a password has a '/', what is before it looks like host and port, and the rest like the
 * name of a database: none of these is told to anybody then. */
static int check_behind_hosts(struct bytes rest, const struct pg_url *url, struct buf *why)
{
	struct bytes path = rest;
	path = cut(&path, "?");
	if (bytes_find_char(path, '@') < 0 &&
		!(is_no_port(pg_url_get(url, "port")) && bytes_find_char(rest, '@') >= 0)) {
		return 0;
	}
	buf_append_str(why, "behind the host there is an '@' (in a password %2F is '/', in the "
			    "name of a database %40 is '@')");
	return ERR_CONFIG;
}

static int parse_parameter(struct bytes text, struct pg_url *url, struct buf *why)
{
	struct buf keyword = {0};
	struct bytes value = text;
	int err = decode(bytes_split(&value, '='), &keyword);
	if (err != 0 || value.ptr == NULL || keyword.len == 0 || bytes_find_char(value, '=') >= 0) {
		/* It may be a part of a password. */
		buf_append_str(why, "behind '?' there must be keyword=value, several joined by '&' "
				    "(in values %26 is '&', %3D is '=')");
		err = ERR_CONFIG;
	} else if (strcmp(buf_cstr(&keyword), "ssl") == 0 && bytes_eq(value, BYTES_LIT("true"))) {
		pg_url_set(url, "sslmode", BYTES_LIT("require")); /* as JDBC has it */
	} else {
		err = set_part(url, keyword.data, value, why);
	}
	buf_finish(&keyword);
	return err;
}

bool pg_uri_is(struct bytes text)
{
	return scheme_length(text) > 0;
}

int pg_uri_parse(struct bytes text, struct pg_url *url, struct buf *why)
{
	size_t scheme = scheme_length(text);
	struct bytes rest = bytes_of(text.ptr + scheme, text.len - scheme);
	int err = parse_user(&rest, url, why);
	if (err == 0) {
		err = parse_hosts(&rest, url, why);
	}
	if (err == 0) {
		err = check_behind_hosts(rest, url, why);
	}
	if (err == 0 && take_char(&rest, '/')) {
		err = set_part(url, "dbname", cut(&rest, "?"), why);
	}
	if (err == 0 && take_char(&rest, '?')) {
		while (err == 0 && rest.len > 0) {
			err = parse_parameter(bytes_split(&rest, '&'), url, why);
		}
	}
	return err;
}
