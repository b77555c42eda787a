/* How many operations of each kind ended on a worker, and how long they took. Plain memory of its
 * thread; others see copies (workers_gather). */
#ifndef CHATD_OP_OP_STATS_H
#define CHATD_OP_OP_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct op_def;

/* Places for kinds of operations: a power of two, twice as many as there are, at least. */
#define OP_STATS_MAX 256
#define OP_STATS_BUCKETS 7

/* Upper bounds in microseconds, inclusive; the last is without end (UINT64_MAX). */
extern const uint64_t op_stats_bounds[OP_STATS_BUCKETS];

struct op_stat {
	const struct op_def *def; /* NULL: a free place */
	uint64_t buckets[OP_STATS_BUCKETS]; /* each alone, not added up */
	uint64_t sum_us;
	uint64_t failed; /* those of them that ended with an error */
};

/* All zero is a valid empty one. */
struct op_stats {
	struct op_stat places[OP_STATS_MAX];
};

void op_stats_note(struct op_stats *stats, const struct op_def *def, uint64_t took_us, bool failed);
/* Adds all of from to into. */
void op_stats_add(struct op_stats *into, const struct op_stats *from);
/* Those that have counted anything, by name; ret_list has room for OP_STATS_MAX. Answers how many.
 */
size_t op_stats_list(const struct op_stats *stats, const struct op_stat **ret_list);

#endif
