/* WebSockets (RFC 6455), without negotiation. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/wire/ws.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/bench_wire.h"

#define FRAME_SIZE 1024

/* The mask may be any (RFC 6455 section 5.3); zeros leave the payload as it is, and the server
 * unmasks all the same. */
static void send_frame(const struct bench_conn *conn, enum ws_opcode opcode, struct bytes payload)
{
	static const uint8_t mask[4] = {0};
	char frame[FRAME_SIZE];

	if (payload.len > sizeof(frame) - WS_HEADER_MAX) {
		bench_fail("a frame of %zu bytes is too long", payload.len);
	}
	size_t len = ws_write_header(frame, opcode, true, payload.len, mask);
	memcpy(frame + len, payload.ptr, payload.len);
	bench_wire_write(conn, bytes_of(frame, len + payload.len));
}

static void send_record(struct bench_conn *conn, bool text, struct bytes record)
{
	send_frame(conn, text ? WS_TEXT : WS_BINARY, record);
}

static void start(struct bench_conn *conn, size_t user, uint64_t token_number)
{
	struct buf request = {0};

	conn->fd = bench_connect(conn->target);
	buf_append_str(&request,
		"GET /chathub HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ");
	bench_token(conn->target, user, token_number, &request);
	buf_append_str(&request, "\r\n\r\n");
	bench_wire_write(conn, buf_bytes(&request));
	buf_finish(&request);
}

static void await(struct bench_conn *conn)
{
	struct buf head = {0};

	bench_wire_read_head(conn, &head);
	if (!bytes_starts(buf_bytes(&head), BYTES_LIT("HTTP/1.1 101 "))) {
		bench_fail("the upgrade is refused: %.*s", BYTES_ARG(buf_bytes(&head)));
	}
	buf_finish(&head);
}

/* Size of the header of a server's frame, and of its payload; 0 while more is needed (RFC 6455
 * section 5.2). */
static size_t frame_header(struct bytes in, uint64_t *ret_len)
{
	if (in.len < 2) {
		return 0;
	}
	uint8_t first = (uint8_t)in.ptr[1];
	size_t wide = first == 127 ? 8 : first == 126 ? 2 : 0;
	if (in.len < 2 + wide) {
		return 0;
	}
	uint64_t len = wide == 0 ? first : 0;
	for (size_t i = 0; i < wide; i++) {
		len = len << 8 | (uint8_t)in.ptr[2 + i];
	}
	*ret_len = len;
	return 2 + wide;
}

/* A message that comes in several frames is looked at when it is whole (RFC 6455 section 5.4):
 * ASP.NET Core cuts where its buffers end, in the middle of a word. */
static void look_frame(
	struct bench_conn *conn, uint8_t first, struct bytes payload, struct bench_seen *seen)
{
	bool last = (first & 0x80) != 0;
	enum ws_opcode opcode = first & 0x0f;

	if (opcode == WS_CLOSE) {
		bench_fail("the server closes the connection");
	}
	if (last && opcode != WS_CONTINUATION) {
		bench_wire_look(conn, payload, seen);
		return;
	}
	buf_append_bytes(&conn->parts, payload);
	if (last) {
		bench_wire_look(conn, buf_bytes(&conn->parts), seen);
		buf_finish(&conn->parts);
	}
}

static size_t take(struct bench_conn *conn, struct bytes in, struct bench_seen *seen)
{
	struct bytes left = in;
	uint64_t len;
	size_t header;

	while ((header = frame_header(left, &len)) != 0 && left.len - header >= len) {
		struct bytes payload = bytes_of(left.ptr + header, (size_t)len);
		look_frame(conn, (uint8_t)left.ptr[0], payload, seen);
		left = bytes_of(left.ptr + header + len, left.len - header - (size_t)len);
	}
	return in.len - left.len;
}

static void opened(struct bench_conn *conn)
{
	(void)conn;
}

/* Sends a Close frame and waits for the peer to end the connection. */
static void end(struct bench_conn *conn)
{
	static const char normal[2] = {3, (char)0xe8}; /* 1000, RFC 6455 section 7.4.1 */
	struct pollfd wait = {.fd = conn->fd, .events = POLLIN};
	char buffer[4096];

	send_frame(conn, WS_CLOSE, bytes_of(normal, sizeof(normal)));
	for (;;) {
		ssize_t got = recv(conn->fd, buffer, sizeof(buffer), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			return;
		}
		if (got < 0 && poll(&wait, 1, BENCH_TIMEOUT_S * 1000) == 0) {
			bench_fail("the server does not end the connection");
		}
	}
}

const struct bench_wire bench_wire_websockets = {
	.start = start,
	.await = await,
	.send = send_record,
	.take = take,
	.opened = opened,
	.end = end,
};
