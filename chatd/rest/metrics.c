#include "chatd/rest/metrics.h"

#include <inttypes.h>

#include "chatd/op/server_control.h"
#include "chatd/op/services.h"
#include "lib/metrics/metrics.h"
#include "lib/net/stream.h"

#define GATHER_US 1000000
#define PREFIX "chatd_"

static void collect(struct services *sv, void *slot)
{
	struct metrics *mine = slot;
	*mine = *sv->metrics;
	mine->send_queue_bytes = stream_pool_queued(sv->streams);
}

static void write_row(
	void *ctx, const char *name, const char *kind, const char *help, uint64_t value)
{
	buf_printf(ctx,
		"# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n" PREFIX "%s %" PRIu64 "\n", name,
		help, name, kind, name, value);
}

static void gathered(void *ctx, const void *slots, unsigned answered, unsigned total)
{
	const struct metrics *all = slots;
	struct metrics sum = {0};
	for (unsigned i = 0; i < total; i++) {
		metrics_add(&sum, &all[i]);
	}
	struct buf body = {0};
	metrics_each(&sum, write_row, &body);
	buf_printf(&body,
		"# HELP " PREFIX
		"workers_silent Workers that did not answer in time: their counts are "
		"missing here\n# TYPE " PREFIX "workers_silent gauge\n" PREFIX "workers_silent %u\n"
		"# HELP " PREFIX "build_info The program\n# TYPE " PREFIX
		"build_info gauge\n" PREFIX "build_info{version=\"" CHATD_VERSION "\"} 1\n",
		total - answered);
	http_respond(ctx, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, buf_bytes(&body));
	buf_finish(&body);
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
	sv->control->gather(sv->control->server, collect, sizeof(struct metrics), GATHER_US,
		gathered, exchange);
}

const struct http_handler metrics_handler = {.on_request = on_request};
