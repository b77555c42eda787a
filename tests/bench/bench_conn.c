#include "tests/bench/bench_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench_proc.h"
#include "tests/bench/bench_wire.h"

#define OPEN_TOGETHER 100
#define READ_SIZE (4 * 1024 * 1024)

static const struct bench_wire *wire_of(const struct bench_conn *conn)
{
	static const struct bench_wire *const wires[] = {
		[BENCH_WEBSOCKETS] = &bench_wire_websockets,
		[BENCH_EVENTS] = &bench_wire_events,
		[BENCH_POLLS] = &bench_wire_polls,
	};

	return wires[conn->target->transport];
}

/* ---- what is sent ---- */

static void call(struct bench_conn *conn, const char *invocation, const char *target,
	const struct bench_argument *arguments, size_t count)
{
	static _Thread_local struct buf record;

	buf_clear(&record);
	bench_write_call(
		conn->target->encoding, bytes_str(invocation), target, arguments, count, &record);
	wire_of(conn)->send(conn, conn->target->encoding == BENCH_JSON, buf_bytes(&record));
}

static void call_numbered(struct bench_conn *conn, uint64_t number, const char *target,
	const struct bench_argument *arguments, size_t count)
{
	char invocation[24];

	snprintf(invocation, sizeof(invocation), "%llu", (unsigned long long)number);
	call(conn, invocation, target, arguments, count);
}

void bench_conn_send(struct bench_conn *conn, const char *room, uint64_t number)
{
	const struct bench_argument arguments[] = {
		{.text = room},
		{.text = "hello hello hello hello hello hello hello"},
	};

	call_numbered(conn, number, "SendMessage", arguments, 2);
}

void bench_conn_history(
	struct bench_conn *conn, const char *room, uint64_t before, unsigned limit, uint64_t number)
{
	const struct bench_argument arguments[] = {
		{.text = room},
		{.number = before},
		{.number = limit},
	};

	call_numbered(conn, number, "GetHistory", arguments, 3);
}

void bench_conn_join(struct bench_conn *conn, size_t room)
{
	char name[BENCH_ROOM_SIZE];
	const struct bench_argument argument = {.text = name};

	bench_room_name(conn->target, room, name);
	call(conn, "join", "JoinRoom", &argument, 1);
}

/* ---- what is received ---- */

bool bench_conn_read(struct bench_conn *conn, struct bench_seen *seen)
{
	static _Thread_local char buffer[READ_SIZE];
	size_t have = conn->rest.len;

	if (have >= sizeof(buffer)) {
		bench_fail("a message of more than %zu bytes", sizeof(buffer));
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
	size_t done = nothing ? 0 : wire_of(conn)->take(conn, bytes_of(buffer, have), seen);
	if (done < have) {
		buf_append(&conn->rest, buffer + done, have - done);
	}
	seen->reads += nothing ? 0 : 1;
	return !nothing;
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

/* ---- opening and closing ---- */

/* Each step is sent on all before the first answer is awaited, so that a server that commits
 * several joins at once can. */
static void open_some(const struct bench_target *target, struct bench_conn *conns, size_t first,
	size_t count, size_t rooms, uint64_t token_number)
{
	for (size_t i = first; i < first + count; i++) {
		conns[i] = (struct bench_conn){.target = target, .fd = -1, .calls = {.fd = -1}};
		wire_of(&conns[i])->start(&conns[i], i, token_number);
	}
	for (size_t i = first; i < first + count; i++) {
		wire_of(&conns[i])->await(&conns[i]);
		wire_of(&conns[i])->send(&conns[i], true, bench_handshake(target->encoding));
	}
	for (size_t i = first; i < first + count; i++) {
		struct bench_seen seen = {0};
		await(&conns[i], &seen, &seen.handshakes);
		if (rooms != 0) {
			bench_conn_join(&conns[i], i % rooms);
		}
	}
	for (size_t i = first; i < first + count; i++) {
		struct bench_seen seen = {0};
		if (rooms != 0) {
			await(&conns[i], &seen, &seen.completions);
		}
		wire_of(&conns[i])->opened(&conns[i]);
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
	wire_of(conn)->end(conn);
	close(conn->fd);
	conn->fd = -1;
	bench_http_close(&conn->calls);
	buf_finish(&conn->rest);
	buf_finish(&conn->parts);
	buf_finish(&conn->path);
	buf_finish(&conn->poll);
}
