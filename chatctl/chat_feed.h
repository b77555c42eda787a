/* The numbers of a room's messages as they come: what is new, what was there before, what is
 * missing between. Pure. */
#ifndef CHATCTL_CHAT_FEED_H
#define CHATCTL_CHAT_FEED_H

#include <stdbool.h>
#include <stdint.h>

struct chat_feed {
	uint64_t next; /* the number that comes next; 0: not known yet */
};

/* Whether the message is new. *ret_missing: where numbers before it never came, the first of them
 * (the last one is seq - 1), else 0. */
bool chat_feed_take(struct chat_feed *feed, uint64_t seq, uint64_t *ret_missing);
/* Goes on behind a number that was explained otherwise (a gap that was told). */
void chat_feed_skip(struct chat_feed *feed, uint64_t last);

/* How long to wait before the attempt after so many that failed: from 0.1 s doubling to 5 s, of
 * which a random half is taken off, so that many clients do not come at once. */
uint64_t chat_backoff_us(unsigned failed, uint32_t random);

#endif
