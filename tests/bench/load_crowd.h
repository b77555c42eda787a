/* Connections in rooms, waited on together: what the loads that send have in common. */
#ifndef TESTS_BENCH_LOAD_CROWD_H
#define TESTS_BENCH_LOAD_CROWD_H

#include <stddef.h>

#include "tests/bench/load.h"

struct crowd {
	const struct load *load;
	struct bench_conn *conns; /* load->connections of them */
	int epoll; /* their events carry the number in the array */
};

/* Opens all connections, each joins its room, and waits until nothing comes any more. */
void crowd_init(struct crowd *crowd, const struct load *load);
void crowd_finish(struct crowd *crowd);
/* The same, for servers that are never quiet because they ping. */
void crowd_open(struct crowd *crowd, const struct load *load);
void crowd_close(struct crowd *crowd);

/* Reads whatever comes within timeout_ms, and calls got for each connection that something came on.
 * Answers for how many it did. */
typedef void (*crowd_got_fn)(void *ctx, size_t number, const struct bench_seen *seen);
size_t crowd_turn(struct crowd *crowd, int timeout_ms, crowd_got_fn got, void *ctx);

/* The connection of that number sends one message to its room. */
void crowd_send(struct crowd *crowd, size_t number, uint64_t invocation);

#endif
