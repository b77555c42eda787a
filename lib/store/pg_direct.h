/* A connection to PostgreSQL for programs, and moments, without a running loop: each call waits for
 * its answer. On a link (pg_link.h) with a loop of its own. One thread. */
#ifndef LIB_STORE_PG_DIRECT_H
#define LIB_STORE_PG_DIRECT_H

#include "lib/store/pg_link.h"

struct pg_direct;

/* Connects, waiting at most connect_us in all hosts together. 0; else ERR_UNAVAILABLE or ERR_CONFIG
 * as on_closed of a link has them, with a sentence in why. url must live as long. */
int pg_direct_open(const struct pg_url *url, uint64_t connect_us, struct pg_direct **ret_direct,
	struct buf *why);
/* The same, and which kind of ERR_CONFIG it is: pg_link_refusal(). */
int pg_direct_open_refused(const struct pg_url *url, uint64_t connect_us,
	struct pg_direct **ret_direct, int *ret_refusal, struct buf *why);
/* What is under way on the server is broken off; session-level locks go. NULL in *direct is fine.
 */
void pg_direct_close(struct pg_direct **direct);

/* How long each of the following calls waits for its answer before the link is taken for lost;
 * PG_DIRECT_LIMIT_US at first. PG_DIRECT_FOREVER: for statements of which nobody knows how long
 * they take. */
#define PG_DIRECT_LIMIT_US UINT64_C(60000000)
#define PG_DIRECT_FOREVER (UINT64_C(365) * 86400 * 1000000)
void pg_direct_limit(struct pg_direct *direct, uint64_t limit_us);

/* Reads the rows of a statement, copying what it keeps. 0, or a negative error that the call then
 * answers with. */
typedef int (*pg_direct_read_fn)(void *ctx, const struct pg_result *result);

/* Runs one prepared statement by itself. params and read may be NULL. 0, what read answered, or the
 * error of the fault (pg_fault_err(); ERR_UNAVAILABLE where the link is lost, also before) with
 * what PostgreSQL said in why, which is appended to. */
int pg_direct_run(struct pg_direct *direct, enum pg_sql sql, const struct pg_params *params,
	pg_direct_read_fn read, void *ctx, struct buf *why);
/* Plain SQL of several statements, one transaction unless it says otherwise. Errors as above. */
int pg_direct_script(struct pg_direct *direct, const char *text, struct buf *why);

/* Of the call before: which fault it met, and where in the text of a script (in characters from 1;
 * 0: not known). */
enum pg_fault pg_direct_fault(const struct pg_direct *direct);
size_t pg_direct_position(const struct pg_direct *direct);
/* Such as "42P01"; "" where it met none. */
const char *pg_direct_sqlstate(const struct pg_direct *direct);

/* The link itself: pg_link_server_version() and the like. */
struct pg_link *pg_direct_link(struct pg_direct *direct);
/* What the link leads to, for people: url's place. */
const char *pg_direct_place(const struct pg_direct *direct);

#endif
