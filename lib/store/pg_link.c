#include "lib/store/pg_link_private.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <libpq-fe.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/pg_fault.h"
#include "lib/store/pg_options.h"
#include "lib/store/pg_url_private.h"

enum { BINARY = 1 };

static void on_event(void *ctx, int events);

/* ---- losing ---- */

void pg_link_disconnect(struct pg_link *link)
{
	loop_fd_close(&link->watch);
	PQfinish(link->conn);
	link->conn = NULL;
	link->wanted = 0;
	link->opened++;
	link->nulls = 0;
	buf_clear(&link->why);
	pg_commands_reset(&link->commands);
	loop_timer_cancel(link->timer);
	link->timer_us = 0;
}

void pg_link_lose(struct pg_link *link, int err, struct bytes why)
{
	if (link->conn == NULL) {
		return;
	}
	if (link->lost_why.len == 0) {
		pg_fault_line(why, &link->lost_why);
	}
	if (link->lost_why.len == 0) {
		buf_append_str(&link->lost_why, "the connection was lost");
	}
	link->lost_err = err;
	pg_link_disconnect(link);
	link->stage = PG_STAGE_BROKEN;
	pg_link_later(link);
}

void pg_link_lose_conn(struct pg_link *link)
{
	pg_link_lose(link, ERR_UNAVAILABLE, bytes_str(PQerrorMessage(link->conn)));
}

/* ---- deadlines ---- */

static void attempt(struct pg_link *link);

void pg_link_give_up(struct pg_link *link)
{
	struct buf why = {0};
	if (link->stage == PG_STAGE_READY || link->stage == PG_STAGE_SCRIPT) {
		pg_link_lose(link, ERR_UNAVAILABLE,
			BYTES_LIT("the server did not answer within the deadline"));
		return;
	}
	if (clock_coarse_us() < link->connect_end_us) {
		link->first_host++;
		pg_link_disconnect(link);
		attempt(link);
		return;
	}
	buf_append_str(&why, "it could not be connected in time\n");
	buf_append_str(&why, PQerrorMessage(link->conn));
	pg_link_lose(link, ERR_UNAVAILABLE, buf_bytes(&why));
	buf_finish(&why);
}

/* ---- sending ---- */

static void want(struct pg_link *link, int events)
{
	link->wanted = events;
	loop_fd_set(link->watch, events);
}

