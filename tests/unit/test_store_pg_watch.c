/* What other programs changed on one database of PostgreSQL is told once and completely, whatever
 * order their transactions begin and end in (lib/store/pg_watch.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/store_pg_help.h"

/* "chatwipe": of who removes rows. */
#define LOCK "7163082360180273253"

/* a asks; b, c and d are three connections that write. */
struct watch_test {
	struct store_test a, b, c, d;
	uint64_t skipped_us; /* by a's clock */
};

static uint64_t stepped_mono(const struct clock *clock)
{
	struct test_clock *wall = CONTAINER_OF((void *)(uintptr_t)clock, struct test_clock, clock);
	struct store_test *a = CONTAINER_OF(wall, struct store_test, clock);

	return clock_mono_us(&clock_system) + CONTAINER_OF(a, struct watch_test, a)->skipped_us;
}

static int setup(void **state)
{
	struct watch_test *w = mem_zalloc(sizeof(*w));
	struct store_watch watch = {.from_now = true};

	store_pg_init(&w->a);
	w->a.clock.clock.mono_us = stepped_mono;
	store_pg_join(&w->b, &w->a);
	store_pg_join(&w->c, &w->a);
	store_pg_join(&w->d, &w->a);
	store_test_open(&w->a);
	assert_int_equal(ask_watch(&w->a, &watch), 0);
	assert_false(watch.lost || watch.more || watch.anew);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct watch_test *w = *state;

	store_test_finish(&w->d);
	store_test_finish(&w->c);
	store_test_finish(&w->b);
	store_test_finish(&w->a);
	free(w);
	return 0;
}

/* Rows of the numbers first to last, which stand at the end of the room's id. */
static void note(struct store_test *t, unsigned first, unsigned last)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"INSERT INTO changes (origin, room_id, kind) SELECT 1,"
		" ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 5"
		" FROM generate_series(%u, %u) n",
		first, last);
	store_pg_sql(t, sql);
}

static unsigned number_of(const struct store_change *change)
{
	const uint8_t *b = change->room.b;

	return (unsigned)b[13] << 16 | (unsigned)b[14] << 8 | b[15];
}

static struct store_watch watch_once(struct watch_test *w)
{
	struct store_watch watch = {0};

	arena_reset(w->a.arena);
	assert_int_equal(ask_watch(&w->a, &watch), 0);
	assert_false(watch.anew);
	return watch;
}

/* One answer that tells of the numbers of the text, in that order: "1 2 7". */
static void assert_told(struct watch_test *w, const char *expected)
{
	struct store_watch watch = watch_once(w);
	struct buf is;

	buf_init(&is);
	assert_false(watch.lost);
	assert_false(watch.more);
	for (size_t i = 0; i < watch.count; i++) {
		buf_printf(&is, "%s%u", i > 0 ? " " : "", number_of(&watch.changes[i]));
	}
	assert_string_equal(buf_cstr(&is), expected);
	buf_finish(&is);
}

/* ---- order ---- */

static void an_open_transaction_is_told_when_it_ends(void **state)
{
	struct watch_test *w = *state;

	store_pg_sql(&w->b, "BEGIN");
	note(&w->b, 1, 1);
	assert_told(w, "");
	note(&w->c, 2, 2);
	assert_told(w, "2");
	store_pg_sql(&w->d, "BEGIN");
	note(&w->d, 3, 3);
	note(&w->c, 4, 5);
	assert_told(w, "4 5");
	assert_told(w, "");
	note(&w->b, 6, 6);
	store_pg_sql(&w->b, "COMMIT");
	assert_told(w, "1 6");
	note(&w->c, 7, 7);
	store_pg_sql(&w->d, "COMMIT");
	assert_told(w, "3 7");
	assert_told(w, "");
}

