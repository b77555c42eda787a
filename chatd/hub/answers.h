/* What callers are told: Completions, and the texts of ASP.NET Core's errors. */
#ifndef CHATD_HUB_ANSWERS_H
#define CHATD_HUB_ANSWERS_H

#include "chatd/hub/call_private.h"

/* How a refusal begins and goes on behind the target. */
enum refusal {
	REFUSAL_FAILED, /* "Failed to invoke 'X' due to an error on the server." */
	REFUSAL_UNEXPECTED, /* "An unexpected error occurred invoking 'X' on the server." */
	REFUSAL_UNAUTHORIZED,
	REFUSAL_NOT_STREAMING,
	REFUSAL_STREAMING,
};

/* An answer to a call that was never started: at once, whatever else is under way. Nothing is said
 * to a call without id. detail follows behind a space; NULL: none. */
void answer_refuse(struct conn *conn, const struct hub_message *call, struct arena *arena,
	enum refusal refusal, const char *detail);
/* The same with a text of its own. */
void answer_error(struct conn *conn, const struct hub_message *call, const char *text);
/* What does not bind. */
void answer_binding(struct conn *conn, const struct hub_message *call, struct arena *arena,
	const struct params_error *error);

/* The Completion of a call whose operation has ended, as op_caller_events.done has it; it views the
 * operation. */
struct hub_message answer_of(const struct call *call, const struct op *op, int err);
/* The same of a stream: without a result. */
struct hub_message answer_of_stream(const struct call *call, const struct op *op, int err);
/* Whether the connection's protocol can carry it. */
bool answer_can_carry(const struct conn *conn, const struct value *value);

#endif
