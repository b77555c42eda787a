#include "tests/unit/jwt_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chatd/auth/principal.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"

char *jwt_vector(const char *name)
{
	char path[256];
	static char text[4][8192];
	static unsigned next;
	char *out = text[next++ % 4];
	snprintf(path, sizeof(path), "tests/vectors/jwt/%s", name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t len = fread(out, 1, 8191, file);
	out[len] = '\0';
	fclose(file);
	return out;
}

struct jwt_verifier *jwt_verifier_of(const struct jwt_params *params)
{
	struct jwt_verifier *verifier = NULL;
	char why[JWT_WHY_SIZE] = "";
	int err = jwt_verifier_create(params, &verifier, why);
	if (err != 0) {
		fail_msg("%s", why);
	}
	return verifier;
}

struct jwt_verifier *jwt_plain_verifier(void)
{
	struct jwt_params params = {.secret = BYTES_LIT(SECRET)};
	return jwt_verifier_of(&params);
}

static void append_part(struct buf *out, struct bytes part)
{
	buf_reserve(out, part.len * 2 + 4);
	out->len += base64url_encode(part, out->data + out->len);
}

struct bytes jwt_sign_with(
	struct buf *out, const char *header, const char *claims, struct bytes secret)
{
	uint8_t mac[32];
	buf_clear(out);
	append_part(out, bytes_str(header));
	buf_append_char(out, '.');
	append_part(out, bytes_str(claims));
	digest_hmac_sha256(secret, buf_bytes(out), mac);
	buf_append_char(out, '.');
	append_part(out, bytes_of(mac, sizeof(mac)));
	return buf_bytes(out);
}

struct bytes jwt_sign(struct buf *out, const char *header, const char *claims)
{
	return jwt_sign_with(out, header, claims, BYTES_LIT(SECRET));
}

struct principal *jwt_verify_claims(
	const struct jwt_verifier *verifier, const char *claims, char *why)
{
	struct buf out = {NULL, 0, 0};
	struct principal *principal = NULL;
	why[0] = '\0';
	int err = jwt_verify(verifier, jwt_sign(&out, HS256, claims), NOW_MS, &principal, why);
	buf_finish(&out);
	assert_int_equal(err == 0, principal != NULL);
	assert_true(err == 0 || err == ERR_UNAUTHORIZED);
	assert_int_equal(err != 0, why[0] != '\0');
	return principal;
}
