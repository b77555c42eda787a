#include "chatctl/chat_feed.h"

#define FIRST_US UINT64_C(100000)
#define LAST_US UINT64_C(5000000)

bool chat_feed_take(struct chat_feed *feed, uint64_t seq, uint64_t *ret_missing)
{
	*ret_missing = 0;
	if (seq < feed->next) {
		return false;
	}
	if (feed->next != 0 && seq > feed->next) {
		*ret_missing = feed->next;
	}
	feed->next = seq + 1;
	return true;
}

void chat_feed_skip(struct chat_feed *feed, uint64_t last)
{
	if (last >= feed->next) {
		feed->next = last + 1;
	}
}

uint64_t chat_backoff_us(unsigned failed, uint32_t random)
{
	uint64_t delay = FIRST_US;
	for (unsigned i = 0; i < failed && delay < LAST_US; i++) {
		delay *= 2;
	}
	if (delay > LAST_US) {
		delay = LAST_US;
	}
	return delay - random % (delay / 2 + 1);
}
