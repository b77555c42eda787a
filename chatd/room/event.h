/* What a room's home tells the workers: numbered messages and changes of membership, already
 * encoded. */
#ifndef CHATD_ROOM_EVENT_H
#define CHATD_ROOM_EVENT_H

#include "chatd/bus/bus.h"
#include "chatd/conn/outmsg.h"
#include "lib/store/model.h"

/* What every part that handles a room needs to know of it; no pointers, so it is copied between
 * threads. */
struct room_info {
	struct uuid id;
	char alias[65]; /* "": none */
	bool encrypted;
	bool archived;
	uint64_t last_seq;
	uint64_t member_version;
	uint64_t version; /* of alias, encrypted and archived */
};

void room_info_of(const struct room_row *row, struct room_info *ret_info);
/* Copies what is set of a room (alias, encrypted, archived) with its version. */
void room_info_set(struct room_info *info, const struct room_info *from);

enum room_event_kind {
	ROOM_MESSAGES, /* first_seq to last_seq, for members that are LIVE */
	ROOM_MEMBER_ADDED, /* to the room's workers: a notice for the members but user */
	ROOM_MEMBER_BOUND, /* to all workers: the user's connections (but except) enter the room */
	ROOM_MEMBER_REMOVED, /* to the room's workers: a notice, then the user's entries go */
	ROOM_UPDATED, /* to the room's workers: info is what the room is now, then a notice */
	ROOM_DELETED, /* to the room's workers: a notice, also for those that are HELD, then all
			 entries go */
	ROOM_NOTICE, /* to the room's workers: a notice */
};

struct room_event {
	struct bus_event base; /* kind: enum room_event_kind */
	struct room_info info; /* id always; member_version but for ROOM_DELETED; all of it for
				  ROOM_MEMBER_* and ROOM_UPDATED */
	struct outmsg *msg; /* NULL: nothing is sent */
	uint64_t first_seq, last_seq;
	bool raised; /* ROOM_UPDATED: the change itself raised member_version by one */
	struct uuid user;
	struct uuid except; /* a connection that is told otherwise; nil: none */
};

/* Takes over the caller's reference to msg (may be NULL). One reference for the caller. */
struct room_event *room_event_create(
	enum room_event_kind kind, const struct room_info *info, struct outmsg *msg);
/* A message of one invocation, encoded for the codecs of this node. */
struct outmsg *room_encode(const struct codecs *codecs, const struct hub_message *message);

#endif
