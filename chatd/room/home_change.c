/* Changes of rooms and their participants at the room's home: each is stored, then told in its
 * place among the room's messages. */
#include <stdlib.h>

#include "chatd/bus/bus.h"
#include "chatd/room/home_call.h"
#include "chatd/room/home_tell.h"
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

static void change_answered(struct home_call *call, const struct uuid *room, int err)
{
	struct services *sv = call->home;
	homes_change_ends(sv->homes);
	if (err == ERR_UNCERTAIN) {
		home_tell_again(sv, room);
	}
	home_call_answer(call, err);
}

/* ---- a user enters ---- */

static void join_publish(const struct home_join *join)
{
	home_tell_joined(
		join->call.home, &join->add.row, &join->add.user, &join->except, join->invited);
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

static void leave_done(struct store_call *call, int err)
{
	struct store_member_remove *remove = CONTAINER_OF(call, struct store_member_remove, call);
	struct home_leave *leave = CONTAINER_OF(remove, struct home_leave, remove);
	if (err == 0) {
		home_tell_left(leave->call.home, &remove->row, &remove->user, &leave->except);
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
		home_tell_updated(home->call.home, &update->row, update->changed, false);
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
		home_tell_updated(home->call.home, &role->row, role->changed, true);
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
		home_tell_deleted(sv, &remove->room);
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
		struct room_event *event = room_event_create(ROOM_NOTICE, &info, notice->msg);
		bus_publish(sv->bus, &info.id, &event->base);
		notice->msg = NULL;
	}
	home_call_answer(call, 0);
}

void home_notice(struct services *sv, struct home_notice *notice, home_done_fn done)
{
	home_call_go(sv, &notice->call, &notice->room, done, notice_run);
}
