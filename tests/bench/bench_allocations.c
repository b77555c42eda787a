#include "tests/bench/bench_allocations.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/bench_proc.h"

struct bench_allocations bench_allocations_read(const char *file)
{
	struct bench_allocations counted;
	FILE *in = fopen(file, "re");

	if (in == NULL || fread(&counted, sizeof(counted), 1, in) != 1) {
		bench_fail("%s: %s", file, in == NULL ? strerror(errno) : "it is too short");
	}
	fclose(in);
	return counted;
}
