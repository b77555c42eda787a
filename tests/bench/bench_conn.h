/* Client connections of the benchmark: as little work as possible between the socket and a count,
 * so that the client's core keeps up with the server's. They speak what their target says: JSON or
 * MessagePack over WebSockets, server-sent events or long polling. Over events and polls calls are
 * POSTs on a second connection, which is there while there are any. */
#ifndef TESTS_BENCH_BENCH_CONN_H
#define TESTS_BENCH_BENCH_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/wire/http1_body.h"
#include "tests/bench/bench_http.h"
#include "tests/bench/bench_messages.h"
#include "tests/bench/bench_target.h"

struct bench_conn {
	const struct bench_target *target;
	int fd; /* what the server says comes here; -1 while closed */
	bool greeted; /* the handshake has been answered */
	struct buf rest; /* the front of what has not come to its end */
	struct buf parts; /* of a message that comes in several parts */
	/* Only of events and polls: */
	struct bench_http calls;
	struct buf path; /* of the hub, with the connection's token; ends with NUL */
	struct buf poll; /* a whole request */
	struct http1_body body; /* of the events */
};

/* Opens connections first to first + count - 1 of the array, those of the users of the same number,
 * many at a time: negotiation where there is one, transport, handshake and, where rooms is not 0,
 * JoinRoom of room number modulo rooms. token_number makes each token another one. They are
 * non-blocking afterwards. Ends the program if one fails. */
void bench_conn_open(const struct bench_target *target, struct bench_conn *conns, size_t first,
	size_t count, size_t rooms, uint64_t token_number);

/* Sends JoinRoom, whatever the room's number. */
void bench_conn_join(struct bench_conn *conn, size_t room);

/* Waits for something and reads it. Ends the program where nothing comes. */
void bench_conn_await(struct bench_conn *conn, struct bench_seen *seen);

/* Ends the connection as a client of its transport does (a Close frame and the server's end, the
 * end of the event stream, DELETE), and closes it. */
void bench_conn_close(struct bench_conn *conn);

/* Sends SendMessage with a content of 41 bytes; number becomes its invocationId. Ends the program
 * if the socket does not take it at once. */
void bench_conn_send(struct bench_conn *conn, const char *room, uint64_t number);

/* Sends GetHistory: the page of so many messages before a number. Else as bench_conn_send(). */
void bench_conn_history(struct bench_conn *conn, const char *room, uint64_t before, unsigned limit,
	uint64_t number);

/* Reads once what is there (a blocking socket: waits for it) and adds to *seen. False: nothing was
 * there. A poll that was answered is followed by the next one. Ends the program if the connection
 * has ended or the server reported an error. */
bool bench_conn_read(struct bench_conn *conn, struct bench_seen *seen);

#endif
