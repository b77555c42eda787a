/* Client connections of the benchmark: as little work as possible between the socket and a count,
 * so that the client's core keeps up with the server's. They speak JSON over WebSockets. */
#ifndef TESTS_BENCH_BENCH_CONN_H
#define TESTS_BENCH_BENCH_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "tests/bench/bench_target.h"

struct bench_conn {
	int fd; /* -1 while closed */
	struct buf rest; /* the front of a frame whose end has not come */
	struct buf fragments; /* of a message whose last frame has not come */
};

/* What came in one or more reads. */
struct bench_seen {
	uint64_t messages; /* ReceiveMessage */
	uint64_t message_frames; /* frames that hold nothing else than one of them */
	uint64_t message_frame_bytes; /* of those, with their headers */
	uint64_t completions;
	uint64_t completion_bytes; /* of payloads with nothing but completions */
	uint64_t handshakes; /* that succeeded */
	uint64_t pings; /* of SignalR */
};

/* Opens connections first to first + count - 1 of the array, those of the users of the same number,
 * many at a time: upgrade, handshake and, where rooms is not 0, JoinRoom of room number modulo
 * rooms. token_number makes each token another one. They are non-blocking afterwards. Ends the
 * program if one fails. */
void bench_conn_open(const struct bench_target *target, struct bench_conn *conns, size_t first,
	size_t count, size_t rooms, uint64_t token_number);

/* Sends JoinRoom, whatever the room's number. */
void bench_conn_join(const struct bench_target *target, struct bench_conn *conn, size_t room);

/* Waits for something and reads it. Ends the program where nothing comes. */
void bench_conn_await(struct bench_conn *conn, struct bench_seen *seen);

/* Sends a Close frame, waits for the peer to end the connection, and closes it. */
void bench_conn_close(struct bench_conn *conn);

/* Sends SendMessage with a content of 41 bytes; number becomes its invocationId. Ends the program
 * if the socket does not take it at once. */
void bench_conn_send(struct bench_conn *conn, const char *room, uint64_t number);

/* Sends GetHistory: the page of so many messages before a number. Else as bench_conn_send(). */
void bench_conn_history(struct bench_conn *conn, const char *room, uint64_t before, unsigned limit,
	uint64_t number);

/* Reads once what is there (a blocking socket: waits for it) and adds to *seen. False: nothing was
 * there. Ends the program if the connection has ended or the server reported an error. */
bool bench_conn_read(struct bench_conn *conn, struct bench_seen *seen);

#endif
