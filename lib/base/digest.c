#include "lib/base/digest.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* OpenSSL's hashing of memory fails only where memory is exhausted or the library is broken;
 * neither leaves anything sensible to do. */
static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

void digest_sha1(struct bytes in, uint8_t out[20])
{
	must(EVP_Digest(in.ptr, in.len, out, NULL, EVP_sha1(), NULL) == 1);
}

void digest_sha256(struct bytes in, uint8_t out[32])
{
	must(EVP_Digest(in.ptr, in.len, out, NULL, EVP_sha256(), NULL) == 1);
}

void digest_sha256_parts(const struct bytes *parts, size_t count, uint8_t out[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	must(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < count; i++) {
		must(EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1);
	}
	must(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
	EVP_MD_CTX_free(ctx);
}

void digest_hmac_sha256(struct bytes key, struct bytes in, uint8_t out[32])
{
	/* A NULL key would mean to OpenSSL that the last one is used again. */
	const void *key_ptr = key.len > 0 ? key.ptr : "";
	must(key.len <= INT_MAX);
	must(HMAC(EVP_sha256(), key_ptr, (int)key.len, (const unsigned char *)in.ptr, in.len, out,
		     NULL) != NULL);
}

bool digest_equal(const void *a, const void *b, size_t len)
{
	return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}
