/* Open loop: messages are sent when they are due, whether or not the last one has arrived. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"
#include "tests/bench/load_crowd.h"

#define WARM_S 0.5
#define LATE_MS 2000

/* A room's messages come in their order, so the nth that a member gets is the nth that was sent. */
struct rate {
	struct crowd crowd;
	double *due; /* when each message was to be sent */
	size_t sent, total;
	size_t first; /* those before it warm up */
	size_t *received; /* by connection */
	double *latencies_ms;
	size_t latency_count;
};

static void got(void *ctx, size_t number, const struct bench_seen *seen)
{
	struct rate *rate = (struct rate *)ctx;
	double now = bench_now();

	for (uint64_t i = 0; i < seen->messages; i++) {
		size_t message = rate->received[number]++;
		if (message >= rate->sent) {
			bench_fail("a message came that was not sent");
		}
		if (message >= rate->first) {
			rate->latencies_ms[rate->latency_count++] =
				(now - rate->due[message]) * 1e3;
		}
	}
}

static int compare(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

static void send_all_due(struct rate *rate)
{
	double start = bench_now();

	while (rate->sent < rate->total) {
		double due = start + (double)rate->sent / rate->crowd.load->rate;
		double wait = due - bench_now();
		if (wait > 0) {
			crowd_turn(&rate->crowd, (int)(wait * 1e3), got, rate);
			continue;
		}
		rate->due[rate->sent++] = due;
		crowd_send(&rate->crowd, 0, rate->sent);
	}
}

void load_rate(const struct load *load)
{
	struct rate rate = {0};

	if (load->rate <= 0 || load->rooms != 1) {
		bench_fail("a rate above 0, and one room");
	}
	rate.first = (size_t)(load->rate * WARM_S);
	rate.total = rate.first + (size_t)(load->rate * load->seconds) + 1;
	size_t expected = (rate.total - rate.first) * load->connections;
	rate.due = mem_zalloc(rate.total * sizeof(*rate.due));
	rate.received = mem_zalloc(load->connections * sizeof(*rate.received));
	rate.latencies_ms = mem_zalloc(expected * sizeof(*rate.latencies_ms));
	crowd_init(&rate.crowd, load);
	double cpu = bench_cpu_us(load->pid);
	send_all_due(&rate);
	double late = bench_now() + LATE_MS / 1e3;
	while (rate.latency_count < expected && bench_now() < late) {
		crowd_turn(&rate.crowd, 100, got, &rate);
	}
	cpu = bench_cpu_us(load->pid) - cpu;
	if (rate.latency_count < expected) {
		bench_fail("%zu of %zu deliveries were lost or are late",
			expected - rate.latency_count, expected);
	}
	qsort(rate.latencies_ms, expected, sizeof(*rate.latencies_ms), compare);
	printf("{\"mode\":\"rate\",\"connections\":%zu,\"rate\":%.0f,\"p50_ms\":%.3f,"
	       "\"p99_ms\":%.3f,\"us_per_delivery\":%.3f}\n",
		load->connections, load->rate, rate.latencies_ms[expected / 2],
		rate.latencies_ms[expected * 99 / 100],
		cpu / (double)(rate.total * load->connections));
	crowd_finish(&rate.crowd);
	free(rate.latencies_ms);
	free(rate.received);
	free(rate.due);
}
