/* What is demanded of the claims of an access token. */
#include "chatd/auth/jwt_claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chatd/auth/principal.h"
#include "lib/base/err.h"
#include "tests/unit/jwt_help.h"

#define NAME_IDENTIFIER "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
#define MICROSOFT_ROLE "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

static void expect_refused(const struct jwt_params *params, const char *claims, const char *text)
{
	char why[JWT_WHY_SIZE];
	struct jwt_verifier *verifier = jwt_verifier_of(params);
	struct principal *principal = jwt_verify_claims(verifier, claims, why);
	if (principal != NULL || strstr(why, text) == NULL) {
		fail_msg("%s: \"%s\", not \"%s\"", claims, why, text);
	}
	jwt_verifier_unref(&verifier);
}

static void expect_identity(
	const struct jwt_params *params, const char *claims, const char *identity)
{
	char why[JWT_WHY_SIZE];
	struct jwt_verifier *verifier = jwt_verifier_of(params);
	struct principal *principal = jwt_verify_claims(verifier, claims, why);
	if (principal == NULL) {
		fail_msg("%s: %s", claims, why);
	}
	assert_string_equal(principal->identity.ptr, identity);
	principal_unref(&principal);
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

/* Tokens that were issued before some time can be revoked by it. */
static void the_time_of_issue_is_kept(void **state)
{
	static const struct {
		const char *iat;
		int64_t issued_ms;
	} cases[] = {
		{"", 0},
		{",\"iat\":null", 0},
		{",\"iat\":0", 0},
		{",\"iat\":1699999999", 1699999999000},
		{",\"iat\":1699999999.25", 1699999999250},
		{",\"iat\":1699999999,\"nbf\":1699999000", 1699999999000},
		{",\"nbf\":1699999000", 0},
	};
	char why[JWT_WHY_SIZE];
	char claims[200];
	struct jwt_verifier *verifier = jwt_plain_verifier();
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(claims, sizeof(claims), "{\"sub\":\"a\",\"exp\":1700000001%s}",
			cases[i].iat);
		struct principal *principal = jwt_verify_claims(verifier, claims, why);
		assert_non_null(principal);
		assert_int_equal(principal->issued_ms, cases[i].issued_ms);
		assert_int_equal(principal->expires_ms, 1700000001000);
		principal_unref(&principal);
	}
	jwt_verifier_unref(&verifier);
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
	struct jwt_verifier *verifier = jwt_plain_verifier();
	struct principal *principal = jwt_verify_claims(verifier,
		"{\"sub\":\"0E984725-C51C-4BF4-9960-E1C80E27ABA0\",\"exp\":1700000001}", why);
	assert_non_null(principal);
	uuid_format(&principal->user_id, text);
	assert_string_equal(text, "0e984725-c51c-4bf4-9960-e1c80e27aba0");
	principal_unref(&principal);
	principal = jwt_verify_claims(verifier, GOOD_CLAIMS, why);
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
	struct jwt_verifier *verifier = jwt_verifier_of(&params);
	struct principal *principal = jwt_verify_claims(verifier,
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

	principal = jwt_verify_claims(verifier,
		"{\"sub\":\"a\",\"exp\":1700000001,\"role\":{\"chat-admin\":1},"
		"\"roles\":\"Chat-Admin\",\"Role\":\"chat-admin\",\"admin\":true}",
		why);
	assert_non_null(principal);
	assert_int_equal(principal->role_count, 1);
	assert_false(principal->admin);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);

	/* No admin role configured: nobody is. */
	verifier = jwt_plain_verifier();
	principal = jwt_verify_claims(
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
	struct jwt_verifier *verifier = jwt_plain_verifier();
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
		struct principal *principal = jwt_verify_claims(verifier, claims, why);
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
	struct principal *principal = jwt_verify_claims(verifier, claims, why);
	assert_non_null(principal);
	assert_int_equal(principal->display_name.len, 255);
	assert_int_equal(strlen(principal->display_name.ptr), 255);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_checked),
		cmocka_unit_test(the_time_of_issue_is_kept),
		cmocka_unit_test(issuer_and_audience),
		cmocka_unit_test(user_claims_in_order),
		cmocka_unit_test(user_claim_length),
		cmocka_unit_test(user_ids),
		cmocka_unit_test(roles_are_gathered),
		cmocka_unit_test(too_many_roles),
		cmocka_unit_test(display_names),
	};
	return cmocka_run_group_tests_name("chatd_jwt_claims", tests, NULL, NULL);
}
