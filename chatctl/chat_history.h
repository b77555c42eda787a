/* Reading the messages before a number, page by page. */
#ifndef CHATCTL_CHAT_HISTORY_H
#define CHATCTL_CHAT_HISTORY_H

#include "lib/base/list.h"
#include "lib/client/client.h"

struct chat_history;

/* messages: struct chat_item, oldest first; what the receiver does not take is freed. err: the
 * hub's, with why for people; those that came before it are there. The history is gone. */
typedef void (*chat_history_fn)(void *ctx, int err, struct bytes why, struct list *messages);

/* The last count messages before that number, or fewer where there are no more. done comes exactly
 * once, never inside, unless the client is closed before: then the owner frees it. What
 * client_invoke() answers. */
int chat_history_start(struct client *client, const char *room, uint64_t before, unsigned count,
	chat_history_fn done, void *ctx, struct chat_history **ret_history);
/* Behind client_close(). NULL is accepted. */
void chat_history_free(struct chat_history **history);

#endif
