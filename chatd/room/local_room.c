#include "chatd/room/local_room.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/room/home.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

/* While the store does not answer, the participants are asked for again after this. */
#define CHECK_RETRY_US 500000
/* Notices that may wait until the participants are known; further ones are dropped. */
#define NOTICES_MAX 256

/* A question to the home, which may outlive the room. */
struct subscription {
	struct home_subscribe subscribe;
	struct rooms *rooms;
};

/* Reading a room's participants, which may outlive the room. */
struct member_check {
	struct store_member_list list;
	struct rooms *rooms;
};

void local_room_set_state(struct local_room *room, enum local_room_state state)
{
	room->state = state;
}

struct local_room *local_room_find(struct rooms *rooms, const struct uuid *id)
{
	struct map_node *node = map_find(&rooms->by_id, uuid_bytes(id));
	return node != NULL ? CONTAINER_OF(node, struct local_room, by_id) : NULL;
}

/* The room was deleted, and this worker was not told, or not yet. */
static void end_missing(struct local_room *room)
{
	struct arena *arena = arena_create(0);
	struct hub_message notice = render_room_deleted(arena, &room->info.id);
	struct outmsg *msg = room_encode(room->rooms->sv->codecs, &notice);
	arena_destroy(&arena);
	local_room_end(room, msg);
	outmsg_unref(&msg);
}

static void subscription_take(struct local_room *room, const struct room_info *info)
{
	local_room_set(room, info);
	room->info.last_seq = info->last_seq;
	if (room->info.member_version != info->member_version) {
		room->info.member_version = info->member_version;
		local_room_check_members(room);
	} else {
		local_room_set_state(room, LOCAL_FOLLOWING);
		local_room_catch_up_all(room);
	}
}

static void subscription_done(struct home_call *call, int err)
{
	struct home_subscribe *subscribe = CONTAINER_OF(call, struct home_subscribe, call);
	struct subscription *asked = CONTAINER_OF(subscribe, struct subscription, subscribe);
	struct rooms *rooms = asked->rooms;
	assert(err == 0 || err == ERR_NOT_FOUND);
	rooms->pending--;
	struct local_room *room = local_room_find(rooms, &subscribe->info.id);
	if (room == NULL || room->asked != asked) {
		free(asked); /* gone meanwhile, or gone and made again: that one has asked for
				itself */
		return;
	}
	room->asked = NULL;
	if (err != 0) {
		end_missing(room);
	} else {
		subscription_take(room, &subscribe->info);
	}
	free(asked);
}

struct local_room *local_room_get(struct rooms *rooms, const struct room_info *info)
{
	struct local_room *room = local_room_find(rooms, &info->id);
	if (room != NULL) {
		local_room_set(room, info);
		return room;
	}
	room = mem_zalloc(sizeof(*room));
	room->rooms = rooms;
	room->info = *info;
	list_init(&room->notices);
	map_insert(&rooms->by_id, &room->by_id);
	local_room_list(room, false);
	struct subscription *asked = mem_zalloc(sizeof(*asked));
	asked->rooms = rooms;
	asked->subscribe.info = *info;
	room->asked = asked;
	rooms->pending++;
	home_subscribe(rooms->sv, &asked->subscribe, subscription_done);
	return room;
}

/* ---- notices ---- */

struct waiting_notice {
	struct list_node node;
	struct room_event *event;
};

static struct room_event *notices_pop(struct local_room *room)
{
	struct list_node *node = list_pop(&room->notices);
	if (node == NULL) {
		return NULL;
	}
	struct waiting_notice *waiting = CONTAINER_OF(node, struct waiting_notice, node);
	struct room_event *event = waiting->event;
	free(waiting);
	room->notice_count--;
	return event;
}

static void notices_drop(struct local_room *room)
{
	struct room_event *event;
	while ((event = notices_pop(room)) != NULL) {
		bus_event_unref(&event->base);
	}
}

