/* A database of an older program: migrated, with what was in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/base/err.h"
#include "lib/store/migrate.h"
#include "tests/unit/store_help.h"

/* Room 0x11..., users 1 (Owner) and 2 of test_user(), three messages. */
static const char rows[] =
	"INSERT INTO meta VALUES ('fleet_secret', zeroblob(32));"
	"INSERT INTO epochs VALUES (1, '0123456789abcdef', 1700000000000);"
	"INSERT INTO users VALUES"
	" (x'aa000000000040008000000000000001', 'alice', 'Alice', NULL, 1, NULL, 1),"
	" (x'aa000000000040008000000000000002', 'bob', 'bob', NULL, 1, NULL, 0);"
	"INSERT INTO rooms (id, last_seq, last_activity_at, message_count, member_version,"
	" member_count, type, visibility, created_at, creator_id, alias, name)"
	" VALUES (x'11111111111111111111111111111111', 3, 1600000000000, 3, 7, 2, 0, 0,"
	" 1500000000000, x'aa000000000040008000000000000001', 'old', 'Old room');"
	"INSERT INTO participants (room_id, user_id, role, joined_at) VALUES"
	" (x'11111111111111111111111111111111', x'aa000000000040008000000000000001', 3, 1),"
	" (x'11111111111111111111111111111111', x'aa000000000040008000000000000002', 1, 1);"
	"INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key, body_hash, epoch_no,"
	" type, content) VALUES"
	" (x'11111111111111111111111111111111', 1, 1600000000000,"
	" x'aa000000000040008000000000000001', x'01', x'0000000000000000', 1, 0, 'one'),"
	" (x'11111111111111111111111111111111', 2, 1600000000000,"
	" x'aa000000000040008000000000000002', x'02', x'0000000000000000', 1, 0, 'two'),"
	" (x'11111111111111111111111111111111', 3, 1600000000000,"
	" x'aa000000000040008000000000000002', x'03', x'0000000000000000', 1, 0, 'three');";

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	}
}

/* What the program of the first migration left behind. */
static void make_old_database(const struct store_test *t)
{
	const struct migration *first = &migrate_sqlite()->rows[0];
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	uint8_t checksum[32];

	assert_string_equal(first->name, "0001_start");
	migration_checksum(first, checksum);
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	run(db, "PRAGMA application_id = 1128808788; PRAGMA journal_mode = WAL;");
	run(db, (const char *)first->text);
	run(db, "CREATE TABLE schema_migrations (no INTEGER PRIMARY KEY, name TEXT NOT NULL,"
		" checksum BLOB NOT NULL, oldest_program INTEGER NOT NULL,"
		" applied_at INTEGER NOT NULL)");
	assert_int_equal(sqlite3_prepare_v2(db,
				 "INSERT INTO schema_migrations VALUES (1, '0001_start', ?, 1, 1)",
				 -1, &stmt, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_bind_blob(stmt, 1, checksum, 32, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
	run(db, rows);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const struct uuid old_room = {{0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
	0x11, 0x11, 0x11, 0x11, 0x11, 0x11}};

static void migrating_must_be_allowed(void **state)
{
	struct store_test *t = *state;
	const char *why = NULL;

	make_old_database(t);
	assert_int_equal(store_test_try_open(t, false, &why), ERR_CONFIG);
	assert_non_null(strstr(why, "0002_people_and_rooms"));
}

static void what_was_there_is_there_still(void **state)
{
	struct store_test *t = *state;
	struct store_status status = {0};
	struct store_user_find user = {.user = test_user(1)};
	struct store_member_list members = {.room = old_room};

	make_old_database(t);
	store_test_open(t);
	assert_string_equal(t->store->epoch, "0123456789abcdef");
	assert_int_equal(test_status(t, &status), 0);
	assert_int_equal(status.schema, migrate_sqlite()->count);
	assert_int_equal(status.users, 2);
	assert_int_equal(status.rooms, 1);
	assert_int_equal(status.messages, 3);
	struct room_row room = test_room_row(t, old_room);
	assert_bytes(room.name, "Old room");
	assert_int_equal(room.version, 1);
	assert_int_equal(room.member_version, 7);
	assert_int_equal(room.last_seq, 3);
	struct message_row row = test_row(t, old_room, 2);
	assert_bytes(row.content, "two");
	assert_int_equal(row.edited_ms, 0);
	assert_int_equal(row.deleted_ms, 0);
	assert_int_equal(ask_user_find(t, &user), 0);
	assert_bytes(user.row.display_name, "Alice");
	assert_int_equal(user.row.version, 1);
	assert_int_equal(user.row.banned_ms, 0);
	assert_int_equal(test_list(t, &members), 0);
	assert_int_equal(members.count, 2);
}

static void what_is_new_works_on_it(void **state)
{
	struct store_test *t = *state;
	struct append_item edit = test_change(old_room, 2, MESSAGE_EDIT, 2, "second");
	struct append_item end = test_change(old_room, 1, MESSAGE_DELETE, 3, "");
	struct store_rooms_page page = {.user = test_user(9), .all_public = true, .limit = 5};
	struct store_room_update update = {.room = old_room,
		.changes = ROOM_SET_NAME,
		.name = BYTES_LIT("New name"),
		.expect_version = 1};
	struct store_user_list users = {.limit = 5};
	struct store_purge purge = {.room = old_room, .before_seq = 2, .limit = 5};
	struct store_room_delete gone = {.room = old_room};
	struct store_room_sweep sweep = {.limit = 100};

	make_old_database(t);
	store_test_open(t);
	assert_int_equal(test_outcome(t, &edit), APPEND_STORED);
	assert_int_equal(edit.seq, 4);
	assert_int_equal(test_outcome(t, &end), APPEND_STORED);
	assert_bytes(test_row(t, old_room, 2).content, "second");
	assert_true(test_row(t, old_room, 3).deleted_ms != 0);
	assert_int_equal(ask_room_update(t, &update), 0);
	assert_int_equal(ask_rooms_page(t, &page), 0);
	assert_int_equal(page.count, 1);
	assert_int_equal(page.rooms[0].last.seq, 5);
	assert_int_equal(ask_user_list(t, &users), 0);
	assert_int_equal(users.count, 2);
	assert_int_equal(ask_purge(t, &purge), 0);
	assert_int_equal(purge.purged, 1);
	assert_int_equal(ask_room_delete(t, &gone), 0);
	assert_int_equal(ask_room_sweep(t, &sweep), 0);
	assert_false(sweep.more);
	store_test_reopen(t);
	struct store_status status = {0};
	assert_int_equal(test_status(t, &status), 0);
	assert_int_equal(status.rooms + status.messages, 0);
}

static int setup(void **state)
{
	*state = mem_zalloc(sizeof(struct store_test));
	store_test_init(*state);
	return 0;
}

static int teardown(void **state)
{
	store_test_finish(*state);
	free(*state);
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(migrating_must_be_allowed),
		TEST(what_was_there_is_there_still),
		TEST(what_is_new_works_on_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
