#include "chatd/ops/keep_out.h"

#include "chatd/auth/bars.h"
#include "chatd/conn/conns.h"

static void visit(struct services *sv, struct tour *tour)
{
	conns_bar_user(sv->conns, &CONTAINER_OF(tour, struct keep_out, tour)->user);
}

static void visited(struct tour *tour)
{
	op_resume(CONTAINER_OF(tour, struct keep_out, tour)->op, 0);
}

int keep_out(struct op *op, struct keep_out *state, const struct user_row *row)
{
	state->op = op;
	state->user = row->id;
	bars_set(op->sv->bars, &row->id, row->banned_ms, row->ban_reason, row->tokens_from_ms);
	tour_start(op->sv, &state->tour, visit, visited);
	return OP_WAIT;
}
