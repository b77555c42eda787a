/* Helpers of the tests of access tokens. */
#ifndef TESTS_UNIT_JWT_HELP_H
#define TESTS_UNIT_JWT_HELP_H

#include "chatd/auth/jwt.h"

struct principal;

#define NOW_MS 1700000000000
#define SECRET "0123456789abcdef0123456789abcdef"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD_CLAIMS "{\"sub\":\"alice\",\"exp\":1700000060}"

/* The text of a file of tests/vectors/jwt; good for the next three calls. */
char *jwt_vector(const char *name);
struct jwt_verifier *jwt_verifier_of(const struct jwt_params *params);
/* With SECRET and nothing else. */
struct jwt_verifier *jwt_plain_verifier(void);
/* A token with any header and claims, signed with HMAC-SHA-256. */
struct bytes jwt_sign_with(
	struct buf *out, const char *header, const char *claims, struct bytes secret);
struct bytes jwt_sign(struct buf *out, const char *header, const char *claims);
/* Verifies claims in an otherwise good token; NULL where it is refused, with why. */
struct principal *jwt_verify_claims(
	const struct jwt_verifier *verifier, const char *claims, char *why);

#endif
