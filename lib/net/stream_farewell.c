#include "lib/net/stream_private.h"

#include <stdlib.h>

struct farewell {
	struct list_node node; /* on pool->farewells */
	struct stream_pool *pool;
	struct stream_connect *connect;
	struct chunk *words;
	uint64_t limit_us;
};

static void farewell_free(struct farewell *farewell)
{
	if (list_linked(&farewell->node)) {
		list_remove(&farewell->node);
		farewell->pool->farewell_count--;
	}
	stream_connect_cancel(&farewell->connect);
	chunk_unref(farewell->words);
	free(farewell);
}

/* Nobody hears the stream: it lingers from its first moment on. */
static void on_data(void *ctx, struct bytes data)
{
	(void)ctx;
	(void)data;
}

static void on_end(void *ctx, int err)
{
	(void)ctx;
	(void)err;
}

static const struct stream_events stream_events = {.on_data = on_data, .on_end = on_end};

static void on_connected(void *ctx, int err, struct stream *stream)
{
	struct farewell *farewell = ctx;
	farewell->connect = NULL;
	if (err == 0) {
		stream_send(stream, farewell->words);
		stream_close_answered(&stream, farewell->limit_us);
	}
	farewell_free(farewell);
}

void stream_farewell(
	struct stream_pool *pool, struct bytes address, struct bytes words, uint64_t limit_us)
{
	struct farewell *farewell = mem_zalloc(sizeof(*farewell));
	farewell->pool = pool;
	farewell->words = chunk_copy(words);
	farewell->limit_us = limit_us;
	if (stream_connect_start(pool, address, limit_us, &stream_events, NULL, on_connected,
		    farewell, &farewell->connect) != 0) {
		farewell_free(farewell);
		return;
	}
	list_append(&pool->farewells, &farewell->node);
	pool->farewell_count++;
}

void stream_farewells_drop(struct stream_pool *pool)
{
	struct list_node *node;
	while ((node = list_first(&pool->farewells)) != NULL) {
		farewell_free(CONTAINER_OF(node, struct farewell, node));
	}
}
