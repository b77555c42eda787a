/* Access tokens and connection tokens. The first byte says what the rest is: a whole access token,
 * the claims of a well-signed one, the header of a well-signed one, or a connection token. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "chatd/auth/conn_token.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/base/utf8.h"

#define NOW_MS 1700000000000
#define SECRET BYTES_LIT("0123456789abcdef0123456789abcdef")
#define HEADER "{\"alg\":\"HS256\"}"
#define CLAIMS "{\"sub\":\"a\",\"exp\":1700000001}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append_part(struct buf *out, struct bytes part)
{
	buf_reserve(out, part.len * 2 + 4);
	out->len += base64url_encode(part, out->data + out->len);
}

static void sign(struct buf *out, struct bytes header, struct bytes claims)
{
	uint8_t mac[32];
	append_part(out, header);
	buf_append_char(out, '.');
	append_part(out, claims);
	digest_hmac_sha256(SECRET, buf_bytes(out), mac);
	buf_append_char(out, '.');
	append_part(out, bytes_of(mac, sizeof(mac)));
}

static void check_principal(const struct principal *principal)
{
	assert(principal->identity.len > 0 && principal->identity.len <= PRINCIPAL_IDENTITY_MAX);
	assert(principal->display_name.len > 0 &&
		principal->display_name.len <= PRINCIPAL_NAME_MAX);
	assert(utf8_valid(principal->identity) && utf8_valid(principal->display_name));
	assert(principal->expires_ms > NOW_MS);
	assert(principal->role_count <= PRINCIPAL_ROLES_MAX);
}

static void try_access_token(struct bytes token)
{
	struct jwt_params params = {
		.secret = SECRET, .leeway_s = 30, .admin_role = BYTES_LIT("adm")};
	struct jwt_verifier *verifier = NULL;
	struct principal *principal = NULL;
	char why[JWT_WHY_SIZE];
	int err = jwt_verifier_create(&params, &verifier, why);
	assert(err == 0);
	err = jwt_verify(verifier, token, NOW_MS, &principal, why);
	assert(err == 0 || err == ERR_UNAUTHORIZED);
	if (err == 0) {
		check_principal(principal);
	}
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
}

static void try_connection_token(struct bytes text)
{
	struct conn_token token;
	char again[CONN_TOKEN_SIZE];
	struct uuid id;
	if (conn_token_open(SECRET, text, &token) == 0) {
		/* There is one text for each token. */
		conn_token_issue(SECRET, &token, again);
		assert(bytes_eq(bytes_str(again), text));
	}
	if (conn_id_parse(text, &id) == 0) {
		conn_id_format(&id, again);
		assert(bytes_eq(bytes_str(again), text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf token = {NULL, 0, 0};
	if (size == 0) {
		return 0;
	}
	struct bytes rest = bytes_of(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		try_access_token(rest);
		break;
	case 1:
		sign(&token, BYTES_LIT(HEADER), rest);
		try_access_token(buf_bytes(&token));
		break;
	case 2:
		sign(&token, rest, BYTES_LIT(CLAIMS));
		try_access_token(buf_bytes(&token));
		break;
	default:
		try_connection_token(rest);
		break;
	}
	buf_finish(&token);
	return 0;
}
