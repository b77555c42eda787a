#include "chatd/op/op_stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chatd/op/op.h"

const uint64_t op_stats_bounds[OP_STATS_BUCKETS] = {
	1000, 5000, 25000, 100000, 500000, 2500000, UINT64_MAX};

/* Where def is, or a free place for it; NULL where all are taken. */
static struct op_stat *place_of(struct op_stats *stats, const struct op_def *def)
{
	/* The tables lie one behind the other: what tells them apart is above the low bits. */
	size_t at = ((uintptr_t)def / sizeof(*def)) % OP_STATS_MAX;
	for (size_t tries = 0; tries < OP_STATS_MAX; tries++) {
		struct op_stat *place = &stats->places[at];
		if (place->def == def || place->def == NULL) {
			place->def = def;
			return place;
		}
		at = (at + 1) % OP_STATS_MAX;
	}
	return NULL;
}

void op_stats_note(struct op_stats *stats, const struct op_def *def, uint64_t took_us, bool failed)
{
	struct op_stat *place = place_of(stats, def);
	assert(place != NULL);
	size_t bucket = 0;
	while (took_us > op_stats_bounds[bucket]) {
		bucket++;
	}
	place->buckets[bucket]++;
	place->sum_us += took_us;
	place->failed += failed ? 1 : 0;
}

void op_stats_add(struct op_stats *into, const struct op_stats *from)
{
	for (size_t i = 0; i < OP_STATS_MAX; i++) {
		const struct op_stat *stat = &from->places[i];
		if (stat->def == NULL) {
			continue;
		}
		struct op_stat *sum = place_of(into, stat->def);
		assert(sum != NULL);
		for (size_t bucket = 0; bucket < OP_STATS_BUCKETS; bucket++) {
			sum->buckets[bucket] += stat->buckets[bucket];
		}
		sum->sum_us += stat->sum_us;
		sum->failed += stat->failed;
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct op_stat *const *left = a;
	const struct op_stat *const *right = b;
	return strcmp((*left)->def->name, (*right)->def->name);
}

size_t op_stats_list(const struct op_stats *stats, const struct op_stat **ret_list)
{
	size_t count = 0;
	for (size_t i = 0; i < OP_STATS_MAX; i++) {
		if (stats->places[i].def != NULL) {
			ret_list[count++] = &stats->places[i];
		}
	}
	qsort(ret_list, count, sizeof(*ret_list), compare_names);
	return count;
}
