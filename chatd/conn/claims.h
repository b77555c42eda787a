/* Which negotiated connection ids are in use, by which transport, and which have ended: kept by the
 * worker that the connection token names. A WebSocket may be served by any worker; events, polls
 * and POSTs are served by this one. A token may create a connection while it is fresh; the ids that
 * ended are remembered that long. */
#ifndef CHATD_CONN_CLAIMS_H
#define CHATD_CONN_CLAIMS_H

#include "chatd/op/services.h"
#include "chatd/transport/inbox.h"
#include "lib/base/map.h"

enum claim_state {
	CLAIM_WAITING, /* POSTs came, no transport yet: on claims->waiting until its time is over */
	CLAIM_SOCKET, /* a WebSocket's */
	CLAIM_EVENTS, /* a live connection of server-sent events: transport */
	CLAIM_POLLS, /* of long polling: transport */
	CLAIM_ENDED, /* on claims->ended until it is forgotten */
};

struct claim {
	struct map_node node; /* key: id */
	struct list_node in_list; /* claims->waiting or ->ended, in the order of until_us */
	struct uuid id;
	enum claim_state state;
	uint64_t until_us; /* WAITING, ENDED */
	struct inbox *waiting; /* WAITING: bodies that came before the transport */
	size_t held; /* WAITING: what it counts of claims_held() */
	struct transport *transport; /* EVENTS, POLLS */
};

enum claim_answer {
	CLAIM_GRANTED, /* the caller may open the connection and must end the claim some day */
	CLAIM_LIVE, /* its WebSocket is running: 409 */
	CLAIM_OTHER, /* it belongs to another transport: 400 */
	CLAIM_GONE, /* it has ended: 404 */
};

struct claims;
struct claims *claims_create(struct services *sv);
void claims_destroy(struct claims **claims);

/* Asks worker for an id for a WebSocket. fresh: the token may still create a connection; else an id
 * that is not live counts as ended. done runs exactly once, later, on this worker; early: what
 * POSTs brought before, the receiver's from there on. */
typedef void (*claim_fn)(void *ctx, enum claim_answer answer, struct buf *early);
void claims_ask(struct services *sv, unsigned worker, const struct uuid *id, bool fresh,
	claim_fn done, void *ctx);
/* The connection has ended. keep_us: how long the id is to be remembered. */
void claims_end(struct services *sv, unsigned worker, const struct uuid *id, uint64_t keep_us);

/* On the token's worker. The claim of an id, or NULL where it was never used or is forgotten. */
struct claim *claims_find(struct claims *claims, const struct uuid *id);
/* One that claims_find() did not find: POSTs wait for keep_us for a transport. */
struct claim *claims_wait(struct claims *claims, const struct uuid *id, uint64_t keep_us);
/* So many bytes of bodies have come to wait in a claim in CLAIM_WAITING. */
void claims_hold(struct claims *claims, struct claim *claim, size_t len);
/* Bytes of all that waits on this worker for transports, and what it costs to keep account of it.
 */
size_t claims_held(const struct claims *claims);
/* A transport takes the id; claim: what claims_find() answered, in CLAIM_WAITING, or NULL. What
 * waits goes to inbox. state: CLAIM_EVENTS or CLAIM_POLLS. */
void claims_take(struct claims *claims, struct claim *claim, const struct uuid *id,
	enum claim_state state, struct transport *transport, struct inbox *inbox);

#endif
