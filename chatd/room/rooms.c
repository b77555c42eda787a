#include "chatd/room/rooms.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/conn/conns.h"
#include "chatd/room/local_room.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

static struct bytes id_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct local_room, by_id)->info.id);
}

static struct bytes alias_key(const struct map_node *node)
{
	return bytes_str(CONTAINER_OF(node, const struct local_room, by_alias)->info.alias);
}

struct rooms *rooms_create(struct services *sv)
{
	struct rooms *rooms = mem_zalloc(sizeof(*rooms));
	rooms->sv = sv;
	map_init(&rooms->by_id, id_key);
	map_init(&rooms->by_alias, alias_key);
	return rooms;
}

void rooms_destroy(struct rooms **rooms)
{
	if (*rooms == NULL) {
		return;
	}
	assert((*rooms)->by_id.count == 0 && (*rooms)->pending == 0);
	map_finish(&(*rooms)->by_id);
	map_finish(&(*rooms)->by_alias);
	free(*rooms);
	*rooms = NULL;
}

size_t rooms_pending(const struct rooms *rooms)
{
	return rooms->pending;
}

/* ---- entries ---- */

const struct room_info *rooms_entry_info(const struct room_entry *entry)
{
	return &entry->room->info;
}

uint64_t rooms_entry_head(const struct room_entry *entry)
{
	uint64_t head = entry->room->info.last_seq;
	return head > entry->known ? head : entry->known;
}

struct room_entry *rooms_entry_by_id(const struct conn *conn, const struct uuid *id)
{
	LIST_FOREACH (&conn->rooms, node) {
		struct room_entry *entry = CONTAINER_OF(node, struct room_entry, in_conn);
		if (uuid_eq(&entry->room->info.id, id)) {
			return entry;
		}
	}
	return NULL;
}

struct room_entry *rooms_entry(const struct conn *conn, struct bytes ref)
{
	struct uuid id;
	char alias[65];
	if (uuid_parse(ref, &id) == 0) {
		return rooms_entry_by_id(conn, &id);
	}
	if (model_alias_fold(ref, alias) != 0) {
		return NULL;
	}
	const struct rooms *rooms = conn->sv->rooms;
	struct map_node *node = map_find(&rooms->by_alias, bytes_str(alias));
	if (node == NULL) {
		return NULL;
	}
	return rooms_entry_by_id(conn, &CONTAINER_OF(node, struct local_room, by_alias)->info.id);
}

static struct room_entry *entry_create(
	struct conn *conn, const struct room_info *info, enum entry_state state)
{
	struct room_entry *entry = mem_zalloc(sizeof(*entry));
	entry->conn = conn;
	entry->room = local_room_get(conn->sv->rooms, info);
	entry->state = state;
	entry->known = info->last_seq;
	entry->next = entry->from = info->last_seq + 1;
	entry->member_version = info->member_version;
	local_room_add(entry->room, entry);
	local_room_check_entry(entry->room, entry);
	list_append(&conn->rooms, &entry->in_conn);
	return entry;
}

void rooms_leave(struct room_entry **entry)
{
	struct room_entry *gone = *entry;
	*entry = NULL;
	if (gone == NULL) {
		return;
	}
	/* Whoever waited for it may ask for the room again at once: it must not be found any more.
	 */
	list_remove(&gone->in_conn);
	local_room_remove(gone->room, gone);
	entry_stop(gone);
	free(gone);
}

void rooms_drop(struct conn *conn)
{
	struct list_node *node;
	while ((node = list_first(&conn->rooms)) != NULL) {
		struct room_entry *entry = CONTAINER_OF(node, struct room_entry, in_conn);
		rooms_leave(&entry);
	}
}

static void hold(struct conn *conn)
{
	conn->hold_until_us = loop_now_us(conn->sv->loop) + conn->sv->conf->hub.restore_hold_us;
}

void rooms_restore(struct conn *conn, const struct room_row *rooms, size_t count)
{
	bool none = list_empty(&conn->rooms); /* else some were joined meanwhile */
	for (size_t i = 0; i < count; i++) {
		struct room_info info;
		room_info_of(&rooms[i], &info);
		if (none || rooms_entry_by_id(conn, &info.id) == NULL) {
			entry_create(conn, &info, ENTRY_HELD);
		}
	}
	if (!list_empty(&conn->rooms)) {
		hold(conn);
	}
}

static void entry_unhold(struct room_entry *entry)
{
	if (entry->state == ENTRY_HELD) {
		entry->state = ENTRY_CATCHING_UP;
		entry_catch_up(entry);
	}
}

void rooms_hold_over(struct conn *conn)
{
	LIST_FOREACH (&conn->rooms, node) {
		entry_unhold(CONTAINER_OF(node, struct room_entry, in_conn));
	}
}

