#include "chatd/conn/conns.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/bars.h"
#include "chatd/auth/limits.h"
#include "chatd/conn/queues.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/metrics/metrics.h"

/* Deadlines are looked at this often, or four times within the shortest of them. */
#define SWEEP_MAX_US 1000000
#define SWEEP_MIN_US 10000
/* Of send_queue: less than this part in one queue is no reason to look at all of them. */
#define WEIGHT_PART 16

struct conns {
	struct services *sv;
	void (*on_hold_over)(struct conn *conn);
	struct map by_id;
	struct map users;
	struct list all;
	struct list graves; /* ended ones, freed at the end of the turn */
	struct list over; /* whose send queue passed its bound in this turn */
	struct list left; /* whose peer has got its last answer */
	struct list resumed; /* whose held input goes on */
	struct list barred; /* whose users are kept out */
	struct loop_defer burial, dropping, parting, resuming, barring;
	struct loop_timer *sweep;
	struct queues *queues;
	struct outmsg *pings[HUB_CODEC_COUNT];
	uint64_t drain_at_us, drain_step_us; /* when the next one is closed, 0: not draining */
	uint64_t leave_until_us; /* those that are leaving are closed then, answered or not */
};

static struct bytes conn_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct conn, by_id)->id);
}

static struct bytes user_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct conn_user, node)->id);
}

static void conns_bury_all(void *ctx)
{
	struct conns *conns = ctx;
	struct list_node *node;
	while ((node = list_pop(&conns->graves)) != NULL) {
		struct conn *conn = CONTAINER_OF(node, struct conn, in_conns);
		if (conn->scratch != NULL) {
			arena_destroy(&conn->scratch);
		}
		buf_finish(&conn->input);
		principal_unref(&conn->principal);
		free(conn);
	}
}

static void conns_drop_over(void *ctx)
{
	struct conns *conns = ctx;
	struct list_node *node;
	while ((node = list_pop(&conns->over)) != NULL) {
		struct conn *conn = CONTAINER_OF(node, struct conn, in_over);
		if (conn_queued(conn) > conns->sv->conf->limits.send_queue) {
			conn_drop_slow(conn);
		}
	}
}

static void conns_part(void *ctx)
{
	struct conns *conns = ctx;
	struct list_node *node;
	while ((node = list_pop(&conns->left)) != NULL) {
		conn_end_left(CONTAINER_OF(node, struct conn, in_left));
	}
}

static void conns_resume(void *ctx)
{
	struct conns *conns = ctx;
	struct list_node *node;
	while ((node = list_pop(&conns->resumed)) != NULL) {
		conn_take_input(CONTAINER_OF(node, struct conn, in_resumed));
	}
}

/* Where the bar was lifted in the same turn, it stays. */
static void conns_close_barred(void *ctx)
{
	struct conns *conns = ctx;
	struct list_node *node;
	while ((node = list_pop(&conns->barred)) != NULL) {
		struct conn *conn = CONTAINER_OF(node, struct conn, in_barred);
		char why[BARS_WHY_SIZE];
		char text[BARS_WHY_SIZE + 64];
		int err = bars_check(conns->sv->bars, conn->principal, why);
		if (err != 0) {
			snprintf(text, sizeof(text), "Connection closed: %s: %s.", err_code(err),
				why);
			conn_close(conn, text, false);
		}
	}
}

