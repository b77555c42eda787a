/* Names of users for people: asked of the daemon when they are wanted first, and remembered. */
#ifndef CHATCTL_CHAT_NAMES_H
#define CHATCTL_CHAT_NAMES_H

#include "chatctl/locate.h"
#include "lib/net/stream.h"

struct chat_names;

/* locate: where to ask, outlives it; with count 0 nobody is asked. on_known comes from the loop
 * when a name that was asked for is known, or known not to be had. */
struct chat_names *chat_names_create(struct stream_pool *pool, const struct locate *locate,
	uint64_t timeout_us, void (*on_known)(void *ctx), void *ctx);
void chat_names_destroy(struct chat_names **names);

/* The name, or NULL where it has still to come (it is asked for). What cannot be had is the
 * beginning of the id. id: as it stands in messages. */
const char *chat_names_get(struct chat_names *names, struct bytes id);
/* The same without waiting: the beginning of the id where the name has still to come. */
const char *chat_names_now(struct chat_names *names, struct bytes id);
/* Learned otherwise. */
void chat_names_put(struct chat_names *names, struct bytes id, struct bytes name);
/* What could not be had may be asked for again. */
void chat_names_retry(struct chat_names *names);

#endif
