#include "chatd/bus/topics.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/list.h"
#include "lib/base/map.h"

struct topic {
	struct map_node node;
	struct uuid room;
	uint64_t workers;
};

struct topics {
	struct map map;
};

static struct bytes topic_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct topic, node)->room);
}

static struct topic *topic_find(const struct topics *topics, const struct uuid *room)
{
	struct map_node *node = map_find(&topics->map, uuid_bytes(room));
	return node != NULL ? CONTAINER_OF(node, struct topic, node) : NULL;
}

static void topic_free(struct map_node *node, void *ctx)
{
	map_remove(ctx, node);
	free(CONTAINER_OF(node, struct topic, node));
}

struct topics *topics_create(void)
{
	struct topics *topics = mem_zalloc(sizeof(*topics));
	map_init(&topics->map, topic_key);
	return topics;
}

void topics_destroy(struct topics **topics)
{
	if (*topics == NULL) {
		return;
	}
	map_each(&(*topics)->map, topic_free, &(*topics)->map);
	map_finish(&(*topics)->map);
	free(*topics);
	*topics = NULL;
}

void topics_add(struct topics *topics, const struct uuid *room, unsigned worker)
{
	assert(worker < TOPICS_WORKERS_MAX);
	struct topic *topic = topic_find(topics, room);
	if (topic == NULL) {
		topic = mem_zalloc(sizeof(*topic));
		topic->room = *room;
		map_insert(&topics->map, &topic->node);
	}
	topic->workers |= (uint64_t)1 << worker;
}

void topics_remove(struct topics *topics, const struct uuid *room, unsigned worker)
{
	assert(worker < TOPICS_WORKERS_MAX);
	struct topic *topic = topic_find(topics, room);
	if (topic == NULL) {
		return;
	}
	topic->workers &= ~((uint64_t)1 << worker);
	if (topic->workers == 0) {
		map_remove(&topics->map, &topic->node);
		free(topic);
	}
}

uint64_t topics_of(const struct topics *topics, const struct uuid *room)
{
	const struct topic *topic = topic_find(topics, room);
	return topic != NULL ? topic->workers : 0;
}
