/* Pages of a room's messages, asked for over the hub. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench_fill.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"
#include "tests/bench/load_crowd.h"

#define WARM_S 0.5
#define TURN_MS 100
#define PAGE 50
/* A message is longer than that, so a page that is shorter does not hold PAGE of them. */
#define MESSAGE_LEAST 150
/* A server that stores nothing for so long hangs. */
#define FILL_S 60

struct history {
	struct crowd crowd;
	size_t *sends; /* by connection, of the messages that fill its room */
	uint64_t stored; /* of all these */
	uint64_t asked, pages;
	uint64_t bytes; /* of pages */
	uint64_t random; /* the same pages of every server */
	bool stopping;
};

/* ---- filling ---- */

static void send_next(struct history *history, size_t number)
{
	if (history->sends[number] < history->crowd.load->messages) {
		crowd_send(&history->crowd, number, ++history->sends[number]);
	}
}

static void on_stored(void *ctx, size_t number, const struct bench_seen *seen)
{
	struct history *history = (struct history *)ctx;

	history->stored += seen->completions;
	for (uint64_t i = 0; i < seen->completions; i++) {
		send_next(history, number);
	}
}

/* Each connection sends so many, one after the other. */
static void fill(struct history *history)
{
	const struct load *load = history->crowd.load;
	uint64_t total = (uint64_t)load->messages * load->connections;
	double until = bench_now() + FILL_S;

	for (size_t i = 0; i < load->connections; i++) {
		send_next(history, i);
	}
	while (history->stored < total) {
		crowd_turn(&history->crowd, TURN_MS, on_stored, history);
		if (bench_now() > until) {
			bench_fail("%" PRIu64 " of %" PRIu64 " messages are stored after %d s",
				history->stored, total, FILL_S);
		}
	}
}

/* ---- pages ---- */

static void ask(struct history *history, size_t number)
{
	const struct load *load = history->crowd.load;
	uint64_t before = PAGE + 1 + bench_random(&history->random) % (load->messages - PAGE);
	char room[BENCH_ROOM_SIZE];

	bench_room_name(&load->target, number % load->rooms, room);
	bench_conn_history(&history->crowd.conns[number], room, before, PAGE, ++history->asked);
}

static void on_page(void *ctx, size_t number, const struct bench_seen *seen)
{
	struct history *history = (struct history *)ctx;

	history->bytes += seen->completion_bytes;
	for (uint64_t i = 0; i < seen->completions; i++) {
		history->pages++;
		if (!history->stopping) {
			ask(history, number);
		}
	}
}

static void run_for(struct history *history, double seconds)
{
	double until = bench_now() + seconds;

	while (bench_now() < until) {
		crowd_turn(&history->crowd, TURN_MS, on_page, history);
	}
}

static void report(const struct history *history, uint64_t pages, uint64_t bytes, double cpu_us,
	double seconds)
{
	if (pages < 1 || bytes / pages < PAGE * MESSAGE_LEAST) {
		bench_fail("no whole page of %d messages came", PAGE);
	}
	printf("{\"mode\":\"history\",\"connections\":%zu,\"rooms\":%zu,\"pages_per_second\":%.0f,"
	       "\"cpu\":%.3f,\"us_per_page\":%.2f,\"page_bytes\":%.0f}\n",
		history->crowd.load->connections, history->crowd.load->rooms,
		(double)pages / seconds, cpu_us / seconds / 1e6, cpu_us / (double)pages,
		(double)bytes / (double)pages);
}

void load_history(const struct load *load)
{
	struct history history = {.random = 88172645463325252};

	if (load->rooms == 0 || load->connections < load->rooms || load->messages <= PAGE) {
		bench_fail("a connection or more to each room, and more than %d messages", PAGE);
	}
	history.sends = mem_zalloc(load->connections * sizeof(*history.sends));
	crowd_init(&history.crowd, load);
	fill(&history);
	for (size_t i = 0; i < load->connections; i++) {
		ask(&history, i);
	}
	run_for(&history, WARM_S);
	uint64_t pages = history.pages, bytes = history.bytes;
	double cpu = bench_cpu_us(load->pid), start = bench_now();
	run_for(&history, load->seconds);
	double seconds = bench_now() - start;
	cpu = bench_cpu_us(load->pid) - cpu;
	report(&history, history.pages - pages, history.bytes - bytes, cpu, seconds);
	history.stopping = true;
	crowd_finish(&history.crowd);
	free(history.sends);
}
