/* Base64 of lib/base/ident.h, both alphabets of RFC 4648. */
#include "lib/base/ident.h"

#include "lib/base/err.h"

#define COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char alphabet_standard[] = COMMON "+/";
static const char alphabet_url[] = COMMON "-_";
#undef COMMON

static size_t encode(struct bytes in, const char *alphabet, char *out)
{
	const uint8_t *p = (const uint8_t *)in.ptr;
	char *at = out;
	size_t left = in.len;
	for (; left >= 3; left -= 3, p += 3) {
		*at++ = alphabet[p[0] >> 2];
		*at++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		*at++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		*at++ = alphabet[p[2] & 63];
	}
	if (left > 0) {
		uint8_t second = left == 2 ? p[1] : 0;
		*at++ = alphabet[p[0] >> 2];
		*at++ = alphabet[(p[0] & 3) << 4 | second >> 4];
		if (left == 2) {
			*at++ = alphabet[(second & 15) << 2];
		}
	}
	return (size_t)(at - out);
}

/* 0 to 63, or -1. c62 and c63 are the last two characters of the alphabet. */
static int digit_value(char c, const char *alphabet)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

/* Digits without padding. */
static int decode(struct bytes in, const char *alphabet, char *out, size_t *ret_len)
{
	uint32_t bits = 0; /* the lowest held bits are still to be written */
	int held = 0;
	size_t len = 0;
	if (in.len % 4 == 1) {
		return ERR_BAD_REQUEST;
	}
	for (size_t i = 0; i < in.len; i++) {
		int digit = digit_value(in.ptr[i], alphabet);
		if (digit < 0) {
			return ERR_BAD_REQUEST;
		}
		bits = (bits << 6 | (uint32_t)digit) & 0xffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[len++] = (char)(uint8_t)(bits >> held);
		}
	}
	if ((bits & ((1U << held) - 1)) != 0) {
		return ERR_BAD_REQUEST;
	}
	*ret_len = len;
	return 0;
}

size_t base64url_encode(struct bytes in, char *out)
{
	return encode(in, alphabet_url, out);
}

int base64url_decode(struct bytes in, char *out, size_t *ret_len)
{
	return decode(in, alphabet_url, out, ret_len);
}

size_t base64_encode(struct bytes in, char *out)
{
	size_t len = encode(in, alphabet_standard, out);
	while (len % 4 != 0) {
		out[len++] = '=';
	}
	return len;
}

int base64_decode(struct bytes in, char *out, size_t *ret_len)
{
	if (in.len % 4 != 0) {
		return ERR_BAD_REQUEST;
	}
	for (int i = 0; i < 2 && in.len > 0 && in.ptr[in.len - 1] == '='; i++) {
		in.len--;
	}
	return decode(in, alphabet_standard, out, ret_len);
}
