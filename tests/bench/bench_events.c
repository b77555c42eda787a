/* Server-sent events (the WHATWG's HTML, section 9.2; TransportProtocols.md of ASP.NET Core). */
#include <string.h>

#include "lib/base/err.h"
#include "lib/wire/http1.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/bench_wire.h"

/* Asks for the stream, which begins with a comment. */
static void await(struct bench_conn *conn)
{
	struct http1_parser parser = {0};
	struct http1_response response;
	struct buf text = {0};
	size_t used;

	bench_wire_negotiated(conn);
	conn->fd = bench_connect(conn->target);
	buf_append_str(&text, "GET ");
	buf_append_str(&text, conn->path.data);
	buf_append_bytes(&text, buf_bytes(&conn->calls.head));
	buf_append_str(&text, "Accept: text/event-stream\r\n\r\n");
	bench_wire_write(conn, buf_bytes(&text));
	buf_clear(&text);
	bench_wire_read_head(conn, &text);
	int err = http1_response_parse(
		&parser, buf_bytes(&text), &http1_limits_default, false, &response, &used);
	if (err != 0 || response.status != 200) {
		bench_fail("the event stream is refused: %.*s", BYTES_ARG(buf_bytes(&text)));
	}
	http1_body_init(&conn->body, response.framing, response.content_length);
	buf_finish(&text);
}

/* What the server sends stands on one line each: JSON has no line feeds. */
static void look_line(struct bench_conn *conn, struct bytes line, struct bench_seen *seen)
{
	static const struct bytes field = {"data: ", 6};

	if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
		line.len--;
	}
	if (bytes_starts(line, field)) {
		bench_wire_look(conn, bytes_of(line.ptr + field.len, line.len - field.len), seen);
	}
}

static void look_lines(struct bench_conn *conn, struct bytes piece, struct bench_seen *seen)
{
	const char *end;

	while (piece.len > 0 && (end = memchr(piece.ptr, '\n', piece.len)) != NULL) {
		size_t len = (size_t)(end - piece.ptr);
		if (conn->parts.len > 0) {
			buf_append(&conn->parts, piece.ptr, len);
			look_line(conn, buf_bytes(&conn->parts), seen);
			buf_clear(&conn->parts);
		} else {
			look_line(conn, bytes_of(piece.ptr, len), seen);
		}
		piece = bytes_of(end + 1, piece.len - len - 1);
	}
	buf_append_bytes(&conn->parts, piece);
}

static size_t take(struct bench_conn *conn, struct bytes in, struct bench_seen *seen)
{
	size_t all = in.len;
	struct bytes piece;
	int err = 0;

	while (err == 0) {
		if (http1_body_done(&conn->body)) {
			bench_fail("the server ends the event stream");
		}
		err = http1_body_feed(&conn->body, &in, &piece);
		if (err == 0) {
			look_lines(conn, piece, seen);
		}
	}
	if (err != ERR_AGAIN) {
		bench_fail("an event stream that is no HTTP: %s", conn->body.reason);
	}
	return all;
}

/* Whoever has nothing more to say just goes away. */
static void end(struct bench_conn *conn)
{
	(void)conn;
}

const struct bench_wire bench_wire_events = {
	.start = bench_wire_negotiate,
	.await = await,
	.send = bench_wire_post,
	.take = take,
	.opened = bench_wire_hang_up,
	.end = end,
};
