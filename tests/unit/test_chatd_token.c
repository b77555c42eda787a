/* Connection tokens, and the cache of verified access tokens. */
#include "chatd/auth/conn_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"

#define NOW_MS 1700000000000
#define FLEET BYTES_LIT("fleet secret, 32 bytes and more..")

static struct conn_token sample(void)
{
	struct conn_token token = {.incarnation = 0x0102030405060708,
		.worker = 0xfffe,
		.issued_ms = NOW_MS,
		.flags = CONN_TOKEN_RESUMABLE};
	struct uuid user;
	for (uint8_t i = 0; i < 16; i++) {
		token.id.b[i] = (uint8_t)(0xf0 + i);
	}
	ident_user(BYTES_LIT("alice"), &user);
	conn_token_user_hash(&user, token.user_hash);
	return token;
}

/* ---- connection tokens ---- */

static void token_round_trip(void **state)
{
	(void)state;
	struct conn_token token = sample();
	struct conn_token opened;
	char text[CONN_TOKEN_SIZE];
	conn_token_issue(FLEET, &token, text);
	assert_int_equal(strlen(text), CONN_TOKEN_LEN);
	assert_int_equal(conn_token_open(FLEET, bytes_str(text), &opened), 0);
	assert_true(opened.incarnation == token.incarnation);
	assert_int_equal(opened.worker, token.worker);
	assert_true(uuid_eq(&opened.id, &token.id));
	assert_int_equal(opened.issued_ms, token.issued_ms);
	assert_int_equal(opened.flags, token.flags);
	assert_memory_equal(opened.user_hash, token.user_hash, 8);
}

/* The layout is the fleet's: instances of different versions meet. */
static void token_layout(void **state)
{
	(void)state;
	static const char label[] = "chatd:connection-token:1:";
	struct conn_token token = sample();
	char text[CONN_TOKEN_SIZE];
	uint8_t raw[60];
	uint8_t mac[32];
	size_t len = 0;
	char input[sizeof(label) - 1 + 44];
	conn_token_issue(FLEET, &token, text);
	assert_int_equal(base64url_decode(bytes_str(text), (char *)raw, &len), 0);
	assert_int_equal(len, 60);
	assert_memory_equal(raw, "\x01\x01\x02\x03\x04\x05\x06\x07\x08\xff\xfe", 11);
	assert_memory_equal(raw + 11, token.id.b, 16);
	assert_memory_equal(raw + 27, "\x00\x00\x01\x8b\xcf\xe5\x68\x00\x01", 9);
	memcpy(input, label, sizeof(label) - 1);
	memcpy(input + sizeof(label) - 1, raw, 44);
	digest_hmac_sha256(FLEET, bytes_of(input, sizeof(input)), mac);
	assert_memory_equal(raw + 44, mac, 16);
}

static void token_forgeries(void **state)
{
	(void)state;
	struct conn_token token = sample();
	struct conn_token opened = {.worker = 7};
	char text[CONN_TOKEN_SIZE];
	char bad[CONN_TOKEN_SIZE + 4];
	conn_token_issue(FLEET, &token, text);
	for (size_t len = 0; len < CONN_TOKEN_LEN; len++) {
		assert_int_equal(
			conn_token_open(FLEET, bytes_of(text, len), &opened), ERR_NOT_FOUND);
	}
	for (size_t i = 0; i < CONN_TOKEN_LEN; i++) {
		memcpy(bad, text, sizeof(text));
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		assert_int_equal(conn_token_open(FLEET, bytes_str(bad), &opened), ERR_NOT_FOUND);
		bad[i] = '=';
		assert_int_equal(conn_token_open(FLEET, bytes_str(bad), &opened), ERR_NOT_FOUND);
	}
	snprintf(bad, sizeof(bad), "%sAAAA", text);
	assert_int_equal(conn_token_open(FLEET, bytes_str(bad), &opened), ERR_NOT_FOUND);
	assert_int_equal(conn_token_open(FLEET, BYTES_NONE, &opened), ERR_NOT_FOUND);
	assert_int_equal(
		conn_token_open(BYTES_LIT("another fleet's secret"), bytes_str(text), &opened),
		ERR_NOT_FOUND);
	assert_int_equal(opened.worker, 7);
}