static void notices_send(struct local_room *room)
{
	struct room_event *event;
	while ((event = notices_pop(room)) != NULL) {
		fanout_notice(room, event, NULL);
		bus_event_unref(&event->base);
	}
}

void local_room_notify(struct local_room *room, struct room_event *event)
{
	if (room->state != LOCAL_CHECKING) {
		fanout_notice(room, event, NULL);
	} else if (room->notice_count < NOTICES_MAX) {
		struct waiting_notice *waiting = mem_zalloc(sizeof(*waiting));
		bus_event_ref(&event->base);
		waiting->event = event;
		list_append(&room->notices, &waiting->node);
		room->notice_count++;
	}
}

/* ---- entries ---- */

static void local_room_free(struct local_room *room)
{
	struct rooms *rooms = room->rooms;
	home_unsubscribe(rooms->sv, &room->info.id);
	map_remove(&rooms->by_id, &room->by_id);
	local_room_unlist(room);
	notices_drop(room);
	loop_timer_destroy(&room->check_retry);
	free(room->entries);
	free(room);
}

void local_room_add(struct local_room *room, struct room_entry *entry)
{
	if (room->count == room->cap) {
		room->cap = room->cap == 0 ? 2 : room->cap * 2;
		room->entries = mem_realloc(room->entries, room->cap * sizeof(struct room_entry *));
	}
	entry->index = room->count;
	room->entries[room->count++] = entry;
}

void local_room_remove(struct local_room *room, struct room_entry *entry)
{
	assert(room->entries[entry->index] == entry);
	struct room_entry *last = room->entries[--room->count];
	room->entries[entry->index] = last;
	last->index = entry->index;
	if (room->count == 0) {
		local_room_free(room);
	}
}

/* Whoever waits for an entry is told, and may go on with its connection: the room is looked for
 * anew each time. */
void local_room_end(struct local_room *room, struct outmsg *msg)
{
	struct rooms *rooms = room->rooms;
	struct uuid id = room->info.id;
	fanout_all(room, msg);
	while ((room = local_room_find(rooms, &id)) != NULL) {
		struct room_entry *entry = room->entries[room->count - 1];
		rooms_leave(&entry);
	}
}

void local_room_catch_up_all(struct local_room *room)
{
	for (uint32_t i = 0; i < room->count; i++) {
		struct room_entry *entry = room->entries[i];
		if (entry->state == ENTRY_CATCHING_UP) {
			entry_catch_up(entry);
		}
		entry_on_drain(entry);
	}
}

/* ---- a missed change of membership ---- */

static bool is_listed(const struct store_member_list *list, const struct uuid *user)
{
	for (size_t i = 0; i < list->count; i++) {
		if (uuid_eq(&list->members[i].user, user)) {
			return true;
		}
	}
	return false;
}

/* Its user was removed, and this worker was not told. */
static void drop_stranger(struct room_entry *entry)
{
	struct conn *conn = entry->conn;
	struct uuid room = entry->room->info.id;
	rooms_leave(&entry);
	struct arena *arena = arena_create(0);
	struct hub_message notice =
		render_member_notice(arena, "UserLeft", &conn->principal->user_id, &room);
	conn_send(conn, &notice);
	arena_destroy(&arena);
}

/* Entries of users that are no participants any more go, not those of users who joined after the
 * list was read. false: the room went with the last one. */
static bool drop_strangers(struct local_room *room, const struct store_member_list *list)
{
	uint32_t i = 0;
	while (i < room->count) {
		struct room_entry *entry = room->entries[i];
		if (entry->member_version > list->member_version ||
			is_listed(list, &entry->conn->principal->user_id)) {
			i++;
			continue;
		}
		bool last = room->count == 1;
		drop_stranger(entry);
		if (last) {
			return false;
		}
	}
	return true;
}

static void check_again(void *ctx)
{
	local_room_check_members(ctx);
}

