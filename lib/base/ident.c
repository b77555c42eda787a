#include "lib/base/ident.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/digest.h"
#include "lib/base/err.h"

enum { UUID_TEXT_LEN = UUID_TEXT_SIZE - 1 };

void random_bytes(void *out, size_t len)
{
	char *at = out;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);
		if (n < 0 && errno != EINTR) {
			abort();
		}
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

/* ---- text ---- */

bool uuid_eq(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool uuid_is_nil(const struct uuid *id)
{
	static const struct uuid nil;
	return uuid_eq(id, &nil);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether a hyphen stands before byte i. */
static bool hyphen_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

int uuid_parse(struct bytes text, struct uuid *ret_id)
{
	struct uuid id;
	if (text.len != UUID_TEXT_LEN) {
		return ERR_BAD_REQUEST;
	}
	const char *at = text.ptr;
	for (size_t i = 0; i < sizeof(id.b); i++) {
		if (hyphen_before(i) && *at++ != '-') {
			return ERR_BAD_REQUEST;
		}
		int high = hex_value(at[0]);
		int low = hex_value(at[1]);
		if (high < 0 || low < 0) {
			return ERR_BAD_REQUEST;
		}
		id.b[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	*ret_id = id;
	return 0;
}

void uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < sizeof(id->b); i++) {
		if (hyphen_before(i)) {
			*out++ = '-';
		}
		*out++ = digits[id->b[i] >> 4];
		*out++ = digits[id->b[i] & 15];
	}
	*out = '\0';
}

/* ---- the versions of RFC 9562 section 5 ---- */

static void uuid_mark(struct uuid *id, unsigned version)
{
	id->b[6] = (uint8_t)((id->b[6] & 0x0f) | version << 4);
	id->b[8] = (uint8_t)((id->b[8] & 0x3f) | 0x80);
}

static void put_be48(uint8_t *out, uint64_t n)
{
	for (int i = 0; i < 6; i++) {
		out[i] = (uint8_t)(n >> (40 - 8 * i));
	}
}

void ident_random(struct uuid *ret_id)
{
	enum { MINUS = 62 }; /* RFC 4648 section 5 */
	random_bytes(ret_id->b, sizeof(ret_id->b));
	if (ret_id->b[0] >> 2 == MINUS) {
		ret_id->b[0] ^= 0x80;
	}
}

void uuid_random(struct uuid *ret_id)
{
	random_bytes(ret_id->b, sizeof(ret_id->b));
	uuid_mark(ret_id, 4);
}

void uuid_v5(const struct uuid *ns, struct bytes name, struct uuid *ret_id)
{
	uint8_t hash[20];
	struct buf in = {0};
	buf_append(&in, ns->b, sizeof(ns->b));
	buf_append_bytes(&in, name);
	digest_sha1(buf_bytes(&in), hash);
	buf_finish(&in);
	memcpy(ret_id->b, hash, sizeof(ret_id->b));
	uuid_mark(ret_id, 5);
}

/* RFC 9562 section 6.2, method 2: within a millisecond (or where the clock stepped back) the random
 * part of the id before is raised by a random step. 12 + 62 bits of it; the counter starts with its
 * highest bit clear, so that it has room. */
void uuid_v7(int64_t wall_ms, struct uuid *ret_id)
{
	static _Thread_local struct {
		uint64_t ms;
		uint16_t high; /* 12 bits */
		uint64_t low; /* 62 bits */
	} last;
	/* The kernel is asked for many at once: a message without an id of its client has one. */
	static _Thread_local struct {
		uint64_t bits[64];
		size_t left;
	} pool;
	const uint64_t low_mask = ((uint64_t)1 << 62) - 1;
	uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms & 0xffffffffffffU : 0;
	if (pool.left == 0) {
		random_bytes(pool.bits, sizeof(pool.bits));
		pool.left = sizeof(pool.bits) / sizeof(pool.bits[0]);
	}
	pool.left -= 2;
	const uint64_t *fresh = &pool.bits[pool.left];
	if (ms != last.ms || (last.high == 0 && last.low == 0)) {
		last.ms = ms;
		last.high = (uint16_t)(fresh[0] & 0x7ff);
		last.low = fresh[1] & low_mask;
	} else {
		last.low += (fresh[0] & 0xffffffffU) + 1;
		last.high = (uint16_t)((last.high + (last.low >> 62)) & 0xfff);
		last.low &= low_mask;
	}
	put_be48(ret_id->b, last.ms);
	ret_id->b[6] = (uint8_t)(last.high >> 8);
	ret_id->b[7] = (uint8_t)last.high;
	for (int i = 0; i < 8; i++) {
		ret_id->b[8 + i] = (uint8_t)(last.low >> (56 - 8 * i));
	}
	uuid_mark(ret_id, 7);
}

/* ---- computed ids ---- */

void ident_user(struct bytes claim, struct uuid *ret_id)
{
	/* The URL namespace of RFC 9562 section 6.6. */
	static const struct uuid url = {{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4,
		0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};
	struct buf name = {0};
	if (uuid_parse(claim, ret_id) == 0) {
		return;
	}
	buf_append_str(&name, "chatd:user:");
	buf_append_bytes(&name, claim);
	uuid_v5(&url, buf_bytes(&name), ret_id);
	buf_finish(&name);
}

void ident_message(const struct uuid *room, const char epoch[16], uint64_t seq, struct uuid *ret_id)
{
	uint8_t hash[32];
	char in[32];
	assert(seq >= 1 && seq >> 48 == 0);
	memcpy(in, room->b, 16);
	memcpy(in + 16, epoch, 16);
	digest_sha256(bytes_of(in, sizeof(in)), hash);
	put_be48(ret_id->b, seq);
	/* The first 12 bits of the hash fill the low nibble of byte 6 and byte 7, the next 62 the
	 * low six bits of byte 8 and bytes 9 to 15. */
	ret_id->b[6] = (uint8_t)(hash[0] >> 4);
	ret_id->b[7] = (uint8_t)(hash[0] << 4 | hash[1] >> 4);
	uint64_t rest = hash[1] & 0x0f;
	for (int i = 2; i < 9; i++) {
		rest = rest << 8 | hash[i];
	}
	/* 60 bits so far; two more. */
	rest = rest << 2 | hash[9] >> 6;
	for (int i = 0; i < 8; i++) {
		ret_id->b[8 + i] = (uint8_t)(rest >> (56 - 8 * i));
	}
	uuid_mark(ret_id, 8);
}

uint64_t ident_message_seq(const struct uuid *id)
{
	uint64_t seq = 0;
	for (int i = 0; i < 6; i++) {
		seq = seq << 8 | id->b[i];
	}
	return seq;
}