/* A good MAC over another version does not help. */
static void token_of_another_version(void **state)
{
	(void)state;
	static const char label[] = "chatd:connection-token:1:";
	struct conn_token token = sample();
	struct conn_token opened;
	char text[CONN_TOKEN_SIZE];
	uint8_t raw[60];
	uint8_t mac[32];
	char input[sizeof(label) - 1 + 44];
	size_t len = 0;
	conn_token_issue(FLEET, &token, text);
	assert_int_equal(base64url_decode(bytes_str(text), (char *)raw, &len), 0);
	raw[0] = 2;
	memcpy(input, label, sizeof(label) - 1);
	memcpy(input + sizeof(label) - 1, raw, 44);
	digest_hmac_sha256(FLEET, bytes_of(input, sizeof(input)), mac);
	memcpy(raw + 44, mac, 16);
	base64url_encode(bytes_of(raw, sizeof(raw)), text);
	assert_int_equal(conn_token_open(FLEET, bytes_str(text), &opened), ERR_NOT_FOUND);
}

static void token_age_and_user(void **state)
{
	(void)state;
	struct conn_token token = sample();
	struct uuid alice;
	struct uuid bob;
	ident_user(BYTES_LIT("alice"), &alice);
	ident_user(BYTES_LIT("bob"), &bob);
	assert_true(conn_token_is_for(&token, &alice));
	assert_false(conn_token_is_for(&token, &bob));
	assert_true(conn_token_is_fresh(&token, NOW_MS, 15000));
	assert_true(conn_token_is_fresh(&token, NOW_MS + 14999, 15000));
	assert_false(conn_token_is_fresh(&token, NOW_MS + 15000, 15000));
	assert_true(conn_token_is_fresh(&token, NOW_MS - 14999, 15000));
	assert_false(conn_token_is_fresh(&token, NOW_MS - 15000, 15000));
}

static void connection_ids(void **state)
{
	(void)state;
	struct conn_token token = sample();
	struct uuid id;
	char text[CONN_ID_SIZE];
	conn_id_format(&token.id, text);
	assert_string_equal(text, "8PHy8_T19vf4-fr7_P3-_w");
	assert_int_equal(conn_id_parse(bytes_str(text), &id), 0);
	assert_true(uuid_eq(&id, &token.id));
	/* The last character has four bits that must be zero. */
	assert_int_equal(conn_id_parse(BYTES_LIT("8PHy8_T19vf4-fr7_P3-_x"), &id), ERR_BAD_REQUEST);
	assert_int_equal(conn_id_parse(BYTES_LIT("8PHy8_T19vf4-fr7_P3-_"), &id), ERR_BAD_REQUEST);
	assert_int_equal(conn_id_parse(BYTES_LIT("8PHy8_T19vf4-fr7_P3-_w="), &id), ERR_BAD_REQUEST);
	assert_int_equal(conn_id_parse(BYTES_LIT("8PHy8/T19vf4-fr7_P3-_w"), &id), ERR_BAD_REQUEST);
	assert_int_equal(conn_id_parse(BYTES_NONE, &id), ERR_BAD_REQUEST);
}

/* ---- the cache ---- */

static struct jwt_verifier *make_verifier(const char *secret)
{
	struct jwt_params params = {.secret = bytes_str(secret)};
	struct jwt_verifier *verifier = NULL;
	char why[JWT_WHY_SIZE];
	assert_int_equal(jwt_verifier_create(&params, &verifier, why), 0);
	return verifier;
}

static void mint(struct jwt_verifier *verifier, const char *user, int64_t ttl_s, struct buf *out)
{
	struct jwt_mint_params params = {.user = bytes_str(user), .ttl_s = ttl_s};
	buf_clear(out);
	assert_int_equal(jwt_mint(verifier, &params, NOW_MS, out, NULL), 0);
}

static int cached(struct principal_cache *cache, struct jwt_verifier *verifier,
	const struct buf *token, int64_t now_ms, struct principal **ret_principal)
{
	return principal_cache_verify(
		cache, verifier, buf_bytes(token), now_ms, ret_principal, NULL);
}

