/* What operations may ask of the process as a whole. Implemented in chatd/run. All functions may be
 * called on the main thread only, where the control door's operations run. */
#ifndef CHATD_OP_SERVER_CONTROL_H
#define CHATD_OP_SERVER_CONTROL_H

#include <stddef.h>
#include <stdint.h>

struct conf;
struct services;

/* Runs on each worker; fills its slot (zeroed before). */
typedef void (*gather_collect_fn)(struct services *sv, void *slot);
/* Runs once on the main thread. slots: one after the other, slot_size bytes each, worker_count + 1
 * of them (the main thread's last). answered < total: the deadline came first; the slots of the
 * silent are zero. */
typedef void (*gather_done_fn)(void *ctx, const void *slots, unsigned answered, unsigned total);

struct server_control {
	void *server;
	/* The only way to ask all workers. deadline_us from now. Never refuses. */
	void (*gather)(void *server, gather_collect_fn collect, size_t slot_size,
		uint64_t deadline_us, gather_done_fn done, void *ctx);
	/* Begins to drain; answers at once. */
	void (*stop)(void *server);
	/* Whether clients are served: false before the start is complete and while draining. */
	int (*ready)(void *server);
	/* Addresses listened on, separated by commas; valid until the next call. */
	const char *(*listening)(void *server);
	uint64_t (*uptime_us)(void *server);
};

#endif
