/* Memory that is released all at once: one arena per operation, request or parsed message. Not
 * thread-safe; it may move to another thread as a whole. */
#ifndef LIB_BASE_ARENA_H
#define LIB_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "lib/base/bytes.h"

struct arena;

/* first: size of the first block in bytes (0: a default of 1 KiB); the arena itself lives in it, so
 * that a small operation costs one allocation. Aborts on exhaustion. */
struct arena *arena_create(size_t first);
void arena_destroy(struct arena **arena);
/* Forgets all contents but keeps the first block. */
void arena_reset(struct arena *arena);

/* Aligned for any type, zeroed. Aborts on exhaustion. */
void *arena_alloc(struct arena *arena, size_t size);
/* For sizes that a peer decides: NULL when memory is exhausted. Not zeroed. */
void *arena_try_alloc(struct arena *arena, size_t size);
/* Copies, always NUL-terminated behind the counted length. */
struct bytes arena_dup(struct arena *arena, struct bytes b);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* Bytes allocated from the system so far. */
size_t arena_size(const struct arena *arena);

#endif
