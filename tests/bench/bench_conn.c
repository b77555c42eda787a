#include "tests/bench/bench_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire/ws.h"
#include "tests/bench/bench_proc.h"

#define OPEN_TOGETHER 100
#define READ_SIZE (256 * 1024)
#define FRAME_SIZE 1024

/* ---- what is sent ---- */

static void send_all(const struct bench_conn *conn, struct bytes data)
{
	ssize_t sent = send(conn->fd, data.ptr, data.len, MSG_NOSIGNAL);

	if (sent != (ssize_t)data.len) {
		bench_fail("send: %s", sent < 0 ? strerror(errno) : "the server does not keep up");
	}
}

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
	send_all(conn, bytes_of(frame, len + payload.len));
}

void bench_conn_send(struct bench_conn *conn, const char *room, uint64_t number)
{
	char text[FRAME_SIZE / 2];

	int len = snprintf(text, sizeof(text),
		"{\"type\":1,\"invocationId\":\"%llu\",\"target\":\"SendMessage\",\"arguments\":"
		"[\"%s\",\"hello hello hello hello hello hello hello\"]}\x1e",
		(unsigned long long)number, room);
	send_frame(conn, WS_TEXT, bytes_of(text, (size_t)len));
}

void bench_conn_history(
	struct bench_conn *conn, const char *room, uint64_t before, unsigned limit, uint64_t number)
{
	char text[FRAME_SIZE / 2];

	int len = snprintf(text, sizeof(text),
		"{\"type\":1,\"invocationId\":\"%llu\",\"target\":\"GetHistory\",\"arguments\":"
		"[\"%s\",%llu,%u]}\x1e",
		(unsigned long long)number, room, (unsigned long long)before, limit);
	send_frame(conn, WS_TEXT, bytes_of(text, (size_t)len));
}

/* ---- what is received ---- */

static uint64_t count_text(struct bytes in, const char *text, size_t text_len)
{
	const char *at = in.ptr, *end = in.ptr + in.len;
	uint64_t count = 0;

	while ((at = memmem(at, (size_t)(end - at), text, text_len)) != NULL) {
		count++;
		at += text_len;
	}
	return count;
}

