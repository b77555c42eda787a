/* One connection to PostgreSQL on a loop: connecting, statements prepared as they are first used,
 * pipelined, and their results. pg_link.c and pg_result.c are the only files that see libpq. A
 * link, and all on it, belongs to the loop's thread.
 *
 * Statements go in exchanges: what is between two Syncs is one transaction of the server unless it
 * says BEGIN itself. Exchanges are answered in the order in which they were begun, and may overlap.
 */
#ifndef LIB_STORE_PG_LINK_H
#define LIB_STORE_PG_LINK_H

#include "lib/base/list.h"
#include "lib/loop/loop.h"
#include "lib/store/pg_params.h"
#include "lib/store/pg_sql.h"
#include "lib/store/pg_url.h"

struct pg_link;
struct pg_result; /* rows of one statement; only inside the exchange's done */

/* What an exchange met. */
enum pg_fault {
	PG_OK = 0,
	PG_LOST, /* the link broke, or was silent beyond the deadline: whether it was done is not
		    known */
	PG_TWICE, /* a unique index (23505) */
	PG_AGAIN, /* 40001, 40P01, 55P03; 26000, 0A000: a statement was not prepared any more, or
		     its table changed. The same once more may work */
	PG_CANCELLED, /* 57014: statement_timeout, or an operator */
	PG_READ_ONLY, /* 25006: this server is a standby, or was made read-only; the link is closed
			 by itself */
	PG_FULL, /* 53100, 53200, 54xxx out of space or memory */
	PG_BAD_DATA, /* 22xxx, 23xxx but 23505: this input, not the store, is at fault */
	PG_DENIED, /* 42501, 28xxx: the role may not */
	PG_SCHEMA, /* 42P01, 42703, 42883, 3Fxxx: a table, column or function is missing */
	PG_DAMAGED, /* XX001, XX002: data or index corrupted */
	PG_OTHER,
};
/* The error number for a fault of a statement that took no effect (PG_LOST: ERR_UNCERTAIN):
 * PG_TWICE ERR_EXISTS, PG_AGAIN ERR_BUSY, PG_CANCELLED, PG_READ_ONLY ERR_UNAVAILABLE, PG_FULL
 * ERR_STORAGE_FULL, PG_BAD_DATA ERR_BAD_REQUEST, PG_DENIED, PG_SCHEMA ERR_CONFIG, PG_DAMAGED
 * ERR_CORRUPT, else ERR_INTERNAL. */
int pg_fault_err(enum pg_fault fault);

enum { PG_EXCHANGE_MAX = 16 };

struct pg_exchange {
	struct list_node node; /* the link's */
	/* Exactly once, on the link's thread, never inside pg_link_end(). The exchange is the
	 * caller's again. May begin further exchanges, on this link as well (unless it is gone:
	 * pg_link_ready()). */
	void (*done)(struct pg_exchange *exchange);
	/* out, until done returns */
	enum pg_fault fault; /* of the first statement that failed; those behind it were not run */
	size_t failed; /* which one that is */
	char sqlstate[6];
	size_t position; /* in the text, in characters from 1; 0: not known */
	const char *why; /* a sentence for the operator's log, or NULL */
	struct pg_result *results[PG_EXCHANGE_MAX]; /* of each statement that went well */
	size_t count;
	/* The link's. */
	size_t expected;
	uint64_t deadline_us;
};

enum pg_link_state {
	PG_LINK_CLOSED, /* not wanted, or waiting for the owner to open it again */
	PG_LINK_CONNECTING,
	PG_LINK_READY,
};

struct pg_link_events {
	/* Connected, and the setup was run: exchanges may begin. */
	void (*on_ready)(void *ctx, struct pg_link *link);
	/* It could not be connected, or was lost; all exchanges were answered (PG_LOST) before.
	 * err: ERR_UNAVAILABLE (worth trying again), ERR_CONFIG (password, unknown role or
	 * database, no TLS as asked: trying again is of little use, but is done). why: a sentence
	 * without the password. The link is closed now; pg_link_open() tries again. */
	void (*on_closed)(void *ctx, struct pg_link *link, int err, const char *why);
};

