#include "chatd/rest/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chatd/auth/limits.h"
#include "chatd/op/op.h"
#include "chatd/op/op_stats.h"
#include "chatd/op/server_control.h"
#include "chatd/transport/longpoll.h"
#include "lib/loop/loop.h"
#include "lib/metrics/metrics.h"
#include "lib/net/stream.h"

#define GATHER_US 1000000
#define PREFIX "chatd_"

struct slot {
	struct metrics counters;
	struct op_stats ops;
};

static void collect(struct services *sv, void *ctx)
{
	struct slot *slot = ctx;
	struct metrics *mine = &slot->counters;
	*mine = *sv->metrics;
	slot->ops = *op_list_stats(sv->ops);
	mine->send_queue_bytes = stream_pool_queued(sv->streams);
	if (sv->polls != NULL) {
		mine->send_queue_bytes += longpoll_pool_queued(sv->polls);
	}
	if (sv->worker == sv->worker_count) { /* one table for all: counted once */
		mine->rate_limit_keys = limits_keys(sv->limits, loop_now_us(sv->loop));
	}
}

struct page {
	struct buf body;
	struct bytes last; /* name of the row before, without labels */
};

/* Rows that differ in their labels only have one heading. */
static void write_row(
	void *ctx, const char *name, const char *kind, const char *help, uint64_t value)
{
	struct page *page = ctx;
	struct bytes bare = bytes_of(name, strcspn(name, "{"));
	if (!bytes_eq(bare, page->last)) {
		buf_printf(&page->body, "# HELP " PREFIX "%.*s %s\n# TYPE " PREFIX "%.*s %s\n",
			BYTES_ARG(bare), help, BYTES_ARG(bare), kind);
		page->last = bare;
	}
	buf_printf(&page->body, PREFIX "%s %" PRIu64 "\n", name, value);
}

/* Buckets hold all that is at most so long. */
static void write_op(struct buf *out, const struct op_stat *stat)
{
	const char *op = stat->def->name;
	uint64_t count = 0;
	for (size_t i = 0; i < OP_STATS_BUCKETS - 1; i++) {
		count += stat->buckets[i];
		buf_printf(out, PREFIX "op_seconds_bucket{op=\"%s\",le=\"%g\"} %" PRIu64 "\n", op,
			(double)op_stats_bounds[i] / 1e6, count);
	}
	count += stat->buckets[OP_STATS_BUCKETS - 1];
	buf_printf(out,
		PREFIX "op_seconds_bucket{op=\"%s\",le=\"+Inf\"} %" PRIu64 "\n" PREFIX
		       "op_seconds_sum{op=\"%s\"} %.6f\n" PREFIX
		       "op_seconds_count{op=\"%s\"} %" PRIu64 "\n",
		op, count, op, (double)stat->sum_us / 1e6, op, count);
}

static void write_ops(struct buf *out, const struct op_stats *stats)
{
	const struct op_stat *list[OP_STATS_MAX];
	size_t count = op_stats_list(stats, list);
	buf_append_str(out, "# HELP " PREFIX "op_seconds How long operations took\n"
			    "# TYPE " PREFIX "op_seconds histogram\n");
	for (size_t i = 0; i < count; i++) {
		write_op(out, list[i]);
	}
	buf_append_str(out, "# HELP " PREFIX "op_failures_total Operations that ended with an "
			    "error\n# TYPE " PREFIX "op_failures_total counter\n");
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, PREFIX "op_failures_total{op=\"%s\"} %" PRIu64 "\n",
			list[i]->def->name, list[i]->failed);
	}
}

static void gathered(void *ctx, const void *slots, unsigned answered, unsigned total)
{
	const struct slot *all = slots;
	struct slot *sum = mem_zalloc(sizeof(*sum));
	for (unsigned i = 0; i < total; i++) {
		metrics_add(&sum->counters, &all[i].counters);
		op_stats_add(&sum->ops, &all[i].ops);
	}
	struct page page = {0};
	metrics_each(&sum->counters, write_row, &page);
	write_ops(&page.body, &sum->ops);
	free(sum);
	buf_printf(&page.body,
		"# HELP " PREFIX
		"workers_silent Workers that did not answer in time: their counts are "
		"missing here\n# TYPE " PREFIX "workers_silent gauge\n" PREFIX "workers_silent %u\n"
		"# HELP " PREFIX "build_info The program\n# TYPE " PREFIX
		"build_info gauge\n" PREFIX "build_info{version=\"" CHATD_VERSION "\"} 1\n",
		total - answered);
	http_respond(
		ctx, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, buf_bytes(&page.body));
	buf_finish(&page.body);
}

static void on_request(void *ctx, struct http_exchange *exchange)
{
	const struct services *sv = ctx;
	if (!bytes_eq(exchange->path, BYTES_LIT("/metrics"))) {
		http_respond(
			exchange, 404, "text/plain", NULL, BYTES_LIT("Only /metrics is here\n"));
		return;
	}
	if (exchange->head.method != HTTP1_GET && exchange->head.method != HTTP1_HEAD) {
		http_respond(exchange, 405, "text/plain", "Allow: GET, HEAD\r\n", BYTES_NONE);
		return;
	}
	sv->control->gather(
		sv->control->server, collect, sizeof(struct slot), GATHER_US, gathered, exchange);
}

const struct http_handler metrics_handler = {.on_request = on_request};
