/* Links to the server that CHATD_TEST_POSTGRES names, and statements of the tests' own in the place
 * of the store's. Each program includes it once. */
#ifndef TESTS_UNIT_PG_LINK_HELP_H
#define TESTS_UNIT_PG_LINK_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/pg_link.h"

#define SECOND UINT64_C(1000000)

enum {
	ADD_ONE,
	ECHO_TEXT,
	DIVIDE, /* by $1 */
	SLEEP,
	KILL,
	MY_PID,
	ROWS, /* $1 of them */
	ECHO_BYTES,
	INSERT_T, /* unique at once */
	INSERT_D, /* unique at the end of the transaction */
	ALL_T,
	COUNT_T,
	NO_FUNCTION,
	NO_STATEMENT,
	TYPES,
	BEGIN,
	BEGIN_READING,
	COMMIT,
	ROLLBACK,
	COUNT_PREPARED,
	TO_NUMBER, /* of a text */
	GIVE_NOTICE,
	WRITE,
	STATEMENTS
};

static const char *const statements[STATEMENTS] = {
	[ADD_ONE] = "SELECT $1::int8 + 1",
	[ECHO_TEXT] = "SELECT $1::text",
	[DIVIDE] = "SELECT 1 / $1::int8",
	[SLEEP] = "SELECT pg_sleep($1::int8)",
	[KILL] = "SELECT pg_terminate_backend($1::int4)",
	[MY_PID] = "SELECT pg_backend_pid()",
	[ROWS] = "SELECT g::int4, repeat('x', 100) FROM generate_series(1, $1::int4) g",
	[ECHO_BYTES] = "SELECT octet_length($1::bytea), $1::bytea",
	[INSERT_T] = "INSERT INTO t VALUES ($1::int8)",
	[INSERT_D] = "INSERT INTO d VALUES ($1::int8)",
	[ALL_T] = "SELECT * FROM t",
	[COUNT_T] = "SELECT count(*) FROM t",
	[NO_FUNCTION] = "SELECT no_such_function($1::int8)",
	[NO_STATEMENT] = "SELEC 1",
	[TYPES] = "SELECT -2::int2, true, false, NULL::int8, 4294967295::oid, -1::int4,"
		  " timestamptz '2024-01-02 03:04:05.678Z', NULL::timestamptz,"
		  " '01234567-89ab-cdef-1032-547698badcfe'::uuid, NULL::uuid, 'a\\000b'::bytea,"
		  " ''::text, NULL::text, 9223372036854775807",
	[BEGIN] = "BEGIN",
	[BEGIN_READING] = "BEGIN READ ONLY",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[COUNT_PREPARED] = "SELECT count(*), count(DISTINCT statement) FROM pg_prepared_statements",
	[TO_NUMBER] = "SELECT $1::text::int8",
	[WRITE] = "CREATE TABLE must_not_be ()",
	[GIVE_NOTICE] = "DO $$ BEGIN RAISE WARNING 'beware'; END $$",
};

static const char tables[] = "CREATE TEMP TABLE t (n bigint UNIQUE);"
			     "CREATE TEMP TABLE d (n bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)";

/* In the place of lib/store/pg_sql.c. */
const char *pg_sql_text(enum pg_sql sql)
{
	return statements[sql];
}

const char *pg_sql_name(enum pg_sql sql)
{
	static char names[STATEMENTS][8];
	snprintf(names[sql], sizeof(names[sql]), "s%d", (int)sql);
	return names[sql];
}

struct side {
	struct pg_link *link;
	struct pg_url url;
	unsigned ready, closed;
	int err;
	char why[512];
};

static struct loop *loop;

static void on_ready(void *ctx, struct pg_link *link)
{
	struct side *side = ctx;
	assert_ptr_equal(link, side->link);
	assert_true(pg_link_ready(link));
	side->ready++;
}

static void on_closed(void *ctx, struct pg_link *link, int err, const char *why)
{
	struct side *side = ctx;
	assert_ptr_equal(link, side->link);
	assert_int_equal(pg_link_state(link), PG_LINK_CLOSED);
	assert_int_equal(pg_link_busy(link), 0);
	assert_true(why[0] != '\0');
	assert_null(strpbrk(why, "\n\r\t"));
	side->closed++;
	side->err = err;
	snprintf(side->why, sizeof(side->why), "%s", why);
}

static const struct pg_link_events events = {on_ready, on_closed};

static inline void side_init(struct side *side, const char *url)
{
	struct buf why = {0};
	*side = (struct side){0};
	if (pg_url_parse(bytes_str(url), &side->url, &why) != 0) {
		fail_msg("%s: %s", url, buf_cstr(&why));
	}
	buf_finish(&why);
	side->link = pg_link_create(loop, &side->url, &events, side);
}

static inline void side_finish(struct side *side)
{
	pg_link_destroy(&side->link);
	pg_url_finish(&side->url);
}

