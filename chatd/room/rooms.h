/* The member side of rooms: which connections of this worker are in which room, up to where each
 * has got, and the sending of what the homes publish. DESIGN.md «Members, and catching up». */
#ifndef CHATD_ROOM_ROOMS_H
#define CHATD_ROOM_ROOMS_H

#include "chatd/conn/conn.h"
#include "chatd/room/event.h"
#include "lib/store/store.h"

struct local_room;
struct catchup;
struct rooms;

/* How far a connection is in a room. */
enum entry_state {
	ENTRY_HELD, /* restored at connect, or joined by another device before the client could say
		       from where on: nothing is sent before it names the room, or the hold is over
		     */
	ENTRY_CATCHING_UP, /* numbers from next on are read from the store; live ones are not sent
			    */
	ENTRY_LIVE, /* everything up to the room's head was sent; live messages are sent at once */
};

struct room_entry {
	struct list_node in_conn;
	struct conn *conn;
	struct local_room *room;
	uint32_t index; /* in the room's array */
	uint64_t member_version; /* of the room when the store knew the user as participant */
	enum entry_state state;
	uint64_t known; /* the room's head in the row that it was made of: the store has everything
			   up to it, though the room's home may not have heard of it yet */
	uint64_t next; /* HELD, CATCHING_UP: first number that was not sent */
	uint64_t from; /* everything from here on was or will be sent on this connection without a
			  hole */
	struct catchup *catchup; /* what reads the store for CATCHING_UP, or NULL */
	struct catchup *older; /* what reads older numbers on request, or NULL */
};

/* Something that waits until messages up to some number were queued for sending. Embedded in an
 * operation's state. */
struct catchup_waiter {
	struct list_node node; /* of the catch-up; zero while it is not waiting */
	uint64_t until;
	uint64_t gap_from, gap_to; /* out: these are not in the store any more; 0: none */
	void (*done)(
		struct catchup_waiter *waiter, int err); /* once; err ERR_CLOSED: the connection or
							    its place in the room is gone */
};

/* What a client asks for when it names a room. */
struct attach_request {
	bool has_last; /* last_seq is what the client saw last */
	uint64_t last_seq;
	struct bytes epoch; /* len 0: not given */
};
/* What it is told (PRODUCT.md section 4, JoinRoom). */
struct attach_result {
	uint64_t last_seq; /* the room's head */
	bool recovered;
	uint64_t from, to; /* numbers that are sent now; 0: none */
	uint64_t gap_from, gap_to; /* numbers that are not sent though they were missed; 0: none */
};

struct rooms *rooms_create(struct services *sv);
/* All connections must be gone, the store must have answered everything. */
void rooms_destroy(struct rooms **rooms);
/* Reads of the store that are under way. */
size_t rooms_pending(const struct rooms *rooms);
/* What the bus brings (struct room_event). */
void rooms_receive(void *ctx, struct bus_event *event);

/* The entry of a connection by the text of an id or alias; NULL where it is in no such room. */
struct room_entry *rooms_entry(const struct conn *conn, struct bytes ref);
struct room_entry *rooms_entry_by_id(const struct conn *conn, const struct uuid *id);
const struct room_info *rooms_entry_info(const struct room_entry *entry);
/* The head of the room as far as this worker knows: from its home, or from the entry's row. */
uint64_t rooms_entry_head(const struct room_entry *entry);

/* The rooms of a user at connect: held entries. */
void rooms_restore(struct conn *conn, const struct room_row *rooms, size_t count);
/* The hold is over: what came since is sent. */
void rooms_hold_over(struct conn *conn);
/* A new entry, live from the number after info->last_seq on; held: rooms_attach() comes at once and
 * says from where. Where there is one already, that one. */
struct room_entry *rooms_enter(struct conn *conn, const struct room_info *info, bool held);
/* The client names a room that it is in: result says what it is told; where messages are to be sent
 * first, waiter is set up and 1 is answered (it comes later, never inside), else 0. */
int rooms_attach(struct room_entry *entry, const struct attach_request *request,
	struct attach_result *ret_result, struct catchup_waiter *waiter);
/* The connection leaves one room. */
void rooms_leave(struct room_entry **entry);
/* The connection has ended: all its entries go. */
void rooms_drop(struct conn *conn);
/* Its send queue has room again. */
void rooms_on_drain(struct conn *conn);

#endif
