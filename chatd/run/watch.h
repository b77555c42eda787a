/* What other instances change in a store that they share comes into force here: memberships, rooms,
 * bans and revocations, asked for twice a second; and an epoch that is another one. */
#ifndef CHATD_RUN_WATCH_H
#define CHATD_RUN_WATCH_H

#include "chatd/op/services.h"
#include "lib/base/bytes.h"

struct watch;

/* Notes where the store is; turns sv's loop until that is answered. sv is the main thread's; what
 * is read from the store afterwards (bans) misses nothing. on_anew: numbers started anew, or nobody
 * knows what changed meanwhile: everything that was read is void. Once, on the main thread. NULL
 * into *ret_watch where nobody else writes to the store. The store's error, with a sentence in
 * why. */
int watch_open(struct services *sv, void (*on_anew)(void *ctx), void *ctx, struct watch **ret_watch,
	struct buf *why);
/* Once the workers run. */
void watch_start(struct watch *watch);
/* Nothing is asked any more. NULL is accepted, as by watch_destroy(). */
void watch_stop(struct watch *watch);
/* The store must have answered everything. */
void watch_destroy(struct watch **watch);

#endif
