#include "lib/wire/http1.h"

#include "lib/base/bytes.h"

static const struct {
	struct bytes name;
	enum http1_method method;
} methods[] = {
	{BYTES_LIT("GET"), HTTP1_GET},
	{BYTES_LIT("HEAD"), HTTP1_HEAD},
	{BYTES_LIT("POST"), HTTP1_POST},
	{BYTES_LIT("PUT"), HTTP1_PUT},
	{BYTES_LIT("DELETE"), HTTP1_DELETE},
	{BYTES_LIT("PATCH"), HTTP1_PATCH},
	{BYTES_LIT("OPTIONS"), HTTP1_OPTIONS},
	{BYTES_LIT("CONNECT"), HTTP1_CONNECT},
	{BYTES_LIT("TRACE"), HTTP1_TRACE},
};

/* RFC 9110 section 5.6.2. */
static const bool token_chars[256] = {
	['!'] = true,
	['#' ... '\''] = true,
	['*'] = true,
	['+'] = true,
	['-'] = true,
	['.'] = true,
	['0' ... '9'] = true,
	['A' ... 'Z'] = true,
	['^' ... '`'] = true,
	['a' ... 'z'] = true,
	['|'] = true,
	['~'] = true,
};

const struct bytes *http1_header(const struct http1_headers *headers, const char *name)
{
	struct bytes wanted = bytes_str(name);

	for (size_t i = 0; i < headers->count; i++) {
		if (bytes_eq_nocase(headers->items[i].name, wanted)) {
			return &headers->items[i].value;
		}
	}
	return NULL;
}

size_t http1_header_count(const struct http1_headers *headers, const char *name)
{
	struct bytes wanted = bytes_str(name);
	size_t count = 0;

	for (size_t i = 0; i < headers->count; i++) {
		count += bytes_eq_nocase(headers->items[i].name, wanted) ? 1 : 0;
	}
	return count;
}

static bool list_has(struct bytes list, struct bytes token)
{
	while (list.len > 0) {
		if (bytes_eq_nocase(bytes_trim(bytes_split(&list, ',')), token)) {
			return true;
		}
	}
	return false;
}

bool http1_header_has_token(
	const struct http1_headers *headers, const char *name, const char *token)
{
	struct bytes wanted = bytes_str(name);

	for (size_t i = 0; i < headers->count; i++) {
		if (bytes_eq_nocase(headers->items[i].name, wanted) &&
			list_has(headers->items[i].value, bytes_str(token))) {
			return true;
		}
	}
	return false;
}

bool http1_is_token(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!token_chars[(unsigned char)text.ptr[i]]) {
			return false;
		}
	}
	return text.len > 0;
}

enum http1_method http1_method_find(struct bytes text)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (bytes_eq(methods[i].name, text)) {
			return methods[i].method;
		}
	}
	return HTTP1_OTHER;
}
