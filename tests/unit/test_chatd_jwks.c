/* Key sets: the examples of RFC 7517 appendix A.1 and RFC 7515 appendix A as keys, which keys and
 * sets are refused, names, and how a verifier uses them. */
#include "chatd/auth/jwks.h"

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
#include "lib/base/ident.h"
#include "tests/unit/jwt_help.h"

#define RFC_NOW_MS 1300819379000 /* 1 s before the exp of the RFC's examples */
#define POINT \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC_KEY "{\"kty\":\"EC\",\"crv\":\"P-256\"," POINT

static struct jwks *set_of(const char *text)
{
	struct jwks *set = NULL;
	char why[JWKS_WHY_SIZE] = "";
	if (jwks_parse(bytes_str(text), &set, why) != 0) {
		fail_msg("%s: %s", text, why);
	}
	return set;
}

/* ---- the RFCs' examples ---- */

static void test_rfc7517(void **state)
{
	(void)state;
	struct jwks *set = set_of(jwt_vector("rfc7517-a1.json"));
	assert_int_equal(jwks_count(set), 1);
	assert_int_equal(jwks_left_out(set), 1); /* for encryption */
	jwks_unref(&set);
	assert_null(set);
	jwks_unref(&set);
}

struct parts {
	struct bytes input;
	char signature[1024];
	size_t len;
};

static void split(const char *token, struct parts *ret_parts)
{
	const char *dot = strrchr(token, '.');
	ret_parts->input = bytes_of(token, (size_t)(dot - token));
	assert_int_equal(
		base64url_decode(bytes_str(dot + 1), ret_parts->signature, &ret_parts->len), 0);
}

static enum jwks_verdict ask(
	const struct jwks *set, const char *algorithm, const char *kid, const struct parts *parts)
{
	return jwks_verify(set, algorithm, bytes_str(kid), parts->input,
		bytes_of(parts->signature, parts->len));
}

static void check_example(const char *name, const char *algorithm, const char *kid)
{
	struct jwks *set = set_of(jwt_vector("rfc7515.jwks.json"));
	struct parts parts;
	split(jwt_vector(name), &parts);
	assert_int_equal(ask(set, algorithm, kid, &parts), JWKS_GOOD);
	assert_int_equal(ask(set, algorithm, NULL, &parts), JWKS_GOOD);
	assert_int_equal(ask(set, algorithm, "", &parts), JWKS_UNKNOWN);
	assert_int_equal(ask(set, algorithm, "other", &parts), JWKS_UNKNOWN);
	assert_int_equal(ask(set, "HS256", kid, &parts), JWKS_UNKNOWN);
	for (size_t i = 0; i < parts.len; i += 5) {
		parts.signature[i] ^= 1;
		assert_int_equal(ask(set, algorithm, kid, &parts), JWKS_BAD);
		assert_int_equal(ask(set, algorithm, NULL, &parts), JWKS_UNKNOWN);
		parts.signature[i] ^= 1;
	}
	for (size_t len = parts.len; len > 0; len = len / 2) {
		parts.len = len - 1;
		assert_int_equal(ask(set, algorithm, kid, &parts), JWKS_BAD);
	}
	jwks_unref(&set);
}

static void test_rfc7515(void **state)
{
	(void)state;
	check_example("rfc7515-a2.jwt", "RS256", "a2");
	check_example("rfc7515-a3.jwt", "ES256", "a3");
}

static void test_only_its_algorithm(void **state)
{
	struct parts parts;
	(void)state;
	split(jwt_vector("rfc7515-a2.jwt"), &parts);
	struct jwks *set = set_of(jwt_vector("rfc7517-a1.json"));
	assert_int_equal(ask(set, "RS256", "2011-04-29", &parts), JWKS_BAD);
	assert_int_equal(ask(set, "RS512", "2011-04-29", &parts), JWKS_UNKNOWN);
	assert_int_equal(ask(set, "ES256", "2011-04-29", &parts), JWKS_UNKNOWN);
	jwks_unref(&set);
}

/* ---- keys ---- */

static void expect_key(const char *key, size_t count)
{
	struct buf text = {0};
	buf_printf(&text, "{\"keys\":[%s]}", key);
	struct jwks *set = set_of(buf_cstr(&text));
	if (jwks_count(set) != count || jwks_left_out(set) != 1 - count) {
		fail_msg("%s: %zu", key, jwks_count(set));
	}
	jwks_unref(&set);
	buf_finish(&text);
}

