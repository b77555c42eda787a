/* One public key of a set (RFC 7517 section 4). */
#ifndef CHATD_AUTH_JWK_H
#define CHATD_AUTH_JWK_H

#include <stdbool.h>

#include "lib/base/bytes.h"

struct jwk;
struct value;

/* NULL: it is not one that is taken (chatd/auth/jwks.h says which are). */
struct jwk *jwk_read(const struct value *object);
void jwk_destroy(struct jwk **key);
/* len 0: it has none. */
struct bytes jwk_kid(const struct jwk *key);
/* Whether it may verify signatures of that algorithm. */
bool jwk_fits(const struct jwk *key, const char *algorithm);
/* Whether the signature is good; the key fits the algorithm. Thread-safe. */
bool jwk_verify(
	const struct jwk *key, const char *algorithm, struct bytes input, struct bytes signature);

#endif
