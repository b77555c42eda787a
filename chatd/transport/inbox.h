/* What clients send by POST, for transports whose connection goes one way only: bodies in the order
 * of their requests, fed to the owner as fast as he takes them. A body is answered when all of it
 * is with the owner, or in a buffer of INBOX_MAX bytes before him; so one that finds no room waits
 * unanswered (TransportProtocols.md, «HTTP Post»; ApplicationMaxBufferSize). */
#ifndef CHATD_TRANSPORT_INBOX_H
#define CHATD_TRANSPORT_INBOX_H

#include "chatd/net/http_conn.h"
#include "chatd/transport/transport.h"
#include "lib/base/list.h"
#include "lib/loop/loop.h"

#define INBOX_MAX ((size_t)64 * 1024)
/* Bodies that wait unanswered; at least one may wait, however long it is. Beyond it: 503. So is one
 * that would have to wait where http_bodies_crowd(). */
#define INBOX_POSTS_MAX ((size_t)1024 * 1024)

/* Embedded. All of it belongs to one worker. */
struct inbox {
	struct loop *loop;
	struct transport *transport; /* whose owner is fed; NULL: nobody reads yet */
	struct buf buffer; /* answered already */
	size_t used; /* bytes of it that the owner has */
	struct list posts; /* those that wait for their answer */
	size_t posted; /* bytes of their bodies */
	struct loop_defer go_on;
	bool paused; /* by the owner */
	bool feeding; /* no second loop */
	bool ended; /* nothing is taken any more */
};

void inbox_init(struct inbox *inbox, struct loop *loop);
/* Answers what waits with 404 and frees the buffer. Not while it feeds: see inbox_end(). */
void inbox_finish(struct inbox *inbox);
/* From here on the transport's owner is fed, at the end of the turn; what waited comes first. */
void inbox_start(struct inbox *inbox, struct transport *transport);
/* Takes over all that from holds, which is empty then. Before inbox_start(). */
void inbox_inherit(struct inbox *inbox, struct inbox *from);
/* A POST whose body is there: takes over the exchange, feeds, answers now or later. The transport
 * may end inside. */
void inbox_take(struct inbox *inbox, struct http_exchange *exchange);
/* As the transport's operations of these names. */
void inbox_pause(struct inbox *inbox);
void inbox_resume(struct inbox *inbox);
/* The connection has ended: nobody is fed any more, what waits is answered 404. Safe inside of
 * feeding: the body that is being fed counts as taken (413 where transport->too_large). */
void inbox_end(struct inbox *inbox);
/* Bytes that wait. */
size_t inbox_held(const struct inbox *inbox);
/* Moves all that waits to out, and answers it: the bytes go elsewhere. */
void inbox_drain(struct inbox *inbox, struct buf *out);

/* The answer to a request whose connection is not there (any more). */
void inbox_no_connection(struct http_exchange *exchange, const char *extra);

#endif
