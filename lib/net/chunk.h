/* A piece of bytes to be sent, shared by the send queues of one thread. The counter is plain: a
 * chunk never leaves its thread (what crosses threads is wrapped in one chunk per thread). */
#ifndef LIB_NET_CHUNK_H
#define LIB_NET_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct chunk {
	const char *data;
	uint32_t len;
	uint32_t refs;
	void (*release)(struct chunk *chunk); /* when the last reference goes */
};

/* A chunk of its own with room for len bytes behind it, refs 1; the bytes are at chunk_space(). */
struct chunk *chunk_create(size_t len);
struct chunk *chunk_copy(struct bytes b);
/* Writable bytes of a chunk from chunk_create(), before it is queued anywhere. */
char *chunk_space(struct chunk *chunk);

static inline struct chunk *chunk_ref(struct chunk *chunk)
{
	chunk->refs++;
	return chunk;
}

static inline void chunk_unref(struct chunk *chunk)
{
	if (--chunk->refs == 0) {
		chunk->release(chunk);
	}
}

#endif
