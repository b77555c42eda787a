/* The engine that appends, straight on links to PostgreSQL: two sides, as two instances have them,
 * and a third session that stands in their way. */
#ifndef TESTS_UNIT_STORE_PG_LINK_H
#define TESTS_UNIT_STORE_PG_LINK_H

#include "lib/store/pg_append.h"
#include "tests/unit/store_pg_help.h"

enum { LINK_SIDES = 2 };

struct link_side {
	struct link_test *test;
	struct pg_link *link;
	struct pg_append *append;
	unsigned ended; /* runs */
	bool may_close; /* the link, by itself */
};

struct link_test {
	struct store_test base; /* the database; no store is open */
	struct pg_url url;
	char epochs[3][17];
	struct store store; /* what the engine needs of one: the epochs, of which the last counts */
	struct link_side sides[LINK_SIDES];
	void *session; /* the third one */
};

/* For cmocka: *state is a struct link_test, its sides connected as the store's writing links are.
 */
int link_test_setup(void **state);
int link_test_teardown(void **state);
/* Connects the side anew, with more SQL at its start ("SET lock_timeout = ..."). */
void link_side_open(struct link_side *side, const char *more);

/* A room of the users 1 to members, of whom 1 is Owner; n tells it and its place among rooms. */
struct uuid link_room(struct link_test *t, unsigned n, unsigned members);
/* SQL in the third session. */
void link_session(struct link_test *t, const char *sql);
/* The same without waiting for its end; link_session_end() does. */
void link_session_begin(struct link_test *t, const char *sql);
void link_session_end(struct link_test *t);
/* The number that a query gives, outside of the third session. */
long link_number(struct link_test *t, const char *sql);
/* That no room has holes, and each the counts of its messages. */
void link_check(struct link_test *t);

/* Begins a run of one call. */
struct link_run {
	struct store_append req;
	unsigned number; /* of the side's runs */
};
void link_begin(
	struct link_side *side, struct link_run *run, struct append_item *items, size_t count);
/* The same for calls that are linked already. */
void link_begin_calls(struct link_side *side, struct link_run *run, struct store_call *list);
/* Turns the loop until the run has ended, at most 30 s; the error of the (first) call. */
int link_end(struct link_side *side, struct link_run *run);
/* Both. */
int link_append(struct link_side *side, struct append_item *items, size_t count);
/* Turns the loop until so many backends of the database wait for a lock. */
void link_wait_locked(struct link_test *t, long count);

#endif