/* Runs the loop until the link is ready or closed again. */
static inline void side_open(struct side *side, uint64_t connect_us, const char *setup)
{
	unsigned before = side->ready + side->closed;
	assert_int_equal(pg_link_state(side->link), PG_LINK_CLOSED);
	pg_link_open(side->link, connect_us, setup);
	/* Nothing is told inside of the call. */
	assert_int_equal(side->ready + side->closed, before);
	while (side->ready + side->closed == before) {
		loop_turn(loop, 1000);
	}
}

/* To the tests' server, where it must succeed. */
static inline void side_connect(struct side *side, const char *setup)
{
	side_init(side, getenv("CHATD_TEST_POSTGRES"));
	side_open(side, 10 * SECOND, setup);
	if (side->ready != 1) {
		fail_msg("%s", side->why);
	}
}

/* One exchange and what came of it. */
struct ask {
	struct pg_exchange exchange;
	struct side *side;
	unsigned calls;
	unsigned number; /* in the order of their answers */
	enum pg_fault fault;
	size_t failed, count, position;
	int64_t first[PG_EXCHANGE_MAX]; /* the first column of each result's first row */
	char sqlstate[6];
	char why[512];
	char tag[32]; /* of the last result */
	void (*then)(struct ask *ask);
};

static unsigned answered;

static void on_done(struct pg_exchange *exchange)
{
	struct ask *ask = CONTAINER_OF(exchange, struct ask, exchange);
	ask->calls++;
	ask->number = ++answered;
	ask->fault = exchange->fault;
	ask->failed = exchange->failed;
	ask->count = exchange->count;
	ask->position = exchange->position;
	memcpy(ask->sqlstate, exchange->sqlstate, sizeof(ask->sqlstate));
	snprintf(ask->why, sizeof(ask->why), "%s", exchange->why != NULL ? exchange->why : "");
	for (size_t i = 0; i < ask->count; i++) {
		const struct pg_result *result = exchange->results[i];
		snprintf(ask->tag, sizeof(ask->tag), "%s", pg_tag(result));
		bool number = pg_rows(result) > 0 && pg_bytes(result, 0, 0).len <= 8 &&
			      pg_bytes(result, 0, 0).len > 0;
		ask->first[i] = number ? pg_int(result, 0, 0) : 0;
	}
	if (ask->then != NULL) {
		ask->then(ask);
	}
}

static inline void ask_begin(struct ask *ask, struct side *side)
{
	void (*then)(struct ask *) = ask->then;
	*ask = (struct ask){.side = side, .then = then};
	pg_link_begin(side->link, &ask->exchange, 20 * SECOND, on_done);
}

static inline void ask_add(struct ask *ask, int statement, int64_t n)
{
	struct pg_params params = {0};
	bool none = strchr(statements[statement], '$') == NULL || statement == GIVE_NOTICE;
	bool small = statement == KILL || statement == ROWS;
	if (small) {
		pg_param_int4(&params, (int32_t)n);
	} else if (!none) {
		pg_param_int(&params, n);
	}
	pg_link_add(ask->side->link, (enum pg_sql)statement, none ? NULL : &params);
}

static inline void ask_end(struct ask *ask)
{
	pg_link_end(ask->side->link);
	assert_int_equal(ask->calls, 0);
}

static inline void ask_wait(struct ask *ask)
{
	while (ask->calls == 0) {
		loop_turn(loop, 1000);
	}
	assert_int_equal(ask->calls, 1);
}

/* One statement by itself, answered. */
static inline void ask_one(struct ask *ask, struct side *side, int statement, int64_t n)
{
	ask_begin(ask, side);
	ask_add(ask, statement, n);
	ask_end(ask);
	ask_wait(ask);
}

static inline void assert_one(struct side *side, int statement, int64_t n, int64_t wanted)
{
	struct ask ask = {0};
	ask_one(&ask, side, statement, n);
	if (ask.fault != PG_OK) {
		fail_msg("%s", ask.why);
	}
	assert_int_equal(ask.count, 1);
	assert_int_equal(ask.first[0], wanted);
}

static inline void run_script(struct ask *ask, struct side *side, const char *text)
{
	*ask = (struct ask){.side = side};
	pg_link_script(side->link, &ask->exchange, 20 * SECOND, text, on_done);
	assert_int_equal(ask->calls, 0);
	ask_wait(ask);
}

static inline void side_script(struct side *side, const char *text)
{
	struct ask ask;
	run_script(&ask, side, text);
	if (ask.fault != PG_OK) {
		fail_msg("%s", ask.why);
	}
}

static inline int loop_setup(void **state)
{
	(void)state;
	answered = 0;
	loop = loop_create();
	return 0;
}

static inline int loop_teardown(void **state)
{
	(void)state;
	loop_destroy(&loop);
	return 0;
}

/* Whether there is a server; says so where there is none. */
static inline bool have_server(void)
{
	if (getenv("CHATD_TEST_POSTGRES") == NULL) {
		print_message("skipped: CHATD_TEST_POSTGRES names no server\n");
		return false;
	}
	return true;
}

#endif
