#include "chatctl/chat_item.h"

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/value/tree.h"

/* MessagePack may spell the names of fields with a capital: here they are as in JSON. The tree is a
 * copy of our own. */
static void respell(struct value *value)
{
	for (uint32_t i = 0; value->kind == VALUE_ARRAY && i < value->count; i++) {
		respell(&value->items[i]);
	}
	for (uint32_t i = 0; value->kind == VALUE_OBJECT && i < value->count; i++) {
		char *name = (char *)(uintptr_t)value->members[i].name.ptr;
		if (name[0] >= 'A' && name[0] <= 'Z') {
			name[0] = (char)(name[0] - 'A' + 'a');
		}
		respell(&value->members[i].value);
	}
}

static struct value copy_respelt(struct arena *arena, const struct value *value)
{
	struct value copy = value_copy(arena, value);
	respell(&copy);
	return copy;
}

static struct chat_item *item_create(enum chat_item_kind kind)
{
	struct arena *arena = arena_create(0);
	struct chat_item *item = arena_alloc(arena, sizeof(*item));
	item->kind = kind;
	item->arena = arena;
	return item;
}

struct chat_item *chat_item_message(const struct value *message)
{
	struct chat_item *item = item_create(CHAT_ITEM_MESSAGE);
	item->value = copy_respelt(item->arena, message);
	return item;
}

struct chat_item *chat_item_event(struct bytes target, const struct value *arguments)
{
	struct chat_item *item = item_create(CHAT_ITEM_EVENT);
	item->target = arena_dup(item->arena, target);
	item->value = copy_respelt(item->arena, arguments);
	return item;
}

struct chat_item *chat_item_notice(struct bytes text)
{
	struct chat_item *item = item_create(CHAT_ITEM_NOTICE);
	item->text = arena_dup(item->arena, text);
	return item;
}

void chat_item_free(struct chat_item **item)
{
	if (*item != NULL) {
		struct arena *arena = (*item)->arena;
		*item = NULL;
		arena_destroy(&arena);
	}
}

void chat_items_free(struct list *items)
{
	struct list_node *node;
	while ((node = list_pop(items)) != NULL) {
		struct chat_item *item = CONTAINER_OF(node, struct chat_item, node);
		chat_item_free(&item);
	}
}

struct bytes chat_value_text(const struct value *object, const char *name)
{
	const struct value *member = value_get_nocase(object, name);
	return member != NULL && member->kind == VALUE_TEXT ? member->text : BYTES_NONE;
}

uint64_t chat_value_number(const struct value *object, const char *name)
{
	const struct value *member = value_get_nocase(object, name);
	bool good = member != NULL && member->kind == VALUE_INT && member->integer > 0;
	return good ? (uint64_t)member->integer : 0;
}

int chat_value_time(const struct value *object, const char *name, int64_t *ret_ms)
{
	const struct value *member = value_get_nocase(object, name);
	if (member != NULL && member->kind == VALUE_TIME) {
		*ret_ms = member->time_ms;
		return 0;
	}
	return member != NULL && member->kind == VALUE_TEXT ? clock_parse(member->text, ret_ms)
							    : ERR_NOT_FOUND;
}
