#include "lib/base/map.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ident.h"

enum { MAP_FIRST_SLOTS = 8 };

/* ---- SipHash-1-3 (Aumasson and Bernstein; one round per word, three at the end) ---- */

/* Made once, never changed after: the one process-wide value. */
static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void hash_key_make(void)
{
	random_bytes(hash_key, sizeof(hash_key));
}

static inline uint64_t rotate_left(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

static inline uint64_t load_le64(const char *p, size_t len)
{
	uint64_t word = 0;
	memcpy(&word, p, len);
	return le64toh(word);
}

uint64_t map_hash_keyed(struct bytes in, const uint64_t key[2])
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575U,
		key[1] ^ 0x646f72616e646f6dU,
		key[0] ^ 0x6c7967656e657261U,
		key[1] ^ 0x7465646279746573U,
	};
	size_t whole = in.len & ~(size_t)7;
	for (size_t at = 0; at < whole; at += 8) {
		uint64_t word = load_le64(in.ptr + at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	uint64_t last = (uint64_t)in.len << 56;
	if (in.len > whole) {
		last |= load_le64(in.ptr + whole, in.len - whole);
	}
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++) {
		sip_round(v);
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t map_hash(struct bytes key)
{
	pthread_once(&hash_key_once, hash_key_make);
	return map_hash_keyed(key, hash_key);
}

/* ---- the map ---- */

void map_init(struct map *map, map_key_fn key)
{
	*map = (struct map){.key = key};
}

void map_finish(struct map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->slot_count = map->count = 0;
}

static struct map_node **map_slot(const struct map *map, uint64_t hash)
{
	return &map->slots[hash & (map->slot_count - 1)];
}

static struct map_node *map_find_hashed(const struct map *map, struct bytes key, uint64_t hash)
{
	struct map_node *node = *map_slot(map, hash);
	while (node != NULL && (node->hash != hash || !bytes_eq(map->key(node), key))) {
		node = node->next;
	}
	return node;
}

struct map_node *map_find(const struct map *map, struct bytes key)
{
	return map->count > 0 ? map_find_hashed(map, key, map_hash(key)) : NULL;
}

static void map_grow(struct map *map)
{
	size_t old_count = map->slot_count;
	struct map_node **old = map->slots;
	map->slot_count = old_count == 0 ? MAP_FIRST_SLOTS : old_count * 2;
	map->slots = mem_zalloc(map->slot_count * sizeof(struct map_node *));
	for (size_t i = 0; i < old_count; i++) {
		struct map_node *node = old[i];
		while (node != NULL) {
			struct map_node *next = node->next;
			struct map_node **slot = map_slot(map, node->hash);
			node->next = *slot;
			*slot = node;
			node = next;
		}
	}
	free(old);
}

void map_insert(struct map *map, struct map_node *node)
{
	if (map->count == map->slot_count) {
		map_grow(map);
	}
	struct bytes key = map->key(node);
	node->hash = map_hash(key);
	assert(map_find_hashed(map, key, node->hash) == NULL);
	struct map_node **slot = map_slot(map, node->hash);
	node->next = *slot;
	*slot = node;
	map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
	assert(map->count > 0);
	struct map_node **link = map_slot(map, node->hash);
	while (*link != node) {
		assert(*link != NULL);
		link = &(*link)->next;
	}
	*link = node->next;
	node->next = NULL;
	map->count--;
}

void map_each(struct map *map, void (*visit)(struct map_node *node, void *ctx), void *ctx)
{
	for (size_t i = 0; i < map->slot_count; i++) {
		struct map_node *node = map->slots[i];
		while (node != NULL) {
			struct map_node *next = node->next;
			visit(node, ctx);
			node = next;
		}
	}
}
