/* What every back end of the store must do, written against lib/store/store.h alone. */
#ifndef TESTS_UNIT_STORE_SUITE_H
#define TESTS_UNIT_STORE_SUITE_H

#include "tests/unit/store_help.h"

/* Opens an empty store as *state and gives it to the test; see cmocka's setup and teardown. */
struct suite_backend {
	const char *name;
	int (*setup)(void **state);
	int (*teardown)(void **state);
	/* Does what the interface has no request for. */
	void (*archive)(struct store_test *t, const struct uuid *room);
	void (*forget_below)(struct store_test *t, const struct uuid *room, uint64_t seq);
};

/* Number of tests that failed. */
int store_suite_messages(const struct suite_backend *backend);
int store_suite_rooms(const struct suite_backend *backend);
int store_suite_threads(const struct suite_backend *backend);

/* The back end under test is the initial state of each group. */
struct suite_state {
	const struct suite_backend *backend;
	struct store_test test;
};

#endif
