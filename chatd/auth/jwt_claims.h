/* The claims of a token (RFC 7519 section 4) as JSON: what is demanded of them, and writing them.
 * Signatures are in jwt.c. */
#ifndef CHATD_AUTH_JWT_CLAIMS_H
#define CHATD_AUTH_JWT_CLAIMS_H

#include <stdint.h>

#include "lib/base/bytes.h"

struct jwt_mint_params;
struct jwt_params;
struct principal;

/* Writes a reason, cut to JWT_WHY_SIZE; why may be NULL. Answers err, for return statements. */
int jwt_refuse(char *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Checks the claims of a token whose signature was good. rules: keys and algorithms are not looked
 * at. 0 with one reference, or ERR_UNAUTHORIZED with why. */
int jwt_claims_read(const struct jwt_params *rules, struct bytes json, int64_t now_ms,
	struct principal **ret_principal, char *why);

/* Appends the claims of a new token as a JSON object. 0, or ERR_BAD_REQUEST with why. */
int jwt_claims_write(const struct jwt_params *rules, const struct jwt_mint_params *params,
	int64_t now_ms, struct buf *out, char *why);

#endif
