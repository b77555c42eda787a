#include "chatd/auth/jwt_claims.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/value/json.h"

#define DATE_MAX 253402300799 /* the last second of the year 9999 */
#define MINT_TTL_MAX (3650LL * 24 * 3600)
#define CLAIM_NAME_MAX 128

#define NAME_IDENTIFIER "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
#define MICROSOFT_ROLE "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

/* PRODUCT.md section 4: the first that is there names the user. */
static const char *const user_claims[] = {NAME_IDENTIFIER, "nameid", "sub"};
static const char *const role_claims[] = {"role", "roles", MICROSOFT_ROLE};
static const char *const minted_claims[] = {"exp", "nbf", "iat", "iss", "aud"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int jwt_refuse(char *why, int err, const char *fmt, ...)
{
	if (why != NULL) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(why, JWT_WHY_SIZE, fmt, ap);
		va_end(ap);
	}
	return err;
}

static bool is_identity(struct bytes text)
{
	return text.len > 0 && text.len <= PRINCIPAL_IDENTITY_MAX && utf8_plain(text);
}

static bool value_is_text(const struct value *value)
{
	return value != NULL && value->kind == VALUE_TEXT && !value->bad_text;
}

/* A claim that is there; null counts as missing. */
static const struct value *claim_get(const struct value *claims, const char *name)
{
	const struct value *value = value_get(claims, name);
	return value == NULL || value->kind == VALUE_NULL ? NULL : value;
}

/* NumericDate (RFC 7519 section 2): seconds, fractions allowed. Those behind the year 9999 count as
 * its end. */
static int date_read(const struct value *value, int64_t *ret_ms)
{
	if (value->kind == VALUE_INT && value->integer >= 0) {
		*ret_ms = (value->integer < DATE_MAX ? value->integer : DATE_MAX) * 1000;
		return 0;
	}
	if (value->kind == VALUE_DOUBLE && isfinite(value->number) && value->number >= 0) {
		double seconds =
			value->number < (double)DATE_MAX ? value->number : (double)DATE_MAX;
		*ret_ms = (int64_t)(seconds * 1000);
		return 0;
	}
	return ERR_UNAUTHORIZED;
}

static int check_times(const struct jwt_params *rules, const struct value *claims, int64_t now_ms,
	struct principal *times, char *why)
{
	int64_t leeway = rules->leeway_s * 1000;
	const struct value *exp = claim_get(claims, "exp");
	const struct value *nbf = claim_get(claims, "nbf");
	const struct value *iat = claim_get(claims, "iat");
	int64_t expires = 0;
	int64_t at = 0;
	int64_t issued = 0;
	if (exp == NULL) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token has no exp claim");
	}
	if (date_read(exp, &expires) != 0) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the exp claim is no time");
	}
	if (now_ms >= expires + leeway) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token has expired");
	}
	if (nbf != NULL && date_read(nbf, &at) != 0) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the nbf claim is no time");
	}
	if (nbf != NULL && at > now_ms + leeway) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token is not valid yet (nbf)");
	}
	if (iat != NULL && date_read(iat, &issued) != 0) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the iat claim is no time");
	}
	if (issued > now_ms + leeway) {
		return jwt_refuse(
			why, ERR_UNAUTHORIZED, "the token was issued in the future (iat)");
	}
	times->expires_ms = expires + leeway;
	times->issued_ms = issued;
	return 0;
}

/* A text that equals wanted, or an array that has one. */
static bool names(const struct value *value, struct bytes wanted)
{
	if (value_is_text(value)) {
		return bytes_eq(value->text, wanted);
	}
	if (value == NULL || value->kind != VALUE_ARRAY) {
		return false;
	}
	for (uint32_t i = 0; i < value->count; i++) {
		if (value_is_text(&value->items[i]) && bytes_eq(value->items[i].text, wanted)) {
			return true;
		}
	}
	return false;
}

/* Whether the aud claim names one of ours. */
static bool is_for_us(const struct value *aud, struct bytes audiences)
{
	while (audiences.len > 0) {
		struct bytes wanted = bytes_trim(bytes_split(&audiences, ','));
		if (wanted.len > 0 && names(aud, wanted)) {
			return true;
		}
	}
	return false;
}

static int check_parties(const struct jwt_params *rules, const struct value *claims, char *why)
{
	const struct value *iss = claim_get(claims, "iss");
	if (rules->issuer.len > 0 && !(value_is_text(iss) && bytes_eq(iss->text, rules->issuer))) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token is of another issuer (iss)");
	}
	if (rules->audience.len > 0 && !is_for_us(claim_get(claims, "aud"), rules->audience)) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token is for another audience (aud)");
	}
	return 0;
}

