/* A client's kept connection to an HTTP/1.1 server, for one request after the other (RFC 9112).
 * Each answer's body is handed on as it comes. It connects when a request needs it and notices when
 * the server hangs up between two. */
#ifndef LIB_CLIENT_HTTP_LINE_H
#define LIB_CLIENT_HTTP_LINE_H

#include "lib/base/bytes.h"
#include "lib/net/stream.h"
#include "lib/wire/http1.h"

struct http_line;

/* The line may be closed inside any of them. */
struct http_line_events {
	/* The head of the final answer; good until it returns. */
	void (*on_head)(void *ctx, const struct http1_response *response);
	/* A piece of its body, not empty; good until it returns. */
	void (*on_body)(void *ctx, struct bytes piece);
	/* The answer is whole; the next request may be asked inside. */
	void (*on_done)(void *ctx);
	/* Instead of on_head for the status 101: the stream is the receiver's, who sets its owner;
	 * rest came behind the head. NULL: such an answer fails. */
	void (*on_switched)(void *ctx, const struct http1_response *response, struct stream *stream,
		struct bytes rest);
	/* There will be no whole answer: ERR_UNREACHABLE (no connection), ERR_CLOSED (lost),
	 * ERR_BAD_REQUEST (no HTTP), ERR_TIMEOUT. text: a sentence for people. */
	void (*on_fail)(void *ctx, int err, const char *text);
};

/* peer: an address for stream_connect_start(), copied. events outlive the line. */
struct http_line *http_line_create(struct stream_pool *pool, const char *peer,
	const struct http_line_events *events, void *ctx);
/* Drops what is under way. No event comes any more. NULL is accepted. */
void http_line_close(struct http_line **line);
/* Closes it, but first sends these whole requests behind the one that is under way, on a new
 * connection where there is none. The answers are dropped; the last request should ask the server
 * to close, which else happens after limit_us. */
void http_line_goodbye(struct http_line **line, struct bytes requests, uint64_t limit_us);

/* Closes it, but first waits, for at most limit_us, until the server does; what comes is dropped.
 */
void http_line_leave(struct http_line **line, uint64_t limit_us);

/* Sends a whole request; none may be under way. timeout_us: until the answer is whole, 0: no limit.
 * 0, or what stream_connect_start() answers; no event comes inside. */
int http_line_ask(struct http_line *line, struct bytes request, uint64_t timeout_us);
/* Between ask and the end of the answer. */
bool http_line_is_asking(const struct http_line *line);

#endif
