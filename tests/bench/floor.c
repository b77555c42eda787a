/* The least that a chat server can do, as the yardstick of the benchmark: one epoll thread, one
 * prebuilt message, one write per receiver; no parsing, no authentication, no storage. With
 * --gather all messages of one turn of the loop are one write per receiver; with --ping everyone
 * gets a SignalR ping so often. It prints "ready port=N".
 *
 *     floor [--transport NAME] [--encoding NAME] [--bytes N] [--gather] [--ping SECONDS]
 *
 * It answers negotiation, upgrade, handshake and JoinRoom as a hub would; SendMessage goes to the
 * room that its sender joined last. --bytes is the size of a message as a record of the hub
 * protocol. A client that does not keep up ends the program, because a floor has no queues. */
#include "tests/bench/floor.h"

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

#include "tests/bench/bench_messages.h"
#include "tests/bench/bench_proc.h"

#define EVENTS 512

void floor_write(const struct floor_conn *conn, struct bytes first, struct bytes second)
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

void floor_consume(struct floor_conn *conn, size_t done)
{
	conn->have -= done;
	memmove(conn->input, conn->input + done, conn->have);
}

/* ---- connections ---- */

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
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(floor, fd, conn);
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		bench_fail("accept: %s", strerror(errno));
	}
}

static void conn_destroy(struct floor *floor, struct floor_conn **conn)
{
	floor_client_destroy(floor, &(*conn)->client);
	close((*conn)->fd);
	free(*conn);
	*conn = NULL;
}

static void readable(struct floor *floor, struct floor_conn *conn)
{
	size_t room = sizeof(conn->input) - conn->have;

	if (room == 0) {
		bench_fail("a request of more than %zu bytes", sizeof(conn->input));
	}
	ssize_t got = recv(conn->fd, conn->input + conn->have, room, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got > 0) {
		conn->have += (size_t)got;
	}
	if (got <= 0 || !floor->wire->take(floor, conn)) {
		conn_destroy(floor, &conn);
	}
}

/* ---- the loop ---- */

/* Answers how many milliseconds there are until the next one is due, -1 where none will be. */
static int ping_if_due(struct floor *floor)
{
	if (floor->ping_s == 0) {
		return -1;
	}
	double now = bench_now();
	if (now >= floor->ping_due) {
		floor->ping_due = now + floor->ping_s;
		floor_ping(floor);
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
		floor_deliver(floor);
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

static void build_messages(struct floor *floor)
{
	struct buf record = {0};

	bench_write_message(floor->encoding, floor->bytes, &record);
	for (size_t i = 0; i < FLOOR_GATHER_MAX; i++) {
		floor->wire->frame(floor, buf_bytes(&record), &floor->messages);
	}
	floor->bytes = floor->messages.len / FLOOR_GATHER_MAX;
	buf_finish(&record);
}

/* ---- options ---- */

static bool set(struct floor *floor, int option, const char *text)
{
	static const struct floor_wire *const wires[] = {
		[BENCH_WEBSOCKETS] = &floor_websockets,
		[BENCH_EVENTS] = &floor_events,
		[BENCH_POLLS] = &floor_polls,
	};
	enum bench_transport transport;

	switch (option) {
	case 't':
		if (!bench_transport_find(text, &transport)) {
			return false;
		}
		floor->wire = wires[transport];
		return true;
	case 'e':
		return bench_encoding_find(text, &floor->encoding);
	case 'b':
		floor->bytes = strtoul(text, NULL, 10);
		return floor->bytes >= 80 && floor->bytes <= 4096;
	case 'g':
		floor->gather = true;
		return true;
	case 'p':
		floor->ping_s = atoi(text);
		return floor->ping_s > 0;
	default:
		return false;
	}
}

static bool parse(struct floor *floor, int argc, char **argv)
{
	static const struct option options[] = {
		{"transport", required_argument, NULL, 't'},
		{"encoding", required_argument, NULL, 'e'},
		{"bytes", required_argument, NULL, 'b'},
		{"gather", no_argument, NULL, 'g'},
		{"ping", required_argument, NULL, 'p'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!set(floor, option, optarg)) {
			return false;
		}
	}
	return floor->wire != &floor_events || floor->encoding == BENCH_JSON;
}

int main(int argc, char **argv)
{
	struct floor floor = {.bytes = 300, .wire = &floor_websockets};
	struct rlimit files;

	if (!parse(&floor, argc, argv)) {
		fputs("usage: floor [--transport websockets|sse|longpolling]\n"
		      "             [--encoding json|messagepack] [--bytes 80..4096] [--gather]\n"
		      "             [--ping SECONDS]\n",
			stderr);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	floor_rooms_init(&floor);
	build_messages(&floor);
	listen_on_free_port(&floor);
	run(&floor);
}
