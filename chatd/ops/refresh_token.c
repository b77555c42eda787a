#include "chatd/auth/bars.h"
#include "chatd/auth/jwt.h"
#include "chatd/conn/conn.h"
#include "chatd/conn/renew.h"
#include "chatd/ops/ops.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"

static int refresh(struct op *op)
{
	struct services *sv = op->sv;
	const struct refresh_token_params *params = op->params;
	struct principal *renewed = NULL;
	char why[JWT_WHY_SIZE];
	int err = principal_cache_verify(sv->principals, sv->verifier, params->token,
		clock_wall_ms(sv->clock), &renewed, why);
	if (err != 0) {
		return op_fail(op, err, "%s", why);
	}
	char barred[BARS_WHY_SIZE];
	err = conn_renew(op->connection, renewed, barred);
	if (err != 0) {
		principal_unref(&renewed);
		return op_fail(op, err, "%s", barred);
	}
	op->result = value_object(op->arena, 1);
	value_put(&op->result, "expiresAt", value_time(renewed->expires_ms));
	principal_unref(&renewed);
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"refresh", refresh, 0},
	{0},
};

const struct op_def op_refresh_token = {
	.name = "refresh_token",
	.steps = steps,
	.params_size = sizeof(struct refresh_token_params),
	.needs = OP_USER | OP_CONNECTION,
	.doc = "Renew the token of this connection; the user must be the same.",
};
