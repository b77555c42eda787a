/* A user's stay in a room over as many connections as it takes: it connects, joins, comes back by
 * itself with the last number it saw, and hands on every message once and in order. */
#ifndef CHATCTL_CHAT_SESSION_H
#define CHATCTL_CHAT_SESSION_H

#include "chatctl/chat_access.h"
#include "chatctl/chat_item.h"
#include "chatctl/chat_outbox.h"

struct chat_session;

/* How the room was entered, or entered again. */
struct chat_arrival {
	bool again; /* after the connection was lost */
	uint64_t caught_up; /* again: messages that came meanwhile, they follow */
	uint64_t gap_from, gap_to; /* numbers that are not sent again; 0: none */
	bool anew; /* again: numbers started anew, what was missed is not known */
};

struct chat_session_events {
	void (*on_arrival)(void *ctx, const struct chat_arrival *arrival);
	/* A message of the room, once, in order; the receiver frees it. missing: numbers before it
	 * from that one on never came (0: none). */
	void (*on_message)(void *ctx, struct chat_item *message, uint64_t missing);
	/* Anything else that the server invoked, of any room; the receiver frees it. */
	void (*on_event)(void *ctx, struct chat_item *event);
	/* Messages before those that were handed on, oldest first, that the receiver takes (what it
	 * leaves is freed): at the arrival, and after chat_session_history(). more: there are some
	 * before them. */
	void (*on_history)(void *ctx, struct list *messages, bool more);
	/* The connection was lost; it is tried again. */
	void (*on_lost)(void *ctx, int err, struct bytes why);
	/* What was asked for by join or history did not come about. */
	void (*on_refused)(void *ctx, int err, struct bytes why);
	/* It is over, for good; at most once and last. why: for people, not escaped, may be empty.
	 */
	void (*on_end)(void *ctx, int err, struct bytes why);
};

struct chat_session_options {
	struct chat_access *access; /* outlives the session */
	enum client_transport transport;
	enum client_encoding encoding;
	const char *room; /* id or alias */
	unsigned history; /* messages to begin with */
	uint64_t first_patience_us; /* how long it tries to come in at first; 0: once */
	uint64_t patience_us; /* how long it tries to come back; UINT64_MAX: for ever */
};

/* Texts are copied. Connecting begins on the loop; nothing is called inside. outbox outlives the
 * session, which tells it when messages can be sent. */
struct chat_session *chat_session_create(struct stream_pool *pool, struct chat_outbox *outbox,
	const struct chat_session_options *options, const struct chat_session_events *events,
	void *ctx);
/* Says goodbye. No event comes any more. */
void chat_session_destroy(struct chat_session **session);

/* Another patience_us from now on. */
void chat_session_set_patience(struct chat_session *session, uint64_t patience_us);
/* Drops a connection that does not do what it should, and makes another one. */
void chat_session_reconnect(struct chat_session *session, const char *why);
/* The id of the room, or "" before the first arrival. */
const char *chat_session_room(const struct chat_session *session);
/* Whether the room is entered and the connection stands. */
bool chat_session_is_live(const struct chat_session *session);
/* Goes over to another room; on_arrival or on_refused follows. ERR_BUSY where something is under
 * way, ERR_CLOSED where there is no connection. */
int chat_session_join(struct chat_session *session, const char *room, unsigned history);
/* Older messages; on_history or on_refused follows. Errors as above. */
int chat_session_history(struct chat_session *session, unsigned count);

#endif
