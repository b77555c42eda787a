/* The send queues of all hub connections of a worker together: limits.send_memory. */
#ifndef CHATD_CONN_QUEUES_H
#define CHATD_CONN_QUEUES_H

struct services;
struct queues;

struct queues *queues_create(struct services *sv);
void queues_destroy(struct queues **queues);
/* Within 10 ms: what can be written until then is not held against anybody. */
void queues_look_soon(struct queues *queues);
/* Now. Queues of connections that are closing are dropped first, then the connections with the
 * largest ones, until the rest is within the bound. */
void queues_bound(struct queues *queues);

#endif
