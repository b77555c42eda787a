/* Views of bytes, and a buffer that grows. */
#ifndef LIB_BASE_BYTES_H
#define LIB_BASE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A view: it owns nothing and never outlives what it views. ptr may be NULL only with len 0. */
struct bytes {
	const char *ptr;
	size_t len;
};

#define BYTES_LIT(s) ((struct bytes){(s), sizeof(s) - 1})
#define BYTES_NONE ((struct bytes){NULL, 0})
/* For printf's "%.*s". */
#define BYTES_ARG(b) (int)(b).len, ((b).ptr != NULL ? (b).ptr : "")

static inline struct bytes bytes_of(const void *ptr, size_t len)
{
	return (struct bytes){(const char *)ptr, len};
}

static inline struct bytes bytes_str(const char *s)
{
	return (struct bytes){s, s != NULL ? strlen(s) : 0};
}

bool bytes_eq(struct bytes a, struct bytes b);
/* ASCII letters compare without regard to case. */
bool bytes_eq_nocase(struct bytes a, struct bytes b);
bool bytes_starts(struct bytes b, struct bytes prefix);
bool bytes_starts_nocase(struct bytes b, struct bytes prefix);
/* Offset of the first c, or -1. */
ptrdiff_t bytes_find_char(struct bytes b, char c);
/* Cuts blanks and tabs at both ends. */
struct bytes bytes_trim(struct bytes b);
/* Cuts the part before the first c off *rest (all of it where there is no c, *rest is then empty
 * with ptr NULL). */
struct bytes bytes_split(struct bytes *rest, char c);
/* Digits only, no sign, no overflow, 1 to 20 characters. 0 or ERR_BAD_REQUEST. */
int bytes_to_u64(struct bytes b, unsigned long long *ret_n);
/* The same with an optional '-'. */
int bytes_to_i64(struct bytes b, long long *ret_n);

/* A growing buffer. All zero bytes is a valid empty one. Growing aborts when memory is exhausted,
 * but for buf_try_reserve(), which is for sizes that a peer decides. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_init(struct buf *buf);
void buf_finish(struct buf *buf);
void buf_reserve(struct buf *buf, size_t more);
/* 0 or ERR_NOMEM. */
int buf_try_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_bytes(struct buf *buf, struct bytes b);
void buf_append_str(struct buf *buf, const char *s);
void buf_append_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *buf, size_t n);
void buf_clear(struct buf *buf);
/* Makes sure that data[len] is NUL (not counted in len) and gives data. */
const char *buf_cstr(struct buf *buf);

static inline struct bytes buf_bytes(const struct buf *buf)
{
	return (struct bytes){buf->data, buf->len};
}

/* Heap memory that aborts on exhaustion. Free with free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(const char *s);
/* NUL-terminated copy. */
char *mem_dup_bytes(struct bytes b);
/* Overwrites secrets in a way that the compiler keeps. */
void mem_wipe(void *ptr, size_t len);

#endif
