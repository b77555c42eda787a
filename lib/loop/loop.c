#include "lib/loop/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/time.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"

/* The events lie inside of the watches: one allocation each. Reading and writing are two events, so
 * that waiting for room to write, which is rare, costs one epoll_ctl more and one less after; the
 * second is made when it is first asked for. */
struct loop_fd {
	struct event read;
	struct event *write;
	loop_fd_fn fn;
	void *ctx;
	int events; /* LOOP_READ | LOOP_WRITE that libevent knows of */
};

struct loop_timer {
	struct event event;
	struct loop *loop;
	uint64_t due_us;
	loop_fn fn;
	void *ctx;
};

struct loop_signal {
	struct event event;
	loop_fn fn;
	void *ctx;
};

enum { STAGES = LOOP_FLUSH + 1 };

struct loop {
	struct event_base *base;
	struct event *wait_limit; /* of loop_turn() */
	struct list deferred[STAGES];
	uint64_t now_us; /* 0: not read in this turn */
	bool stopped;
};

/* Only exhaustion makes libevent fail here. */
static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void wake_only(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

struct loop *loop_create(void)
{
	struct event_config *config = event_config_new();
	must(config != NULL);
	/* No locks: a loop belongs to one thread. Mailboxes have their own way to wake it. */
	must(event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) ==
		0);
	must(event_config_avoid_method(config, "select") == 0);
	must(event_config_avoid_method(config, "poll") == 0);
	struct loop *loop = mem_zalloc(sizeof(*loop));
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	must(loop->base != NULL);
	loop->wait_limit = evtimer_new(loop->base, wake_only, NULL);
	must(loop->wait_limit != NULL);
	for (int stage = 0; stage < STAGES; stage++) {
		list_init(&loop->deferred[stage]);
	}
	return loop;
}

void loop_destroy(struct loop **loop)
{
	struct loop *l = *loop;
	if (l == NULL) {
		return;
	}
	event_free(l->wait_limit);
	event_base_free(l->base);
	free(l);
	*loop = NULL;
}

/* ---- turns ---- */

static void run_stage(struct list *stage)
{
	struct list_node *node;
	while ((node = list_pop(stage)) != NULL) {
		struct loop_defer *defer = CONTAINER_OF(node, struct loop_defer, node);
		defer->fn(defer->ctx);
	}
}

/* What flushing schedules may be more gathering; then another round follows. */
static void run_deferred(struct loop *loop)
{
	struct list *gather = &loop->deferred[LOOP_GATHER];
	struct list *flush = &loop->deferred[LOOP_FLUSH];
	while (!list_empty(gather) || !list_empty(flush)) {
		run_stage(gather);
		/* One round: what is scheduled for flushing meanwhile waits for its gathering. */
		struct list round;
		list_take_all(&round, flush);
		run_stage(&round);
	}
}

static void turn(struct loop *loop, int flags)
{
	loop->now_us = 0;
	event_base_loop(loop->base, flags);
	run_deferred(loop);
}

