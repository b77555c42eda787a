#include "chatd/auth/bars.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/principal.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/map.h"

#define REASON_MAX 256

struct bar {
	struct map_node node;
	struct uuid user;
	int64_t banned_ms, tokens_from_ms;
	size_t reason_len;
	char reason[REASON_MAX];
};

struct bars {
	/* That of users.count, read without the lock. Nobody needs to see a change sooner than the
	 * mail that tells him of it. */
	atomic_size_t count;
	pthread_rwlock_t lock;
	struct map users;
};

static struct bytes bar_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct bar, node)->user);
}

struct bars *bars_create(void)
{
	struct bars *bars = mem_zalloc(sizeof(*bars));
	atomic_init(&bars->count, 0);
	pthread_rwlock_init(&bars->lock, NULL);
	map_init(&bars->users, bar_key);
	return bars;
}

static void bar_drop(struct map_node *node, void *ctx)
{
	map_remove(ctx, node);
	free(CONTAINER_OF(node, struct bar, node));
}

void bars_destroy(struct bars **bars)
{
	if (*bars == NULL) {
		return;
	}
	map_each(&(*bars)->users, bar_drop, &(*bars)->users);
	map_finish(&(*bars)->users);
	pthread_rwlock_destroy(&(*bars)->lock);
	free(*bars);
	*bars = NULL;
}

static struct bar *bar_find(const struct bars *bars, const struct uuid *user)
{
	struct map_node *node = map_find(&bars->users, uuid_bytes(user));
	return node != NULL ? CONTAINER_OF(node, struct bar, node) : NULL;
}

/* Cut between two characters. */
static void bar_set_reason(struct bar *bar, struct bytes reason)
{
	size_t len = reason.len;
	if (len > REASON_MAX) {
		len = REASON_MAX;
		while (len > 0 && ((unsigned char)reason.ptr[len] & 0xc0) == 0x80) {
			len--;
		}
	}
	if (len > 0) {
		memcpy(bar->reason, reason.ptr, len);
	}
	bar->reason_len = len;
}

static void bars_forget(struct bars *bars, const struct uuid *user)
{
	struct bar *bar = bar_find(bars, user);
	if (bar != NULL) {
		bar_drop(&bar->node, &bars->users);
	}
}

static struct bar *bars_get(struct bars *bars, const struct uuid *user)
{
	struct bar *bar = bar_find(bars, user);
	if (bar == NULL) {
		bar = mem_zalloc(sizeof(*bar));
		bar->user = *user;
		map_insert(&bars->users, &bar->node);
	}
	return bar;
}

void bars_set(struct bars *bars, const struct uuid *user, int64_t banned_ms, struct bytes reason,
	int64_t tokens_from_ms)
{
	pthread_rwlock_wrlock(&bars->lock);
	if (banned_ms == 0 && tokens_from_ms == 0) {
		bars_forget(bars, user);
	} else {
		struct bar *bar = bars_get(bars, user);
		bar->banned_ms = banned_ms;
		bar->tokens_from_ms = tokens_from_ms;
		bar_set_reason(bar, reason);
	}
	atomic_store_explicit(&bars->count, bars->users.count, memory_order_relaxed);
	pthread_rwlock_unlock(&bars->lock);
}

static int bar_judge(const struct bar *bar, const struct principal *principal, char *why)
{
	if (bar->banned_ms != 0) {
		snprintf(why, BARS_WHY_SIZE, "this user is banned%s%.*s",
			bar->reason_len > 0 ? ": " : "", (int)bar->reason_len, bar->reason);
		return ERR_FORBIDDEN;
	}
	if (bar->tokens_from_ms == 0 || principal->issued_ms >= bar->tokens_from_ms) {
		return 0;
	}
	snprintf(why, BARS_WHY_SIZE, "%s",
		principal->issued_ms != 0
			? "the token was revoked"
			: "the tokens of this user were revoked, and this one does "
			  "not say when it was issued (iat)");
	return ERR_UNAUTHORIZED;
}

int bars_check(struct bars *bars, const struct principal *principal, char *why)
{
	if (bars_count(bars) == 0) {
		return 0;
	}
	pthread_rwlock_rdlock(&bars->lock);
	const struct bar *bar = bar_find(bars, &principal->user_id);
	int err = bar != NULL ? bar_judge(bar, principal, why) : 0;
	pthread_rwlock_unlock(&bars->lock);
	return err;
}

size_t bars_count(struct bars *bars)
{
	return atomic_load_explicit(&bars->count, memory_order_relaxed);
}
