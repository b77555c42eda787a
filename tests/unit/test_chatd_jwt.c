/* Verifying and minting JSON web tokens: the examples of RFC 7515 appendix A, and what must be
 * refused. */
#include "chatd/auth/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chatd/auth/principal.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"

#define NOW_MS 1700000000000
#define RFC_NOW_MS 1300819379000 /* 1 s before the exp of the RFC's examples */
#define SECRET "0123456789abcdef0123456789abcdef"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define NAME_IDENTIFIER "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
#define MICROSOFT_ROLE "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

/* ---- helpers ---- */

static char *vector(const char *name)
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

static struct jwt_verifier *verifier_of(const struct jwt_params *params)
{
	struct jwt_verifier *verifier = NULL;
	char why[JWT_WHY_SIZE] = "";
	int err = jwt_verifier_create(params, &verifier, why);
	if (err != 0) {
		fail_msg("%s", why);
	}
	return verifier;
}

static struct jwt_verifier *plain_verifier(void)
{
	struct jwt_params params = {.secret = BYTES_LIT(SECRET)};
	return verifier_of(&params);
}

static void append_part(struct buf *out, struct bytes part)
{
	buf_reserve(out, part.len * 2 + 4);
	out->len += base64url_encode(part, out->data + out->len);
}

/* A token with any header and claims, signed with HMAC-SHA-256. */
static struct bytes sign_with(
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

static struct bytes sign(struct buf *out, const char *header, const char *claims)
{
	return sign_with(out, header, claims, BYTES_LIT(SECRET));
}

/* Verifies claims in an otherwise good token; NULL where it is refused, with why. */
static struct principal *verify_claims(
	const struct jwt_verifier *verifier, const char *claims, char *why)
{
	struct buf out = {NULL, 0, 0};
	struct principal *principal = NULL;
	why[0] = '\0';
	int err = jwt_verify(verifier, sign(&out, HS256, claims), NOW_MS, &principal, why);
	buf_finish(&out);
	assert_int_equal(err == 0, principal != NULL);
	assert_true(err == 0 || err == ERR_UNAUTHORIZED);
	assert_int_equal(err != 0, why[0] != '\0');
	return principal;
}

static void expect_refused(const struct jwt_params *params, const char *claims, const char *text)
{
	char why[JWT_WHY_SIZE];
	struct jwt_verifier *verifier = verifier_of(params);
	struct principal *principal = verify_claims(verifier, claims, why);
	if (principal != NULL || strstr(why, text) == NULL) {
		fail_msg("%s: \"%s\", not \"%s\"", claims, why, text);
	}
	jwt_verifier_unref(&verifier);
}

static void expect_identity(
	const struct jwt_params *params, const char *claims, const char *identity)
{
	char why[JWT_WHY_SIZE];
	struct jwt_verifier *verifier = verifier_of(params);
	struct principal *principal = verify_claims(verifier, claims, why);
	if (principal == NULL) {
		fail_msg("%s: %s", claims, why);
	}
	assert_string_equal(principal->identity.ptr, identity);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
}

static int verify_rfc(const struct jwt_verifier *verifier, const char *token, int64_t now_ms,
	struct principal **ret_principal, char *why)
{
	return jwt_verify(verifier, bytes_str(token), now_ms, ret_principal, why);
}

/* The RFC's examples name joe in iss only. */
static void check_rfc(const struct jwt_params *params, const char *token)
{
	struct jwt_verifier *verifier = verifier_of(params);
	struct principal *principal = NULL;
	char why[JWT_WHY_SIZE] = "";
	char bad[8192];
	int err = verify_rfc(verifier, token, RFC_NOW_MS, &principal, why);
	if (err != 0) {
		fail_msg("%s", why);
	}
	assert_string_equal(principal->identity.ptr, "joe");
	assert_string_equal(principal->display_name.ptr, "joe");
	assert_int_equal(principal->expires_ms, 1300819380000);
	principal_unref(&principal);

	assert_int_equal(
		verify_rfc(verifier, token, RFC_NOW_MS + 1000, &principal, why), ERR_UNAUTHORIZED);
	assert_non_null(strstr(why, "expired"));

	/* Each character of the signature and of the claims counts. */
	size_t len = strlen(token);
	for (size_t i = 22; i < len; i += 7) {
		if (token[i] == '.') {
			continue;
		}
		memcpy(bad, token, len + 1);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		assert_int_equal(
			verify_rfc(verifier, bad, RFC_NOW_MS, &principal, why), ERR_UNAUTHORIZED);
	}
	jwt_verifier_unref(&verifier);
}

/* ---- the RFC's examples ---- */

static void rfc7515_a1_hs256(void **state)
{
	(void)state;
	char key[128];
	size_t len = 0;
	assert_int_equal(base64url_decode(bytes_str(vector("rfc7515-a1.key")), key, &len), 0);
	struct jwt_params params = {
		.secret = bytes_of(key, len), .user_id_claim = BYTES_LIT("iss")};
	check_rfc(&params, vector("rfc7515-a1.jwt"));
}

static void rfc7515_a2_rs256(void **state)
{
	(void)state;
	struct jwt_params params = {.public_key = bytes_str(vector("rfc7515-a2-rsa.pem")),
		.user_id_claim = BYTES_LIT("iss")};
	check_rfc(&params, vector("rfc7515-a2.jwt"));
}

static void rfc7515_a3_es256(void **state)
{
	(void)state;
	struct jwt_params params = {.public_key = bytes_str(vector("rfc7515-a3-ec.pem")),
		.user_id_claim = BYTES_LIT("iss")};
	check_rfc(&params, vector("rfc7515-a3.jwt"));
}

static void both_keys_serve(void **state)
{
	(void)state;
	char why[JWT_WHY_SIZE];
	struct jwt_params params = {.secret = BYTES_LIT(SECRET),
		.public_key = bytes_str(vector("rfc7515-a2-rsa.pem")),
		.user_id_claim = BYTES_LIT("iss")};
	struct jwt_verifier *verifier = verifier_of(&params);
	struct principal *principal = NULL;
	assert_int_equal(
		verify_rfc(verifier, vector("rfc7515-a2.jwt"), RFC_NOW_MS, &principal, why), 0);
	principal_unref(&principal);
	principal = verify_claims(verifier, "{\"iss\":\"joe\",\"exp\":1700000001}", why);
	assert_non_null(principal);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
}

/* ---- attacks on the algorithm ---- */

static void expect_bad_token(
	const struct jwt_verifier *verifier, struct bytes token, const char *text)
{
	char why[JWT_WHY_SIZE] = "";
	struct principal *principal = NULL;
	int err = jwt_verify(verifier, token, NOW_MS, &principal, why);
	if (err != ERR_UNAUTHORIZED || strstr(why, text) == NULL) {
		fail_msg("%.*s: %d \"%s\", not \"%s\"", BYTES_ARG(token), err, why, text);
	}
	assert_null(principal);
}

static const char good_claims[] = "{\"sub\":\"alice\",\"exp\":1700000060}";

static void header_is_checked(void **state)
{
	(void)state;
	static const struct {
		const char *header, *why;
	} cases[] = {
		{"{\"alg\":\"none\"}", "algorithm is not allowed"},
		{"{\"alg\":\"None\"}", "algorithm is not allowed"},
		{"{\"alg\":\"NONE\",\"typ\":\"JWT\"}", "algorithm is not allowed"},
		{"{\"alg\":\"hs256\"}", "algorithm is not allowed"},
		{"{\"alg\":\"HS256 \"}", "algorithm is not allowed"},
		{"{\"alg\":\"HS256\\u0000\"}", "algorithm is not allowed"},
		{"{\"alg\":\"RS256\"}", "algorithm is not allowed"},
		{"{\"alg\":\"ES256\"}", "algorithm is not allowed"},
		{"{\"alg\":\"PS256\"}", "algorithm is not allowed"},
		{"{\"alg\":\"\"}", "algorithm is not allowed"},
		{"{\"alg\":\"HS256\",\"alg\":\"none\"}", "algorithm is not allowed"},
		{"{\"alg\":[\"HS256\"]}", "names no algorithm"},
		{"{\"alg\":null}", "names no algorithm"},
		{"{\"typ\":\"JWT\"}", "names no algorithm"},
		{"[]", "names no algorithm"},
		{"\"HS256\"", "names no algorithm"},
		{"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "critical"},
		{"{\"alg\":\"HS256\",\"typ\":\"JWE\"}", "type of the token"},
		{"{\"alg\":\"HS256\",\"typ\":1}", "type of the token"},
		{"{\"alg\":\"HS256\"", "header is not valid JSON"},
		{"{\"alg\":\"HS256\"}x", "header is not valid JSON"},
	};
	struct jwt_verifier *verifier = plain_verifier();
	struct buf out = {NULL, 0, 0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_bad_token(verifier, sign(&out, cases[i].header, good_claims), cases[i].why);
	}
	expect_bad_token(
		verifier, sign_with(&out, HS256, good_claims, BYTES_LIT("x" SECRET)), "signature");
	struct principal *principal = NULL;
	struct bytes good =
		sign(&out, "{\"alg\":\"HS256\",\"typ\":\"jwt\",\"kid\":\"../../x\"}", good_claims);
	assert_int_equal(jwt_verify(verifier, good, NOW_MS, &principal, NULL), 0);
	principal_unref(&principal);
	buf_finish(&out);
	jwt_verifier_unref(&verifier);
}

/* A token signed with the public key's text as HMAC secret, against all kinds of settings. */
static void public_key_is_no_secret(void **state)
{
	(void)state;
	char *pem = vector("rfc7515-a2-rsa.pem");
	struct buf out = {NULL, 0, 0};
	struct bytes token = sign_with(&out, HS256, good_claims, bytes_str(pem));
	struct jwt_params params = {.public_key = bytes_str(pem)};
	struct jwt_verifier *verifier = verifier_of(&params);
	expect_bad_token(verifier, token, "algorithm is not allowed");
	jwt_verifier_unref(&verifier);

	params.secret = BYTES_LIT(SECRET);
	verifier = verifier_of(&params);
	expect_bad_token(verifier, token, "signature");
	jwt_verifier_unref(&verifier);
	buf_finish(&out);
}

static void algorithms_can_be_narrowed(void **state)
{
	(void)state;
	char why[JWT_WHY_SIZE];
	struct jwt_params params = {
		.secret = BYTES_LIT(SECRET), .algorithms = BYTES_LIT(" HS512 , HS384")};
	struct jwt_verifier *verifier = verifier_of(&params);
	assert_null(verify_claims(verifier, good_claims, why));
	assert_non_null(strstr(why, "algorithm is not allowed"));
	jwt_verifier_unref(&verifier);
}

static void shape_is_strict(void **state)
{
	(void)state;
	struct jwt_verifier *verifier = plain_verifier();
	struct buf out = {NULL, 0, 0};
	struct buf bad = {NULL, 0, 0};
	struct bytes good = sign(&out, HS256, good_claims);
	expect_bad_token(verifier, BYTES_NONE, "empty");
	static const char *const shapes[] = {
		"x", ".", "..", "...", "a.b.c.d", "eyJhbGciOiJIUzI1NiJ9..", "!.!.!"};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		expect_bad_token(verifier, bytes_str(shapes[i]), "no JSON web token");
	}
	/* Cut anywhere. */
	for (size_t len = 0; len < good.len; len++) {
		struct principal *principal = NULL;
		assert_int_equal(
			jwt_verify(verifier, bytes_of(good.ptr, len), NOW_MS, &principal, NULL),
			ERR_UNAUTHORIZED);
	}
	/* What lenient decoders skip: padding, blanks, line ends, other alphabets, NUL. */
	static const char tails[] = {'=', ' ', '\n', '+', '.', '\0', 'A'};
	for (size_t i = 0; i < sizeof(tails); i++) {
		buf_clear(&bad);
		buf_append_bytes(&bad, good);
		buf_append_char(&bad, tails[i]);
		expect_bad_token(verifier, buf_bytes(&bad), "");
	}
	buf_clear(&bad);
	while (bad.len <= JWT_TOKEN_MAX) {
		buf_append_char(&bad, 'A');
	}
	expect_bad_token(verifier, buf_bytes(&bad), "longer than");
	buf_finish(&out);
	buf_finish(&bad);
	jwt_verifier_unref(&verifier);
}

/* ---- claims ---- */

static void times_are_checked(void **state)
{
	(void)state;
	struct jwt_params strict = {.secret = BYTES_LIT(SECRET)};
	struct jwt_params lenient = {.secret = BYTES_LIT(SECRET), .leeway_s = 30};
	expect_refused(&strict, "{\"sub\":\"a\"}", "no exp");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":null}", "no exp");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":\"1700000001\"}", "exp claim is no time");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":-1}", "exp claim is no time");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":true}", "exp claim is no time");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":1700000000}", "expired");
	expect_refused(&lenient, "{\"sub\":\"a\",\"exp\":1699999970}", "expired");
	expect_identity(&lenient, "{\"sub\":\"a\",\"exp\":1699999971}", "a");
	expect_identity(&strict, "{\"sub\":\"a\",\"exp\":1700000000.5}", "a");
	expect_identity(&strict, "{\"sub\":\"a\",\"exp\":1e300}", "a");

	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":1700000001,\"nbf\":1700000001}", "nbf");
	expect_refused(&lenient, "{\"sub\":\"a\",\"exp\":1700000001,\"nbf\":1700000031}", "nbf");
	expect_identity(&lenient, "{\"sub\":\"a\",\"exp\":1700000001,\"nbf\":1700000030}", "a");
	expect_identity(&strict, "{\"sub\":\"a\",\"exp\":1700000001,\"nbf\":1700000000}", "a");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":1700000001,\"nbf\":\"x\"}", "nbf");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":1700000001,\"iat\":1700000001}", "iat");
	expect_refused(&strict, "{\"sub\":\"a\",\"exp\":1700000001,\"iat\":[]}", "iat");
	expect_identity(&strict, "{\"sub\":\"a\",\"exp\":1700000001,\"iat\":1700000000}", "a");
}

