#include "lib/net/send_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { RING_FIRST = 16 };

static uint32_t queue_cap(const struct send_queue *queue)
{
	return queue->cap != 0 ? queue->cap : SEND_QUEUE_INSIDE;
}

/* The i-th oldest. */
static struct chunk **queue_place(struct send_queue *queue, uint32_t i)
{
	uint32_t at = (queue->first + i) & (queue_cap(queue) - 1);
	return queue->cap != 0 ? &queue->ring[at] : &queue->inside[at];
}

static const struct chunk *queue_chunk(const struct send_queue *queue, uint32_t i)
{
	uint32_t at = (queue->first + i) & (queue_cap(queue) - 1);
	return queue->cap != 0 ? queue->ring[at] : queue->inside[at];
}

static void queue_grow(struct send_queue *queue)
{
	uint32_t cap = queue->cap == 0 ? RING_FIRST : queue->cap * 2;
	assert(cap > queue->cap);
	struct chunk **ring = mem_alloc(cap * sizeof(struct chunk *));
	for (uint32_t i = 0; i < queue->count; i++) {
		ring[i] = *queue_place(queue, i);
	}
	if (queue->cap != 0) {
		free(queue->ring);
	}
	queue->ring = ring;
	queue->cap = cap;
	queue->first = 0;
}

void send_queue_push(struct send_queue *queue, struct chunk *chunk)
{
	assert(chunk->len > 0);
	if (queue->count == queue_cap(queue)) {
		queue_grow(queue);
	}
	*queue_place(queue, queue->count) = chunk_ref(chunk);
	queue->count++;
	queue->bytes += chunk->len;
}

static void queue_drop_oldest(struct send_queue *queue)
{
	struct chunk *chunk = *queue_place(queue, 0);
	queue->first = (queue->first + 1) & (queue_cap(queue) - 1);
	queue->count--;
	queue->bytes -= chunk->len - queue->offset;
	queue->offset = 0;
	if (queue->count == 0) {
		if (queue->cap != 0) {
			free(queue->ring);
		}
		queue->cap = queue->first = 0;
	}
	chunk_unref(chunk);
}

/* n bytes were sent. */
static void queue_advance(struct send_queue *queue, size_t n)
{
	while (n > 0) {
		size_t left = (*queue_place(queue, 0))->len - queue->offset;
		if (n < left) {
			queue->offset += (uint32_t)n;
			queue->bytes -= n;
			return;
		}
		n -= left;
		queue_drop_oldest(queue);
	}
}

static ssize_t queue_send_one(struct send_queue *queue, int fd, size_t *ret_asked)
{
	const struct chunk *chunk = *queue_place(queue, 0);
	*ret_asked = chunk->len - queue->offset;
	return send(fd, chunk->data + queue->offset, *ret_asked, MSG_NOSIGNAL);
}

static ssize_t queue_send_many(struct send_queue *queue, int fd, size_t *ret_asked)
{
	struct iovec parts[SEND_QUEUE_GATHER];
	uint32_t count = queue->count < SEND_QUEUE_GATHER ? queue->count : SEND_QUEUE_GATHER;
	size_t asked = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct chunk *chunk = *queue_place(queue, i);
		uint32_t skip = i == 0 ? queue->offset : 0;
		parts[i].iov_base = (void *)(uintptr_t)(chunk->data + skip);
		parts[i].iov_len = chunk->len - skip;
		asked += parts[i].iov_len;
	}
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = count};
	*ret_asked = asked;
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

ssize_t send_queue_send(struct send_queue *queue, int fd, size_t *ret_asked)
{
	ssize_t n = queue->count == 1 ? queue_send_one(queue, fd, ret_asked)
				      : queue_send_many(queue, fd, ret_asked);
	if (n > 0) {
		queue_advance(queue, (size_t)n);
	}
	return n;
}

void send_queue_copy(const struct send_queue *queue, struct buf *out)
{
	buf_reserve(out, queue->bytes);
	for (uint32_t i = 0; i < queue->count; i++) {
		const struct chunk *chunk = queue_chunk(queue, i);
		uint32_t skip = i == 0 ? queue->offset : 0;
		buf_append(out, chunk->data + skip, chunk->len - skip);
	}
}

void send_queue_clear(struct send_queue *queue)
{
	while (queue->count > 0) {
		queue_drop_oldest(queue);
	}
}
