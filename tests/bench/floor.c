/* The least that a chat server can do, as the yardstick of the benchmark: one epoll thread, one
 * prebuilt frame, one write per receiver; no parsing, no authentication, no storage. With --gather
 * all messages of one turn of the loop are one write per receiver; with --ping everyone gets a
 * SignalR ping so often. It prints "ready port=N".
 *
 *     floor [--bytes N] [--gather] [--ping SECONDS]
 *
 * It answers the upgrade, the handshake and JoinRoom as a hub would; a frame that contains
 * "SendMessage" goes to the room that its sender joined last. A client that does not keep up ends
 * the program, because a floor has no queues. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/wire/ws.h"
#include "tests/bench/bench_proc.h"

#define EVENTS 512
#define INPUT_SIZE 2048
#define GATHER_MAX 256 /* frames in one write; one more turn of the loop does the rest */
#define CLOSE_FRAME BYTES_LIT("\x88\x02\x03\xe8")
#define PING_FRAME BYTES_LIT("\x81\x0b{\"type\":6}\x1e")

struct floor_room {
	struct map_node node; /* in floor.rooms, by name */
	struct buf name;
	struct floor_conn **members;
	size_t count, cap;
	size_t pending; /* messages not yet delivered */
	struct floor_room *next_pending;
};

struct floor_conn {
	struct list_node node; /* in floor.conns */
	int fd;
	bool upgraded, greeted;
	struct floor_room *room; /* NULL before JoinRoom */
	size_t place; /* in room->members */
	struct buf completions; /* to go with the next delivery */
	size_t have;
	char input[INPUT_SIZE];
};

struct floor {
	int epoll, listener;
	bool gather;
	int ping_s; /* seconds from one ping to the next; 0: none */
	double ping_due;
	struct list conns;
	size_t bytes; /* of one frame */
	struct buf frames; /* GATHER_MAX frames one after the other */
	struct map rooms;
	struct floor_room *pending;
};

/* ---- writing ---- */

static void write_parts(struct floor_conn *conn, struct bytes first, struct bytes second)
{
	struct iovec parts[2] = {
		{(void *)(uintptr_t)first.ptr, first.len},
		{(void *)(uintptr_t)second.ptr, second.len},
	};
	ssize_t sent = second.len == 0 ? send(conn->fd, first.ptr, first.len, MSG_NOSIGNAL)
				       : writev(conn->fd, parts, 2);

	/* One that has gone is noticed when it is read. */
	if (sent != (ssize_t)(first.len + second.len) && (sent >= 0 || errno == EAGAIN)) {
		bench_fail("a client does not keep up");
	}
}

static void append_frame(struct buf *out, struct bytes payload)
{
	char header[WS_HEADER_MAX];

	buf_append(out, header, ws_write_header(header, WS_TEXT, true, payload.len, NULL));
	buf_append_bytes(out, payload);
}

static void append_completion(struct buf *out, struct bytes invocation)
{
	struct buf text = {0};

	buf_printf(&text, "{\"type\":3,\"invocationId\":\"%.*s\",\"result\":null}\x1e",
		BYTES_ARG(invocation));
	append_frame(out, buf_bytes(&text));
	buf_finish(&text);
}

static void deliver(struct floor *floor, struct floor_room *room)
{
	struct bytes frames = bytes_of(floor->frames.data, room->pending * floor->bytes);

	for (size_t i = 0; i < room->count; i++) {
		struct floor_conn *member = room->members[i];
		write_parts(member, frames, buf_bytes(&member->completions));
		buf_clear(&member->completions);
	}
	room->pending = 0;
}

static void deliver_pending(struct floor *floor)
{
	while (floor->pending != NULL) {
		struct floor_room *room = floor->pending;
		floor->pending = room->next_pending;
		if (room->pending > 0) {
			deliver(floor, room);
		}
	}
}

static void post(struct floor *floor, struct floor_conn *conn, struct bytes invocation)
{
	struct floor_room *room = conn->room;

	append_completion(&conn->completions, invocation);
	if (room->pending++ == 0) {
		room->next_pending = floor->pending;
		floor->pending = room;
	}
	if (!floor->gather || room->pending == GATHER_MAX) {
		deliver_pending(floor);
	}
}

/* ---- rooms ---- */

static struct bytes room_key(const struct map_node *node)
{
	return buf_bytes(&((const struct floor_room *)node)->name);
}

static struct floor_room *find_room(struct floor *floor, struct bytes name)
{
	struct floor_room *room = (struct floor_room *)map_find(&floor->rooms, name);

