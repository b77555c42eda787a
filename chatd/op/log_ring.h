/* The last lines of the log, in memory, for `chatctl log tail`: filled by every thread that logs,
 * read on the main thread. A thread that logs holds the ring for a few instructions only, and never
 * waits for a reader: who is too slow loses lines, and learns how many. */
#ifndef CHATD_OP_LOG_RING_H
#define CHATD_OP_LOG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/list.h"
#include "lib/base/log.h"

struct mailbox;

#define LOG_RING_LINES 1024

struct log_ring;

struct log_ring *log_ring_create(void);
/* When nothing logs into it any more and nobody follows. */
void log_ring_destroy(struct log_ring **ring);
/* Any thread; a log_tap_fn with the ring as ctx. */
void log_ring_add(void *ring, const struct log_record *record);

/* ---- the main thread ---- */

/* A reader's place. */
struct log_cursor {
	enum log_level level; /* lines below are passed over */
	uint64_t next; /* number of the line that is looked at next */
	uint64_t passed; /* lines at the level or above before it, since the start */
	uint64_t lost; /* lines that were overwritten before it, and are not told yet */
};
/* Before the last so many lines at level or above, or as many as there are. */
void log_ring_seek(
	struct log_ring *ring, enum log_level level, size_t lines, struct log_cursor *cursor);
/* Appends the next line to out: the JSON object of log_format_item(). ret_lost: how many were
 * overwritten before the cursor came to them; out has the one behind them. 0, or ERR_AGAIN where
 * there is none (*ret_lost is 0: what was lost is told with the next one). */
int log_ring_next(
	struct log_ring *ring, struct log_cursor *cursor, struct buf *out, uint64_t *ret_lost);

/* Whether there are lines behind the cursor, of whatever level. */
bool log_ring_has_more(struct log_ring *ring, const struct log_cursor *cursor);

/* Where followers are told of new lines: box is the main thread's. */
void log_ring_attach(struct log_ring *ring, struct mailbox *box);
/* No line after this one is told, and followers are told so. Before the box is destroyed. */
void log_ring_end(struct log_ring *ring);
bool log_ring_ended(const struct log_ring *ring);

/* One who waits for lines: told once, then off the list. Embedded in its owner. */
struct log_follower {
	struct list_node node;
	void (*wake)(struct log_follower *follower);
};
/* false, and it does not follow, where there are lines behind the cursor already, or where the ring
 * has ended. */
bool log_ring_follow(
	struct log_ring *ring, const struct log_cursor *cursor, struct log_follower *follower);
/* Safe where it does not follow. */
void log_ring_unfollow(struct log_follower *follower);

#endif
