/* The HTTP/1.x server of one worker: takes accepted sockets, reads requests, calls the handler,
 * writes answers, and gives the stream away for upgrades. One exchange at a time for each
 * connection; pipelined requests wait their turn. */
#ifndef CHATD_NET_HTTP_CONN_H
#define CHATD_NET_HTTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"
#include "lib/wire/http1.h"

struct arena;
struct chunk;
struct clock;
struct loop;
struct metrics;
struct stream;
struct stream_pool;

#define HTTP_PEER_SIZE 64 /* longest peer text with NUL; longer ones are cut */

/* One request and its answer, on the heap. From on_request on it belongs to the handler, who ends
 * it exactly once, now or later, with http_respond(), http_abort(), or an http_upgrade() that
 * succeeds; it does not matter whether the peer is still there. The fields are for reading, and
 * good until that end. */
struct http_exchange {
	struct http1_request head; /* views into raw_head */
	struct bytes raw_head; /* as it came, with the final blank line: for relaying */
	struct bytes path; /* decoded, NUL-terminated */
	struct bytes query; /* as it came, without '?' */
	struct bytes authority; /* of an absolute-form target, else empty */
	struct bytes body; /* whole; empty after HTTP_ANSWER_NOW */
	const char *peer; /* as given to http_server_adopt() */
	uint64_t id; /* unique in the process; http_id_format() */
	struct arena *arena; /* for what must live as long as the exchange */
	/* The handler may set: whole header lines, good as long as the exchange, that its answer
	 * has before those of http_respond(), whatever it will be. NULL: none. */
	const char *extra;
	/* The handler may set: the client needs another request to hear all; so the connection is
	 * kept behind the answer even while the server drains, and then for a moment only. */
	bool again;
};

/* How an exchange is named in the log, and in X-Request-Id where the client sent one too. */
#define HTTP_ID_SIZE 24
void http_id_format(uint64_t id, char out[HTTP_ID_SIZE]);

enum http_decision {
	HTTP_READ_BODY, /* on_request comes when the whole body is there */
	HTTP_ANSWER_NOW, /* on_request comes at once, the body is not needed; it is read and
			    dropped after the answer where it is small, else the connection closes
			  */
};

struct http_handler {
	/* The head is there, and a body is announced (not called otherwise). *body_max may be
	 * changed from limits.body_max for this request. Must not end the exchange. NULL:
	 * HTTP_READ_BODY always. */
	enum http_decision (*on_head)(void *ctx, struct http_exchange *exchange, size_t *body_max);
	/* Never called from within http_respond() and its like. */
	void (*on_request)(void *ctx, struct http_exchange *exchange);
	/* The server refuses by itself what is no HTTP or is too long: appends the body that says
	 * text with that status, and gives its media type. NULL: text alone, as text/plain. */
	const char *(*fail_body)(void *ctx, int status, const char *text, struct buf *body);
};

struct http_limits {
	struct http1_limits head;
	size_t body_max; /* bytes of a body; above: 413 */
	size_t drain_max; /* bytes of an unread body that are read and dropped to keep a connection
			   */
	size_t pipeline_max; /* bytes read ahead while a request is under way; then reading stops */
	uint64_t header_timeout_us; /* connection or first byte to the end of a head */
	uint64_t idle_timeout_us; /* between requests */
	uint64_t body_grace_us; /* a body may take this long, and 1 s for each body_rate bytes */
	uint64_t body_rate; /* bytes per second, at least 1 */
	size_t bodies_max; /* bytes of all bodies that are being gathered or are with the handler.
			      Where a request passes it, or says that it will, those that have
			      gathered more than it has or will have are answered 503 with
			      Retry-After, the largest first; else it is itself. 0: no bound */
	uint64_t send_stall_us; /* an answer that makes no progress for so long is given up */
	size_t queue_max; /* bytes of all answers that wait to be read; beyond it the connection
			     with the most is reset. 0: no bound */
	uint64_t sweep_us; /* how often deadlines are looked at */
};

/* Default head limits; body 128 KiB, drain 64 KiB, pipeline 16 KiB, header 15 s, idle 130 s, body
 * 5 s and 240 B/s, stall 10 s, no bound of all bodies and queues, sweep 500 ms. */
extern const struct http_limits http_limits_default;

struct http_server_params {
	struct loop *loop;
	struct stream_pool *pool;
	const struct clock *clock; /* for the Date header */
	const struct http_limits *limits; /* copied; NULL: the defaults */
	struct metrics *metrics; /* http_requests and send_memory_dropped are counted; may be NULL
				  */
	unsigned number; /* of this server in the process, at most 65535: in the ids */
	const struct http_handler *handler; /* must outlive the server */
	void *ctx;
};

struct http_server;

struct http_server *http_server_create(const struct http_server_params *params);
/* For what comes from now on. */
void http_server_set_limits(struct http_server *server, const struct http_limits *limits);
/* Not from within a callback of the handler. Closes all connections. Exchanges that are with the
 * handler are told that their peer has gone and are still to be ended by him; that needs no server.
 */
