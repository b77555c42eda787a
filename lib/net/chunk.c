#include "lib/net/chunk.h"

#include <assert.h>
#include <stdlib.h>

struct own_chunk {
	struct chunk chunk;
	char space[];
};

static void own_chunk_release(struct chunk *chunk)
{
	free(chunk);
}

struct chunk *chunk_create(size_t len)
{
	assert(len <= UINT32_MAX);
	struct own_chunk *own = mem_alloc(sizeof(*own) + len);
	own->chunk = (struct chunk){own->space, (uint32_t)len, 1, own_chunk_release};
	return &own->chunk;
}

struct chunk *chunk_copy(struct bytes b)
{
	struct chunk *chunk = chunk_create(b.len);
	if (b.len > 0) {
		memcpy(chunk_space(chunk), b.ptr, b.len);
	}
	return chunk;
}

char *chunk_space(struct chunk *chunk)
{
	return ((struct own_chunk *)(void *)chunk)->space;
}
