/* How a client gets its carrier: negotiate, then one transport after the other of those that may
 * be, each but the first after a negotiate of its own. */
#ifndef LIB_CLIENT_OPENING_H
#define LIB_CLIENT_OPENING_H

#include "lib/base/bytes.h"
#include "lib/client/carrier.h"
#include "lib/net/stream.h"

struct client_options;
struct opening;

/* err 0: carrier has started and is the receiver's, and its owner is to be set inside. Else carrier
 * is NULL, err as in on_close of lib/client/client.h, and text a sentence, good until it returns.
 */
typedef void (*opening_done_fn)(void *ctx, int err, struct bytes text, struct carrier *carrier);

/* done comes exactly once, never inside, and the opening is gone then. No number of the options is
 * zero; their open_timeout_us is the caller's to keep, but a transport behind which there is
 * another one gets no more than a third of it. Errors as client_open(). */
int opening_start(struct stream_pool *pool, const struct client_options *options,
	opening_done_fn done, void *ctx, struct opening **ret_opening);
/* No done comes. NULL is accepted. */
void opening_cancel(struct opening **opening);

#endif
