#include "chatd/room/home.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/room/home_call.h"
#include "chatd/room/home_room.h"
#include "chatd/room/home_shared.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/metrics/metrics.h"

/* Messages of one batch; more wait for the next. */
#define BATCH_MAX 1024
/* Messages that may wait for their batch. */
#define QUEUE_MAX 16384
/* How long, and how often, a commit of unknown fate is tried again under the same keys. */
#define UNCERTAIN_US 10000000
#define UNCERTAIN_PAUSE_US 200000
/* A room that nobody asked for so long is forgotten. */
#define IDLE_US 60000000
#define IDLE_SWEEP_US 10000000

struct homes {
	struct services *sv;
	struct map rooms;
	struct list queue; /* home_send */
	size_t queued;
	size_t changes; /* of rooms, under way in the store */
	struct loop_defer gather;
	struct loop_timer *again, *idle;
	bool in_flight;
	bool stopped; /* nothing is tried again */
	struct log_rate trouble;
	struct home_heads *heads; /* NULL: nobody else writes to the store */
	struct store_append append;
	struct arena *arena; /* of append: why the store failed */
	struct append_item items[BATCH_MAX];
	struct home_send *sends[BATCH_MAX];
};

static void homes_gather(void *ctx);

/* ---- the way to the home and back ---- */

static void call_return(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	call->done(call, call->err);
}

void home_call_answer(struct home_call *call, int err)
{
	call->err = err;
	if (call->from == call->home) {
		call->done(call, err);
	} else {
		mailbox_post(services_mailbox(call->from), &call->mail, call_return);
	}
}

void home_call_go(struct services *sv, struct home_call *call, const struct uuid *room,
	home_done_fn done, mail_fn run)
{
	call->from = sv;
	call->home = sv->peers[services_home_of(sv, room)];
	call->done = done;
	mailbox_post(services_mailbox(call->home), &call->mail, run);
}

/* ---- rooms ---- */

static struct bytes room_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct home_room, node)->id);
}

struct home_room *homes_find(const struct homes *homes, const struct uuid *id)
{
	struct map_node *node = map_find(&homes->rooms, uuid_bytes(id));
	return node != NULL ? CONTAINER_OF(node, struct home_room, node) : NULL;
}

struct home_room *homes_room(struct homes *homes, const struct uuid *id)
{
	struct home_room *room = homes_find(homes, id);
	if (room == NULL) {
		room = home_room_create(homes->sv, id);
		map_insert(&homes->rooms, &room->node);
	}
	return room;
}

struct visiting {
	void (*visit)(struct home_room *room, void *ctx);
	void *ctx;
};

static void room_visit(struct map_node *node, void *ctx)
{
	const struct visiting *visiting = ctx;
	visiting->visit(CONTAINER_OF(node, struct home_room, node), visiting->ctx);
}

void homes_each(struct homes *homes, void (*visit)(struct home_room *room, void *ctx), void *ctx)
{
	struct visiting visiting = {visit, ctx};
	map_each(&homes->rooms, room_visit, &visiting);
}

static void room_visit_idle(struct map_node *node, void *ctx)
{
	struct homes *homes = ctx;
	struct home_room *room = CONTAINER_OF(node, struct home_room, node);
	if (home_room_idle(room, loop_now_us(homes->sv->loop), IDLE_US)) {
		map_remove(&homes->rooms, node);
		home_room_destroy(&room);
	}
}

static void homes_forget_idle(void *ctx)
{
	struct homes *homes = ctx;
	map_each(&homes->rooms, room_visit_idle, homes);
	loop_timer_set(homes->idle, IDLE_SWEEP_US);
}

/* ---- messages ---- */

/* The room whose feed has something new, or NULL. A repeat is new where its first try was committed
 * without an answer. */
static struct home_room *homes_take_stored(struct homes *homes, const struct append_item *item)
{
	struct home_room *room = NULL;
	if (item->outcome == APPEND_STORED) {
		homes->sv->metrics->messages_stored++;
		room = homes_room(homes, &item->room);
		home_room_stored(room, item);
	} else if (item->outcome == APPEND_REPEATED) {
		room = homes_find(homes, &item->room);
		if (room != NULL) {
			home_room_repeated(room, item);
		}
	}
	return room;
}

static void homes_publish_batch(struct homes *homes, size_t count)
{
	struct list touched;
	list_init(&touched);
	for (size_t i = 0; i < count; i++) {
		const struct append_item *item = &homes->items[i];
		struct home_room *room = homes_take_stored(homes, item);
		if (room == NULL) {
			continue;
		}
		if (!list_linked(&room->touched)) {
			list_append(&touched, &room->touched);
		}
	}
	struct list_node *node;
	while ((node = list_pop(&touched)) != NULL) {
		home_room_flush(CONTAINER_OF(node, struct home_room, touched));
	}
}

/* Whether it took effect was unknown, and may still be: only an answer of the store settles that.
 */
