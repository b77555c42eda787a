#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "chatd/ops/ops.h"
#include "chatd/room/render.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/value/json.h"

#define TTL_DEFAULT_MS 3600000

static void take_lists(
	struct op *op, const struct token_mint_params *params, struct jwt_mint_params *mint)
{
	size_t role_count = params->roles != NULL ? params->roles->count : 0;
	struct bytes *roles = arena_alloc(op->arena, (role_count + 1) * sizeof(*roles));
	for (size_t i = 0; i < role_count; i++) {
		roles[i] = params->roles->items[i].text;
	}
	size_t claim_count = params->claims != NULL ? params->claims->count : 0;
	struct jwt_claim *claims = arena_alloc(op->arena, (claim_count + 1) * sizeof(*claims));
	for (size_t i = 0; i < claim_count; i++) {
		claims[i].name = params->claims->members[i].name;
		claims[i].value = params->claims->members[i].value.text;
	}
	mint->roles = roles;
	mint->role_count = role_count;
	mint->claims = claims;
	mint->claim_count = claim_count;
}

static int mint_token(struct op *op)
{
	const struct token_mint_params *params = op->params;
	int64_t now_ms = clock_wall_ms(op->sv->clock);
	int64_t ttl_s = (params->ttl_ms > 0 ? params->ttl_ms : TTL_DEFAULT_MS) / 1000;
	struct jwt_mint_params mint = {.user = params->user, .ttl_s = ttl_s > 0 ? ttl_s : 1};
	take_lists(op, params, &mint);
	struct buf token = {0};
	char why[JWT_WHY_SIZE];
	int err = jwt_mint(op->sv->verifier, &mint, now_ms, &token, why);
	if (err != 0) {
		buf_finish(&token);
		return op_fail(op, err, "%s", why);
	}
	struct uuid user;
	ident_user(params->user, &user);
	op->result = value_object(op->arena, 3);
	value_put(&op->result, "token", value_text(arena_dup(op->arena, buf_bytes(&token))));
	value_put(&op->result, "userId", render_uuid(op->arena, &user));
	value_put(&op->result, "expiresAt", value_time(now_ms + mint.ttl_s * 1000));
	buf_finish(&token);
	return OP_DONE;
}

static const struct op_step mint_steps[] = {
	{"mint", mint_token, 0},
	{0},
};

const struct op_def op_token_mint = {
	.name = "token_mint",
	.steps = mint_steps,
	.params_size = sizeof(struct token_mint_params),
	.needs = OP_OPERATOR_WRITE,
	.doc = "Sign a token for a user.",
};

/* The alg of the header of a token that was verified. */
static struct value algorithm_of(struct arena *arena, struct bytes token)
{
	struct bytes header = bytes_split(&token, '.');
	char *text = arena_alloc(arena, header.len + 1);
	size_t len;
	struct value value;
	if (base64url_decode(header, text, &len) != 0 ||
		json_read(arena, bytes_of(text, len), &value, NULL) != 0) {
		return value_null;
	}
	const struct value *algorithm = value_get(&value, "alg");
	return algorithm != NULL ? *algorithm : value_null;
}

static int verify_token(struct op *op)
{
	const struct token_verify_params *params = op->params;
	struct principal *principal = NULL;
	char why[JWT_WHY_SIZE];
	int err = jwt_verify(
		op->sv->verifier, params->token, clock_wall_ms(op->sv->clock), &principal, why);
	if (err != 0) {
		return op_fail(op, err, "%s", why);
	}
	struct value roles = value_array(op->arena, (uint32_t)principal->role_count);
	for (size_t i = 0; i < principal->role_count; i++) {
		value_add(&roles, value_text(arena_dup(op->arena, principal->roles[i])));
	}
	op->result = value_object(op->arena, 6);
	value_put(&op->result, "valid", value_bool(true));
	value_put(&op->result, "userId", render_uuid(op->arena, &principal->user_id));
	value_put(&op->result, "identity", value_text(arena_dup(op->arena, principal->identity)));
	value_put(&op->result, "expiresAt", value_time(principal->expires_ms));
	value_put(&op->result, "roles", roles);
	value_put(&op->result, "algorithm", algorithm_of(op->arena, params->token));
	principal_unref(&principal);
	return OP_DONE;
}

static const struct op_step verify_steps[] = {
	{"verify", verify_token, 0},
	{0},
};

const struct op_def op_token_verify = {
	.name = "token_verify",
	.steps = verify_steps,
	.params_size = sizeof(struct token_verify_params),
	.needs = OP_OPERATOR_READ,
	.doc = "Say whether a token is good, and whose it is.",
};
