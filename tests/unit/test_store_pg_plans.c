/* How PostgreSQL goes about the statements, planned as the links have them planned: through an
 * index and with a condition on it, never through a table that grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/store/pg_desk.h"
#include "lib/store/pg_sql.h"
#include "tests/unit/store_pg_help.h"

/* Statements that are to go through all of a table, or that no user waits for. */
static const enum pg_sql may_walk[] = {
	PG_SQL_CHANGES_CLEAN, /* the oldest ones, so many and no more */
	PG_SQL_STATUS, /* counts, seldom */
	PG_SQL_ADMIN_COUNTS,
	PG_SQL_VERIFY_STRAY_ROOMS, /* looks at everything once */
	PG_SQL_VERIFY_STRAY_USERS,
};

static const char *const tables[] = {"messages", "participants", "users", "rooms", "changes"};

static bool may(enum pg_sql sql)
{
	for (size_t i = 0; i < sizeof(may_walk) / sizeof(may_walk[0]); i++) {
		if (may_walk[i] == sql) {
			return true;
		}
	}
	return false;
}

/* Messages are appended on the link that writes, whose settings are made for it. */
static bool runs_on(enum pg_line_kind kind, enum pg_sql sql)
{
	return kind == PG_LINE_WRITE || sql < PG_SQL_APPEND_LOCK || sql > PG_SQL_APPEND_DELETE;
}

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

/* As it would be run on a link, whatever the parameters are; the caller frees. */
static char *plan_of(struct store_test *t, const char *sql)
{
	struct buf text;

	buf_init(&text);
	buf_printf(&text, "PREPARE planned AS %s", sql);
	store_pg_sql(t, buf_cstr(&text));
	char *count =
		store_pg_lines(t, "SELECT cardinality(parameter_types) FROM pg_prepared_statements"
				  " WHERE name = 'planned'");
	buf_clear(&text);
	buf_printf(&text, "EXPLAIN (COSTS OFF) EXECUTE planned");
	for (long i = 0, n = strtol(count, NULL, 10); i < n; i++) {
		buf_printf(&text, "%sNULL%s", i == 0 ? "(" : ", ", i == n - 1 ? ")" : "");
	}
	char *plan = store_pg_lines(t, buf_cstr(&text));
	store_pg_sql(t, "DEALLOCATE planned");
	buf_finish(&text);
	free(count);
	return plan;
}

/* ---- reading a plan ---- */

static bool line_has(const char *line, const char *end, const char *what)
{
	return memmem(line, (size_t)(end - line), what, strlen(what)) != NULL;
}

/* "Seq Scan on rooms r", "Index Scan using rooms_pkey on rooms r". */
static bool scans_a_table(const char *line, const char *end)
{
	char place[64];

	if (!line_has(line, end, "Scan ")) {
		return false;
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		snprintf(place, sizeof(place), " on %s", tables[i]);
		const char *found = memmem(line, (size_t)(end - line), place, strlen(place));
		const char *behind = found != NULL ? found + strlen(place) : end;
		if (found != NULL && (behind == end || *behind == ' ')) {
			return true;
		}
	}
	return false;
}

/* Whether what belongs to the node that ends at end says so: the lines between it and the next one.
 */
static bool node_has(const char *end, const char *what)
{
	while (*end != '\0') {
		const char *line = end + 1;
		end = strchrnul(line, '\n');
		if (line_has(line, end, "->")) {
			return false;
		}
		if (line_has(line, end, what)) {
			return true;
		}
	}
	return false;
}

/* above: the line before. A bitmap of the heap has its condition in the node below. What reads in
 * the order of an index and leaves nothing out ends where its Limit is reached. */
static bool is_bounded(const char *above, const char *line, const char *end)
{
	if (line_has(line, end, "Seq Scan ")) {
		return false;
	}
	if (line_has(line, end, "Bitmap Heap Scan ") || node_has(end, "Index Cond:") ||
		node_has(end, "TID Cond:")) {
		return true;
	}
	return above != NULL && line_has(above, line, "Limit\n") && !node_has(end, "Filter:");
}

static bool walks(const char *plan)
{
	const char *above = NULL, *line = plan;

	while (*line != '\0') {
		const char *end = strchrnul(line, '\n');
		bool bitmap = line_has(line, end, "Bitmap Index Scan on ");
		if ((bitmap || scans_a_table(line, end)) && !is_bounded(above, line, end)) {
			return true;
		}
		above = line;
		line = *end != '\0' ? end + 1 : end;
	}
	return false;
}

static void walks_are_seen(void **state)
{
	(void)state;
	assert_true(walks("Seq Scan on rooms\n"));
	assert_true(walks("Limit\n  ->  Seq Scan on rooms r\n        Filter: (id = $1)\n"));
	assert_true(walks("Index Scan using users_identity on users\n  Filter: (a = $1)\n"));
	assert_true(walks("Nested Loop\n  ->  Index Only Scan using rooms_pkey on rooms r\n"
			  "  ->  Index Scan using users_pkey on users\n"
			  "        Index Cond: (id = $1)\n"));
	assert_true(walks("Bitmap Heap Scan on rooms\n  ->  Bitmap Index Scan on rooms_pkey\n"));
	assert_false(walks("Bitmap Heap Scan on rooms\n  ->  Bitmap Index Scan on rooms_pkey\n"
			   "        Index Cond: (id = $1)\n"));
	assert_false(walks("Index Scan using users_pkey on users\n  Index Cond: (id = $1)\n"));
	assert_false(walks("Limit\n  ->  Index Scan using rooms_name on rooms r\n"));
	assert_true(walks("Limit\n  ->  Index Scan using rooms_name on rooms r\n"
			  "        Filter: (version = $1)\n"));
	assert_true(walks("Limit\n  ->  Sort\n        Sort Key: name\n"
			  "        ->  Index Scan using rooms_name on rooms r\n"));
	assert_false(walks("Seq Scan on epochs\n"));
	assert_false(walks("CTE Scan on rooms_of\nFunction Scan on unnest u\n"));
}

