/* What comes out of a session, in its order: messages, events and notices, kept until they can be
 * shown. */
#ifndef CHATCTL_CHAT_ITEM_H
#define CHATCTL_CHAT_ITEM_H

#include "lib/base/arena.h"
#include "lib/base/list.h"
#include "lib/value/value.h"

enum chat_item_kind {
	CHAT_ITEM_MESSAGE, /* value: as in ReceiveMessage */
	CHAT_ITEM_EVENT, /* target and value: the arguments of what the server invoked */
	CHAT_ITEM_NOTICE, /* text: the console's own words, lines without an end, not escaped */
};

struct chat_item {
	struct list_node node;
	enum chat_item_kind kind;
	struct arena *arena; /* all of it, the item too */
	struct bytes target;
	struct value value;
	struct bytes text;
	uint64_t since_us; /* its owner's, for deadlines */
};

/* Copies of what the hub sent, names of fields in camelCase whatever the encoding. Aborts on
 * exhaustion. */
struct chat_item *chat_item_message(const struct value *message);
struct chat_item *chat_item_event(struct bytes target, const struct value *arguments);
struct chat_item *chat_item_notice(struct bytes text);
/* A list must be left before. */
void chat_item_free(struct chat_item **item);
void chat_items_free(struct list *items);

/* Members are found without regard to case. One that is text; else len 0. */
struct bytes chat_value_text(const struct value *object, const char *name);
/* A member that is a number of 1 or more; else 0. */
uint64_t chat_value_number(const struct value *object, const char *name);
/* A member that is a time, or the text of one. 0, or an error where it is neither. */
int chat_value_time(const struct value *object, const char *name, int64_t *ret_ms);

#endif
