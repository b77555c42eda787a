#include "tests/unit/store_pg_race.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/store_pg_help.h"

int race_setup(void **state)
{
	struct races *r = mem_zalloc(sizeof(*r));
	struct store_open_params params = {.clock = &r->t.clock.clock};
	struct buf why;

	buf_init(&why);
	store_pg_init(&r->t);
	store_test_open(&r->t);
	params.url = bytes_str(r->t.url);
	assert_int_equal(store_open(&params, &r->other_root, &why), 0);
	assert_int_equal(store_attach(r->other_root, r->t.loop, &r->other), 0);
	buf_finish(&why);
	*state = r;
	return 0;
}

int race_teardown(void **state)
{
	struct races *r = *state;

	store_stop(r->other_root);
	store_detach(r->other_root, &r->other);
	store_close(&r->other_root);
	store_test_finish(&r->t);
	free(r);
	return 0;
}

const char *race_text(struct races *r, const struct uuid *id)
{
	char *text = arena_alloc(r->t.arena, UUID_TEXT_SIZE);

	uuid_format(id, text);
	return text;
}

void race_hold(struct races *r, const char *sql, const struct uuid *id)
{
	const char *mark = strstr(sql, "%s");

	assert_non_null(mark);
	store_pg_sql(&r->t, arena_printf(r->t.arena, "BEGIN; %.*s%s%s", (int)(mark - sql), sql,
				    race_text(r, id), mark + 2));
}

void race_hold_room(struct races *r, const struct uuid *room)
{
	race_hold(r, "SELECT 1 FROM rooms WHERE id = '%s' FOR UPDATE", room);
}

long race_number(struct races *r, const char *sql)
{
	char *lines = store_pg_lines(&r->t, sql);
	long n = strtol(lines, NULL, 10);

	free(lines);
	return n;
}

/* What is in pg_stat_activity stays as it was first seen in a transaction, unless one says so. */
void race_wait(struct races *r, long count)
{
	uint64_t deadline = clock_mono_us(&clock_system) + 10000000;
	long blocked = -1;

	while (blocked != count) {
		assert_true(clock_mono_us(&clock_system) < deadline);
		loop_turn(r->t.loop, 5);
		store_pg_sql(&r->t, "SELECT pg_stat_clear_snapshot()");
		blocked = race_number(r,
			"SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
			" WHERE NOT l.granted AND a.datname = current_database()");
	}
}

void race_let_go(struct races *r)
{
	store_pg_sql(&r->t, "ROLLBACK");
}

void assert_noted(struct races *r, const char *expected)
{
	char *lines =
		store_pg_lines(&r->t, "SELECT kind || coalesce(' ' || right(user_id::text, 2), '')"
				      " FROM changes ORDER BY no");

	assert_string_equal(lines, expected);
	free(lines);
}

void race_forget_noted(struct races *r)
{
	store_pg_sql(&r->t, "DELETE FROM changes");
}

int race_answer(struct races *r, struct store_call *call)
{
	return store_test_wait(&r->t, call, 0);
}
