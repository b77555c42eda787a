#include "tests/unit/store_pg_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "lib/base/err.h"
#include "lib/store/pg_desk.h"

/* ---- links ---- */

static void on_ready(void *ctx, struct pg_link *link)
{
	(void)ctx;
	(void)link;
}

static void on_closed(void *ctx, struct pg_link *link, int err, const char *why)
{
	struct link_side *side = ctx;

	(void)link;
	if (!side->may_close) {
		fail_msg("closed with %d: %s", err, why);
	}
}

static void on_appended(void *ctx, struct store_call *list)
{
	struct link_side *side = ctx;

	assert_non_null(list);
	assert_false(pg_append_running(side->append));
	side->ended++;
}

static void turn(struct link_test *t, uint64_t until)
{
	loop_turn(t->base.loop, 5);
	if (clock_mono_us(&clock_system) > until) {
		fail_msg("nothing came in time");
	}
}

static uint64_t soon(void)
{
	return clock_mono_us(&clock_system) + 30000000;
}

void link_side_open(struct link_side *side, const char *more)
{
	static const struct pg_link_events events = {on_ready, on_closed};
	struct buf setup;
	uint64_t until = soon();

	pg_link_destroy(&side->link);
	side->link = pg_link_create(side->test->base.loop, &side->test->url, &events, side);
	buf_init(&setup);
	buf_printf(&setup, "%s; %s", pg_line_setup(PG_LINE_WRITE), more);
	pg_link_open(side->link, 5000000, buf_cstr(&setup));
	while (!pg_link_ready(side->link)) {
		assert_int_not_equal(pg_link_state(side->link), PG_LINK_CLOSED);
		turn(side->test, until);
	}
	buf_finish(&setup);
}

/* ---- the frame ---- */

static void make_epochs(struct link_test *t)
{
	char sql[128];

	store_pg_sql(&t->base, "DELETE FROM epochs");
	for (unsigned i = 1; i < 3; i++) {
		snprintf(t->epochs[i], sizeof(t->epochs[i]), "%016x", i);
		snprintf(sql, sizeof(sql), "INSERT INTO epochs (no, epoch) VALUES (%u, '%s')", i,
			t->epochs[i]);
		store_pg_sql(&t->base, sql);
	}
	t->store.epochs = t->epochs;
	t->store.epoch_count = 3;
	t->store.epoch_no = 2;
	memcpy(t->store.epoch, t->epochs[2], sizeof(t->store.epoch));
}

int link_test_setup(void **state)
{
	struct link_test *t = mem_zalloc(sizeof(*t));
	struct buf why = {0};

	*state = t;
	store_pg_init(&t->base);
	t->base.hooks->before_call(&t->base); /* sets the clock */
	make_epochs(t);
	assert_int_equal(pg_url_parse(bytes_str(t->base.url), &t->url, &why), 0);
	buf_finish(&why);
	for (size_t i = 0; i < LINK_SIDES; i++) {
		struct link_side *side = &t->sides[i];
		side->test = t;
		link_side_open(side, "");
		side->append = pg_append_create(&t->store, on_appended, side);
	}
	t->session = PQconnectdb(t->base.url);
	assert_int_equal(PQstatus(t->session), CONNECTION_OK);
	return 0;
}

int link_test_teardown(void **state)
{
	struct link_test *t = *state;

	PQfinish(t->session);
	for (size_t i = 0; i < LINK_SIDES; i++) {
		pg_link_destroy(&t->sides[i].link);
		pg_append_destroy(&t->sides[i].append);
	}
	pg_url_finish(&t->url);
	store_test_finish(&t->base);
	free(t);
	return 0;
}

/* ---- the database ---- */

struct uuid link_room(struct link_test *t, unsigned n, unsigned members)
{
	struct uuid room = {{0xcc, 0, 0, 0, 0, 0, 0x40, 0, 0x80}}, user;
	char room_text[UUID_TEXT_SIZE], user_text[UUID_TEXT_SIZE], sql[512];

	room.b[14] = (uint8_t)(n >> 8);
	room.b[15] = (uint8_t)n;
	uuid_format(&room, room_text);
	snprintf(sql, sizeof(sql),
		"INSERT INTO rooms (id, type, visibility, name) VALUES ('%s', 0, 0, 'room %u')",
		room_text, n);
	store_pg_sql(&t->base, sql);
	for (unsigned i = 1; i <= members; i++) {
		user = test_user(i);
		uuid_format(&user, user_text);
		snprintf(sql, sizeof(sql),
			"INSERT INTO participants (room_id, user_id, role) VALUES ('%s', '%s', %d)",
			room_text, user_text, i == 1 ? ROLE_OWNER : ROLE_MEMBER);
		store_pg_sql(&t->base, sql);
	}
	return room;
}

void link_session(struct link_test *t, const char *sql)
{
	PGresult *result = PQexec(t->session, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fail_msg("%s: %s", sql, PQerrorMessage(t->session));
	}
	PQclear(result);
}

void link_session_begin(struct link_test *t, const char *sql)
{
	assert_int_equal(PQsendQuery(t->session, sql), 1);
}

void link_session_end(struct link_test *t)
{
	PGresult *result;

	while ((result = PQgetResult(t->session)) != NULL) {
		if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
			fail_msg("%s", PQerrorMessage(t->session));
		}
		PQclear(result);
	}
}

long link_number(struct link_test *t, const char *sql)
{
	char *lines = store_pg_lines(&t->base, sql);
	long number = strtol(lines, NULL, 10);

	free(lines);
	return number;
}

void link_check(struct link_test *t)
{
	assert_int_equal(
		link_number(t, "SELECT count(*) FROM rooms r LEFT JOIN (SELECT room_id, count(*),"
			       " min(seq), max(seq) FROM messages GROUP BY room_id) m"
			       " ON m.room_id = r.id"
			       " WHERE r.last_seq <> coalesce(m.max, 0)"
			       " OR r.message_count <> coalesce(m.count, 0)"
			       " OR m.count <> m.max OR m.min <> 1"),
		0);
}

/* ---- runs ---- */

void link_begin_calls(struct link_side *side, struct link_run *run, struct store_call *list)
{
	run->number = side->ended;
	pg_append_run(side->append, side->link, list);
	assert_int_equal(side->ended, run->number);
}

void link_begin(
	struct link_side *side, struct link_run *run, struct append_item *items, size_t count)
{
	memset(run, 0, sizeof(*run));
	run->req.items = items;
	run->req.count = count;
	run->req.call.arena = side->test->base.arena;
	run->req.call.err = 99;
	link_begin_calls(side, run, &run->req.call);
}

int link_end(struct link_side *side, struct link_run *run)
{
	uint64_t until = soon();

	while (side->ended == run->number) {
		turn(side->test, until);
	}
	return run->req.call.err;
}

int link_append(struct link_side *side, struct append_item *items, size_t count)
{
	struct link_run run;

	link_begin(side, &run, items, count);
	int err = link_end(side, &run);
	if (err != 0 && run.req.call.why == NULL) {
		fail_msg("error %d says no reason", err);
	}
	return err;
}

void link_wait_locked(struct link_test *t, long count)
{
	uint64_t until = soon();

	while (link_number(t, "SELECT count(*) FROM pg_stat_activity"
			      " WHERE datname = current_database() AND wait_event_type = 'Lock'") <
		count) {
		turn(t, until);
	}
}
