#include "tests/bench/bench_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/bench_proc.h"

#define HUB_PATH "/chathub"
#define HEAD_MAX 4096
/* So many POSTs are under way on one connection, then the next one waits. */
#define POSTS_MAX 16

void bench_wire_write(const struct bench_conn *conn, struct bytes data)
{
	ssize_t sent = send(conn->fd, data.ptr, data.len, MSG_NOSIGNAL);

	if (sent != (ssize_t)data.len) {
		bench_fail("send: %s", sent < 0 ? strerror(errno) : "the server does not keep up");
	}
}

/* What follows the head may be there already: it is looked at before it is taken. */
void bench_wire_read_head(const struct bench_conn *conn, struct buf *ret_head)
{
	const char *end = NULL;

	while (end == NULL) {
		buf_reserve(ret_head, HEAD_MAX);
		char *to = ret_head->data + ret_head->len;
		ssize_t got = recv(conn->fd, to, HEAD_MAX, MSG_PEEK);
		if (got <= 0 || ret_head->len > HEAD_MAX) {
			bench_fail("no answer: %s",
				got == 0 ? "the connection ended" : strerror(errno));
		}
		size_t before = ret_head->len;
		ret_head->len += (size_t)got;
		end = memmem(ret_head->data, ret_head->len, "\r\n\r\n", 4);
		if (end != NULL) {
			ret_head->len = (size_t)(end + 4 - ret_head->data);
		}
		got = recv(conn->fd, to, ret_head->len - before, 0);
		if (got != (ssize_t)(ret_head->len - before)) {
			bench_fail("recv: %s", strerror(errno));
		}
	}
}

void bench_wire_look(struct bench_conn *conn, struct bytes payload, struct bench_seen *seen)
{
	if (!conn->greeted) {
		bench_look_handshake(&payload, seen);
		conn->greeted = true;
	}
	if (payload.len > 0) {
		bench_look(conn->target->encoding, payload, seen);
	}
}

void bench_wire_negotiate(struct bench_conn *conn, size_t user, uint64_t token_number)
{
	bench_http_open(&conn->calls, conn->target, user, token_number);
	bench_http_send(
		&conn->calls, "POST", HUB_PATH "/negotiate?negotiateVersion=1", NULL, BYTES_NONE);
}

void bench_wire_negotiated(struct bench_conn *conn)
{
	static const char before[] = "\"connectionToken\":\"";
	struct buf body = {0};
	int status;

	while ((status = bench_http_read(&conn->calls, &body)) == 0) {
	}
	const char *at = memmem(body.data, body.len, before, sizeof(before) - 1);
	if (status != 200 || at == NULL) {
		bench_fail("negotiation is answered with %d: %.*s", status,
			BYTES_ARG(buf_bytes(&body)));
	}
	at += sizeof(before) - 1;
	struct bytes left = bytes_of(at, (size_t)(body.data + body.len - at));
	buf_append_str(&conn->path, HUB_PATH "?id=");
	buf_append_bytes(&conn->path, bytes_split(&left, '"'));
	buf_append_char(&conn->path, '\0');
	buf_finish(&body);
}

void bench_wire_post(struct bench_conn *conn, bool text, struct bytes record)
{
	bench_http_drain(&conn->calls);
	if (conn->calls.waiting >= POSTS_MAX) {
		bench_http_drain_all(&conn->calls);
	}
	bench_http_send(&conn->calls, "POST", conn->path.data,
		text ? "text/plain;charset=UTF-8" : "application/octet-stream", record);
}

void bench_wire_hang_up(struct bench_conn *conn)
{
	bench_http_hang_up(&conn->calls);
}
