/* A link to PostgreSQL for those three alone who make it: pg_link.c connects and sends, pg_result.c
 * reads, pg_link_life.c does what needs no libpq. */
#ifndef LIB_STORE_PG_LINK_PRIVATE_H
#define LIB_STORE_PG_LINK_PRIVATE_H

#include "lib/store/pg_commands.h"
#include "lib/store/pg_link.h"

struct pg_conn; /* libpq's */

enum pg_link_stage {
	PG_STAGE_CLOSED, /* no connection */
	PG_STAGE_CONNECTING, /* libpq works on it */
	PG_STAGE_SETUP, /* connected; the setup's SQL is under way */
	PG_STAGE_READY, /* in pipeline mode */
	PG_STAGE_SCRIPT, /* out of pipeline mode, with one script under way */
	PG_STAGE_BROKEN, /* lost, no connection; exchanges are answered and the owner is told later
			    in this turn */
};

struct pg_link {
	struct loop *loop;
	const struct pg_url *url;
	const struct pg_link_events *events;
	void *ctx;
	enum pg_link_stage stage;
	struct pg_conn *conn; /* NULL: CLOSED, BROKEN */
	struct loop_fd *watch;
	int wanted; /* what the descriptor is watched for */
	uint64_t opened; /* number of the connection: callbacks may have replaced it */
	/* CONNECTING, SETUP */
	const char *setup;
	uint64_t connect_end_us;
	uint64_t attempt_us, attempt_end_us; /* then another host is the first one */
	size_t first_host;
	/* READY, SCRIPT */
	struct pg_commands commands;
	struct list exchanges;
	struct list refused; /* begun where there is no connection */
	uint64_t asked, answered; /* how many were begun, and are done */
	struct pg_exchange *adding; /* between begin and end */
	size_t added; /* to it */
	struct buf why; /* of the oldest exchange's fault */
	unsigned nulls; /* ends of statements in a row, where none should be */
	/* BROKEN; also what the server said before it closes */
	int lost_err;
	struct buf lost_why;
	char lost_sqlstate[6];
	int refusal; /* of the last attempt to connect */
	struct loop_timer *timer;
	uint64_t timer_us; /* 0: not armed */
	struct loop_defer later;
	unsigned held; /* functions that still need it */
	bool destroyed; /* freed when none does */
};

/* ---- pg_link.c ---- */

/* Closes and forgets; the stage is the caller's. */
void pg_link_disconnect(struct pg_link *link);
/* Something is overdue. */
void pg_link_give_up(struct pg_link *link);
/* Ends the connection; exchanges are answered and the owner is told when nothing of theirs is on
 * the stack. What the server said last goes before why, which is libpq's text. */
void pg_link_lose(struct pg_link *link, int err, struct bytes why);
/* The same with what libpq says of the connection. */
void pg_link_lose_conn(struct pg_link *link);
/* The setup was run, or there is none. */
void pg_link_become_ready(struct pg_link *link);

/* ---- pg_link_life.c ---- */

/* Whoever calls the owner, and needs the link then, holds it meanwhile. */
void pg_link_hold(struct pg_link *link);
void pg_link_release(struct pg_link *link);
/* Hands an exchange that is on no list any more to its caller. */
void pg_link_answer(struct pg_link *link, struct pg_exchange *exchange, struct bytes why);
/* An exchange that does not know anything yet. */
void pg_link_enlist(struct pg_link *link, struct pg_exchange *exchange, uint64_t deadline_us,
	void (*done)(struct pg_exchange *exchange));
/* Looks at the end of the turn for what is to be told; now, where it was to. */
void pg_link_later(struct pg_link *link);
void pg_link_run_later(struct pg_link *link);
/* A point in time (monotonic us); UINT64_MAX: never. */
uint64_t pg_link_time_after(uint64_t delay_us);
void pg_link_arm(struct pg_link *link, uint64_t due_us);
/* When something is overdue; 0: nothing is awaited. */
uint64_t pg_link_next_due(const struct pg_link *link);
void pg_link_check_time(struct pg_link *link);

/* ---- pg_result.c ---- */

/* Takes what the server answered so far, as the stage demands; callbacks may close or destroy the
 * link (it must be held). Never waits. */
void pg_link_take(struct pg_link *link);
/* Frees the results. */
void pg_link_drop_results(struct pg_exchange *exchange);
/* A message that belongs to no statement. result: libpq's, borrowed. */
void pg_link_take_notice(void *link, const struct pg_result *result);

#endif
