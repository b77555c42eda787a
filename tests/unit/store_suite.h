/* What every back end of the store must do, written against lib/store/store.h alone. */
#ifndef TESTS_UNIT_STORE_SUITE_H
#define TESTS_UNIT_STORE_SUITE_H

#include "tests/unit/store_help.h"

struct suite_backend {
	/* store_test_init() and an empty store. */
	void (*open)(struct store_test *t);
	/* Closes the store and opens it again. */
	void (*reopen)(struct store_test *t);
	/* What the interface has no request for. */
	void (*archive_all)(struct store_test *t);
	void (*purge_below)(struct store_test *t, uint64_t seq); /* in all rooms */
};

/* All that follow. Number of tests that failed. */
int store_suite_all(const struct suite_backend *backend);

int store_suite_messages(const struct suite_backend *backend);
int store_suite_rooms(const struct suite_backend *backend);
int store_suite_order(const struct suite_backend *backend);
int store_suite_entries(const struct suite_backend *backend);
int store_suite_imports(const struct suite_backend *backend);
int store_suite_rights(const struct suite_backend *backend);
int store_suite_changes(const struct suite_backend *backend);
int store_suite_members(const struct suite_backend *backend);
int store_suite_lists(const struct suite_backend *backend);
int store_suite_people(const struct suite_backend *backend);
int store_suite_purge(const struct suite_backend *backend);
int store_suite_shared(const struct suite_backend *backend);

/* What a test gets as *state. */
struct suite_state {
	const struct suite_backend *backend;
	struct store_test test;
};

static inline struct store_test *suite_test(void **state)
{
	return &((struct suite_state *)*state)->test;
}

/* For cmocka: *state is the back end before, a struct suite_state afterwards. */
int store_suite_setup(void **state);
int store_suite_teardown(void **state);

#define SUITE_TEST(function, backend) \
	cmocka_unit_test_prestate_setup_teardown( \
		function, store_suite_setup, store_suite_teardown, (void *)(uintptr_t)(backend))

#endif
