/* One worker: a thread with a loop and everything that lives on it. The main thread has one too,
 * without clients. */
#ifndef CHATD_RUN_WORKER_H
#define CHATD_RUN_WORKER_H

#include <pthread.h>

#include "chatd/op/services.h"
#include "lib/metrics/metrics.h"

struct worker {
	struct services sv;
	struct store *store; /* the whole one; sv.store is this thread's part */
	struct metrics metrics;
	pthread_t thread;
	bool started;
	bool is_main;
};

/* What all workers share; the arrays have worker_count + 1 entries and live as long as the workers.
 */
struct worker_params {
	unsigned worker, worker_count;
	struct mailbox **boxes;
	struct services **peers;
	struct bus **buses;
	struct store *store;
	struct conf *conf; /* a reference of its own is taken */
	struct jwt_verifier *verifier; /* the same */
	struct server_control *control;
	struct limits *limits;
	struct bars *bars;
	struct ask_ids *asks;
	struct codecs *codecs;
	uint64_t incarnation;
};

/* Makes loop and mailbox and enters both into the arrays; nothing runs yet. worker == worker_count:
 * the main thread's. */
struct worker *worker_create(const struct worker_params *params);
/* Makes the rest, once all workers are created. */
void worker_fill(struct worker *worker);
/* Starts the thread. 0 or ERR_SYSTEM. */
int worker_start(struct worker *worker);
/* Any thread: an accepted socket for this worker. */
void worker_adopt(struct worker *worker, int fd, const char *peer);
/* Any thread: new settings, taken over between two turns. References are taken. */
void worker_reload(struct worker *worker, struct conf *conf, struct jwt_verifier *verifier);
/* Any thread: no new connections, and those that are there are closed, spread over spread_us. */
void worker_drain(struct worker *worker, uint64_t spread_us);
/* Any thread: what is left is aborted. */
void worker_abort(struct worker *worker);
/* Any thread: the loop ends; then worker_join(). */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);
/* On the worker's thread, or after worker_join(): connections, operations and answers that are
 * still awaited. */
size_t worker_busy(const struct worker *worker);
/* After worker_join() of all and after the store was stopped: everything that is still there is cut
 * off. Then worker_settle(), and only then worker_destroy(): workers write to each other to the
 * end. */
void worker_close(struct worker *worker);
/* After worker_close() of all: lets mail that is still under way
 * arrive. */
void worker_settle(struct worker *worker);
void worker_destroy(struct worker **worker);

#endif
