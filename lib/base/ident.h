/* Identifiers: UUIDs (RFC 9562), random bytes, base64url, and the computed ids of users and
 * messages. */
#ifndef LIB_BASE_IDENT_H
#define LIB_BASE_IDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct uuid {
	uint8_t b[16];
};

#define UUID_TEXT_SIZE 37 /* 36 characters and NUL */

bool uuid_eq(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *id);
/* The 36-character form only, any case. 0 or ERR_BAD_REQUEST. */
int uuid_parse(struct bytes text, struct uuid *ret_id);
/* Lower case. */
void uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE]);
/* Version 4. */
void uuid_random(struct uuid *ret_id);
/* 128 random bits (but one) whose text in base64url does not begin with '-': command lines would
 * take it for an option. */
void ident_random(struct uuid *ret_id);
/* Version 5 (SHA-1) of name under ns. */
void uuid_v5(const struct uuid *ns, struct bytes name, struct uuid *ret_id);
/* Version 7 with the given time; ids of one thread made in one millisecond grow. */
void uuid_v7(int64_t wall_ms, struct uuid *ret_id);

static inline struct bytes uuid_bytes(const struct uuid *id)
{
	return bytes_of(id->b, sizeof(id->b));
}

/* The user id of a token's user claim (PRODUCT.md section 10): a claim that is a UUID is taken, any
 * other is UUID version 5 of "chatd:user:" + claim under 6ba7b811-9dad-11d1-80b4-00c04fd430c8. */
void ident_user(struct bytes claim, struct uuid *ret_id);

/* The id of a message, a UUID version 8 (DESIGN.md, Store): bytes 0 to 5 the sequence number
 * big-endian, then around version and variant the first 74 bits of SHA-256(room id 16 bytes, epoch
 * 16 ASCII hex digits). seq: 1 to 2^48-1. */
void ident_message(
	const struct uuid *room, const char epoch[16], uint64_t seq, struct uuid *ret_id);
/* The sequence number inside such an id; meaningful only if ident_message() of it gives the same id
 * again. */
uint64_t ident_message_seq(const struct uuid *id);

/* From the kernel; aborts if it gives none. */
void random_bytes(void *out, size_t len);

/* Unpadded base64url (RFC 4648 section 5). Encode writes no NUL; out holds (len * 4 + 2) / 3.
 * Answers the length. */
size_t base64url_encode(struct bytes in, char *out);
/* Strict: no padding, no foreign character, zero trailing bits. out holds len * 3 / 4. 0 or
 * ERR_BAD_REQUEST. */
int base64url_decode(struct bytes in, char *out, size_t *ret_len);
/* Padded standard base64 (RFC 4648 section 4), strict. Same buffers, encode: (len + 2) / 3 * 4. */
size_t base64_encode(struct bytes in, char *out);
int base64_decode(struct bytes in, char *out, size_t *ret_len);

#endif
