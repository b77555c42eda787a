/* How SQLite goes about the statements: through an index, and never through a table that grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/store/sql.h"
#include "tests/unit/store_help.h"

/* Statements that are to go through all of a table, or that no user waits for. */
static const enum sql_id may_scan[] = {
	SQL_MIGRATION_LIST,
	SQL_MIGRATION_HAS_TABLE,
	SQL_EPOCH_LIST,
	SQL_DEAD_FIRST, /* the first row ends it */
	SQL_STATUS_USERS,
	SQL_STATUS_ROOMS,
	SQL_STATUS_SCHEMA,
	SQL_VERIFY_EPOCH_OF_MESSAGES,
	SQL_VERIFY_ROOMS,
	SQL_VERIFY_ROOMS_OF_MESSAGES,
	SQL_VERIFY_ROOMS_OF_MEMBERS,
	SQL_VERIFY_USERS_OF_MEMBERS,
};

/* Statements whose rows are sorted after they were read: a room's participants by their role. */
static const enum sql_id may_sort[] = {SQL_MEMBER_LIST, SQL_MEMBER_SUCCESSOR};

static bool is_one_of(enum sql_id id, const enum sql_id *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ids[i] == id) {
			return true;
		}
	}
	return false;
}

#define IS_ONE_OF(id, ids) is_one_of(id, ids, sizeof(ids) / sizeof((ids)[0]))

/* true: it reads or changes rows; else there is no plan. */
static bool has_plan(const char *sql)
{
	static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strncmp(sql, verbs[i], strlen(verbs[i])) == 0) {
			return true;
		}
	}
	return false;
}

static char *plan_of(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
	struct buf plan;

	buf_init(&plan);
	if (sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) != SQLITE_OK) {
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	}
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		buf_printf(&plan, "%s\n", (const char *)sqlite3_column_text(stmt, 3));
	}
	sqlite3_finalize(stmt);
	sqlite3_free(explain);
	buf_cstr(&plan);
	return plan.data;
}

static void no_statement_walks_through_a_table(void **state)
{
	struct store_test *t = *state;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	for (enum sql_id id = 0; id < SQL_COUNT; id++) {
		const char *sql = sql_sqlite(id);
		assert_non_null(sql);
		if (!has_plan(sql)) {
			continue;
		}
		char *plan = plan_of(db, sql);
		/* "SCAN CONSTANT ROW" is a row of parameters. */
		const char *scan = strstr(plan, "SCAN ");
		if (scan != NULL && strncmp(scan, "SCAN CONSTANT", 13) != 0 &&
			!IS_ONE_OF(id, may_scan)) {
			fail_msg("%s\n%s", sql, plan);
		}
		if (strstr(plan, "TEMP B-TREE") != NULL && !IS_ONE_OF(id, may_sort) &&
			!IS_ONE_OF(id, may_scan)) {
			fail_msg("%s\n%s", sql, plan);
		}
		free(plan);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* An index that is not the one that was made for it would read all that a user or a room has. */
static void lists_go_by_their_own_index(void **state)
{
	static const struct {
		enum sql_id id;
		const char *index;
	} cases[] = {
		{SQL_PAGE_NEWEST, "messages_order (room_id=? AND seq>? AND seq<?)"},
		{SQL_SENT_WALK, "messages_order ((room_id,seq)>(?,?))"},
		{SQL_PURGE, "messages_order (room_id=? AND seq<?)"},
		{SQL_EDITS_BLANK, "messages_ref (room_id=? AND ref_seq=?)"},
		{SQL_MESSAGE_BY_ID, "messages_imported (room_id=? AND id=?)"},
		{SQL_ROOMS_OF_USER, "participants_user (user_id=? AND room_id>?)"},
		{SQL_ROOMS_OF_USER, "messages_order (room_id=? AND seq=?)"},
		{SQL_ROOMS_PUBLIC, "rooms_public ((name,id)>(?,?))"},
		{SQL_MEMBER_PAGE, "PRIMARY KEY (room_id=? AND user_id>?)"},
		{SQL_USER_LIST, "users_identity ((identity,id)>(?,?))"},
		{SQL_USER_LIST_BANNED, "users_banned ((identity,id)>(?,?))"},
		{SQL_BAR_LIST, "users_barred (id>?)"},
	};
	struct store_test *t = *state;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *plan = plan_of(db, sql_sqlite(cases[i].id));
		if (strstr(plan, cases[i].index) == NULL) {
			fail_msg("not by %s:\n%s", cases[i].index, plan);
		}
		free(plan);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int setup(void **state)
{
	*state = mem_zalloc(sizeof(struct store_test));
	store_test_init(*state);
	store_test_open(*state);
	store_close(&((struct store_test *)*state)->store);
	return 0;
}

static int teardown(void **state)
{
	store_test_finish(*state);
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_statement_walks_through_a_table),
		cmocka_unit_test(lists_go_by_their_own_index),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
