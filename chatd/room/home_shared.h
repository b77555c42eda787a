/* Rooms that other instances serve as well, on a store that they share: what those stored and
 * changed is found there. On the home's worker, but for home_hear(). */
#ifndef CHATD_ROOM_HOME_SHARED_H
#define CHATD_ROOM_HOME_SHARED_H

#include "chatd/op/services.h"
#include "lib/store/store.h"

struct home_heads;

/* Compares, each second, the heads of the rooms that somebody here follows with the store's: what
 * is missing is read, a membership that nobody told of is read anew, and where a head is below what
 * was delivered the store is told. NULL where nobody else writes to the store. */
struct home_heads *home_heads_create(struct services *sv);
/* The process ends: nothing is asked any more. NULL is accepted, as by home_heads_destroy(). */
void home_heads_stop(struct home_heads *heads);
/* The store must have answered everything. */
void home_heads_destroy(struct home_heads **heads);

/* What another instance did to a room, and what the store says of the room since. On the heap, with
 * find.call.arena. */
struct home_news {
	struct mail mail;
	struct services *home;
	struct store_change change; /* not CHANGE_USER_BARRED */
	struct store_room_find find; /* answered; has_user where the change is about one */
	bool gone; /* there is no such room any more */
};
/* Brings it to the room's home, which tells the members that are here, and frees it. Any worker; sv
 * is the caller's. */
void home_hear(struct services *sv, struct home_news *news);

#endif
