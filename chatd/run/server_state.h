/* The process as a whole, for server.c, server_reload.c and server_end.c only. */
#ifndef CHATD_RUN_SERVER_STATE_H
#define CHATD_RUN_SERVER_STATE_H

#include <pthread.h>

#include "chatd/conn/codecs.h"
#include "chatd/op/server_control.h"
#include "chatd/run/logging.h"
#include "chatd/run/server.h"
#include "lib/base/bytes.h"
#include "lib/base/log.h"

enum server_state {
	SERVER_STARTING,
	SERVER_SERVING,
	SERVER_DRAINING, /* no new connections; waiting for those that are there */
	SERVER_ENDING, /* the loops are being stopped */
};

struct server {
	enum server_state state;
	const struct server_params *params;
	struct conf *conf; /* of the present start; the next one goes on with it */
	struct jwt_verifier *verifier;
	struct key_source *key_source; /* of all starts */
	struct store *store;
	struct link_trouble {
		pthread_mutex_t lock;
		struct log_rate rate;
	} link_trouble; /* of its connections */
	struct limits *limits;
	struct bars *bars;
	struct ask_ids *asks;
	struct codecs codecs;
	struct canary *canary;
	struct worker **workers; /* worker_count + 1, the main thread's last */
	struct mailbox **boxes;
	struct services **peers;
	struct bus **buses;
	unsigned worker_count, next_worker;
	struct services *main;
	struct server_control control;
	struct listener *listener; /* also while it starts anew */
	struct watch *watch; /* NULL: nobody else writes to the store */
	struct control *control_door;
	struct metrics_door *metrics_door; /* NULL: not asked for */
	struct loop_signal *signals[3];
	struct loop_timer *drain_poll;
	struct logging logging;
	uint64_t started_us, drain_until_us;
	bool aborted;
	bool again; /* it ends, to start anew on the store */
	bool waits; /* it was lost while we started on it: first it is waited for */
	struct buf listening;
};

void server_set_state(struct server *server, enum server_state state);

/* ---- server_reload.c ---- */

/* Logs the error once; answers err. */
int server_report(int err, const char *what, struct buf *why);
/* As server_control's reload. */
int server_reload(
	void *server, bool apply, setting_visit_fn visit, void *visit_ctx, struct buf *why);
/* SIGHUP. */
void server_on_hangup(void *server);
/* Other keys were fetched. */
void server_on_keys(void *server);

/* ---- server_end.c ---- */

/* Before the loop runs. */
void server_drain_prepare(struct server *server);
/* SIGTERM and its like: no new connections, those that are there are closed, then the loop ends. */
void server_drain(void *ctx);
/* The same, but who connects waits, and the loop ends to begin again: numbers started anew. */
void server_drain_anew(void *ctx);
/* Frees all of a start but the listener and the settings. */
void server_finish(struct server *server);

#endif
