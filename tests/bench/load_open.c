/* Loads that only open connections. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"

#define SETTLE_US 500000
#define CONNECT_TOGETHER 100

static void await_join(struct bench_conn *conn)
{
	struct bench_seen seen = {0};

	while (seen.completions == 0) {
		bench_conn_await(conn, &seen);
	}
}

/* Each user joins load->rooms rooms, so that each room has as many members. */
static void join_rooms(
	const struct load *load, struct bench_conn *conns, size_t first, size_t count)
{
	for (size_t k = 0; k < load->rooms; k++) {
		for (size_t i = first; i < first + count; i++) {
			size_t room = i + k * (load->connections / load->rooms);
			bench_conn_join(&conns[i], room % load->connections);
		}
		for (size_t i = first; i < first + count; i++) {
			await_join(&conns[i]);
		}
	}
}

static void open_and_close(
	const struct load *load, struct bench_conn *conns, uint64_t token_number, bool join)
{
	for (size_t done = 0; done < load->connections; done += CONNECT_TOGETHER) {
		size_t some = load->connections - done;
		some = some < CONNECT_TOGETHER ? some : CONNECT_TOGETHER;
		bench_conn_open(&load->target, conns, done, some, 0, token_number);
		if (join) {
			join_rooms(load, conns, done, some);
		}
		for (size_t i = done; i < done + some; i++) {
			bench_conn_close(&conns[i]);
		}
	}
}

void load_connect(const struct load *load)
{
	struct bench_conn *conns = mem_zalloc(load->connections * sizeof(*conns));

	if (load->rooms > load->connections) {
		bench_fail("at most as many rooms as connections");
	}
	open_and_close(load, conns, 1, true);
	usleep(SETTLE_US);
	double cpu = bench_cpu_us(load->pid), start = bench_now();
	open_and_close(load, conns, 2, false);
	double wall = bench_now() - start;
	usleep(SETTLE_US / 10); /* what is done after the close belongs to it */
	cpu = bench_cpu_us(load->pid) - cpu;
	printf("{\"mode\":\"connect\",\"connections\":%zu,\"rooms\":%zu,\"us_per_connect\":%.2f,"
	       "\"connects_per_second\":%.0f}\n",
		load->connections, load->rooms, cpu / (double)load->connections,
		(double)load->connections / wall);
	free(conns);
}

void load_idle(const struct load *load)
{
	struct bench_conn *conns = mem_zalloc(load->connections * sizeof(*conns));

	double before = bench_rss_anon_kib(load->pid);
	bench_conn_open(&load->target, conns, 0, load->connections, load->rooms, 1);
	usleep(SETTLE_US);
	double after = bench_rss_anon_kib(load->pid);
	printf("{\"mode\":\"idle\",\"connections\":%zu,\"rooms\":%zu,\"kib_before\":%.0f,"
	       "\"kib_after\":%.0f,\"kib_per_connection\":%.3f}\n",
		load->connections, load->rooms, before, after,
		(after - before) / (double)load->connections);
	for (size_t i = 0; i < load->connections; i++) {
		bench_conn_close(&conns[i]);
	}
	free(conns);
}
