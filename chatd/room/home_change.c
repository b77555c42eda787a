/* Changes of rooms and their participants at the room's home: each is stored, then told in its
 * place among the room's messages. */
#include <stdlib.h>

#include "chatd/bus/bus.h"
#include "chatd/room/home_call.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"

/* ---- what they have in common ---- */

/* What the store was asked for, or refused at once. */
static void change_asked(struct home_call *call, int err)
{
	if (err != 0) {
		home_call_answer(call, err);
		return;
	}
	homes_change_begins(call->home->homes);
}

/* A change was stored; what is delivered before it goes first. false: the room was deleted since,
 * and its members know. */
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

/* Also where nothing changed, but the row is younger than what is known here: then the change was
 * one whose fate was unknown, and nobody was told. */
static void updated_publish(
	struct services *sv, const struct room_row *row, bool changed, bool raised)
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
	struct room_event *event = room_event_create(ROOM_UPDATED, &info, room_encode(&notice));
	event->raised = raised && changed;
	arena_destroy(&arena);
	publish(sv, event);
}

static void delete_publish(struct services *sv, const struct uuid *id)
{
	struct home_room *room = homes_room(sv->homes, id);
	if (room->deleted) {
		return;
	}
	home_room_delete(room);
	struct arena *arena = arena_create(0);
	struct hub_message notice = render_room_deleted(arena, id);
	struct room_info info = {.id = *id};
	struct room_event *event = room_event_create(ROOM_DELETED, &info, room_encode(&notice));
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
		updated_publish(doubt->sv, &find->room, false, false);
	} else if (err == ERR_NOT_FOUND) {
		delete_publish(doubt->sv, &doubt->room);
	}
	doubt_end(doubt);
}

static void doubt_settle(struct services *sv, const struct uuid *room)
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

static void change_answered(struct home_call *call, const struct uuid *room, int err)
{
	struct services *sv = call->home;
	homes_change_ends(sv->homes);
	if (err == ERR_UNCERTAIN) {
		doubt_settle(sv, room);
	}
	home_call_answer(call, err);
}

/* ---- a user enters ---- */

static struct outmsg *join_encode(const struct home_join *join, bool created)
{
	struct arena *arena = arena_create(0);
	struct hub_message message = created ? render_room_created(arena, &join->add.row)
					     : render_member_notice(arena, "UserJoined",
						       &join->add.user, &join->add.row.id);
	struct outmsg *msg = room_encode(&message);
	arena_destroy(&arena);
	return msg;
}

static void join_publish(const struct home_join *join)
{
	struct services *sv = join->call.home;
	struct room_info info;
	room_info_of(&join->add.row, &info);
	if (!change_begin(sv, &info)) {
		return;
	}
	struct outmsg *msg = join_encode(join, false);
	struct room_event *told = room_event_create(ROOM_MEMBER_ADDED, &info, outmsg_ref(msg));
	told->user = join->add.user;
	if (join->invited) {
		outmsg_unref(&msg);
		msg = join_encode(join, true);
	}
	struct room_event *bound = room_event_create(ROOM_MEMBER_BOUND, &info, msg);
	bound->user = join->add.user;
	bound->except = join->except;
	bus_broadcast(sv->bus, &bound->base);
	publish(sv, told);
}

static void join_done(struct store_call *call, int err)
{
	struct store_member_add *add = CONTAINER_OF(call, struct store_member_add, call);
	struct home_join *join = CONTAINER_OF(add, struct home_join, add);
	if (err == 0 && add->added) {
		join_publish(join);
	}
	change_answered(&join->call, &add->room, err);
}

static void join_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_join *join = CONTAINER_OF(call, struct home_join, call);
	struct services *sv = call->home;
	if (join->announce) {
		join_publish(join);
		home_call_answer(call, 0);
		return;
	}
	store_call_init(&join->add.call, services_mailbox(sv), join->arena, join_done);
	change_asked(call, store_member_add(sv->store, &join->add));
}

void home_join(struct services *sv, struct home_join *join, home_done_fn done)
{
	home_call_go(sv, &join->call, &join->add.room, done, join_run);
}

/* ---- a user leaves ---- */

static void leave_publish(const struct home_leave *leave)
{
	struct services *sv = leave->call.home;
	struct room_info info;
	room_info_of(&leave->remove.row, &info);
	if (!change_begin(sv, &info)) {
		return;
	}
	struct arena *arena = arena_create(0);
	struct hub_message notice =
		render_member_notice(arena, "UserLeft", &leave->remove.user, &info.id);
	struct room_event *event =
		room_event_create(ROOM_MEMBER_REMOVED, &info, room_encode(&notice));
	event->user = leave->remove.user;
	event->except = leave->except;
	arena_destroy(&arena);
	publish(sv, event);
}