static void issuer_and_audience(void **state)
{
	(void)state;
	struct jwt_params params = {.secret = BYTES_LIT(SECRET),
		.issuer = BYTES_LIT("https://id.example/"),
		.audience = BYTES_LIT("chat")};
#define CLAIMS(rest) "{\"sub\":\"a\",\"exp\":1700000001" rest "}"
	expect_refused(&params, CLAIMS(""), "iss");
	expect_refused(&params, CLAIMS(",\"iss\":\"https://id.example\",\"aud\":\"chat\""), "iss");
	expect_refused(
		&params, CLAIMS(",\"iss\":[\"https://id.example/\"],\"aud\":\"chat\""), "iss");
	expect_refused(&params, CLAIMS(",\"iss\":\"https://id.example/\""), "aud");
	expect_refused(
		&params, CLAIMS(",\"iss\":\"https://id.example/\",\"aud\":\"chats\""), "aud");
	expect_refused(&params, CLAIMS(",\"iss\":\"https://id.example/\",\"aud\":[]"), "aud");
	expect_refused(
		&params, CLAIMS(",\"iss\":\"https://id.example/\",\"aud\":[1,\"x\"]"), "aud");
	expect_identity(&params, CLAIMS(",\"iss\":\"https://id.example/\",\"aud\":\"chat\""), "a");
	expect_identity(
		&params, CLAIMS(",\"iss\":\"https://id.example/\",\"aud\":[\"x\",\"chat\"]"), "a");
#undef CLAIMS
}

