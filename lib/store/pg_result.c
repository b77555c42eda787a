#include "lib/store/pg_link_private.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>

#include <libpq-fe.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/store/pg_fault.h"

/* pg_type.dat; the only unsigned one among the whole numbers. */
enum { OID_OID = 26 };

/* PQgetResult() gives NULL after each statement; what is to come then is something else. */
enum { NULLS_MAX = 2 };

/* ---- values ---- */

size_t pg_rows(const struct pg_result *result)
{
	return (size_t)PQntuples(result);
}

uint64_t pg_touched(const struct pg_result *result)
{
	/* libpq forgot the const. */
	const char *text = PQcmdTuples((PGresult *)(uintptr_t)result);
	unsigned long long n = 0;
	return bytes_to_u64(bytes_str(text), &n) == 0 ? n : 0;
}

const char *pg_tag(const struct pg_result *result)
{
	return PQcmdStatus((PGresult *)(uintptr_t)result);
}

static bool is_inside(const struct pg_result *result, size_t row, int column)
{
	return row < pg_rows(result) && column >= 0 && column < PQnfields(result);
}

bool pg_is_null(const struct pg_result *result, size_t row, int column)
{
	assert(is_inside(result, row, column));
	return PQgetisnull(result, (int)row, column) != 0;
}

/* NULL is without length, as is what lies outside of the result. */
struct bytes pg_text(const struct pg_result *result, size_t row, int column)
{
	int len = PQgetlength(result, (int)row, column);
	if (len == 0) {
		assert(is_inside(result, row, column));
		return BYTES_NONE;
	}
	return bytes_of(PQgetvalue(result, (int)row, column), (size_t)len);
}

struct bytes pg_bytes(const struct pg_result *result, size_t row, int column)
{
	struct bytes value = pg_text(result, row, column);
	if (value.len == 0 && !pg_is_null(result, row, column)) {
		return bytes_of(PQgetvalue(result, (int)row, column), 0);
	}
	return value;
}

static uint64_t read_64(const char *at)
{
	uint64_t n;
	memcpy(&n, at, sizeof(n));
	return be64toh(n);
}

static uint32_t read_32(const char *at)
{
	uint32_t n;
	memcpy(&n, at, sizeof(n));
	return be32toh(n);
}

/* Pages have 16,000 values: what need not be asked of each is worth it. */
void pg_texts(const struct pg_result *result, size_t row, int first, size_t count,
	struct bytes *ret_values)
{
	assert(count == 0 || is_inside(result, row, first + (int)count - 1));
	for (size_t i = 0; i < count; i++) {
		int column = first + (int)i;
		int len = PQgetlength(result, (int)row, column);
		ret_values[i] =
			len == 0 ? BYTES_NONE
				 : bytes_of(PQgetvalue(result, (int)row, column), (size_t)len);
	}
}

int64_t pg_number(struct bytes value)
{
	switch (value.len) {
	case 8:
		return (int64_t)read_64(value.ptr);
	case 4:
		return (int32_t)read_32(value.ptr);
	case 2:
		return (int16_t)((uint8_t)value.ptr[0] << 8 | (uint8_t)value.ptr[1]);
	case 1:
		return value.ptr[0] != 0;
	default:
		assert(value.len == 0);
		return 0;
	}
}

int64_t pg_moment(struct bytes value)
{
	assert(value.len == 0 || value.len == sizeof(uint64_t));
	return value.len == 0 ? 0 : pg_time_to_ms((int64_t)read_64(value.ptr));
}

bool pg_uuid(struct bytes value, struct uuid *ret_id)
{
	if (value.len == 0) {
		*ret_id = (struct uuid){0};
		return false;
	}
	assert(value.len == sizeof(ret_id->b));
	memcpy(ret_id->b, value.ptr, sizeof(ret_id->b));
	return true;
}

int64_t pg_int(const struct pg_result *result, size_t row, int column)
{
	struct bytes value = pg_text(result, row, column);
	if (value.len == 4 && PQftype(result, column) == OID_OID) {
		return (int64_t)read_32(value.ptr);
	}
	return pg_number(value);
}

bool pg_bool(const struct pg_result *result, size_t row, int column)
{
	return pg_int(result, row, column) != 0;
}

int64_t pg_time(const struct pg_result *result, size_t row, int column)
{
	return pg_moment(pg_text(result, row, column));
}

bool pg_id(const struct pg_result *result, size_t row, int column, struct uuid *ret_id)
{
	return pg_uuid(pg_text(result, row, column), ret_id);
}

