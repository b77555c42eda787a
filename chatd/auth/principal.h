/* Who a request or a connection acts for, as its token said, and the memory of tokens that were
 * verified before. Both belong to one worker. */
#ifndef CHATD_AUTH_PRINCIPAL_H
#define CHATD_AUTH_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"

struct jwt_verifier;

#define PRINCIPAL_IDENTITY_MAX 256 /* bytes of the user claim */
#define PRINCIPAL_NAME_MAX 256 /* bytes of the display name; longer ones are cut at a character */
#define PRINCIPAL_ROLES_MAX 256 /* a token with more is refused */

/* Not changed after it was made. All texts are valid UTF-8 and NUL-terminated behind their length.
 */
struct principal {
	struct uuid user_id; /* ident_user(identity) */
	struct bytes identity; /* the user claim, 1 to 256 bytes, no control characters */
	struct bytes display_name; /* the claim "name", else the identity; never empty */
	int64_t expires_ms; /* wall clock: exp of the token plus leeway; from then on it is void */
	int64_t issued_ms; /* iat of the token; 0: it does not say */
	bool admin; /* one of the roles is auth.admin_role */
	size_t role_count;
	const struct bytes *roles;
	uint32_t refs; /* principal_ref(), principal_unref() */
};

/* Copies what identity, display_name, expires_ms, issued_ms, admin and the roles of from say
 * (user_id and refs are computed, an empty display_name becomes the identity) into a new one with
 * one reference. */
struct principal *principal_create(const struct principal *from);
struct principal *principal_ref(struct principal *principal);
/* Sets *principal to NULL; NULL is accepted. */
void principal_unref(struct principal **principal);
/* Exact comparison. */
bool principal_has_role(const struct principal *principal, struct bytes role);

/* Verified tokens by their SHA-256, least recently used first out. No token is kept. */
struct principal_cache;

/* capacity: entries, at least 1 (4096 is usual). */
struct principal_cache *principal_cache_create(size_t capacity);
void principal_cache_destroy(struct principal_cache **cache);
/* As jwt_verify(), but a token that was good before and has not expired is not verified again.
 * Another verifier than the last time empties the cache first. why may be NULL; else JWT_WHY_SIZE
 * bytes. The caller gets a reference of his own. Refusals are not remembered. */
int principal_cache_verify(struct principal_cache *cache, struct jwt_verifier *verifier,
	struct bytes token, int64_t now_ms, struct principal **ret_principal, char *why);
/* Whether principal_cache_verify() would have nothing to verify. */
bool principal_cache_has(struct principal_cache *cache, struct jwt_verifier *verifier,
	struct bytes token, int64_t now_ms);
/* Drops all entries (their principals live on where they are referenced). */
void principal_cache_clear(struct principal_cache *cache);
size_t principal_cache_count(const struct principal_cache *cache);

#endif
