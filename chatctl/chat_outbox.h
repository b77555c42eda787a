/* Messages on their way to the hub. Each is kept until it is acknowledged or refused, and sent
 * again with the same id where that is not known, so that none is lost and none stands twice. One
 * at a time, so that they stay in order whatever happens to one of them. */
#ifndef CHATCTL_CHAT_OUTBOX_H
#define CHATCTL_CHAT_OUTBOX_H

#include "lib/base/ident.h"
#include "lib/base/list.h"
#include "lib/client/client.h"

struct chat_outbox;

struct chat_outgoing {
	struct list_node node;
	uint64_t line; /* its owner's number */
	char id[UUID_TEXT_SIZE]; /* clientMessageId */
	char *room; /* id */
	struct bytes text; /* owned, UTF-8 */
};

struct chat_outbox_events {
	/* err 0: stored. Else it was refused for good; why is for people, not escaped. Gone when it
	 * returns. */
	void (*on_settled)(
		void *ctx, const struct chat_outgoing *message, int err, struct bytes why);
	/* The hub takes it later (ERR_RATE_LIMITED, ERR_BUSY, ERR_UNAVAILABLE, ...). Told once for
	 * each message. */
	void (*on_delayed)(
		void *ctx, const struct chat_outgoing *message, int err, struct bytes why);
	/* The hub does not answer any more: another connection is wanted. */
	void (*on_stalled)(void *ctx);
};

/* Callbacks come from the loop, never inside. */
struct chat_outbox *chat_outbox_create(
	struct loop *loop, const struct chat_outbox_events *events, void *ctx);
/* What is in it is dropped. */
void chat_outbox_destroy(struct chat_outbox **outbox);
/* Copies. */
void chat_outbox_add(
	struct chat_outbox *outbox, const char *room, struct bytes text, uint64_t line);
/* The connection to send over (it must be open), or NULL: there is none. max_message: bytes that
 * the hub takes in one call. */
void chat_outbox_set_client(
	struct chat_outbox *outbox, struct client *client, uint64_t max_message);
size_t chat_outbox_count(const struct chat_outbox *outbox);

/* What people are told of a hub's error: the text behind its code, else all of it. */
struct bytes chat_error_text(struct bytes error_text);
/* The time behind "try again in" ("0.25 s") of such a text; 0: there is none. At most an hour. */
uint64_t chat_retry_us(struct bytes why);

#endif
