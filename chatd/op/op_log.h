/* What the runner writes into the log about operations. Each kind of line at most once a second for
 * a worker, since where the store is slow or broken every operation is: the next line says how many
 * more there were. */
#ifndef CHATD_OP_OP_LOG_H
#define CHATD_OP_OP_LOG_H

#include <stdint.h>

#include "lib/base/log.h"

struct op;

/* One for each worker. */
struct op_log {
	struct log_rate slow, failed, trouble;
};

/* Where took_us is at least log.slow: one line with the time of each step. */
void op_log_slow(struct op_log *log, const struct op *op, uint64_t took_us);
/* An operation ended with err: at LOG_ERROR where it is our fault or the store's, at LOG_WARN where
 * something was away or full, else, and where its trouble was told, at LOG_DEBUG (each of them). */
void op_log_failed(struct op_log *log, const struct op *op, int err);
/* op_log_trouble() of op.h. */
void op_log_told(struct op_log *log, struct op *op, int err, const char *why);

#endif