static bool send_tries_again(struct home_send *send, int err, uint64_t now)
{
	if (send->give_up_us == 0 && err == ERR_UNCERTAIN) {
		send->give_up_us = now + UNCERTAIN_US;
	}
	return send->give_up_us > now;
}

/* Those of unknown fate go before all others, in their order, so that one of the two tries wins. */
static void homes_try_again(struct homes *homes, struct list *again)
{
	struct list_node *node;
	if (list_empty(again)) {
		return;
	}
	while ((node = again->head.prev) != &again->head) {
		list_remove(node);
		list_prepend(&homes->queue, node);
		homes->queued++;
	}
	loop_timer_set(homes->again, UNCERTAIN_PAUSE_US);
}

/* Those of unknown fate are tried again under the same keys. The rest is told. */
static void homes_fail_batch(struct homes *homes, size_t count, int err)
{
	uint64_t now = loop_now_us(homes->sv->loop);
	struct list again;
	list_init(&again);
	for (size_t i = 0; i < count; i++) {
		struct home_send *send = homes->sends[i];
		if (send_tries_again(send, err, now) && !homes->stopped) {
			list_append(&again, &send->node);
		} else {
			home_call_answer(&send->call, send->give_up_us != 0 ? ERR_UNCERTAIN : err);
		}
	}
	homes_try_again(homes, &again);
	loop_defer(homes->sv->loop, &homes->gather, LOOP_GATHER);
}

/* What failed now, but may have been stored by an earlier try, is still of unknown fate. */
static bool is_in_doubt(const struct home_send *send, const struct append_item *item)
{
	return send->give_up_us != 0 && item->outcome == APPEND_FAILED &&
	       item->err != ERR_BAD_REQUEST;
}

static void homes_answer_batch(struct homes *homes, size_t count)
{
	uint64_t now = loop_now_us(homes->sv->loop);
	struct list again;
	list_init(&again);
	for (size_t i = 0; i < count; i++) {
		struct home_send *send = homes->sends[i];
		if (!is_in_doubt(send, &homes->items[i])) {
			send->item = homes->items[i];
			home_call_answer(&send->call, 0);
		} else if (send->give_up_us > now && !homes->stopped) {
			list_append(&again, &send->node);
		} else {
			home_call_answer(&send->call, ERR_UNCERTAIN);
		}
	}
	homes_try_again(homes, &again);
}

static void homes_log_failure(struct homes *homes, size_t count, int err)
{
	char room[UUID_TEXT_SIZE];
	uint64_t more;
	if (!log_rate_allows(&homes->trouble, loop_now_us(homes->sv->loop), &more)) {
		return;
	}
	uuid_format(&homes->sends[0]->item.room, room);
	log_event(LOG_ERROR, "messages not stored", LOG_STR("error", err_code(err)),
		LOG_STR("why", homes->append.call.why), LOG_INT("count", count),
		LOG_STR("room", room), LOG_INT("more", more));
}

static void homes_on_append(struct store_call *call, int err)
{
	struct homes *homes =
		CONTAINER_OF(CONTAINER_OF(call, struct store_append, call), struct homes, append);
	size_t count = homes->append.count;
	homes->in_flight = false;
	if (err != 0) {
		homes_log_failure(homes, count, err);
		homes_fail_batch(homes, count, err);
		return;
	}
	homes->sv->metrics->store_batches++;
	if (call->why != NULL) { /* some of them failed */
		homes_log_failure(homes, count, ERR_PARTIAL);
	}
	homes_publish_batch(homes, count);
	homes_answer_batch(homes, count);
	loop_defer(homes->sv->loop, &homes->gather, LOOP_GATHER);
}

/* One batch is under way at a time; what arrives meanwhile is the next. */
static void homes_gather(void *ctx)
{
	struct homes *homes = ctx;
	size_t count = 0;
	if (homes->in_flight || loop_timer_armed(homes->again)) {
		return;
	}
	while (count < BATCH_MAX && !list_empty(&homes->queue)) {
		struct home_send *send =
			CONTAINER_OF(list_pop(&homes->queue), struct home_send, node);
		homes->sends[count] = send;
		homes->items[count++] = send->item;
	}
	if (count == 0) {
		return;
	}
	homes->queued -= count;
	arena_reset(homes->arena);
	store_call_init(
		&homes->append.call, services_mailbox(homes->sv), homes->arena, homes_on_append);
	homes->append.items = homes->items;
	homes->append.count = count;
	homes->in_flight = true;
	int err = store_append(homes->sv->store, &homes->append);
	if (err != 0) {
		homes->in_flight = false;
		homes->append.call.why = NULL;
		homes_log_failure(homes, count, err);
		homes_fail_batch(homes, count, err);
	}
}

