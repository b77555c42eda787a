/* How the process ends, or begins again: draining, then taking apart. */
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "chatd/auth/bars.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/limits.h"
#include "chatd/control/control.h"
#include "chatd/hub/ask_ids.h"
#include "chatd/net/listener.h"
#include "chatd/op/canary.h"
#include "chatd/run/gather.h"
#include "chatd/run/key_source.h"
#include "chatd/run/metrics_door.h"
#include "chatd/run/server_state.h"
#include "chatd/run/watch.h"
#include "chatd/run/worker.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/store/store.h"

/* While draining, the workers are asked so often what is left. */
#define DRAIN_POLL_US 20000
/* An operator who reads nothing for so long is not waited for then. */
#define STALLED_US 2000000
/* What goes on where numbers start anew is of the past: a catching up that waits for numbers which
 * are gone, a send of unknown fate. It is given so long, besides what the closing is spread over.
 */
#define ANEW_US 500000
/* What was cut off has so long to notice. */
#define ABORT_US 2000000
#define ABORT_ANEW_US 200000

void server_set_state(struct server *server, enum server_state state)
{
	static const char *const names[] = {"starting", "serving", "draining", "ending"};
	log_event(LOG_DEBUG, "server state", LOG_STR("from", names[server->state]),
		LOG_STR("to", names[state]));
	server->state = state;
}

/* ---- draining ---- */

static void collect_busy(struct services *sv, void *slot)
{
	*(uint64_t *)slot = worker_busy(CONTAINER_OF(sv, struct worker, sv));
}

static void server_end(struct server *server)
{
	server_set_state(server, SERVER_ENDING);
	loop_stop(server->main->loop);
}

static void on_busy(void *ctx, const void *slots, unsigned answered, unsigned total)
{
	struct server *server = ctx;
	const uint64_t *busy = slots;
	uint64_t left = 0;
	for (unsigned i = 0; i < total; i++) {
		left += busy[i];
	}
	bool late = loop_now_us(server->main->loop) >= server->drain_until_us;
	if (left == 0 && answered == total) {
		server_end(server);
		return;
	}
	if (late && !server->aborted) {
		server->aborted = true;
		server->drain_until_us += server->again ? ABORT_ANEW_US : ABORT_US;
		log_event(LOG_WARN, "drain timed out", LOG_INT("left", left));
		for (unsigned i = 0; i < server->worker_count; i++) {
			worker_abort(server->workers[i]);
		}
	} else if (late) {
		log_event(LOG_WARN, "ending with work left", LOG_INT("left", left));
		server_end(server);
		return;
	}
	loop_timer_set(server->drain_poll, DRAIN_POLL_US);
}

static void drain_poll(void *ctx)
{
	struct server *server = ctx;
	control_drop_stalled(server->control_door, STALLED_US);
	workers_gather(server->workers, server->worker_count + 1, collect_busy, sizeof(uint64_t),
		1000000, on_busy, server);
}

void server_drain_prepare(struct server *server)
{
	server->drain_poll = loop_timer_create(server->main->loop, drain_poll, server);
}

static uint64_t drain_time_us(const struct server *server)
{
	uint64_t most = server->conf->server.drain_timeout_us;
	uint64_t anew = server->conf->server.drain_spread_us + ANEW_US;
	return server->again && anew < most ? anew : most;
}

static void drain_begin(struct server *server)
{
	server_set_state(server, SERVER_DRAINING);
	watch_stop(server->watch);
	server->main->draining = true;
	server->drain_until_us = loop_now_us(server->main->loop) + drain_time_us(server);
	for (unsigned i = 0; i < server->worker_count; i++) {
		worker_drain(server->workers[i], server->conf->server.drain_spread_us);
	}
	loop_timer_set(server->drain_poll, DRAIN_POLL_US);
}

static void say_stopping(void)
{
	log_event(LOG_INFO, "draining");
	sd_notify(0, "STOPPING=1\nSTATUS=Draining");
}

void server_drain(void *ctx)
{
	struct server *server = ctx;
	if (server->again) { /* it is on its way already, and now for good */
		server->again = false;
		say_stopping();
		listener_stop(server->listener);
		return;
	}
	if (server->state == SERVER_SERVING) {
		say_stopping();
		listener_stop(server->listener);
		drain_begin(server);
	}
}

void server_drain_anew(void *ctx)
{
	struct server *server = ctx;
	if (server->state != SERVER_SERVING) {
		return;
	}
	server->again = true;
	sd_notify(0, "STATUS=Starting anew on the store");
	listener_rest(server->listener);
	drain_begin(server);
}

/* ---- the end ---- */

/* The threads end first; then the store, which answers all it accepted and refuses the rest; then,
 * on this thread alone, the answers are taken (clients may still ask), and all is freed. */
static void stop_workers(struct server *server)
{
	if (server->workers == NULL) {
		store_close(&server->store);
		return;
	}
	for (unsigned i = 0; i < server->worker_count; i++) {
		if (server->workers[i]->started) {
			worker_stop(server->workers[i]);
		}
	}
	for (unsigned i = 0; i < server->worker_count; i++) {
		worker_join(server->workers[i]);
	}
	store_stop(server->store);
	watch_stop(server->watch);
	canary_stop(server->canary);
	for (unsigned i = 0; i <= server->worker_count; i++) {
		worker_close(server->workers[i]);
	}
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i <= server->worker_count; i++) {
			worker_settle(server->workers[i]);
		}
	}
	canary_destroy(&server->canary);
	watch_destroy(&server->watch);
	for (unsigned i = 0; i <= server->worker_count; i++) {
		worker_destroy(&server->workers[i]);
	}
	store_close(&server->store);
}

void server_finish(struct server *server)
{
	logging_detach(&server->logging);
	key_source_stop(server->key_source);
	control_close(&server->control_door);
	metrics_door_close(&server->metrics_door);
	for (size_t i = 0; i < sizeof(server->signals) / sizeof(server->signals[0]); i++) {
		loop_signal_close(&server->signals[i]);
	}
	loop_timer_destroy(&server->drain_poll);
	if (server->listener != NULL) {
		listener_rest(server->listener); /* its loop goes, and it may stay */
	}
	stop_workers(server);
	limits_destroy(&server->limits);
	bars_destroy(&server->bars);
	ask_ids_destroy(&server->asks);
	free(server->workers);
	free(server->boxes);
	free(server->peers);
	free(server->buses);
	jwt_verifier_unref(&server->verifier);
	logging_close(&server->logging);
}