static void check_later(struct local_room *room)
{
	if (room->check_retry == NULL) {
		room->check_retry = loop_timer_create(room->rooms->sv->loop, check_again, room);
	}
	loop_timer_set(room->check_retry, CHECK_RETRY_US);
}

/* The participants are known as of version. */
static void check_settled(struct local_room *room, uint64_t version)
{
	if (version < room->info.member_version) {
		local_room_check_members(room); /* one more change came while they were read */
		return;
	}
	local_room_set_state(room, LOCAL_FOLLOWING);
	notices_send(room);
	local_room_catch_up_all(room);
}

static void check_done(struct store_call *call, int err)
{
	struct store_member_list *list = CONTAINER_OF(call, struct store_member_list, call);
	struct member_check *check = CONTAINER_OF(list, struct member_check, list);
	struct rooms *rooms = check->rooms;
	rooms->pending--;
	struct local_room *room = local_room_find(rooms, &list->room);
	if (room != NULL && room->check == check) {
		room->check = NULL;
		if (err == ERR_NOT_FOUND) {
			end_missing(room);
		} else if (err != 0) {
			check_later(room);
		} else if (drop_strangers(room, list)) {
			check_settled(room, list->member_version);
		}
	}
	arena_destroy(&check->list.call.arena);
	free(check);
}

/* The question to the store, or NULL where it takes none now. */
static struct member_check *members_read(struct local_room *room, store_done_fn done)
{
	struct services *sv = room->rooms->sv;
	struct member_check *check = mem_zalloc(sizeof(*check));
	check->rooms = room->rooms;
	check->list.room = room->info.id;
	store_call_init(&check->list.call, services_mailbox(sv), arena_create(4096), done);
	if (store_member_list(sv->store, &check->list) != 0) {
		arena_destroy(&check->list.call.arena);
		free(check);
		return NULL;
	}
	room->rooms->pending++;
	return check;
}

void local_room_check_members(struct local_room *room)
{
	local_room_set_state(room, LOCAL_CHECKING);
	for (uint32_t i = 0; i < room->count; i++) {
		struct room_entry *entry = room->entries[i];
		if (entry->state == ENTRY_LIVE) {
			entry->state = ENTRY_CATCHING_UP;
			entry->next = room->info.last_seq + 1;
		}
	}
	room->check = members_read(room, check_done);
	if (room->check == NULL) {
		check_later(room);
	}
}

/* ---- an entry that came too late ---- */

static void audit_start(struct local_room *room, uint64_t version);

static void audit_done(struct store_call *call, int err)
{
	struct store_member_list *list = CONTAINER_OF(call, struct store_member_list, call);
	struct member_check *check = CONTAINER_OF(list, struct member_check, list);
	struct local_room *room = local_room_find(check->rooms, &list->room);
	uint64_t version = room != NULL ? room->audit_version : 0;
	check->rooms->pending--;
	if (version != 0) {
		room->audit_version = 0;
		if (err != 0) { /* tried again there, where it may help */
			local_room_check_members(room);
		} else if (drop_strangers(room, list) && list->member_version < version) {
			audit_start(room, version);
		}
	}
	arena_destroy(&check->list.call.arena);
	free(check);
}

static void audit_start(struct local_room *room, uint64_t version)
{
	bool under_way = room->audit_version != 0;
	room->audit_version = version;
	if (under_way) {
		return;
	}
	if (members_read(room, audit_done) == NULL) {
		room->audit_version = 0;
		local_room_check_members(room);
	}
}

void local_room_check_entry(struct local_room *room, const struct room_entry *entry)
{
	if (entry->member_version >= room->info.member_version) {
		return;
	}
	if (room->state == LOCAL_JOINING) {
		/* The home's answer will differ from it, and then they are read. */
		room->info.member_version = entry->member_version;
	} else {
		audit_start(room, room->info.member_version);
	}
}
