/* The kinds of load. Each runs to its end, prints one line of JSON, and ends the program if
 * anything goes wrong, for then there is no figure. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/bench/bench_conn.h"

struct load {
	struct bench_target target;
	pid_t pid; /* of the server */
	size_t connections;
	size_t rooms; /* in all; where one says so, of each user */
	size_t in_flight; /* messages under way, each of another connection */
	double rate; /* messages per second */
	double seconds; /* measured, after half a second of warming up */
	size_t runs; /* of a command */
	size_t messages; /* that each connection sends beforehand */
	bool rotate, lockstep; /* see load_messages() */
	const char *allocations; /* file of tests/bench/alloc_count.c; NULL: they are not counted */
	char **command; /* NULL: none was given */
};

/* The first in_flight connections each send their next message when the last one is acknowledged;
 * connection number i is in room i modulo rooms. rotate: the next message is of the next
 * connection, so that all of them send by turns. lockstep: there is one room and one message in
 * flight, and the next one is sent when everyone has got it, so that each poll brings one. CPU per
 * delivery and per send; allocations per send where they are counted. */
void load_messages(const struct load *load);

/* One connection sends at the given rate; how long after its appointed time each message is at each
 * member. */
void load_rate(const struct load *load);

/* Every user connects once and joins so many rooms of ten members; then CPU per upgrade, token that
 * was not seen before, handshake and close when they do it again. */
void load_connect(const struct load *load);

/* Anonymous memory of the server per connection that does nothing, in a room where there are any.
 */
void load_idle(const struct load *load);

/* As many negotiations as there are connections, none of which comes to anything. CPU per
 * negotiation, and by how much the server's anonymous memory has grown. */
void load_negotiate(const struct load *load);

/* CPU per ping to connections that do nothing else. */
void load_ping(const struct load *load);

/* CPU per REST call over connections that are kept alive, each of another user: creating a room,
 * listing the caller's rooms, of which he has so many, and posting a message to a room. */
void load_rest_create(const struct load *load);
void load_rest_list(const struct load *load);
void load_rest_post(const struct load *load);

/* Each connection fills its room, then asks for a page of 50 messages before any number, again and
 * again. CPU per page. */
void load_history(const struct load *load);

/* Milliseconds from the start to the end of a command, the median of so many runs. */
void load_command(const struct load *load);

#endif
