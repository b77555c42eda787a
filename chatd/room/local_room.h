/* One room on one worker: the entries of the connections here, and where the feed is. For
 * chatd/room only. */
#ifndef CHATD_ROOM_LOCAL_ROOM_H
#define CHATD_ROOM_LOCAL_ROOM_H

#include "chatd/room/rooms.h"
#include "lib/base/map.h"

enum local_room_state {
	LOCAL_JOINING, /* the home was asked; its events are not ours yet */
	LOCAL_FOLLOWING, /* head is the last number that came */
	LOCAL_CHECKING, /* a membership change was missed: participants are being read, nothing is
			   delivered */
};

struct local_room {
	struct map_node by_id, by_alias;
	struct rooms *rooms;
	struct room_info info; /* last_seq is the head, member_version that of the last event */
	enum local_room_state state;
	struct room_entry **entries;
	uint32_t count, cap;
	bool in_aliases;
	bool has_ahead; /* an entry has numbers that the feed has not come to: it is looked at when
			   the head rises */
	struct subscription *asked; /* LOCAL_JOINING: the question to the home */
	struct member_check
		*check; /* LOCAL_CHECKING: the latest question to the store; older ones are void */
	struct loop_timer *check_retry;
	uint64_t audit_version; /* the participants are being read for entries that may be stale,
				   and must be those of this version or later; 0: they are not */
};

struct rooms {
	struct services *sv;
	struct map by_id, by_alias;
	size_t pending; /* reads and subscriptions under way */
};

void local_room_set_state(struct local_room *room, enum local_room_state state);
/* Finds or makes; a new one asks its home. */
struct local_room *local_room_get(struct rooms *rooms, const struct room_info *info);
struct local_room *local_room_find(struct rooms *rooms, const struct uuid *id);
void local_room_add(struct local_room *room, struct room_entry *entry);
/* A new entry that was read before the room's last change of membership: its user may have left
 * since, so the participants are read, and it goes where that is so. */
void local_room_check_entry(struct local_room *room, const struct room_entry *entry);
/* The last one gone, the room goes too. */
void local_room_remove(struct local_room *room, struct room_entry *entry);
/* Every entry that is not HELD goes on reading where it has to. */
void local_room_catch_up_all(struct local_room *room);
/* A change of membership was missed: nobody is delivered anything before the participants were
 * read. */
void local_room_check_members(struct local_room *room);

/* fanout.c: to all LIVE entries; where skip_user is not NULL not to that user's, and never to the
 * connection except. */
void fanout_messages(struct local_room *room, const struct room_event *event);
void fanout_notice(
	struct local_room *room, const struct room_event *event, const struct uuid *skip_user);

/* catchup.c: an entry that is CATCHING_UP goes on: reads, waits, or becomes LIVE. */
void entry_catch_up(struct room_entry *entry);
/* Sends from first to last again, beside what is live. */
void entry_send_older(struct room_entry *entry, uint64_t first, uint64_t last);
/* The entry goes: its reads end by themselves, its waiters are told. */
void entry_stop(struct room_entry *entry);
/* The send queue has room again. */
void entry_on_drain(struct room_entry *entry);
/* Waits until everything up to waiter->until is queued. */
void entry_wait(struct room_entry *entry, struct catchup_waiter *waiter, bool older);

#endif
