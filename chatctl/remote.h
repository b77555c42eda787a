/* One call of the daemon over its control socket, blocking, with a deadline on each wait. */
#ifndef CHATCTL_REMOTE_H
#define CHATCTL_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "chatctl/failure.h"
#include "chatctl/locate.h"
#include "lib/value/value.h"

/* Runs for each item, which is gone when it returns. A negative answer ends the call with it. */
typedef int (*remote_item_fn)(void *ctx, const struct value *item);

struct remote_call {
	const struct locate *locate;
	const char *command; /* "room create" */
	const struct value *args;
	uint64_t timeout_us; /* until connected, and for each answer */
	bool patient; /* answers come when they come: the timeout is that of connecting */
	remote_item_fn item;
	/* Before it waits for an answer: what was taken so far should not wait with it. NULL:
	 * nothing to do. A negative answer ends the call with it. */
	int (*idle)(void *ctx);
	void *ctx; /* of both */
};

/* 0; what item answered (the failure is then the callee's); or a failure: ERR_UNREACHABLE (nobody
 * listens), ERR_FORBIDDEN (the socket is not for this user), ERR_TIMEOUT, ERR_CLOSED (it ended amid
 * the answer), ERR_MISMATCH, ERR_BAD_REQUEST (answers that are no frames), and what the daemon
 * itself says. */
int remote_call(const struct remote_call *call, struct failure *failure);

#endif
