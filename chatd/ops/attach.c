#include "chatd/ops/attach.h"

#include "chatd/room/render.h"

static struct value seq_or_null(uint64_t seq)
{
	return seq != 0 ? value_int((int64_t)seq) : value_null;
}

void attach_settle(struct attach_result *result, const struct catchup_waiter *waiter)
{
	if (waiter->gap_from == 0 || waiter->gap_to < result->from) {
		return;
	}
	result->recovered = false;
	result->gap_from = waiter->gap_from > result->from ? waiter->gap_from : result->from;
	result->gap_to = waiter->gap_to;
	result->from = waiter->gap_to + 1;
	if (result->from > result->to) {
		result->from = result->to = 0;
	}
}

struct value attach_render(
	const struct op *op, const struct uuid *room, const struct attach_result *result)
{
	struct value out = value_object(op->arena, 7);
	value_put(&out, "roomId", render_uuid(op->arena, room));
	value_put(&out, "lastSeq", value_int((int64_t)result->last_seq));
	value_put(&out, "epoch", value_str(op->sv->store->epoch));
	value_put(&out, "recovered", value_bool(result->recovered));
	value_put(&out, "from", seq_or_null(result->from));
	value_put(&out, "to", seq_or_null(result->to));
	struct value gap = value_null;
	if (result->gap_from != 0) {
		gap = value_object(op->arena, 2);
		value_put(&gap, "from", value_int((int64_t)result->gap_from));
		value_put(&gap, "to", value_int((int64_t)result->gap_to));
	}
	value_put(&out, "gap", gap);
	return out;
}