static void user_claims_in_order(void **state)
{
	(void)state;
	struct jwt_params params = {.secret = BYTES_LIT(SECRET)};
	struct jwt_params named = {.secret = BYTES_LIT(SECRET), .user_id_claim = BYTES_LIT("oid")};
#define EXP ",\"exp\":1700000001}"
	expect_identity(
		&params, "{\"sub\":\"s\",\"nameid\":\"n\",\"" NAME_IDENTIFIER "\":\"i\"" EXP, "i");
	expect_identity(&params, "{\"sub\":\"s\",\"nameid\":\"n\"" EXP, "n");
	expect_identity(&params, "{\"sub\":\"s\",\"nameid\":null" EXP, "s");
	expect_identity(&named, "{\"sub\":\"s\",\"nameid\":\"n\",\"oid\":\"o\"" EXP, "o");
	expect_refused(&named, "{\"sub\":\"s\",\"nameid\":\"n\"" EXP, "names no user");
	expect_refused(&params, "{\"name\":\"x\"" EXP, "names no user");
	expect_refused(&params, "{\"sub\":\"s\",\"nameid\":\"\"" EXP, "user claim");
	expect_refused(&params, "{\"sub\":\"\"" EXP, "user claim");
	expect_refused(&params, "{\"sub\":7" EXP, "user claim");
	expect_refused(&params, "{\"sub\":[\"a\"]" EXP, "user claim");
	expect_refused(&params, "{\"sub\":\"a\\nb\"" EXP, "user claim");
	expect_refused(&params, "{\"sub\":\"a\\u007f\"" EXP, "user claim");
	expect_refused(&params, "{\"sub\":\"a\\u0085\"" EXP, "user claim");
	expect_refused(&params, "[1]", "");
#undef EXP
}