/* ---- errors ---- */

static const char *field(const PGresult *result, int code)
{
	const char *text = PQresultErrorField(result, code);
	return text != NULL ? text : "";
}

static bool is_state(const PGresult *result, const char *sqlstate)
{
	return strcmp(field(result, PG_DIAG_SQLSTATE), sqlstate) == 0;
}

static bool is_fatal(const PGresult *result)
{
	const char *severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

static bool ends_connection(const PGresult *result)
{
	return is_fatal(result) || pg_fault_of(field(result, PG_DIAG_SQLSTATE)) == PG_LOST;
}

/* What the server says before it closes. */
static void note_last_words(struct pg_link *link, const PGresult *result)
{
	if (field(result, PG_DIAG_SQLSTATE)[0] == '\0') {
		return; /* it is libpq who speaks */
	}
	buf_clear(&link->lost_why);
	buf_append_str(&link->lost_why, field(result, PG_DIAG_MESSAGE_PRIMARY));
	snprintf(link->lost_sqlstate, sizeof(link->lost_sqlstate), "%s",
		field(result, PG_DIAG_SQLSTATE));
}

static void lose_by(struct pg_link *link, const PGresult *result, int err)
{
	note_last_words(link, result);
	pg_link_lose(link, err, bytes_str(PQresultErrorMessage(result)));
}

void pg_link_take_notice(void *ctx, const struct pg_result *result)
{
	struct pg_link *link = ctx;
	if (is_fatal(result)) {
		note_last_words(link, result);
	}
	log_event(LOG_DEBUG, "postgresql_notice",
		LOG_STR("text", field(result, PG_DIAG_MESSAGE_PRIMARY)));
}

/* One sentence without any value of a parameter, which what is said of unfit data may hold. */
static void say_fault(const PGresult *result, const char *in, struct buf *why)
{
	const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
	const char *said = strncmp(sqlstate, "22", 2) == 0 ? "data that the database does not take"
							   : field(result, PG_DIAG_MESSAGE_PRIMARY);
	buf_clear(why);
	buf_printf(why, "%s (%s in %s)", said, sqlstate, in);
}

/* The server has no such prepared statement; or its plan cache says (0A000, which may mean other
 * things too) that a table is not as it was when the statement was prepared. */
static bool is_outdated(const PGresult *result)
{
	return is_state(result, "26000") ||
	       strcmp(field(result, PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery") == 0;
}

/* The exchange that is answered now. */
static struct pg_exchange *oldest(struct pg_link *link)
{
	return CONTAINER_OF(list_first(&link->exchanges), struct pg_exchange, node);
}

/* The first fault of an exchange is what it met. */
static void note_fault(struct pg_link *link, const PGresult *result, const char *in)
{
	struct pg_exchange *exchange = oldest(link);
	const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
	unsigned long long position = 0;
	if (exchange->fault != PG_OK) {
		return;
	}
	exchange->fault = is_outdated(result) ? PG_AGAIN : pg_fault_of(sqlstate);
	exchange->failed = exchange->count;
	snprintf(exchange->sqlstate, sizeof(exchange->sqlstate), "%s", sqlstate);
	if (bytes_to_u64(bytes_str(field(result, PG_DIAG_STATEMENT_POSITION)), &position) == 0) {
		exchange->position = (size_t)position;
	}
	say_fault(result, in, &link->why);
}

static void take_fault(
	struct pg_link *link, const struct pg_command *command, const PGresult *result)
{
	if (ends_connection(result)) {
		lose_by(link, result, ERR_UNAVAILABLE);
		return;
	}
	if (command->kind == PG_COMMAND_PREPARE ||
		(command->kind == PG_COMMAND_STATEMENT && is_outdated(result))) {
		pg_commands_forget(&link->commands, command);
	}
	note_fault(link, result,
		command->kind == PG_COMMAND_SYNC ? "commit" : pg_sql_name(command->sql));
}

/* ---- answers ---- */

void pg_link_drop_results(struct pg_exchange *exchange)
{
	for (size_t i = 0; i < exchange->count; i++) {
		PQclear(exchange->results[i]);
	}
	exchange->count = 0;
}

/* The oldest exchange has all its answers. */
static void finish_exchange(struct pg_link *link)
{
	struct pg_exchange *exchange = oldest(link);
	struct buf why = link->why;
	buf_init(&link->why);
	list_remove(&exchange->node);
	if (exchange->fault == PG_READ_ONLY) {
		pg_link_lose(link, ERR_UNAVAILABLE, buf_bytes(&why));
	}
	pg_link_answer(link, exchange, buf_bytes(&why));
	buf_finish(&why);
}

static bool is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	       status == PGRES_EMPTY_QUERY;
}

/* The end of a statement's answer. */
static void take_null(struct pg_link *link, const struct pg_command *command)
{
	if (command->kind != PG_COMMAND_SYNC) {
		pg_commands_pop(&link->commands);
	} else if (++link->nulls > NULLS_MAX) {
		pg_link_lose(
			link, ERR_UNAVAILABLE, BYTES_LIT("the server's answers are out of order"));
	}
}

static void take_sync(struct pg_link *link, const struct pg_command *command)
{
	if (command->kind != PG_COMMAND_SYNC) {
		pg_link_lose(
			link, ERR_UNAVAILABLE, BYTES_LIT("the server's answers are out of order"));
		return;
	}
	pg_commands_pop(&link->commands);
	finish_exchange(link);
}

/* Takes one answer in pipeline mode; owns result. */
static void take_answer(struct pg_link *link, PGresult *result)
{
	const struct pg_command command = *pg_commands_next(&link->commands);
	struct pg_exchange *exchange = oldest(link);
	link->nulls = 0;
	if (is_good(result) && command.kind == PG_COMMAND_STATEMENT &&
		exchange->count < PG_EXCHANGE_MAX) {
		exchange->results[exchange->count++] = result;
		return;
	}
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		take_sync(link, &command);
		return;
	}
	if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
		if (command.kind == PG_COMMAND_PREPARE) {
			pg_commands_forget(&link->commands, &command);
		}
	} else if (!is_good(result)) {
		take_fault(link, &command, result);
	}
	PQclear(result);
}

