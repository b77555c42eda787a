/* Messages into PostgreSQL: many of any rooms with one statement and one COMMIT. The desk hands
 * over runs of append calls; one run is under way at a time. */
#ifndef LIB_STORE_PG_APPEND_H
#define LIB_STORE_PG_APPEND_H

#include "lib/store/pg_link.h"
#include "lib/store/store.h"

struct pg_append;

/* store: of the desk, for the epoch. done: all calls of the run have
 * call->err set and belong to the desk again; never inside pg_append_run(). */
struct pg_append *pg_append_create(
	const struct store *store, void (*done)(void *ctx, struct store_call *list), void *ctx);
/* Nothing may be under way. */
void pg_append_destroy(struct pg_append **append);

/* list: append calls (struct store_append), linked by next, in the order of the calls, never empty.
 * The engine makes batches of them and sends them over the link, one at a time. A batch that met
 * another transaction is sent once more; one that a bad row spoils is halved until that row stands
 * alone, and its neighbours are stored. Where a room stays locked by somebody, what goes there
 * fails (APPEND_FAILED, ERR_BUSY), and all behind it in that room, so that nothing overtakes it.
 * link is ready.
 *
 * Of errors that end the run (the link is lost, the disk is full, the role may not ...): a call of
 * which something was sent and not answered is ERR_UNCERTAIN as a whole; one that has answers for
 * some of its items keeps them, and the rest of its items is APPEND_FAILED with that error, as
 * nothing of them was done; one that has none has the error itself. For a lost link that error is
 * ERR_UNAVAILABLE. call->why is also set where only items failed. */
void pg_append_run(struct pg_append *append, struct pg_link *link, struct store_call *list);
bool pg_append_running(const struct pg_append *append);

#endif
