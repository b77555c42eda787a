#include "chatd/auth/jwt.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "chatd/auth/jwt_claims.h"
#include "chatd/auth/principal.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/value/json.h"

#define KEY_MAX 16384 /* bytes of a secret or a PEM text */
#define RSA_BITS_MIN 2048
#define LEEWAY_MAX 3600

enum key_kind { KEY_SECRET, KEY_RSA, KEY_EC };

struct algorithm {
	const char *name;
	jwt_alg_t id;
	enum key_kind key;
};

/* What can be allowed. The header of a token is looked up here and nowhere else. */
static const struct algorithm algorithms[] = {
	{"HS256", JWT_ALG_HS256, KEY_SECRET},
	{"HS384", JWT_ALG_HS384, KEY_SECRET},
	{"HS512", JWT_ALG_HS512, KEY_SECRET},
	{"RS256", JWT_ALG_RS256, KEY_RSA},
	{"RS384", JWT_ALG_RS384, KEY_RSA},
	{"RS512", JWT_ALG_RS512, KEY_RSA},
	{"ES256", JWT_ALG_ES256, KEY_EC},
};

#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

struct jwt_verifier {
	atomic_uint refs;
	struct arena *arena; /* all texts of params */
	struct jwt_params params;
	bool allowed[ALGORITHM_COUNT];
};

/* ---- keys ---- */

static int judge_public_key(EVP_PKEY *key, enum key_kind *ret_kind, char *why)
{
	int type = EVP_PKEY_get_base_id(key);
	if (type == EVP_PKEY_RSA) {
		if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
			return jwt_refuse(why, ERR_CONFIG,
				"the RSA key of jwt_public_key is shorter than %d bits",
				RSA_BITS_MIN);
		}
		*ret_kind = KEY_RSA;
		return 0;
	}
	char group[32] = "";
	if (type == EVP_PKEY_EC) {
		EVP_PKEY_get_utf8_string_param(
			key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL);
	}
	if (bytes_eq(bytes_str(group), BYTES_LIT("prime256v1"))) {
		*ret_kind = KEY_EC;
		return 0;
	}
	return jwt_refuse(why, ERR_CONFIG, "jwt_public_key is neither RSA nor EC on P-256");
}

static int check_public_key(struct bytes pem, enum key_kind *ret_kind, char *why)
{
	if (pem.len > KEY_MAX) {
		return jwt_refuse(why, ERR_CONFIG, "jwt_public_key is too long");
	}
	/* Without one, an encrypted PEM text would ask on the terminal. */
	char no_password[] = "";
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, no_password) : NULL;
	int err = 0;
	if (key == NULL) {
		err = jwt_refuse(why, ERR_CONFIG,
			"jwt_public_key is no PEM text with a PUBLIC KEY (a certificate or a "
			"private key will not do)");
	} else {
		err = judge_public_key(key, ret_kind, why);
	}
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return err;
}

static int check_secret(struct bytes secret, char *why)
{
	if (secret.len < JWT_SECRET_MIN) {
		return jwt_refuse(why, ERR_CONFIG,
			"jwt_secret is shorter than %d bytes, too little for HMAC-SHA-256",
			JWT_SECRET_MIN);
	}
	if (secret.len > KEY_MAX) {
		return jwt_refuse(why, ERR_CONFIG, "jwt_secret is too long");
	}
	/* A public key that served as a secret would let everybody sign. */
	if (bytes_starts(bytes_trim(secret), BYTES_LIT("-----BEGIN"))) {
		return jwt_refuse(why, ERR_CONFIG,
			"jwt_secret holds a PEM key; public keys go into jwt_public_key");
	}
	return 0;
}

/* ---- what is allowed ---- */

static const char *key_setting(enum key_kind kind)
{
	switch (kind) {
	case KEY_SECRET:
		return "jwt_secret";
	case KEY_RSA:
		return "an RSA jwt_public_key";
	case KEY_EC:
		break;
	}
	return "an EC jwt_public_key";
}

/* Index of a name, or ALGORITHM_COUNT. Names of algorithms are case-sensitive (RFC 7515 4.1.1). */
static size_t algorithm_find(struct bytes name)
{
	size_t i = 0;
	while (i < ALGORITHM_COUNT && !bytes_eq(name, bytes_str(algorithms[i].name))) {
		i++;
	}
	return i;
}

static int allow_named(struct jwt_verifier *verifier, const bool have[3], char *why)
{
	struct bytes rest = verifier->params.algorithms;
	while (rest.len > 0) {
		struct bytes name = bytes_trim(bytes_split(&rest, ','));
		size_t i = algorithm_find(name);
		if (i == ALGORITHM_COUNT) {
			return jwt_refuse(why, ERR_CONFIG,
				"algorithms: \"%.*s\" is none of HS256, HS384, HS512, RS256, "
				"RS384, RS512, ES256",
				(int)(name.len < 16 ? name.len : 16), name.ptr);
		}
		if (!have[algorithms[i].key]) {
			return jwt_refuse(why, ERR_CONFIG, "algorithms: %s needs %s",
				algorithms[i].name, key_setting(algorithms[i].key));
		}
		verifier->allowed[i] = true;
	}
	return 0;
}

