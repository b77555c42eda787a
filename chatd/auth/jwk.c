#include "chatd/auth/jwk.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "chatd/auth/jwks.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/value/value.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define RSA_EXPONENT_MAX 8 /* bytes */
#define P256_BYTES 32

struct jwk {
	char *kid; /* NUL-terminated copy */
	size_t kid_len;
	const struct algorithm *only; /* what its alg says; NULL: all of its kind */
	EVP_PKEY *key;
	bool rsa; /* else EC on P-256 */
};

struct algorithm {
	const char *name;
	bool rsa;
	const EVP_MD *(*hash)(void);
};

static const struct algorithm algorithms[] = {
	{"RS256", true, EVP_sha256},
	{"RS384", true, EVP_sha384},
	{"RS512", true, EVP_sha512},
	{"ES256", false, EVP_sha256},
};

static const struct algorithm *algorithm_find(struct bytes name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (bytes_eq(name, bytes_str(algorithms[i].name))) {
			return &algorithms[i];
		}
	}
	return NULL;
}

/* ---- members ---- */

static bool is_text(const struct value *value, const char *wanted)
{
	return value != NULL && value->kind == VALUE_TEXT &&
	       bytes_eq(value->text, bytes_str(wanted));
}

/* Zeroes in front of a number are not allowed, but some libraries write the one that keeps it from
 * being a negative one (RFC 7518 section 6.3.1.1). */
static bool is_number(const char *bytes, size_t len, size_t max)
{
	bool sign = len > 1 && bytes[0] == '\0' && ((unsigned char)bytes[1] & 0x80) != 0;
	return (bytes[0] != '\0' || sign) && len - sign <= max;
}

/* A number as base64url of its big-endian bytes, decoded to the heap: no padding; len says how many
 * bytes there are (0: any number up to max). NULL: it is none. */
static char *read_number(
	const struct value *object, const char *name, size_t max, size_t len, size_t *ret_len)
{
	const struct value *text = value_get(object, name);
	if (text == NULL || text->kind != VALUE_TEXT || text->text.len == 0 ||
		text->text.len > (max + 1 + 2) / 3 * 4) {
		return NULL;
	}
	char *number = mem_alloc(text->text.len);
	if (base64url_decode(text->text, number, ret_len) != 0 ||
		(len > 0 ? *ret_len != len : !is_number(number, *ret_len, max))) {
		free(number);
		return NULL;
	}
	return number;
}

/* What it may be used for (RFC 7517 sections 4.2 and 4.3). */
static bool is_for_signatures(const struct value *object)
{
	const struct value *use = value_get(object, "use");
	const struct value *key_ops = value_get(object, "key_ops");
	if (use != NULL && !is_text(use, "sig")) {
		return false;
	}
	if (key_ops == NULL) {
		return true;
	}
	for (uint32_t i = 0; key_ops->kind == VALUE_ARRAY && i < key_ops->count; i++) {
		if (is_text(&key_ops->items[i], "verify")) {
			return true;
		}
	}
	return false;
}

/* A key that everybody can sign with is no proof of anything. */
static bool is_given_away(const struct value *object)
{
	static const char *const private_parts[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
	for (size_t i = 0; i < sizeof(private_parts) / sizeof(private_parts[0]); i++) {
		if (value_get(object, private_parts[i]) != NULL) {
			return true;
		}
	}
	return false;
}

static int read_kid(const struct value *object, struct jwk *key)
{
	const struct value *kid = value_get(object, "kid");
	if (kid == NULL) {
		return 0;
	}
	if (kid->kind != VALUE_TEXT || kid->bad_text || kid->text.len > JWKS_KID_MAX) {
		return ERR_BAD_REQUEST;
	}
	key->kid = mem_dup_bytes(kid->text);
	key->kid_len = kid->text.len;
	return 0;
}

static int read_algorithm(const struct value *object, struct jwk *key)
{
	const struct value *alg = value_get(object, "alg");
	if (alg == NULL) {
		return 0;
	}
	key->only = alg->kind == VALUE_TEXT ? algorithm_find(alg->text) : NULL;
	return key->only != NULL && key->only->rsa == key->rsa ? 0 : ERR_BAD_REQUEST;
}

/* ---- keys ---- */

/* Takes the builder. NULL where OpenSSL does not like it. */
static EVP_PKEY *key_build(const char *type, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;
	bool good = params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	if (!good) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

static EVP_PKEY *rsa_build(BIGNUM *n, BIGNUM *e)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	if (n == NULL || e == NULL || builder == NULL || BN_num_bits(n) < RSA_BITS_MIN ||
		BN_num_bits(n) > RSA_BITS_MAX || !BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) ||
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1) {
		OSSL_PARAM_BLD_free(builder);
		return NULL;
	}
	return key_build("RSA", builder);
}