/* url and events must live as long as the link. */
struct pg_link *pg_link_create(struct loop *loop, const struct pg_url *url,
	const struct pg_link_events *events, void *ctx);
/* Exchanges under way are answered first (PG_LOST); on_closed does not come. */
void pg_link_destroy(struct pg_link **link);

/* Begins to connect, at most for connect_us in all hosts together. setup: plain SQL (several
 * statements) that is run before on_ready; must live until then. Closed links only. Connecting
 * never blocks, but for the name service. */
void pg_link_open(struct pg_link *link, uint64_t connect_us, const char *setup);
/* Closes at once; exchanges are answered PG_LOST, on_closed does not come. */
void pg_link_close(struct pg_link *link);
enum pg_link_state pg_link_state(const struct pg_link *link);
bool pg_link_ready(const struct pg_link *link);
/* Exchanges that are not answered. */
size_t pg_link_busy(const struct pg_link *link);
/* Where on_closed came with ERR_CONFIG instead of on_ready: ERR_NOT_FOUND (there is no such
 * database), ERR_FORBIDDEN (a role or its password was refused), else ERR_CONFIG. */
int pg_link_refusal(const struct pg_link *link);
/* The server's version as 150018; 0 where it is not connected. */
int pg_link_server_version(const struct pg_link *link);

/* What follows until pg_link_end() is one exchange. It must be answered within deadline_us, else
 * the link is taken for lost (a blocked network, a stopped server) and closed. On a link that is
 * not ready it is answered PG_LOST at the end of the turn. */
void pg_link_begin(struct pg_link *link, struct pg_exchange *exchange, uint64_t deadline_us,
	void (*done)(struct pg_exchange *exchange));
/* At most PG_EXCHANGE_MAX statements. params NULL: none. What is wrong comes in done. */
void pg_link_add(struct pg_link *link, enum pg_sql sql, const struct pg_params *params);
void pg_link_end(struct pg_link *link);
/* Plain SQL text, several statements, outside the pipeline: for migrations. Nothing else may be
 * under way. One exchange; results are not kept but for the last one's. */
void pg_link_script(struct pg_link *link, struct pg_exchange *exchange, uint64_t deadline_us,
	const char *text, void (*done)(struct pg_exchange *exchange));

/* Waits at most wait_ms for the link's descriptor and serves it, without the loop: for the end of
 * the process, when the loop does not run any more, and for programs without one. Connecting links
 * as well. */
void pg_link_pump(struct pg_link *link, int wait_ms);

/* ---- results (pg_result.c) ---- */

size_t pg_rows(const struct pg_result *result);
/* Rows that an INSERT, UPDATE or DELETE touched. */
uint64_t pg_touched(const struct pg_result *result);
/* Such as "COMMIT", "ROLLBACK", "INSERT 0 1". */
const char *pg_tag(const struct pg_result *result);
bool pg_is_null(const struct pg_result *result, size_t row, int column);
/* Views the result; NULL is BYTES_NONE. The second is for whom an empty text is none as well. */
struct bytes pg_bytes(const struct pg_result *result, size_t row, int column);
struct bytes pg_text(const struct pg_result *result, size_t row, int column);
/* bigint, integer, smallint, boolean, oid; NULL is 0. */
int64_t pg_int(const struct pg_result *result, size_t row, int column);
bool pg_bool(const struct pg_result *result, size_t row, int column);
/* timestamptz in ms since 1970 UTC; NULL is 0. */
int64_t pg_time(const struct pg_result *result, size_t row, int column);
/* false: NULL (*ret_id is nil). */
bool pg_id(const struct pg_result *result, size_t row, int column, struct uuid *ret_id);
/* pg_text() of so many columns at once, which is quicker; and the meanings of such values, as of
 * those above (but for oid). */
void pg_texts(const struct pg_result *result, size_t row, int first, size_t count,
	struct bytes *ret_values);
int64_t pg_number(struct bytes value);
int64_t pg_moment(struct bytes value);
bool pg_uuid(struct bytes value, struct uuid *ret_id);

#endif
