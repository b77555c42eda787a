#include "chatctl/chat_item.h"

#include "lib/base/clock.h"
#include "lib/base/err.h"

/* MessagePack may spell the names of fields with a capital: here they are as in JSON. */
static const char *copy_name(struct arena *arena, struct bytes name, bool respell)
{
	char *copy = (char *)(uintptr_t)arena_dup(arena, name).ptr;
	if (respell && copy[0] >= 'A' && copy[0] <= 'Z') {
		copy[0] = (char)(copy[0] - 'A' + 'a');
	}
	return copy;
}

static struct value copy_tree(struct arena *arena, const struct value *value, bool respell)
{
	struct value copy = *value;
	switch (value->kind) {
	case VALUE_TEXT:
	case VALUE_BINARY:
		copy.text = arena_dup(arena, value->text);
		break;
	case VALUE_ARRAY:
		copy = value_array(arena, value->count);
		for (uint32_t i = 0; i < value->count; i++) {
			value_add(&copy, copy_tree(arena, &value->items[i], respell));
		}
		break;
	case VALUE_OBJECT:
		copy = value_object(arena, value->count);
		for (uint32_t i = 0; i < value->count; i++) {
			const struct value_member *member = &value->members[i];
			value_put(&copy, copy_name(arena, member->name, respell),
				copy_tree(arena, &member->value, respell));
		}
		break;
	case VALUE_NULL:
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_DOUBLE:
	case VALUE_TIME:
		break;
	}
	return copy;
}

struct value chat_value_copy(struct arena *arena, const struct value *value)
{
	return copy_tree(arena, value, false);
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
	item->value = copy_tree(item->arena, message, true);
	return item;
}

struct chat_item *chat_item_event(struct bytes target, const struct value *arguments)
{
	struct chat_item *item = item_create(CHAT_ITEM_EVENT);
	item->target = arena_dup(item->arena, target);
	item->value = copy_tree(item->arena, arguments, true);
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
