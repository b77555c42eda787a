#include "lib/client/poster.h"

#include "lib/base/err.h"
#include "lib/client/carrier.h"
#include "lib/client/http_line.h"
#include "lib/client/negotiate.h"

/* Bytes of one body: what every server takes. A record may be cut, the server joins them. */
enum { POST_MAX = 32 * 1024 };

static void write_post(struct poster *poster, struct buf *out, size_t len, bool last)
{
	const struct destination *d = poster->destination;
	destination_write_request(d, out, "POST", 0);
	http1_write_header(out, "Content-Type",
		d->binary ? BYTES_LIT("application/octet-stream")
			  : BYTES_LIT("text/plain;charset=UTF-8"));
	if (last) {
		http1_write_header(out, "Connection", BYTES_LIT("close"));
	}
	http1_write_header_u64(out, "Content-Length", len);
	http1_write_end(out);
	buf_append(out, poster->queued.data, len);
	buf_consume(&poster->queued, len);
	if (poster->queued.len == 0) {
		buf_finish(&poster->queued);
	}
}

static size_t next_len(const struct poster *poster)
{
	return poster->queued.len < POST_MAX ? poster->queued.len : POST_MAX;
}

/* Where nothing is under way, and something waits. */
static int poster_go_on(struct poster *poster)
{
	struct buf out = {0};
	if (poster->queued.len == 0 || http_line_is_asking(poster->line)) {
		return 0;
	}
	poster->under_way = next_len(poster);
	write_post(poster, &out, poster->under_way, false);
	int err = http_line_ask(
		poster->line, buf_bytes(&out), poster->destination->request_timeout_us);
	destination_wipe(&out);
	return err;
}

/* ---- events ---- */

static void on_defer(void *ctx)
{
	struct poster *poster = ctx;
	struct carrier *carrier = poster->carrier;
	carrier_enter(carrier);
	if (poster_go_on(poster) != 0) {
		carrier_tell_end(carrier, ERR_CLOSED, BYTES_LIT("the connection was lost"));
	}
	carrier_leave(carrier);
}

static void on_head(void *ctx, const struct http1_response *response)
{
	struct poster *poster = ctx;
	struct carrier *carrier = poster->carrier;
	char text[NEGOTIATE_STATUS_SIZE];
	if (response->status < 300) {
		return;
	}
	negotiate_status_text(response->status, text);
	carrier_enter(carrier);
	carrier_tell_end(carrier, negotiate_running_err(response->status), bytes_str(text));
	carrier_leave(carrier);
}

/* What an answer says besides is nothing to us. */
static void on_body(void *ctx, struct bytes piece)
{
	(void)ctx;
	(void)piece;
}

static void on_done(void *ctx)
{
	struct poster *poster = ctx;
	poster->under_way = 0;
	on_defer(poster);
}

static void on_fail(void *ctx, int err, const char *text)
{
	struct poster *poster = ctx;
	struct carrier *carrier = poster->carrier;
	bool lost = err == ERR_UNREACHABLE || err == ERR_CLOSED;
	carrier_enter(carrier);
	carrier_tell_end(carrier, lost ? ERR_CLOSED : err,
		lost ? BYTES_LIT("the connection was lost") : bytes_str(text));
	carrier_leave(carrier);
}

static const struct http_line_events line_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_done = on_done,
	.on_fail = on_fail,
};

/* ---- public ---- */

void poster_init(struct poster *poster, struct destination *destination, struct carrier *carrier)
{
	*poster = (struct poster){.destination = destination, .carrier = carrier};
	loop_defer_init(&poster->defer, on_defer, poster);
	poster->line = http_line_create(
		destination->pool, destination->address.peer, &line_events, poster);
}

void poster_finish(struct poster *poster)
{
	loop_defer_cancel(&poster->defer);
	http_line_close(&poster->line);
	buf_finish(&poster->queued);
}

void poster_send(struct poster *poster, struct bytes payload)
{
	buf_append_bytes(&poster->queued, payload);
	if (!http_line_is_asking(poster->line)) {
		loop_defer(
			stream_pool_loop(poster->destination->pool), &poster->defer, LOOP_GATHER);
	}
}

size_t poster_queued(const struct poster *poster)
{
	return poster->queued.len + poster->under_way;
}

void poster_goodbye(struct poster *poster, bool terminate)
{
	struct buf out = {0};
	while (poster->queued.len > 0) {
		size_t len = next_len(poster);
		write_post(poster, &out, len, !terminate && len == poster->queued.len);
	}
	if (terminate) {
		destination_write_request(poster->destination, &out, "DELETE", 0);
		http1_write_header(&out, "Connection", BYTES_LIT("close"));
		http1_write_end(&out);
	}
	http_line_goodbye(&poster->line, buf_bytes(&out), CARRIER_GOODBYE_US);
	destination_wipe(&out);
}