/* Whether it will be closed. */
static bool conns_bar(struct conns *conns, struct conn *conn)
{
	char why[BARS_WHY_SIZE];
	if (bars_check(conns->sv->bars, conn->principal, why) == 0) {
		return false;
	}
	if (!list_linked(&conn->in_barred)) {
		list_append(&conns->barred, &conn->in_barred);
		loop_defer(conns->sv->loop, &conns->barring, LOOP_GATHER);
	}
	return true;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t sweep_interval(const struct conf *conf)
{
	uint64_t us = least(conf->hub.handshake_timeout_us, conf->hub.client_timeout_us);
	us = least(us, conf->hub.keepalive_us);
	us = least(us, conf->hub.restore_hold_us > 0 ? conf->hub.restore_hold_us : us);
	us = least(us, conf->limits.send_stall_us) / 4;
	us = least(us, SWEEP_MAX_US);
	return us < SWEEP_MIN_US ? SWEEP_MIN_US : us;
}

static void conns_ping(struct conns *conns, struct conn *conn)
{
	unsigned id = conn->codec->id;
	if (conns->pings[id] == NULL) {
		struct hub_message ping = {.type = HUB_PING};
		conns->pings[id] = outmsg_single(conn->codec, &ping);
	}
	struct outmsg_local *local = outmsg_local_create(conns->pings[id]);
	conn_send_local(conn, local);
	outmsg_local_done(&local);
}

/* A reader that takes nothing for too long, or lets too much pile up, is closed; it comes back by
 * its sequence numbers. */
static bool conn_is_slow(const struct conn *conn, const struct conf *conf, uint64_t now)
{
	uint64_t since = conn->transport->ops->stalled_since(conn->transport);
	if (since != 0 && now > since && now - since >= conf->limits.send_stall_us) {
		return true;
	}
	return conn_queued(conn) > conf->limits.send_queue;
}

static bool conn_expired(const struct conn *conn, int64_t wall_ms)
{
	return wall_ms >= conn->principal->expires_ms;
}

static void conns_let_go(struct conns *conns, struct conn *conn, uint64_t now)
{
	if (conn->peer_left) {
		if (now >= conn->leave_by_us) {
			conn_end_left(conn);
		}
	} else if (now >= conns->leave_until_us) {
		conn_close(conn, NULL, true);
	} else {
		conn_leave(conn);
	}
}

static void conns_hold_over(struct conns *conns, struct conn *conn, uint64_t now)
{
	if (conn->hold_until_us != 0 && now >= conn->hold_until_us && conn->naming == 0) {
		conn->hold_until_us = 0;
		conns->on_hold_over(conn);
	}
}

/* One connection's deadlines. It may end here. */
static void conns_look_at(struct conns *conns, struct conn *conn, uint64_t now, int64_t wall_ms)
{
	const struct conf *conf = conns->sv->conf;
	if (conn->leaving) {
		conns_let_go(conns, conn, now);
		return;
	}
	if (conn->state == CONN_HANDSHAKE) {
		if (now - conn->opened_us >= conf->hub.handshake_timeout_us) {
			conn_expire_handshake(conn);
		}
		return;
	}
	if (conn_expired(conn, wall_ms)) {
		conn_close(conn, "Connection closed: the token has expired.", true);
		return;
	}
	if (conn_is_slow(conn, conf, now)) {
		conn_drop_slow(conn);
		return;
	}
	if (conn->transport->ops->inherent_keepalive) {
		conns_hold_over(conns, conn, now);
		return;
	}
	if (conn->client_pings && !conn->paused &&
		now - conn->last_received_us >= conf->hub.client_timeout_us) {
		conn_fail(conn,
			"OperationCanceledException: Client hasn't sent a message/ping within "
			"the configured ClientTimeoutInterval.");
		return;
	}
	if (now - conn->last_ping_us >= conf->hub.keepalive_us) {
		conn->last_ping_us = now;
		conns_ping(conns, conn);
	}
	conns_hold_over(conns, conn, now);
}

static void conns_drain_some(struct conns *conns, uint64_t now)
{
	LIST_FOREACH (&conns->all, node) {
		struct conn *conn = CONTAINER_OF(node, struct conn, in_conns);
		if (conns->drain_at_us == 0 || now < conns->drain_at_us) {
			return;
		}
		if (!conn->leaving) {
			conn_leave(conn);
			conns->drain_at_us += conns->drain_step_us;
		}
	}
}

static void conns_sweep(void *ctx)
{
	struct conns *conns = ctx;
	uint64_t now = loop_now_us(conns->sv->loop);
	int64_t wall_ms = clock_wall_ms(conns->sv->clock);
	LIST_FOREACH (&conns->all, node) {
		conns_look_at(conns, CONTAINER_OF(node, struct conn, in_conns), now, wall_ms);
	}
	queues_bound(conns->queues);
	conns_drain_some(conns, now);
	uint64_t next = sweep_interval(conns->sv->conf);
	if (conns->drain_at_us != 0) {
		next = SWEEP_MIN_US;
	}
	loop_timer_set(conns->sweep, next);
}

struct conns *conns_create(struct services *sv, void (*on_hold_over)(struct conn *conn))
{
	struct conns *conns = mem_zalloc(sizeof(*conns));
	conns->sv = sv;
	conns->on_hold_over = on_hold_over;
	map_init(&conns->by_id, conn_key);
	map_init(&conns->users, user_key);
	list_init(&conns->all);
	list_init(&conns->graves);
	list_init(&conns->over);
	list_init(&conns->left);
	list_init(&conns->resumed);
	list_init(&conns->barred);
	loop_defer_init(&conns->barring, conns_close_barred, conns);
	loop_defer_init(&conns->parting, conns_part, conns);
	loop_defer_init(&conns->resuming, conns_resume, conns);
	loop_defer_init(&conns->dropping, conns_drop_over, conns);
	loop_defer_init(&conns->burial, conns_bury_all, conns);
	conns->sweep = loop_timer_create(sv->loop, conns_sweep, conns);
	conns->queues = queues_create(sv);
	loop_timer_set(conns->sweep, sweep_interval(sv->conf));
	return conns;
}

void conns_destroy(struct conns **conns)
{
	struct conns *gone = *conns;
	*conns = NULL;
	if (gone == NULL) {
		return;
	}
	assert(list_empty(&gone->all));
	loop_defer_cancel(&gone->burial);
	loop_defer_cancel(&gone->dropping);
	loop_defer_cancel(&gone->parting);
	loop_defer_cancel(&gone->resuming);
	loop_defer_cancel(&gone->barring);
	conns_bury_all(gone);
	loop_timer_destroy(&gone->sweep);
	queues_destroy(&gone->queues);
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		outmsg_unref(&gone->pings[id]);
	}
	map_finish(&gone->by_id);
	map_finish(&gone->users);
	free(gone);
}

