#include "chatd/auth/jwt.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <jwt.h>
#include <openssl/err.h>

#include "chatd/auth/jwks.h"
#include "chatd/auth/jwt_claims.h"
#include "chatd/auth/jwt_keys.h"
#include "chatd/auth/principal.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/value/json.h"

#define LEEWAY_MAX 3600

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
	enum key_kind public_kind; /* of params.public_key, where there is one */
	bool allowed[ALGORITHM_COUNT];
};

/* ---- what is allowed ---- */

static const char *key_setting(enum key_kind kind)
{
	switch (kind) {
	case KEY_SECRET:
		return "jwt_secret";
	case KEY_RSA:
		return "an RSA jwt_public_key, or jwks_url";
	case KEY_EC:
		break;
	}
	return "an EC jwt_public_key, or jwks_url";
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

/* Which kinds of keys there are. */
static int find_keys(struct jwt_verifier *verifier, bool have[3], char *why)
{
	const struct jwt_params *params = &verifier->params;
	have[KEY_RSA] = have[KEY_EC] = params->has_key_url;
	if (params->secret.len > 0) {
		int err = jwt_check_secret(params->secret, why);
		if (err != 0) {
			return err;
		}
		have[KEY_SECRET] = true;
	}
	if (params->public_key.len > 0) {
		int err = jwt_check_public_key(params->public_key, &verifier->public_kind, why);
		if (err != 0) {
			return err;
		}
		have[verifier->public_kind] = true;
	}
	return 0;
}

static int verifier_fill(struct jwt_verifier *verifier, char *why)
{
	const struct jwt_params *params = &verifier->params;
	bool have[3] = {false, false, false};
	if (params->secret.len == 0 && params->public_key.len == 0 && !params->has_key_url) {
		return jwt_refuse(why, ERR_CONFIG,
			"neither jwt_secret nor jwt_public_key nor jwks_url is set");
	}
	if (params->leeway_s < 0 || params->leeway_s > LEEWAY_MAX) {
		return jwt_refuse(why, ERR_CONFIG, "leeway is not 0 to %d s", LEEWAY_MAX);
	}
	int err = find_keys(verifier, have, why);
	if (err != 0) {
		return err;
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
	jwks_unref(&verifier->params.keys);
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
		.has_key_url = params->has_key_url,
		.keys = jwks_ref(params->keys),
		.on_unknown_key = params->on_unknown_key,
		.on_unknown_ctx = params->on_unknown_ctx,
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

bool jwt_verifier_waits(const struct jwt_verifier *verifier)
{
	const struct jwt_params *params = &verifier->params;
	return params->keys == NULL && params->secret.len == 0 && params->public_key.len == 0;
}

/* ---- verifying ---- */

/* What the header of a token says. */
struct token_header {
	const struct algorithm *algorithm; /* an allowed one */
	bool named; /* it says which key signed it */
	size_t kid_len; /* 0: with a name that no key has */
	char kid[JWKS_KID_MAX];
};

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

/* It is a name to compare and nothing else. */
static void take_kid(const struct value *kid, struct token_header *ret_header)
{
	ret_header->named = kid != NULL;
	if (kid != NULL && kid->kind == VALUE_TEXT && !kid->bad_text &&
		kid->text.len <= sizeof(ret_header->kid)) {
		memcpy(ret_header->kid, kid->text.ptr, kid->text.len);
		ret_header->kid_len = kid->text.len;
	}
}

/* Finds the allowed algorithm that the header names, before any key is touched. */
static int check_header(const struct jwt_verifier *verifier, const struct value *header,
	struct token_header *ret_header, char *why)
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
	ret_header->algorithm = &algorithms[i];
	take_kid(value_get(header, "kid"), ret_header);
	return 0;
}

static int read_header(const struct jwt_verifier *verifier, const struct token_text *text,
	struct token_header *ret_header, char *why)
{
	struct arena *arena = arena_create(0);
	struct value header;
	int err;
	if (json_read(arena, bytes_of(text->header, text->len[0]), &header, NULL) != 0) {
		err = jwt_refuse(why, ERR_UNAUTHORIZED, "the header is not valid JSON");
	} else {
		err = check_header(verifier, &header, ret_header, why);
	}
	arena_destroy(&arena);
	return err;
}

/* libjwt checks the signature with a key from the settings. */
static bool is_signed_with(const struct algorithm *algorithm, struct bytes token, struct bytes key)
{
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

/* With the keys that were fetched. */
static enum jwks_verdict ask_keys(const struct jwt_verifier *verifier,
	const struct token_header *header, const struct token_text *text, struct bytes token)
{
	const struct jwks *keys = verifier->params.keys;
	struct bytes kid = header->named ? bytes_of(header->kid, header->kid_len) : BYTES_NONE;
	size_t signed_len = token.len;
	while (token.ptr[signed_len - 1] != '.') { /* three parts: check_shape() */
		signed_len--;
	}
	if (keys == NULL) {
		return JWKS_UNKNOWN;
	}
	return jwks_verify(keys, header->algorithm->name, kid, bytes_of(token.ptr, signed_len - 1),
		bytes_of(text->signature, text->len[2]));
}

static bool is_signed(const struct jwt_verifier *verifier, const struct token_header *header,
	const struct token_text *text, struct bytes token)
{
	const struct jwt_params *params = &verifier->params;
	const struct algorithm *algorithm = header->algorithm;
	if (algorithm->key == KEY_SECRET) {
		return is_signed_with(algorithm, token, params->secret);
	}
	enum jwks_verdict verdict =
		params->has_key_url ? ask_keys(verifier, header, text, token) : JWKS_BAD;
	if (verdict == JWKS_GOOD) {
		return true;
	}
	if (params->public_key.len > 0 && verifier->public_kind == algorithm->key &&
		is_signed_with(algorithm, token, params->public_key)) {
		return true;
	}
	if (verdict == JWKS_UNKNOWN && params->on_unknown_key != NULL) {
		params->on_unknown_key(params->on_unknown_ctx);
	}
	return false;
}

int jwt_verify(const struct jwt_verifier *verifier, struct bytes token, int64_t now_ms,
	struct principal **ret_principal, char *why)
{
	struct token_header header = {0};
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
		err = read_header(verifier, &text, &header, why);
	}
	if (err != 0) {
		return err;
	}
	if (!is_signed(verifier, &header, &text, token)) {
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
				? "only a public key is configured (auth.jwt_public_key, "
				  "auth.jwks_url): tokens are minted by their issuer"
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
