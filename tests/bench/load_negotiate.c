/* Negotiations that nobody makes a connection of. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/bench_http.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"

#define PATH "/chathub/negotiate?negotiateVersion=1"
#define TOGETHER 64
/* These make what is made only once. */
#define WARM 2000
#define SETTLE_US 200000

static void negotiate(struct bench_http *https, size_t count)
{
	struct buf body = {0};
	int status;

	for (size_t i = 0; i < count; i++) {
		bench_http_send(&https[i], "POST", PATH, NULL, BYTES_NONE);
	}
	for (size_t i = 0; i < count; i++) {
		buf_clear(&body);
		while ((status = bench_http_read(&https[i], &body)) == 0) {
		}
		if (status != 200 ||
			memmem(body.data, body.len, "\"connectionToken\"", 17) == NULL) {
			bench_fail("negotiation is answered with %d: %.*s", status,
				BYTES_ARG(buf_bytes(&body)));
		}
	}
	buf_finish(&body);
}

static void negotiate_all(struct bench_http *https, size_t count)
{
	for (size_t done = 0; done < count; done += TOGETHER) {
		negotiate(https, count - done < TOGETHER ? count - done : TOGETHER);
	}
}

void load_negotiate(const struct load *load)
{
	struct bench_http https[TOGETHER];

	for (size_t i = 0; i < TOGETHER; i++) {
		bench_http_open(&https[i], &load->target, i, 1);
	}
	negotiate_all(https, WARM);
	usleep(SETTLE_US);
	double before = bench_rss_anon_kib(load->pid), cpu = bench_cpu_us(load->pid);
	double start = bench_now();
	negotiate_all(https, load->connections);
	double seconds = bench_now() - start;
	cpu = bench_cpu_us(load->pid) - cpu;
	double after = bench_rss_anon_kib(load->pid);
	printf("{\"mode\":\"negotiate\",\"negotiations\":%zu,\"per_second\":%.0f,"
	       "\"us_per_negotiation\":%.2f,\"kib_before\":%.0f,\"kib_after\":%.0f,"
	       "\"kib_growth\":%.0f}\n",
		load->connections, (double)load->connections / seconds,
		cpu / (double)load->connections, before, after, after - before);
	for (size_t i = 0; i < TOGETHER; i++) {
		bench_http_close(&https[i]);
	}
}
