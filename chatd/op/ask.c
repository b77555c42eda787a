#include "chatd/op/ask.h"

#include "lib/base/err.h"
#include "lib/value/tree.h"

static const char connection_closed[] = "The underlying connection was closed.";

/* What ASP.NET Core calls the types in its text; without a kind anything is one. */
static const char *type_name(enum param_kind kind)
{
	switch (kind) {
	case PARAM_TEXT:
	case PARAM_CHOICE:
		return "String";
	case PARAM_INT:
		return "Int64";
	case PARAM_BOOL:
		return "Boolean";
	case PARAM_TIME:
		return "DateTimeOffset";
	case PARAM_OBJECT:
	case PARAM_ARRAY:
	case PARAM_TEXT_OR_OBJECT:
	case PARAM_ANY:
		break;
	}
	return "Object";
}

int op_ask(struct op *op, struct op_ask *ask, struct bytes target, const struct value *arguments)
{
	ask->op = op;
	ask->error = NULL;
	ask->answer = value_null;
	if (op->caller == NULL || op->abandoned) {
		ask->error = connection_closed;
		return ERR_CLOSED;
	}
	if (op->caller->events->ask == NULL) {
		ask->error = "There is no client to ask.";
		return ERR_NOT_SUPPORTED;
	}
	int err = op->caller->events->ask(op->caller, ask, target, arguments);
	if (err != 0) {
		ask->error = err_text(err);
		return err;
	}
	if (op->abandoned) { /* a call that went on meanwhile has ended the connection */
		ask->wait.give_up(&ask->wait);
		ask->error = connection_closed;
		return ERR_CLOSED;
	}
	op_wait_on(op, &ask->wait);
	return 0;
}

void op_ask_withdraw(struct op_ask *ask)
{
	if (ask->op != NULL && op_waits_on(ask->op, &ask->wait)) {
		ask->wait.give_up(&ask->wait);
		ask->error = "The client did not answer in time.";
		op_resume(ask->op, ERR_TIMEOUT);
	}
}

int op_ask_fail(const struct op_ask *ask, struct op *op)
{
	const char *error = ask->error != NULL ? ask->error : connection_closed;
	return op_fail_said(op, ERR_CLOSED, "HubException", error);
}

void op_ask_answer(struct op_ask *ask, const struct value *item, struct bytes error)
{
	struct op *op = ask->op;
	struct params_error wrong;
	if (error.len > 0) {
		ask->error = arena_dup(op->arena, error).ptr;
		op_resume(op, ERR_CLOSED);
	} else if (ask->kind != NULL && params_check(ask->kind, item, &wrong) != 0) {
		ask->error =
			arena_printf(op->arena, "Error trying to deserialize result to %s. %s.",
				type_name(ask->kind->kind), params_error_text(op->arena, &wrong));
		op_resume(op, ERR_BAD_REQUEST);
	} else {
		ask->answer = value_copy(op->arena, item);
		op_resume(op, 0);
	}
}
