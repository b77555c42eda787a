/* The way of a call to a room's home and back, and the home's rooms: what home.c has for the other
 * files of the home. For chatd/room only. */
#ifndef CHATD_ROOM_HOME_CALL_H
#define CHATD_ROOM_HOME_CALL_H

#include "chatd/room/home.h"
#include "chatd/room/home_room.h"

/* Brings a call to the home of room, where run gets its mail. */
void home_call_go(struct services *sv, struct home_call *call, const struct uuid *room,
	home_done_fn done, mail_fn run);
/* Brings it back, on the home: done runs on the caller's worker, inside where that is the home's
 * own. */
void home_call_answer(struct home_call *call, int err);

/* The room at this home, made where it is not there. */
struct home_room *homes_room(struct homes *homes, const struct uuid *id);
/* The same, or NULL. */
struct home_room *homes_find(const struct homes *homes, const struct uuid *id);
/* Calls visit for each room at this home; it must not add or remove any. */
void homes_each(struct homes *homes, void (*visit)(struct home_room *room, void *ctx), void *ctx);
/* A change of a room was handed to the store, or answered: it counts as pending in between. */
void homes_change_begins(struct homes *homes);
void homes_change_ends(struct homes *homes);

#endif