size_t conns_count(const struct conns *conns)
{
	return conns->by_id.count;
}

struct conn *conns_find(const struct conns *conns, const struct uuid *id)
{
	struct map_node *node = map_find(&conns->by_id, uuid_bytes(id));
	return node != NULL ? CONTAINER_OF(node, struct conn, by_id) : NULL;
}

struct conn_user *conns_user(const struct conns *conns, const struct uuid *user)
{
	struct map_node *node = map_find(&conns->users, uuid_bytes(user));
	return node != NULL ? CONTAINER_OF(node, struct conn_user, node) : NULL;
}

void conns_drain(struct conns *conns, uint64_t spread_us)
{
	uint64_t now = loop_now_us(conns->sv->loop);
	size_t count = conns_count(conns);
	conns->drain_step_us = count > 0 ? spread_us / count : 0;
	conns->drain_at_us = now;
	conns->leave_until_us = now + conns->sv->conf->server.drain_timeout_us / 2;
	conns_drain_some(conns, now);
	loop_timer_set(conns->sweep, SWEEP_MIN_US);
}

void conns_undrain(struct conns *conns)
{
	conns->drain_at_us = 0;
}

void conns_abort_all(struct conns *conns)
{
	LIST_FOREACH (&conns->all, node) {
		conn_abort(CONTAINER_OF(node, struct conn, in_conns));
	}
}

size_t conns_bar_user(struct conns *conns, const struct uuid *user_id)
{
	struct conn_user *user = conns_user(conns, user_id);
	size_t count = 0;
	if (user == NULL) {
		return 0;
	}
	LIST_FOREACH (&user->conns, node) {
		count += conns_bar(conns, CONTAINER_OF(node, struct conn, in_user)) ? 1 : 0;
	}
	return count;
}

