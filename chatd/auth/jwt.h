/* JSON Web Tokens (RFC 7519, RFC 7515, RFC 8725): verifying those that clients bring, minting those
 * that operators ask for. jwt.c is the only file that sees libjwt. */
#ifndef CHATD_AUTH_JWT_H
#define CHATD_AUTH_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct jwks;
struct principal;
struct jwt_verifier;

#define JWT_TOKEN_MAX 8192 /* bytes of a token */
#define JWT_SECRET_MIN 32 /* bytes of an HMAC secret (RFC 7518 section 3.2 for HS256) */
#define JWT_WHY_SIZE 160 /* bytes of a reason with its NUL */

/* What settings say. Empty views mean "not configured". Everything is copied. */
struct jwt_params {
	/* Comma-separated names out of HS256 HS384 HS512 RS256 RS384 RS512 ES256. Empty: all that
	 * the configured keys allow. */
	struct bytes algorithms;
	struct bytes secret; /* HMAC secret, raw bytes */
	struct bytes public_key; /* PEM "PUBLIC KEY": RSA from 2048 bits, or EC on P-256 */
	/* Public keys are fetched from elsewhere: RSA and EC algorithms can be allowed, and keys is
	 * the set that has come, NULL before (a reference is taken). */
	bool has_key_url;
	struct jwks *keys;
	/* With has_key_url: a token came that none of the keys can be asked about. Any thread, as
	 * often as such tokens come; NULL: nobody wants to know. */
	void (*on_unknown_key)(void *ctx);
	void *on_unknown_ctx;
	struct bytes issuer; /* iss must be exactly this */
	struct bytes audience; /* aud must be or contain one of these, separated by commas; what is
				  minted is for the first */
	int64_t leeway_s; /* 0 to 3600, for exp, nbf and iat */
	struct bytes user_id_claim; /* the only user claim then; else the three of PRODUCT.md 4 */
	struct bytes admin_role; /* who has it is admin; empty: nobody */
};

/* One reference for the caller. ERR_CONFIG, with a sentence in why (JWT_WHY_SIZE bytes, never the
 * key itself): no key at all, a secret that is shorter than 32 bytes or is a PEM key, a PEM text
 * that is no usable public key, an unknown algorithm or one whose key is missing, a bad leeway. The
 * result never changes; it may be shared between threads. */
int jwt_verifier_create(
	const struct jwt_params *params, struct jwt_verifier **ret_verifier, char *why);
/* Any thread. */
struct jwt_verifier *jwt_verifier_ref(struct jwt_verifier *verifier);
/* Any thread. Sets *verifier to NULL; NULL is accepted. */
void jwt_verifier_unref(struct jwt_verifier **verifier);

/* Whether no token can be good yet: all keys are fetched from elsewhere, and none has come. */
bool jwt_verifier_waits(const struct jwt_verifier *verifier);

/* Checks a compact JWS completely: algorithm (from the configuration, never none), signature, exp
 * (required), nbf, iat, iss, aud, and the user claim. now_ms: wall clock. 0 with one reference in
 * *ret_principal, or ERR_UNAUTHORIZED with a sentence in why (NULL, or JWT_WHY_SIZE bytes) that
 * holds no part of the token. Thread-safe. Costs about 8 us (HS) to 370 us (RS with
 * public_key): see principal_cache_verify(). */
int jwt_verify(const struct jwt_verifier *verifier, struct bytes token, int64_t now_ms,
	struct principal **ret_principal, char *why);

struct jwt_claim {
	struct bytes name, value; /* value becomes a JSON text */
};

struct jwt_mint_params {
	struct bytes user; /* 1 to 256 bytes of UTF-8 without control characters */
	int64_t ttl_s; /* 1 second to 10 years */
	const struct bytes *roles;
	size_t role_count;
	const struct jwt_claim *claims; /* not those that are set here anyway */
	size_t claim_count;
};

/* A token that jwt_verify() of the same verifier takes, signed with the shortest HMAC that is
 * allowed; appended to out. iss and aud are set where they are configured. Errors, with a sentence
 * in why (NULL, or JWT_WHY_SIZE bytes): ERR_NOT_SUPPORTED where no HMAC secret is configured or no
 * HS algorithm allowed, ERR_BAD_REQUEST for a bad parameter, ERR_TOO_LARGE for a token above
 * JWT_TOKEN_MAX. */
int jwt_mint(const struct jwt_verifier *verifier, const struct jwt_mint_params *params,
	int64_t now_ms, struct buf *out, char *why);

#endif