struct room_entry *rooms_enter(struct conn *conn, const struct room_info *info, bool held)
{
	struct room_entry *entry = rooms_entry_by_id(conn, &info->id);
	if (entry == NULL) {
		entry = entry_create(conn, info, held ? ENTRY_HELD : ENTRY_CATCHING_UP);
		if (!held) {
			entry_catch_up(entry);
		}
	}
	return entry;
}

void rooms_on_drain(struct conn *conn)
{
	if (conn->catching_up == 0) {
		return; /* after every write of a busy connection: its rooms may be thousands */
	}
	LIST_FOREACH (&conn->rooms, node) {
		entry_on_drain(CONTAINER_OF(node, struct room_entry, in_conn));
	}
}

/* ---- naming a room ---- */

static bool same_epoch(const struct conn *conn, struct bytes epoch)
{
	return epoch.len == 0 || bytes_eq(epoch, bytes_str(conn->sv->store->epoch));
}

/* What is wanted from where on; *result gets what the client is told about it. */
static uint64_t attach_first(const struct room_entry *entry, const struct attach_request *request,
	struct attach_result *result)
{
	uint64_t head = result->last_seq;
	uint64_t live_from = entry->state == ENTRY_LIVE ? head + 1 : entry->next;
	result->recovered = true;
	if (!request->has_last) {
		return live_from;
	}
	if (!same_epoch(entry->conn, request->epoch) || request->last_seq > head) {
		result->recovered = false;
		return live_from > head ? live_from : head + 1;
	}
	if (head - request->last_seq > entry->conn->sv->conf->hub.recover_max) {
		result->recovered = false;
		result->gap_from = request->last_seq + 1;
		result->gap_to = head;
		return head + 1;
	}
	return request->last_seq + 1;
}

static int attach_wait(struct room_entry *entry, struct attach_result *result, uint64_t first,
	uint64_t last, struct catchup_waiter *waiter, bool older)
{
	result->from = first;
	result->to = last;
	waiter->until = last;
	entry_wait(entry, waiter, older);
	return 1;
}

/* The connection is past older numbers already: they are sent beside what is live, and none twice.
 */
static int attach_older(struct room_entry *entry, uint64_t first, struct attach_result *result,
	struct catchup_waiter *waiter)
{
	if (first >= entry->from) {
		return 0;
	}
	if (entry->older != NULL) { /* one at a time */
		result->recovered = false;
		result->gap_from = first;
		result->gap_to = entry->from - 1;
		return 0;
	}
	uint64_t last = entry->from - 1;
	entry->from = first;
	entry_send_older(entry, first, last);
	if (entry->older == NULL) {
		result->from = first;
		result->to = last;
		return 0;
	}
	return attach_wait(entry, result, first, last, waiter, true);
}

/* What is on its way already is sent before the answer. */
static int attach_running(struct room_entry *entry, uint64_t first, struct attach_result *result,
	struct catchup_waiter *waiter)
{
	uint64_t last = rooms_entry_head(entry);
	if (entry->state == ENTRY_CATCHING_UP && entry->catchup == NULL) {
		entry_catch_up(entry); /* the participants are being read: it goes on after that */
	}
	if (entry->catchup == NULL || result->from != 0) {
		return 0;
	}
	if (first < entry->next) {
		first = entry->next;
	}
	return first > last ? 0 : attach_wait(entry, result, first, last, waiter, false);
}

int rooms_attach(struct room_entry *entry, const struct attach_request *request,
	struct attach_result *ret_result, struct catchup_waiter *waiter)
{
	*ret_result = (struct attach_result){.last_seq = rooms_entry_head(entry)};
	uint64_t first = attach_first(entry, request, ret_result);
	if (entry->state != ENTRY_HELD) {
		int waits = attach_older(entry, first, ret_result, waiter);
		return waits != 0 ? waits : attach_running(entry, first, ret_result, waiter);
	}
	entry->state = ENTRY_CATCHING_UP;
	entry->next = entry->from = first;
	entry_catch_up(entry);
	uint64_t head = ret_result->last_seq;
	if (first > head) {
		return 0;
	}
	if (entry->catchup == NULL) {
		ret_result->from = first;
		ret_result->to = head;
		return 0;
	}
	return attach_wait(entry, ret_result, first, head, waiter, false);
}

/* ---- events ---- */

static void on_messages(struct rooms *rooms, const struct room_event *event)
{
	struct local_room *room = local_room_find(rooms, &event->info.id);
	if (room == NULL || room->state == LOCAL_JOINING) {
		return; /* the home's answer will say where the head is */
	}
	if (event->last_seq <= room->info.last_seq) {
		return;
	}
	if (room->state == LOCAL_FOLLOWING &&
		event->info.member_version != room->info.member_version) {
		local_room_check_members(room);
	}
	room->info.member_version = event->info.member_version;
	if (room->state == LOCAL_FOLLOWING) {
		fanout_messages(room, event);
	}
	room->info.last_seq = event->last_seq;
	if (room->has_ahead) {
		room->has_ahead = false;
		local_room_catch_up_all(room);
	}
}

