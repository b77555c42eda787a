/* What the tests of lib/store/admin.h share: a filled database, and what its callbacks saw. */
#ifndef TESTS_UNIT_STORE_ADMIN_HELP_H
#define TESTS_UNIT_STORE_ADMIN_HELP_H

#include "lib/store/admin.h"
#include "tests/unit/store_help.h"

enum { ADMIN_MESSAGES = 300 };

struct admin_test {
	struct store_test store;
	char target[96]; /* of backups, in the store's folder */
	struct buf why;
	struct buf seen; /* a line for each step and finding */
	unsigned calls; /* of progress */
	unsigned stop_after; /* progress ends the work at this call, 0: never */
};

/* For cmocka: *state is a struct admin_test, with no store open. */
int admin_setup(void **state);
int admin_teardown(void **state);

/* The rooms "full", with all messages and three participants, and "empty", with two. */
void admin_fill(struct admin_test *t);
void admin_fill_and_close(struct admin_test *t);
/* From here on it is about the backup. */
void admin_use_target(struct admin_test *t);

/* The calls, with t's database. */
int admin_status(struct admin_test *t, struct store_admin_status *ret_status);
int admin_migrate(struct admin_test *t, uint32_t to, bool plan);
int admin_backup(struct admin_test *t, const char *target, bool force,
	struct store_admin_backup *ret_backup);
int admin_verify(struct admin_test *t, uint64_t *ret_bad);

/* part is in t->why, which is cleared, or in t->seen. */
void assert_why(struct admin_test *t, const char *part);
void assert_seen(struct admin_test *t, const char *part);
bool admin_is_there(const char *path, const char *suffix);
unsigned admin_files(const struct admin_test *t);
void admin_write_file(const char *path, const char *text);
/* fn in a process of its own; its answer, which must be 0 to 100. */
int admin_in_child(struct admin_test *t, int (*fn)(struct admin_test *t));

#endif