static void user_claim_length(void **state)
{
	(void)state;
	struct jwt_params params = {.secret = BYTES_LIT(SECRET)};
	char claims[400];
	char user[260];
	memset(user, 'u', sizeof(user));
	user[257] = '\0';
	snprintf(claims, sizeof(claims), "{\"sub\":\"%s\",\"exp\":1700000001}", user);
	expect_refused(&params, claims, "1 to 256 bytes");
	user[256] = '\0';
	snprintf(claims, sizeof(claims), "{\"sub\":\"%s\",\"exp\":1700000001}", user);
	expect_identity(&params, claims, user);
}

static void user_ids(void **state)
{
	(void)state;
	char why[JWT_WHY_SIZE];
	char text[UUID_TEXT_SIZE];
	struct uuid expected;
	struct jwt_verifier *verifier = plain_verifier();
	struct principal *principal = verify_claims(verifier,
		"{\"sub\":\"0E984725-C51C-4BF4-9960-E1C80E27ABA0\",\"exp\":1700000001}", why);
	assert_non_null(principal);
	uuid_format(&principal->user_id, text);
	assert_string_equal(text, "0e984725-c51c-4bf4-9960-e1c80e27aba0");
	principal_unref(&principal);
	principal = verify_claims(verifier, good_claims, why);
	assert_non_null(principal);
	ident_user(BYTES_LIT("alice"), &expected);
	assert_true(uuid_eq(&expected, &principal->user_id));
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
}

