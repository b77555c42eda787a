/* The store on PostgreSQL as one thread uses it: its links, and what waits for them. For
 * pg_desk.c, pg_line.c, pg_talk.c and pg_ops.c only. */
#ifndef LIB_STORE_PG_DESK_H
#define LIB_STORE_PG_DESK_H

#include "lib/store/pg_append.h"
#include "lib/store/pg_store.h"
#include "lib/store/pg_talk.h"
#include "lib/store/pg_watch.h"

enum { PG_LINES_MAX = 64 };

enum pg_line_kind { PG_LINE_WRITE, PG_LINE_SLOW, PG_LINE_READ, PG_LINE_KIND_COUNT };

enum pg_line_state {
	PG_LINE_OFF, /* not needed */
	PG_LINE_OPENING, /* connecting, then asking where it leads; first: calls wait for it */
	PG_LINE_UP,
	PG_LINE_WAITING, /* it failed, and is tried again after a pause */
};

/* One link with its reconnecting. */
struct pg_line {
	struct pg_desk *desk;
	enum pg_line_kind kind;
	enum pg_line_state state;
	struct pg_link *link;
	struct pg_exchange hello;
	struct loop_timer *again;
	unsigned failures; /* in a row */
	struct list talks; /* that are on it */
	unsigned talk_count;
	uint64_t used_us; /* when it last had something to do */
	uint64_t hurry_until_us; /* changes waited for a lock in vain: so long others wait less */
};

/* Calls that wait, linked by next. */
struct pg_queue {
	struct store_call *first, *last;
};

struct pg_desk {
	struct store base;
	struct pg_store *root;
	struct pg_desk *next; /* of the root's */
	struct loop *loop;
	struct pg_line lines[PG_LINES_MAX]; /* the writing one, the slow one, then reading ones */
	unsigned line_count;
	struct pg_queue queues[PG_LINE_KIND_COUNT];
	size_t waiting; /* messages count singly */
	struct pg_append *append;
	struct pg_watch *watch;
	struct loop_defer dispatch;
	struct loop_timer *tidy;
	bool in_trouble; /* it was told that a link is away */
	bool stopped; /* nothing new; answers go by mail */
};

/* ---- pg_line.c ---- */

void pg_line_init(struct pg_line *line, struct pg_desk *desk, enum pg_line_kind kind);
void pg_line_finish(struct pg_line *line);
/* What its link runs first. */
const char *pg_line_setup(enum pg_line_kind kind);
/* One that is off begins to open. */
void pg_line_want(struct pg_line *line);
/* Closes what nobody needs. */
void pg_line_rest(struct pg_line *line);
/* Whether a call may wait for it: it is up, or opening for the first time since it was. */
bool pg_line_promises(const struct pg_line *line);

/* ---- pg_desk.c ---- */

/* store_detach(). */
void pg_desk_close(struct store *base);
/* A line came up, or went; something is to be handed out. */
void pg_desk_wake(struct pg_desk *desk);
/* No line of the kind promises anything any more: what waits for one is answered. */
void pg_desk_line_failed(struct pg_desk *desk, enum pg_line_kind kind, const char *why);
/* Answers a call, whose err is set. */
void pg_desk_answer(struct pg_desk *desk, struct store_call *call);
/* Takes a call: plan is a struct pg_work, or NULL for store_append. 0, or what it is refused with.
 */
int pg_desk_take(
	struct pg_desk *desk, struct store_call *call, const struct pg_work *plan, size_t weight);
/* Puts a call back before all others of its kind. */
void pg_desk_return(struct pg_desk *desk, struct store_call *call, const struct pg_work *plan);

/* ---- pg_talk.c ---- */

/* Starts the first step on a line that is up. Not inside the call that asked. */
void pg_talk_start(struct pg_line *line, struct store_call *call, const struct pg_work *work);

#endif
