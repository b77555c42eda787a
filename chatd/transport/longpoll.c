#include "chatd/transport/longpoll.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/list.h"

/* How often deadlines are looked at: the shortest of the time-outs, in so many parts. */
#define SWEEP_PARTS 8
#define SWEEP_MAX_US 1000000
#define SWEEP_MIN_US 10000
/* The usual queue needs no memory of its own. */
#define QUEUE_INSIDE 4

enum longpoll_state {
	LONGPOLL_OPEN, /* owned */
	LONGPOLL_CLOSING, /* the owner has gone; polls fetch what is queued, and then the 204 */
	LONGPOLL_ENDED, /* the id is unknown; freed when nothing refers to it any more */
};

struct longpoll_pool {
	struct loop *loop;
	struct longpoll_params params;
	/* Each in the order in which they came there. */
	struct list parked; /* with a poll */
	struct list away; /* without one */
	struct list left; /* without an owner */
	size_t queued;
	struct loop_timer *sweep;
};

struct longpoll {
	struct transport base;
	struct longpoll_pool *pool;
	struct list_node in_pool; /* on parked, away or left; on none once ENDED */
	struct http_exchange *poll; /* the one that is parked, or NULL */
	uint64_t since_us; /* loop time at which it came on its list */
	struct chunk **chunks; /* the queue: references; inside, or on the heap where they are more
				*/
	uint32_t count, cap;
	struct chunk *inside[QUEUE_INSIDE];
	size_t bytes; /* in them */
	size_t writing; /* of the last answer, until the kernel has it */
	uint8_t state; /* enum longpoll_state */
	bool greeted; /* the first poll was answered */
	bool drain_wanted;
	bool answered; /* the last answer is on its way: written() comes */
	struct inbox inbox;
	struct loop_defer flush;
	struct loop_defer burial; /* it is used from deeper down: freed at the end of the turn */
	void (*ended)(void *ctx);
	void *ended_ctx;
};

static struct longpoll *longpoll_of(struct transport *transport)
{
	return CONTAINER_OF(transport, struct longpoll, base);
}

static const struct longpoll *longpoll_of_const(const struct transport *transport)
{
	return CONTAINER_OF(transport, const struct longpoll, base);
}