static void roles_are_gathered(void **state)
{
	(void)state;
	char why[JWT_WHY_SIZE];
	struct jwt_params params = {
		.secret = BYTES_LIT(SECRET), .admin_role = BYTES_LIT("chat-admin")};
	struct jwt_verifier *verifier = verifier_of(&params);
	struct principal *principal = verify_claims(verifier,
		"{\"sub\":\"a\",\"exp\":1700000001,\"role\":\"one\",\"roles\":[\"two\",3,\"\",{}],"
		"\"" MICROSOFT_ROLE "\":[\"chat-admin\"]}",
		why);
	assert_non_null(principal);
	assert_int_equal(principal->role_count, 3);
	assert_true(principal_has_role(principal, BYTES_LIT("one")));
	assert_true(principal_has_role(principal, BYTES_LIT("two")));
	assert_false(principal_has_role(principal, BYTES_LIT("tw")));
	assert_false(principal_has_role(principal, BYTES_LIT("3")));
	assert_true(principal->admin);
	principal_unref(&principal);

	principal = verify_claims(verifier,
		"{\"sub\":\"a\",\"exp\":1700000001,\"role\":{\"chat-admin\":1},"
		"\"roles\":\"Chat-Admin\",\"Role\":\"chat-admin\",\"admin\":true}",
		why);
	assert_non_null(principal);
	assert_int_equal(principal->role_count, 1);
	assert_false(principal->admin);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);

	/* No admin role configured: nobody is. */
	verifier = plain_verifier();
	principal = verify_claims(
		verifier, "{\"sub\":\"a\",\"exp\":1700000001,\"role\":[\"\",\"chat-admin\"]}", why);
	assert_non_null(principal);
	assert_false(principal->admin);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
}