static void what_was_taken_back_is_not_told(void **state)
{
	struct watch_test *w = *state;

	store_pg_sql(&w->b, "BEGIN");
	note(&w->b, 1, 1);
	note(&w->c, 2, 2);
	assert_told(w, "2");
	store_pg_sql(&w->b, "ROLLBACK");
	assert_told(w, "");
	note(&w->b, 3, 3);
	assert_told(w, "3");
}

/* Who wrote first began last: in the order of what they wrote. */
static void the_order_is_that_of_the_rows(void **state)
{
	struct watch_test *w = *state;

	store_pg_sql(&w->b, "BEGIN; SELECT pg_current_xact_id()");
	note(&w->c, 1, 1);
	note(&w->b, 2, 2);
	note(&w->c, 3, 3);
	store_pg_sql(&w->b, "COMMIT");
	assert_told(w, "1 2 3");
}

static void a_transaction_from_before_is_told_as_well(void **state)
{
	struct watch_test *w = *state;
	struct store_watch from_now = {.from_now = true};

	store_pg_sql(&w->b, "BEGIN");
	note(&w->b, 1, 1);
	note(&w->c, 2, 2);
	assert_int_equal(ask_watch(&w->a, &from_now), 0);
	assert_int_equal(from_now.count, 0);
	assert_false(from_now.lost);
	store_pg_sql(&w->b, "COMMIT");
	assert_told(w, "1");
}

static void ones_own_are_not_told(void **state)
{
	struct watch_test *w = *state;

	test_room(&w->a, "own", 3);
	assert_told(w, "");
	note(&w->b, 1, 1);
	assert_told(w, "1");
}

/* ---- many ---- */

/* What comes between the pages is told behind them. */
static void ten_thousand_come_in_pages(void **state)
{
	struct watch_test *w = *state;
	enum { MANY = 10000, PAGE = 1000 };
	unsigned next = 1;

	note(&w->b, 1, MANY / 2);
	store_pg_sql(&w->c, "BEGIN");
	note(&w->c, MANY + 1, MANY + 1);
	note(&w->b, MANY / 2 + 1, MANY);
	for (size_t page = 1; page <= MANY / PAGE; page++) {
		struct store_watch watch = watch_once(w);
		assert_int_equal(watch.count, PAGE);
		assert_int_equal(watch.more, page < MANY / PAGE);
		assert_false(watch.lost);
		for (size_t i = 0; i < watch.count; i++) {
			assert_int_equal(number_of(&watch.changes[i]), next++);
		}
		if (page == 3) {
			note(&w->b, MANY + 2, MANY + 2);
			store_pg_sql(&w->c, "COMMIT");
		}
	}
	char both[32];
	snprintf(both, sizeof(both), "%d %d", MANY + 1, MANY + 2);
	assert_told(w, both);
	assert_told(w, "");
}

static void far_too_many_are_given_up(void **state)
{
	struct watch_test *w = *state;
	unsigned pages = 0;

	note(&w->b, 1, 110000);
	struct store_watch watch = watch_once(w);
	for (; watch.more; watch = watch_once(w)) {
		pages++;
		assert_int_equal(watch.count, 1000);
	}
	assert_int_equal(pages, 100);
	assert_true(watch.lost);
	assert_int_equal(watch.count, 0);
	note(&w->b, 5, 5);
	assert_told(w, "5");
}

/* ---- too long ago ---- */

static void who_never_asked_has_missed_all(void **state)
{
	struct watch_test *w = *state;

	store_test_close(&w->a);
	note(&w->b, 1, 1);
	store_test_open(&w->a);
	struct store_watch watch = watch_once(w);
	assert_true(watch.lost);
	assert_int_equal(watch.count, 0);
	note(&w->b, 2, 2);
	assert_told(w, "2");
}