static void take_pipeline(struct pg_link *link)
{
	uint64_t opened = link->opened;
	const struct pg_command *command;
	while (link->opened == opened && link->stage == PG_STAGE_READY &&
		(command = pg_commands_next(&link->commands)) != NULL && !PQisBusy(link->conn)) {
		PGresult *result = PQgetResult(link->conn);
		if (result == NULL) {
			take_null(link, command);
		} else {
			take_answer(link, result);
		}
	}
	/* What the server says on its own account is parsed by asking as well. */
	if (link->opened == opened && link->stage == PG_STAGE_READY &&
		link->asked == link->answered && !PQisBusy(link->conn) &&
		PQstatus(link->conn) == CONNECTION_BAD) {
		pg_link_lose_conn(link);
	}
}

/* Takes one answer to a script; owns result. */
static void take_script(struct pg_link *link, PGresult *result)
{
	struct pg_exchange *exchange = oldest(link);
	if (result == NULL) {
		if (PQenterPipelineMode(link->conn) == 0) {
			pg_link_lose_conn(link);
			return;
		}
		link->stage = PG_STAGE_READY;
		finish_exchange(link);
		return;
	}
	if (is_good(result)) {
		pg_link_drop_results(exchange);
		exchange->results[exchange->count++] = result;
		return;
	}
	if (ends_connection(result)) {
		lose_by(link, result, ERR_UNAVAILABLE);
	} else {
		note_fault(link, result, "script");
	}
	PQclear(result);
}

/* Takes one answer to the setup; owns result. */
static void take_setup(struct pg_link *link, PGresult *result)
{
	if (result == NULL) {
		pg_link_become_ready(link);
		return;
	}
	if (!is_good(result)) {
		int err = pg_fault_err(pg_fault_of(field(result, PG_DIAG_SQLSTATE)));
		lose_by(link, result, err == ERR_CONFIG ? ERR_CONFIG : ERR_UNAVAILABLE);
	}
	PQclear(result);
}

void pg_link_take(struct pg_link *link)
{
	uint64_t opened = link->opened;
	/* Out of pipeline mode; the last answer leads into it. */
	while (link->opened == opened &&
		(link->stage == PG_STAGE_SETUP || link->stage == PG_STAGE_SCRIPT) &&
		!PQisBusy(link->conn)) {
		PGresult *result = PQgetResult(link->conn);
		if (link->stage == PG_STAGE_SETUP) {
			take_setup(link, result);
		} else {
			take_script(link, result);
		}
	}
	if (link->opened == opened && link->stage == PG_STAGE_READY) {
		take_pipeline(link);
	}
}
