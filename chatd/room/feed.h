/* The order of a room's messages, kept by its home: what is delivered next, what is a duplicate,
 * and what must wait because a number is missing before it. No I/O and no time: the home does both.
 */
#ifndef CHATD_ROOM_FEED_H
#define CHATD_ROOM_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"

struct outmsg;

/* Bytes of messages that wait behind a hole; what is beyond is read from the store once its turn
 * comes. */
#define FEED_WAITING_MAX ((size_t)1024 * 1024)

struct feed {
	uint64_t next; /* number to be delivered next; 0: not known yet */
	struct list waiting; /* feed_item, ascending */
	size_t waiting_bytes;
	uint64_t highest; /* highest number heard of */
};

struct feed_item {
	struct list_node node;
	uint64_t seq;
	uint64_t member_version;
	struct outmsg *msg;
	size_t size;
};

enum feed_answer {
	FEED_DELIVER, /* its turn is now: deliver it and call feed_delivered() */
	FEED_DUPLICATE, /* delivered before */
	FEED_HOLE, /* a number before it is missing */
};

void feed_init(struct feed *feed);
void feed_finish(struct feed *feed);
/* A number is heard of. Where nothing was known, the feed begins with it. */
enum feed_answer feed_judge(struct feed *feed, uint64_t seq);
void feed_delivered(struct feed *feed, uint64_t seq);
/* Keeps a message that waits behind a hole (takes over the reference); dropped where the bound is
 * passed or it is there already. */
void feed_keep(
	struct feed *feed, uint64_t seq, uint64_t member_version, struct outmsg *msg, size_t size);
/* The next waiting message whose turn has come, or NULL; the caller frees it with feed_item_free().
 */
struct feed_item *feed_take(struct feed *feed);
void feed_item_free(struct feed_item **item);
/* Numbers from *ret_from to *ret_to are missing. false: none is. */
bool feed_hole(const struct feed *feed, uint64_t *ret_from, uint64_t *ret_to);
/* The store has nothing between next and seq: the numbers were purged. */
void feed_skip_to(struct feed *feed, uint64_t seq);

#endif
