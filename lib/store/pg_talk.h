/* A request of the store as a conversation with PostgreSQL: a table of steps, each of which reads
 * the results of what the step before sent, and sends more. Reads run on any of the desk's reading
 * links; changes run one at a time, in the order of the calls, on its writing link, in one
 * transaction; slow ones on a link of their own.
 *
 *     static const pg_step_fn steps[] = {ask, judge, finish, NULL};
 *     const struct pg_work pg_member_role_work = {PG_CHANGE, steps, sizeof(struct member_role)};
 *
 * A work may run again from its first step (the transaction met another one, or, where it only
 * reads, its link was lost): steps set all results and keep nothing but talk->state, which is zero
 * again then. */
#ifndef LIB_STORE_PG_TALK_H
#define LIB_STORE_PG_TALK_H

#include "lib/store/pg_link.h"
#include "lib/store/store.h"

struct pg_talk;
struct clock;
struct pg_watch;

enum {
	PG_DONE = 0, /* the call is answered with 0; of a change: nothing is kept (ROLLBACK) */
	PG_ON = 1, /* what was added is sent; then comes the next step */
	PG_STAY = 2, /* the same, but then comes this step again */
	PG_COMMIT = 3, /* of a change: what was added is sent and committed; then comes the next
			  step, which must answer PG_DONE, or the call is answered with 0 where
			  there is none. The results of COMMIT itself are not seen */
};
/* One of these, or a negative error, which the call is answered with (of a change: ROLLBACK). */
typedef int (*pg_step_fn)(struct pg_talk *talk, struct store_call *call);

enum pg_work_kind {
	PG_READ, /* each statement by itself, without a transaction around them */
	PG_READ_SOON, /* the same; where no answer comes within 3 s its link leads nowhere */
	PG_CHANGE, /* BEGIN before the first statement */
	PG_SLOW, /* the same, on the link for long work */
	PG_SLOW_READ, /* no transaction, on the link for long work */
};

struct pg_work {
	enum pg_work_kind kind;
	const pg_step_fn *steps; /* NULL ends */
	size_t state_size; /* of talk->state, 0: none */
};

/* Adds a statement to what the step sends (at most 12 of a step). params may be NULL. */
void pg_talk_add(struct pg_talk *talk, enum pg_sql sql, const struct pg_params *params);
/* The rows of the i-th statement that the step before added; they live until this step returns. */
const struct pg_result *pg_talk_result(const struct pg_talk *talk, size_t i);
void *pg_talk_state(const struct pg_talk *talk);
/* The desk's store (epoch_no, origin for the table changes). */
const struct store *pg_talk_store(const struct pg_talk *talk);
int64_t pg_talk_origin(const struct pg_talk *talk);
/* That of struct store_open_params. */
const struct clock *pg_talk_clock(const struct pg_talk *talk);
/* Where the desk's store_watch is (pg_watch.h). */
struct pg_watch *pg_talk_watch(const struct pg_talk *talk);

/* The works, by request: pg_messages.c, pg_rooms.c ... define them. */
#define X(request) extern const struct pg_work pg_##request##_work;
X(page)
X(message_find)
X(sent_page)
X(sent_erase)
X(purge)
X(purge_plan) /* struct store_purge with plan */
X(room_find)
X(room_create)
X(room_list)
X(room_update)
X(room_delete)
X(room_sweep)
X(rooms_page)
X(member_add)
X(member_remove)
X(member_role)
X(member_list)
X(member_page)
X(user_open)
X(user_find)
X(user_list)
X(user_update)
X(user_bar)
X(user_erase)
X(bar_list)
X(heads)
X(watch)
X(status)
X(ping)
#undef X

#endif
