/* Server-sent events (WHATWG HTML, section 9.2; TransportProtocols.md, "Server-Sent Events"): the
 * answer to a GET that never ends carries what the server sends, POSTs bring what the client sends.
 */
#ifndef CHATD_TRANSPORT_SSE_H
#define CHATD_TRANSPORT_SSE_H

#include "chatd/transport/inbox.h"
#include "chatd/transport/transport.h"
#include "lib/net/stream.h"

#define SSE_CONTENT_TYPE "text/event-stream"
/* Header lines of the answer. X-Accel-Buffering is for nginx, which would keep events back. */
#define SSE_HEADERS \
	"Cache-Control: no-cache,no-store\r\nPragma: no-cache\r\nContent-Encoding: identity\r\n" \
	"X-Accel-Buffering: no\r\n"

/* Takes over the stream, on which the answer's head is queued already, and sends the first comment,
 * which makes browsers open their EventSource. The body ends with the connection, so that it is the
 * same for HTTP/1.0. The owner sets himself with transport_own(), before the turn ends. linger_us:
 * how long the end may take to leave. */
struct transport *sse_open(struct loop *loop, struct stream *stream, uint64_t linger_us);
/* Where POSTs for it go; good until the owner has gone. */
struct inbox *sse_inbox(struct transport *transport);

/* One event with that payload, which has no line feed: a chunk with one reference. */
struct chunk *sse_event(struct bytes payload);

#endif