static void too_many_roles(void **state)
{
	(void)state;
	struct buf claims = {NULL, 0, 0};
	struct jwt_params params = {.secret = BYTES_LIT(SECRET)};
	buf_append_str(&claims, "{\"sub\":\"a\",\"exp\":1700000001,\"roles\":[\"r\"");
	for (int i = 1; i < PRINCIPAL_ROLES_MAX; i++) {
		buf_append_str(&claims, ",\"r\"");
	}
	size_t mark = claims.len;
	buf_append_str(&claims, "]}");
	expect_identity(&params, buf_cstr(&claims), "a");
	claims.len = mark;
	buf_append_str(&claims, ",\"r\"]}");
	expect_refused(&params, buf_cstr(&claims), "roles");
	buf_finish(&claims);
}

static void display_names(void **state)
{
	(void)state;
	char why[JWT_WHY_SIZE];
	char claims[700];
	struct jwt_verifier *verifier = plain_verifier();
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{"\"Ada L\"", "Ada L"},
		{"\"  \"", "a"},
		{"\"\"", "a"},
		{"\"x\\u0007\"", "a"},
		{"7", "a"},
		{"\" \\u00e9 \"", "\xc3\xa9"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(claims, sizeof(claims), "{\"sub\":\"a\",\"exp\":1700000001,\"name\":%s}",
			cases[i].name);
		struct principal *principal = verify_claims(verifier, claims, why);
		assert_non_null(principal);
		assert_string_equal(principal->display_name.ptr, cases[i].shown);
		principal_unref(&principal);
	}
	/* 255 bytes and one character of two bytes: cut before it. */
	char name[300];
	memset(name, 'n', 255);
	memcpy(name + 255, "\xc3\xa9zz", 5);
	snprintf(
		claims, sizeof(claims), "{\"sub\":\"a\",\"exp\":1700000001,\"name\":\"%s\"}", name);
	struct principal *principal = verify_claims(verifier, claims, why);
	assert_non_null(principal);
	assert_int_equal(principal->display_name.len, 255);
	assert_int_equal(strlen(principal->display_name.ptr), 255);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
}

/* ---- configuration ---- */

static void expect_config_error(const struct jwt_params *params, const char *text)
{
	struct jwt_verifier *verifier = NULL;
	char why[JWT_WHY_SIZE] = "";
	assert_int_equal(jwt_verifier_create(params, &verifier, why), ERR_CONFIG);
	assert_null(verifier);
	if (strstr(why, text) == NULL) {
		fail_msg("\"%s\", not \"%s\"", why, text);
	}
}

