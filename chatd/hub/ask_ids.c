#include "chatd/hub/ask_ids.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"

struct ask_ids {
	pthread_mutex_t lock; /* over all of it */
	struct map open; /* struct ask_id */
	uint64_t last;
};

struct ask_id {
	struct map_node node; /* key: number */
	uint64_t number;
	struct uuid connection;
};

static struct bytes key_of(const struct map_node *node)
{
	const struct ask_id *id = CONTAINER_OF(node, const struct ask_id, node);
	return bytes_of((const char *)&id->number, sizeof(id->number));
}

struct ask_ids *ask_ids_create(void)
{
	struct ask_ids *ids = mem_zalloc(sizeof(*ids));
	pthread_mutex_init(&ids->lock, NULL);
	map_init(&ids->open, key_of);
	return ids;
}

static void free_id(struct map_node *node, void *ctx)
{
	struct ask_ids *ids = ctx;
	map_remove(&ids->open, node);
	free(CONTAINER_OF(node, struct ask_id, node));
}

void ask_ids_destroy(struct ask_ids **ids)
{
	if (*ids == NULL) {
		return;
	}
	map_each(&(*ids)->open, free_id, *ids);
	map_finish(&(*ids)->open);
	pthread_mutex_destroy(&(*ids)->lock);
	free(*ids);
	*ids = NULL;
}

static struct ask_id *find(struct ask_ids *ids, uint64_t number)
{
	struct map_node *node =
		map_find(&ids->open, bytes_of((const char *)&number, sizeof(number)));
	return node != NULL ? CONTAINER_OF(node, struct ask_id, node) : NULL;
}

uint64_t ask_ids_take(struct ask_ids *ids, const struct uuid *connection)
{
	struct ask_id *id = mem_zalloc(sizeof(*id));
	id->connection = *connection;
	pthread_mutex_lock(&ids->lock);
	uint64_t number = id->number = ++ids->last;
	map_insert(&ids->open, &id->node);
	pthread_mutex_unlock(&ids->lock);
	return number;
}

void ask_ids_drop(struct ask_ids *ids, uint64_t number)
{
	pthread_mutex_lock(&ids->lock);
	struct ask_id *id = find(ids, number);
	if (id != NULL) {
		map_remove(&ids->open, &id->node);
	}
	pthread_mutex_unlock(&ids->lock);
	free(id);
}

enum ask_owner ask_ids_owner(struct ask_ids *ids, uint64_t number, const struct uuid *connection)
{
	enum ask_owner owner = ASK_OWNER_NONE;
	pthread_mutex_lock(&ids->lock);
	const struct ask_id *id = find(ids, number);
	if (id != NULL) {
		bool self = uuid_eq(&id->connection, connection);
		owner = self ? ASK_OWNER_SELF : ASK_OWNER_OTHER;
	}
	pthread_mutex_unlock(&ids->lock);
	return owner;
}

void ask_id_format(uint64_t number, char out[ASK_ID_SIZE])
{
	snprintf(out, ASK_ID_SIZE, "s%" PRIu64, number);
}

uint64_t ask_id_parse(struct bytes id)
{
	if (id.len < 2 || id.len > 20 || id.ptr[0] != 's' || id.ptr[1] == '0') {
		return 0;
	}
	uint64_t number = 0;
	for (size_t i = 1; i < id.len; i++) {
		if (id.ptr[i] < '0' || id.ptr[i] > '9') {
			return 0;
		}
		number = number * 10 + (uint64_t)(id.ptr[i] - '0');
	}
	return number;
}
