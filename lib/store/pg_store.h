/* The store on PostgreSQL as a whole: what all its threads share, and a desk for each. */
#ifndef LIB_STORE_PG_STORE_H
#define LIB_STORE_PG_STORE_H

#include <stdatomic.h>

#include "lib/store/pg_sql.h"
#include "lib/store/pg_url.h"
#include "lib/store/store.h"

struct pg_desk;

/* What does not change while the store is open. */
struct pg_store {
	struct store base; /* its requests are refused: threads ask their own desks */
	struct pg_url url;
	int64_t origin; /* of this open store, in the table changes */
	char system[PG_SYSTEM_SIZE]; /* pg_sql.h */
	unsigned links_max; /* of each desk: 3 to 64 */
	size_t max_queued;
	const struct clock *clock;
	void (*on_link)(void *ctx, int err, const char *why); /* as in store_open_params, or NULL */
	void *on_link_ctx;
	_Atomic bool anew; /* a link found another epoch or system: store_watch tells it */
	struct pg_desk *desks; /* those attached, for the end */
};

/* Opens: connects, judges the schema, migrates where it may, reads what never changes (blocking; on
 * a loop of its own). Errors as store_open(); ERR_UNAVAILABLE: the server cannot be reached now. */
int pg_store_open(
	const struct store_open_params *params, struct store **ret_store, struct buf *why);
/* The desk of a thread (store_attach). */
int pg_desk_attach(struct store *root, struct loop *loop, struct store **ret_store);
/* What every desk accepted is finished and answered; blocking, when none of their loops runs any
 * more. */
void pg_desks_stop(struct pg_store *root);

extern const struct store_ops pg_desk_ops; /* pg_ops.c */

#endif
