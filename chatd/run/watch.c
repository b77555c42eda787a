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
/* Changes that are looked at together. Each is told as the store is when it is looked at, so it
 * does not matter which comes first. */
#define LOOKS_MAX 32

enum watch_state {
	WATCH_RESTING, /* until the timer */
	WATCH_ASKING, /* what changed */
	WATCH_LOOKING, /* what became of the changes */
	WATCH_FAILING, /* the same, but the store failed: no more are begun */
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
	size_t next; /* of the changes: those before it were begun */
	size_t looks; /* that are under way */
	bool barring; /* one of them is about a user */
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

/* ---- one change ---- */

static void look_begins(struct watch *watch)
{
	watch->looks++;
	watch->next++;
}

static void look_ends(struct watch *watch)
{
	watch->looks--;
	watch_go_on(watch);
}

/* The store failed: the change comes again, in the place of one that was begun. */
static void look_fails(struct watch *watch, const struct store_change *change)
{
	watch->ask.changes[--watch->next] = *change;
	watch_set_state(watch, WATCH_FAILING);
	look_ends(watch);
}

/* ---- bans and revocations ---- */

static void bar_visit(struct services *sv, struct tour *tour)
{
	conns_bar_user(sv->conns, &CONTAINER_OF(tour, struct watch, tour)->barred);
}

static void bar_toured(struct tour *tour)
{
	struct watch *watch = CONTAINER_OF(tour, struct watch, tour);
	watch->barring = false;
	look_ends(watch);
}

static void user_done(struct store_call *call, int err)
{
	struct store_user_find *find = CONTAINER_OF(call, struct store_user_find, call);
	struct watch *watch = CONTAINER_OF(find, struct watch, find);
	if (watch->state == WATCH_STOPPED) {
		return;
	}
	if (err != 0 && err != ERR_NOT_FOUND) {
		watch->barring = false;
		look_fails(watch,
			&(struct store_change){.kind = CHANGE_USER_BARRED, .user = find->user});
		return;
	}
	if (err == 0) {
		const struct user_row *row = &find->row;
		bars_set(watch->sv->bars, &row->id, row->banned_ms, row->ban_reason,
			row->tokens_from_ms);
	}
	watch->barred = find->user;
	tour_start(watch->sv, &watch->tour, bar_visit, bar_toured);
}

/* 0, or the store's refusal. */
static int look_at_user(struct watch *watch, const struct store_change *change)
{
	watch->find.user = change->user;
	store_call_init(&watch->find.call, services_mailbox(watch->sv), watch->arena, user_done);
	int err = store_user_find(watch->sv->store, &watch->find);
	watch->barring = err == 0;
	return err;
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
		struct store_change change = news->change;
		news_drop(news);
		look_fails(watch, &change);
		return;
	}
	news->gone = err == ERR_NOT_FOUND;
	home_hear(watch->sv, news);
	look_ends(watch);
}

static int look_at_room(struct watch *watch, const struct store_change *change)
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
	int err = store_room_find(watch->sv->store, &news->find);
	if (err != 0) {
		news_drop(news);
	}
	return err;
}

/* ---- all of them ---- */

/* Who is barred is kept out first: others may be many. */
static void bars_first(struct store_change *changes, size_t count)
{
	size_t bars = 0;
	for (size_t i = 0; i < count; i++) {
		if (changes[i].kind == CHANGE_USER_BARRED) {
			struct store_change bar = changes[i];
			changes[i] = changes[bars];
			changes[bars++] = bar;
		}
	}
}

/* false: no more can be begun now. */
static bool look_at_next(struct watch *watch)
{
	if (watch->looks == LOOKS_MAX || watch->next == watch->ask.count) {
		return false;
	}
	const struct store_change *change = &watch->ask.changes[watch->next];
	bool bar = change->kind == CHANGE_USER_BARRED;
	if (bar && watch->barring) {
		return false; /* one at a time */
	}
	int err = bar ? look_at_user(watch, change) : look_at_room(watch, change);
	if (err != 0) {
		watch_set_state(watch, WATCH_FAILING);
		return false;
	}
	look_begins(watch);
	return true;
}

static void watch_go_on(struct watch *watch)
{
	while (watch->state == WATCH_LOOKING && look_at_next(watch)) {
	}
	if (watch->state == WATCH_STOPPED || watch->looks > 0) {
		return;
	}
	if (watch->state == WATCH_LOOKING && watch->ask.more) {
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
		bars_first(watch->ask.changes, watch->ask.count);
		watch_set_state(watch, WATCH_LOOKING);
		watch_go_on(watch);
	}
}

static void watch_ask(void *ctx)
{
	struct watch *watch = ctx;
	if (watch->next < watch->ask.count) { /* the store failed in between */
		watch_set_state(watch, WATCH_LOOKING);
		watch_go_on(watch);
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
