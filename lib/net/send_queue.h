/* The chunks that wait to be sent on one socket. Two fit inside, so that the usual message needs no
 * memory; more go to a ring on the heap that is freed when the queue has become empty. */
#ifndef LIB_NET_SEND_QUEUE_H
#define LIB_NET_SEND_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/net/chunk.h"

enum { SEND_QUEUE_INSIDE = 2, SEND_QUEUE_GATHER = 64 };

/* All zero is a valid empty one. */
struct send_queue {
	union {
		struct chunk *inside[SEND_QUEUE_INSIDE];
		struct chunk **ring;
	};
	size_t bytes; /* what is still to be sent */
	uint32_t cap; /* of ring, a power of two; 0 while the chunks are inside */
	uint32_t first; /* place of the oldest */
	uint32_t count;
	uint32_t offset; /* bytes of the oldest that were sent already */
};

/* Takes a reference. chunk->len must not be 0. */
void send_queue_push(struct send_queue *queue, struct chunk *chunk);
/* One system call for the oldest SEND_QUEUE_GATHER chunks (count must not be 0), without SIGPIPE.
 * What was sent leaves the queue. Answers as send(2) does, and in *ret_asked how many bytes it
 * offered. */
ssize_t send_queue_send(struct send_queue *queue, int fd, size_t *ret_asked);
/* Appends what is still to be sent. */
void send_queue_copy(const struct send_queue *queue, struct buf *out);
void send_queue_clear(struct send_queue *queue);

#endif