static const char *const good_keys[] = {
	EC_KEY "}",
	EC_KEY ",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"alg\":\"ES256\",\"kid\":\"\"}",
	EC_KEY ",\"key_ops\":[\"sign\",\"verify\"],\"x5c\":[1],\"unknown\":{}}",
};
static const char *const bad_keys[] = {
	"{}",
	"{\"kty\":7}",
	"{\"kty\":\"oct\",\"k\":\"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\"}",
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	"{\"kty\":\"ec\",\"crv\":\"P-256\"," POINT "}",
	EC_KEY ",\"use\":\"enc\"}",
	EC_KEY ",\"use\":null}",
	EC_KEY ",\"use\":[\"sig\"]}",
	EC_KEY ",\"key_ops\":[]}",
	EC_KEY ",\"key_ops\":\"verify\"}",
	EC_KEY ",\"key_ops\":[\"deriveKey\",7]}",
	EC_KEY ",\"alg\":\"RS256\"}",
	EC_KEY ",\"alg\":\"HS256\"}",
	EC_KEY ",\"alg\":\"ES384\"}",
	EC_KEY ",\"alg\":null}",
	EC_KEY ",\"kid\":7}",
	EC_KEY ",\"kid\":\"\\ud800\"}",
	EC_KEY ",\"d\":\"AQ\"}",
	EC_KEY ",\"k\":\"AQ\"}",
	"{\"kty\":\"EC\",\"crv\":\"P-384\"," POINT "}",
	"{\"kty\":\"EC\"," POINT "}",
	"{\"kty\":\"EC\",\"crv\":\"P-256\"}",
	/* not on the curve */
	"{\"kty\":\"EC\",\"crv\":\"P-256\","
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	"\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
	/* 31 bytes; padding; not the URL's alphabet; bits behind the end */
	"{\"kty\":\"EC\",\"crv\":\"P-256\","
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA\","
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	"{\"kty\":\"EC\",\"crv\":\"P-256\","
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=\","
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	"{\"kty\":\"EC\",\"crv\":\"P-256\","
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	"\"y\":\"x/FEzRu9m36HLN/tue659LNpXW6pCyStikYjKIWI5a0\"}",
	"{\"kty\":\"EC\",\"crv\":\"P-256\","
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\","
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	/* 64 bits */
	"{\"kty\":\"RSA\",\"n\":\"0vx7agoebGc\",\"e\":\"AQAB\"}",
};

static void test_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_keys) / sizeof(good_keys[0]); i++) {
		expect_key(good_keys[i], 1);
	}
	for (size_t i = 0; i < sizeof(bad_keys) / sizeof(bad_keys[0]); i++) {
		expect_key(bad_keys[i], 0);
	}
}

/* The longest name, and one that is longer. */
static void test_long_name(void **state)
{
	(void)state;
	for (size_t more = 0; more <= 1; more++) {
		struct buf key = {0};
		buf_append_str(&key, EC_KEY ",\"kid\":\"");
		for (size_t i = 0; i < JWKS_KID_MAX + more; i++) {
			buf_append_char(&key, 'k');
		}
		buf_append_str(&key, "\"}");
		expect_key(buf_cstr(&key), 1 - more);
		buf_finish(&key);
	}
}

/* An RSA key whose modulus is len bytes: front, zeroes, back. */
static void expect_rsa_of(const char *raw, size_t len, const char *e, size_t count)
{
	char *text = mem_zalloc(len * 2);
	struct buf key = {0};
	base64url_encode(bytes_of(raw, len), text);
	buf_printf(&key, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":%s}", text, e);
	expect_key(buf_cstr(&key), count);
	buf_finish(&key);
	free(text);
}

static void expect_rsa(size_t len, uint8_t front, uint8_t back, const char *e, size_t count)
{
	char *raw = mem_zalloc(len);
	raw[0] = (char)front;
	raw[len - 1] = (char)back;
	expect_rsa_of(raw, len, e, count);
	free(raw);
}

/* The same with zeroes in front of 0x80. */
static void expect_rsa_behind(size_t zeroes, size_t len, size_t count)
{
	char *raw = mem_zalloc(zeroes + len);
	raw[zeroes] = (char)0x80;
	raw[zeroes + len - 1] = 1;
	expect_rsa_of(raw, zeroes + len, "\"AQAB\"", count);
	free(raw);
}

