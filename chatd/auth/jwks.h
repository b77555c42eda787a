/* Sets of public keys as identity providers publish them (RFC 7517; RSA and EC members: RFC 7518
 * sections 6.2.1 and 6.3.1), and checking signatures with them, by OpenSSL.
 *
 * Taken are RSA keys of 2048 to 8192 bits and EC keys on P-256 that are whole, for signatures (use,
 * key_ops), and whose alg, where they have one, is RS256, RS384, RS512 or ES256 and fits. All
 * others are left out and counted: symmetric keys (their secret is public then), keys whose private
 * part stands beside them, keys of kinds that are not known. */
#ifndef CHATD_AUTH_JWKS_H
#define CHATD_AUTH_JWKS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct jwks;

#define JWKS_SIZE_MAX ((size_t)256 * 1024) /* bytes of a set */
#define JWKS_KEYS_MAX 64 /* members of "keys" */
#define JWKS_KID_MAX 256 /* bytes of a key's name */
#define JWKS_TRIES_MAX 8 /* signatures that are computed for one token at most */
#define JWKS_WHY_SIZE 160

/* One reference for the caller. ERR_BAD_REQUEST with a sentence in why (NULL, or JWKS_WHY_SIZE
 * bytes): no JSON object with an array "keys" of at most JWKS_KEYS_MAX objects, repeated names, or
 * above JWKS_SIZE_MAX. A set without a usable key is a set. The result never changes; it may be
 * shared between threads. */
int jwks_parse(struct bytes text, struct jwks **ret_set, char *why);
/* Any thread; NULL gives NULL. */
struct jwks *jwks_ref(struct jwks *set);
/* Any thread. Sets *set to NULL; NULL is accepted. */
void jwks_unref(struct jwks **set);

/* Usable keys, and those that were left out. */
size_t jwks_count(const struct jwks *set);
size_t jwks_left_out(const struct jwks *set);

/* Seconds after which a set is to be fetched again, from the Cache-Control header that came with it
 * (RFC 9111 section 5.2.2.1; len 0: none): its max-age within a minute and a day, else 10 minutes.
 */
uint64_t jwks_refresh_s(struct bytes cache_control);

enum jwks_verdict {
	JWKS_GOOD, /* a key of the set made the signature */
	JWKS_BAD, /* the keys that it names did not */
	JWKS_UNKNOWN, /* the set has no key of that name, or none for the algorithm */
};

/* algorithm: RS256, RS384, RS512 or ES256, which the caller allows. kid: the name that the token's
 * header gives, ptr NULL where it gives none: then all keys for the algorithm are tried, up to
 * JWKS_TRIES_MAX, and JWKS_UNKNOWN where none fits. input: what was signed; signature: its bytes.
 * Thread-safe. */
enum jwks_verdict jwks_verify(const struct jwks *set, const char *algorithm, struct bytes kid,
	struct bytes input, struct bytes signature);

#endif
