/* One call of the daemon over its control socket on a loop, beside all else that goes on there
 * (remote.h is the blocking form). */
#ifndef CHATCTL_CHAT_CALL_H
#define CHATCTL_CHAT_CALL_H

#include "chatctl/locate.h"
#include "lib/net/stream.h"
#include "lib/value/value.h"

struct chat_call;

/* err 0: items is the array of what was answered. Else message says why, for people, not escaped:
 * ERR_UNREACHABLE, ERR_TIMEOUT, ERR_CLOSED, ERR_MISMATCH, ERR_BAD_REQUEST, ERR_TOO_LARGE, or what
 * the daemon said; items is then empty. All of it is good until it returns; the call is gone. */
typedef void (*chat_call_fn)(void *ctx, int err, struct bytes message, const struct value *items);

/* Asks at the first of the places where somebody listens. done comes exactly once, never inside,
 * unless it is cancelled before. timeout_us: for all of it. locate must live as long. */
struct chat_call *chat_call_start(struct stream_pool *pool, const struct locate *locate,
	const char *command, const struct value *args, uint64_t timeout_us, chat_call_fn done,
	void *ctx);
void chat_call_cancel(struct chat_call **call);

#endif
