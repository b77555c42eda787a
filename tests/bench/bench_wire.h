/* What the transports of the benchmark's client connections have in common; only bench_conn.c and
 * they themselves see it. */
#ifndef TESTS_BENCH_BENCH_WIRE_H
#define TESTS_BENCH_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/bench_conn.h"

struct bench_wire {
	/* Connects and sends the first request. */
	void (*start)(struct bench_conn *conn, size_t user, uint64_t token_number);
	/* Waits until the transport is there. */
	void (*await)(struct bench_conn *conn);
	/* Sends one hub message. text: whatever the encoding, it is text. */
	void (*send)(struct bench_conn *conn, bool text, struct bytes record);
	/* Takes what has been received; answers how many bytes it is done with. */
	size_t (*take)(struct bench_conn *conn, struct bytes in, struct bench_seen *seen);
	/* Frees what was only needed to open it. */
	void (*opened)(struct bench_conn *conn);
	/* Says goodbye; closing the socket is not its task. */
	void (*end)(struct bench_conn *conn);
};

extern const struct bench_wire bench_wire_websockets, bench_wire_events, bench_wire_polls;

/* Sends all of it. Ends the program where the socket does not take it at once. */
void bench_wire_write(const struct bench_conn *conn, struct bytes data);

/* Reads a response's head from a blocking socket, and not a byte more. The caller frees it. */
void bench_wire_read_head(const struct bench_conn *conn, struct buf *ret_head);

/* One or more whole records of the server. */
void bench_wire_look(struct bench_conn *conn, struct bytes payload, struct bench_seen *seen);

/* Asks for a connection over conn->calls, which it opens; and takes the answer. */
void bench_wire_negotiate(struct bench_conn *conn, size_t user, uint64_t token_number);
void bench_wire_negotiated(struct bench_conn *conn);
/* A hub message as a POST. */
void bench_wire_post(struct bench_conn *conn, bool text, struct bytes record);
void bench_wire_hang_up(struct bench_conn *conn);

#endif
