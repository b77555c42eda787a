/* A SignalR client: negotiate, a transport, the hub protocol in JSON or MessagePack (protocols:
 * TransportProtocols.md and HubProtocol.md of ASP.NET Core). It serves one connection from its
 * start to its end; who wants to connect again makes a new one. All of it belongs to one thread; an
 * idle client holds no buffer. */
#ifndef LIB_CLIENT_CLIENT_H
#define LIB_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/loop/loop.h"
#include "lib/net/stream.h"
#include "lib/value/value.h"

struct client;

struct client_events {
	/* The handshake is through; calls may be sent from here on. May be NULL. */
	void (*on_open)(void *ctx);
	/* The server invoked target. arguments: an array; both are good until it returns. May be
	 * NULL. Where the server asks for a result it is told that there is none. */
	void (*on_invocation)(void *ctx, struct bytes target, const struct value *arguments);
	/* The connection could not be made or has ended; comes at most once and last, after all
	 * calls under way were answered. err 0: the server said a plain goodbye. Else:
	 * ERR_UNREACHABLE (no connection, no HTTP, no hub there), ERR_UNAUTHORIZED, ERR_FORBIDDEN,
	 * ERR_NOT_FOUND, ERR_RATE_LIMITED, ERR_UNAVAILABLE (the server refuses, or closed with an
	 * error), ERR_TIMEOUT (in connecting, or the server fell silent), ERR_CLOSED (lost without
	 * a goodbye), ERR_BAD_REQUEST (the server breaks the protocol), ERR_TOO_LARGE (it sends
	 * more than max_message), ERR_NOT_SUPPORTED (it offers no transport that was asked for, or
	 * redirects). text: a sentence about it for people, perhaps the server's own, may be empty;
	 * good until it returns. allow_reconnect: the server asks to come again. */
	void (*on_close)(void *ctx, int err, struct bytes text, bool allow_reconnect);
};

enum client_transport {
	/* What the server offers, in the order below; where one does not come about, the next after
	 * a new negotiate. */
	CLIENT_TRANSPORT_AUTO,
	CLIENT_TRANSPORT_WEBSOCKETS,
	CLIENT_TRANSPORT_SSE, /* server-sent events, and POST the other way */
	CLIENT_TRANSPORT_LONGPOLLING,
	CLIENT_TRANSPORT_COUNT,
};

enum client_encoding {
	CLIENT_ENCODING_JSON,
	CLIENT_ENCODING_MESSAGEPACK, /* not over server-sent events, which are text */
	CLIENT_ENCODING_COUNT,
};

/* "auto", "websockets", "sse", "longpolling"; "json", "messagepack". */
const char *client_transport_name(enum client_transport transport);
const char *client_encoding_name(enum client_encoding encoding);
/* By these names, in any case. 0 or ERR_NOT_FOUND. */
int client_transport_find(struct bytes name, enum client_transport *ret_transport);
int client_encoding_find(struct bytes name, enum client_encoding *ret_encoding);

/* Zero in a number stands for the default. Texts are copied. */
struct client_options {
	/* "http://host[:port][/path][?query]" (path "/" and none: "/chathub") or "unix:SOCKETPATH".
	 */
	struct bytes url;
	/* Path of the hub behind a unix: address; empty: "/chathub". */
	struct bytes unix_path;
	struct bytes token; /* bearer token, or empty */
	enum client_transport transport;
	enum client_encoding encoding;
	/* WebSocket at once; without it the connection's id is negotiated first. The other
	 * transports can not do without. */
	bool skip_negotiation;
	uint64_t open_timeout_us; /* from the start to the end of the handshake: 15 s */
	/* Not with long polling, where the polls keep alive: */
	uint64_t keepalive_us; /* a Ping at this interval: 15 s */
	uint64_t server_timeout_us; /* without a byte from the server: 30 s */
	/* Answer to a poll or a POST: 100 s. */
	uint64_t request_timeout_us;
	size_t max_message; /* bytes of one record that comes in: 4 MiB */
	size_t max_queued; /* bytes that wait to be sent, above it ERR_BUSY: 4 MiB */
	uint32_t max_calls; /* calls under way, above it ERR_BUSY: 1024 */
};

/* Answer of a call: err 0 and the result (null for a void method). Where the method failed: the
 * error of the stable code in the server's text (client_error_code()), ERR_INTERNAL where there is
 * none, and the text itself. ERR_CLOSED where the connection ended first: the call may have taken
 * effect. Both are good until it returns. */
typedef void (*client_done_fn)(
	void *ctx, int err, struct bytes error_text, const struct value *result);

/* A sentence, without final stop, about options that do not go together (MessagePack over
 * server-sent events; no negotiation, but another transport than WebSockets), or NULL. */
const char *client_options_fault(const struct client_options *options);

/* Starts to connect on the pool's loop. events must outlive the client; ctx goes to all of them.
 * ERR_USAGE: the url is none of those above, the token has characters that no token has, or
 * client_options_fault() has something to say; ERR_NOT_SUPPORTED: https; what
 * stream_connect_start() answers. No event comes inside, and none where it fails. */
int client_open(struct loop *loop, struct stream_pool *pool, const struct client_options *options,
	const struct client_events *events, void *ctx, struct client **ret_client);

/* Says goodbye where the connection stands (hub Close, then WebSocket Close or DELETE, then the end
 * within 2 s behind the caller's back: stream_pool_lingering()) and frees it. No callback comes any
 * more, neither events nor answers of calls under way. Safe inside callbacks. NULL is accepted. */
void client_close(struct client **client);

/* Calls a method. arguments: an array, only looked at inside. done comes exactly once, never
 * inside, unless client_close() forestalls it. ERR_BUSY over a limit; ERR_CLOSED where the
 * connection is not open. */
int client_invoke(struct client *client, struct bytes target, const struct value *arguments,
	client_done_fn done, void *ctx);
/* The same without an answer. */
int client_send(struct client *client, struct bytes target, const struct value *arguments);

/* Another token for the requests that are still to come, which are those of server-sent events and
 * long polling; the connection itself learns it by a call of the hub. 0; ERR_USAGE: it has
 * characters that no token has, or is empty; ERR_CLOSED. */
int client_set_token(struct client *client, struct bytes token);

bool client_is_open(const struct client *client);
/* Calls without an answer so far. */
uint32_t client_calls(const struct client *client);
/* The transport it has got, never CLIENT_TRANSPORT_AUTO once it is open. */
enum client_transport client_transport(const struct client *client);

/* The stable code in the text of a hub error, such as "not_a_member" in "An unexpected error
 * occurred invoking 'SendMessage' on the server. HubException: not_a_member: ...", or empty; a view
 * of error_text. */
struct bytes client_error_code(struct bytes error_text);

#endif