static void send_take(struct homes *homes, struct home_send *send)
{
	if (homes->queued >= QUEUE_MAX) {
		/* By mail even to ourselves: the caller is never answered inside its call. */
		send->call.err = ERR_BUSY;
		mailbox_post(services_mailbox(send->call.from), &send->call.mail, call_return);
		return;
	}
	list_append(&homes->queue, &send->node);
	homes->queued++;
	loop_defer(homes->sv->loop, &homes->gather, LOOP_GATHER);
}

static void send_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	send_take(call->home->homes, CONTAINER_OF(call, struct home_send, call));
}

void home_send(struct services *sv, struct home_send *send, home_done_fn done)
{
	struct services *home = sv->peers[services_home_of(sv, &send->item.room)];
	if (home == sv) {
		send->call = (struct home_call){.from = sv, .home = sv, .done = done};
		send_take(sv->homes, send);
		return;
	}
	home_call_go(sv, &send->call, &send->item.room, done, send_run);
}

/* ---- subscriptions ---- */

static void subscribe_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_subscribe *subscribe = CONTAINER_OF(call, struct home_subscribe, call);
	struct services *sv = call->home;
	struct home_room *room = homes_room(sv->homes, &subscribe->info.id);
	if (room->deleted) {
		home_call_answer(call, ERR_NOT_FOUND);
		return;
	}
	bus_subscribe(sv->bus, &subscribe->info.id, call->from->worker);
	home_room_subscribed(room, &subscribe->info);
	home_call_answer(call, 0);
}

void home_subscribe(struct services *sv, struct home_subscribe *subscribe, home_done_fn done)
{
	home_call_go(sv, &subscribe->call, &subscribe->info.id, done, subscribe_run);
}

struct unsubscribe_mail {
	struct mail mail;
	struct services *home;
	unsigned worker;
	struct uuid room;
};

static void unsubscribe_run(struct mail *mail)
{
	struct unsubscribe_mail *gone = CONTAINER_OF(mail, struct unsubscribe_mail, mail);
	struct services *sv = gone->home;
	bus_unsubscribe(sv->bus, &gone->room, gone->worker);
	struct home_room *room = homes_find(sv->homes, &gone->room);
	if (room != NULL) {
		home_room_unsubscribed(room);
	}
	free(gone);
}

void home_unsubscribe(struct services *sv, const struct uuid *room)
{
	struct unsubscribe_mail *gone = mem_zalloc(sizeof(*gone));
	gone->home = sv->peers[services_home_of(sv, room)];
	gone->worker = sv->worker;
	gone->room = *room;
	mailbox_post(services_mailbox(gone->home), &gone->mail, unsubscribe_run);
}

/* ---- the whole ---- */

static void homes_again(void *ctx)
{
	struct homes *homes = ctx;
	loop_defer(homes->sv->loop, &homes->gather, LOOP_GATHER);
}

struct homes *homes_create(struct services *sv)
{
	struct homes *homes = mem_zalloc(sizeof(*homes));
	homes->sv = sv;
	homes->arena = arena_create(0);
	map_init(&homes->rooms, room_key);
	list_init(&homes->queue);
	loop_defer_init(&homes->gather, homes_gather, homes);
	homes->again = loop_timer_create(sv->loop, homes_again, homes);
	homes->idle = loop_timer_create(sv->loop, homes_forget_idle, homes);
	loop_timer_set(homes->idle, IDLE_SWEEP_US);
	homes->heads = home_heads_create(sv);
	return homes;
}

static void room_visit_free(struct map_node *node, void *ctx)
{
	struct homes *homes = ctx;
	struct home_room *room = CONTAINER_OF(node, struct home_room, node);
	map_remove(&homes->rooms, node);
	home_room_destroy(&room);
}

void homes_destroy(struct homes **homes)
{
	struct homes *gone = *homes;
	*homes = NULL;
	if (gone == NULL) {
		return;
	}
	assert(!gone->in_flight && list_empty(&gone->queue));
	loop_defer_cancel(&gone->gather);
	home_heads_destroy(&gone->heads);
	loop_timer_destroy(&gone->again);
	loop_timer_destroy(&gone->idle);
	map_each(&gone->rooms, room_visit_free, gone);
	map_finish(&gone->rooms);
	arena_destroy(&gone->arena);
	free(gone);
}

void homes_stop(struct homes *homes)
{
	homes->stopped = true;
	home_heads_stop(homes->heads);
	loop_timer_cancel(homes->again);
	struct list_node *node;
	while ((node = list_pop(&homes->queue)) != NULL) {
		struct home_send *send = CONTAINER_OF(node, struct home_send, node);
		homes->queued--;
		home_call_answer(
			&send->call, send->give_up_us != 0 ? ERR_UNCERTAIN : ERR_UNAVAILABLE);
	}
}

void homes_change_begins(struct homes *homes)
{
	homes->changes++;
}

void homes_change_ends(struct homes *homes)
{
	homes->changes--;
}

size_t homes_pending(const struct homes *homes)
{
	return homes->queued + homes->changes + (homes->in_flight ? homes->append.count : 0);
}
