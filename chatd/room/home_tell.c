#include "chatd/room/home_tell.h"

#include <stdlib.h>

#include "chatd/bus/bus.h"
#include "chatd/room/home_call.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

/* What is delivered before the change goes first. false: the room was deleted since, and its
 * members know. */
static bool change_begin(struct services *sv, const struct room_info *info)
{
	struct home_room *room = homes_room(sv->homes, &info->id);
	if (room->deleted) {
		return false;
	}
	home_room_changed(room, info);
	return true;
}

static void publish(struct services *sv, struct room_event *event)
{
	bus_publish(sv->bus, &event->info.id, &event->base);
}

void home_tell_updated(struct services *sv, const struct room_row *row, bool changed, bool raised)
{
	struct room_info info;
	room_info_of(row, &info);
	const struct home_room *room = homes_room(sv->homes, &info.id);
	bool known =
		info.version <= room->set.version && info.member_version <= room->member_version;
	if ((!changed && known) || !change_begin(sv, &info)) {
		return;
	}
	struct arena *arena = arena_create(0);
	struct hub_message notice = render_room_updated(arena, row);
	struct room_event *event =
		room_event_create(ROOM_UPDATED, &info, room_encode(sv->codecs, &notice));
	event->raised = raised && changed;
	arena_destroy(&arena);
	publish(sv, event);
}

void home_tell_deleted(struct services *sv, const struct uuid *id)
{
	struct home_room *room = homes_room(sv->homes, id);
	if (room->deleted) {
		return;
	}
	home_room_delete(room);
	struct arena *arena = arena_create(0);
	struct hub_message notice = render_room_deleted(arena, id);
	struct room_info info = {.id = *id};
	struct room_event *event =
		room_event_create(ROOM_DELETED, &info, room_encode(sv->codecs, &notice));
	arena_destroy(&arena);
	publish(sv, event);
}

/* ---- participants ---- */

static struct outmsg *joined_encode(const struct services *sv, const struct room_row *row,
	const struct uuid *user, bool invited)
{
	struct arena *arena = arena_create(0);
	struct hub_message message =
		invited ? render_room_created(arena, row)
			: render_member_notice(arena, "UserJoined", user, &row->id);
	struct outmsg *msg = room_encode(sv->codecs, &message);
	arena_destroy(&arena);
	return msg;
}

void home_tell_joined(struct services *sv, const struct room_row *row, const struct uuid *user,
	const struct uuid *except, bool invited)
{
	struct room_info info;
	room_info_of(row, &info);
	if (!change_begin(sv, &info)) {
		return;
	}
	struct outmsg *msg = joined_encode(sv, row, user, false);
	struct room_event *told = room_event_create(ROOM_MEMBER_ADDED, &info, outmsg_ref(msg));
	told->user = *user;
	if (invited) {
		outmsg_unref(&msg);
		msg = joined_encode(sv, row, user, true);
	}
	struct room_event *bound = room_event_create(ROOM_MEMBER_BOUND, &info, msg);
	bound->user = *user;
	bound->except = *except;
	bus_broadcast(sv->bus, &bound->base);
	publish(sv, told);
}

void home_tell_left(struct services *sv, const struct room_row *row, const struct uuid *user,
	const struct uuid *except)
{
	struct room_info info;
	room_info_of(row, &info);
	if (!change_begin(sv, &info)) {
		return;
	}
	struct arena *arena = arena_create(0);
	struct hub_message notice = render_member_notice(arena, "UserLeft", user, &info.id);
	struct room_event *event =
		room_event_create(ROOM_MEMBER_REMOVED, &info, room_encode(sv->codecs, &notice));
	event->user = *user;
	event->except = *except;
	arena_destroy(&arena);
	publish(sv, event);
}

/* ---- a change of unknown fate ---- */

/* The room is read, so that its members learn of what may have been committed. */
struct doubt {
	struct store_room_find find;
	struct services *sv;
	struct uuid room;
	char ref[UUID_TEXT_SIZE];
};

static void doubt_end(struct doubt *doubt)
{
	arena_destroy(&doubt->find.call.arena);
	free(doubt);
}

/* Where reading fails too, the next message will show a change of the participants. */
static void doubt_done(struct store_call *call, int err)
{
	struct store_room_find *find = CONTAINER_OF(call, struct store_room_find, call);
	struct doubt *doubt = CONTAINER_OF(find, struct doubt, find);
	homes_change_ends(doubt->sv->homes);
	if (err == 0) {
		home_tell_updated(doubt->sv, &find->room, false, false);
	} else if (err == ERR_NOT_FOUND) {
		home_tell_deleted(doubt->sv, &doubt->room);
	}
	doubt_end(doubt);
}

void home_tell_again(struct services *sv, const struct uuid *room)
{
	if (homes_find(sv->homes, room) == NULL) {
		return; /* nobody here knows anything of it */
	}
	struct doubt *doubt = mem_zalloc(sizeof(*doubt));
	doubt->sv = sv;
	doubt->room = *room;
	uuid_format(room, doubt->ref);
	doubt->find.ref = bytes_str(doubt->ref);
	store_call_init(&doubt->find.call, services_mailbox(sv), arena_create(0), doubt_done);
	if (store_room_find(sv->store, &doubt->find) != 0) {
		doubt_end(doubt);
		return;
	}
	homes_change_begins(sv->homes);
}