void http_server_destroy(struct http_server **server);
/* Takes over an accepted socket. */
void http_server_adopt(struct http_server *server, int fd, const char *peer);
/* The same with bytes that were read from it before (a socket that came from another worker). */
void http_server_adopt_early(
	struct http_server *server, int fd, const char *peer, struct bytes early);
/* From now on every answer says Connection: close, and idle connections are closed at once; but for
 * those of exchanges with again. */
void http_server_drain(struct http_server *server);
/* Connections that are not upgraded. */
size_t http_server_count(const struct http_server *server);

/* Whom the request turned out to be from, for the log. */
void http_set_user(struct http_exchange *exchange, const struct uuid *user_id);

/* Answers. content_type: NULL for none. extra: NULL, or whole header lines, each with its CRLF (not
 * Content-Length, Connection, Date). body is copied. Date, Content-Length (not with 204 and 304)
 * and Connection where it is needed are added; the body is left out for HEAD. status: 200 to 599.
 * Ends the exchange; where the peer has gone the answer is dropped. */
void http_respond(struct http_exchange *exchange, int status, const char *content_type,
	const char *extra, struct bytes body);
/* Ends the exchange and breaks the connection (RST). */
void http_abort(struct http_exchange *exchange);

/* The same with a body of chunks, of which references are taken and no bytes are copied: what was
 * encoded once for many. written (may be NULL) is called exactly once, from the loop, never inside
 * this call: with 0 when the kernel has taken the whole answer, ERR_CLOSED when the connection
 * broke or was given up before, or the peer had gone already. Where it is given, a request that was
 * pipelined behind is looked at only after it was called. http_server_destroy() calls those that
 * are left; where the exchange outlives the server, the loop's next turn does. */
typedef void (*http_written_fn)(void *ctx, int err);
void http_respond_chunks(struct http_exchange *exchange, int status, const char *content_type,
	const char *extra, struct chunk *const *chunks, size_t count, http_written_fn written,
	void *ctx);

/* A connection on its way to another thread: its socket, and what was read from it or is still to
 * be written to it. */
struct http_moved {
	int fd;
	char peer[HTTP_PEER_SIZE];
	struct buf unread; /* the request's head, and what came behind it */
	struct buf unsent; /* of answers to requests before it */
};
/* Takes the connection away from its server together with the request, which another server then
 * reads anew; ends the exchange, of which nothing is logged or counted. What was queued of earlier
 * answers goes along; those of http_respond_chunks() that somebody waits for have left before.
 * Errors, and the exchange is not ended: ERR_BAD_REQUEST where something of its body was used
 * (on_head has to say HTTP_ANSWER_NOW), ERR_CLOSED where the connection has gone; one whose peer
 * has only ended its side moves like any other. */
int http_move(struct http_exchange *exchange, struct http_moved *ret_moved);
/* Takes it over, on the server's thread: sends what is unsent, and reads what is unread. Frees both
 * buffers. */
void http_server_adopt_moved(struct http_server *server, struct http_moved *moved);
/* Closes one that nobody takes over. */
void http_moved_drop(struct http_moved *moved);

/* Gives the stream away: queues head (a whole 101 or 200 head with its blank line; may be empty),
 * appends what the peer has sent behind the request to rest, and ends the exchange. The caller
 * calls stream_set_owner() before he returns to the loop; reading goes on by itself. Errors, and
 * the exchange is not ended: ERR_CLOSED where the peer has gone or has ended its side,
 * ERR_BAD_REQUEST where a body is announced that was not read. */
int http_upgrade(struct http_exchange *exchange, struct bytes head, struct stream **ret_stream,
	struct buf *rest);

/* Answers 200 with a body that the caller writes himself until he closes the stream, which ends it:
 * the head is queued, what the peer has sent behind the request is dropped. For the rest as
 * http_upgrade(). */
int http_respond_endless(struct http_exchange *exchange, const char *content_type,
	const char *extra, struct stream **ret_stream);

/* gone(ctx) is called once when the peer vanishes (within 15 s or so, see stream_probe()) or ends
 * its side while the exchange is with the handler, never from within this call (but in the same
 * turn where it has gone already). The exchange may be ended inside and must be ended still; an
 * answer is still sent where only the peer's sending side has ended. NULL takes it back. */
void http_on_gone(struct http_exchange *exchange, void (*gone)(void *ctx), void *ctx);
/* Whether that has happened. */
bool http_is_gone(const struct http_exchange *exchange);
/* Whether a body was announced and not read (HTTP_ANSWER_NOW). */
bool http_lacks_body(const struct http_exchange *exchange);
/* Whether the bodies that are with the handler, this one among them, have more than half of
 * bodies_max: what cannot be served at once had better be refused, for those that are with the
 * handler do not give way to others. */
bool http_bodies_crowd(const struct http_exchange *exchange);

#endif