static void flush(struct pg_link *link)
{
	int left = PQflush(link->conn);
	if (left < 0) {
		pg_link_lose_conn(link);
		return;
	}
	want(link, left > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

void pg_link_begin(struct pg_link *link, struct pg_exchange *exchange, uint64_t deadline_us,
	void (*done)(struct pg_exchange *exchange))
{
	assert(link->adding == NULL);
	pg_link_enlist(link, exchange, deadline_us, done);
	link->adding = exchange;
	link->added = 0;
}

static bool prepare(struct pg_link *link, enum pg_sql sql)
{
	char room[PG_NAME_SIZE];
	if (!pg_commands_unprepared(&link->commands, sql)) {
		return true;
	}
	const char *name = pg_commands_name(&link->commands, sql, room);
	if (PQsendPrepare(link->conn, name, pg_sql_text(sql), 0, NULL) == 0) {
		return false;
	}
	pg_commands_push(&link->commands, PG_COMMAND_PREPARE, sql);
	return true;
}

void pg_link_add(struct pg_link *link, enum pg_sql sql, const struct pg_params *params)
{
	static const struct pg_params none;
	int formats[PG_PARAMS_MAX];
	char room[PG_NAME_SIZE];
	assert(link->adding != NULL && link->added < PG_EXCHANGE_MAX);
	link->added++;
	if (link->stage != PG_STAGE_READY) {
		return; /* it is going to be answered PG_LOST */
	}
	const struct pg_params *p = params != NULL ? params : &none;
	for (int i = 0; i < p->count; i++) {
		formats[i] = BINARY;
	}
	if (!prepare(link, sql) ||
		PQsendQueryPrepared(link->conn, pg_commands_name(&link->commands, sql, room),
			p->count, p->values, p->lengths, formats, BINARY) == 0) {
		pg_link_lose_conn(link);
		return;
	}
	pg_commands_push(&link->commands, PG_COMMAND_STATEMENT, sql);
}

void pg_link_end(struct pg_link *link)
{
	assert(link->adding != NULL);
	link->adding = NULL;
	if (link->stage != PG_STAGE_READY) {
		return;
	}
	/* libpq sends with each Sync. */
	if (PQpipelineSync(link->conn) == 0) {
		pg_link_lose_conn(link);
		return;
	}
	pg_commands_push(&link->commands, PG_COMMAND_SYNC, (enum pg_sql)0);
	flush(link);
	/* Where the socket took no more, libpq read from it: nobody is told of that. */
	if (link->conn != NULL && !PQisBusy(link->conn)) {
		pg_link_later(link);
	}
}

void pg_link_script(struct pg_link *link, struct pg_exchange *exchange, uint64_t deadline_us,
	const char *text, void (*done)(struct pg_exchange *exchange))
{
	assert(link->adding == NULL);
	pg_link_enlist(link, exchange, deadline_us, done);
	if (link->stage != PG_STAGE_READY) {
		return;
	}
	if (PQexitPipelineMode(link->conn) == 0 || PQsendQuery(link->conn, text) == 0) {
		pg_link_lose_conn(link);
		return;
	}
	link->stage = PG_STAGE_SCRIPT;
	flush(link);
}

/* ---- connecting ---- */

static void watch(struct pg_link *link, int events)
{
	int fd = PQsocket(link->conn);
	loop_fd_close(&link->watch);
	if (fd < 0) {
		pg_link_lose_conn(link);
		return;
	}
	link->wanted = events;
	link->watch = loop_fd_open(link->loop, fd, events, on_event, link);
}

static void connect_failed(struct pg_link *link)
{
	struct buf why = {0};
	int err = pg_fault_of_connect(bytes_str(PQerrorMessage(link->conn)), &why);
	bool needs_password = PQconnectionNeedsPassword(link->conn) != 0;
	err = needs_password ? ERR_CONFIG : err;
	link->refusal = needs_password ? ERR_FORBIDDEN
				       : pg_fault_refusal(bytes_str(PQerrorMessage(link->conn)));
	pg_link_lose(link, err, buf_bytes(&why));
	buf_finish(&why);
}

void pg_link_become_ready(struct pg_link *link)
{
	if (PQenterPipelineMode(link->conn) == 0) {
		pg_link_lose_conn(link);
		return;
	}
	link->stage = PG_STAGE_READY;
	loop_timer_cancel(link->timer);
	link->timer_us = 0;
	link->events->on_ready(link->ctx, link);
}

static void connected(struct pg_link *link)
{
	link->stage = PG_STAGE_SETUP;
	watch(link, LOOP_READ);
	if (link->conn == NULL) {
		return;
	}
	if (PQsetnonblocking(link->conn, 1) != 0) {
		pg_link_lose_conn(link);
	} else if (link->setup == NULL || link->setup[0] == '\0') {
		pg_link_become_ready(link);
	} else if (PQsendQuery(link->conn, link->setup) == 0) {
		pg_link_lose_conn(link);
	} else {
		flush(link);
	}
}

static void connect_on(struct pg_link *link)
{
	/* The descriptor may become another one, with the same number too. */
	loop_fd_close(&link->watch);
	switch (PQconnectPoll(link->conn)) {
	case PGRES_POLLING_READING:
		watch(link, LOOP_READ);
		break;
	case PGRES_POLLING_WRITING:
		watch(link, LOOP_WRITE);
		break;
	case PGRES_POLLING_OK:
		connected(link);
		break;
	default:
		connect_failed(link);
	}
}

/* Begins with the host whose turn it is. libpq goes on to the next one where a host refuses, but
 * not where it is silent: each has its part of the time to be the first. */
static void attempt(struct pg_link *link)
{
	struct pg_options options;
	pg_options_init(&options, link->url, link->first_host);
	link->conn = PQconnectStartParams(options.keywords, options.values, 0);
	pg_options_finish(&options);
	if (link->conn == NULL) {
		abort(); /* memory is exhausted */
	}
	link->stage = PG_STAGE_CONNECTING;
	uint64_t end = pg_link_time_after(link->attempt_us);
	link->attempt_end_us = end < link->connect_end_us ? end : link->connect_end_us;
	pg_link_arm(link, link->attempt_end_us);
	/* With the error's code in the texts, which is all that libpq gives of a refusal. */
	PQsetErrorVerbosity(link->conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(link->conn, pg_link_take_notice, link);
	if (PQstatus(link->conn) == CONNECTION_BAD) {
		connect_failed(link);
		return;
	}
	watch(link, LOOP_WRITE);
}

void pg_link_open(struct pg_link *link, uint64_t connect_us, const char *setup)
{
	if (link->stage == PG_STAGE_BROKEN) {
		return; /* the owner is going to hear of it */
	}
	assert(link->stage == PG_STAGE_CLOSED);
	link->setup = setup;
	link->refusal = ERR_CONFIG;
	link->connect_end_us = pg_link_time_after(connect_us);
	link->attempt_us = connect_us / pg_options_hosts(link->url);
	attempt(link);
}

/* ---- serving ---- */

/* Bytes that the kernel holds for us. */
static int unread(const struct pg_link *link)
{
	int n = 0;
	return ioctl(PQsocket(link->conn), FIONREAD, &n) == 0 ? n : 0;
}

/* With TLS a record that was read in part keeps its rest inside of the library, where no descriptor
 * tells of it; libpq takes the rest when it is asked once more. So where answers are still missing
 * it is asked until it found nothing in the kernel. */
static void receive(struct pg_link *link)
{
	uint64_t opened = link->opened, asked = link->asked;
	bool again = true;
	while (again) {
		bool tls = PQsslInUse(link->conn) != 0;
		int before = tls ? unread(link) : 0;
		bool alive = PQconsumeInput(link->conn) != 0;
		pg_link_take(link);
		if (link->opened != opened) {
			return;
		}
		if (!alive) {
			pg_link_lose_conn(link);
			return;
		}
		again = tls && (link->answered < asked || link->stage == PG_STAGE_SETUP) &&
			unread(link) != before;
	}
}

static void serve(struct pg_link *link, int events)
{
	uint64_t opened = link->opened;
	if (link->stage == PG_STAGE_CONNECTING) {
		connect_on(link);
		return;
	}
	if ((events & LOOP_READ) != 0) {
		receive(link);
	}
	if (link->opened == opened && (link->wanted & LOOP_WRITE) != 0) {
		flush(link);
		pg_link_take(link);
	}
}

static void on_event(void *ctx, int events)
{
	struct pg_link *link = ctx;
	pg_link_hold(link);
	serve(link, events);
	pg_link_release(link);
}

/* LOOP_READ and LOOP_WRITE that the descriptor is ready for. */
static int wait_ready(struct pg_link *link, int wait_ms)
{
	struct pollfd fd = {.fd = PQsocket(link->conn),
		.events = (short)(((link->wanted & LOOP_READ) != 0 ? POLLIN : 0) |
				  ((link->wanted & LOOP_WRITE) != 0 ? POLLOUT : 0))};
	uint64_t due = pg_link_next_due(link), now = clock_coarse_us();
	uint64_t rest_ms = due > now ? (due - now) / 1000 + 1 : 0;
	if (due != 0 && wait_ms > 0 && rest_ms < (uint64_t)wait_ms) {
		wait_ms = (int)rest_ms;
	}
	if (poll(&fd, 1, wait_ms) <= 0) {
		return 0;
	}
	int broken = (fd.revents & ~(POLLIN | POLLOUT)) != 0 ? link->wanted : 0;
	return broken | ((fd.revents & POLLIN) != 0 ? LOOP_READ : 0) |
	       ((fd.revents & POLLOUT) != 0 ? LOOP_WRITE : 0);
}

void pg_link_pump(struct pg_link *link, int wait_ms)
{
	pg_link_hold(link);
	pg_link_run_later(link);
	if (link->conn != NULL) {
		int events = wait_ready(link, wait_ms);
		if (events != 0) {
			serve(link, events);
		}
	}
	if (!link->destroyed) {
		pg_link_check_time(link);
		pg_link_run_later(link);
	}
	pg_link_release(link);
}

int pg_link_server_version(const struct pg_link *link)
{
	return pg_link_state(link) == PG_LINK_READY ? PQserverVersion(link->conn) : 0;
}

/* ---- what libpq knows ---- */

void pg_url_known(void (*each)(void *ctx, const char *keyword), void *ctx)
{
	PQconninfoOption *all = PQconninfoParse("", NULL);
	for (const PQconninfoOption *o = all; o != NULL && o->keyword != NULL; o++) {
		each(ctx, o->keyword);
	}
	PQconninfoFree(all);
}
