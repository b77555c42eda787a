/* What a SignalR client says in HTTP before the WebSocket: the two requests, and what their answers
 * mean (TransportProtocols.md). Bytes only, no I/O. */
#ifndef LIB_CLIENT_NEGOTIATE_H
#define LIB_CLIENT_NEGOTIATE_H

#include <stdbool.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/client/address.h"
#include "lib/wire/http1.h"

/* Whether token can stand behind "Bearer" (RFC 6750 section 2.1); the empty one can not. */
bool negotiate_token_valid(struct bytes token);

/* POST path/negotiate?query&negotiateVersion=1 with an empty body; the connection is not kept.
 * token may be empty. */
void negotiate_write(struct buf *out, const struct client_address *address, struct bytes token);
/* Reads the body of the 200. ret_id: the connection's id for the upgrade. On failure *ret_text is a
 * sentence. All on the arena. ERR_UNAVAILABLE: the server refuses (the text is its own);
 * ERR_NOT_SUPPORTED: a redirect, or no WebSockets with text; ERR_UNREACHABLE: no answer to
 * negotiate.
 */
int negotiate_read(
	struct arena *arena, struct bytes body, struct bytes *ret_id, struct bytes *ret_text);

/* GET path?query&id=id with the upgrade to WebSocket; id may be empty, key is Sec-WebSocket-Key. */
void upgrade_write(struct buf *out, const struct client_address *address, struct bytes token,
	struct bytes id, const char *key);
/* Whether the answer is the right 101 (RFC 6455 section 4.1). */
bool upgrade_accepted(const struct http1_response *response, const char *key);

/* What a status that is not the hoped-for one means: an ERR_*. */
int negotiate_status_err(int status);

#endif
