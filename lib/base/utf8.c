#include "lib/base/utf8.h"

#include <string.h>

/* What a first byte asks for (RFC 3629 section 4). false: it can be none. */
static bool utf8_start(struct utf8_state *state, uint8_t c)
{
	if (c < 0xc2 || c > 0xf4) {
		return false;
	}
	state->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	state->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	state->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return true;
}

/* Skips ASCII eight bytes at a time. */
static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
	uint64_t word;
	while ((size_t)(end - p) >= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if ((word & 0x8080808080808080U) != 0) {
			break;
		}
		p += sizeof(word);
	}
	while (p < end && *p < 0x80) {
		p++;
	}
	return p;
}

bool utf8_feed(struct utf8_state *state, struct bytes chunk)
{
	if (chunk.len == 0) {
		return true;
	}
	const uint8_t *p = (const uint8_t *)chunk.ptr;
	const uint8_t *end = p + chunk.len;
	for (;;) {
		while (state->need > 0 && p < end) {
			if (*p < state->low || *p > state->high) {
				return false;
			}
			state->low = 0x80;
			state->high = 0xbf;
			state->need--;
			p++;
		}
		/* Text that is not ASCII comes in runs. */
		if (p < end && *p < 0x80) {
			p = skip_ascii(p, end);
		}
		if (p == end) {
			break;
		}
		if (!utf8_start(state, *p++)) {
			return false;
		}
	}
	if (state->need == 0) {
		*state = (struct utf8_state){0};
	}
	return true;
}

bool utf8_valid(struct bytes text)
{
	struct utf8_state state = {0};
	return utf8_feed(&state, text) && utf8_complete(&state);
}

uint32_t utf8_next(struct bytes *text)
{
	const uint8_t *p = (const uint8_t *)text->ptr;
	uint32_t c = p[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (len > 1) {
		c &= 0x7fU >> len;
		for (size_t i = 1; i < len; i++) {
			c = c << 6 | (p[i] & 0x3fU);
		}
	}
	text->ptr += len;
	text->len -= len;
	return c;
}

bool utf8_plain(struct bytes text)
{
	if (!utf8_valid(text)) {
		return false;
	}
	while (text.len > 0) {
		uint32_t c = utf8_next(&text);
		if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
			return false;
		}
	}
	return true;
}
