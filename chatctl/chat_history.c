#include "chatctl/chat_history.h"

#include <stdlib.h>

#include "chatctl/chat_item.h"
#include "chatctl/chat_outbox.h"
#include "lib/base/err.h"

#define PAGE_MAX 200 /* what the hub gives at once */

struct chat_history {
	struct client *client;
	char *room;
	uint64_t before;
	unsigned wanted; /* still */
	struct list messages;
	chat_history_fn done;
	void *ctx;
};

void chat_history_free(struct chat_history **history)
{
	if (*history != NULL) {
		chat_items_free(&(*history)->messages);
		free((*history)->room);
		free(*history);
		*history = NULL;
	}
}

static void finish(struct chat_history *history, int err, struct bytes why)
{
	history->done(history->ctx, err, why, &history->messages);
	chat_history_free(&history);
}

/* A page goes before those that are there. Answers how many messages it has. */
static unsigned take_page(struct chat_history *history, const struct value *page)
{
	unsigned count = 0;
	for (uint32_t i = page->count; i-- > 0;) {
		uint64_t seq = chat_value_number(&page->items[i], "seq");
		if (seq == 0 || seq >= history->before || count == history->wanted) {
			continue; /* not what was asked for */
		}
		struct chat_item *item = chat_item_message(&page->items[i]);
		list_prepend(&history->messages, &item->node);
		history->before = seq;
		count++;
	}
	history->wanted -= count;
	return count;
}

static int ask(struct chat_history *history);

static void on_page(void *ctx, int err, struct bytes error_text, const struct value *result)
{
	struct chat_history *history = ctx;
	if (err == 0 && result->kind != VALUE_ARRAY) {
		err = ERR_BAD_REQUEST;
	}
	if (err != 0) {
		finish(history, err, chat_error_text(error_text));
		return;
	}
	bool more = take_page(history, result) > 0 && history->wanted > 0 && history->before > 1;
	err = more ? ask(history) : 0;
	if (!more || err != 0) {
		finish(history, err, bytes_str(err_text(err)));
	}
}

static int ask(struct chat_history *history)
{
	struct arena *arena = arena_create(0);
	struct value arguments = value_array(arena, 3);
	value_add(&arguments, value_str(history->room));
	value_add(&arguments, value_int((int64_t)history->before));
	value_add(&arguments, value_int(history->wanted < PAGE_MAX ? history->wanted : PAGE_MAX));
	int err = client_invoke(
		history->client, BYTES_LIT("GetHistory"), &arguments, on_page, history);
	arena_destroy(&arena);
	return err;
}

int chat_history_start(struct client *client, const char *room, uint64_t before, unsigned count,
	chat_history_fn done, void *ctx, struct chat_history **ret_history)
{
	struct chat_history *history = mem_zalloc(sizeof(*history));
	history->client = client;
	history->room = mem_strdup(room);
	history->before = before;
	history->wanted = count;
	list_init(&history->messages);
	history->done = done;
	history->ctx = ctx;
	int err = ask(history);
	if (err != 0) {
		chat_history_free(&history);
		return err;
	}
	*ret_history = history;
	return 0;
}
