/* Inside a session: the connection (chat_session.c) and the room (chat_entry.c). */
#ifndef CHATCTL_CHAT_SESSION_PRIVATE_H
#define CHATCTL_CHAT_SESSION_PRIVATE_H

#include "chatctl/chat_feed.h"
#include "chatctl/chat_history.h"
#include "chatctl/chat_session.h"

enum chat_session_state {
	CHAT_ASKING, /* for where the hub is, and a token; no connection */
	CHAT_OPENING, /* connecting */
	CHAT_ENTERING, /* open, JoinRoom is called; what comes is held */
	CHAT_READING, /* joined, the first history is read; what comes is held */
	CHAT_LIVE, /* what comes is handed on */
	CHAT_AWAY, /* waiting to try again; no connection */
	CHAT_OVER,
};

struct chat_room {
	char *ref; /* what it is joined by at first */
	char id[UUID_TEXT_SIZE]; /* "" until it was entered */
	char epoch[32];
	struct chat_feed feed;
	uint64_t oldest; /* the lowest number that was handed on, or would have been */
	bool known; /* it was LIVE: when it is entered again, it goes on from the last number */
};

struct chat_session {
	enum chat_session_state state;
	struct loop *loop;
	struct stream_pool *pool;
	struct chat_outbox *outbox;
	struct chat_access *access;
	enum client_transport transport;
	enum client_encoding encoding;
	const struct chat_session_events *events;
	void *ctx;
	uint64_t first_patience_us, patience_us;
	struct chat_errand *errand; /* for a connection, or for a new token */
	struct client *client; /* while OPENING to LIVE */
	bool opened; /* the client was */
	uint64_t max_message; /* of the ticket */
	uint64_t refresh_us; /* of the ticket; 0: none */
	struct loop_timer *timer; /* AWAY: until the next attempt; ENTERING, READING: the deadline
				   */
	struct loop_timer *refresh; /* of the token */
	unsigned failed; /* attempts since it was LIVE */
	uint64_t away_us; /* loop time since which the room was out of reach; 0: it is not */
	bool entered; /* it was LIVE once */
	struct chat_room room;
	struct chat_room wanted; /* ref NULL: none; else what is being joined instead */
	unsigned wanted_history;
	struct chat_history *history; /* being read */
	struct list held; /* struct chat_item, in ENTERING and READING */
	size_t held_bytes;
};

void chat_session_set_state(struct chat_session *session, enum chat_session_state state);
/* It is over: tells so, once. */
void chat_session_end(struct chat_session *session, int err, struct bytes why);
/* Drops the connection and tries again later, or ends it where patience is over. */
void chat_session_retry(struct chat_session *session, int err, struct bytes why);
/* Whether an error goes by itself. */
bool chat_session_passes(int err);

/* The connection is open: enters the room, or comes back to it. */
void chat_entry_begin(struct chat_session *session);
/* What the server invoked, while it is held or LIVE. */
void chat_entry_take(
	struct chat_session *session, struct bytes target, const struct value *arguments);
/* The connection has gone: forgets what was under way. */
void chat_entry_break(struct chat_session *session);
void chat_room_finish(struct chat_room *room);

#endif