static const struct value *find_user(
	const struct jwt_params *rules, const struct value *claims, struct arena *arena)
{
	if (rules->user_id_claim.len > 0) {
		return claim_get(claims, arena_dup(arena, rules->user_id_claim).ptr);
	}
	for (size_t i = 0; i < COUNT(user_claims); i++) {
		const struct value *value = claim_get(claims, user_claims[i]);
		if (value != NULL) {
			return value;
		}
	}
	return NULL;
}

static int check_user(const struct jwt_params *rules, const struct value *claims,
	struct arena *arena, struct bytes *ret_identity, char *why)
{
	const struct value *user = find_user(rules, claims, arena);
	if (user == NULL) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token names no user");
	}
	if (!value_is_text(user) || !is_identity(user->text)) {
		return jwt_refuse(why, ERR_UNAUTHORIZED,
			"the user claim is not a text of 1 to %d bytes without control characters",
			PRINCIPAL_IDENTITY_MAX);
	}
	*ret_identity = user->text;
	return 0;
}

/* What is no text grants nothing. */
static int add_role(struct bytes *roles, size_t *count, const struct value *value, char *why)
{
	if (!value_is_text(value) || value->text.len == 0) {
		return 0;
	}
	if (*count == PRINCIPAL_ROLES_MAX) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the token has more than %d roles",
			PRINCIPAL_ROLES_MAX);
	}
	roles[(*count)++] = value->text;
	return 0;
}

static int collect_roles(
	const struct value *claims, struct bytes *roles, size_t *ret_count, char *why)
{
	size_t count = 0;
	for (size_t i = 0; i < COUNT(role_claims); i++) {
		const struct value *value = claim_get(claims, role_claims[i]);
		bool many = value != NULL && value->kind == VALUE_ARRAY;
		uint32_t items = many ? value->count : 1;
		for (uint32_t k = 0; k < items; k++) {
			int err = add_role(roles, &count, many ? &value->items[k] : value, why);
			if (err != 0) {
				return err;
			}
		}
	}
	*ret_count = count;
	return 0;
}

/* The claim "name", cut at a character; nothing where it is unfit to be shown. */
static struct bytes display_name(const struct value *claims)
{
	const struct value *name = claim_get(claims, "name");
	if (!value_is_text(name) || !utf8_plain(name->text)) {
		return BYTES_NONE;
	}
	struct bytes text = bytes_trim(name->text);
	if (text.len > PRINCIPAL_NAME_MAX) {
		text.len = PRINCIPAL_NAME_MAX;
		while (((uint8_t)text.ptr[text.len] & 0xc0) == 0x80) {
			text.len--;
		}
	}
	return text;
}

static int principal_read(const struct jwt_params *rules, const struct value *claims,
	int64_t now_ms, struct arena *arena, struct principal **ret_principal, char *why)
{
	struct bytes roles[PRINCIPAL_ROLES_MAX];
	struct principal from = {.roles = roles};
	if (claims->kind != VALUE_OBJECT) {
		return jwt_refuse(why, ERR_UNAUTHORIZED, "the claims are no JSON object");
	}
	int err = check_times(rules, claims, now_ms, &from, why);
	if (err == 0) {
		err = check_parties(rules, claims, why);
	}
	if (err == 0) {
		err = check_user(rules, claims, arena, &from.identity, why);
	}
	if (err == 0) {
		err = collect_roles(claims, roles, &from.role_count, why);
	}
	if (err != 0) {
		return err;
	}
	from.display_name = display_name(claims);
	from.admin = rules->admin_role.len > 0 && principal_has_role(&from, rules->admin_role);
	*ret_principal = principal_create(&from);
	return 0;
}

int jwt_claims_read(const struct jwt_params *rules, struct bytes json, int64_t now_ms,
	struct principal **ret_principal, char *why)
{
	struct arena *arena = arena_create(4096);
	struct value claims;
	int err = json_read(arena, json, &claims, NULL);
	if (err != 0) {
		err = jwt_refuse(why, ERR_UNAUTHORIZED, "the claims are not valid JSON");
	} else {
		err = principal_read(rules, &claims, now_ms, arena, ret_principal, why);
	}
	arena_destroy(&arena);
	return err;
}

/* ---- minting ---- */

static bool listed(struct bytes name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes_eq(name, bytes_str(list[i]))) {
			return true;
		}
	}
	return false;
}

