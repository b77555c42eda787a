/* What an operator does to a database without a store: status, migrations, backups. A database that
 * is in use is looked at from a process of its own, as chatctl does. */
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

/* ---- which database ---- */

static void urls_and_files_that_cannot_be(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_status status;
	struct buf why = {0};

	assert_int_equal(store_admin_status(
				 BYTES_LIT("mysql://u:secret@h/d"), t->store.arena, &status, &why),
		ERR_CONFIG);
	assert_non_null(strstr(buf_cstr(&why), "it supports sqlite:PATH and postgresql://"));
	assert_null(strstr(buf_cstr(&why), "secret"));
	buf_clear(&why);
	assert_int_equal(store_admin_status(BYTES_LIT("sqlite:"), t->store.arena, &status, &why),
		ERR_CONFIG);
	buf_clear(&why);
	assert_int_equal(store_admin_status(
				 BYTES_LIT("sqlite:/no/such/x.db"), t->store.arena, &status, &why),
		ERR_NOT_FOUND);
	assert_non_null(strstr(buf_cstr(&why), "/no/such"));
	buf_finish(&why);
	assert_int_equal(admin_status(t, &status), ERR_NOT_FOUND);
	assert_why(t, "there is no database");
	assert_int_equal(admin_files(t), 0);
}

static void files_of_others(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_status status;
	struct store_admin_backup backup;
	uint64_t bad;

	admin_write_file(t->store.path,
		"no database at all, and longer than the header of one is: "
		"0123456789012345678901234567890123456789012345678901234567890");
	assert_int_equal(admin_status(t, &status), ERR_CORRUPT);
	assert_why(t, "is no SQLite database");
	assert_int_equal(admin_backup(t, t->target, false, &backup), ERR_CORRUPT);
	assert_why(t, "is no SQLite database");
	assert_int_equal(admin_verify(t, &bad), ERR_CORRUPT);
	assert_why(t, "is no SQLite database");
	assert_int_equal(admin_migrate(t, 0, false), ERR_CORRUPT);
	assert_why(t, "is no SQLite database");
	assert_int_equal(unlink(t->store.path), 0);
	admin_fill_and_close(t);
	int fd = open(t->store.path, O_WRONLY);
	assert_int_equal(pwrite(fd, "\1\2\3\4", 4, 68), 4); /* the application's id */
	close(fd);
	assert_int_equal(admin_status(t, &status), ERR_CONFIG);
	assert_why(t, "of another program");
	assert_int_equal(admin_migrate(t, 0, false), ERR_CONFIG);
	assert_why(t, "of another program");
	assert_int_equal(admin_backup(t, t->target, false, &backup), ERR_CONFIG);
	assert_why(t, "of another program");
	assert_false(admin_is_there(t->target, ""));
}

/* ---- status ---- */

static void the_status_of_a_closed_database(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_status status;
	const struct migration_set *set = migrate_sqlite();

	admin_fill_and_close(t);
	unsigned files = admin_files(t);
	assert_int_equal(admin_status(t, &status), 0);
	assert_string_equal(status.place, t->store.path);
	assert_false(status.held);
	assert_int_equal(status.schema, set->rows[set->count - 1].no);
	assert_true(status.oldest_program >= 1 && status.oldest_program <= status.schema);
	assert_int_equal(status.missing_count, 0);
	assert_null(status.problem);
	assert_int_equal(status.users, 3);
	assert_int_equal(status.rooms, 2);
	assert_int_equal(status.messages, ADMIN_MESSAGES);
	assert_true(status.bytes > 16384 && status.bytes % 4096 == 0);
	assert_int_equal(status.wal_bytes, 0);
	assert_true(status.free_bytes > 0);
	assert_int_equal(strlen(status.epoch), 16);
	assert_int_equal(admin_files(t), files);
}

static int new_epoch(struct admin_test *t, bool plan, struct store_admin_epoch *ret_epoch)
{
	buf_clear(&t->why);
	return store_admin_new_epoch(bytes_str(t->store.url), plan, ret_epoch, &t->why);
}

