/* The parts of the floor (floor.c): connections, the hub's clients behind them, and rooms. */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "tests/bench/bench_target.h"

#define FLOOR_GATHER_MAX 256 /* messages in one write; one more turn of the loop does the rest */
#define FLOOR_INPUT_SIZE 2048

struct floor;

struct floor_room {
	struct map_node node; /* in floor.rooms, by name */
	struct buf name;
	struct floor_client **members;
	size_t count, cap;
	size_t pending; /* messages not yet delivered */
	struct floor_room *next_pending;
};

/* Who is connected to the hub. */
struct floor_client {
	struct list_node node; /* in floor.clients */
	struct floor_conn *conn; /* where the server's side goes; NULL: there is none yet */
	size_t id; /* in floor.by_id */
	bool greeted; /* the handshake was answered */
	struct floor_room *room; /* NULL before JoinRoom */
	size_t place; /* in room->members */
	struct buf completions; /* framed, to go with the next delivery */
	/* Polls: */
	bool started; /* the first one was answered */
	bool parked; /* one waits for an answer */
	size_t pending; /* messages for the next one */
};

struct floor_conn {
	int fd;
	bool upgraded; /* to a WebSocket */
	struct floor_client *client; /* whose server side goes over it; else NULL */
	size_t have;
	char input[FLOOR_INPUT_SIZE];
};

/* One transport. */
struct floor_wire {
	/* A hub record as it goes over the wire, appended. */
	void (*frame)(const struct floor *floor, struct bytes record, struct buf *out);
	/* So many messages, and the completions. */
	void (*deliver)(struct floor *floor, struct floor_client *client, size_t count);
	/* What is in client->completions, without a message. */
	void (*flush)(struct floor *floor, struct floor_client *client);
	/* Takes what has been received. False: the other side has ended it. */
	bool (*take)(struct floor *floor, struct floor_conn *conn);
};

extern const struct floor_wire floor_websockets, floor_events, floor_polls;

struct floor {
	int epoll, listener;
	const struct floor_wire *wire;
	enum bench_encoding encoding;
	bool gather;
	int ping_s; /* seconds from one ping to the next; 0: none */
	double ping_due;
	struct list clients;
	struct floor_client **by_id;
	size_t ids;
	size_t bytes; /* of one framed message */
	struct buf messages; /* FLOOR_GATHER_MAX of them, one after the other */
	struct buf answer; /* polls: one message as a whole answer */
	struct map rooms;
	struct floor_room *pending;
};

/* ---- floor.c ---- */

/* Two parts in one write. A client that does not keep up ends the program. */
void floor_write(const struct floor_conn *conn, struct bytes first, struct bytes second);
/* Drops the first done bytes of the input. */
void floor_consume(struct floor_conn *conn, size_t done);

/* ---- floor_rooms.c ---- */

void floor_rooms_init(struct floor *floor);
struct floor_client *floor_client_create(struct floor *floor);
void floor_client_destroy(struct floor *floor, struct floor_client **client);
/* A whole hub record of the client: answers the handshake and JoinRoom, and posts what SendMessage
 * brings to the room that he joined last. */
void floor_record(struct floor *floor, struct floor_client *client, struct bytes record);
/* All rooms that have messages. */
void floor_deliver(struct floor *floor);
/* Everyone who has been greeted. */
void floor_ping(struct floor *floor);

/* ---- floor_http.c ---- */

/* Negotiation and POST, which events and polls have in common: takes all whole requests; get is
 * what a GET does, with its client. */
bool floor_requests(struct floor *floor, struct floor_conn *conn,
	void (*get)(struct floor *floor, struct floor_client *client));

#endif
