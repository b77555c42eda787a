#include "lib/base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_FIRST = 1024, ARENA_LARGEST_STEP = 64 * 1024 };

/* Blocks hang on a list, the newest first; the oldest is the one the arena lives in. */
struct arena_block {
	struct arena_block *older;
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct arena_block *block; /* the newest */
	char *at, *end; /* what is free of the block that small pieces come from */
	size_t size;
	char *first_at, *first_end;
	size_t first_size;
	size_t step; /* size of the next block */
};

static size_t round_up(size_t size)
{
	size_t align = _Alignof(max_align_t);
	return (size + align - 1) & ~(align - 1);
}

struct arena *arena_create(size_t first)
{
	size_t head = sizeof(struct arena_block) + round_up(sizeof(struct arena));
	size_t size = first == 0 ? ARENA_FIRST : first;
	if (size < head + _Alignof(max_align_t)) {
		size = head + _Alignof(max_align_t);
	}
	struct arena_block *block = mem_alloc(size);
	struct arena *arena = (struct arena *)(void *)block->data;
	block->older = NULL;
	arena->block = block;
	arena->at = arena->first_at = (char *)block + head;
	arena->end = arena->first_end = (char *)block + size;
	arena->size = arena->first_size = size;
	arena->step = size < ARENA_LARGEST_STEP / 2 ? size * 2 : ARENA_LARGEST_STEP;
	return arena;
}

/* Frees all blocks but the first, which is given back. */
static struct arena_block *arena_drop_blocks(struct arena *arena)
{
	struct arena_block *block = arena->block;
	while (block->older != NULL) {
		struct arena_block *older = block->older;
		free(block);
		block = older;
	}
	return block;
}

void arena_destroy(struct arena **arena)
{
	if (*arena == NULL) {
		return;
	}
	free(arena_drop_blocks(*arena));
	*arena = NULL;
}

void arena_reset(struct arena *arena)
{
	arena->block = arena_drop_blocks(arena);
	arena->at = arena->first_at;
	arena->end = arena->first_end;
	arena->size = arena->first_size;
}

static void *arena_grow(struct arena *arena, size_t size)
{
	if (size > (size_t)PTRDIFF_MAX - sizeof(struct arena_block)) {
		return NULL;
	}
	/* What would leave little of a block gets one of its own, and the current one goes on. */
	bool own = size > arena->step / 4;
	size_t block_size = sizeof(struct arena_block) + (own ? size : arena->step);
	struct arena_block *block = malloc(block_size);
	if (block == NULL) {
		return NULL;
	}
	arena->size += block_size;
	block->older = arena->block;
	arena->block = block;
	if (own) {
		return block->data;
	}
	arena->at = block->data + size;
	arena->end = (char *)block + block_size;
	if (arena->step < ARENA_LARGEST_STEP) {
		arena->step *= 2;
	}
	return block->data;
}

void *arena_try_alloc(struct arena *arena, size_t size)
{
	if (size > (size_t)PTRDIFF_MAX - _Alignof(max_align_t)) {
		return NULL;
	}
	size_t rounded = round_up(size > 0 ? size : 1);
	if (rounded > (size_t)(arena->end - arena->at)) {
		return arena_grow(arena, rounded);
	}
	void *ptr = arena->at;
	arena->at += rounded;
	return ptr;
}

static void *arena_must_alloc(struct arena *arena, size_t size)
{
	void *ptr = arena_try_alloc(arena, size);
	if (ptr == NULL) {
		abort();
	}
	return ptr;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return memset(arena_must_alloc(arena, size), 0, size);
}

struct bytes arena_dup(struct arena *arena, struct bytes b)
{
	char *copy = arena_must_alloc(arena, b.len + 1);
	if (b.len > 0) {
		memcpy(copy, b.ptr, b.len);
	}
	copy[b.len] = '\0';
	return bytes_of(copy, b.len);
}

char *arena_strdup(struct arena *arena, const char *s)
{
	size_t size = strlen(s) + 1;
	return memcpy(arena_must_alloc(arena, size), s, size);
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int len = vsnprintf(NULL, 0, fmt, ap);
	assert(len >= 0);
	char *text = arena_must_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	return text;
}

size_t arena_size(const struct arena *arena)
{
	return arena->size;
}
