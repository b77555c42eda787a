/* WebSockets (RFC 6455) on a stream that was upgraded. */
#ifndef CHATD_TRANSPORT_WS_H
#define CHATD_TRANSPORT_WS_H

#include "chatd/transport/transport.h"
#include "lib/net/stream.h"

struct ws_pool;

struct ws_params {
	uint64_t close_timeout_us; /* how long the peer's Close is awaited after ours */
	uint64_t max_frame; /* bytes of one frame; beyond: Close 1009 */
};

/* What the WebSockets of a worker share: those that are closing, and their deadline. */
struct ws_pool *ws_pool_create(struct loop *loop, const struct ws_params *params);
void ws_pool_set_params(struct ws_pool *pool, const struct ws_params *params);
/* Aborts what is still closing. */
void ws_pool_destroy(struct ws_pool **pool);
/* Resets closing sockets whose queue still waits, the oldest first, until so many bytes are free.
 */
void ws_pool_drop_closing(struct ws_pool *pool, size_t bytes);
/* Sockets that are closing. */
size_t ws_pool_closing(const struct ws_pool *pool);

/* Takes over the stream. The owner sets itself with transport_own() and then calls ws_start() with
 * the bytes that came behind the upgrade's head, which are unmasked in place. */
struct transport *ws_open(struct ws_pool *pool, struct stream *stream);
void ws_start(struct transport *transport, struct bytes early);

/* The frame header of a server's whole message: writes it right before payload, in the WS_HEADROOM
 * bytes that must be free there, and gives where the frame begins. */
#define WS_HEADROOM 10
char *ws_frame_in_place(char *payload, size_t len, bool binary);

#endif
