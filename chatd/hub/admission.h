/* Who may connect now: the doors to the hub under the limits of the node. Each answers the request
 * where it refuses. */
#ifndef CHATD_HUB_ADMISSION_H
#define CHATD_HUB_ADMISSION_H

#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

/* Before anything else is looked at. true: too many connects from this address, 429. negotiated: it
 * is the second request of a connect. */
bool admission_is_early(struct services *sv, struct http_exchange *exchange, bool negotiated);
/* Before a token is verified. true: too many of this address were not good, 429. Those that were
 * verified before pass. */
bool admission_is_flood(struct services *sv, struct http_exchange *exchange, struct bytes token);
/* true: the node is drained, 503. */
bool admission_is_draining(const struct services *sv, struct http_exchange *exchange);
/* true: the node has no place for one more connection, 503. Takes none. */
bool admission_is_full(struct services *sv, struct http_exchange *exchange);
/* Takes a place: true, and it is conn_open()'s or given back by limits_leave(). Else 503. */
bool admission_enter(struct services *sv, struct http_exchange *exchange);

#endif
