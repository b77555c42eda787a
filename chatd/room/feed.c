#include "chatd/room/feed.h"

#include <stdlib.h>

#include "chatd/conn/outmsg.h"

void feed_init(struct feed *feed)
{
	*feed = (struct feed){0};
	list_init(&feed->waiting);
}

void feed_item_free(struct feed_item **item)
{
	outmsg_unref(&(*item)->msg);
	free(*item);
	*item = NULL;
}

static void feed_drop_first(struct feed *feed)
{
	struct feed_item *item = CONTAINER_OF(list_pop(&feed->waiting), struct feed_item, node);
	feed->waiting_bytes -= item->size;
	feed_item_free(&item);
}

void feed_finish(struct feed *feed)
{
	while (!list_empty(&feed->waiting)) {
		feed_drop_first(feed);
	}
}

enum feed_answer feed_judge(struct feed *feed, uint64_t seq)
{
	if (seq > feed->highest) {
		feed->highest = seq;
	}
	if (feed->next == 0) {
		feed->next = seq;
	}
	if (seq < feed->next) {
		return FEED_DUPLICATE;
	}
	return seq == feed->next ? FEED_DELIVER : FEED_HOLE;
}

void feed_delivered(struct feed *feed, uint64_t seq)
{
	feed->next = seq + 1;
	if (seq > feed->highest) {
		feed->highest = seq;
	}
}

void feed_keep(
	struct feed *feed, uint64_t seq, uint64_t member_version, struct outmsg *msg, size_t size)
{
	struct list_node *after = feed->waiting.head.prev;
	while (after != &feed->waiting.head &&
		CONTAINER_OF(after, struct feed_item, node)->seq > seq) {
		after = after->prev;
	}
	bool twice = after != &feed->waiting.head &&
		     CONTAINER_OF(after, struct feed_item, node)->seq == seq;
	if (twice || feed->waiting_bytes + size > FEED_WAITING_MAX) {
		outmsg_unref(&msg);
		return;
	}
	struct feed_item *item = mem_zalloc(sizeof(*item));
	item->seq = seq;
	item->member_version = member_version;
	item->msg = msg;
	item->size = size;
	item->node.prev = after;
	item->node.next = after->next;
	after->next->prev = &item->node;
	after->next = &item->node;
	feed->waiting_bytes += size;
}

struct feed_item *feed_take(struct feed *feed)
{
	while (!list_empty(&feed->waiting)) {
		struct feed_item *first =
			CONTAINER_OF(list_first(&feed->waiting), struct feed_item, node);
		if (first->seq > feed->next) {
			return NULL;
		}
		if (first->seq == feed->next) {
			list_remove(&first->node);
			feed->waiting_bytes -= first->size;
			return first;
		}
		feed_drop_first(feed);
	}
	return NULL;
}

bool feed_hole(const struct feed *feed, uint64_t *ret_from, uint64_t *ret_to)
{
	if (feed->next == 0 || feed->highest < feed->next) {
		return false;
	}
	*ret_from = feed->next;
	*ret_to = feed->highest;
	if (!list_empty(&feed->waiting)) {
		*ret_to = CONTAINER_OF(list_first(&feed->waiting), struct feed_item, node)->seq - 1;
	}
	return *ret_to >= *ret_from;
}

void feed_skip_to(struct feed *feed, uint64_t seq)
{
	if (seq > feed->next) {
		feed->next = seq;
	}
}