static void leave_done(struct store_call *call, int err)
{
	struct store_member_remove *remove = CONTAINER_OF(call, struct store_member_remove, call);
	struct home_leave *leave = CONTAINER_OF(remove, struct home_leave, remove);
	if (err == 0) {
		leave_publish(leave);
	}
	change_answered(&leave->call, &remove->room, err);
}

static void leave_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_leave *leave = CONTAINER_OF(call, struct home_leave, call);
	struct services *sv = call->home;
	store_call_init(&leave->remove.call, services_mailbox(sv), leave->arena, leave_done);
	change_asked(call, store_member_remove(sv->store, &leave->remove));
}

void home_leave(struct services *sv, struct home_leave *leave, home_done_fn done)
{
	home_call_go(sv, &leave->call, &leave->remove.room, done, leave_run);
}

/* ---- what is set of a room, and roles ---- */

static void update_done(struct store_call *call, int err)
{
	struct store_room_update *update = CONTAINER_OF(call, struct store_room_update, call);
	struct home_update *home = CONTAINER_OF(update, struct home_update, update);
	if (err == 0) {
		updated_publish(home->call.home, &update->row, update->changed, false);
	}
	change_answered(&home->call, &update->room, err);
}

static void update_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_update *update = CONTAINER_OF(call, struct home_update, call);
	struct services *sv = call->home;
	store_call_init(&update->update.call, services_mailbox(sv), update->arena, update_done);
	change_asked(call, store_room_update(sv->store, &update->update));
}

void home_update(struct services *sv, struct home_update *update, home_done_fn done)
{
	home_call_go(sv, &update->call, &update->update.room, done, update_run);
}

static void role_done(struct store_call *call, int err)
{
	struct store_member_role *role = CONTAINER_OF(call, struct store_member_role, call);
	struct home_role *home = CONTAINER_OF(role, struct home_role, role);
	if (err == 0) {
		updated_publish(home->call.home, &role->row, role->changed, true);
	}
	change_answered(&home->call, &role->room, err);
}

static void role_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_role *role = CONTAINER_OF(call, struct home_role, call);
	struct services *sv = call->home;
	store_call_init(&role->role.call, services_mailbox(sv), role->arena, role_done);
	change_asked(call, store_member_role(sv->store, &role->role));
}

void home_role(struct services *sv, struct home_role *role, home_done_fn done)
{
	home_call_go(sv, &role->call, &role->role.room, done, role_run);
}

/* ---- a room is deleted ---- */

static void delete_done(struct store_call *call, int err)
{
	struct store_room_delete *remove = CONTAINER_OF(call, struct store_room_delete, call);
	struct home_delete *home = CONTAINER_OF(remove, struct home_delete, remove);
	struct services *sv = home->call.home;
	/* To the operator, who sees every room, a missing one is one that is gone. */
	bool gone = err == ERR_NOT_FOUND && !remove->actor.has_by &&
		    homes_find(sv->homes, &remove->room) != NULL;
	if (err == 0 || gone) {
		delete_publish(sv, &remove->room);
	}
	change_answered(&home->call, &remove->room, err);
}

static void delete_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_delete *remove = CONTAINER_OF(call, struct home_delete, call);
	struct services *sv = call->home;
	store_call_init(&remove->remove.call, services_mailbox(sv), remove->arena, delete_done);
	change_asked(call, store_room_delete(sv->store, &remove->remove));
}

void home_delete(struct services *sv, struct home_delete *remove, home_done_fn done)
{
	home_call_go(sv, &remove->call, &remove->remove.room, done, delete_run);
}

/* ---- something without a number ---- */

static void notice_run(struct mail *mail)
{
	struct home_call *call = CONTAINER_OF(mail, struct home_call, mail);
	struct home_notice *notice = CONTAINER_OF(call, struct home_notice, call);
	struct services *sv = call->home;
	struct home_room *room = homes_find(sv->homes, &notice->room);
	if (room == NULL || room->deleted) {
		outmsg_unref(&notice->msg);
	} else {
		home_room_flush(room);
		struct room_info info = {
			.id = notice->room,
			.member_version = room->member_version,
		};
		publish(sv, room_event_create(ROOM_NOTICE, &info, notice->msg));
		notice->msg = NULL;
	}
	home_call_answer(call, 0);
}

void home_notice(struct services *sv, struct home_notice *notice, home_done_fn done)
{
	home_call_go(sv, &notice->call, &notice->room, done, notice_run);
}
