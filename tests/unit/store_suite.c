#include "tests/unit/store_suite.h"

#include <stdlib.h>

int store_suite_setup(void **state)
{
	struct suite_state *s = mem_zalloc(sizeof(*s));

	s->backend = *state;
	s->backend->open(&s->test);
	*state = s;
	return 0;
}

int store_suite_teardown(void **state)
{
	struct suite_state *s = *state;

	store_test_finish(&s->test);
	free(s);
	return 0;
}

int store_suite_all(const struct suite_backend *backend)
{
	static int (*const suites[])(const struct suite_backend *backend) = {
		store_suite_messages,
		store_suite_rooms,
		store_suite_order,
		store_suite_entries,
		store_suite_imports,
		store_suite_rights,
		store_suite_changes,
		store_suite_members,
		store_suite_lists,
		store_suite_people,
		store_suite_purge,
		store_suite_shared,
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		failed += suites[i](backend);
	}
	return failed;
}
