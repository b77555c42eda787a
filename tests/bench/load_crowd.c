#include "tests/bench/load_crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/bench_proc.h"

#define EVENTS 512
#define QUIET_MS 300
#define LARGE 1000 /* members of a room */
#define JOIN_TOGETHER 100
#define QUIET_WITHIN_S 20

size_t crowd_turn(struct crowd *crowd, int timeout_ms, crowd_got_fn got, void *ctx)
{
	struct epoll_event events[EVENTS];
	size_t heard = 0;

	int count = epoll_wait(crowd->epoll, events, EVENTS, timeout_ms);
	if (count < 0 && errno != EINTR) {
		bench_fail("epoll_wait: %s", strerror(errno));
	}
	for (int i = 0; i < count; i++) {
		struct bench_seen seen = {0};
		size_t number = events[i].data.u32;
		if (bench_conn_read(&crowd->conns[number], &seen)) {
			got(ctx, number, &seen);
			heard++;
		}
	}
	return heard;
}

static void ignore(void *ctx, size_t number, const struct bench_seen *seen)
{
	(void)ctx;
	(void)number;
	(void)seen;
}

/* Everyone is told of everyone who joins. */
static void await_quiet(struct crowd *crowd)
{
	double until = bench_now() + QUIET_WITHIN_S;

	while (crowd_turn(crowd, QUIET_MS, ignore, NULL) > 0) {
		if (bench_now() > until) {
			bench_fail("something still comes %d s after the joins", QUIET_WITHIN_S);
		}
	}
}

/* Everyone becomes a member while few are there to be told of it: told each of all the others,
 * a large crowd would not be done with that for minutes. */
static void join_ahead(struct crowd *crowd)
{
	const struct load *load = crowd->load;

	for (size_t done = 0; done < load->connections; done += JOIN_TOGETHER) {
		size_t some = load->connections - done;
		some = some < JOIN_TOGETHER ? some : JOIN_TOGETHER;
		bench_conn_open(&load->target, crowd->conns, done, some, load->rooms, 0);
		for (size_t i = done; i < done + some; i++) {
			bench_conn_close(&crowd->conns[i]);
		}
	}
}

/* Of more members, not everyone can be told of everyone who joins. Who polls has no socket buffer
 * that fills while he waits for the others: the server keeps all of it, and its bounds are low. */
static size_t large(const struct load *load)
{
	return load->target.transport == BENCH_POLLS ? JOIN_TOGETHER : LARGE;
}

void crowd_open(struct crowd *crowd, const struct load *load)
{
	*crowd = (struct crowd){
		.load = load,
		.conns = mem_zalloc(load->connections * sizeof(*crowd->conns)),
		.epoll = epoll_create1(EPOLL_CLOEXEC),
	};
	if (load->rooms != 0 && load->connections / load->rooms > large(load)) {
		join_ahead(crowd);
	}
	bench_conn_open(&load->target, crowd->conns, 0, load->connections, load->rooms, 1);
	for (size_t i = 0; i < load->connections; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, crowd->conns[i].fd, &event) != 0) {
			bench_fail("epoll_ctl: %s", strerror(errno));
		}
	}
}

void crowd_init(struct crowd *crowd, const struct load *load)
{
	crowd_open(crowd, load);
	await_quiet(crowd);
}

void crowd_close(struct crowd *crowd)
{
	for (size_t i = 0; i < crowd->load->connections; i++) {
		bench_conn_close(&crowd->conns[i]);
	}
	free(crowd->conns);
	close(crowd->epoll);
}

void crowd_finish(struct crowd *crowd)
{
	await_quiet(crowd);
	crowd_close(crowd);
}

void crowd_send(struct crowd *crowd, size_t number, uint64_t invocation)
{
	char room[BENCH_ROOM_SIZE];

	bench_room_name(&crowd->load->target, number % crowd->load->rooms, room);
	bench_conn_send(&crowd->conns[number], room, invocation);
}