static int look_beside(struct admin_test *t)
{
	struct store_admin_status status;
	struct store_admin_backup backup;
	uint64_t bad = 99;

	if (admin_status(t, &status) != 0 || !status.held || status.holder != getppid()) {
		return 1;
	}
	if (status.messages != ADMIN_MESSAGES || status.wal_bytes == 0) {
		return 2;
	}
	if (admin_migrate(t, 0, false) != ERR_BUSY) {
		return 3;
	}
	char number[32];
	snprintf(number, sizeof(number), "process %d", (int)getppid());
	if (strstr(buf_cstr(&t->why), number) == NULL) {
		return 4;
	}
	if (admin_migrate(t, 0, true) != 0 || t->seen.len != 0) {
		return 5;
	}
	if (admin_verify(t, &bad) != 0 || bad != 0) {
		return 6;
	}
	if (admin_backup(t, t->target, false, &backup) != 0 || backup.messages != ADMIN_MESSAGES) {
		return 7;
	}
	struct store_admin_epoch epoch;
	return new_epoch(t, false, &epoch) == ERR_BUSY ? 0 : 8;
}

static void a_database_in_use(void **state)
{
	struct admin_test *t = *state;
	struct uuid room;

	admin_fill(t);
	assert_int_equal(admin_in_child(t, look_beside), 0);
	/* The store has not noticed. */
	room = test_room(&t->store, "after", 1);
	test_send(&t->store, room, test_user(1), "k", "text");
	store_test_reopen(&t->store);
	store_close(&t->store.store);
	/* The backup is a database of its own. */
	admin_use_target(t);
	store_test_open(&t->store);
	struct store_status status = {0};
	assert_int_equal(test_status(&t->store, &status), 0);
	assert_int_equal(status.messages, ADMIN_MESSAGES);
	assert_int_equal(status.rooms, 2);
}

static int die_amid(struct admin_test *t)
{
	admin_fill(t);
	_exit(0); /* without closing: the WAL stays */
}

static void what_a_crash_left_is_read_and_left(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_status status;
	uint64_t bad;

	assert_int_equal(admin_in_child(t, die_amid), 0);
	assert_int_equal(admin_status(t, &status), 0);
	assert_false(status.held);
	assert_int_equal(status.messages, ADMIN_MESSAGES);
	uint64_t wal = status.wal_bytes;
	assert_true(wal > 0);
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_int_equal(bad, 0);
	assert_int_equal(admin_status(t, &status), 0);
	assert_int_equal(status.wal_bytes, wal);
}

/* ---- whose files ---- */

enum { NOBODY = 65534 };

static int look_as_nobody(struct admin_test *t)
{
	struct store_admin_status status;
	uint64_t bad;

	if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0) {
		return 1;
	}
	if (admin_status(t, &status) != ERR_FORBIDDEN) {
		return 2;
	}
	return admin_migrate(t, 0, false) == ERR_FORBIDDEN && admin_verify(t, &bad) == ERR_FORBIDDEN
		       ? 0
		       : 3;
}

static int read_as_nobody(struct admin_test *t)
{
	struct store_admin_status status;
	uint64_t bad = 9;

	if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0) {
		return 1;
	}
	if (admin_status(t, &status) != 0 || status.messages != ADMIN_MESSAGES) {
		return 2;
	}
	return admin_verify(t, &bad) == 0 && bad == 0 ? 0 : 3;
}

static void what_another_user_may_not_read_or_only_read(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_backup backup;

	if (geteuid() != 0) {
		skip(); /* only root can be another user */
	}
	admin_fill_and_close(t);
	assert_int_equal(chmod(t->store.folder, 0755), 0);
	assert_int_equal(admin_in_child(t, look_as_nobody), 0);
	/* A backup that lies where nothing can be written. */
	assert_int_equal(admin_backup(t, t->target, false, &backup), 0);
	assert_int_equal(chmod(t->target, 0444), 0);
	admin_use_target(t);
	unsigned files = admin_files(t);
	assert_int_equal(admin_in_child(t, read_as_nobody), 0);
	assert_int_equal(admin_files(t), files);
}

static void what_root_makes_is_of_the_folders_owner(void **state)
{
	static const char *const suffixes[] = {"", ".lock"};
	struct admin_test *t = *state;
	struct stat st;
	char path[160];

	if (geteuid() != 0) {
		skip();
	}
	assert_int_equal(chown(t->store.folder, NOBODY, NOBODY), 0);
	assert_int_equal(admin_migrate(t, 0, false), 0);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", t->store.path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, NOBODY);
		assert_int_equal(st.st_gid, NOBODY);
	}
	/* A lock that is another file by a second name is not written to. */
	snprintf(path, sizeof(path), "%s/precious", t->store.folder);
	admin_write_file(path, "precious");
	assert_int_equal(unlink(strcat(strcpy(t->target, t->store.path), ".lock")), 0);
	assert_int_equal(link(path, t->target), 0);
	assert_int_equal(admin_migrate(t, 0, false), ERR_SYSTEM);
	assert_why(t, ".lock: Too many links");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 8);
}

