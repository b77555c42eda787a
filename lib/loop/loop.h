/* One thread's event loop: descriptors, timers, and work at the end of the tick. On libevent
 * (loop.c is the only file that sees it). A loop and all on it belong to one thread; only mailboxes
 * cross threads. */
#ifndef LIB_LOOP_LOOP_H
#define LIB_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/list.h"

struct loop;
struct loop_fd;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* events: LOOP_READ or LOOP_WRITE (or both; where both are due it may be called for each); end of
 * file and errors come as LOOP_READ, and as LOOP_WRITE where that is watched. The watch may be
 * closed inside. */
typedef void (*loop_fd_fn)(void *ctx, int events);
typedef void (*loop_fn)(void *ctx);

/* NULL never: aborts where the system gives no epoll. */
struct loop *loop_create(void);
/* All watches and timers must be closed before. */
void loop_destroy(struct loop **loop);

/* Runs until loop_stop(). One turn: wait for events, run their callbacks, then the deferred work
 * until none is left. */
void loop_run(struct loop *loop);
/* One turn that waits at most max_wait_ms (for tests); -1 waits for ever. */
void loop_turn(struct loop *loop, int max_wait_ms);
/* From the loop's own thread. The turn under way is finished; where loop_run() is not running, the
 * next one returns at once. */
void loop_stop(struct loop *loop);
/* Monotonic microseconds, read once per turn after waiting: what runs within a turn sees one time.
 */
uint64_t loop_now_us(const struct loop *loop);

/* Watches fd (non-blocking, owned by the caller, not closed here), level-triggered. events may be 0
 * at first. */
struct loop_fd *loop_fd_open(struct loop *loop, int fd, int events, loop_fd_fn fn, void *ctx);
/* Changes what is watched; costs a system call only where it differs. */
void loop_fd_set(struct loop_fd *watch, int events);
int loop_fd_events(const struct loop_fd *watch);
/* Safe inside any callback; the callback is not called again. Before close(fd). */
void loop_fd_close(struct loop_fd **watch);

/* One-shot timer, created unarmed. Arming an armed one moves it. It never fires before
 * loop_now_us() has moved by the delay; usually within 4 ms after. Delays up to a hundred years. */
struct loop_timer *loop_timer_create(struct loop *loop, loop_fn fn, void *ctx);
void loop_timer_set(struct loop_timer *timer, uint64_t delay_us);
void loop_timer_cancel(struct loop_timer *timer);
bool loop_timer_armed(const struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer **timer);

/* SIGTERM and its like, on the loop of the thread that receives them. */
struct loop_signal;
struct loop_signal *loop_signal_open(struct loop *loop, int signo, loop_fn fn, void *ctx);
void loop_signal_close(struct loop_signal **watch);

/* Work for the end of the current turn, embedded in its owner. Runs once per schedule; scheduling
 * again before it ran changes nothing. Runs in the order of scheduling; what is scheduled while
 * deferred work runs, runs in the same turn. stage: within a round of deferred work all of
 * LOOP_GATHER runs before LOOP_FLUSH (so that what gathering queues for sending leaves in one
 * write). Cancelling what is not scheduled does nothing. */
enum loop_stage { LOOP_GATHER, LOOP_FLUSH };
struct loop_defer {
	struct list_node node;
	loop_fn fn;
	void *ctx;
};
void loop_defer_init(struct loop_defer *defer, loop_fn fn, void *ctx);
void loop_defer(struct loop *loop, struct loop_defer *defer, enum loop_stage stage);
void loop_defer_cancel(struct loop_defer *defer);

#endif
