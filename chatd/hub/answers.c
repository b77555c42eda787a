#include "chatd/hub/answers.h"

#include <string.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/value/tree.h"

/* How ASP.NET Core begins: the target stands between. */
static const struct {
	const char *before, *after;
} refusals[] = {
	[REFUSAL_FAILED] = {"Failed to invoke '", "' due to an error on the server."},
	[REFUSAL_UNEXPECTED] = {"An unexpected error occurred invoking '", "' on the server."},
	[REFUSAL_UNAUTHORIZED] = {"Failed to invoke '", "' because user is unauthorized"},
	[REFUSAL_NOT_STREAMING] = {"The client attempted to invoke the non-streaming '",
		"' method with a streaming invocation."},
	[REFUSAL_STREAMING] = {"The client attempted to invoke the streaming '",
		"' method with a non-streaming invocation."},
};

static const char while_streaming[] = "An error occurred on the server while streaming results.";

void answer_error(struct conn *conn, const struct hub_message *call, const char *text)
{
	log_event(LOG_DEBUG, "call refused", LOG_STR("connection", conn->id_text),
		LOG_BYTES("target", call->target), LOG_STR("why", text));
	if (call->invocation_id.len > 0) {
		const struct hub_message completion = {
			.type = HUB_COMPLETION,
			.invocation_id = call->invocation_id,
			.outcome = HUB_OUTCOME_ERROR,
			.error = bytes_str(text),
		};
		conn_send(conn, &completion);
	}
}

void answer_refuse(struct conn *conn, const struct hub_message *call, struct arena *arena,
	enum refusal refusal, const char *detail)
{
	const char *text = arena_printf(arena, "%s%.*s%s%s%s", refusals[refusal].before,
		BYTES_ARG(call->target), refusals[refusal].after, detail != NULL ? " " : "",
		detail != NULL ? detail : "");
	answer_error(conn, call, text);
}

static const char *binding_detail(struct arena *arena, const struct params_error *error)
{
	if (error->fault == PARAMS_COUNT) {
		return arena_printf(arena,
			"InvalidDataException: Invocation provides %zu argument(s) but target "
			"expects %zu.",
			error->given, error->expected);
	}
	return "InvalidDataException: Error binding arguments. Make sure that the types of the "
	       "provided values match the types of the hub method being invoked.";
}

void answer_binding(struct conn *conn, const struct hub_message *call, struct arena *arena,
	const struct params_error *error)
{
	if (error->fault != PARAMS_COUNT && error->fault != PARAMS_TYPE) {
		const char *text = params_error_text(arena, error);
		answer_refuse(conn, call, arena, REFUSAL_UNEXPECTED,
			arena_printf(
				arena, "HubException: %s: %s", err_code(ERR_BAD_REQUEST), text));
		return;
	}
	bool detailed = conn->sv->conf->hub.detailed_errors;
	answer_refuse(
		conn, call, arena, REFUSAL_FAILED, detailed ? binding_detail(arena, error) : NULL);
}

/* Behind ASP.NET Core's sentence: the detail of our own errors is public, that of internal ones and
 * of what is no HubException is not. NULL: nothing is said. */
static const char *failure_detail(const struct call *call, const struct op *op, int err)
{
	bool detailed = call->conn->sv->conf->hub.detailed_errors;
	if (op->exception != NULL) {
		bool told = detailed || strcmp(op->exception, "HubException") == 0;
		return told ? arena_printf(op->arena, "%s: %s", op->exception, op->message) : NULL;
	}
	bool internal = err == ERR_INTERNAL || err == ERR_SYSTEM || err == ERR_CORRUPT;
	if (internal && !detailed) {
		return NULL;
	}
	return arena_printf(op->arena, "HubException: %s: %s", err_code(err), op->message);
}

/* Of a result, or an item, that JSON has no word for. */
static const char *unwritable_detail(const struct call *call)
{
	bool detailed = call->conn->sv->conf->hub.detailed_errors;
	return detailed ? "ArgumentException: NaN and infinity cannot be written as JSON." : NULL;
}

static struct bytes with_detail(const struct op *op, const char *base, const char *detail)
{
	return bytes_str(detail != NULL ? arena_printf(op->arena, "%s %s", base, detail) : base);
}

bool answer_can_carry(const struct conn *conn, const struct value *value)
{
	return conn->codec->id != HUB_CODEC_JSON || value_is_finite(value);
}

struct hub_message answer_of(const struct call *call, const struct op *op, int err)
{
	struct hub_message completion = {
		.type = HUB_COMPLETION,
		.invocation_id = call->invocation_id,
		.outcome = HUB_OUTCOME_RESULT,
		.item = op->result,
	};
	bool writable = err != 0 || answer_can_carry(call->conn, &op->result);
	if (err != 0 || !writable) {
		const char *base = arena_printf(op->arena,
			"An unexpected error occurred invoking '%.*s' on the server.",
			BYTES_ARG(call->target));
		completion.outcome = HUB_OUTCOME_ERROR;
		completion.item = value_null;
		completion.error = with_detail(op, base,
			err != 0 ? failure_detail(call, op, err) : unwritable_detail(call));
	}
	return completion;
}

struct hub_message answer_of_stream(const struct call *call, const struct op *op, int err)
{
	struct hub_message completion = {
		.type = HUB_COMPLETION,
		.invocation_id = call->invocation_id,
		.outcome = HUB_OUTCOME_VOID,
		.item = value_null,
	};
	if (call->bad_item) {
		completion.outcome = HUB_OUTCOME_ERROR;
		completion.error = with_detail(op, while_streaming, unwritable_detail(call));
	} else if (err != 0 && !op->cancelled) {
		completion.outcome = HUB_OUTCOME_ERROR;
		completion.error = with_detail(op, while_streaming, failure_detail(call, op, err));
	}
	return completion;
}
