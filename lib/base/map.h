/* Hash map with a keyed hash (SipHash-1-3 under a random key per process), so that peers who choose
 * the keys cannot make it slow. The nodes are embedded in the members; the map owns nothing. Not
 * thread-safe. */
#ifndef LIB_BASE_MAP_H
#define LIB_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

/* The bytes of the key of a member; must stay the same while it is in the map. */
typedef struct bytes (*map_key_fn)(const struct map_node *node);

struct map {
	struct map_node **slots; /* NULL while empty */
	size_t slot_count; /* a power of two */
	size_t count;
	map_key_fn key;
};

void map_init(struct map *map, map_key_fn key);
/* Frees the table, not the members. */
void map_finish(struct map *map);
struct map_node *map_find(const struct map *map, struct bytes key);
/* The key must not be there already. */
void map_insert(struct map *map, struct map_node *node);
/* The node must be there. */
void map_remove(struct map *map, struct map_node *node);
/* Visits every member; visit may remove the member that it is given, and nothing else. */
void map_each(struct map *map, void (*visit)(struct map_node *node, void *ctx), void *ctx);

/* The process-wide keyed hash, also used to choose the home worker of a room. Thread-safe. */
uint64_t map_hash(struct bytes key);
/* SipHash-1-3 under a given key (little-endian words). */
uint64_t map_hash_keyed(struct bytes in, const uint64_t key[2]);

#endif
