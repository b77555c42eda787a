#include "lib/store/pg_direct.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"

enum { TURN_MS = 1000 };

/* What a role or database is set to must not break off a migration, nor let it see other rows than
 * its locks say. Only what every version of the server knows: that it is too old is judged later.
 */
#define SETUP \
	"SET client_min_messages = error; SET TimeZone = 'UTC'; SET DateStyle = 'ISO';" \
	"SET statement_timeout = 0; SET lock_timeout = 0;" \
	"SET idle_in_transaction_session_timeout = 0;" \
	"SET default_transaction_isolation = 'read committed';" \
	"SET default_transaction_read_only = off; SET standard_conforming_strings = on;"

struct pg_direct {
	struct loop *loop;
	struct pg_link *link;
	const char *place;
	uint64_t limit_us;
	struct buf setup;
	bool settled; /* while opening: it is ready, or was closed */
	int closed; /* why it is closed, 0: it is not */
	struct buf closed_why;
	/* the call under way, or the last one */
	struct pg_exchange exchange;
	bool answered;
	pg_direct_read_fn read;
	void *read_ctx;
	int err;
	struct buf *why;
	enum pg_fault fault;
	char sqlstate[sizeof(((struct pg_exchange *)NULL)->sqlstate)];
	size_t position;
};

/* ---- the link ---- */

static void on_ready(void *ctx, struct pg_link *link)
{
	struct pg_direct *direct = ctx;

	(void)link;
	direct->settled = true;
}

static void on_closed(void *ctx, struct pg_link *link, int err, const char *why)
{
	struct pg_direct *direct = ctx;

	(void)link;
	direct->settled = true;
	direct->closed = err;
	buf_clear(&direct->closed_why);
	buf_append_str(&direct->closed_why, why != NULL ? why : err_text(err));
}

/* Who looks at what goes on is to see which program it is. A name that the URL gives stays. */
static void write_setup(struct buf *setup)
{
	buf_append_str(setup, SETUP "SELECT set_config('application_name', '");
	for (const char *c = program_invocation_short_name; *c != '\0'; c++) {
		buf_append_char(setup, isalnum((unsigned char)*c) ? *c : '_');
	}
	buf_append_str(setup, "', false) WHERE current_setting('application_name') = 'chatd'");
}

int pg_direct_open(const struct pg_url *url, uint64_t connect_us, struct pg_direct **ret_direct,
	struct buf *why)
{
	int refusal;

	return pg_direct_open_refused(url, connect_us, ret_direct, &refusal, why);
}

int pg_direct_open_refused(const struct pg_url *url, uint64_t connect_us,
	struct pg_direct **ret_direct, int *ret_refusal, struct buf *why)
{
	static const struct pg_link_events events = {on_ready, on_closed};
	struct pg_direct *direct = mem_zalloc(sizeof(*direct));

	direct->loop = loop_create();
	direct->place = url->place;
	direct->limit_us = PG_DIRECT_LIMIT_US;
	direct->link = pg_link_create(direct->loop, url, &events, direct);
	write_setup(&direct->setup);
	pg_link_open(direct->link, connect_us, buf_cstr(&direct->setup));
	while (!direct->settled) {
		loop_turn(direct->loop, TURN_MS);
	}
	if (direct->closed != 0) {
		int err = direct->closed;
		*ret_refusal = err == ERR_CONFIG ? pg_link_refusal(direct->link) : err;
		buf_append_bytes(why, buf_bytes(&direct->closed_why));
		pg_direct_close(&direct);
		return err;
	}
	*ret_direct = direct;
	return 0;
}

void pg_direct_close(struct pg_direct **direct)
{
	if (*direct != NULL) {
		pg_link_destroy(&(*direct)->link);
		loop_destroy(&(*direct)->loop);
		buf_finish(&(*direct)->closed_why);
		buf_finish(&(*direct)->setup);
		free(*direct);
		*direct = NULL;
	}
}

void pg_direct_limit(struct pg_direct *direct, uint64_t limit_us)
{
	direct->limit_us = limit_us;
}

/* ---- one call ---- */

static void note_fault(struct pg_direct *direct, const struct pg_exchange *exchange)
{
	bool lost = exchange->fault == PG_LOST;

	direct->err = lost ? ERR_UNAVAILABLE : pg_fault_err(exchange->fault);
	direct->position = exchange->position;
	memcpy(direct->sqlstate, exchange->sqlstate, sizeof(direct->sqlstate));
	buf_append_str(direct->why, exchange->why != NULL ? exchange->why
				    : lost		  ? "the connection was lost"
							  : err_text(direct->err));
}

static void on_done(struct pg_exchange *exchange)
{
	struct pg_direct *direct = CONTAINER_OF(exchange, struct pg_direct, exchange);

	direct->answered = true;
	direct->fault = exchange->fault;
	if (exchange->fault != PG_OK) {
		note_fault(direct, exchange);
	} else if (direct->read != NULL) {
		direct->err = direct->read(direct->read_ctx, exchange->results[0]);
	}
}

/* false: the link is closed. */
static bool begin(struct pg_direct *direct, pg_direct_read_fn read, void *read_ctx, struct buf *why)
{
	direct->answered = false;
	direct->read = read;
	direct->read_ctx = read_ctx;
	direct->err = 0;
	direct->why = why;
	direct->fault = PG_OK;
	direct->sqlstate[0] = '\0';
	direct->position = 0;
	if (pg_link_ready(direct->link)) {
		return true;
	}
	direct->fault = PG_LOST;
	buf_append_str(why, "the connection was lost: ");
	buf_append_bytes(why, buf_bytes(&direct->closed_why));
	return false;
}

static int wait_for_answer(struct pg_direct *direct)
{
	while (!direct->answered) {
		loop_turn(direct->loop, TURN_MS);
	}
	return direct->err;
}

int pg_direct_run(struct pg_direct *direct, enum pg_sql sql, const struct pg_params *params,
	pg_direct_read_fn read, void *ctx, struct buf *why)
{
	if (!begin(direct, read, ctx, why)) {
		return ERR_UNAVAILABLE;
	}
	pg_link_begin(direct->link, &direct->exchange, direct->limit_us, on_done);
	pg_link_add(direct->link, sql, params);
	pg_link_end(direct->link);
	return wait_for_answer(direct);
}

int pg_direct_script(struct pg_direct *direct, const char *text, struct buf *why)
{
	if (!begin(direct, NULL, NULL, why)) {
		return ERR_UNAVAILABLE;
	}
	pg_link_script(direct->link, &direct->exchange, direct->limit_us, text, on_done);
	return wait_for_answer(direct);
}

enum pg_fault pg_direct_fault(const struct pg_direct *direct)
{
	return direct->fault;
}

size_t pg_direct_position(const struct pg_direct *direct)
{
	return direct->position;
}

const char *pg_direct_sqlstate(const struct pg_direct *direct)
{
	return direct->sqlstate;
}

struct pg_link *pg_direct_link(struct pg_direct *direct)
{
	return direct->link;
}

const char *pg_direct_place(const struct pg_direct *direct)
{
	return direct->place;
}