static void set_state(struct longpoll *lp, enum longpoll_state state)
{
	assert(lp->state < state);
	lp->state = (uint8_t)state;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t sweep_interval(const struct longpoll_params *params)
{
	uint64_t us = least(params->poll_timeout_us, params->away_timeout_us);
	us = least(us, params->close_timeout_us) / SWEEP_PARTS;
	us = least(us, SWEEP_MAX_US);
	return us < SWEEP_MIN_US ? SWEEP_MIN_US : us;
}

static struct list *list_for(struct longpoll *lp)
{
	if (lp->state != LONGPOLL_OPEN) {
		return &lp->pool->left;
	}
	return lp->poll != NULL ? &lp->pool->parked : &lp->pool->away;
}

/* On to the list that fits: its time there begins. */
static void enlist(struct longpoll *lp)
{
	struct longpoll_pool *pool = lp->pool;
	list_remove(&lp->in_pool);
	lp->since_us = loop_now_us(pool->loop);
	list_append(list_for(lp), &lp->in_pool);
	if (!loop_timer_armed(pool->sweep)) {
		loop_timer_set(pool->sweep, sweep_interval(&pool->params));
	}
}

static void queue_init(struct longpoll *lp)
{
	lp->chunks = lp->inside;
	lp->cap = QUEUE_INSIDE;
	lp->count = 0;
	lp->bytes = 0;
}

static void queue_grow(struct longpoll *lp)
{
	struct chunk **grown = mem_alloc(2 * lp->cap * sizeof(lp->chunks[0]));
	memcpy(grown, lp->chunks, lp->count * sizeof(lp->chunks[0]));
	if (lp->chunks != lp->inside) {
		free(lp->chunks);
	}
	lp->chunks = grown;
	lp->cap *= 2;
}

static void drop_queue(struct longpoll *lp)
{
	for (uint32_t i = 0; i < lp->count; i++) {
		chunk_unref(lp->chunks[i]);
	}
	if (lp->chunks != lp->inside) {
		free(lp->chunks);
	}
	lp->pool->queued -= lp->bytes;
	queue_init(lp);
}

static void bury(void *ctx)
{
	struct longpoll *lp = ctx;
	if (lp->answered) {
		return; /* written() frees */
	}
	loop_defer_cancel(&lp->burial);
	inbox_finish(&lp->inbox);
	free(lp);
}

/* Nothing can be fetched any more. */
static void finish(struct longpoll *lp)
{
	if (lp->state == LONGPOLL_ENDED) {
		return;
	}
	set_state(lp, LONGPOLL_ENDED);
	list_remove(&lp->in_pool);
	loop_defer_cancel(&lp->flush);
	drop_queue(lp);
	inbox_end(&lp->inbox);
	loop_defer(lp->pool->loop, &lp->burial, LOOP_FLUSH);
	lp->ended(lp->ended_ctx);
}

/* ---- polls ---- */

static void answer_empty(struct http_exchange *poll, int status)
{
	http_respond(poll, status, "text/plain", LONGPOLL_HEADERS, BYTES_NONE);
}

/* Takes the poll out: from here on there is none. */
static struct http_exchange *unpark(struct longpoll *lp)
{
	struct http_exchange *poll = lp->poll;
	http_on_gone(poll, NULL, NULL);
	lp->poll = NULL;
	enlist(lp);
	return poll;
}

/* The client is lost: tells the owner, if there is one. */
static void lose(struct longpoll *lp, int err)
{
	const struct transport_events *events = lp->base.events;
	lp->base.events = NULL;
	if (events != NULL) {
		events->on_end(lp->base.ctx, err);
	}
	if (lp->poll != NULL) {
		inbox_no_connection(unpark(lp), LONGPOLL_HEADERS);
	}
	finish(lp);
}

static void on_written(void *ctx, int err)
{
	struct longpoll *lp = ctx;
	lp->answered = false;
	lp->writing = 0;
	if (lp->state == LONGPOLL_ENDED) {
		bury(lp);
		return;
	}
	if (err != 0) {
		lose(lp, ERR_CLOSED); /* what was in it is lost */
		return;
	}
	if (lp->poll == NULL) {
		enlist(lp); /* only now is the client's turn */
	}
	loop_defer(lp->pool->loop, &lp->flush, LOOP_FLUSH);
	if (lp->drain_wanted && lp->base.events != NULL) {
		lp->base.events->on_drain(lp->base.ctx);
	}
}

/* written: NULL where another answer is on its way, whose end is told. */
static void answer_data(struct longpoll *lp, http_written_fn written)
{
	struct http_exchange *poll = unpark(lp);
	lp->answered = true;
	lp->writing += lp->bytes;
	http_respond_chunks(poll, 200, "application/octet-stream", LONGPOLL_HEADERS, lp->chunks,
		lp->count, written, lp);
	drop_queue(lp);
}

/* The end of the turn: everything that was queued leaves in one answer. */
static void flush(void *ctx)
{
	struct longpoll *lp = ctx;
	if (lp->poll == NULL || lp->answered) {
		return;
	}
	if (lp->count > 0) {
		answer_data(lp, on_written);
	} else if (lp->state == LONGPOLL_CLOSING) {
		answer_empty(unpark(lp), 204);
		finish(lp);
	}
}

static void on_poll_gone(void *ctx)
{
	struct longpoll *lp = ctx;
	/* It may have ended its sending side only, and read still: 204 would be the goodbye. */
	answer_empty(unpark(lp), 200);
}

void longpoll_take(struct transport *transport, struct http_exchange *exchange)
{
	struct longpoll *lp = longpoll_of(transport);
	exchange->again = true;
	if (!lp->greeted) {
		lp->greeted = true;
		http_respond(
			exchange, 200, "application/octet-stream", LONGPOLL_HEADERS, BYTES_NONE);
		enlist(lp);
		return;
	}
	if (lp->poll != NULL) {
		answer_empty(unpark(lp), 204);
	}
	lp->poll = exchange;
	enlist(lp);
	http_on_gone(exchange, on_poll_gone, lp);
	loop_defer(lp->pool->loop, &lp->flush, LOOP_FLUSH);
}

void longpoll_delete(struct transport *transport, struct http_exchange *exchange)
{
	struct longpoll *lp = longpoll_of(transport);
	http_respond(exchange, 202, "text/plain", NULL, BYTES_NONE);
	if (lp->base.events != NULL) {
		lp->base.events->on_terminate(lp->base.ctx);
	}
	if (lp->poll != NULL && lp->count > 0) {
		answer_data(lp, lp->answered ? NULL : on_written);
	} else if (lp->poll != NULL) {
		answer_empty(unpark(lp), 204);
	}
	lose(lp, 0);
}

struct inbox *longpoll_inbox(struct transport *transport)
{
	return &longpoll_of(transport)->inbox;
}

/* ---- operations ---- */

static void longpoll_send(struct transport *transport, struct chunk *chunk)
{
	struct longpoll *lp = longpoll_of(transport);
	if (lp->count == lp->cap) {
		queue_grow(lp);
	}
	lp->chunks[lp->count++] = chunk_ref(chunk);
	lp->bytes += chunk->len;
	lp->pool->queued += chunk->len;
	if (lp->poll != NULL) {
		loop_defer(lp->pool->loop, &lp->flush, LOOP_FLUSH);
	}
}

static void longpoll_close(struct transport *transport)
{
	struct longpoll *lp = longpoll_of(transport);
	lp->base.events = NULL;
	set_state(lp, LONGPOLL_CLOSING);
	inbox_end(&lp->inbox);
	enlist(lp);
	loop_defer(lp->pool->loop, &lp->flush, LOOP_FLUSH);
}

/* A 204 would be a goodbye for clients, who would not come again. */
static void longpoll_abort(struct transport *transport)
{
	struct longpoll *lp = longpoll_of(transport);
	lp->base.events = NULL;
	if (lp->poll != NULL) {
		http_abort(unpark(lp));
	}
	finish(lp);
}

static size_t longpoll_queued(const struct transport *transport)
{
	const struct longpoll *lp = longpoll_of_const(transport);
	return lp->bytes + lp->writing;
}

/* Who does not fetch is ended by away_timeout_us, and what is being fetched by the HTTP server. */
static uint64_t longpoll_stalled_since(const struct transport *transport)
{
	(void)transport;
	return 0;
}

/* An answer takes all that is queued: it becomes empty, never half full. */
static void longpoll_set_low(struct transport *transport, size_t low)
{
	(void)transport;
	(void)low;
}

static void longpoll_want_drain(struct transport *transport, bool want)
{
	longpoll_of(transport)->drain_wanted = want;
}

static void longpoll_pause(struct transport *transport)
{
	inbox_pause(&longpoll_of(transport)->inbox);
}

static void longpoll_resume(struct transport *transport)
{
	inbox_resume(&longpoll_of(transport)->inbox);
}

static const struct transport_ops longpoll_ops = {
	.name = "LongPolling",
	.framing = FRAMING_RAW,
	.inherent_keepalive = true,
	.send = longpoll_send,
	.close = longpoll_close,
	.abort = longpoll_abort,
	.queued = longpoll_queued,
	.stalled_since = longpoll_stalled_since,
	.set_low = longpoll_set_low,
	.want_drain = longpoll_want_drain,
	.pause = longpoll_pause,
	.resume = longpoll_resume,
};

struct transport *longpoll_open(struct longpoll_pool *pool, void (*ended)(void *ctx), void *ctx)
{
	struct longpoll *lp = mem_zalloc(sizeof(*lp));
	lp->base.ops = &longpoll_ops;
	lp->pool = pool;
	lp->ended = ended;
	lp->ended_ctx = ctx;
	queue_init(lp);
	inbox_init(&lp->inbox, pool->loop);
	loop_defer_init(&lp->flush, flush, lp);
	loop_defer_init(&lp->burial, bury, lp);
	enlist(lp);
	return &lp->base;
}

/* ---- the pool ---- */

static void sweep_pollless(struct list *list, uint64_t now, uint64_t timeout_us)
{
	LIST_FOREACH (list, node) {
		struct longpoll *lp = CONTAINER_OF(node, struct longpoll, in_pool);
		if (now - lp->since_us < timeout_us) {
			return;
		}
		if (!lp->answered) { /* else the HTTP server has its eyes on it */
			lose(lp, ERR_CLOSED);
		}
	}
}

static void sweep(void *ctx)
{
	struct longpoll_pool *pool = ctx;
	uint64_t now = loop_now_us(pool->loop);
	struct list_node *node;
	while ((node = list_first(&pool->parked)) != NULL) {
		struct longpoll *lp = CONTAINER_OF(node, struct longpoll, in_pool);
		if (now - lp->since_us < pool->params.poll_timeout_us) {
			break;
		}
		answer_empty(unpark(lp), 200);
	}
	sweep_pollless(&pool->away, now, pool->params.away_timeout_us);
	sweep_pollless(&pool->left, now, pool->params.close_timeout_us);
	if (!list_empty(&pool->parked) || !list_empty(&pool->away) || !list_empty(&pool->left)) {
		loop_timer_set(pool->sweep, sweep_interval(&pool->params));
	}
}

struct longpoll_pool *longpoll_pool_create(struct loop *loop, const struct longpoll_params *params)
{
	struct longpoll_pool *pool = mem_zalloc(sizeof(*pool));
	pool->loop = loop;
	pool->params = *params;
	list_init(&pool->parked);
	list_init(&pool->away);
	list_init(&pool->left);
	pool->sweep = loop_timer_create(loop, sweep, pool);
	return pool;
}

void longpoll_pool_set_params(struct longpoll_pool *pool, const struct longpoll_params *params)
{
	pool->params = *params;
}

static void abort_all(struct list *list)
{
	struct list_node *node;
	while ((node = list_first(list)) != NULL) {
		longpoll_abort(&CONTAINER_OF(node, struct longpoll, in_pool)->base);
	}
}

void longpoll_pool_abort(struct longpoll_pool *pool)
{
	abort_all(&pool->parked);
	abort_all(&pool->away);
	abort_all(&pool->left);
}

void longpoll_pool_destroy(struct longpoll_pool **pool)
{
	if (*pool == NULL) {
		return;
	}
	assert(list_empty(&(*pool)->parked) && list_empty(&(*pool)->away) &&
		list_empty(&(*pool)->left));
	loop_timer_destroy(&(*pool)->sweep);
	free(*pool);
	*pool = NULL;
}

size_t longpoll_pool_queued(const struct longpoll_pool *pool)
{
	return pool->queued;
}

size_t longpoll_pool_closing(const struct longpoll_pool *pool)
{
	size_t closing = 0;
	LIST_FOREACH (&pool->left, node) {
		const struct longpoll *lp = CONTAINER_OF(node, const struct longpoll, in_pool);
		closing += lp->count > 0 || lp->answered ? 1 : 0;
	}
	return closing;
}

void longpoll_pool_drop_closing(struct longpoll_pool *pool, size_t bytes)
{
	size_t dropped = 0;
	LIST_FOREACH (&pool->left, node) {
		struct longpoll *lp = CONTAINER_OF(node, struct longpoll, in_pool);
		if (dropped >= bytes) {
			return;
		}
		if (lp->poll == NULL && lp->bytes > 0) { /* else they leave now */
			dropped += lp->bytes;
			finish(lp);
		}
	}
}
