/* Bytes in hexadecimal, as golden vectors of binary formats have them. */
#ifndef TESTS_UNIT_HEX_H
#define TESTS_UNIT_HEX_H

#include <stdlib.h>

#include "lib/base/arena.h"

static inline unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return (unsigned)(c - '0');
	}
	if (c < 'a' || c > 'f') {
		abort();
	}
	return (unsigned)(c - 'a') + 10;
}

/* What the digits say, in a block of exactly that size, so that a sanitizer sees a byte read behind
 * it; free() the ptr. Blanks are skipped. */
static inline struct bytes hex_alloc(struct bytes text)
{
	char *out = malloc(text.len / 2 > 0 ? text.len / 2 : 1);
	size_t digits = 0;
	unsigned byte = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == ' ') {
			continue;
		}
		byte = byte << 4 | hex_digit(text.ptr[i]);
		if (++digits % 2 == 0) {
			out[digits / 2 - 1] = (char)byte;
		}
	}
	out = realloc(out, digits > 1 ? digits / 2 : 1);
	if (out == NULL || digits % 2 != 0) {
		abort();
	}
	return bytes_of(out, digits / 2);
}

/* The same on an arena. */
static inline struct bytes hex_bytes(struct arena *arena, struct bytes text)
{
	struct bytes block = hex_alloc(text);
	struct bytes copy = arena_dup(arena, block);
	free((char *)block.ptr);
	return copy;
}

/* In lower case. */
static inline char *hex_text(struct arena *arena, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *out = arena_alloc(arena, 2 * bytes.len + 1);
	for (size_t i = 0; i < bytes.len; i++) {
		out[2 * i] = digits[(unsigned char)bytes.ptr[i] >> 4];
		out[2 * i + 1] = digits[bytes.ptr[i] & 15];
	}
	return out;
}

#endif
