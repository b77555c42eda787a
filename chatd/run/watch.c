#include "chatd/run/watch.h"

#include <stdlib.h>

#include "chatd/auth/bars.h"
#include "chatd/conn/conns.h"
#include "chatd/op/tour.h"
#include "chatd/room/home_shared.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/store/store.h"

#define PAUSE_US 500000

enum watch_state {
	WATCH_RESTING, /* until the timer */
	WATCH_ASKING, /* what changed */
	WATCH_LOOKING, /* what became of one change */
	WATCH_TOURING, /* workers cut off who is barred */
	WATCH_STOPPED,
};

struct watch {
	struct services *sv;
	enum watch_state state;
	void (*on_anew)(void *ctx);
	void *ctx;
	struct loop_timer *timer;
	struct store_watch ask;
	struct arena *arena; /* of ask: the changes */
	size_t next; /* of the changes */
	struct store_user_find find;
	struct tour tour;
	struct uuid barred;
	bool opened; /* answered for the first time */
	int err; /* of that */
};

static void watch_go_on(struct watch *watch);
static void watch_ask(void *ctx);

static void watch_set_state(struct watch *watch, enum watch_state state)
{
	if (watch->state != WATCH_STOPPED) {
		watch->state = state;
	}
}

static void watch_rest(struct watch *watch)
{
	watch_set_state(watch, WATCH_RESTING);
	if (watch->state != WATCH_STOPPED) {
		loop_timer_set(watch->timer, PAUSE_US);
	}
}

/* ---- bans and revocations ---- */

static void bar_visit(struct services *sv, struct tour *tour)
{
	conns_bar_user(sv->conns, &CONTAINER_OF(tour, struct watch, tour)->barred);
}

static void bar_toured(struct tour *tour)
{
	struct watch *watch = CONTAINER_OF(tour, struct watch, tour);
	watch->next++;
	watch_go_on(watch);
}

static void user_done(struct store_call *call, int err)
{
	struct store_user_find *find = CONTAINER_OF(call, struct store_user_find, call);
	struct watch *watch = CONTAINER_OF(find, struct watch, find);
	if (watch->state == WATCH_STOPPED) {
		return;
	}
	if (err != 0 && err != ERR_NOT_FOUND) {
		watch_rest(watch); /* the same change again */
		return;
	}
	if (err == 0) {
		const struct user_row *row = &find->row;
		bars_set(watch->sv->bars, &row->id, row->banned_ms, row->ban_reason,
			row->tokens_from_ms);
	}
	watch->barred = find->user;
	watch_set_state(watch, WATCH_TOURING);
	tour_start(watch->sv, &watch->tour, bar_visit, bar_toured);
}

static void look_at_user(struct watch *watch, const struct store_change *change)
{
	watch_set_state(watch, WATCH_LOOKING);
	watch->find.user = change->user;
	store_call_init(&watch->find.call, services_mailbox(watch->sv), watch->arena, user_done);
	if (store_user_find(watch->sv->store, &watch->find) != 0) {
		watch_rest(watch);
	}
}

/* ---- rooms and their participants ---- */

struct look {
	struct home_news *news;
	struct watch *watch;
	char ref[UUID_TEXT_SIZE];
};

static void news_drop(struct home_news *news)
{
	arena_destroy(&news->find.call.arena);
	free(news);
}

static void room_done(struct store_call *call, int err)
{
	struct store_room_find *find = CONTAINER_OF(call, struct store_room_find, call);
	struct home_news *news = CONTAINER_OF(find, struct home_news, find);
	struct look *look = call->owner;
	struct watch *watch = look->watch;
	if (watch->state == WATCH_STOPPED) {
		news_drop(news);
		return;
	}
	if (err != 0 && err != ERR_NOT_FOUND) {
		news_drop(news);
		watch_rest(watch);
		return;
	}
	news->gone = err == ERR_NOT_FOUND;
	home_hear(watch->sv, news);
	watch->next++;
	watch_go_on(watch);
}

