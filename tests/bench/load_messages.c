/* Closed loop: so many messages are always under way. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/bench/bench_allocations.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"
#include "tests/bench/load_crowd.h"

#define WARM_S 0.5
#define TURN_MS 100

struct messages {
	struct crowd crowd;
	struct bench_seen seen; /* on all connections */
	uint64_t sends;
	size_t next; /* rotate: whose turn it is */
	bool stopping; /* acknowledged messages are followed by no others */
};

/* What is counted before and after. */
struct sample {
	struct bench_seen seen;
	struct bench_allocations allocations;
	double cpu_us, at;
};

static void send_next(struct messages *messages, size_t number)
{
	if (messages->crowd.load->rotate) {
		number = messages->next;
		messages->next = (number + 1) % messages->crowd.load->connections;
	}
	crowd_send(&messages->crowd, number, ++messages->sends);
}

static void add(struct bench_seen *sum, const struct bench_seen *seen)
{
	sum->reads += seen->messages > 0;
	sum->messages += seen->messages;
	sum->sized += seen->sized;
	sum->sized_bytes += seen->sized_bytes;
	sum->completions += seen->completions;
}

static void got(void *ctx, size_t number, const struct bench_seen *seen)
{
	struct messages *messages = (struct messages *)ctx;
	const struct load *load = messages->crowd.load;
	const struct bench_seen *sum = &messages->seen;

	add(&messages->seen, seen);
	if (messages->stopping) {
		return;
	}
	if (load->lockstep) {
		if (sum->completions == messages->sends &&
			sum->messages == messages->sends * load->connections) {
			send_next(messages, 0);
		}
		return;
	}
	for (uint64_t i = 0; i < seen->completions; i++) {
		send_next(messages, number);
	}
}

static void run_for(struct messages *messages, double seconds)
{
	double until = bench_now() + seconds;

	while (bench_now() < until) {
		crowd_turn(&messages->crowd, TURN_MS, got, messages);
	}
}

static void take_sample(const struct messages *messages, struct sample *ret_sample)
{
	const struct load *load = messages->crowd.load;

	*ret_sample = (struct sample){
		.seen = messages->seen,
		.cpu_us = bench_cpu_us(load->pid),
		.at = bench_now(),
	};
	if (load->allocations != NULL) {
		ret_sample->allocations = bench_allocations_read(load->allocations);
	}
}

static void report_allocations(
	const struct sample *before, const struct sample *after, double sends)
{
	double calls = (double)(after->allocations.calls - before->allocations.calls);
	double bytes = (double)(after->allocations.bytes - before->allocations.bytes);

	printf(",\"allocations_per_send\":%.3f,\"allocated_bytes_per_send\":%.0f", calls / sends,
		bytes / sends);
}

static void report(const struct load *load, const struct sample *before, const struct sample *after)
{
	double deliveries = (double)(after->seen.messages - before->seen.messages);
	double sends = (double)(after->seen.completions - before->seen.completions);
	double reads = (double)(after->seen.reads - before->seen.reads);
	double cpu_us = after->cpu_us - before->cpu_us, seconds = after->at - before->at;

	if (sends < 1 || deliveries < 1) {
		bench_fail("nothing was delivered");
	}
	printf("{\"mode\":\"messages\",\"connections\":%zu,\"rooms\":%zu,\"in_flight\":%zu,"
	       "\"sends_per_second\":%.0f,\"deliveries_per_second\":%.0f,"
	       "\"deliveries_per_read\":%.2f,\"cpu\":%.3f,\"us_per_delivery\":%.3f,"
	       "\"us_per_send\":%.2f,\"message_bytes\":%.0f",
		load->connections, load->rooms, load->in_flight, sends / seconds,
		deliveries / seconds, deliveries / reads, cpu_us / seconds / 1e6,
		cpu_us / deliveries, cpu_us / sends,
		after->seen.sized == 0
			? 0
			: (double)after->seen.sized_bytes / (double)after->seen.sized);
	if (load->allocations != NULL) {
		report_allocations(before, after, sends);
	}
	puts("}");
}

static void check(const struct load *load)
{
	if (load->in_flight == 0 || load->in_flight > load->connections || load->rooms == 0) {
		bench_fail("in flight: 1 to the number of connections; and at least one room");
	}
	if (load->lockstep && (load->in_flight != 1 || load->rooms != 1)) {
		bench_fail("lockstep: one in flight, and one room");
	}
}

void load_messages(const struct load *load)
{
	struct messages messages = {0};
	struct sample before, after;

	check(load);
	crowd_init(&messages.crowd, load);
	for (size_t i = 0; i < load->in_flight; i++) {
		send_next(&messages, i);
	}
	run_for(&messages, WARM_S);
	take_sample(&messages, &before);
	run_for(&messages, load->seconds);
	take_sample(&messages, &after);
	report(load, &before, &after);
	messages.stopping = true;
	crowd_finish(&messages.crowd);
}