	if (room == NULL) {
		room = mem_zalloc(sizeof(*room));
		buf_append_bytes(&room->name, name);
		map_insert(&floor->rooms, &room->node);
	}
	return room;
}

static void leave(struct floor_conn *conn)
{
	struct floor_room *room = conn->room;

	if (room != NULL) {
		room->members[conn->place] = room->members[--room->count];
		room->members[conn->place]->place = conn->place;
		conn->room = NULL;
	}
}

static void join(struct floor *floor, struct floor_conn *conn, struct bytes name)
{
	leave(conn);
	struct floor_room *room = find_room(floor, name);
	if (room->count == room->cap) {
		room->cap = room->cap == 0 ? 8 : room->cap * 2;
		room->members = mem_realloc(room->members, room->cap * sizeof(*room->members));
	}
	conn->room = room;
	conn->place = room->count;
	room->members[room->count++] = conn;
}

/* ---- reading ---- */

/* The text between what precedes it and the next quotation mark; empty where it is not there. */
static struct bytes text_after(struct bytes in, const char *before)
{
	const char *at = memmem(in.ptr, in.len, before, strlen(before));

	if (at == NULL) {
		return BYTES_NONE;
	}
	at += strlen(before);
	struct bytes rest = bytes_of(at, (size_t)(in.ptr + in.len - at));
	return bytes_split(&rest, '"');
}

static void take_frame(struct floor *floor, struct floor_conn *conn, struct bytes payload)
{
	struct buf answer = {0};

	if (!conn->greeted) {
		conn->greeted = true;
		append_frame(&answer, BYTES_LIT("{}\x1e"));
	} else if (memmem(payload.ptr, payload.len, "\"SendMessage\"", 13) != NULL) {
		if (conn->room != NULL) {
			post(floor, conn, text_after(payload, "\"invocationId\":\""));
		}
	} else if (memmem(payload.ptr, payload.len, "\"JoinRoom\"", 10) != NULL) {
		join(floor, conn, text_after(payload, "\"arguments\":[\""));
		append_completion(&answer, text_after(payload, "\"invocationId\":\""));
	}
	if (answer.len > 0) {
		write_parts(conn, buf_bytes(&answer), BYTES_NONE);
	}
	buf_finish(&answer);
}

/* Answers the bytes of one whole frame, 0 while there is none. Frames of up to 64 KiB, as clients
 * send them: masked (RFC 6455 section 5.2). */
static size_t next_frame(char *in, size_t len, struct bytes *ret_payload)
{
	size_t header = 6, payload;

	if (len < header) {
		return 0;
	}
	payload = (uint8_t)in[1] & 0x7f;
	if (payload == 126) {
		header = 8;
		payload = (size_t)(uint8_t)in[2] << 8 | (uint8_t)in[3];
	}
	if (len < header + payload) {
		return 0;
	}
	ws_mask(in + header, payload, (const uint8_t *)in + header - 4, 0);
	*ret_payload = bytes_of(in + header, payload);
	return header + payload;
}

/* Answers the bytes of the whole request, 0 while it is not complete. */
static size_t upgrade(struct floor_conn *conn)
{
	static const char key_name[] = "Sec-WebSocket-Key: ";
	char accept[WS_ACCEPT_SIZE];
	struct buf answer = {0};

	const char *end = memmem(conn->input, conn->have, "\r\n\r\n", 4);
	if (end == NULL) {
		return 0;
	}
	const char *key = memmem(conn->input, conn->have, key_name, sizeof(key_name) - 1);
	if (key == NULL || end - key < (ptrdiff_t)(sizeof(key_name) + WS_KEY_SIZE - 2)) {
		bench_fail("a request that is no upgrade");
	}
	ws_accept_key(bytes_of(key + sizeof(key_name) - 1, WS_KEY_SIZE - 1), accept);
	buf_printf(&answer,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		accept);
	write_parts(conn, buf_bytes(&answer), BYTES_NONE);
	buf_finish(&answer);
	conn->upgraded = true;
	return (size_t)(end + 4 - conn->input);
}

/* False: the client has closed. */
static bool take_input(struct floor *floor, struct floor_conn *conn)
{
	size_t done = conn->upgraded ? 0 : upgrade(conn), used;
	struct bytes payload;

	while (conn->upgraded &&
		(used = next_frame(conn->input + done, conn->have - done, &payload)) > 0) {
		if ((conn->input[done] & 0x0f) == WS_CLOSE) {
			write_parts(conn, CLOSE_FRAME, BYTES_NONE);
			return false;
		}
		take_frame(floor, conn, payload);
		done += used;
	}
	conn->have -= done;
	memmove(conn->input, conn->input + done, conn->have);
	return true;
}

