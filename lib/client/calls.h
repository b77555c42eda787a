/* The calls of one client that wait for their answers. */
#ifndef LIB_CLIENT_CALLS_H
#define LIB_CLIENT_CALLS_H

#include <stdint.h>

#include "lib/base/list.h"
#include "lib/client/client.h"
#include "lib/hubproto/message.h"

/* Embedded; all zero bytes but for calls_init(). */
struct calls {
	struct list list; /* struct call, in the order of their ids */
	uint32_t count;
	uint64_t last_id;
};

void calls_init(struct calls *calls);
/* Without answering. */
void calls_finish(struct calls *calls);
/* Adds a call with the id last_id + 1. */
void calls_add(struct calls *calls, client_done_fn done, void *ctx);
/* Answers the call that the Completion names; one that nobody waits for is left alone, as all
 * clients do. The calls may be changed inside, finished too. */
void calls_answer(struct calls *calls, const struct hub_message *completion);
/* Answers the oldest one with an error. false: there is none. */
bool calls_fail_first(struct calls *calls, int err, struct bytes text);

#endif
