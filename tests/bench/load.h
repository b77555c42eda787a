/* The kinds of load. Each runs to its end, prints one line of JSON, and ends the program if
 * anything goes wrong, for then there is no figure. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stddef.h>
#include <sys/types.h>

#include "tests/bench/bench_conn.h"

struct load {
	struct bench_target target;
	pid_t pid; /* of the server */
	size_t connections;
	size_t rooms;
	size_t in_flight; /* messages under way, each of another connection */
	double rate; /* messages per second */
	double seconds; /* measured, after half a second of warming up */
};

/* The first in_flight connections each send their next message when the last one is acknowledged;
 * connection number i is in room i modulo rooms. CPU per delivery and per send. */
void load_messages(const struct load *load);

/* One connection sends at the given rate; how long after its appointed time each message is at each
 * member. */
void load_rate(const struct load *load);

/* Every user connects once; then CPU per upgrade, token that was not seen before, handshake and
 * close when they do it again. */
void load_connect(const struct load *load);

/* Anonymous memory of the server per connection that does nothing. */
void load_idle(const struct load *load);

#endif
