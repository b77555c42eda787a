/* What stream.c (the interface) and stream_io.c (the machine) share; nobody else includes it. */
#ifndef LIB_NET_STREAM_PRIVATE_H
#define LIB_NET_STREAM_PRIVATE_H

#include "lib/net/send_queue.h"
#include "lib/net/stream.h"

enum { STREAM_READ_SIZE = 64 * 1024 };

enum stream_state {
	STREAM_OPEN, /* both directions work */
	STREAM_DEAF, /* the peer takes nothing any more; what it sent is still read, then BROKEN */
	STREAM_ENDED, /* the peer's end came, the owner was told; sending goes on */
	STREAM_BROKEN, /* neither direction; the owner was told, or is when end_due is set */
	STREAM_LINGERING, /* no owner: sends the rest, then waits for the peer's end */
	STREAM_CLOSED, /* only the memory is left, for a caller up the stack */
};

struct stream {
	/* What sending touches comes first. */
	struct list_node dirty; /* on pool->dirty while the end of the turn has work with it */
	struct send_queue queue;
	struct stream_pool *pool;
	int fd;
	uint8_t state; /* enum stream_state */
	uint8_t entered; /* depth of our own functions that still use it */
	bool blocked : 1; /* waits for LOOP_WRITE */
	bool paused : 1;
	bool drain_due : 1; /* on_drain is to be called at the end of the turn */
	bool drain_unwanted : 1; /* but the owner waits for nothing */
	bool end_due : 1; /* on_end with end_err is */
	bool probes : 1; /* stream_probe() was called */
	int8_t end_err;
	const struct stream_events *events;
	void *ctx;
	struct loop_fd *watch;
	struct stream_linger *linger; /* while LINGERING */
	size_t low;
	uint64_t stalled_us;
};

struct stream_linger {
	struct list_node node; /* on pool->lingering */
	struct stream *stream;
	struct loop_timer *timer;
	bool shut; /* our end is sent, or is not to be */
	bool peer_ended;
};

struct stream_pool {
	struct loop *loop;
	struct list dirty;
	struct loop_defer flush;
	struct list lingering;
	size_t lingering_count;
	struct list farewells; /* struct farewell, of stream_farewell.c: not connected yet */
	size_t farewell_count;
	size_t count;
	size_t queued;
	int sndbuf;
	char *buffer; /* STREAM_READ_SIZE */
};

static inline bool stream_can_send(const struct stream *s)
{
	return s->state == STREAM_OPEN || s->state == STREAM_ENDED || s->state == STREAM_LINGERING;
}

/* Checks that the move is one that may be. */
void stream_set_state(struct stream *s, enum stream_state state);
bool stream_can_read(const struct stream *s);
/* Switches one of LOOP_READ, LOOP_WRITE. */
void stream_watch(struct stream *s, int event, bool on);
/* Lets pool_flush() have it at the end of the turn. */
void stream_mark_dirty(struct stream *s);
/* Forgets what is queued. */
void stream_drop_queue(struct stream *s);
/* Ends everything but the descriptor; the memory goes now or with the last of our callers. */
void stream_retire(struct stream *s);
/* The same, and closes the descriptor. */
void stream_drop(struct stream *s);
/* Offers what is queued to the kernel until it takes no more. Calls nobody: what is to be told is
 * noted in drain_due and end_due. */
void stream_write(struct stream *s);
/* ctx is the loop_fd's stream. */
void stream_on_ready(void *ctx, int events);
/* ctx is the timer's linger. */
void stream_on_linger_limit(void *ctx);
/* Forgets those that are not connected yet. */
void stream_farewells_drop(struct stream_pool *pool);
/* ctx is the pool: its work at the end of the turn. */
void stream_pool_flush(void *ctx);

#endif
