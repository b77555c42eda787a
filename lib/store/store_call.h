/* What every request of the store begins with. Included by the headers of the requests. */
#ifndef LIB_STORE_STORE_CALL_H
#define LIB_STORE_STORE_CALL_H

#include "lib/base/arena.h"
#include "lib/loop/mailbox.h"
#include "lib/store/model.h"

struct store;
struct store_call;

typedef void (*store_done_fn)(struct store_call *call, int err);

struct store_call {
	struct mail mail; /* the store's, for the way back */
	/* The caller fills these three (store_call_init). */
	struct mailbox *reply_to;
	struct arena *arena;
	store_done_fn done;
	void *owner; /* the caller's, set after store_call_init(); the store does not look at it */
	/* The store's own. */
	struct store_call *next;
	void (*work)(struct store_call *call, void *connection);
	const void *plan;
	unsigned tries; /* that met somebody, or lost their link */
	int err;
	const char *why; /* where err is set, a sentence for the operator's log, or NULL */
};

void store_call_init(
	struct store_call *call, struct mailbox *reply_to, struct arena *arena, store_done_fn done);

/* A change that somebody asks for; has_by false: the operator, who may do everything. Judged in the
 * same transaction: ERR_NOT_FOUND where the room is not there, or is Private and he is no member;
 * ERR_NOT_MEMBER where he is none of a Public one; ERR_FORBIDDEN where his role does not allow it.
 */
struct store_actor {
	bool has_by;
	struct uuid by;
};

#endif
