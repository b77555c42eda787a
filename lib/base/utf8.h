/* UTF-8 validation (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
#ifndef LIB_BASE_UTF8_H
#define LIB_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

/* State between chunks; all zero at the start and at each character's end. */
struct utf8_state {
	uint8_t need; /* continuation bytes still to come */
	uint8_t low, high; /* range of the next one, where it is narrower than 80 to BF */
};

/* Goes on through a chunk. false: invalid at once, as early as the first bad byte. */
bool utf8_feed(struct utf8_state *state, struct bytes chunk);
static inline bool utf8_complete(const struct utf8_state *state)
{
	return state->need == 0;
}

/* Whole text; fast for ASCII. */
bool utf8_valid(struct bytes text);
/* Decodes one character of valid text, advancing *text. */
uint32_t utf8_next(struct bytes *text);
/* Whole text without control characters (C0 with line ends and tabs, DEL, C1): what can be a name,
 * and does nothing to a terminal. */
bool utf8_plain(struct bytes text);

#endif