static void test_rsa(void **state)
{
	(void)state;
	expect_rsa(256, 0x80, 1, "\"AQAB\"", 1);
	expect_rsa(256, 0x80, 1, "\"Aw\"", 1);
	expect_rsa(1024, 0xff, 1, "\"AQAB\"", 1);
	expect_rsa(256, 0x7f, 1, "\"AQAB\"", 0); /* 2047 bits */
	expect_rsa(1025, 1, 1, "\"AQAB\"", 0); /* 8193 bits */
	expect_rsa(2048, 0xff, 1, "\"AQAB\"", 0);
	expect_rsa(257, 0, 1, "\"AQAB\"", 0); /* a zero in front of nothing */
	expect_rsa_behind(1, 256, 1);
	expect_rsa_behind(1, 1024, 1);
	expect_rsa_behind(2, 256, 0);
	expect_rsa_behind(1, 1025, 0);
	expect_rsa(256, 0x80, 2, "\"AQAB\"", 0); /* even */
	expect_rsa(256, 0x80, 1, "\"AQ\"", 0);
	expect_rsa(256, 0x80, 1, "\"AQAC\"", 0);
	expect_rsa(256, 0x80, 1, "\"AAEAAQ\"", 0);
	expect_rsa(256, 0x80, 1, "\"AQEBAQEBAQEB\"", 0);
	expect_rsa(256, 0x80, 1, "\"\"", 0);
	expect_rsa(256, 0x80, 1, "65537", 0);
}

/* ---- sets ---- */

static void expect_refused(struct bytes text, const char *part)
{
	struct jwks *set = NULL;
	char why[JWKS_WHY_SIZE] = "";
	assert_int_equal(jwks_parse(text, &set, why), ERR_BAD_REQUEST);
	assert_int_equal(jwks_parse(text, &set, NULL), ERR_BAD_REQUEST);
	assert_null(set);
	if (strstr(why, part) == NULL) {
		fail_msg("%s", why);
	}
}

static void test_sets(void **state)
{
	(void)state;
	static const char *const keyless[] = {
		"[]", "{}", "null", "7", "{\"keys\":{}}", "{\"keys\":null}", "{\"Keys\":[]}"};
	for (size_t i = 0; i < sizeof(keyless) / sizeof(keyless[0]); i++) {
		expect_refused(bytes_str(keyless[i]), "no array");
	}
	expect_refused(BYTES_NONE, "JSON");
	expect_refused(BYTES_LIT("{\"keys\":[]} x"), "JSON");
	expect_refused(BYTES_LIT("{\"keys\":[],\"keys\":[]}"), "JSON");
	expect_refused(BYTES_LIT("{\"keys\":[{\"kty\":\"EC\",\"kty\":\"oct\"}]}"), "JSON");
	expect_refused(BYTES_LIT("{\"keys\":[7]}"), "no object");
	struct jwks *empty = set_of(" {\"keys\":[]}\n");
	assert_int_equal(jwks_count(empty) + jwks_left_out(empty), 0);
	jwks_unref(&empty);

	/* Every beginning of a set. */
	const char *whole = jwt_vector("rfc7515.jwks.json");
	for (size_t len = 0; len + 1 < strlen(whole); len++) {
		expect_refused(bytes_of(whole, len), "JSON");
	}
}

static void test_bounds(void **state)
{
	struct buf text = {0};
	(void)state;
	for (unsigned count = JWKS_KEYS_MAX; count <= JWKS_KEYS_MAX + 1; count++) {
		buf_clear(&text);
		buf_append_str(&text, "{\"keys\":[" EC_KEY "}");
		for (unsigned i = 1; i < count; i++) {
			buf_append_str(&text, "," EC_KEY "}");
		}
		buf_append_str(&text, "]}");
		if (count > JWKS_KEYS_MAX) {
			expect_refused(buf_bytes(&text), "too many");
		} else {
			struct jwks *set = set_of(buf_cstr(&text));
			assert_int_equal(jwks_count(set), JWKS_KEYS_MAX);
			jwks_unref(&set);
		}
	}
	buf_clear(&text);
	buf_append_str(&text, "{\"keys\":[]}");
	while (text.len < JWKS_SIZE_MAX) {
		buf_append_char(&text, ' ');
	}
	struct jwks *set = set_of(buf_cstr(&text));
	jwks_unref(&set);
	buf_append_char(&text, ' ');
	expect_refused(buf_bytes(&text), "too long");
	buf_finish(&text);
}

