#include "chatd/room/home.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/room/home_room.h"
#include "chatd/room/render.h"
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
	size_t calls; /* membership changes under way */
	struct loop_defer gather;
	struct loop_timer *again, *idle;
	bool in_flight;
	bool stopped; /* nothing is tried again */
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

static void call_answer(struct home_call *call, int err)
{
	call->err = err;
	if (call->from == call->home) {
		call->done(call, err);
	} else {
		mailbox_post(services_mailbox(call->from), &call->mail, call_return);
	}
}

static void call_go(struct services *sv, struct home_call *call, const struct uuid *room,
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

static struct home_room *homes_room(struct homes *homes, const struct uuid *id)
{
	struct map_node *node = map_find(&homes->rooms, uuid_bytes(id));
	if (node != NULL) {
		return CONTAINER_OF(node, struct home_room, node);
	}
	struct home_room *room = home_room_create(homes->sv, id);
	map_insert(&homes->rooms, &room->node);
	return room;
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

static void homes_answer_batch(struct homes *homes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct home_send *send = homes->sends[i];
		send->item = homes->items[i];
		call_answer(&send->call, 0);
	}
}

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
		struct map_node *node = map_find(&homes->rooms, uuid_bytes(&item->room));
		room = node != NULL ? CONTAINER_OF(node, struct home_room, node) : NULL;
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

/* Those of unknown fate are tried again under the same keys, before all others: one of the two
 * wins. The rest is told. */
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
			call_answer(&send->call, send->give_up_us != 0 ? ERR_UNCERTAIN : err);
		}
	}
	struct list_node *node;
	while ((node = again.head.prev) != &again.head) {
		list_remove(node);
		list_prepend(&homes->queue, node);
		homes->queued++;
		loop_timer_set(homes->again, UNCERTAIN_PAUSE_US);
	}
	loop_defer(homes->sv->loop, &homes->gather, LOOP_GATHER);
}

static void homes_log_failure(const struct homes *homes, size_t count, int err)
{
	log_event(LOG_ERROR, "messages not stored", LOG_STR("error", err_code(err)),
		LOG_STR("why", homes->append.call.why), LOG_INT("count", count));
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
	call_go(sv, &send->call, &send->item.room, done, send_run);
}

/* ---- membership ---- */

static void join_publish(const struct home_join *join)
{
	struct services *sv = join->call.home;
	struct room_info info;
	room_info_of(&join->add.row, &info);
	struct home_room *room = homes_room(sv->homes, &info.id);
	home_room_member_version(room, info.member_version);
	struct arena *arena = arena_create(0);
	struct hub_message notice =
		render_member_notice(arena, "UserJoined", &join->add.user, &info.id);
	struct outmsg *msg = room_encode(&notice);
	struct room_event *told = room_event_create(ROOM_MEMBER_ADDED, &info, outmsg_ref(msg));
	told->user = join->add.user;
	if (join->invited) {
		outmsg_unref(&msg);
		struct hub_message created = render_room_created(arena, &join->add.row);
		msg = room_encode(&created);
	}
	struct room_event *bound = room_event_create(ROOM_MEMBER_BOUND, &info, msg);
	bound->user = join->add.user;
	bound->except = join->except;
	arena_destroy(&arena);
	bus_broadcast(sv->bus, &bound->base);
	bus_publish(sv->bus, &info.id, &told->base);
}

static void join_done(struct store_call *call, int err)
{
	struct store_member_add *add = CONTAINER_OF(call, struct store_member_add, call);
	struct home_join *join = CONTAINER_OF(add, struct home_join, add);
	join->call.home->homes->calls--;
	if (err == 0 && add->added) {
		join_publish(join);
	}
	call_answer(&join->call, err);
}

static void join_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_join *join = CONTAINER_OF(call, struct home_join, call);
	struct services *sv = call->home;
	if (join->announce) {
		join_publish(join);
		call_answer(call, 0);
		return;
	}
	store_call_init(&join->add.call, services_mailbox(sv), join->arena, join_done);
	int err = store_member_add(sv->store, &join->add);
	if (err != 0) {
		call_answer(call, err);
		return;
	}
	sv->homes->calls++;
}

void home_join(struct services *sv, struct home_join *join, home_done_fn done)
{
	call_go(sv, &join->call, &join->add.room, done, join_run);
}

static void leave_publish(const struct home_leave *leave)
{
	struct services *sv = leave->call.home;
	struct room_info info;
	room_info_of(&leave->remove.row, &info);
	struct home_room *room = homes_room(sv->homes, &info.id);
	home_room_member_version(room, info.member_version);
	struct arena *arena = arena_create(0);
	struct hub_message notice =
		render_member_notice(arena, "UserLeft", &leave->remove.user, &info.id);
	struct room_event *event =
		room_event_create(ROOM_MEMBER_REMOVED, &info, room_encode(&notice));
	event->user = leave->remove.user;
	event->except = leave->except;
	arena_destroy(&arena);
	bus_publish(sv->bus, &info.id, &event->base);
}

static void leave_done(struct store_call *call, int err)
{
	struct store_member_remove *remove = CONTAINER_OF(call, struct store_member_remove, call);
	struct home_leave *leave = CONTAINER_OF(remove, struct home_leave, remove);
	leave->call.home->homes->calls--;
	if (err == 0) {
		leave_publish(leave);
	}
	call_answer(&leave->call, err);
}

static void leave_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_leave *leave = CONTAINER_OF(call, struct home_leave, call);
	struct services *sv = call->home;
	store_call_init(&leave->remove.call, services_mailbox(sv), leave->arena, leave_done);
	int err = store_member_remove(sv->store, &leave->remove);
	if (err != 0) {
		call_answer(call, err);
		return;
	}
	sv->homes->calls++;
}

void home_leave(struct services *sv, struct home_leave *leave, home_done_fn done)
{
	call_go(sv, &leave->call, &leave->remove.room, done, leave_run);
}

/* ---- subscriptions ---- */

static void subscribe_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_subscribe *subscribe = CONTAINER_OF(call, struct home_subscribe, call);
	struct services *sv = call->home;
	struct home_room *room = homes_room(sv->homes, &subscribe->info.id);
	bus_subscribe(sv->bus, &subscribe->info.id, call->from->worker);
	home_room_subscribed(room, &subscribe->info);
	call_answer(call, 0);
}

void home_subscribe(struct services *sv, struct home_subscribe *subscribe, home_done_fn done)
{
	call_go(sv, &subscribe->call, &subscribe->info.id, done, subscribe_run);
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
	struct map_node *node = map_find(&sv->homes->rooms, uuid_bytes(&gone->room));
	if (node != NULL) {
		home_room_unsubscribed(CONTAINER_OF(node, struct home_room, node));
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
	loop_timer_cancel(homes->again);
	struct list_node *node;
	while ((node = list_pop(&homes->queue)) != NULL) {
		struct home_send *send = CONTAINER_OF(node, struct home_send, node);
		homes->queued--;
		call_answer(&send->call, send->give_up_us != 0 ? ERR_UNCERTAIN : ERR_UNAVAILABLE);
	}
}

size_t homes_pending(const struct homes *homes)
{
	return homes->queued + homes->calls + (homes->in_flight ? homes->append.count : 0);
}
