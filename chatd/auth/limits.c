#include "chatd/auth/limits.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/map.h"

#define STRIPES 64
#define WAYS 8
#define BUCKETS (LIMITS_KEYS / STRIPES / WAYS)
#define KEY_MAX 64
#define SECOND_NS UINT64_C(1000000000)
#define CACHE_LINE 64

/* All zero is a place that was never used: idle since ever. */
struct slot {
	uint64_t hash;
	uint64_t arrival_ns; /* theoretical arrival time; not after now: idle */
};

struct bucket {
	struct slot slots[WAYS];
};

/* No two mutexes are in one cache line. */
union stripe {
	pthread_mutex_t mutex;
	char line[CACHE_LINE];
};

struct limits {
	union stripe stripes[STRIPES];
	_Atomic uint64_t connections;
	char line[CACHE_LINE];
	struct bucket buckets[STRIPES][BUCKETS];
};

struct limits *limits_create(void)
{
	struct limits *limits = mem_zalloc(sizeof(*limits));
	for (size_t i = 0; i < STRIPES; i++) {
		pthread_mutex_init(&limits->stripes[i].mutex, NULL);
	}
	return limits;
}

void limits_destroy(struct limits **limits)
{
	if (*limits == NULL) {
		return;
	}
	for (size_t i = 0; i < STRIPES; i++) {
		pthread_mutex_destroy(&(*limits)->stripes[i].mutex);
	}
	free(*limits);
	*limits = NULL;
}

/* ---- rates ---- */

static uint64_t key_hash(enum limit_kind kind, struct bytes key)
{
	char text[1 + KEY_MAX];
	assert(key.len > 0 && key.len <= KEY_MAX);
	text[0] = (char)kind;
	memcpy(text + 1, key.ptr, key.len);
	return map_hash(bytes_of(text, 1 + key.len));
}

/* The key's own place, else the one that is idle, else the one that is idle soonest. */
static struct slot *find_slot(struct bucket *bucket, uint64_t hash)
{
	struct slot *soonest = &bucket->slots[0];
	for (size_t i = 0; i < WAYS; i++) {
		struct slot *slot = &bucket->slots[i];
		if (slot->hash == hash) {
			return slot;
		}
		if (slot->arrival_ns < soonest->arrival_ns) {
			soonest = slot;
		}
	}
	return soonest;
}

/* 0, or for how many nanoseconds it is too early. */
static uint64_t take(struct bucket *bucket, uint64_t hash, uint64_t now_ns, uint64_t interval_ns,
	uint64_t burst_ns, bool only_look)
{
	struct slot *slot = find_slot(bucket, hash);
	uint64_t arrival = now_ns;
	if (slot->hash == hash && slot->arrival_ns > now_ns) {
		arrival = slot->arrival_ns;
	}
	uint64_t next = arrival + interval_ns;
	if (next - now_ns > burst_ns) {
		return next - now_ns - burst_ns;
	}
	if (!only_look) {
		*slot = (struct slot){.hash = hash, .arrival_ns = next};
	}
	return 0;
}

static int ask(struct limits *limits, enum limit_kind kind, struct bytes key, uint64_t now_us,
	uint64_t rate, bool only_look, uint64_t *ret_retry_us)
{
	if (rate == 0) {
		return 0;
	}
	assert(rate <= LIMITS_RATE_MAX);
	uint64_t hash = key_hash(kind, key);
	size_t stripe = hash % STRIPES;
	struct bucket *bucket = &limits->buckets[stripe][hash / STRIPES % BUCKETS];
	/* Rounded up: never more than the rate. As many of these as may come at once are the
	 * burst, so that it is whole. */
	uint64_t interval_ns = (SECOND_NS + rate - 1) / rate;
	uint64_t burst_ns = LIMITS_BURST_S * rate * interval_ns;
	pthread_mutex_lock(&limits->stripes[stripe].mutex);
	uint64_t early_ns = take(bucket, hash, now_us * 1000, interval_ns, burst_ns, only_look);
	pthread_mutex_unlock(&limits->stripes[stripe].mutex);
	if (early_ns > 0) {
		*ret_retry_us = (early_ns + 999) / 1000;
		return ERR_RATE_LIMITED;
	}
	return 0;
}

int limits_take(struct limits *limits, enum limit_kind kind, struct bytes key, uint64_t now_us,
	uint64_t rate, uint64_t *ret_retry_us)
{
	return ask(limits, kind, key, now_us, rate, false, ret_retry_us);
}

int limits_look(struct limits *limits, enum limit_kind kind, struct bytes key, uint64_t now_us,
	uint64_t rate, uint64_t *ret_retry_us)
{
	return ask(limits, kind, key, now_us, rate, true, ret_retry_us);
}

static size_t stripe_keys(const struct bucket buckets[BUCKETS], uint64_t now_ns)
{
	size_t count = 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (size_t way = 0; way < WAYS; way++) {
			count += buckets[i].slots[way].arrival_ns > now_ns;
		}
	}
	return count;
}

size_t limits_keys(struct limits *limits, uint64_t now_us)
{
	size_t count = 0;
	for (size_t i = 0; i < STRIPES; i++) {
		pthread_mutex_lock(&limits->stripes[i].mutex);
		count += stripe_keys(limits->buckets[i], now_us * 1000);
		pthread_mutex_unlock(&limits->stripes[i].mutex);
	}
	return count;
}

/* ---- addresses ---- */

struct bytes limits_address_key(const char *peer, char out[LIMITS_ADDRESS_SIZE])
{
	char host[INET6_ADDRSTRLEN];
	struct bytes text = bytes_str(peer);
	if (bytes_eq(text, BYTES_LIT("unix"))) {
		return BYTES_NONE;
	}
	bool v6 = bytes_starts(text, BYTES_LIT("["));
	const char *end = v6 ? strchr(peer, ']') : strrchr(peer, ':');
	const char *start = v6 ? peer + 1 : peer;
	size_t len = end != NULL ? (size_t)(end - start) : sizeof(host);
	if (len < sizeof(host)) {
		memcpy(host, start, len);
		host[len] = '\0';
		if (inet_pton(v6 ? AF_INET6 : AF_INET, host, out) == 1) {
			return bytes_of(out, v6 ? 8 : 4);
		}
	}
	text.len = text.len < KEY_MAX ? text.len : KEY_MAX;
	return text;
}

/* ---- connections ---- */

bool limits_enter(struct limits *limits, uint64_t max)
{
	uint64_t count = atomic_load_explicit(&limits->connections, memory_order_relaxed);
	do {
		if (max != 0 && count >= max) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&limits->connections, &count, count + 1,
		memory_order_relaxed, memory_order_relaxed));
	return true;
}

void limits_leave(struct limits *limits)
{
	uint64_t before = atomic_fetch_sub_explicit(&limits->connections, 1, memory_order_relaxed);
	assert(before > 0);
	(void)before;
}

uint64_t limits_connections(const struct limits *limits)
{
	return atomic_load_explicit(&limits->connections, memory_order_relaxed);
}
