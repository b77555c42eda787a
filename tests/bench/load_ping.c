/* Connections that do nothing but being pinged by the server. */
#include <stdio.h>

#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"
#include "tests/bench/load_crowd.h"

#define WARM_S 1.5
#define TURN_MS 100

static void got(void *ctx, size_t number, const struct bench_seen *seen)
{
	uint64_t *pings = (uint64_t *)ctx;

	(void)number;
	*pings += seen->pings;
}

static uint64_t pings_within(struct crowd *crowd, double seconds)
{
	double until = bench_now() + seconds;
	uint64_t pings = 0;

	while (bench_now() < until) {
		crowd_turn(crowd, TURN_MS, got, &pings);
	}
	return pings;
}

void load_ping(const struct load *load)
{
	struct crowd crowd;

	crowd_open(&crowd, load);
	pings_within(&crowd, WARM_S);
	double cpu = bench_cpu_us(load->pid);
	uint64_t pings = pings_within(&crowd, load->seconds);
	cpu = bench_cpu_us(load->pid) - cpu;
	if (pings == 0) {
		bench_fail("no ping came");
	}
	printf("{\"mode\":\"ping\",\"connections\":%zu,\"pings_per_connection_and_second\":%.2f,"
	       "\"us_per_ping\":%.3f}\n",
		load->connections, (double)pings / (double)load->connections / load->seconds,
		cpu / (double)pings);
	crowd_close(&crowd);
}
