/* One hub connection, from its transport's opening to its end: handshake, records, pings and
 * time-outs, the send queue's bounds. What the messages mean is the hub's business (conn_events).
 */
#ifndef CHATD_CONN_CONN_H
#define CHATD_CONN_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "chatd/auth/conn_token.h"
#include "chatd/auth/principal.h"
#include "chatd/conn/outmsg.h"
#include "chatd/op/op.h"
#include "chatd/transport/transport.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/hubproto/codec.h"

struct conn;
struct flows;

enum conn_state {
	CONN_HANDSHAKE, /* the transport is up, the hub handshake has not come */
	CONN_OPENING, /* handshake answered; user and rooms are being read; calls wait */
	CONN_OPEN, /* calls are served */
	CONN_ENDED, /* transport gone or closing; the object is being taken down */
};

/* What the hub does with a connection. All on the connection's worker. */
struct conn_events {
	/* The handshake is done. The hub calls conn_opened() or conn_close() later. */
	void (*on_handshake)(struct conn *conn);
	/* A whole hub message of type 1 to 5. message views arena, which the hub may keep (then it
	 * answers true; else the connection reuses it). It may conn_hold() the input: nothing
	 * behind this message is looked at until conn_release(). */
	bool (*on_message)(
		struct conn *conn, const struct hub_message *message, struct arena *arena);
	/* The send queue fell below half of its bound, or emptied; only while a room catches up, or
	 * a stream waits for it. */
	void (*on_drain)(struct conn *conn);
	/* The connection has ended: the hub lets go of all that refers to it. The object is freed
	 * after it. */
	void (*on_gone)(struct conn *conn);
};

/* Rooms of a connection: kept by chatd/room. */
struct room_entry;

struct conn {
	struct map_node by_id; /* conns: key is id */
	struct list_node in_conns; /* all of the worker */
	struct list_node in_user; /* the user's on this worker */
	struct list_node in_resumed; /* its input goes on at the end of this turn */
	struct list_node in_left; /* its peer said goodbye, and has got its last answer */
	struct list_node in_over; /* its send queue passed the bound in this turn */
	struct list_node in_barred; /* its user is kept out: it is closed at the end of this turn */
	struct conn_user *user;
	struct services *sv;
	struct transport *transport; /* NULL once CONN_ENDED */
	const struct conn_events *events;
	const struct hub_codec *codec; /* NULL before the handshake */
	struct principal *principal;
	struct arena *scratch; /* for the next message; NULL while none is needed */
	struct buf input; /* an unfinished record, or held input; no memory while empty */
	size_t scanned;
	struct op_caller caller; /* of its operations */
	struct list calls; /* the hub's: calls in their order */
	struct list rooms; /* room_entry of each room */
	struct list catchups; /* the rooms': those that wait until another has read its page */
	void *waiting; /* the hub's: a call that waits for its permit */
	struct flows *flows; /* the hub's: streams and questions; NULL: there were none so far */
	unsigned stalled_streams; /* the hub's: those that wait for room in the send queue */
	uint64_t opened_us, last_received_us, last_ping_us;
	uint64_t hold_until_us; /* rooms that are held go live then; 0: there are none */
	unsigned naming; /* calls under way that will say from where on they read a room: until
			    then the hold is not over */
	enum conn_state state;
	bool client_pings; /* its first Ping armed the client time-out */
	bool held; /* input waits for conn_release() */
	bool choked; /* input waits until the peer has read more of its answers */
	bool peer_left; /* it said goodbye: the answers under way are its last */
	uint64_t leave_by_us; /* with peer_left: it ends then, answered or not */
	bool leaving; /* is closed once its calls have ended; no more are taken */
	bool paused; /* the transport reads nothing: what was read waits */
	unsigned catching_up; /* the rooms': entries that read the store for it */
	bool catchup_reading; /* the rooms': a page is being read for it */
	bool in_input; /* records are being taken off: no second loop */
	bool has_claim; /* came by negotiate: claims know it */
	unsigned claim_worker;
	uint64_t *counter; /* conns.c: the gauge that it counts in */
	struct uuid id;
	char id_text[CONN_ID_SIZE];
};

/* Takes over the transport (ws_start() is the caller's) and a place among the node's connections
 * (limits_take_place()), and references principal. id: from the token, or fresh. */
struct conn *conn_open(struct services *sv, struct transport *transport,
	struct principal *principal, const struct uuid *id, const struct conn_events *events);
/* CONN_OPENING to CONN_OPEN: calls that waited are served. */
void conn_opened(struct conn *conn);

/* Queues one message for this connection alone. */
void conn_send(struct conn *conn, const struct hub_message *message);
/* Queues a shared one (no copy). false: it was not encoded for the connection's codec, see
 * outmsg_chunk(), and was not sent. */
bool conn_send_local(struct conn *conn, struct outmsg_local *local);
size_t conn_queued(const struct conn *conn);
/* To be called whenever catching_up or stalled_streams has changed. */
void conn_watch_drain(struct conn *conn);

/* Hub Close, then the transport's end; ended and freed when the turn's callbacks allow, at the
 * latest before the next turn. error: NULL for none; it is what the client is told. */
void conn_close(struct conn *conn, const char *error, bool allow_reconnect);
/* The node is going: closed with allowReconnect, but first the calls under way have their answers;
 * what the peer sent behind them is not looked at. Called again from time to time: leaving is over
 * when it finds none. */
void conn_leave(struct conn *conn);
/* The standard text of an unexpected end, with detail where detailed errors are on. */
void conn_fail(struct conn *conn, const char *detail);

/* For the hub, when a call has ended: a peer that said goodbye waits for the last answer only. */
void conn_call_ended(struct conn *conn);
/* A peer that said goodbye is not waited for any longer. No hub Close. */
void conn_end_left(struct conn *conn);
/* The handshake did not come in time. */
void conn_expire_handshake(struct conn *conn);
/* The reader is too slow: it is told to come back, behind what is queued, which has close_timeout
 * to leave. */
void conn_drop_slow(struct conn *conn);
/* The same where memory is short: its queue goes at once. */
void conn_drop_greedy(struct conn *conn);
/* Ends without a word. */
void conn_abort(struct conn *conn);

/* Stops and resumes looking at input (back-pressure: reading stops too). What was held is looked at
 * at the end of the turn, never inside. */
void conn_hold(struct conn *conn);
void conn_release(struct conn *conn);

/* For conns.c: goes on with input that was held. */
void conn_take_input(struct conn *conn);
/* Swaps the principal after a token was renewed (takes its own reference). */
void conn_set_principal(struct conn *conn, struct principal *principal);

#endif
