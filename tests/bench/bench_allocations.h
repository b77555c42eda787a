/* What tests/bench/alloc_count.c counts in the process that it is preloaded into, in a file that
 * others may map too. */
#ifndef TESTS_BENCH_BENCH_ALLOCATIONS_H
#define TESTS_BENCH_BENCH_ALLOCATIONS_H

#include <stdint.h>

/* The name of the file is in this variable of the environment. */
#define BENCH_ALLOCATIONS_ENV "BENCH_ALLOCATIONS"

/* In the machine's byte order. All threads add to it atomically. */
struct bench_allocations {
	uint64_t calls; /* malloc(), calloc(), realloc(), aligned_alloc() and their like */
	uint64_t bytes; /* that they asked for */
};

/* As it stands now. Ends the program if the file cannot be read. */
struct bench_allocations bench_allocations_read(const char *file);

#endif
