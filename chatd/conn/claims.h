/* Which negotiated connection ids are in use, and which have ended: kept by the worker that the
 * connection token names, wherever the socket landed. A token may create a connection while it is
 * fresh; the ids that ended are remembered that long. */
#ifndef CHATD_CONN_CLAIMS_H
#define CHATD_CONN_CLAIMS_H

#include "chatd/op/services.h"

enum claim_answer {
	CLAIM_GRANTED, /* the caller may open the connection and must end the claim some day */
	CLAIM_LIVE, /* its WebSocket is running: 409 */
	CLAIM_ENDED, /* it has ended: 404 */
};

struct claims;
struct claims *claims_create(struct services *sv);
void claims_destroy(struct claims **claims);

/* Asks worker for an id. fresh: the token may still create a connection; else an id that is not
 * live counts as ended. done runs exactly once, later, on this worker. */
typedef void (*claim_fn)(void *ctx, enum claim_answer answer);
void claims_ask(struct services *sv, unsigned worker, const struct uuid *id, bool fresh,
	claim_fn done, void *ctx);
/* The connection has ended. keep_us: how long the id is to be remembered. */
void claims_end(struct services *sv, unsigned worker, const struct uuid *id, uint64_t keep_us);

#endif