static void look_at_room(struct watch *watch, const struct store_change *change)
{
	struct home_news *news = mem_zalloc(sizeof(*news));
	struct arena *arena = arena_create(0);
	struct look *look = arena_alloc(arena, sizeof(*look));
	*look = (struct look){.news = news, .watch = watch};
	uuid_format(&change->room, look->ref);
	news->change = *change;
	news->find.ref = bytes_str(look->ref);
	news->find.has_user = !uuid_is_nil(&change->user);
	news->find.user = change->user;
	store_call_init(&news->find.call, services_mailbox(watch->sv), arena, room_done);
	news->find.call.owner = look;
	watch_set_state(watch, WATCH_LOOKING);
	if (store_room_find(watch->sv->store, &news->find) != 0) {
		news_drop(news);
		watch_rest(watch);
	}
}

/* ---- one after the other ---- */

static void watch_go_on(struct watch *watch)
{
	if (watch->state == WATCH_STOPPED) {
		return;
	}
	if (watch->next < watch->ask.count) {
		const struct store_change *change = &watch->ask.changes[watch->next];
		if (change->kind == CHANGE_USER_BARRED) {
			look_at_user(watch, change);
		} else {
			look_at_room(watch, change);
		}
	} else if (watch->ask.more) {
		watch_ask(watch);
	} else {
		watch_rest(watch);
	}
}

static void watch_void(struct watch *watch, const char *why)
{
	log_event(LOG_WARN, "starting anew on the store", LOG_STR("why", why));
	watch_stop(watch);
	watch->on_anew(watch->ctx);
}

static void watch_done(struct store_call *call, int err)
{
	struct watch *watch =
		CONTAINER_OF(CONTAINER_OF(call, struct store_watch, call), struct watch, ask);
	bool first = !watch->opened;
	watch->opened = true;
	watch->err = err;
	if (watch->state == WATCH_STOPPED) {
		return;
	}
	if (err != 0 || first) {
		watch->ask.count = 0;
		watch->ask.more = false;
		watch_rest(watch);
	} else if (watch->ask.anew) {
		watch_void(watch, "its numbers started anew: it was put back, or is another one");
	} else if (watch->ask.lost) {
		watch_void(watch, "it was away for so long that changes were missed");
	} else {
		watch_go_on(watch);
	}
}

static void watch_ask(void *ctx)
{
	struct watch *watch = ctx;
	if (watch->next < watch->ask.count) {
		watch_go_on(watch); /* the store failed in between */
		return;
	}
	arena_reset(watch->arena);
	watch->next = watch->ask.count = 0;
	watch_set_state(watch, WATCH_ASKING);
	store_call_init(&watch->ask.call, services_mailbox(watch->sv), watch->arena, watch_done);
	watch->ask.from_now = !watch->opened;
	int err = store_watch(watch->sv->store, &watch->ask);
	if (err == ERR_MISMATCH) {
		watch_void(watch, "a connection led to another database");
	} else if (err != 0) {
		watch->ask.more = false;
		watch_rest(watch);
	}
}

int watch_open(struct services *sv, void (*on_anew)(void *ctx), void *ctx, struct watch **ret_watch,
	struct buf *why)
{
	*ret_watch = NULL;
	if (!sv->store->shared) {
		return 0;
	}
	struct watch *watch = *ret_watch = mem_zalloc(sizeof(*watch));
	watch->sv = sv;
	watch->on_anew = on_anew;
	watch->ctx = ctx;
	watch->arena = arena_create(0);
	watch->timer = loop_timer_create(sv->loop, watch_ask, watch);
	watch_ask(watch);
	while (!watch->opened && watch->state == WATCH_ASKING) {
		loop_turn(sv->loop, -1);
	}
	loop_timer_cancel(watch->timer);
	int err = watch->opened ? watch->err : ERR_UNAVAILABLE;
	if (err != 0) {
		const char *said = watch->ask.call.why;
		buf_printf(why, "the database does not answer: %s",
			said != NULL ? said : err_text(err));
	}
	return err;
}

void watch_start(struct watch *watch)
{
	if (watch != NULL) {
		watch_rest(watch);
	}
}

void watch_stop(struct watch *watch)
{
	if (watch != NULL) {
		watch->state = WATCH_STOPPED;
		loop_timer_cancel(watch->timer);
	}
}

void watch_destroy(struct watch **watch)
{
	struct watch *gone = *watch;
	*watch = NULL;
	if (gone != NULL) {
		loop_timer_destroy(&gone->timer);
		arena_destroy(&gone->arena);
		free(gone);
	}
}
