/* Looking for damage: what is in order, and each thing that is not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/store/migrate.h"
#include "tests/unit/store_admin_help.h"

/* ---- verifying ---- */

static void a_database_in_order(void **state)
{
	struct admin_test *t = *state;
	uint64_t bad;

	admin_fill_and_close(t);
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_int_equal(bad, 0);
	assert_seen(t, "pages ok: ");
	assert_seen(t, "schema ok: ");
	assert_seen(t, "epochs ok: 1 epochs\n");
	assert_seen(t, "rooms ok: 2 rooms, 300 messages without holes\n");
	assert_seen(t, "participants ok: 5 participants\n");
	/* What retention does is no damage. */
	store_test_sql(&t->store, "DELETE FROM messages WHERE seq < 100;"
				  "UPDATE rooms SET message_count = 201 WHERE alias = 'full'");
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_int_equal(bad, 0);
	store_test_sql(&t->store, "DELETE FROM messages;UPDATE rooms SET message_count = 0");
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_int_equal(bad, 0);
}

static void each_kind_of_damage_is_found(void **state)
{
	static const struct {
		const char *sql;
		const char *finding;
		uint64_t bad;
	} rows[] = {
		{"DELETE FROM messages WHERE seq = 150", "has holes: 299 messages", 2},
		{"DELETE FROM messages WHERE seq = 300", "but its head is 300", 2},
		{"UPDATE rooms SET last_seq = 400 WHERE alias = 'full'", "but its head is 400", 1},
		{"UPDATE rooms SET message_count = 7 WHERE alias = 'empty'",
			"counts 7 messages, but has 0", 1},
		{"UPDATE rooms SET member_count = 7 WHERE alias = 'empty'",
			"counts 7 participants, but has 2", 1},
		{"DELETE FROM participants WHERE room_id = (SELECT id FROM rooms WHERE alias = "
		 "'empty')",
			"counts 2 participants, but has 0", 1},
		{"DELETE FROM rooms WHERE alias = 'full'", "there are messages of room ", 2},
		{"DELETE FROM rooms WHERE alias = 'empty'", "2 participants are of room ", 1},
		{"DELETE FROM users", "participants are of user ", 3},
		{"DELETE FROM epochs", "there is no epoch", 2},
		{"UPDATE epochs SET epoch = 'short'", "epoch number 1 is malformed", 1},
		{"UPDATE messages SET epoch_no = 5 WHERE seq < 3",
			"2 messages are of epoch number 5", 1},
		{"DELETE FROM meta", "secret is missing", 1},
		{"DELETE FROM schema_migrations WHERE no = 1", "0001_start was left out", 1},
	};
	struct admin_test *t = *state;
	struct store_admin_backup backup;
	uint64_t bad;

	admin_fill_and_close(t);
	assert_int_equal(admin_backup(t, t->target, false, &backup), 0);
	snprintf(t->store.path, sizeof(t->store.path), "%s/copy.db", t->store.folder);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char command[400];
		snprintf(command, sizeof(command), "rm -f %s* && cp %s %s", t->store.path,
			t->target, t->store.path);
		assert_int_equal(system(command), 0);
		store_test_sql(&t->store, rows[i].sql);
		snprintf(t->store.url, sizeof(t->store.url), "sqlite:%s", t->store.path);
		assert_int_equal(admin_verify(t, &bad), 0);
		assert_seen(t, rows[i].finding);
		if (bad != rows[i].bad) {
			fail_msg("%s: %u findings: %s", rows[i].sql, (unsigned)bad,
				buf_cstr(&t->seen));
		}
	}
}

static void overwrite(const char *path, off_t at, size_t len)
{
	char rubbish[4096];
	int fd = open(path, O_WRONLY);

	memset(rubbish, 0x5a, sizeof(rubbish));
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, rubbish, len, at), len);
	close(fd);
}

static void damaged_pages_are_found(void **state)
{
	struct admin_test *t = *state;
	struct stat st;
	uint64_t bad;

	admin_fill_and_close(t);
	assert_int_equal(stat(t->store.path, &st), 0);
	overwrite(t->store.path, st.st_size - 4096, 4096);
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_true(bad > 0);
	assert_seen(t, "pages bad: ");
}

static void a_verify_can_be_ended(void **state)
{
	struct admin_test *t = *state;
	uint64_t bad;

	admin_fill_and_close(t);
	t->stop_after = 1;
	assert_int_equal(admin_verify(t, &bad), ERR_CANCELLED);
}

static void without_a_schema_there_is_nothing_to_verify(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_status status;
	struct store_admin_backup backup;
	uint64_t bad;

	admin_fill_and_close(t);
	store_test_sql(&t->store, "DELETE FROM schema_migrations");
	assert_int_equal(admin_verify(t, &bad), ERR_CONFIG);
	assert_why(t, "has no schema yet");
	assert_int_equal(admin_status(t, &status), 0);
	assert_int_equal(status.schema, 0);
	assert_int_equal(status.missing_count, migrate_sqlite()->count);
	assert_int_equal(admin_backup(t, t->target, false, &backup), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_setup, admin_teardown)
		TEST(a_database_in_order),
		TEST(each_kind_of_damage_is_found),
		TEST(damaged_pages_are_found),
		TEST(a_verify_can_be_ended),
		TEST(without_a_schema_there_is_nothing_to_verify),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