static void who_asks_seldom_may_have_missed_some(void **state)
{
	struct watch_test *w = *state;

	note(&w->b, 1, 1);
	w->skipped_us += UINT64_C(1790) * 1000000;
	assert_told(w, "1");
	note(&w->b, 2, 2);
	w->skipped_us += UINT64_C(1801) * 1000000;
	struct store_watch watch = watch_once(w);
	assert_true(watch.lost);
	assert_int_equal(watch.count, 0);
	note(&w->b, 3, 3);
	assert_told(w, "3");
}

static void assert_rows(struct watch_test *w, const char *expected)
{
	char *rows = store_pg_lines(&w->b, "SELECT count(*) FROM changes");

	assert_string_equal(rows, expected);
	free(rows);
}

static void pass_a_minute(struct watch_test *w)
{
	w->skipped_us += UINT64_C(61) * 1000000;
	assert_told(w, "");
}

static void old_rows_are_removed(void **state)
{
	struct watch_test *w = *state;

	note(&w->b, 9, 9);
	assert_told(w, "9");
	pass_a_minute(w); /* from now on it may remove that one */
	note(&w->b, 1, 3);
	store_pg_sql(&w->b, "UPDATE changes SET at = now() - interval '61 minutes'"
			    " WHERE room_id < '00000000-0000-4000-8000-000000000003'");
	assert_told(w, "1 2 3");
	/* Old as they seem: somebody else may not have seen them yet. */
	pass_a_minute(w);
	assert_rows(w, "4\n");
	store_pg_sql(&w->c, "SELECT pg_advisory_lock(" LOCK ")");
	pass_a_minute(w); /* another one is at it */
	assert_rows(w, "4\n");
	store_pg_sql(&w->c, "SELECT pg_advisory_unlock_all()");
	assert_told(w, ""); /* once a minute */
	assert_rows(w, "4\n");
	pass_a_minute(w);
	assert_rows(w, "2\n");
	note(&w->b, 4, 4);
	assert_told(w, "4");
}

static void many_old_rows_are_removed_in_parts(void **state)
{
	struct watch_test *w = *state;

	note(&w->b, 1, 25000);
	store_pg_sql(&w->b, "UPDATE changes SET at = now() - interval '2 hours'");
	while (watch_once(w).more) {
	}
	pass_a_minute(w);
	assert_rows(w, "25000\n");
	pass_a_minute(w);
	assert_rows(w, "15000\n");
	assert_told(w, "");
	assert_rows(w, "5000\n");
	assert_told(w, "");
	assert_rows(w, "0\n");
	note(&w->b, 1, 1);
	assert_told(w, "1");
}

/* ---- another store ---- */

static void a_changed_epoch_is_anew(void **state)
{
	struct watch_test *w = *state;
	struct store_watch watch = {0};
	char *epoch = store_pg_lines(&w->b, "SELECT epoch FROM epochs ORDER BY no DESC LIMIT 1");
	char sql[128];

	note(&w->b, 1, 1);
	store_pg_sql(&w->b, "UPDATE epochs SET epoch = '00000000000000bb' WHERE no ="
			    " (SELECT max(no) FROM epochs)");
	assert_int_equal(ask_watch(&w->a, &watch), 0);
	assert_true(watch.anew);
	assert_false(watch.lost);
	assert_int_equal(watch.count, 0);
	snprintf(sql, sizeof(sql),
		"UPDATE epochs SET epoch = '%.16s' WHERE epoch = '00000000000000bb'", epoch);
	store_pg_sql(&w->b, sql);
	free(epoch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_open_transaction_is_told_when_it_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_taken_back_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(the_order_is_that_of_the_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_transaction_from_before_is_told_as_well, setup, teardown),
		cmocka_unit_test_setup_teardown(ones_own_are_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(ten_thousand_come_in_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(far_too_many_are_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(who_never_asked_has_missed_all, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_asks_seldom_may_have_missed_some, setup, teardown),
		cmocka_unit_test_setup_teardown(old_rows_are_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_old_rows_are_removed_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_changed_epoch_is_anew, setup, teardown),
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests_name("store: changes of others", tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