/* A change that was told in its turn raised the version by so much; where that is not what came,
 * another one was missed. */
static void note_version(struct local_room *room, uint64_t version, uint64_t by)
{
	if (room->state == LOCAL_FOLLOWING && version != room->info.member_version + by) {
		room->info.member_version = version;
		local_room_check_members(room);
		return;
	}
	room->info.member_version = version;
}

static void on_added(struct rooms *rooms, const struct room_event *event)
{
	struct local_room *room = local_room_find(rooms, &event->info.id);
	if (room == NULL || room->state == LOCAL_JOINING) {
		return;
	}
	local_room_set(room, &event->info);
	fanout_notice(room, event, &event->user);
	note_version(room, event->info.member_version, 1);
}

static void send_one(struct conn *conn, struct outmsg *msg)
{
	struct outmsg_local *local = outmsg_local_create(msg);
	conn_send_local(conn, local);
	outmsg_local_done(&local);
}

/* Another device joined. Where the client could not name rooms yet, or is just naming one, it has
 * the first word about where it begins, as with those that are restored. */
static void bind_one(struct conn *conn, const struct room_event *event)
{
	bool held = conn->state == CONN_OPENING || conn->naming > 0;
	rooms_enter(conn, &event->info, held);
	if (held && conn->state == CONN_OPEN && conn->hold_until_us == 0) {
		hold(conn);
	}
	send_one(conn, event->msg);
}

static void on_bound(struct rooms *rooms, const struct room_event *event)
{
	struct conn_user *user = conns_user(rooms->sv->conns, &event->user);
	if (user == NULL) {
		return;
	}
	LIST_FOREACH (&user->conns, node) {
		struct conn *conn = CONTAINER_OF(node, struct conn, in_user);
		bool ready = conn->state == CONN_OPEN || conn->state == CONN_OPENING;
		if (ready && !uuid_eq(&conn->id, &event->except)) {
			bind_one(conn, event);
		}
	}
}

/* told: those that are not HELD know of it. */
static void drop_user(struct rooms *rooms, const struct room_event *event, bool told)
{
	struct conn_user *user = conns_user(rooms->sv->conns, &event->user);
	if (user == NULL) {
		return;
	}
	LIST_FOREACH (&user->conns, node) {
		struct conn *conn = CONTAINER_OF(node, struct conn, in_user);
		struct room_entry *entry = rooms_entry_by_id(conn, &event->info.id);
		if (entry == NULL) {
			continue;
		}
		bool knows = told && entry->state != ENTRY_HELD;
		rooms_leave(&entry);
		if (!knows && !uuid_eq(&conn->id, &event->except)) {
			send_one(conn, event->msg);
		}
	}
}

static void on_removed(struct rooms *rooms, const struct room_event *event)
{
	struct local_room *room = local_room_find(rooms, &event->info.id);
	if (room == NULL) {
		return;
	}
	bool told = room->state != LOCAL_JOINING;
	if (told) {
		local_room_set(room, &event->info);
		fanout_notice(room, event, NULL);
		note_version(room, event->info.member_version, 1);
	}
	drop_user(rooms, event, told);
}

static void on_updated(struct rooms *rooms, struct room_event *event)
{
	struct local_room *room = local_room_find(rooms, &event->info.id);
	if (room == NULL || room->state == LOCAL_JOINING) {
		return; /* the home's answer will say how it is set */
	}
	local_room_set(room, &event->info);
	note_version(room, event->info.member_version, event->raised ? 1 : 0);
	local_room_notify(room, event);
}

static void on_notice(struct rooms *rooms, struct room_event *event)
{
	struct local_room *room = local_room_find(rooms, &event->info.id);
	if (room == NULL || room->state == LOCAL_JOINING) {
		return;
	}
	note_version(room, event->info.member_version, 0);
	local_room_notify(room, event);
}

/* For good, whatever it is doing here: an id is never used again. */
static void on_deleted(struct rooms *rooms, const struct room_event *event)
{
	struct local_room *room = local_room_find(rooms, &event->info.id);
	if (room != NULL) {
		local_room_end(room, event->msg);
	}
}

void rooms_receive(void *ctx, struct bus_event *base)
{
	struct rooms *rooms = ctx;
	struct room_event *event = CONTAINER_OF(base, struct room_event, base);
	switch ((enum room_event_kind)base->kind) {
	case ROOM_MESSAGES:
		on_messages(rooms, event);
		break;
	case ROOM_MEMBER_ADDED:
		on_added(rooms, event);
		break;
	case ROOM_MEMBER_BOUND:
		on_bound(rooms, event);
		break;
	case ROOM_MEMBER_REMOVED:
		on_removed(rooms, event);
		break;
	case ROOM_UPDATED:
		on_updated(rooms, event);
		break;
	case ROOM_DELETED:
		on_deleted(rooms, event);
		break;
	case ROOM_NOTICE:
		on_notice(rooms, event);
		break;
	}
}
