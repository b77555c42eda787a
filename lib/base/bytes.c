#include "lib/base/bytes.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"

enum { BUF_FIRST = 64 };

static unsigned char ascii_lower(char c)
{
	unsigned char u = (unsigned char)c;
	return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

static bool equal_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (ascii_lower(a[i]) != ascii_lower(b[i])) {
			return false;
		}
	}
	return true;
}

bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool bytes_eq_nocase(struct bytes a, struct bytes b)
{
	return a.len == b.len && equal_nocase(a.ptr, b.ptr, a.len);
}

bool bytes_starts(struct bytes b, struct bytes prefix)
{
	return b.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(b.ptr, prefix.ptr, prefix.len) == 0);
}

bool bytes_starts_nocase(struct bytes b, struct bytes prefix)
{
	return b.len >= prefix.len && equal_nocase(b.ptr, prefix.ptr, prefix.len);
}

ptrdiff_t bytes_find_char(struct bytes b, char c)
{
	const char *found = b.len > 0 ? memchr(b.ptr, c, b.len) : NULL;
	return found != NULL ? found - b.ptr : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes b)
{
	while (b.len > 0 && is_blank(b.ptr[0])) {
		b.ptr++;
		b.len--;
	}
	while (b.len > 0 && is_blank(b.ptr[b.len - 1])) {
		b.len--;
	}
	return b;
}

struct bytes bytes_split(struct bytes *rest, char c)
{
	ptrdiff_t at = bytes_find_char(*rest, c);
	struct bytes part = *rest;
	if (at < 0) {
		*rest = BYTES_NONE;
		return part;
	}
	part.len = (size_t)at;
	rest->ptr += at + 1;
	rest->len -= (size_t)at + 1;
	return part;
}

int bytes_to_u64(struct bytes b, unsigned long long *ret_n)
{
	unsigned long long n = 0;
	if (b.len == 0 || b.len > 20) {
		return ERR_BAD_REQUEST;
	}
	for (size_t i = 0; i < b.len; i++) {
		unsigned digit = (unsigned)(unsigned char)b.ptr[i] - '0';
		if (digit > 9 || n > (ULLONG_MAX - digit) / 10) {
			return ERR_BAD_REQUEST;
		}
		n = n * 10 + digit;
	}
	*ret_n = n;
	return 0;
}

int bytes_to_i64(struct bytes b, long long *ret_n)
{
	bool negative = b.len > 0 && b.ptr[0] == '-';
	unsigned long long n;
	if (negative) {
		b = bytes_of(b.ptr + 1, b.len - 1);
	}
	int err = bytes_to_u64(b, &n);
	if (err != 0) {
		return err;
	}
	if (n > (unsigned long long)LLONG_MAX + (negative ? 1 : 0)) {
		return ERR_BAD_REQUEST;
	}
	/* Through the complement, because the least number has no positive twin. */
	*ret_n = negative && n > 0 ? -(long long)(n - 1) - 1 : (long long)n;
	return 0;
}

/* ---- buf ---- */

void buf_init(struct buf *buf)
{
	*buf = (struct buf){0};
}

void buf_finish(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

static int buf_grow(struct buf *buf, size_t more)
{
	if (more > (size_t)PTRDIFF_MAX - buf->len) {
		return ERR_NOMEM;
	}
	size_t need = buf->len + more;
	size_t cap = buf->cap < BUF_FIRST ? BUF_FIRST : buf->cap;
	while (cap < need) {
		cap = cap > (size_t)PTRDIFF_MAX / 2 ? need : cap * 2;
	}
	char *data = realloc(buf->data, cap);
	if (data == NULL) {
		return ERR_NOMEM;
	}
	buf->data = data;
	buf->cap = cap;
	return 0;
}

/* Apart from growing, so that it is short where it is called for each character. */
int buf_try_reserve(struct buf *buf, size_t more)
{
	return more <= buf->cap - buf->len ? 0 : buf_grow(buf, more);
}

void buf_reserve(struct buf *buf, size_t more)
{
	if (buf_try_reserve(buf, more) != 0) {
		abort();
	}
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
	if (len == 0) {
		return;
	}
	buf_reserve(buf, len);
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}

void buf_append_bytes(struct buf *buf, struct bytes b)
{
	buf_append(buf, b.ptr, b.len);
}

void buf_append_str(struct buf *buf, const char *s)
{
	buf_append(buf, s, strlen(s));
}

void buf_append_char(struct buf *buf, char c)
{
	buf_reserve(buf, 1);
	buf->data[buf->len++] = c;
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	buf_reserve(buf, 1);
	size_t room = buf->cap - buf->len;
	int len = vsnprintf(buf->data + buf->len, room, fmt, ap);
	assert(len >= 0);
	if ((size_t)len >= room) {
		buf_reserve(buf, (size_t)len + 1);
		len = vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
	}
	va_end(again);
	buf->len += (size_t)len;
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(buf, fmt, ap);
	va_end(ap);
}

void buf_consume(struct buf *buf, size_t n)
{
	assert(n <= buf->len);
	if (n == 0) {
		return;
	}
	memmove(buf->data, buf->data + n, buf->len - n);
	buf->len -= n;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
}

const char *buf_cstr(struct buf *buf)
{
	buf_reserve(buf, 1);
	buf->data[buf->len] = '\0';
	return buf->data;
}

/* ---- mem ---- */

void *mem_alloc(size_t size)
{
	void *ptr = malloc(size > 0 ? size : 1);
	if (ptr == NULL) {
		abort();
	}
	return ptr;
}

void *mem_zalloc(size_t size)
{
	void *ptr = calloc(1, size > 0 ? size : 1);
	if (ptr == NULL) {
		abort();
	}
	return ptr;
}

void *mem_realloc(void *ptr, size_t size)
{
	ptr = realloc(ptr, size > 0 ? size : 1);
	if (ptr == NULL) {
		abort();
	}
	return ptr;
}

char *mem_strdup(const char *s)
{
	return mem_dup_bytes(bytes_str(s));
}

char *mem_dup_bytes(struct bytes b)
{
	char *copy = mem_alloc(b.len + 1);
	if (b.len > 0) {
		memcpy(copy, b.ptr, b.len);
	}
	copy[b.len] = '\0';
	return copy;
}

void mem_wipe(void *ptr, size_t len)
{
	if (len > 0) {
		explicit_bzero(ptr, len);
	}
}