void loop_run(struct loop *loop)
{
	/* What was deferred before is not made to wait for an event. */
	run_deferred(loop);
	while (!loop->stopped) {
		turn(loop, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
	}
	loop->stopped = false;
}

void loop_turn(struct loop *loop, int max_wait_ms)
{
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
	run_deferred(loop);
	if (max_wait_ms > 0) {
		struct timeval limit = {max_wait_ms / 1000, max_wait_ms % 1000 * 1000};
		must(event_add(loop->wait_limit, &limit) == 0);
	}
	turn(loop, max_wait_ms == 0 ? flags | EVLOOP_NONBLOCK : flags);
	event_del(loop->wait_limit);
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

uint64_t loop_now_us(const struct loop *loop)
{
	if (loop->now_us == 0) {
		/* What the first asker of a turn reads holds for the whole turn: a cache. */
		((struct loop *)loop)->now_us = clock_mono_us(&clock_system);
	}
	return loop->now_us;
}

/* ---- descriptors ---- */

static void on_read(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_fd *watch = ctx;
	(void)fd;
	(void)what;
	watch->fn(watch->ctx, LOOP_READ);
}

static void on_write(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_fd *watch = ctx;
	(void)fd;
	(void)what;
	watch->fn(watch->ctx, LOOP_WRITE);
}

struct loop_fd *loop_fd_open(struct loop *loop, int fd, int events, loop_fd_fn fn, void *ctx)
{
	struct loop_fd *watch = mem_zalloc(sizeof(*watch));
	watch->fn = fn;
	watch->ctx = ctx;
	must(event_assign(&watch->read, loop->base, fd, EV_READ | EV_PERSIST, on_read, watch) == 0);
	loop_fd_set(watch, events);
	return watch;
}

static struct event *write_event(struct loop_fd *watch)
{
	if (watch->write == NULL) {
		watch->write = mem_alloc(sizeof(*watch->write));
		must(event_assign(watch->write, event_get_base(&watch->read),
			     event_get_fd(&watch->read), EV_WRITE | EV_PERSIST, on_write,
			     watch) == 0);
	}
	return watch->write;
}

void loop_fd_set(struct loop_fd *watch, int events)
{
	int added = events & ~watch->events;
	int dropped = watch->events & ~events;
	watch->events = events;
	/* Adding first: the descriptor then stays in the epoll set. */
	if ((added & LOOP_READ) != 0) {
		must(event_add(&watch->read, NULL) == 0);
	}
	if ((added & LOOP_WRITE) != 0) {
		must(event_add(write_event(watch), NULL) == 0);
	}
	if ((dropped & LOOP_READ) != 0) {
		event_del(&watch->read);
	}
	if ((dropped & LOOP_WRITE) != 0) {
		event_del(watch->write);
	}
}

int loop_fd_events(const struct loop_fd *watch)
{
	return watch->events;
}

void loop_fd_close(struct loop_fd **watch)
{
	struct loop_fd *w = *watch;
	if (w == NULL) {
		return;
	}
	/* Deleting also takes an event off the list of those whose callbacks are due. */
	loop_fd_set(w, 0);
	free(w->write);
	free(w);
	*watch = NULL;
}

/* ---- timers ---- */

static struct timeval to_timeval(uint64_t us)
{
	return (struct timeval){(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_timer *timer = ctx;
	uint64_t now = loop_now_us(timer->loop);
	(void)fd;
	(void)what;
	if (now < timer->due_us) {
		/* libevent's coarse clock may be some milliseconds ahead of the delay. */
		struct timeval rest = to_timeval(timer->due_us - now);
		must(evtimer_add(&timer->event, &rest) == 0);
		return;
	}
	timer->fn(timer->ctx);
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn fn, void *ctx)
{
	struct loop_timer *timer = mem_zalloc(sizeof(*timer));
	timer->loop = loop;
	timer->fn = fn;
	timer->ctx = ctx;
	must(evtimer_assign(&timer->event, loop->base, on_timer, timer) == 0);
	return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_us)
{
	struct timeval delay = to_timeval(delay_us);
	timer->due_us = loop_now_us(timer->loop) + delay_us;
	must(evtimer_add(&timer->event, &delay) == 0);
}

void loop_timer_cancel(struct loop_timer *timer)
{
	evtimer_del(&timer->event);
}

bool loop_timer_armed(const struct loop_timer *timer)
{
	return evtimer_pending(&timer->event, NULL) != 0;
}

void loop_timer_destroy(struct loop_timer **timer)
{
	if (*timer == NULL) {
		return;
	}
	evtimer_del(&(*timer)->event);
	free(*timer);
	*timer = NULL;
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t signo, short what, void *ctx)
{
	struct loop_signal *watch = ctx;
	(void)signo;
	(void)what;
	watch->fn(watch->ctx);
}

struct loop_signal *loop_signal_open(struct loop *loop, int signo, loop_fn fn, void *ctx)
{
	struct loop_signal *watch = mem_zalloc(sizeof(*watch));
	watch->fn = fn;
	watch->ctx = ctx;
	must(evsignal_assign(&watch->event, loop->base, signo, on_signal, watch) == 0);
	must(evsignal_add(&watch->event, NULL) == 0);
	return watch;
}

void loop_signal_close(struct loop_signal **watch)
{
	if (*watch == NULL) {
		return;
	}
	evsignal_del(&(*watch)->event);
	free(*watch);
	*watch = NULL;
}

/* ---- deferred work ---- */

void loop_defer_init(struct loop_defer *defer, loop_fn fn, void *ctx)
{
	*defer = (struct loop_defer){.fn = fn, .ctx = ctx};
}

void loop_defer(struct loop *loop, struct loop_defer *defer, enum loop_stage stage)
{
	if (!list_linked(&defer->node)) {
		list_append(&loop->deferred[stage], &defer->node);
	}
}

void loop_defer_cancel(struct loop_defer *defer)
{
	list_remove(&defer->node);
}
