/* What a server answers to negotiate, and what its statuses mean (TransportProtocols.md). Bytes
 * only, no I/O. */
#ifndef LIB_CLIENT_NEGOTIATE_H
#define LIB_CLIENT_NEGOTIATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/client/client.h"

/* Whether token can stand behind "Bearer" (RFC 6750 section 2.1); the empty one can not. */
bool negotiate_token_valid(struct bytes token);

/* Transfer formats, as a set. */
enum { NEGOTIATE_TEXT = 1, NEGOTIATE_BINARY = 2 };

struct negotiation {
	struct bytes id; /* for all further requests */
	uint8_t formats[CLIENT_TRANSPORT_COUNT]; /* that each transport is offered with */
};

/* Reads the body of the 200. On failure *ret_text is a sentence. All on the arena.
 * ERR_UNAVAILABLE: the server refuses (the text is its own); ERR_NOT_SUPPORTED: a redirect;
 * ERR_UNREACHABLE: no answer to negotiate. */
int negotiate_read(struct arena *arena, struct bytes body, struct negotiation *ret_negotiation,
	struct bytes *ret_text);

/* Of answers that no SignalR server gives. */
#define NEGOTIATE_NO_SIGNALR "what answers there is no SignalR server"

/* What a status that is not the hoped-for one means: an ERR_*. */
int negotiate_status_err(int status);
/* The same for a connection that was there before, where 404 says that the server knows it no
 * more. */
int negotiate_running_err(int status);
/* "the server answered 404 Not Found" */
enum { NEGOTIATE_STATUS_SIZE = 64 };
void negotiate_status_text(int status, char out[NEGOTIATE_STATUS_SIZE]);

#endif