void conns_each(struct conns *conns, void (*visit)(struct conn *conn, void *ctx), void *ctx)
{
	LIST_FOREACH (&conns->all, node) {
		visit(CONTAINER_OF(node, struct conn, in_conns), ctx);
	}
}

/* The gauge that the connection counts in. */
static uint64_t *counter_of(struct metrics *m, const struct conn *conn)
{
	uint64_t *const counters[FRAMING_COUNT][1 + HUB_CODEC_COUNT] = {
		[FRAMING_WS] = {&m->ws_none, &m->ws_json, &m->ws_messagepack},
		[FRAMING_SSE] = {&m->sse_none, &m->sse_json, &m->sse_messagepack},
		[FRAMING_RAW] = {&m->poll_none, &m->poll_json, &m->poll_messagepack},
	};
	unsigned codec = conn->codec != NULL ? 1U + conn->codec->id : 0;
	return counters[conn->transport->ops->framing][codec];
}

void conns_count_in(struct conns *conns, struct conn *conn)
{
	if (conn->counter != NULL) {
		(*conn->counter)--;
	}
	conn->counter = counter_of(conns->sv->metrics, conn);
	(*conn->counter)++;
}

void conns_add(struct conns *conns, struct conn *conn)
{
	map_insert(&conns->by_id, &conn->by_id);
	list_append(&conns->all, &conn->in_conns);
	struct conn_user *user = conns_user(conns, &conn->principal->user_id);
	if (user == NULL) {
		user = mem_zalloc(sizeof(*user));
		user->id = conn->principal->user_id;
		list_init(&user->conns);
		map_insert(&conns->users, &user->node);
	}
	conn->user = user;
	list_append(&user->conns, &conn->in_user);
	conns_count_in(conns, conn);
	conns_bar(conns, conn); /* since his token was looked at he may have been barred */
}

void conns_remove(struct conns *conns, struct conn *conn)
{
	map_remove(&conns->by_id, &conn->by_id);
	list_remove(&conn->in_conns);
	list_remove(&conn->in_user);
	list_remove(&conn->in_over);
	list_remove(&conn->in_left);
	list_remove(&conn->in_resumed);
	list_remove(&conn->in_barred);
	if (list_empty(&conn->user->conns)) {
		map_remove(&conns->users, &conn->user->node);
		free(conn->user);
	}
	conn->user = NULL;
	(*conn->counter)--;
	limits_leave(conns->sv->limits);
}

void conns_weigh(struct conns *conns, struct conn *conn)
{
	const size_t max = conns->sv->conf->limits.send_queue;
	size_t queued = conn_queued(conn);
	if (queued <= max / WEIGHT_PART) {
		return;
	}
	queues_look_soon(conns->queues);
	if (queued > max && !list_linked(&conn->in_over)) {
		list_append(&conns->over, &conn->in_over);
		/* Behind the write: what the peer takes at once is not held against it. */
		loop_defer(conns->sv->loop, &conns->dropping, LOOP_FLUSH);
	}
}

void conns_mark_left(struct conns *conns, struct conn *conn)
{
	if (!list_linked(&conn->in_left)) {
		list_append(&conns->left, &conn->in_left);
		loop_defer(conns->sv->loop, &conns->parting, LOOP_GATHER);
	}
}

void conns_mark_resumed(struct conns *conns, struct conn *conn)
{
	if (!list_linked(&conn->in_resumed)) {
		list_append(&conns->resumed, &conn->in_resumed);
		loop_defer(conns->sv->loop, &conns->resuming, LOOP_GATHER);
	}
}

void conns_bury(struct conns *conns, struct conn *conn)
{
	list_append(&conns->graves, &conn->in_conns);
	loop_defer(conns->sv->loop, &conns->burial, LOOP_FLUSH);
}
