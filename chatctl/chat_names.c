#include "chatctl/chat_names.h"

#include <stdlib.h>

#include "chatctl/chat_call.h"
#include "chatctl/chat_item.h"
#include "lib/base/list.h"
#include "lib/base/map.h"

#define SHORT_ID 8

enum name_state {
	NAME_WANTED, /* on the list of those to be asked for, or being asked for */
	NAME_KNOWN,
	NAME_UNKNOWN, /* it could not be had */
};

struct name {
	struct map_node in_map;
	struct list_node in_wanted;
	enum name_state state;
	char *id;
	char *text; /* NULL unless it is known */
	char short_id[SHORT_ID + 1];
};

struct chat_names {
	struct stream_pool *pool;
	const struct locate *locate;
	uint64_t timeout_us;
	void (*on_known)(void *ctx);
	void *ctx;
	struct map map;
	struct list wanted; /* the first is being asked for */
	struct chat_call *call;
};

static struct bytes key_of(const struct map_node *node)
{
	return bytes_str(CONTAINER_OF(node, const struct name, in_map)->id);
}

static struct name *name_add(struct chat_names *names, struct bytes id)
{
	struct name *name = mem_zalloc(sizeof(*name));
	name->id = mem_dup_bytes(id);
	strncpy(name->short_id, name->id, SHORT_ID);
	name->state = NAME_UNKNOWN;
	map_insert(&names->map, &name->in_map);
	return name;
}

static struct name *name_of(struct chat_names *names, struct bytes id)
{
	struct map_node *node = map_find(&names->map, id);
	return node != NULL ? CONTAINER_OF(node, struct name, in_map) : NULL;
}

static void name_set(struct name *name, struct bytes text)
{
	list_remove(&name->in_wanted);
	name->state = text.len > 0 ? NAME_KNOWN : NAME_UNKNOWN;
	free(name->text);
	name->text = text.len > 0 ? mem_dup_bytes(text) : NULL;
}

static void ask_next(struct chat_names *names);

static void on_answer(void *ctx, int err, struct bytes message, const struct value *items)
{
	struct chat_names *names = ctx;
	struct list_node *node = list_first(&names->wanted);
	(void)message;
	names->call = NULL;
	if (node != NULL) {
		struct bytes text = BYTES_NONE;
		if (err == 0 && items->count > 0) {
			text = chat_value_text(&items->items[0], "displayName");
			text = text.len > 0 ? text : chat_value_text(&items->items[0], "identity");
		}
		name_set(CONTAINER_OF(node, struct name, in_wanted), text);
	}
	ask_next(names);
	names->on_known(names->ctx);
}

/* One after the other: the daemon's socket has room for a few callers only. */
static void ask_next(struct chat_names *names)
{
	struct list_node *node = list_first(&names->wanted);
	if (node == NULL || names->call != NULL) {
		return;
	}
	struct arena *arena = arena_create(0);
	struct value args = value_object(arena, 1);
	value_put(&args, "user", value_str(CONTAINER_OF(node, struct name, in_wanted)->id));
	names->call = chat_call_start(names->pool, names->locate, "user show", &args,
		names->timeout_us, on_answer, names);
	arena_destroy(&arena);
}

struct chat_names *chat_names_create(struct stream_pool *pool, const struct locate *locate,
	uint64_t timeout_us, void (*on_known)(void *ctx), void *ctx)
{
	struct chat_names *names = mem_zalloc(sizeof(*names));
	names->pool = pool;
	names->locate = locate;
	names->timeout_us = timeout_us;
	names->on_known = on_known;
	names->ctx = ctx;
	map_init(&names->map, key_of);
	list_init(&names->wanted);
	return names;
}

static void name_free(struct map_node *node, void *ctx)
{
	struct name *name = CONTAINER_OF(node, struct name, in_map);
	struct map *map = ctx;
	map_remove(map, node);
	free(name->id);
	free(name->text);
	free(name);
}

void chat_names_destroy(struct chat_names **names)
{
	if (*names != NULL) {
		chat_call_cancel(&(*names)->call);
		map_each(&(*names)->map, name_free, &(*names)->map);
		map_finish(&(*names)->map);
		free(*names);
		*names = NULL;
	}
}

const char *chat_names_get(struct chat_names *names, struct bytes id)
{
	struct name *name = name_of(names, id);
	if (name == NULL) {
		name = name_add(names, id);
		if (names->locate->count > 0) {
			name->state = NAME_WANTED;
			list_append(&names->wanted, &name->in_wanted);
			ask_next(names);
		}
	}
	if (name->state == NAME_WANTED) {
		return NULL;
	}
	return name->text != NULL ? name->text : name->short_id;
}

const char *chat_names_now(struct chat_names *names, struct bytes id)
{
	const char *text = chat_names_get(names, id);
	return text != NULL ? text : name_of(names, id)->short_id;
}

void chat_names_put(struct chat_names *names, struct bytes id, struct bytes text)
{
	struct name *name = name_of(names, id);
	if (name == NULL) {
		name = name_add(names, id);
	}
	/* The first of the wanted is what the call under way is for. */
	if (name->state != NAME_WANTED) {
		name_set(name, text);
	}
}

static void forget_unknown(struct map_node *node, void *ctx)
{
	if (CONTAINER_OF(node, struct name, in_map)->state == NAME_UNKNOWN) {
		name_free(node, ctx);
	}
}

void chat_names_retry(struct chat_names *names)
{
	map_each(&names->map, forget_unknown, &names->map);
}
