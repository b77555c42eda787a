/* A byte stream on a loop: plain TCP or Unix socket (TLS comes behind the same interface). Reading
 * calls back; writing queues chunks and leaves in one gathered write at the end of the turn
 * (LOOP_FLUSH). No buffer is held while nothing waits. */
#ifndef LIB_NET_STREAM_H
#define LIB_NET_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/loop/loop.h"
#include "lib/net/chunk.h"

struct stream;

struct stream_events {
	/* Bytes arrived; the view is good until it returns (a buffer of the thread's). It must take
	 * all of them. The stream may be closed inside. After stream_pause() no more come. */
	void (*on_data)(void *ctx, struct bytes data);
	/* The peer ended its side (err 0), or the stream broke (ERR_CLOSED, ERR_SYSTEM). Comes at
	 * most once; nothing more is read. The owner closes it; until then what is queued is still
	 * sent where that is possible (err 0 only). Where sending fails because the peer has gone,
	 * what it had sent before is read first (unless paused). */
	void (*on_end)(void *ctx, int err);
	/* The queue has become empty after it was not, or fell to half of stream_set_low(); from
	 * the loop, never inside a function called by the owner; not after stream_want_drain() with
	 * false. May be NULL. */
	void (*on_drain)(void *ctx);
};

/* What all streams of one thread share: the read buffer (64 KiB), counters of queued bytes. */
struct stream_pool;
struct stream_pool *stream_pool_create(struct loop *loop);
/* All streams have been closed before; those that linger are dropped. */
void stream_pool_destroy(struct stream_pool **pool);
/* Size of the kernel's send buffer (SO_SNDBUF) of streams opened from now on; 0 leaves it. */
void stream_pool_set_sndbuf(struct stream_pool *pool, int bytes);
/* Streams that are open, and those that linger after stream_close_flushed(). */
size_t stream_pool_count(const struct stream_pool *pool);
size_t stream_pool_lingering(const struct stream_pool *pool);
/* Resets lingering streams whose queue still waits, the oldest first, until so many bytes are free.
 */
void stream_pool_drop_lingering(struct stream_pool *pool, size_t bytes);
struct loop *stream_pool_loop(const struct stream_pool *pool);
/* Bytes that wait in all send queues of the pool. */
size_t stream_pool_queued(const struct stream_pool *pool);

/* Takes over fd (made non-blocking; where it is TCP: TCP_NODELAY, and TCP_USER_TIMEOUT of 13 s, so
 * that a peer that vanished ends it); reading starts at once. */
struct stream *stream_open(
	struct stream_pool *pool, int fd, const struct stream_events *events, void *ctx);
/* Gives the stream to another owner (an upgrade), who is told of draining until he wants it no
 * more. */
void stream_set_owner(struct stream *stream, const struct stream_events *events, void *ctx);
/* Closes the descriptor and drops what is queued. Safe inside callbacks; none comes after it. */
void stream_close(struct stream **stream);
/* Sends what is queued, then closes (FIN), reading and dropping input meanwhile; gives up after
 * limit_us. The caller's ownership ends here and no callback comes any more. */
void stream_close_flushed(struct stream **stream, uint64_t limit_us);
/* The same without our end: it closes when the peer does, or after limit_us. For peers to whom an
 * end says that nobody waits for the answer. */
void stream_close_answered(struct stream **stream, uint64_t limit_us);
/* Closes with RST (SO_LINGER 0) after one attempt to send what is queued. */
void stream_reset(struct stream **stream);

/* Queues a reference of its own to the chunk's bytes; the caller keeps his. After the stream broke
 * it does nothing. */
void stream_send(struct stream *stream, struct chunk *chunk);
/* The same from a copy. */
void stream_send_copy(struct stream *stream, struct bytes b);
/* Tries to write now instead of at the end of the turn. What comes of it (on_drain, on_end) comes
 * at the end of the turn. */
void stream_flush(struct stream *stream);
size_t stream_queued(const struct stream *stream);
/* Monotonic us (loop time) since when the queue has been non-empty without any progress; 0 when
 * empty or not tried yet. */
uint64_t stream_stalled_since(const struct stream *stream);
void stream_set_low(struct stream *stream, size_t low);
/* Whether on_drain is called, which it is at the start. Who sends to thousands in a turn and waits
 * for none of them saves a call for each. */
void stream_want_drain(struct stream *stream, bool want);
/* Stops and resumes reading (back-pressure). While paused the peer's end is not noticed. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
/* From now on a peer that vanished ends it within 15 s or so, even if nothing is sent (TCP
 * keep-alive; nothing where it is not TCP). For streams on which both sides may be silent. */
void stream_probe(struct stream *stream);
int stream_fd(const struct stream *stream);
/* What is sent does not leave any more, and what was queued is lost: on_end has come or comes. */
bool stream_is_broken(const struct stream *stream);
/* Moves what is queued to the end of unsent. */
void stream_take_queue(struct stream *stream, struct buf *unsent);
/* Takes the descriptor out (to move it to another thread): nothing may be queued, see
 * stream_take_queue(). The stream is gone; safe inside its callbacks. What the peer has sent and
 * was not read, and its end, wait for whoever reads next. */
int stream_release(struct stream **stream);

/* Non-blocking connect for clients: host:port, [v6]:port or unix:PATH. The name of a host is looked
 * up at once, by getaddrinfo(3), which blocks: for tools and numeric addresses. All addresses of a
 * host are tried in turn. Refuses at once with ERR_BAD_REQUEST (the address) or ERR_UNREACHABLE (no
 * such host); else answers 0 and done comes exactly once, never inside, with 0, ERR_UNREACHABLE or
 * ERR_TIMEOUT; stream is NULL unless err is 0, else it is the receiver's. The connect object is
 * gone when done comes; cancel only before. timeout_us 0: no limit but the kernel's. */
typedef void (*stream_connect_fn)(void *ctx, int err, struct stream *stream);
struct stream_connect;
int stream_connect_start(struct stream_pool *pool, struct bytes address, uint64_t timeout_us,
	const struct stream_events *events, void *events_ctx, stream_connect_fn done, void *ctx,
	struct stream_connect **ret_connect);
void stream_connect_cancel(struct stream_connect **connect);

/* Last words to a peer to whom there is no stream: connects, sends a copy of them, drops what comes
 * back, and closes as stream_close_answered(); at the latest after twice limit_us. Nobody is told
 * how it went; meanwhile it counts among those that linger. */
void stream_farewell(
	struct stream_pool *pool, struct bytes address, struct bytes words, uint64_t limit_us);

#endif
