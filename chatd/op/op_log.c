#include "chatd/op/op_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "chatd/auth/conn_token.h"
#include "chatd/auth/principal.h"
#include "chatd/net/http_conn.h"
#include "chatd/op/op.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/loop/loop.h"

const char *op_origin_text(const struct op *op)
{
	char id[HTTP_ID_SIZE + CONN_ID_SIZE];
	switch (op->origin.door) {
	case OP_DOOR_HUB:
		conn_id_format(&op->origin.connection, id);
		return arena_printf(op->arena, "conn:%s", id);
	case OP_DOOR_REST:
		http_id_format(op->origin.request, id);
		return arena_printf(op->arena, "req:%s", id);
	case OP_DOOR_CONTROL:
		return arena_printf(op->arena, "ctl:%" PRIu64, op->origin.call);
	case OP_DOOR_NONE:
		break;
	}
	return "-";
}

/* Who asked, for the log: the user's id, "-" for operators and nobody. */
static const char *user_text(const struct op *op)
{
	if (op->principal == NULL) {
		return "-";
	}
	char *text = arena_alloc(op->arena, UUID_TEXT_SIZE);
	uuid_format(&op->principal->user_id, text);
	return text;
}

/* The step that was begun last. */
static const char *step_name(const struct op *op)
{
	return op->step > 0 ? op->def->steps[op->step - 1].name : "-";
}

void op_log_slow(struct op_log *log, const struct op *op, uint64_t took_us)
{
	uint64_t slow_us = op->sv->conf->log.slow_us;
	uint64_t more;
	if (slow_us == 0 || took_us < slow_us || op->def->endless || op->def->paced ||
		!log_rate_allows(&log->slow, loop_now_us(op->sv->loop), &more)) {
		return;
	}
	struct buf steps = {0};
	op_time_text(&op->time, op->def->steps, op->step, &steps);
	log_event(LOG_WARN, "slow operation", LOG_STR("op", op->def->name),
		LOG_INT("ms", took_us / 1000), LOG_BYTES("steps", buf_bytes(&steps)),
		LOG_STR("origin", op_origin_text(op)), LOG_STR("user", user_text(op)),
		LOG_INT("more", more));
	buf_finish(&steps);
}

static enum log_level level_of(int err)
{
	switch (err) {
	case ERR_INTERNAL:
	case ERR_SYSTEM:
	case ERR_CORRUPT:
	case ERR_CONFIG:
	case ERR_STORAGE_FULL:
		return LOG_ERROR;
	case ERR_UNAVAILABLE:
	case ERR_UNCERTAIN:
	case ERR_NOMEM:
	case ERR_BUSY:
		return LOG_WARN;
	default:
		return LOG_DEBUG;
	}
}

void op_log_failed(struct op_log *log, const struct op *op, int err)
{
	enum log_level level = op->told ? LOG_DEBUG : level_of(err);
	uint64_t more = 0;
	if (!log_enabled(level) ||
		(level > LOG_DEBUG &&
			!log_rate_allows(&log->failed, loop_now_us(op->sv->loop), &more))) {
		return;
	}
	log_event(level, "operation failed", LOG_STR("op", op->def->name),
		LOG_STR("error", err_code(err)), LOG_STR("why", op->message),
		LOG_STR("step", step_name(op)), LOG_STR("origin", op_origin_text(op)),
		LOG_STR("user", user_text(op)), LOG_INT("more", more));
}

void op_log_told(struct op_log *log, struct op *op, int err, const char *why)
{
	uint64_t more;
	op->told = true;
	if (!log_rate_allows(&log->trouble, loop_now_us(op->sv->loop), &more)) {
		return;
	}
	log_event(LOG_ERROR, "store", LOG_STR("op", op->def->name), LOG_STR("error", err_code(err)),
		LOG_STR("why", why), LOG_STR("step", step_name(op)),
		LOG_STR("origin", op_origin_text(op)), LOG_STR("user", user_text(op)),
		LOG_INT("more", more));
}