/* ---- migrations ---- */

static void migrations_of_a_new_database(void **state)
{
	struct admin_test *t = *state;
	const struct migration_set *set = migrate_sqlite();
	struct store_admin_status status;
	struct stat st;
	uint64_t bad;

	assert_int_equal(admin_migrate(t, 0, true), 0);
	assert_seen(t, "1 0001_start planned\n");
	assert_int_equal(admin_files(t), 0);
	assert_int_equal(admin_migrate(t, 9999, true), ERR_NOT_FOUND);
	assert_why(t, "there is no migration 9999; the newest is ");
	assert_int_equal(admin_migrate(t, 1, false), 0);
	assert_int_equal(buf_bytes(&t->seen).len, strlen("1 0001_start applied\n"));
	assert_seen(t, "1 0001_start applied\n");
	assert_int_equal(admin_status(t, &status), 0);
	assert_int_equal(status.schema, 1);
	assert_int_equal(status.missing_count, set->count - 1);
	assert_int_equal(strlen(status.epoch), 16);
	for (size_t i = 1; i < set->count; i++) {
		assert_string_equal(status.missing[i - 1], set->rows[i].name);
	}
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_int_equal(bad, 0);
	assert_int_equal(admin_migrate(t, 0, false), 0);
	assert_int_equal(stat(t->store.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(admin_migrate(t, 0, false), 0);
	assert_int_equal(t->seen.len, 0);
	if (set->count > 1) {
		assert_int_equal(admin_migrate(t, 1, false), ERR_CONFLICT);
		assert_why(t, "only go forward");
	}
	assert_false(admin_is_there(t->store.path, "-wal"));
}

static void a_schema_that_is_not_ours(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_status status;
	uint64_t bad;

	admin_fill_and_close(t);
	store_test_sql(
		&t->store, "UPDATE schema_migrations SET checksum = zeroblob(32) WHERE no = 1");
	assert_int_equal(admin_status(t, &status), 0);
	assert_non_null(strstr(status.problem, "0001_start was changed after it was applied"));
	assert_int_equal(status.messages, ADMIN_MESSAGES);
	assert_int_equal(admin_migrate(t, 0, false), ERR_CONFIG);
	assert_why(t, "was changed after it was applied");
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_int_equal(bad, 1);
	assert_seen(t, "schema bad: migration 0001_start was changed");
}

static void a_newer_schema(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_status status;

	admin_fill_and_close(t);
	store_test_sql(&t->store,
		"INSERT INTO schema_migrations VALUES (9000, '9000_later', zeroblob(32), 9000, 1)");
	assert_int_equal(admin_status(t, &status), 0);
	assert_int_equal(status.schema, 9000);
	assert_int_equal(status.oldest_program, 9000);
	assert_non_null(strstr(status.problem, "newer schema 9000"));
	assert_int_equal(admin_migrate(t, 0, false), ERR_CONFIG);
	assert_why(t, "newer schema 9000");
	/* One that says it can be served by older programs. */
	store_test_sql(
		&t->store, "UPDATE schema_migrations SET oldest_program = 1 WHERE no = 9000");
	assert_int_equal(admin_status(t, &status), 0);
	assert_null(status.problem);
	assert_int_equal(admin_migrate(t, 0, false), 0);
}

/* ---- epochs ---- */

static void an_epoch_that_begins(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_epoch epoch;
	struct store_admin_status before, after;

	assert_int_equal(new_epoch(t, false, &epoch), ERR_NOT_FOUND);
	assert_why(t, "there is no database");
	assert_int_equal(admin_migrate(t, 1, false), 0);
	if (migrate_sqlite()->count > 1) {
		assert_int_equal(new_epoch(t, false, &epoch), ERR_CONFIG);
		assert_why(t, "lacks migration 0002_");
	}
	admin_fill_and_close(t);
	assert_int_equal(admin_status(t, &before), 0);
	assert_int_equal(before.epoch_no, 1);
	assert_int_equal(new_epoch(t, true, &epoch), 0);
	assert_int_equal(epoch.no, 2);
	assert_string_equal(epoch.epoch, "");
	assert_string_equal(epoch.former, before.epoch);
	assert_int_equal(admin_status(t, &after), 0);
	assert_string_equal(after.epoch, before.epoch);
	assert_int_equal(new_epoch(t, false, &epoch), 0);
	assert_int_equal(epoch.no, 2);
	assert_int_equal(epoch.former_no, 1);
	assert_string_equal(epoch.former, before.epoch);
	assert_int_equal(admin_status(t, &after), 0);
	assert_int_equal(after.epoch_no, 2);
	assert_string_equal(after.epoch, epoch.epoch);
	assert_string_not_equal(after.epoch, before.epoch);
	assert_int_equal(after.messages, ADMIN_MESSAGES);
	/* Old messages keep their ids. */
	store_test_open(&t->store);
	assert_int_equal(t->store.store->epoch_no, 2);
	assert_string_equal(t->store.store->epochs[1], before.epoch);
	assert_string_equal(t->store.store->epoch, after.epoch);
}

/* ---- backups ---- */

static void a_backup_of_a_closed_database(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_backup backup;
	struct stat st;
	uint64_t bad;

	admin_fill_and_close(t);
	umask(0);
	assert_int_equal(admin_backup(t, t->target, false, &backup), 0);
	assert_int_equal(stat(t->target, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal((uint64_t)st.st_size, backup.bytes);
	assert_int_equal(backup.messages, ADMIN_MESSAGES);
	assert_true(t->calls > 0);
	assert_int_equal(admin_files(t), 3); /* both, and the lock */
	/* It can be verified, and backed up in its turn. */
	admin_use_target(t);
	assert_int_equal(admin_verify(t, &bad), 0);
	assert_int_equal(bad, 0);
	assert_seen(t, "rooms ok: 2 rooms, 300 messages without holes\n");
	assert_int_equal(admin_files(t), 3);
}

static void targets_that_are_refused(void **state)
{
	static const char *const own[] = {"", "-wal", "-shm", "-journal", ".lock"};
	struct admin_test *t = *state;
	struct store_admin_backup backup;
	char path[160];

	admin_fill_and_close(t);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		snprintf(path, sizeof(path), "%s/../%s%s", t->store.folder, t->store.path + 5,
			own[i]);
		assert_int_equal(admin_backup(t, path, true, &backup), ERR_CONFLICT);
		assert_why(t, "is a file of the database itself");
	}
	snprintf(path, sizeof(path), "%s/link", t->store.folder);
	assert_int_equal(link(t->store.path, path), 0);
	assert_int_equal(admin_backup(t, path, true, &backup), ERR_CONFLICT);
	assert_why(t, "is the database itself");
	assert_int_equal(admin_backup(t, "", false, &backup), ERR_USAGE);
	assert_why(t, "name of a file");
	assert_int_equal(admin_backup(t, t->store.folder, true, &backup), ERR_EXISTS);
	assert_why(t, "no regular file");
	assert_int_equal(admin_backup(t, "/no/such/folder/x", false, &backup), ERR_SYSTEM);
	assert_why(t, "/no/such/folder/x");
	admin_write_file(t->target, "what was there");
	assert_int_equal(admin_backup(t, t->target, false, &backup), ERR_EXISTS);
	assert_why(t, "is there already");
	snprintf(path, sizeof(path), "%s-wal", t->target);
	admin_write_file(path, "x");
	assert_int_equal(admin_backup(t, t->target, true, &backup), ERR_BUSY);
	assert_why(t, "its journal");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(admin_backup(t, t->target, true, &backup), 0);
	assert_true(backup.bytes > 4096);
}

static void a_backup_that_is_broken_off_leaves_nothing(void **state)
{
	struct admin_test *t = *state;
	struct store_admin_backup backup;

	admin_fill_and_close(t);
	unsigned files = admin_files(t);
	t->stop_after = 1;
	assert_int_equal(admin_backup(t, t->target, false, &backup), ERR_CANCELLED);
	assert_int_equal(admin_files(t), files);
	admin_write_file(t->target, "old");
	assert_int_equal(admin_backup(t, t->target, true, &backup), ERR_CANCELLED);
	struct stat st;
	assert_int_equal(stat(t->target, &st), 0);
	assert_int_equal(st.st_size, 3); /* what was there is still there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_setup, admin_teardown)
		TEST(urls_and_files_that_cannot_be),
		TEST(files_of_others),
		TEST(the_status_of_a_closed_database),
		TEST(a_database_in_use),
		TEST(what_a_crash_left_is_read_and_left),
		TEST(what_another_user_may_not_read_or_only_read),
		TEST(what_root_makes_is_of_the_folders_owner),
		TEST(migrations_of_a_new_database),
		TEST(a_schema_that_is_not_ours),
		TEST(a_newer_schema),
		TEST(an_epoch_that_begins),
		TEST(a_backup_of_a_closed_database),
		TEST(targets_that_are_refused),
		TEST(a_backup_that_is_broken_off_leaves_nothing),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
