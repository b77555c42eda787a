/* What a client sends where the server can not be written to: POST requests, one at a time, each
 * with all that was queued meanwhile (TransportProtocols.md), and the DELETE that ends long
 * polling.
 */
#ifndef LIB_CLIENT_POSTER_H
#define LIB_CLIENT_POSTER_H

#include "lib/base/bytes.h"
#include "lib/client/destination.h"
#include "lib/loop/loop.h"

struct carrier;
struct http_line;

/* Embedded. */
struct poster {
	struct destination *destination; /* of its owner */
	struct carrier *carrier; /* that is told of a failure */
	struct http_line *line;
	struct loop_defer defer;
	struct buf queued;
	size_t under_way; /* bytes of the POST that waits for its answer */
};

void poster_init(struct poster *poster, struct destination *destination, struct carrier *carrier);
void poster_finish(struct poster *poster);

/* Queues bytes of the hub; what is queued in one turn goes together. Where the server does not take
 * them the carrier's end is told, from the loop. */
void poster_send(struct poster *poster, struct bytes payload);
/* Bytes that no answer has acknowledged. */
size_t poster_queued(const struct poster *poster);
/* Still sends what is queued, and then, with terminate, DELETE; nothing is heard of it. Before
 * poster_finish(). */
void poster_goodbye(struct poster *poster, bool terminate);

#endif
