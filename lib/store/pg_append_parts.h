/* The parts of the engine that appends. For pg_append*.c only. */
#ifndef LIB_STORE_PG_APPEND_PARTS_H
#define LIB_STORE_PG_APPEND_PARTS_H

#include "lib/store/pg_link.h"
#include "lib/store/store.h"

/* More does not make a message cheaper, but everybody's answer later. */
enum { PG_BATCH_MAX = 256, PG_BATCH_BYTES = 1 << 20 };
/* Entries have a statement each; one before them hurries, and one locks their rooms. */
enum { PG_BATCH_ENTRIES = PG_EXCHANGE_MAX - 2 };

enum append_ref_state {
	REF_WAITING, /* nothing of it is stored: never sent, or it had no effect */
	REF_SENT, /* in the exchange that is under way */
	REF_ANSWERED, /* the item has its outcome */
};

struct append_ref {
	struct append_item *item;
	enum append_ref_state state;
	unsigned misses; /* how often the statement gave no row for it */
};

enum pg_batch_kind {
	PG_BATCH_PLAIN, /* what members send */
	PG_BATCH_CHANGES, /* Edit and Delete */
	PG_BATCH_IMPORTS,
};

/* What goes in one exchange, sorted by room; refs of one room in the order of their arrival. */
struct pg_batch {
	enum pg_batch_kind kind;
	bool careful; /* the rooms are locked first */
	bool impatient; /* its one room stayed locked before: careful, but does not wait */
	bool hurried; /* hardly waits for any lock, that of a table among them */
	size_t count, bytes;
	struct append_ref *refs[PG_BATCH_MAX];
};

/* ---- pg_append_pick.c ---- */

/* Rooms that stayed locked by somebody until we gave up. */
enum { PG_STUCK_MAX = 8 };
struct pg_stuck {
	size_t count;
	struct uuid rooms[PG_STUCK_MAX];
};

/* How large the next batch may be. */
struct pg_pick_bounds {
	size_t count;
	bool one_room; /* only of the room of its first */
	struct pg_stuck stuck; /* each of them goes alone */
};

struct pg_picker; /* memory that is used again */
struct pg_picker *pg_picker_create(void);
void pg_picker_destroy(struct pg_picker **picker);
/* Chooses from those that wait, the first first; none where none waits. No two of the batch can be
 * twins (but for changes, which are judged one by one), all are of one kind, and none overtakes
 * another one of its room. The same refs in the same states give the same batch, or, with a lower
 * bound, the first of them. */
void pg_pick(struct pg_picker *picker, struct append_ref *refs, size_t count,
	const struct pg_pick_bounds *bounds, struct pg_batch *ret_batch);

/* ---- pg_append_batch.c ---- */

struct pg_batch_writer; /* parameters whose memory is used again */
struct pg_batch_writer *pg_batch_writer_create(const struct store *store);
void pg_batch_writer_destroy(struct pg_batch_writer **writer);
/* Adds the statements to the exchange that has begun on the link. */
void pg_batch_write(
	struct pg_batch_writer *writer, struct pg_link *link, const struct pg_batch *batch);
/* Takes the answers of an exchange that went well; refs that got one are REF_ANSWERED. */
void pg_batch_read(const struct pg_batch *batch, const struct pg_exchange *exchange);

/* ---- pg_append_change.c ---- */

/* Adds the statement of an Edit or a Delete. */
void pg_change_write(
	const struct store *store, struct pg_link *link, const struct append_item *item);

#endif