static void bad_configurations(void **state)
{
	(void)state;
	struct bytes secret = BYTES_LIT(SECRET);
	struct bytes rsa = bytes_str(vector("rfc7515-a2-rsa.pem"));
	expect_config_error(&(struct jwt_params){.leeway_s = 0}, "neither");
	expect_config_error(&(struct jwt_params){.secret = bytes_of(secret.ptr, 31)}, "32 bytes");
	expect_config_error(&(struct jwt_params){.secret = rsa}, "PEM");
	expect_config_error(&(struct jwt_params){.secret = secret, .leeway_s = -1}, "leeway");
	expect_config_error(&(struct jwt_params){.secret = secret, .leeway_s = 3601}, "leeway");
	expect_config_error(&(struct jwt_params){.public_key = secret}, "PEM");
	expect_config_error(
		&(struct jwt_params){.public_key = bytes_str(vector("rsa-1024.pem"))}, "2048");
	expect_config_error(
		&(struct jwt_params){.public_key = bytes_str(vector("ec-p384.pem"))}, "P-256");
	expect_config_error(
		&(struct jwt_params){.public_key = bytes_str(vector("ed25519.pem"))}, "P-256");
	expect_config_error(
		&(struct jwt_params){.secret = secret, .algorithms = BYTES_LIT("none")}, "none");
	expect_config_error(
		&(struct jwt_params){.secret = secret, .algorithms = BYTES_LIT("HS256,,HS384")},
		"\"\"");
	expect_config_error(
		&(struct jwt_params){.secret = secret, .algorithms = BYTES_LIT("HS256,RS256")},
		"RS256 needs an RSA");
	expect_config_error(
		&(struct jwt_params){.public_key = rsa, .algorithms = BYTES_LIT("ES256")},
		"ES256 needs an EC");
	expect_config_error(
		&(struct jwt_params){.public_key = rsa, .algorithms = BYTES_LIT("HS256")},
		"HS256 needs jwt_secret");
}

/* ---- minting ---- */

static void minted_tokens_verify(void **state)
{
	(void)state;
	static const char *const algorithms[] = {"HS256", "HS384", "HS512"};
	const struct bytes roles[] = {BYTES_LIT("chat-admin"), BYTES_LIT("dev \"quoted\"")};
	const struct jwt_claim claims[] = {{BYTES_LIT("name"), BYTES_LIT("Ada \xe2\x98\x83")},
		{BYTES_LIT("t\\x"), BYTES_NONE}};
	for (size_t i = 0; i < 3; i++) {
		struct jwt_params params = {.algorithms = bytes_str(algorithms[i]),
			.secret = BYTES_LIT(SECRET),
			.issuer = BYTES_LIT("me"),
			.audience = BYTES_LIT("us"),
			.admin_role = BYTES_LIT("chat-admin"),
			.user_id_claim = i == 1 ? BYTES_LIT("oid") : BYTES_NONE};
		struct jwt_mint_params mint = {.user = BYTES_LIT("ada"),
			.ttl_s = 60,
			.roles = roles,
			.role_count = 2,
			.claims = claims,
			.claim_count = 2};
		struct jwt_verifier *verifier = verifier_of(&params);
		struct principal *principal = NULL;
		struct buf token = {NULL, 0, 0};
		char why[JWT_WHY_SIZE] = "";
		assert_int_equal(jwt_mint(verifier, &mint, NOW_MS, &token, why), 0);
		assert_int_equal(
			jwt_verify(verifier, buf_bytes(&token), NOW_MS, &principal, why), 0);
		assert_string_equal(principal->identity.ptr, "ada");
		assert_string_equal(principal->display_name.ptr, "Ada \xe2\x98\x83");
		assert_int_equal(principal->expires_ms, NOW_MS + 60000);
		assert_int_equal(principal->role_count, 2);
		assert_true(principal->admin);
		principal_unref(&principal);
		assert_int_equal(
			jwt_verify(verifier, buf_bytes(&token), NOW_MS + 60000, &principal, why),
			ERR_UNAUTHORIZED);
		buf_finish(&token);
		jwt_verifier_unref(&verifier);
	}
}