static void cache_remembers(void **state)
{
	(void)state;
	struct jwt_verifier *verifier = make_verifier("0123456789abcdef0123456789abcdef");
	struct principal_cache *cache = principal_cache_create(4);
	struct principal *one = NULL;
	struct principal *two = NULL;
	struct buf token = {NULL, 0, 0};
	mint(verifier, "alice", 60, &token);
	assert_int_equal(cached(cache, verifier, &token, NOW_MS, &one), 0);
	assert_int_equal(cached(cache, verifier, &token, NOW_MS + 59999, &two), 0);
	assert_ptr_equal(one, two);
	assert_int_equal(principal_cache_count(cache), 1);
	principal_unref(&two);

	/* Expiry holds for what is remembered, and the entry goes. */
	assert_int_equal(cached(cache, verifier, &token, NOW_MS + 60000, &two), ERR_UNAUTHORIZED);
	assert_null(two);
	assert_int_equal(principal_cache_count(cache), 0);
	/* Our reference outlived it. */
	assert_string_equal(one->identity.ptr, "alice");
	principal_unref(&one);
	assert_null(one);

	buf_append_char(&token, 'x');
	assert_int_equal(cached(cache, verifier, &token, NOW_MS, &one), ERR_UNAUTHORIZED);
	assert_int_equal(principal_cache_count(cache), 0);
	while (token.len <= JWT_TOKEN_MAX) {
		buf_append_char(&token, 'x');
	}
	assert_int_equal(cached(cache, verifier, &token, NOW_MS, &one), ERR_UNAUTHORIZED);
	buf_finish(&token);
	principal_cache_destroy(&cache);
	assert_null(cache);
	jwt_verifier_unref(&verifier);
}

static void cache_is_bounded(void **state)
{
	(void)state;
	struct jwt_verifier *verifier = make_verifier("0123456789abcdef0123456789abcdef");
	struct principal_cache *cache = principal_cache_create(3);
	struct principal *first[3] = {NULL};
	struct principal *again = NULL;
	struct buf tokens[4] = {{NULL, 0, 0}};
	static const char *const users[] = {"a", "b", "c", "d"};
	for (size_t i = 0; i < 4; i++) {
		mint(verifier, users[i], 60, &tokens[i]);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(cached(cache, verifier, &tokens[i], NOW_MS, &first[i]), 0);
	}
	/* a is used again, so b is the oldest when d comes. */
	assert_int_equal(cached(cache, verifier, &tokens[0], NOW_MS, &again), 0);
	principal_unref(&again);
	assert_int_equal(cached(cache, verifier, &tokens[3], NOW_MS, &again), 0);
	principal_unref(&again);
	assert_int_equal(principal_cache_count(cache), 3);
	assert_int_equal(cached(cache, verifier, &tokens[0], NOW_MS, &again), 0);
	assert_ptr_equal(again, first[0]);
	principal_unref(&again);
	assert_int_equal(cached(cache, verifier, &tokens[1], NOW_MS, &again), 0);
	assert_ptr_not_equal(again, first[1]);
	principal_unref(&again);
	for (size_t i = 0; i < 4; i++) {
		buf_finish(&tokens[i]);
	}
	for (size_t i = 0; i < 3; i++) {
		principal_unref(&first[i]);
	}
	principal_cache_destroy(&cache);
	jwt_verifier_unref(&verifier);
}

static void cache_follows_the_verifier(void **state)
{
	(void)state;
	struct jwt_verifier *old = make_verifier("0123456789abcdef0123456789abcdef");
	struct jwt_verifier *new = make_verifier("another secret of at least 32 bytes");
	struct principal_cache *cache = principal_cache_create(3);
	struct principal *principal = NULL;
	struct buf token = {NULL, 0, 0};
	mint(old, "alice", 60, &token);
	assert_int_equal(cached(cache, old, &token, NOW_MS, &principal), 0);
	principal_unref(&principal);
	assert_int_equal(cached(cache, new, &token, NOW_MS, &principal), ERR_UNAUTHORIZED);
	assert_int_equal(principal_cache_count(cache), 0);
	assert_int_equal(cached(cache, old, &token, NOW_MS, &principal), 0);
	principal_unref(&principal);
	/* The cache keeps its own reference to the last one. */
	jwt_verifier_unref(&old);
	jwt_verifier_unref(&new);
	principal_cache_clear(cache);
	assert_int_equal(principal_cache_count(cache), 0);
	principal_cache_destroy(&cache);
	principal_cache_destroy(&cache);
	buf_finish(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_round_trip),
		cmocka_unit_test(token_layout),
		cmocka_unit_test(token_forgeries),
		cmocka_unit_test(token_of_another_version),
		cmocka_unit_test(token_age_and_user),
		cmocka_unit_test(connection_ids),
		cmocka_unit_test(cache_remembers),
		cmocka_unit_test(cache_is_bounded),
		cmocka_unit_test(cache_follows_the_verifier),
	};
	return cmocka_run_group_tests_name("chatd_token", tests, NULL, NULL);
}
