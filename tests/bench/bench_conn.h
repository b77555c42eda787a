/* Client connections of the benchmark: as little work as possible between the socket and a count,
 * so that the client's core keeps up with the server's. They speak JSON over WebSockets. */
#ifndef TESTS_BENCH_BENCH_CONN_H
#define TESTS_BENCH_BENCH_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

/* Users and rooms are named after it: "NAME-3" in room "NAME-room-1". */
struct bench_target {
	uint16_t port; /* on 127.0.0.1 */
	const char *secret; /* tokens are signed with it (HS256) */
	const char *name;
};

struct bench_conn {
	int fd; /* -1 while closed */
	struct buf rest; /* the front of a frame whose end has not come */
};

/* What came in one or more reads. */
struct bench_seen {
	uint64_t messages; /* ReceiveMessage */
	uint64_t message_frames; /* frames that hold nothing else than one of them */
	uint64_t message_frame_bytes; /* of those, with their headers */
	uint64_t completions;
	uint64_t handshakes; /* that succeeded */
};

/* Opens connections first to first + count - 1 of the array, those of the users of the same number,
 * many at a time: upgrade, handshake and, where rooms is not 0, JoinRoom of room number modulo
 * rooms. token_number makes each token another one. They are non-blocking afterwards. Ends the
 * program if one fails. */
void bench_conn_open(const struct bench_target *target, struct bench_conn *conns, size_t first,
	size_t count, size_t rooms, uint64_t token_number);

/* Sends a Close frame, waits for the peer to end the connection, and closes it. */
void bench_conn_close(struct bench_conn *conn);

/* Sends SendMessage with a content of 41 bytes; number becomes its invocationId. Ends the program
 * if the socket does not take it at once. */
void bench_conn_send(struct bench_conn *conn, const char *room, uint64_t number);

/* Reads once what is there (a blocking socket: waits for it) and adds to *seen. False: nothing was
 * there. Ends the program if the connection has ended or the server reported an error. */
bool bench_conn_read(struct bench_conn *conn, struct bench_seen *seen);

/* The name of a room of the target. */
#define BENCH_ROOM_SIZE 64
void bench_room_name(const struct bench_target *target, size_t room, char out[BENCH_ROOM_SIZE]);

#endif
