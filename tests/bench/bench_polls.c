/* Long polling (TransportProtocols.md of ASP.NET Core): there is always a poll under way. */
#include "lib/base/err.h"
#include "lib/wire/http1.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/bench_wire.h"

static void ask(struct bench_conn *conn)
{
	bench_wire_write(conn, buf_bytes(&conn->poll));
}

/* The first poll is answered at once, with nothing, and starts the connection. */
static void await(struct bench_conn *conn)
{
	struct bench_seen seen = {0};

	bench_wire_negotiated(conn);
	conn->fd = bench_connect(conn->target);
	bench_http_write(&conn->calls, "GET", conn->path.data, NULL, BYTES_NONE, &conn->poll);
	ask(conn);
	while (conn->rest.len > 0 || seen.reads == 0) {
		bench_conn_await(conn, &seen);
	}
}

/* Whether the whole body is there, which is then in *ret_body: mostly a view of the input. */
static bool take_body(struct bench_conn *conn, const struct http1_response *response,
	struct bytes *input, struct bytes *ret_body)
{
	struct http1_body body;
	struct bytes piece;

	http1_body_init(&body, response->framing, response->content_length);
	*ret_body = bytes_of(input->ptr, 0);
	if (response->framing == HTTP1_BODY_LENGTH) {
		if (input->len < response->content_length) {
			return false;
		}
		return http1_body_feed(&body, input, ret_body) == 0;
	}
	buf_clear(&conn->parts);
	while (!http1_body_done(&body)) {
		int err = http1_body_feed(&body, input, &piece);
		if (err == ERR_AGAIN) {
			return false;
		}
		if (err != 0) {
			bench_fail("an answer that is no HTTP: %s", body.reason);
		}
		buf_append_bytes(&conn->parts, piece);
		*ret_body = buf_bytes(&conn->parts);
	}
	return true;
}

static size_t take(struct bench_conn *conn, struct bytes in, struct bench_seen *seen)
{
	struct http1_parser parser = {0};
	struct http1_response response;
	struct bytes body;
	size_t used;

	int err = http1_response_parse(&parser, in, &http1_limits_default, false, &response, &used);
	if (err == ERR_AGAIN) {
		return 0;
	}
	if (err != 0 || response.framing == HTTP1_BODY_UNTIL_CLOSE) {
		bench_fail("a poll's answer that is no HTTP, or ends the connection: %.*s",
			BYTES_ARG(in));
	}
	struct bytes left = bytes_of(in.ptr + used, in.len - used);
	if (!take_body(conn, &response, &left, &body)) {
		return 0;
	}
	if (response.status != 200 || left.len > 0) {
		bench_fail("a poll is answered with %d: %.*s", response.status, BYTES_ARG(body));
	}
	ask(conn);
	if (body.len > 0) {
		bench_wire_look(conn, body, seen);
	}
	return in.len;
}

static void end(struct bench_conn *conn)
{
	struct buf body = {0};
	int status;

	bench_http_drain_all(&conn->calls);
	bench_http_send(&conn->calls, "DELETE", conn->path.data, NULL, BYTES_NONE);
	while ((status = bench_http_read(&conn->calls, &body)) == 0) {
	}
	if (status != 202) {
		bench_fail(
			"the end is answered with %d: %.*s", status, BYTES_ARG(buf_bytes(&body)));
	}
	buf_finish(&body);
}

const struct bench_wire bench_wire_polls = {
	.start = bench_wire_negotiate,
	.await = await,
	.send = bench_wire_post,
	.take = take,
	.opened = bench_wire_hang_up,
	.end = end,
};