/* ---- all statements ---- */

static void no_statement_walks_through_a_table(void **state)
{
	struct store_test *t = *state;
	unsigned failed = 0;

	for (enum pg_line_kind kind = 0; kind < PG_LINE_KIND_COUNT; kind++) {
		store_pg_sql(t, "RESET ALL");
		store_pg_sql(t, pg_line_setup(kind));
		for (enum pg_sql sql = 0; sql < PG_SQL_COUNT; sql++) {
			const char *text = pg_sql_text(sql);
			assert_string_not_equal(pg_sql_name(sql), "none");
			if (!has_plan(text) || !runs_on(kind, sql)) {
				continue;
			}
			char *plan = plan_of(t, text);
			if (walks(plan) && !may(sql)) {
				/* cmocka cuts long messages. */
				printf("# %s: %s\n%s\n", pg_sql_name(sql), text, plan);
				failed++;
			}
			free(plan);
		}
	}
	assert_int_equal(failed, 0);
}

/* An index that is not the one that was made for it would read all that a user or a room has, and a
 * sort or a worker would as well before the first row comes. */
static void lists_go_by_their_own_index(void **state)
{
	static const struct {
		enum pg_sql sql;
		const char *index;
	} cases[] = {
		{PG_SQL_ROOM_LIST, "Index Scan using rooms_name on"},
		{PG_SQL_ROOMS_PUBLIC, "Index Scan using rooms_public on"},
		{PG_SQL_ROOMS_PUBLIC, "Index Scan using messages_pkey on"},
		{PG_SQL_ROOMS_OF_USER, "Index Scan using participants_user on"},
		{PG_SQL_ROOMS_OF_USER, "Index Scan using messages_pkey on"},
		{PG_SQL_MEMBER_PAGE, "Index Scan using participants_pkey on"},
		{PG_SQL_USER_LIST, "Index Scan using users_identity on"},
		{PG_SQL_USER_LIST_BANNED, "Index Scan using users_banned on"},
		{PG_SQL_BAR_LIST, "Index Scan using users_barred on"},
	};
	struct store_test *t = *state;

	store_pg_sql(t, "RESET ALL");
	store_pg_sql(t, pg_line_setup(PG_LINE_READ));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *plan = plan_of(t, pg_sql_text(cases[i].sql));
		if (strstr(plan, cases[i].index) == NULL || strstr(plan, "Sort") != NULL ||
			strstr(plan, "Gather") != NULL) {
			fail_msg("%s: not by %s:\n%s", pg_sql_name(cases[i].sql), cases[i].index,
				plan);
		}
		free(plan);
	}
}

/* Who needs no exception is to lose it. */
static void exceptions_are_needed(void **state)
{
	struct store_test *t = *state;

	store_pg_sql(t, "RESET ALL");
	store_pg_sql(t, pg_line_setup(PG_LINE_SLOW));
	for (size_t i = 0; i < sizeof(may_walk) / sizeof(may_walk[0]); i++) {
		char *plan = plan_of(t, pg_sql_text(may_walk[i]));
		if (!walks(plan)) {
			fail_msg("%s:\n%s", pg_sql_name(may_walk[i]), plan);
		}
		free(plan);
	}
}

/* ---- the database ---- */

static const char filling[] =
	"INSERT INTO users (id, identity, display_name)"
	" SELECT gen_random_uuid(), 'user ' || n, 'User ' || n FROM generate_series(1, 3000) n;"
	"INSERT INTO rooms (id, name, alias, type, visibility, last_seq, message_count)"
	" SELECT gen_random_uuid(), 'room ' || n, 'room-' || n, 0, n % 2, 10, 10"
	" FROM generate_series(1, 1000) n;"
	"INSERT INTO participants (room_id, user_id, role)"
	" SELECT r.id, u.id, 1 FROM rooms r,"
	" LATERAL (SELECT id FROM users WHERE id > r.id ORDER BY id LIMIT 5) u;"
	"INSERT INTO messages (room_id, seq, sent_at, sender_id, client_key, body_hash, epoch_no,"
	" type, content) SELECT r.id, n, now(), p.user_id, gen_random_uuid(), n, 1, 0, 'text'"
	" FROM rooms r, generate_series(1, 10) n,"
	" LATERAL (SELECT user_id FROM participants p WHERE p.room_id = r.id LIMIT 1) p;"
	"INSERT INTO changes (origin, room_id, kind) SELECT 1, id, 5 FROM rooms;";

static int setup(void **state)
{
	*state = mem_zalloc(sizeof(struct store_test));
	store_pg_init(*state);
	store_pg_sql(*state, filling);
	store_pg_sql(*state, "ANALYZE");
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
		cmocka_unit_test(walks_are_seen),
		cmocka_unit_test(no_statement_walks_through_a_table),
		cmocka_unit_test(lists_go_by_their_own_index),
		cmocka_unit_test(exceptions_are_needed),
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, setup, teardown);
	store_pg_drop();
	return failed;
}
