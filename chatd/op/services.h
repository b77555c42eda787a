/* What an operation, and every part below the doors, may use on its worker. One per worker, filled
 * by chatd/run/worker.c, constant after the start but for conf and verifier, which a reload swaps
 * between two turns of the loop. */
#ifndef CHATD_OP_SERVICES_H
#define CHATD_OP_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/ident.h"
#include "lib/base/log.h"
#include "lib/loop/mailbox.h"

struct ask_ids;
struct bars;
struct bus;
struct canary;
struct claims;
struct codecs;
struct conf;
struct conns;
struct homes;
struct http_server;
struct jwt_verifier;
struct limits;
struct longpoll_pool;
struct metrics;
struct op_list;
struct principal_cache;
struct rest;
struct rooms;
struct server_control;
struct store;
struct stream_pool;
struct ws_pool;

struct services {
	unsigned worker; /* own number; the main thread's is worker_count */
	unsigned worker_count; /* those with clients */
	struct mailbox **boxes; /* of all workers, the main thread's last: worker_count + 1 */
	/* The services of all workers, for addressing what is theirs by mail: their fields belong
	 * to their own threads. */
	struct services *const *peers;
	struct loop *loop;
	const struct clock *clock;
	struct store *store;
	struct stream_pool *streams;
	struct metrics *metrics;
	struct limits *limits; /* one for the process: chatd/op/limits.h asks it */
	struct bus *bus;
	struct homes *homes; /* NULL on the main thread: no room lives there */
	struct rooms *rooms; /* NULL on the main thread */
	struct conns *conns; /* NULL on the main thread */
	struct claims *claims; /* NULL on the main thread */
	struct ws_pool *sockets; /* NULL on the main thread */
	struct longpoll_pool *polls; /* NULL on the main thread */
	struct http_server *http; /* NULL on the main thread */
	struct codecs *codecs; /* of the process: chatd/conn/codecs.h */
	struct rest *rest; /* NULL on the main thread: what the REST door keeps */
	struct op_list *ops;
	struct principal_cache *principals;
	struct canary *canary; /* of the process: asks the node as a client would */
	struct bars *bars; /* of the process: who is kept out */
	struct ask_ids *asks; /* of the process: questions to clients, chatd/hub/ask_ids.h */
	struct server_control
		*control; /* what the whole process is asked for: op/server_control.h */
	uint64_t incarnation; /* of this process: in its connection tokens */
	/* Swapped by a reload: never kept over OP_WAIT. */
	struct conf *conf;
	struct jwt_verifier *verifier;
	struct log_rate refused; /* door_log_refused()'s own */
	bool draining; /* no new connections; those that are there are being closed */
};

/* The mailbox of this worker. */
static inline struct mailbox *services_mailbox(const struct services *sv)
{
	return sv->boxes[sv->worker];
}

/* The home worker of a room: where its order is made. */
unsigned services_home_of(const struct services *sv, const struct uuid *room);

#endif
