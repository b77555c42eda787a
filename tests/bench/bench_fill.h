/* What tests/bench/fill.sql puts into a database: rooms that are known by their number, each with
 * the same one member. */
#ifndef TESTS_BENCH_BENCH_FILL_H
#define TESTS_BENCH_BENCH_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/ident.h"

/* The first 16 bytes of SHA-256("room N"), N from 1. */
void bench_fill_room(size_t number, struct uuid *ret_id);
/* Those of "user". */
void bench_fill_member(struct uuid *ret_id);

/* The next of numbers that look random; *state is never 0. xorshift64: cheap, so that it does not
 * count. */
uint64_t bench_random(uint64_t *state);

#endif