static int check_claim(const struct jwt_params *rules, const struct jwt_mint_params *params,
	size_t index, char *why)
{
	const struct jwt_claim *claim = &params->claims[index];
	struct bytes name = claim->name;
	if (name.len == 0 || name.len > CLAIM_NAME_MAX || !utf8_plain(name)) {
		return jwt_refuse(why, ERR_BAD_REQUEST,
			"a claim needs a name of 1 to %d bytes without control characters",
			CLAIM_NAME_MAX);
	}
	if (listed(name, minted_claims, COUNT(minted_claims)) ||
		listed(name, role_claims, COUNT(role_claims)) ||
		listed(name, user_claims, COUNT(user_claims)) ||
		bytes_eq(name, rules->user_id_claim)) {
		return jwt_refuse(why, ERR_BAD_REQUEST, "the claim %.*s can not be given this way",
			BYTES_ARG(name));
	}
	for (size_t i = 0; i < index; i++) {
		if (bytes_eq(name, params->claims[i].name)) {
			return jwt_refuse(why, ERR_BAD_REQUEST, "the claim %.*s is given twice",
				BYTES_ARG(name));
		}
	}
	if (!utf8_valid(claim->value) || bytes_find_char(claim->value, '\0') >= 0) {
		return jwt_refuse(
			why, ERR_BAD_REQUEST, "the claim %.*s is not valid text", BYTES_ARG(name));
	}
	return 0;
}

static int check_mint(const struct jwt_params *rules, const struct jwt_mint_params *params,
	int64_t now_ms, char *why)
{
	if (!is_identity(params->user)) {
		return jwt_refuse(why, ERR_BAD_REQUEST,
			"the user is not a text of 1 to %d bytes without control characters",
			PRINCIPAL_IDENTITY_MAX);
	}
	if (params->ttl_s < 1 || params->ttl_s > MINT_TTL_MAX ||
		now_ms / 1000 + params->ttl_s > DATE_MAX) {
		return jwt_refuse(why, ERR_BAD_REQUEST, "the lifetime is not 1 second to 10 years");
	}
	if (params->role_count > PRINCIPAL_ROLES_MAX) {
		return jwt_refuse(why, ERR_BAD_REQUEST, "more than %d roles", PRINCIPAL_ROLES_MAX);
	}
	for (size_t i = 0; i < params->role_count; i++) {
		if (params->roles[i].len == 0 || !utf8_plain(params->roles[i])) {
			return jwt_refuse(
				why, ERR_BAD_REQUEST, "a role is empty or has control characters");
		}
	}
	for (size_t i = 0; i < params->claim_count; i++) {
		int err = check_claim(rules, params, i, why);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

static struct value roles_value(struct arena *arena, const struct jwt_mint_params *params)
{
	struct value roles = value_array(arena, (uint32_t)params->role_count);
	for (size_t i = 0; i < params->role_count; i++) {
		value_add(&roles, value_text(params->roles[i]));
	}
	return roles;
}

int jwt_claims_write(const struct jwt_params *rules, const struct jwt_mint_params *params,
	int64_t now_ms, struct buf *out, char *why)
{
	int err = check_mint(rules, params, now_ms, why);
	if (err != 0) {
		return err;
	}
	struct arena *arena = arena_create(0);
	struct value claims = value_object(arena, (uint32_t)(7 + params->claim_count));
	struct bytes user_claim =
		rules->user_id_claim.len > 0 ? rules->user_id_claim : BYTES_LIT("sub");
	int64_t now_s = now_ms / 1000;
	value_put(&claims, arena_dup(arena, user_claim).ptr, value_text(params->user));
	value_put(&claims, "iat", value_int(now_s));
	value_put(&claims, "nbf", value_int(now_s));
	value_put(&claims, "exp", value_int(now_s + params->ttl_s));
	if (rules->issuer.len > 0) {
		value_put(&claims, "iss", value_text(rules->issuer));
	}
	struct bytes audiences = rules->audience;
	if (audiences.len > 0) {
		struct bytes first = bytes_trim(bytes_split(&audiences, ','));
		value_put(&claims, "aud", value_text(first));
	}
	if (params->role_count > 0) {
		value_put(&claims, "role", roles_value(arena, params));
	}
	for (size_t i = 0; i < params->claim_count; i++) {
		const struct jwt_claim *claim = &params->claims[i];
		value_put(&claims, arena_dup(arena, claim->name).ptr, value_text(claim->value));
	}
	json_write(out, &claims);
	arena_destroy(&arena);
	return 0;
}