static int verifier_fill(struct jwt_verifier *verifier, char *why)
{
	const struct jwt_params *params = &verifier->params;
	bool have[3] = {false, false, false};
	if (params->secret.len == 0 && params->public_key.len == 0) {
		return jwt_refuse(why, ERR_CONFIG, "neither jwt_secret nor jwt_public_key is set");
	}
	if (params->leeway_s < 0 || params->leeway_s > LEEWAY_MAX) {
		return jwt_refuse(why, ERR_CONFIG, "leeway is not 0 to %d s", LEEWAY_MAX);
	}
	if (params->secret.len > 0) {
		int err = check_secret(params->secret, why);
		if (err != 0) {
			return err;
		}
		have[KEY_SECRET] = true;
	}
	if (params->public_key.len > 0) {
		enum key_kind kind = KEY_RSA;
		int err = check_public_key(params->public_key, &kind, why);
		if (err != 0) {
			return err;
		}
		have[kind] = true;
	}
	if (bytes_trim(params->algorithms).len > 0) {
		return allow_named(verifier, have, why);
	}
	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		verifier->allowed[i] = have[algorithms[i].key];
	}
	return 0;
}

static void verifier_destroy(struct jwt_verifier *verifier)
{
	/* The copy is ours, only the view is const. */
	mem_wipe((char *)(uintptr_t)verifier->params.secret.ptr, verifier->params.secret.len);
	arena_destroy(&verifier->arena);
	free(verifier);
}

int jwt_verifier_create(
	const struct jwt_params *params, struct jwt_verifier **ret_verifier, char *why)
{
	struct jwt_verifier *verifier = mem_zalloc(sizeof(*verifier));
	struct arena *arena = arena_create(0);
	atomic_init(&verifier->refs, 1);
	verifier->arena = arena;
	verifier->params = (struct jwt_params){
		.algorithms = arena_dup(arena, params->algorithms),
		.secret = arena_dup(arena, params->secret),
		.public_key = arena_dup(arena, params->public_key),
		.issuer = arena_dup(arena, params->issuer),
		.audience = arena_dup(arena, params->audience),
		.leeway_s = params->leeway_s,
		.user_id_claim = arena_dup(arena, params->user_id_claim),
		.admin_role = arena_dup(arena, params->admin_role),
	};
	int err = verifier_fill(verifier, why);
	if (err != 0) {
		verifier_destroy(verifier);
		return err;
	}
	*ret_verifier = verifier;
	return 0;
}

struct jwt_verifier *jwt_verifier_ref(struct jwt_verifier *verifier)
{
	atomic_fetch_add_explicit(&verifier->refs, 1, memory_order_relaxed);
	return verifier;
}

void jwt_verifier_unref(struct jwt_verifier **verifier)
{
	if (*verifier != NULL) {
		unsigned before =
			atomic_fetch_sub_explicit(&(*verifier)->refs, 1, memory_order_acq_rel);
		assert(before > 0);
		if (before == 1) {
			verifier_destroy(*verifier);
		}
		*verifier = NULL;
	}
}

/* ---- verifying ---- */

/* What the parts of a token say. */
struct token_text {
	size_t len[3];
	char header[JWT_TOKEN_MAX];
	char claims[JWT_TOKEN_MAX];
	char signature[JWT_TOKEN_MAX];
};

/* The three parts of a compact JWS, each strict base64url and not empty (libjwt is lenient there).
 */
static int check_shape(struct bytes token, struct token_text *ret_text, char *why)
{
	char *const parts[3] = {ret_text->header, ret_text->claims, ret_text->signature};
	struct bytes rest = token;
	for (int i = 0; i < 3; i++) {
		struct bytes part = bytes_split(&rest, '.');
		bool last = rest.ptr == NULL;
		if (part.len == 0 || last != (i == 2) ||
			base64url_decode(part, parts[i], &ret_text->len[i]) != 0) {
			return jwt_refuse(why, ERR_UNAUTHORIZED, "it is no JSON web token");
		}
	}
	return 0;
}

/* Finds the allowed algorithm that the header names, before any key is touched. */
static int check_header(const struct jwt_verifier *verifier, const struct value *header,
	const struct algorithm **ret_algorithm, char *why)
{
	const struct value *alg = value_get(header, "alg");
	const struct value *typ = value_get(header, "typ");
	if (alg == NULL || alg->kind != VALUE_TEXT) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the header names no algorithm");
	}
	size_t i = algorithm_find(alg->text);
	if (i == ALGORITHM_COUNT || !verifier->allowed[i]) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the algorithm is not allowed here");
	}
	/* RFC 7515 section 4.1.11: what is critical and not understood must be refused. */
	if (value_get(header, "crit") != NULL) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the header has critical extensions");
	}
	if (typ != NULL &&
		!(typ->kind == VALUE_TEXT && bytes_eq_nocase(typ->text, BYTES_LIT("JWT")))) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the type of the token is not JWT");
	}
	*ret_algorithm = &algorithms[i];
	return 0;
}

