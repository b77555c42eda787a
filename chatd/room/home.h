/* The home side of rooms: on one worker each (services_home_of) a room's messages are combined into
 * batches, its order is made, holes are filled, membership changes take their place in it, and
 * everything is published. The calls may be made on any worker; they go to the home by mail and
 * come back by mail. */
#ifndef CHATD_ROOM_HOME_H
#define CHATD_ROOM_HOME_H

#include "chatd/op/services.h"
#include "chatd/room/event.h"
#include "lib/store/store.h"

struct homes;
struct homes *homes_create(struct services *sv);
/* The store must have answered everything. */
void homes_destroy(struct homes **homes);
/* The process ends: what waits is answered (ERR_UNAVAILABLE, or ERR_UNCERTAIN where it may have
 * been committed), and nothing is tried again. */
void homes_stop(struct homes *homes);
/* Messages and changes of rooms that are not answered yet. */
size_t homes_pending(const struct homes *homes);

struct home_call;
/* Exactly once, on the caller's worker, never inside the call. */
typedef void (*home_done_fn)(struct home_call *call, int err);

struct home_call {
	struct mail mail;
	struct services *from, *home;
	home_done_fn done;
	int err;
};

/* A message to be stored and published. err: 0 where item.outcome says what became of it; else as
 * store_append(). It is published before done comes, so that on one connection the message precedes
 * the answer. */
struct home_send {
	struct home_call call;
	struct append_item item; /* in: as store.h says; item.owner is the home's */
	/* The home's own. */
	struct list_node node;
	uint64_t give_up_us; /* 0, or how long an uncertain commit is tried again */
};
/* All memory stays the caller's and must live until done. Never refuses; ERR_BUSY comes by done. */
void home_send(struct services *sv, struct home_send *send, home_done_fn done);

/* A user enters a room. */
struct home_join {
	struct home_call call;
	struct store_member_add add; /* in: room, user, role, public_only; out: see store.h */
	struct arena *arena; /* for the store's results; the caller's, untouched meanwhile */
	struct uuid except; /* the connection that asks: it enters the room by itself; nil: none */
	void *owner; /* the caller's */
	bool announce; /* the store has it already (add.row is set): it is only told */
	bool invited; /* added by somebody else: the user's connections get RoomCreated */
};
void home_join(struct services *sv, struct home_join *join, home_done_fn done);

/* A user leaves a room. */
struct home_leave {
	struct home_call call;
	struct store_member_remove remove; /* in: room, user, actor, even_direct */
	struct arena *arena;
	struct uuid except; /* the connection that asks: it is not told, but loses the room */
};
void home_leave(struct services *sv, struct home_leave *leave, home_done_fn done);

/* What is set of a room changes: its members get RoomUpdated(room). */
struct home_update {
	struct home_call call;
	struct store_room_update update; /* in and out: see store_rooms.h */
	struct arena *arena;
};
void home_update(struct services *sv, struct home_update *update, home_done_fn done);

/* A participant gets another role: the members get RoomUpdated(room). */
struct home_role {
	struct home_call call;
	struct store_member_role role; /* in and out: see store_rooms.h */
	struct arena *arena;
};
void home_role(struct services *sv, struct home_role *role, home_done_fn done);

/* A room is deleted: its members get RoomDeleted(roomId), behind all messages that were stored, and
 * lose it. Messages that wait answer APPEND_NOT_MEMBER. */
struct home_delete {
	struct home_call call;
	struct store_room_delete remove; /* in and out: see store_rooms.h */
	struct arena *arena;
};
void home_delete(struct services *sv, struct home_delete *remove, home_done_fn done);

/* Something without a number for the members of a room that are connected, in the order of the
 * room.
 */
struct home_notice {
	struct home_call call;
	struct uuid room;
	struct outmsg *msg; /* the home takes over the reference */
};
void home_notice(struct services *sv, struct home_notice *notice, home_done_fn done);

/* A worker wants a room's events from now on. info: the room as the worker knows it; what the home
 * knows comes back. ERR_NOT_FOUND: it was deleted meanwhile, there will be none. */
struct home_subscribe {
	struct home_call call;
	struct room_info
		info; /* in and out: last_seq is the head up to which everything is published */
};
void home_subscribe(struct services *sv, struct home_subscribe *subscribe, home_done_fn done);
/* ... and no longer. */
void home_unsubscribe(struct services *sv, const struct uuid *room);

#endif
