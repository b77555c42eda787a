/* The one interface between a hub connection and the way its bytes travel. */
#ifndef CHATD_TRANSPORT_TRANSPORT_H
#define CHATD_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/net/chunk.h"

/* How messages are wrapped for the way; a chunk is made for one of them. */
enum transport_framing {
	FRAMING_WS, /* a whole WebSocket frame */
	FRAMING_SSE, /* a whole event */
	FRAMING_RAW, /* hub records as they are */
	FRAMING_COUNT,
};

struct transport;

/* News for the owner. It may close the transport inside any of them. */
struct transport_events {
	/* Bytes of the hub protocol, not necessarily whole records; good until it returns. */
	void (*on_payload)(void *ctx, struct bytes payload);
	/* The other side has ended it, or it broke; nothing more comes. err 0: orderly (a Close
	 * frame); ERR_CLOSED: dropped; ERR_BAD_REQUEST: the peer broke the transport's rules. The
	 * owner then forgets the transport, which ends by itself. */
	void (*on_end)(void *ctx, int err);
	/* The other side says goodbye in order and waits. true: the owner has something to send
	 * first, and closes soon; nothing more is read. false, or NULL: it ends at once, with
	 * on_end. */
	bool (*on_closing)(void *ctx);
	/* The other side asks for the end (DELETE): the owner closes, and says goodbye where he
	 * can. */
	void (*on_terminate)(void *ctx);
	/* The send queue fell to half of what set_low() set, or became empty; only while
	 * want_drain() says so. */
	void (*on_drain)(void *ctx);
};

struct transport_ops {
	const char *name; /* "WebSockets", as in the answer to negotiate */
	enum transport_framing framing;
	bool text_only; /* it carries no binary protocol */
	bool inherent_keepalive; /* its requests show that the other side lives: no pings, and no
				    silence is too long */
	/* Queues; leaves at the end of the turn. */
	void (*send)(struct transport *transport, struct chunk *chunk);
	/* Orderly end after what is queued: the owner forgets it at once and hears nothing more; it
	 * ends by itself within its limits. */
	void (*close)(struct transport *transport);
	/* End without ceremony. */
	void (*abort)(struct transport *transport);
	size_t (*queued)(const struct transport *transport);
	/* Loop time in microseconds since when the queue is stuck, 0 if it is not. */
	uint64_t (*stalled_since)(const struct transport *transport);
	void (*set_low)(struct transport *transport, size_t low);
	/* Whether the owner is to be told by on_drain; at first he is not. */
	void (*want_drain)(struct transport *transport, bool want);
	void (*pause)(struct transport *transport);
	void (*resume)(struct transport *transport);
};

struct transport {
	const struct transport_ops *ops;
	const struct transport_events *events; /* NULL once the owner has gone */
	void *ctx;
	bool too_large; /* set by the owner before close(): what came was a message over the limit
			 */
};

static inline void transport_own(
	struct transport *transport, const struct transport_events *events, void *ctx)
{
	transport->events = events;
	transport->ctx = ctx;
}

#endif