static int read_header(const struct jwt_verifier *verifier, const struct token_text *text,
	const struct algorithm **ret_algorithm, char *why)
{
	struct arena *arena = arena_create(0);
	struct value header;
	int err;
	if (json_read(arena, bytes_of(text->header, text->len[0]), &header, NULL) != 0) {
		err = jwt_refuse(why, ERR_UNAUTHORIZED, "the header is not valid JSON");
	} else {
		err = check_header(verifier, &header, ret_algorithm, why);
	}
	arena_destroy(&arena);
	return err;
}

/* libjwt checks the signature. */
static bool is_signed(
	const struct jwt_verifier *verifier, const struct algorithm *algorithm, struct bytes token)
{
	struct bytes key = algorithm->key == KEY_SECRET ? verifier->params.secret
							: verifier->params.public_key;
	char text[JWT_TOKEN_MAX + 1];
	jwt_t *jwt = NULL;
	memcpy(text, token.ptr, token.len);
	text[token.len] = '\0';
	/* Without a key libjwt would not verify at all. */
	assert(key.len > 0);
	bool good = jwt_decode(&jwt, text, (const unsigned char *)key.ptr, (int)key.len) == 0 &&
		    jwt_get_alg(jwt) == algorithm->id;
	jwt_free(jwt);
	/* What a bad signature leaves in the thread's error queue would puzzle TLS. */
	ERR_clear_error();
	return good;
}

int jwt_verify(const struct jwt_verifier *verifier, struct bytes token, int64_t now_ms,
	struct principal **ret_principal, char *why)
{
	const struct algorithm *algorithm = NULL;
	struct token_text text;
	if (token.len == 0) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token is empty");
	}
	if (token.len > JWT_TOKEN_MAX) {
		return jwt_refuse(
			why, ERR_UNAUTHORIZED, "the token is longer than %d bytes", JWT_TOKEN_MAX);
	}
	int err = check_shape(token, &text, why);
	if (err == 0) {
		err = read_header(verifier, &text, &algorithm, why);
	}
	if (err != 0) {
		return err;
	}
	if (!is_signed(verifier, algorithm, token)) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the signature is not good");
	}
	/* The signed bytes themselves: libjwt would write its reading of them out again. */
	return jwt_claims_read(
		&verifier->params, bytes_of(text.claims, text.len[1]), now_ms, ret_principal, why);
}

/* ---- minting ---- */

static const struct algorithm *minting_algorithm(const struct jwt_verifier *verifier)
{
	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		if (verifier->allowed[i] && algorithms[i].key == KEY_SECRET) {
			return &algorithms[i];
		}
	}
	return NULL;
}

/* The token, which the caller frees; NULL where libjwt refuses. */
static char *sign(
	const struct jwt_verifier *verifier, const struct algorithm *algorithm, const char *claims)
{
	struct bytes secret = verifier->params.secret;
	jwt_t *jwt = NULL;
	char *token = NULL;
	if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
		jwt_set_alg(jwt, algorithm->id, (const unsigned char *)secret.ptr,
			(int)secret.len) == 0) {
		token = jwt_encode_str(jwt);
	}
	jwt_free(jwt);
	ERR_clear_error();
	return token;
}

int jwt_mint(const struct jwt_verifier *verifier, const struct jwt_mint_params *params,
	int64_t now_ms, struct buf *out, char *why)
{
	const struct algorithm *algorithm = minting_algorithm(verifier);
	if (algorithm == NULL) {
		return jwt_refuse(why, ERR_NOT_SUPPORTED, "%s",
			verifier->params.secret.len == 0
				? "only a public key is configured (auth.jwt_public_key): tokens "
				  "are minted by their issuer"
				: "auth.algorithms allows no HMAC algorithm to mint with");
	}
	struct buf claims = {NULL, 0, 0};
	int err = jwt_claims_write(&verifier->params, params, now_ms, &claims, why);
	if (err != 0) {
		buf_finish(&claims);
		return err;
	}
	char *token = sign(verifier, algorithm, buf_cstr(&claims));
	buf_finish(&claims);
	if (token == NULL) {
		return jwt_refuse(why, ERR_INTERNAL, "the token could not be signed");
	}
	if (strlen(token) > JWT_TOKEN_MAX) {
		err = jwt_refuse(why, ERR_TOO_LARGE, "the token would be longer than %d bytes",
			JWT_TOKEN_MAX);
	} else {
		buf_append_str(out, token);
	}
	mem_wipe(token, strlen(token));
	free(token);
	return err;
}
