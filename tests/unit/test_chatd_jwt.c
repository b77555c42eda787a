/* Verifying and minting JSON web tokens: the examples of RFC 7515 appendix A, algorithms, keys. */
#include "chatd/auth/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chatd/auth/principal.h"
#include "lib/base/err.h"
#include "tests/unit/jwt_help.h"

#define RFC_NOW_MS 1300819379000 /* 1 s before the exp of the RFC's examples */

static int verify_rfc(const struct jwt_verifier *verifier, const char *token, int64_t now_ms,
	struct principal **ret_principal, char *why)
{
	return jwt_verify(verifier, bytes_str(token), now_ms, ret_principal, why);
}

/* The RFC's examples name joe in iss only. */
static void check_rfc(const struct jwt_params *params, const char *token)
{
	struct jwt_verifier *verifier = jwt_verifier_of(params);
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
	assert_int_equal(base64url_decode(bytes_str(jwt_vector("rfc7515-a1.key")), key, &len), 0);
	struct jwt_params params = {
		.secret = bytes_of(key, len), .user_id_claim = BYTES_LIT("iss")};
	check_rfc(&params, jwt_vector("rfc7515-a1.jwt"));
}

static void rfc7515_a2_rs256(void **state)
{
	(void)state;
	struct jwt_params params = {.public_key = bytes_str(jwt_vector("rfc7515-a2-rsa.pem")),
		.user_id_claim = BYTES_LIT("iss")};
	check_rfc(&params, jwt_vector("rfc7515-a2.jwt"));
}

static void rfc7515_a3_es256(void **state)
{
	(void)state;
	struct jwt_params params = {.public_key = bytes_str(jwt_vector("rfc7515-a3-ec.pem")),
		.user_id_claim = BYTES_LIT("iss")};
	check_rfc(&params, jwt_vector("rfc7515-a3.jwt"));
}

static void both_keys_serve(void **state)
{
	(void)state;
	char why[JWT_WHY_SIZE];
	struct jwt_params params = {.secret = BYTES_LIT(SECRET),
		.public_key = bytes_str(jwt_vector("rfc7515-a2-rsa.pem")),
		.user_id_claim = BYTES_LIT("iss")};
	struct jwt_verifier *verifier = jwt_verifier_of(&params);
	struct principal *principal = NULL;
	assert_int_equal(
		verify_rfc(verifier, jwt_vector("rfc7515-a2.jwt"), RFC_NOW_MS, &principal, why), 0);
	principal_unref(&principal);
	principal = jwt_verify_claims(verifier, "{\"iss\":\"joe\",\"exp\":1700000001}", why);
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
	struct jwt_verifier *verifier = jwt_plain_verifier();
	struct buf out = {NULL, 0, 0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_bad_token(
			verifier, jwt_sign(&out, cases[i].header, GOOD_CLAIMS), cases[i].why);
	}
	expect_bad_token(verifier, jwt_sign_with(&out, HS256, GOOD_CLAIMS, BYTES_LIT("x" SECRET)),
		"signature");
	struct principal *principal = NULL;
	struct bytes good = jwt_sign(
		&out, "{\"alg\":\"HS256\",\"typ\":\"jwt\",\"kid\":\"../../x\"}", GOOD_CLAIMS);
	assert_int_equal(jwt_verify(verifier, good, NOW_MS, &principal, NULL), 0);
	principal_unref(&principal);
	buf_finish(&out);
	jwt_verifier_unref(&verifier);
}

/* A token signed with the public key's text as HMAC secret, against all kinds of settings. */
static void public_key_is_no_secret(void **state)
{
	(void)state;
	char *pem = jwt_vector("rfc7515-a2-rsa.pem");
	struct buf out = {NULL, 0, 0};
	struct bytes token = jwt_sign_with(&out, HS256, GOOD_CLAIMS, bytes_str(pem));
	struct jwt_params params = {.public_key = bytes_str(pem)};
	struct jwt_verifier *verifier = jwt_verifier_of(&params);
	expect_bad_token(verifier, token, "algorithm is not allowed");
	jwt_verifier_unref(&verifier);

	params.secret = BYTES_LIT(SECRET);
	verifier = jwt_verifier_of(&params);
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
	struct jwt_verifier *verifier = jwt_verifier_of(&params);
	assert_null(jwt_verify_claims(verifier, GOOD_CLAIMS, why));
	assert_non_null(strstr(why, "algorithm is not allowed"));
	jwt_verifier_unref(&verifier);
}

static void shape_is_strict(void **state)
{
	(void)state;
	struct jwt_verifier *verifier = jwt_plain_verifier();
	struct buf out = {NULL, 0, 0};
	struct buf bad = {NULL, 0, 0};
	struct bytes good = jwt_sign(&out, HS256, GOOD_CLAIMS);
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
	struct bytes rsa = bytes_str(jwt_vector("rfc7515-a2-rsa.pem"));
	expect_config_error(&(struct jwt_params){.leeway_s = 0}, "neither");
	expect_config_error(&(struct jwt_params){.secret = bytes_of(secret.ptr, 31)}, "32 bytes");
	expect_config_error(&(struct jwt_params){.secret = rsa}, "PEM");
	char *longer = mem_alloc(16385);
	memset(longer, 'k', 16385);
	expect_config_error(&(struct jwt_params){.secret = bytes_of(longer, 16385)}, "too long");
	expect_config_error(
		&(struct jwt_params){.public_key = bytes_of(longer, 16385)}, "too long");
	free(longer);
	expect_config_error(&(struct jwt_params){.secret = secret, .leeway_s = -1}, "leeway");
	expect_config_error(&(struct jwt_params){.secret = secret, .leeway_s = 3601}, "leeway");
	expect_config_error(&(struct jwt_params){.public_key = secret}, "PEM");
	expect_config_error(
		&(struct jwt_params){.public_key = bytes_str(jwt_vector("rsa-1024.pem"))}, "2048");
	expect_config_error(
		&(struct jwt_params){.public_key = bytes_str(jwt_vector("ec-p384.pem"))}, "P-256");
	expect_config_error(
		&(struct jwt_params){.public_key = bytes_str(jwt_vector("ed25519.pem"))}, "P-256");
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
		struct jwt_verifier *verifier = jwt_verifier_of(&params);
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
	struct jwt_verifier *verifier = jwt_verifier_of(params);
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
	struct jwt_params rs = {.public_key = bytes_str(jwt_vector("rfc7515-a2-rsa.pem"))};
	struct jwt_params both = {.secret = BYTES_LIT(SECRET),
		.public_key = bytes_str(jwt_vector("rfc7515-a2-rsa.pem")),
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
		cmocka_unit_test(bad_configurations),
		cmocka_unit_test(minted_tokens_verify),
		cmocka_unit_test(minting_refuses),
	};
	return cmocka_run_group_tests_name("chatd_jwt", tests, NULL, NULL);
}
