/* What client.c (the interface) and client_io.c (what goes over the carrier) share; nobody else
 * includes it. */
#ifndef LIB_CLIENT_CLIENT_PRIVATE_H
#define LIB_CLIENT_CLIENT_PRIVATE_H

#include "lib/client/calls.h"
#include "lib/client/carrier.h"
#include "lib/client/client.h"
#include "lib/client/opening.h"
#include "lib/hubproto/codec.h"
#include "lib/hubproto/message.h"

enum client_state {
	CLIENT_OPENING, /* opening is set, no carrier yet; the timer is the deadline */
	CLIENT_HANDSHAKE, /* our handshake is sent; the timer is still the deadline */
	CLIENT_OPEN, /* records go both ways; the timer serves pings and silence */
	CLIENT_ENDED, /* on_close was called or is next; only client_close() is left */
};

struct client {
	enum client_state state;
	uint32_t busy; /* depth of our own functions on the stack: no free meanwhile */
	bool closed; /* by the owner: no callback any more, freed when not busy */
	struct loop *loop;
	struct loop_timer *timer;
	const struct client_events *events;
	void *ctx;
	const struct hub_codec *codec;
	struct opening *opening;
	struct carrier *carrier;
	struct buf in; /* the beginning of an unfinished record */
	size_t scanned; /* bytes at the start of in that hold no end of a record */
	uint64_t pinged_us; /* when our last Ping went */
	uint64_t keepalive_us;
	uint64_t server_timeout_us;
	size_t max_message;
	size_t max_queued;
	uint32_t max_calls;
	struct calls calls;
};

/* Around everything that may call the owner: he may close the client inside, and the last
 * client_leave() then frees it. */
void client_enter(struct client *c);
void client_leave(struct client *c);

/* Checks that the move is one that may be. */
void client_set_state(struct client *c, enum client_state state);
/* Answers the calls under way and tells the owner. What is queued is still sent, and code closes
 * the carrier; 0: without a word. The caller has entered. */
void client_end(struct client *c, uint16_t code, int err, struct bytes text, bool allow_reconnect);

/* These queue; the carrier is there. */
void client_send_handshake(struct client *c);
void client_send_message(struct client *c, const struct hub_message *message);
void client_send_ping(struct client *c);

/* For the carrier; ctx is the client. */
extern const struct carrier_events client_carrier_events;

#endif
