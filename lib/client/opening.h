/* How a client gets its WebSocket: connect, negotiate, connect, upgrade. */
#ifndef LIB_CLIENT_OPENING_H
#define LIB_CLIENT_OPENING_H

#include "lib/base/bytes.h"
#include "lib/net/stream.h"

struct client_options;
struct opening;

/* err 0: stream speaks WebSocket from here on, is the receiver's, and its owner is to be set
 * inside; rest: what came behind the head of the answer. Else stream is NULL, err as in on_close of
 * lib/client/client.h, and text a sentence. Text and rest are good until it returns. */
typedef void (*opening_done_fn)(
	void *ctx, int err, struct bytes text, struct stream *stream, struct bytes rest);

/* done comes exactly once, never inside, and the opening is gone then. It has no deadline of its
 * own. Errors as client_open(). */
int opening_start(struct stream_pool *pool, const struct client_options *options,
	opening_done_fn done, void *ctx, struct opening **ret_opening);
/* No done comes. NULL is accepted. */
void opening_cancel(struct opening **opening);

#endif
