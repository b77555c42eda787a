/* Hashes and MACs (OpenSSL). Thread-safe. */
#ifndef LIB_BASE_DIGEST_H
#define LIB_BASE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

void digest_sha1(struct bytes in, uint8_t out[20]);
void digest_sha256(struct bytes in, uint8_t out[32]);
/* Hash of the parts laid end to end. */
void digest_sha256_parts(const struct bytes *parts, size_t count, uint8_t out[32]);
void digest_hmac_sha256(struct bytes key, struct bytes in, uint8_t out[32]);
/* Takes the same time wherever the difference is. */
bool digest_equal(const void *a, const void *b, size_t len);

#endif