static void conn_destroy(struct floor_conn **conn)
{
	leave(*conn);
	list_remove(&(*conn)->node);
	close((*conn)->fd);
	buf_finish(&(*conn)->completions);
	free(*conn);
	*conn = NULL;
}

static void readable(struct floor *floor, struct floor_conn *conn)
{
	size_t room = sizeof(conn->input) - conn->have;

	if (room == 0) {
		bench_fail("a frame of more than %zu bytes", sizeof(conn->input));
	}
	ssize_t got = recv(conn->fd, conn->input + conn->have, room, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got > 0) {
		conn->have += (size_t)got;
	}
	if (got <= 0 || !take_input(floor, conn)) {
		conn_destroy(&conn);
	}
}

/* ---- the loop ---- */

static void watch(struct floor *floor, int fd, struct floor_conn *conn)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	if (epoll_ctl(floor->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		bench_fail("epoll_ctl: %s", strerror(errno));
	}
}

static void accept_all(struct floor *floor)
{
	int one = 1, fd;

	while ((fd = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct floor_conn *conn = mem_zalloc(sizeof(*conn));
		conn->fd = fd;
		list_append(&floor->conns, &conn->node);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(floor, fd, conn);
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		bench_fail("accept: %s", strerror(errno));
	}
}

static void ping_all(struct floor *floor)
{
	LIST_FOREACH (&floor->conns, node) {
		struct floor_conn *conn = CONTAINER_OF(node, struct floor_conn, node);
		if (conn->greeted) {
			write_parts(conn, PING_FRAME, BYTES_NONE);
		}
	}
}

/* Answers how many milliseconds there are until the next one is due, -1 where none will be. */
static int ping_if_due(struct floor *floor)
{
	if (floor->ping_s == 0) {
		return -1;
	}
	double now = bench_now();
	if (now >= floor->ping_due) {
		floor->ping_due = now + floor->ping_s;
		ping_all(floor);
	}
	return (int)((floor->ping_due - now) * 1e3) + 1;
}

static void run(struct floor *floor)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(floor->epoll, events, EVENTS, ping_if_due(floor));
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL) {
				accept_all(floor);
			} else {
				readable(floor, (struct floor_conn *)events[i].data.ptr);
			}
		}
		deliver_pending(floor);
	}
}

static void listen_on_free_port(struct floor *floor)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	floor->epoll = epoll_create1(EPOLL_CLOEXEC);
	floor->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(floor->listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(floor->listener, SOMAXCONN) != 0 ||
		getsockname(floor->listener, (struct sockaddr *)&address, &len) != 0) {
		bench_fail("listening: %s", strerror(errno));
	}
	watch(floor, floor->listener, NULL);
	printf("ready port=%u\n", ntohs(address.sin_port));
	fflush(stdout);
}

/* As many bytes as asked for, from the header to the record separator. */
static void build_frames(struct floor *floor)
{
	static const char before[] = "{\"type\":1,\"target\":\"ReceiveMessage\",\"arguments\":[\"";
	static const char after[] = "\"]}\x1e";
	size_t fixed = sizeof(before) + sizeof(after) - 2;
	size_t payload = floor->bytes - (floor->bytes < 128 ? 2 : 4);
	struct buf text = {0};

	buf_append_str(&text, before);
	for (size_t i = fixed; i < payload; i++) {
		buf_append_char(&text, 'x');
	}
	buf_append_str(&text, after);
	for (size_t i = 0; i < GATHER_MAX; i++) {
		append_frame(&floor->frames, buf_bytes(&text));
	}
	floor->bytes = floor->frames.len / GATHER_MAX;
	buf_finish(&text);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"bytes", required_argument, NULL, 'b'},
		{"gather", no_argument, NULL, 'g'},
		{"ping", required_argument, NULL, 'p'},
		{0},
	};
	struct floor floor = {.bytes = 300};
	struct rlimit files;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'g') {
			floor.gather = true;
		} else if (option == 'b') {
			floor.bytes = strtoul(optarg, NULL, 10);
		} else if (option == 'p') {
			floor.ping_s = atoi(optarg);
		}
		if (option == '?' || floor.bytes < 80 || floor.bytes > 4096 || floor.ping_s < 0) {
			fputs("usage: floor [--bytes 80..4096] [--gather] [--ping SECONDS]\n",
				stderr);
			return 2;
		}
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	map_init(&floor.rooms, room_key);
	list_init(&floor.conns);
	build_frames(&floor);
	listen_on_free_port(&floor);
	run(&floor);
}
