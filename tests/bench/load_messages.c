/* Closed loop: so many messages are always under way. */
#include <inttypes.h>
#include <stdio.h>

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

static void send_next(struct messages *messages, size_t number)
{
	if (messages->crowd.load->rotate) {
		number = messages->next;
		messages->next = (number + 1) % messages->crowd.load->connections;
	}
	crowd_send(&messages->crowd, number, ++messages->sends);
}

static void got(void *ctx, size_t number, const struct bench_seen *seen)
{
	struct messages *messages = (struct messages *)ctx;

	messages->seen.messages += seen->messages;
	messages->seen.message_frames += seen->message_frames;
	messages->seen.message_frame_bytes += seen->message_frame_bytes;
	messages->seen.completions += seen->completions;
	for (uint64_t i = 0; i < seen->completions && !messages->stopping; i++) {
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

static void report(const struct messages *messages, const struct bench_seen *before, double cpu_us,
	double seconds)
{
	const struct bench_seen *after = &messages->seen;
	double deliveries = (double)(after->messages - before->messages);
	double sends = (double)(after->completions - before->completions);

	if (sends < 1 || deliveries < 1) {
		bench_fail("nothing was delivered");
	}
	printf("{\"mode\":\"messages\",\"connections\":%zu,\"rooms\":%zu,\"in_flight\":%zu,"
	       "\"sends_per_second\":%.0f,\"deliveries_per_second\":%.0f,\"cpu\":%.3f,"
	       "\"us_per_delivery\":%.3f,\"us_per_send\":%.2f,\"frame_bytes\":%.0f}\n",
		messages->crowd.load->connections, messages->crowd.load->rooms,
		messages->crowd.load->in_flight, sends / seconds, deliveries / seconds,
		cpu_us / seconds / 1e6, cpu_us / deliveries, cpu_us / sends,
		after->message_frames == 0
			? 0
			: (double)after->message_frame_bytes / (double)after->message_frames);
}

void load_messages(const struct load *load)
{
	struct messages messages = {0};

	if (load->in_flight == 0 || load->in_flight > load->connections || load->rooms == 0) {
		bench_fail("in flight: 1 to the number of connections; and at least one room");
	}
	crowd_init(&messages.crowd, load);
	for (size_t i = 0; i < load->in_flight; i++) {
		send_next(&messages, i);
	}
	run_for(&messages, WARM_S);
	struct bench_seen before = messages.seen;
	double cpu = bench_cpu_us(load->pid), start = bench_now();
	run_for(&messages, load->seconds);
	double seconds = bench_now() - start;
	cpu = bench_cpu_us(load->pid) - cpu;
	report(&messages, &before, cpu, seconds);
	messages.stopping = true;
	crowd_finish(&messages.crowd);
}