/* Without a name at most JWKS_TRIES_MAX keys are tried; with one, those of that name. */
static void test_tries(void **state)
{
	struct parts parts;
	(void)state;
	split(jwt_vector("rfc7515-a3.jwt"), &parts);
	for (unsigned before = JWKS_TRIES_MAX - 1; before <= JWKS_TRIES_MAX; before++) {
		struct buf text = {0};
		buf_append_str(&text, "{\"keys\":[");
		for (unsigned i = 0; i < before; i++) {
			buf_append_str(&text,
				"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
				"\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":"
				"\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"},");
		}
		buf_append_str(&text, EC_KEY ",\"kid\":\"last\"}]}");
		struct jwks *set = set_of(buf_cstr(&text));
		assert_int_equal(ask(set, "ES256", NULL, &parts),
			before < JWKS_TRIES_MAX ? JWKS_GOOD : JWKS_UNKNOWN);
		assert_int_equal(ask(set, "ES256", "last", &parts), JWKS_GOOD);
		jwks_unref(&set);
		buf_finish(&text);
	}
}

static void test_refresh(void **state)
{
	static const struct {
		const char *header;
		uint64_t seconds;
	} cases[] = {
		{"", 600},
		{"no-cache", 600},
		{"max-age", 600},
		{"max-age=", 600},
		{"max-age=-1", 600},
		{"max-age=12x", 600},
		{"s-maxage=70", 600},
		{"max-age=99999999999999999999999", 600},
		{"max-age=0", 60},
		{"max-age=60", 60},
		{"max-age=61", 61},
		{"public,Max-Age=3600 , must-revalidate", 3600},
		{"max-age=86400", 86400},
		{"max-age=86401", 86400},
		{"max-age=18446744073709551615", 86400},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(jwks_refresh_s(bytes_str(cases[i].header)), cases[i].seconds);
	}
}

/* ---- a verifier with keys of a set ---- */

static void on_unknown(void *ctx)
{
	(*(int *)ctx)++;
}

static int verify(struct jwt_params *params, const char *token)
{
	struct jwt_verifier *verifier = jwt_verifier_of(params);
	struct principal *principal = NULL;
	int err = jwt_verify(verifier, bytes_str(token), RFC_NOW_MS, &principal, NULL);
	principal_unref(&principal);
	jwt_verifier_unref(&verifier);
	return err;
}

static void test_verifier(void **state)
{
	int unknown = 0;
	char *rs = jwt_vector("rfc7515-a2.jwt");
	(void)state;
	struct jwt_params params = {
		.has_key_url = true,
		.user_id_claim = BYTES_LIT("iss"),
		.on_unknown_key = on_unknown,
		.on_unknown_ctx = &unknown,
	};
	assert_int_equal(verify(&params, rs), ERR_UNAUTHORIZED); /* nothing has come yet */
	assert_int_equal(unknown, 1);
	params.keys = set_of(jwt_vector("rfc7515.jwks.json"));
	assert_int_equal(verify(&params, rs), 0);
	assert_int_equal(unknown, 1);
	params.algorithms = BYTES_LIT("ES256");
	assert_int_equal(verify(&params, rs), ERR_UNAUTHORIZED);
	assert_int_equal(unknown, 1); /* not a key, the algorithm was wrong */
	params.algorithms = BYTES_NONE;
	jwks_unref(&params.keys);

	/* Both sources count; a key of the settings needs no set. */
	params.keys = set_of("{\"keys\":[]}");
	params.public_key = bytes_str(jwt_vector("rfc7515-a2-rsa.pem"));
	assert_int_equal(verify(&params, rs), 0);
	assert_int_equal(unknown, 1);
	assert_int_equal(verify(&params, jwt_vector("rfc7515-a3.jwt")), ERR_UNAUTHORIZED);
	assert_int_equal(unknown, 2);
	jwks_unref(&params.keys);
}

static void expect_waits(const struct jwt_params *params, bool waits)
{
	struct jwt_verifier *verifier = jwt_verifier_of(params);
	assert_int_equal(jwt_verifier_waits(verifier), waits);
	jwt_verifier_unref(&verifier);
}

static void test_waits(void **state)
{
	(void)state;
	struct jwt_params params = {.has_key_url = true};
	expect_waits(&params, true);
	params.secret = BYTES_LIT(SECRET);
	expect_waits(&params, false);
	params.secret = BYTES_NONE;
	params.keys = set_of("{\"keys\":[]}");
	expect_waits(&params, false);
	jwks_unref(&params.keys);
	struct jwt_verifier *plain = jwt_plain_verifier();
	assert_false(jwt_verifier_waits(plain));
	jwt_verifier_unref(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7517),
		cmocka_unit_test(test_rfc7515),
		cmocka_unit_test(test_only_its_algorithm),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_tries),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_verifier),
		cmocka_unit_test(test_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
