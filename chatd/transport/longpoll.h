/* Long polling (TransportProtocols.md, "Long Polling"): what the server sends waits for the next
 * GET, which is parked while there is nothing; POSTs bring what the client sends. */
#ifndef CHATD_TRANSPORT_LONGPOLL_H
#define CHATD_TRANSPORT_LONGPOLL_H

#include "chatd/transport/inbox.h"
#include "chatd/transport/transport.h"

/* Header lines of every answer to a poll. */
#define LONGPOLL_HEADERS \
	"Cache-Control: no-cache, no-store\r\nPragma: no-cache\r\n" \
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

struct longpoll_params {
	uint64_t poll_timeout_us; /* how long a poll is parked */
	uint64_t away_timeout_us; /* how long the connection lives without one */
	uint64_t close_timeout_us; /* how long its last words wait for one */
};

/* What the long-polling connections of a worker share: their deadlines and queues. */
struct longpoll_pool;
struct longpoll_pool *longpoll_pool_create(struct loop *loop, const struct longpoll_params *params);
/* For what waits from now on. */
void longpoll_pool_set_params(struct longpoll_pool *pool, const struct longpoll_params *params);
/* Ends what is there without ceremony. */
void longpoll_pool_abort(struct longpoll_pool *pool);
/* Nothing is left. */
void longpoll_pool_destroy(struct longpoll_pool **pool);
/* Bytes that wait in all queues, without those that are with the HTTP server already. */
size_t longpoll_pool_queued(const struct longpoll_pool *pool);
/* Connections whose owner has gone, and whose last words nobody has fetched yet. */
size_t longpoll_pool_closing(const struct longpoll_pool *pool);
/* Drops the last bytes of those, the oldest first, until so many are free. */
void longpoll_pool_drop_closing(struct longpoll_pool *pool, size_t bytes);

/* ended(ctx): its end was told to the client, or nobody asks any more; the id is unknown from here
 * on. Comes exactly once, after the owner has gone or was told; the transport is gone then. */
struct transport *longpoll_open(struct longpoll_pool *pool, void (*ended)(void *ctx), void *ctx);
/* A poll: the exchange is taken over and answered now or later. The first one is answered at once,
 * empty. One that is parked makes room (204). */
void longpoll_take(struct transport *transport, struct http_exchange *exchange);
/* DELETE: 202, then the end: a parked poll gets the owner's goodbye, later ones find nothing. Takes
 * over the exchange. */
void longpoll_delete(struct transport *transport, struct http_exchange *exchange);
/* Where POSTs for it go; good until ended(). */
struct inbox *longpoll_inbox(struct transport *transport);

#endif
