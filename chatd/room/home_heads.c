#include <stdlib.h>

#include "chatd/room/home_call.h"
#include "chatd/room/home_shared.h"
#include "chatd/room/home_tell.h"
#include "lib/base/err.h"

/* A round begins this long after the one before has ended. */
#define ROUND_US 1000000
/* Rooms of one question. */
#define ROOMS_MAX 5000

struct home_heads {
	struct services *sv;
	struct loop_timer *timer;
	struct store_heads ask;
	struct arena *arena; /* of ask */
	struct uuid *rooms; /* of this round */
	uint64_t told[ROOMS_MAX]; /* of those that are being asked for */
	size_t count, cap, done;
	bool in_flight, stopped;
};

static void round_go_on(struct home_heads *heads);

static void round_end(struct home_heads *heads)
{
	heads->count = heads->done = 0;
	if (!heads->stopped) {
		loop_timer_set(heads->timer, ROUND_US);
	}
}

static void compare(struct home_heads *heads, const struct store_head *head)
{
	struct home_room *room = homes_find(heads->sv->homes, &head->room);
	if (room == NULL || room->deleted || room->subscribers == 0) {
		return;
	}
	if (head->gone) {
		home_tell_deleted(heads->sv, &head->room);
		return;
	}
	home_room_head(room, head->last_seq);
	/* Changes of participants are told by home_hear(), a moment later. One that is still not
	 * known in the next round was missed. */
	bool behind = head->member_version > room->member_version;
	if (behind && room->behind == head->member_version) {
		home_tell_again(heads->sv, &head->room);
	}
	room->behind = behind ? head->member_version : 0;
}

static void on_heads(struct store_call *call, int err)
{
	struct store_heads *ask = CONTAINER_OF(call, struct store_heads, call);
	struct home_heads *heads = CONTAINER_OF(ask, struct home_heads, ask);
	heads->in_flight = false;
	for (size_t i = 0; err == 0 && i < ask->count; i++) {
		compare(heads, &ask->heads[i]);
	}
	if (err != 0 || heads->stopped) {
		round_end(heads);
		return;
	}
	heads->done += ask->count;
	round_go_on(heads);
}

/* What is delivered is noted before the store is asked: a head below it is no head that was read
 * too early. */
static void note_told(struct home_heads *heads)
{
	for (size_t i = 0; i < heads->ask.count; i++) {
		const struct home_room *room =
			homes_find(heads->sv->homes, &heads->rooms[heads->done + i]);
		bool known = room != NULL && !room->deleted && room->feed.next > 0;
		heads->told[i] = known ? room->feed.next - 1 : 0;
	}
}

static void round_go_on(struct home_heads *heads)
{
	size_t left = heads->count - heads->done;
	if (left == 0) {
		round_end(heads);
		return;
	}
	arena_reset(heads->arena);
	store_call_init(&heads->ask.call, services_mailbox(heads->sv), heads->arena, on_heads);
	heads->ask.rooms = heads->rooms + heads->done;
	heads->ask.told = heads->told;
	heads->ask.count = left < ROOMS_MAX ? left : ROOMS_MAX;
	note_told(heads);
	if (store_heads(heads->sv->store, &heads->ask) != 0) {
		round_end(heads);
		return;
	}
	heads->in_flight = true;
}

static void collect(struct home_room *room, void *ctx)
{
	struct home_heads *heads = ctx;
	if (room->subscribers == 0 || room->deleted) {
		return;
	}
	if (heads->count == heads->cap) {
		heads->cap = heads->cap == 0 ? 64 : heads->cap * 2;
		heads->rooms = mem_realloc(heads->rooms, heads->cap * sizeof(*heads->rooms));
	}
	heads->rooms[heads->count++] = room->id;
}

static void round_begin(void *ctx)
{
	struct home_heads *heads = ctx;
	homes_each(heads->sv->homes, collect, heads);
	round_go_on(heads);
}

struct home_heads *home_heads_create(struct services *sv)
{
	if (!sv->store->shared) {
		return NULL;
	}
	struct home_heads *heads = mem_zalloc(sizeof(*heads));
	heads->sv = sv;
	heads->arena = arena_create(0);
	heads->timer = loop_timer_create(sv->loop, round_begin, heads);
	loop_timer_set(heads->timer, ROUND_US);
	return heads;
}

void home_heads_stop(struct home_heads *heads)
{
	if (heads != NULL) {
		heads->stopped = true;
		loop_timer_cancel(heads->timer);
	}
}

void home_heads_destroy(struct home_heads **heads)
{
	struct home_heads *gone = *heads;
	*heads = NULL;
	if (gone != NULL) {
		loop_timer_destroy(&gone->timer);
		arena_destroy(&gone->arena);
		free(gone->rooms);
		free(gone);
	}
}