static void expect_mint_error(const struct jwt_params *params, const struct jwt_mint_params *mint,
	int expected, const char *text)
{
	struct jwt_verifier *verifier = verifier_of(params);
	struct buf token = {NULL, 0, 0};
	char why[JWT_WHY_SIZE] = "";
	int err = jwt_mint(verifier, mint, NOW_MS, &token, why);
	if (err != expected || strstr(why, text) == NULL) {
		fail_msg("%d \"%s\", not \"%s\"", err, why, text);
	}
	assert_int_equal(token.len, 0);
	jwt_verifier_unref(&verifier);
}

static void minting_refuses(void **state)
{
	(void)state;
	static char big[JWT_TOKEN_MAX];
	struct jwt_params hs = {.secret = BYTES_LIT(SECRET)};
	struct jwt_params rs = {.public_key = bytes_str(vector("rfc7515-a2-rsa.pem"))};
	struct jwt_params both = {.secret = BYTES_LIT(SECRET),
		.public_key = bytes_str(vector("rfc7515-a2-rsa.pem")),
		.algorithms = BYTES_LIT("RS256")};
	struct jwt_mint_params good = {.user = BYTES_LIT("ada"), .ttl_s = 60};
	expect_mint_error(&rs, &good, ERR_NOT_SUPPORTED, "only a public key");
	expect_mint_error(&both, &good, ERR_NOT_SUPPORTED, "no HMAC algorithm");

	struct jwt_mint_params bad = good;
	bad.user = BYTES_NONE;
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "user");
	bad.user = BYTES_LIT("a\x1b[31m");
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "user");
	bad.user = BYTES_LIT("\xff");
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "user");
	bad = good;
	bad.ttl_s = 0;
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "lifetime");
	bad.ttl_s = INT64_MAX;
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "lifetime");

	static const char *const reserved[] = {
		"exp", "nbf", "iat", "iss", "aud", "sub", "nameid", "role", "roles"};
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		struct jwt_claim claim = {bytes_str(reserved[i]), BYTES_LIT("x")};
		bad = good;
		bad.claims = &claim;
		bad.claim_count = 1;
		expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "can not be given");
	}
	struct jwt_claim claims[2] = {
		{BYTES_LIT("a"), BYTES_LIT("1")}, {BYTES_LIT("a"), BYTES_NONE}};
	bad = good;
	bad.claims = claims;
	bad.claim_count = 2;
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "twice");
	bad.claim_count = 1;
	claims[0].value = BYTES_LIT("\xc0\x80");
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "not valid text");
	claims[0].value = bytes_of("a\0b", 3);
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "not valid text");
	claims[0].name = BYTES_NONE;
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "needs a name");
	memset(big, 'b', sizeof(big));
	claims[0] = (struct jwt_claim){BYTES_LIT("big"), bytes_of(big, sizeof(big))};
	expect_mint_error(&hs, &bad, ERR_TOO_LARGE, "longer than");
	struct bytes roles[] = {BYTES_NONE};
	bad = good;
	bad.roles = roles;
	bad.role_count = 1;
	expect_mint_error(&hs, &bad, ERR_BAD_REQUEST, "role");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc7515_a1_hs256),
		cmocka_unit_test(rfc7515_a2_rs256),
		cmocka_unit_test(rfc7515_a3_es256),
		cmocka_unit_test(both_keys_serve),
		cmocka_unit_test(header_is_checked),
		cmocka_unit_test(public_key_is_no_secret),
		cmocka_unit_test(algorithms_can_be_narrowed),
		cmocka_unit_test(shape_is_strict),
		cmocka_unit_test(times_are_checked),
		cmocka_unit_test(issuer_and_audience),
		cmocka_unit_test(user_claims_in_order),
		cmocka_unit_test(user_claim_length),
		cmocka_unit_test(user_ids),
		cmocka_unit_test(roles_are_gathered),
		cmocka_unit_test(too_many_roles),
		cmocka_unit_test(display_names),
		cmocka_unit_test(bad_configurations),
		cmocka_unit_test(minted_tokens_verify),
		cmocka_unit_test(minting_refuses),
	};
	return cmocka_run_group_tests_name("chatd_jwt", tests, NULL, NULL);
}
