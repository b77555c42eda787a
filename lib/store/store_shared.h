/* Requests of programs that share a store with others. See store.h for what holds for all. Where
 * store->shared is false no other program writes to it, and nobody needs to ask. */
#ifndef LIB_STORE_STORE_SHARED_H
#define LIB_STORE_STORE_SHARED_H

#include "lib/store/store_call.h"

/* The numbers are stored: never change one. */
enum store_change_kind {
	CHANGE_JOINED = 1, /* room, user: who came by himself */
	CHANGE_ADDED = 2, /* room, user: added by somebody else, also at the room's creation */
	CHANGE_REMOVED = 3, /* room, user */
	CHANGE_ROLE = 4, /* room, user */
	CHANGE_ROOM_SET = 5, /* room: name, alias, picture, visibility, archive */
	CHANGE_ROOM_DELETED = 6, /* room */
	CHANGE_USER_BARRED = 7, /* user: banned, let in again, or tokens refused */
};

struct store_change {
	enum store_change_kind kind;
	struct uuid room, user; /* nil where the kind has none */
};

/* Refused at once with ERR_MISMATCH where anew is known already.
 * What other programs (not this one) changed since the last time that this one asked; each change
 * once, in no order between rooms, in the order of the transactions within one. It comes at most
 * one call late (a transaction that was still open). One store asks one at a time. */
struct store_watch {
	struct store_call call;
	bool from_now; /* in: forget what was before, and only note where we are */
	/* out */
	struct store_change *changes;
	size_t count;
	bool more; /* ask again at once */
	bool lost; /* it was too long ago: anything may have changed */
	bool anew; /* the epoch, or the database system, is another one than when the store was
		      opened: numbers started anew, and the store must be opened again */
};

struct store_head {
	struct uuid room;
	bool gone; /* there is no such room; the rest is 0 */
	uint64_t last_seq, member_version, version;
};

/* Where rooms are, for comparing with what one knows. */
struct store_heads {
	struct store_call call;
	const struct uuid *rooms; /* the caller's until done */
	/* NULL, or of each room the number that was already told to clients: where a head is below
	 * it (and the room is not gone) the database is one that was put back, and the store begins
	 * a new epoch, unless that has happened already; store_watch tells it. The caller's until
	 * done. */
	const uint64_t *told;
	size_t count; /* 1 to 10000 */
	/* out: count of them, in the order of rooms */
	struct store_head *heads;
};

#endif
