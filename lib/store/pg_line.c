/* A link that comes back by itself. */
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/store/pg_desk.h"

/* The first try after a loss is short: calls wait for it. */
#define FIRST_CONNECT_US 1000000
#define CONNECT_US 3000000
#define HELLO_US 3000000
/* Pauses between tries: doubled each time, and of each a random part between half and all. */
#define PAUSE_US 50000
#define PAUSE_MAX_US 1600000

/* Statements are planned once; what the planner would try to be clever about with other values is
 * switched off (measured: planning anew costs 200 us, sequential scans come from tables that looked
 * small, and a page of 100 Public rooms of a million takes 1 ms alone and 27 with workers). A
 * setting of the server that takes commits back is not for us. The time-outs are below our own
 * deadlines, so that what was stopped is known to be stopped. */
#define SETUP_ALL \
	"SET client_min_messages = error; SET TimeZone = 'UTC'; SET DateStyle = 'ISO';" \
	"SET idle_session_timeout = 0; SET idle_in_transaction_session_timeout = '10s';" \
	"SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off;" \
	"SET enable_bitmapscan = off;" \
	"SET max_parallel_workers_per_gather = 0;" \
	"SET default_transaction_isolation = 'read committed';" \
	"SET default_transaction_read_only = off;" \
	"SELECT set_config('synchronous_commit', 'on', false)" \
	" WHERE current_setting('synchronous_commit') = 'off';"

static const char *const setups[PG_LINE_KIND_COUNT] = {
	[PG_LINE_WRITE] = SETUP_ALL "SET enable_mergejoin = off; SET lock_timeout = '4s';"
				    "SET statement_timeout = '4500ms'",
	[PG_LINE_SLOW] = SETUP_ALL "SET lock_timeout = '10s'; SET statement_timeout = '110s'",
	[PG_LINE_READ] = SETUP_ALL "SET lock_timeout = '4s'; SET statement_timeout = '9s'",
};

const char *pg_line_setup(enum pg_line_kind kind)
{
	return setups[kind];
}

static void open_now(struct pg_line *line)
{
	line->state = PG_LINE_OPENING;
	pg_link_open(line->link, line->failures == 0 ? FIRST_CONNECT_US : CONNECT_US,
		setups[line->kind]);
}

static void on_again(void *ctx)
{
	open_now(ctx);
}

static uint64_t pause_us(unsigned failures)
{
	uint64_t pause = failures < 6 ? (uint64_t)PAUSE_US << failures : PAUSE_MAX_US;
	uint32_t random;

	random_bytes(&random, sizeof(random));
	pause = pause > PAUSE_MAX_US ? PAUSE_MAX_US : pause;
	return pause / 2 + random % (pause / 2);
}

static void tell(const struct pg_desk *desk, int err, const char *why)
{
	if (desk->root->on_link != NULL) {
		desk->root->on_link(desk->root->on_link_ctx, err, why);
	}
}

/* It failed: while it is opening for the first time calls wait for it, not after. */
static void failed(struct pg_line *line, int err, const char *why)
{
	bool was_up = line->state == PG_LINE_UP;

	tell(line->desk, err, why);
	line->desk->in_trouble = true;
	if (was_up && !line->desk->stopped) {
		line->failures = 0;
		open_now(line);
		return;
	}
	line->state = PG_LINE_WAITING;
	loop_timer_set(line->again, pause_us(line->failures++));
	pg_desk_line_failed(line->desk, line->kind, why);
}

static void on_closed(void *ctx, struct pg_link *link, int err, const char *why)
{
	(void)link;
	failed(ctx, err, why);
}

/* ---- where it leads ---- */

/* The epoch or the database system is another one: nothing may be written under what is in memory.
 */
static bool leads_elsewhere(const struct pg_line *line)
{
	const struct pg_store *root = line->desk->root;
	const struct pg_result *row = line->hello.results[0];

	return pg_rows(row) != 1 || pg_int(row, 0, 0) != (int64_t)root->base.epoch_no ||
	       !bytes_eq(pg_bytes(row, 0, 1), bytes_str(root->system)) ||
	       !bytes_eq(pg_bytes(row, 0, 2), bytes_str(root->base.epoch));
}

/* It may lag behind, and what is not there yet would be taken for purged. */
static bool is_standby(const struct pg_line *line)
{
	const struct pg_result *row = line->hello.results[0];

	return pg_rows(row) == 1 && pg_bool(row, 0, 3);
}

static void on_hello(struct pg_exchange *exchange)
{
	struct pg_line *line = CONTAINER_OF(exchange, struct pg_line, hello);
	struct pg_desk *desk = line->desk;

	if (exchange->fault == PG_LOST) {
		return; /* on_closed comes */
	}
	if (exchange->fault != PG_OK) {
		const char *why = exchange->why != NULL ? exchange->why : "it does not answer";
		pg_link_close(line->link);
		failed(line, pg_fault_err(exchange->fault), why);
		return;
	}
	if (is_standby(line)) {
		pg_link_close(line->link);
		failed(line, ERR_UNAVAILABLE, "the server is a standby");
		return;
	}
	if (leads_elsewhere(line)) {
		atomic_store(&desk->root->anew, true);
		pg_link_close(line->link);
		failed(line, ERR_UNAVAILABLE, "the database is another one than before");
		return;
	}
	line->state = PG_LINE_UP;
	line->failures = 0;
	line->used_us = loop_now_us(desk->loop);
	if (desk->in_trouble) {
		desk->in_trouble = false;
		tell(desk, 0, NULL);
	}
	pg_desk_wake(desk);
}

static void on_ready(void *ctx, struct pg_link *link)
{
	struct pg_line *line = ctx;

	pg_link_begin(link, &line->hello, HELLO_US, on_hello);
	pg_link_add(link, PG_SQL_HELLO, NULL);
	pg_link_end(link);
}

/* ---- for the desk ---- */

void pg_line_init(struct pg_line *line, struct pg_desk *desk, enum pg_line_kind kind)
{
	static const struct pg_link_events events = {on_ready, on_closed};

	line->desk = desk;
	line->kind = kind;
	list_init(&line->talks);
	line->link = pg_link_create(desk->loop, &desk->root->url, &events, line);
	line->again = loop_timer_create(desk->loop, on_again, line);
}

void pg_line_finish(struct pg_line *line)
{
	loop_timer_destroy(&line->again);
	pg_link_destroy(&line->link);
}

void pg_line_want(struct pg_line *line)
{
	if (line->state == PG_LINE_OFF) {
		line->failures = 0;
		open_now(line);
	}
}

void pg_line_rest(struct pg_line *line)
{
	pg_link_close(line->link);
	loop_timer_cancel(line->again);
	line->state = PG_LINE_OFF;
}

bool pg_line_promises(const struct pg_line *line)
{
	return line->state == PG_LINE_UP || (line->state == PG_LINE_OPENING && line->failures == 0);
}
