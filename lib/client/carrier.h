/* The one interface between a client's hub side (handshake, records, calls) and the way its bytes
 * travel: client_ws.c, client_sse.c, client_poll.c. */
#ifndef LIB_CLIENT_CARRIER_H
#define LIB_CLIENT_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/client/client.h"

/* How long what is given up may take to send what is queued. */
#define CARRIER_GOODBYE_US UINT64_C(2000000)

/* What we owe a server that asks and asks but takes no answer: so many bytes beyond max_queued. */
enum { CARRIER_ANSWERS_MAX = 64 * 1024 };

struct carrier;
struct destination;

/* How a payload was marked on its way. */
enum carrier_mark { CARRIER_UNMARKED, CARRIER_TEXT, CARRIER_BINARY };

/* News for the owner, never inside a function that he calls. He may close the carrier inside any of
 * them. */
struct carrier_events {
	/* Both ways are there; the owner may hand it on inside, and the next one then gets all that
	 * follows. At most once. */
	void (*on_start)(void *ctx);
	/* Bytes of the hub protocol, not necessarily whole records; not empty, good until it
	 * returns. */
	void (*on_payload)(void *ctx, enum carrier_mark mark, struct bytes payload);
	/* It could not be started, or has ended, without the owner; nothing more comes, and he
	 * closes it. err 0: the server ended it in order. text: good until it returns. */
	void (*on_end)(void *ctx, int err, struct bytes text);
};

struct carrier_ops {
	enum client_transport transport;
	bool inherent_keepalive; /* the hub side sends no pings and does not mind silence */
	/* Queues; leaves at the end of the turn, in order. Only after the start. */
	void (*send)(struct carrier *carrier, struct bytes payload, bool binary);
	size_t (*queued)(const struct carrier *carrier);
	/* For the requests that follow; NULL where none do. */
	void (*set_token)(struct carrier *carrier, struct bytes token);
	/* Says goodbye and lets go of all but the memory; what is queued is still sent. code: the
	 * close code of the WebSocket, 0: nothing is said. */
	void (*close)(struct carrier *carrier, uint16_t code);
	void (*free)(struct carrier *carrier);
};

/* First member of each of them; owner and memory are carrier.c's business. */
struct carrier {
	const struct carrier_ops *ops;
	const struct carrier_events *events; /* NULL: nothing is told any more */
	void *ctx;
	uint64_t heard_us; /* loop time when the last bytes came */
	uint32_t busy; /* depth of its own functions on the stack: no free meanwhile */
	bool closed;
};

/* Start to connect. 0, or what stream_connect_start() answers; then no event comes. The destination
 * has an id, but for a WebSocket without negotiation, and is kept by a reference. */
int client_ws_start(struct destination *destination, const struct carrier_events *events, void *ctx,
	struct carrier **ret_carrier);
int client_sse_start(struct destination *destination, const struct carrier_events *events,
	void *ctx, struct carrier **ret_carrier);
int client_poll_start(struct destination *destination, const struct carrier_events *events,
	void *ctx, struct carrier **ret_carrier);

void carrier_set_owner(struct carrier *carrier, const struct carrier_events *events, void *ctx);
/* No event comes any more. Safe inside events. NULL is accepted. */
void carrier_close(struct carrier **carrier, uint16_t code);

/* For the carriers themselves. Around whatever may call the owner, who may close it inside: */
void carrier_enter(struct carrier *carrier);
void carrier_leave(struct carrier *carrier);
/* Tell the owner, if there is one. The caller has entered. */
void carrier_tell_start(struct carrier *carrier);
void carrier_tell_payload(struct carrier *carrier, enum carrier_mark mark, struct bytes payload);
void carrier_tell_end(struct carrier *carrier, int err, struct bytes text);
/* Whether somebody still wants to hear. */
bool carrier_is_wanted(const struct carrier *carrier);

#endif
