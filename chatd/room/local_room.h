/* One room on one worker: the entries of the connections here, and where the feed is. For
 * chatd/room only. */
#ifndef CHATD_ROOM_LOCAL_ROOM_H
#define CHATD_ROOM_LOCAL_ROOM_H

#include "chatd/room/rooms.h"
#include "lib/base/log.h"
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
	bool in_aliases; /* by_alias is in the index */
	bool has_ahead; /* an entry has numbers that the feed has not come to: it is looked at when
			   the head rises */
	struct subscription *asked; /* LOCAL_JOINING: the question to the home */
	struct member_check
		*check; /* LOCAL_CHECKING: the latest question to the store; older ones are void */
	struct loop_timer *check_retry;
	uint64_t audit_version; /* the participants are being read for entries that may be stale,
				   and must be those of this version or later; 0: they are not */
	struct list notices; /* LOCAL_CHECKING: notices that wait until the members are known */
	unsigned notice_count;
};

struct rooms {
	struct services *sv;
	struct map by_id, by_alias;
	size_t unlisted; /* rooms whose alias another one has in by_alias */
	size_t pending; /* reads and subscriptions under way */
	struct log_rate trouble; /* of reading what members have missed */
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
/* A notice for the members, which waits while they are not known. */
void local_room_notify(struct local_room *room, struct room_event *event);
/* The room is no more: all its connections are told msg, and lose it; it goes. */
void local_room_end(struct local_room *room, struct outmsg *msg);
/* Every entry that is not HELD goes on reading where it has to. */
void local_room_catch_up_all(struct local_room *room);
/* A change of membership was missed: nobody is delivered anything before the participants were
 * read. */
void local_room_check_members(struct local_room *room);

/* local_alias.c: the room is found by its alias from now on; where another one has that, only if it
 * was told (and not read, which may be long ago) that it is this one's now. */
void local_room_list(struct local_room *room, bool told);
/* ... and no longer; before the alias changes. */
void local_room_unlist(struct local_room *room);
/* What is set of the room is as info says, unless something later is known. */
void local_room_set(struct local_room *room, const struct room_info *info);

/* fanout.c: to all LIVE entries; where skip_user is not NULL not to that user's, and never to the
 * connection except. */
void fanout_messages(struct local_room *room, const struct room_event *event);
void fanout_notice(
	struct local_room *room, const struct room_event *event, const struct uuid *skip_user);
/* To all entries, also those that are HELD. */
void fanout_all(struct local_room *room, struct outmsg *msg);

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