static EVP_PKEY *rsa_read(const struct value *object)
{
	size_t n_len, e_len;
	EVP_PKEY *key = NULL;
	char *n = read_number(object, "n", RSA_BITS_MAX / 8, 0, &n_len);
	char *e = read_number(object, "e", RSA_EXPONENT_MAX, 0, &e_len);
	if (n != NULL && e != NULL) {
		BIGNUM *modulus = BN_bin2bn((const unsigned char *)n, (int)n_len, NULL);
		BIGNUM *exponent = BN_bin2bn((const unsigned char *)e, (int)e_len, NULL);
		key = rsa_build(modulus, exponent);
		BN_free(modulus);
		BN_free(exponent);
	}
	free(n);
	free(e);
	return key;
}

/* A point that is not on the curve is refused by OpenSSL. */
static EVP_PKEY *p256_build(const char *x, const char *y)
{
	unsigned char point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
	memcpy(point + 1, x, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, y, P256_BYTES);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	if (builder == NULL ||
		OSSL_PARAM_BLD_push_utf8_string(
			builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
		OSSL_PARAM_BLD_push_octet_string(
			builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) != 1) {
		OSSL_PARAM_BLD_free(builder);
		return NULL;
	}
	return key_build("EC", builder);
}

static EVP_PKEY *ec_read(const struct value *object)
{
	size_t len;
	EVP_PKEY *key = NULL;
	if (!is_text(value_get(object, "crv"), "P-256")) {
		return NULL;
	}
	char *x = read_number(object, "x", P256_BYTES, P256_BYTES, &len);
	char *y = read_number(object, "y", P256_BYTES, P256_BYTES, &len);
	if (x != NULL && y != NULL) {
		key = p256_build(x, y);
	}
	free(x);
	free(y);
	return key;
}

struct jwk *jwk_read(const struct value *object)
{
	const struct value *kty = value_get(object, "kty");
	bool rsa = is_text(kty, "RSA");
	if ((!rsa && !is_text(kty, "EC")) || !is_for_signatures(object) || is_given_away(object)) {
		return NULL;
	}
	struct jwk *key = mem_zalloc(sizeof(*key));
	key->rsa = rsa;
	if (read_kid(object, key) == 0 && read_algorithm(object, key) == 0) {
		key->key = rsa ? rsa_read(object) : ec_read(object);
		ERR_clear_error(); /* what is left in the thread's queue would puzzle TLS */
	}
	if (key->key == NULL) {
		jwk_destroy(&key);
	}
	return key;
}

void jwk_destroy(struct jwk **key)
{
	if (*key != NULL) {
		EVP_PKEY_free((*key)->key);
		free((*key)->kid);
		free(*key);
		*key = NULL;
	}
}

struct bytes jwk_kid(const struct jwk *key)
{
	return bytes_of(key->kid, key->kid_len);
}

bool jwk_fits(const struct jwk *key, const char *algorithm)
{
	const struct algorithm *wanted = algorithm_find(bytes_str(algorithm));
	return wanted != NULL && wanted->rsa == key->rsa &&
	       (key->only == NULL || key->only == wanted);
}

/* ---- signatures ---- */

/* Both halves of a signature of RFC 7518 section 3.4 as OpenSSL takes them: DER, to be freed by
 * OPENSSL_free(). Answers its length, 0 on failure. */
static int join_halves(struct bytes signature, unsigned char **ret_der)
{
	const unsigned char *raw = (const unsigned char *)signature.ptr;
	if (signature.len != 2 * P256_BYTES) {
		return 0;
	}
	ECDSA_SIG *halves = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(raw + P256_BYTES, P256_BYTES, NULL);
	int len = 0;
	if (halves != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(halves, r, s) == 1) {
		len = i2d_ECDSA_SIG(halves, ret_der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(halves);
	return len > 0 ? len : 0;
}

static bool check(const struct jwk *key, const struct algorithm *algorithm, struct bytes input,
	const unsigned char *signature, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL &&
		    EVP_DigestVerifyInit(ctx, NULL, algorithm->hash(), NULL, key->key) == 1 &&
		    EVP_DigestVerify(
			    ctx, signature, len, (const unsigned char *)input.ptr, input.len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

bool jwk_verify(
	const struct jwk *key, const char *algorithm, struct bytes input, struct bytes signature)
{
	const struct algorithm *how = algorithm_find(bytes_str(algorithm));
	bool good = false;
	if (key->rsa) {
		good = check(key, how, input, (const unsigned char *)signature.ptr, signature.len);
	} else {
		unsigned char *der = NULL;
		int len = join_halves(signature, &der);
		good = len > 0 && check(key, how, input, der, (size_t)len);
		OPENSSL_free(der);
	}
	ERR_clear_error();
	return good;
}
