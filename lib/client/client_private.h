/* What client.c (the interface) and client_io.c (what goes over the WebSocket) share; nobody else
 * includes it. */
#ifndef LIB_CLIENT_CLIENT_PRIVATE_H
#define LIB_CLIENT_CLIENT_PRIVATE_H

#include "lib/client/calls.h"
#include "lib/client/client.h"
#include "lib/client/opening.h"
#include "lib/hubproto/message.h"
#include "lib/wire/ws.h"

/* How long a stream that is given up may take to send what is queued. */
#define CLIENT_GOODBYE_US UINT64_C(2000000)

enum client_state {
	CLIENT_OPENING, /* opening is set, no stream yet; the timer is the deadline */
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
	struct opening *opening;
	struct stream *stream;
	struct ws_reader reader;
	struct buf in; /* the beginning of an unfinished record */
	size_t scanned; /* bytes at the start of in that hold no separator */
	uint64_t heard_us; /* when the last bytes came */
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
/* Answers the calls under way and tells the owner. What is queued, such as a Close, is still sent.
 * The caller has entered. */
void client_end(struct client *c, int err, struct bytes text, bool allow_reconnect);

/* All of these queue one masked frame (RFC 6455 section 5.3); the stream is there. */
void client_send_text(struct client *c, struct bytes payload);
void client_send_message(struct client *c, const struct hub_message *message);
void client_send_ping(struct client *c);
void client_send_close(struct client *c);

/* For the stream; ctx is the client. */
extern const struct stream_events client_stream_events;
/* Serves bytes that came over the WebSocket. */
void client_receive(struct client *c, struct bytes data);

#endif
