/* One room at its home: its feed, the messages of the present turn that are being encoded together,
 * and the filling of holes. */
#ifndef CHATD_ROOM_HOME_ROOM_H
#define CHATD_ROOM_HOME_ROOM_H

#include "chatd/op/services.h"
#include "chatd/room/event.h"
#include "chatd/room/feed.h"
#include "lib/base/map.h"
#include "lib/store/store.h"

struct home_reading;

struct home_room {
	struct map_node node; /* in its home: key is id */
	struct list_node touched; /* its home's: has something to flush */
	struct uuid id;
	struct services *sv;
	struct feed feed;
	uint64_t member_version; /* 0: not known yet */
	uint64_t behind; /* member_version that the store had and this home had not, when they were
			    last compared; 0: none */
	struct room_info set; /* what is set of it, as of the latest version heard of */
	bool deleted; /* for good: nothing is delivered any more, and nobody may subscribe */
	/* What is delivered in this turn and not published yet. */
	struct outmsg_builder builder;
	uint64_t first_seq, last_seq;
	struct arena *arena; /* while something is being encoded */
	/* A hole is waited for, then read. */
	struct loop_timer *hole_timer; /* NULL until the first hole */
	struct home_reading *reading; /* NULL: none under way */
	unsigned subscribers;
	uint64_t used_us;
};

struct home_room *home_room_create(struct services *sv, const struct uuid *id);
/* A read under way ends by itself. */
void home_room_destroy(struct home_room **room);
/* Nobody is subscribed, nothing is under way, and it was not used for idle_us. A deleted one is
 * kept so long for those who come with what they read before. */
bool home_room_idle(const struct home_room *room, uint64_t now_us, uint64_t idle_us);

/* A message of the room was stored. Delivered in its turn; published by the next home_room_flush().
 */
void home_room_stored(struct home_room *room, const struct append_item *item);
/* The store had it already. Taken as stored where the feed has not come to its number: then nobody
 * heard of it. */
void home_room_repeated(struct home_room *room, const struct append_item *item);
void home_room_flush(struct home_room *room);
/* A change was stored, after which the room is as info says: what is delivered before is published
 * first. */
void home_room_changed(struct home_room *room, const struct room_info *info);
/* The room was deleted: what was stored is published, then its feed is forgotten. */
void home_room_delete(struct home_room *room);
/* A worker subscribed, knowing the room as info says; info becomes what the home knows. */
void home_room_subscribed(struct home_room *room, struct room_info *info);
/* The store has messages up to last_seq: what of them was not delivered comes soon, or is read. */
void home_room_head(struct home_room *room, uint64_t last_seq);
void home_room_unsubscribed(struct home_room *room);

#endif