static void look(struct bytes payload, size_t header, struct bench_seen *seen)
{
	if (bytes_eq(payload, BYTES_LIT("{}\x1e"))) {
		seen->handshakes++;
		return;
	}
	if (bytes_eq(payload, BYTES_LIT("{\"type\":6}\x1e"))) {
		seen->pings++;
		return;
	}
	uint64_t messages = count_text(payload, "\"ReceiveMessage\"", 16);
	uint64_t completions = count_text(payload, "\"type\":3,", 9);

	if (completions > 0 && memmem(payload.ptr, payload.len, "\"error\"", 7) != NULL) {
		bench_fail("the server says: %.*s", (int)payload.len, payload.ptr);
	}
	if (messages == 1 && completions == 0) {
		seen->message_frames++;
		seen->message_frame_bytes += header + payload.len;
	}
	if (messages == 0 && completions > 0) {
		seen->completion_bytes += payload.len;
	}
	seen->messages += messages;
	seen->completions += completions;
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
static void look_frame(struct bench_conn *conn, uint8_t first, size_t header, struct bytes payload,
	struct bench_seen *seen)
{
	bool last = (first & 0x80) != 0;
	enum ws_opcode opcode = first & 0x0f;

	if (opcode == WS_CLOSE) {
		bench_fail("the server closes the connection");
	}
	if (last && opcode != WS_CONTINUATION) {
		look(payload, header, seen);
		return;
	}
	buf_append_bytes(&conn->fragments, payload);
	if (last) {
		look(buf_bytes(&conn->fragments), header, seen);
		buf_finish(&conn->fragments);
	}
}

/* Answers how many bytes are done with. */
static size_t look_frames(struct bench_conn *conn, struct bytes in, struct bench_seen *seen)
{
	struct bytes left = in;
	uint64_t len;
	size_t header;

	while ((header = frame_header(left, &len)) != 0 && left.len - header >= len) {
		struct bytes payload = bytes_of(left.ptr + header, (size_t)len);
		look_frame(conn, (uint8_t)left.ptr[0], header, payload, seen);
		left = bytes_of(left.ptr + header + len, left.len - header - (size_t)len);
	}
	return in.len - left.len;
}

bool bench_conn_read(struct bench_conn *conn, struct bench_seen *seen)
{
	static _Thread_local char buffer[READ_SIZE];
	size_t have = conn->rest.len;

	if (have >= sizeof(buffer)) {
		bench_fail("a frame of more than %zu bytes", sizeof(buffer));
	}
	if (have > 0) {
		memcpy(buffer, conn->rest.data, have);
		buf_clear(&conn->rest);
	}
	ssize_t got = recv(conn->fd, buffer + have, sizeof(buffer) - have, 0);
	bool nothing = got < 0 && (errno == EAGAIN || errno == EINTR);
	if (got <= 0 && !nothing) {
		bench_fail("the connection ended: %s", got == 0 ? "closed" : strerror(errno));
	}
	have += nothing ? 0 : (size_t)got;
	size_t done = look_frames(conn, bytes_of(buffer, have), seen);
	if (done < have) {
		buf_append(&conn->rest, buffer + done, have - done);
	}
	return !nothing;
}

/* ---- opening and closing ---- */

static void start(const struct bench_target *target, struct bench_conn *conn)
{
	buf_init(&conn->rest);
	buf_init(&conn->fragments);
	conn->fd = bench_connect(target);
}

/* The server says nothing more before it has the handshake. */
static void await_upgrade(const struct bench_conn *conn)
{
	char head[2048];
	size_t have = 0;

	while (have < 4 || memcmp(head + have - 4, "\r\n\r\n", 4) != 0) {
		ssize_t got = recv(conn->fd, head + have, sizeof(head) - have, 0);
		if (got <= 0) {
			bench_fail("no answer to the upgrade: %s",
				got == 0 ? "the connection ended" : strerror(errno));
		}
		have += (size_t)got;
	}
	if (!bytes_starts(bytes_of(head, have), BYTES_LIT("HTTP/1.1 101 "))) {
		bench_fail("the upgrade is refused: %.*s", (int)have, head);
	}
}

void bench_conn_await(struct bench_conn *conn, struct bench_seen *seen)
{
	struct pollfd wait = {.fd = conn->fd, .events = POLLIN};

	if (poll(&wait, 1, BENCH_TIMEOUT_S * 1000) == 0) {
		bench_fail("no answer in %d s", BENCH_TIMEOUT_S);
	}
	bench_conn_read(conn, seen);
}

/* Reads until *count, which is in *seen, is no longer 0. */
static void await(struct bench_conn *conn, struct bench_seen *seen, const uint64_t *count)
{
	while (*count == 0) {
		bench_conn_await(conn, seen);
	}
}

static void send_upgrade(const struct bench_target *target, const struct bench_conn *conn,
	size_t user, uint64_t token_number)
{
	struct buf request;

	buf_init(&request);
	buf_append_str(&request,
		"GET /chathub HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ");
	bench_token(target, user, token_number, &request);
	buf_append_str(&request, "\r\n\r\n");
	send_all(conn, buf_bytes(&request));
	buf_finish(&request);
}

void bench_conn_join(const struct bench_target *target, struct bench_conn *conn, size_t room)
{
	char name[BENCH_ROOM_SIZE], text[FRAME_SIZE / 2];

	bench_room_name(target, room, name);
	int len = snprintf(text, sizeof(text),
		"{\"type\":1,\"invocationId\":\"join\",\"target\":\"JoinRoom\",\"arguments\":"
		"[\"%s\"]}\x1e",
		name);
	send_frame(conn, WS_TEXT, bytes_of(text, (size_t)len));
}

/* Each step is sent on all before the first answer is awaited, so that a server that commits
 * several joins at once can. */
static void open_some(const struct bench_target *target, struct bench_conn *conns, size_t first,
	size_t count, size_t rooms, uint64_t token_number)
{
	for (size_t i = first; i < first + count; i++) {
		start(target, &conns[i]);
		send_upgrade(target, &conns[i], i, token_number);
	}
	for (size_t i = first; i < first + count; i++) {
		await_upgrade(&conns[i]);
		send_frame(
			&conns[i], WS_TEXT, BYTES_LIT("{\"protocol\":\"json\",\"version\":1}\x1e"));
	}
	for (size_t i = first; i < first + count; i++) {
		struct bench_seen seen = {0};
		await(&conns[i], &seen, &seen.handshakes);
		if (rooms != 0) {
			bench_conn_join(target, &conns[i], i % rooms);
		}
	}
	for (size_t i = first; i < first + count; i++) {
		struct bench_seen seen = {0};
		if (rooms != 0) {
			await(&conns[i], &seen, &seen.completions);
		}
		if (fcntl(conns[i].fd, F_SETFL, O_NONBLOCK) != 0) {
			bench_fail("fcntl: %s", strerror(errno));
		}
	}
}

void bench_conn_open(const struct bench_target *target, struct bench_conn *conns, size_t first,
	size_t count, size_t rooms, uint64_t token_number)
{
	for (size_t done = 0; done < count; done += OPEN_TOGETHER) {
		size_t some = count - done < OPEN_TOGETHER ? count - done : OPEN_TOGETHER;
		open_some(target, conns, first + done, some, rooms, token_number);
	}
}

void bench_conn_close(struct bench_conn *conn)
{
	static const char normal[2] = {3, (char)0xe8}; /* 1000, RFC 6455 section 7.4.1 */
	struct pollfd wait = {.fd = conn->fd, .events = POLLIN};
	char buffer[4096];

	send_frame(conn, WS_CLOSE, bytes_of(normal, sizeof(normal)));
	for (;;) {
		ssize_t got = recv(conn->fd, buffer, sizeof(buffer), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			break;
		}
		if (got < 0 && poll(&wait, 1, BENCH_TIMEOUT_S * 1000) == 0) {
			bench_fail("the server does not end the connection");
		}
	}
	close(conn->fd);
	conn->fd = -1;
	buf_finish(&conn->rest);
	buf_finish(&conn->fragments);
}
