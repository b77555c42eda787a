/* What tests of two programs on one PostgreSQL share: both stores on one loop, and a third
 * transaction that they wait for, so that both are under way when it ends. */
#ifndef TESTS_UNIT_STORE_PG_RACE_H
#define TESTS_UNIT_STORE_PG_RACE_H

#include "tests/unit/store_help.h"

struct races {
	struct store_test t;
	struct store *other_root, *other; /* another program's, on the same loop */
};

/* For cmocka: *state is a struct races afterwards. */
int race_setup(void **state);
int race_teardown(void **state);

/* ---- the third one ---- */

/* Begins a transaction that holds what sql says; %s in it is the id. A request must have been made
 * before, so that the clock is told. */
void race_hold(struct races *r, const char *sql, const struct uuid *id);
void race_hold_room(struct races *r, const struct uuid *room);
/* Turns the loop until so many of our programs' transactions wait for a lock. */
void race_wait(struct races *r, long count);
/* Ends the third one's transaction. */
void race_let_go(struct races *r);

const char *race_text(struct races *r, const struct uuid *id);
/* What sql gives, which is one number. */
long race_number(struct races *r, const char *sql);

/* Everything noted in the table changes: kind, and the user's last byte, a line each. */
void assert_noted(struct races *r, const char *expected);
void race_forget_noted(struct races *r);

/* ---- two calls ---- */

/* Sends a request to the store of this program or the other; it is not waited for. */
#define RACE_POST(r, store_of, request, req) \
	do { \
		store_test_call(&(r)->t, &(req)->call); \
		assert_int_equal(store_##request(store_of, req), 0); \
	} while (0)
/* Waits for the answer. */
int race_answer(struct races *r, struct store_call *call);

#endif
