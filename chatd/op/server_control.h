/* What operations may ask of the process as a whole. Implemented in chatd/run. All functions may be
 * called on the main thread only, where the control door's operations run. */
#ifndef CHATD_OP_SERVER_CONTROL_H
#define CHATD_OP_SERVER_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct conf;
struct log_ring;
struct log_switch;
struct services;

/* A setting that differs. Texts are as they would be written, secrets are "(set)"; good until the
 * visit returns. */
struct setting_change {
	const char *key; /* section.key */
	const char *running, *configured;
	bool reloadable;
};
typedef void (*setting_visit_fn)(void *ctx, const struct setting_change *change);

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
	/* Whether it has begun to end: nothing stops that any more. */
	bool (*stopping)(void *server);
	/* Reads the settings anew and visits each that differs from what is in force; apply: what
	 * is reloadable is in force when it returns. Blocking. 0, or ERR_CONFIG (or ERR_SYSTEM)
	 * with a sentence in ret_why; then nothing has changed. */
	int (*reload)(
		void *server, bool apply, setting_visit_fn visit, void *ctx, struct buf *ret_why);
	/* Whether clients are served: false before the start is complete and while draining. */
	int (*ready)(void *server);
	/* Addresses listened on, separated by commas; valid until the next call. */
	const char *(*listening)(void *server);
	uint64_t (*uptime_us)(void *server);
	struct log_ring *log_ring; /* the last lines of the log */
	struct log_switch *log_switch; /* its level */
};

#endif
