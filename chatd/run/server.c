#include "chatd/run/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "chatd/auth/bars.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/limits.h"
#include "chatd/control/control.h"
#include "chatd/net/listener.h"
#include "chatd/op/canary.h"
#include "chatd/ops/ops.h"
#include "chatd/run/bars_load.h"
#include "chatd/run/gather.h"
#include "chatd/run/metrics_door.h"
#include "chatd/run/keys.h"
#include "chatd/run/logging.h"
#include "chatd/run/process.h"
#include "chatd/run/reload.h"
#include "chatd/run/worker.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/conf/load.h"
#include "lib/store/store.h"

#define EXIT_CONFIG 78
#define WORKERS_MAX 64
/* While draining, the workers are asked so often what is left. */
#define DRAIN_POLL_US 20000
/* An operator who reads nothing for so long is not waited for then. */
#define STALLED_US 2000000

enum server_state {
	SERVER_STARTING,
	SERVER_SERVING,
	SERVER_DRAINING, /* no new connections; waiting for those that are there */
	SERVER_ENDING, /* the loops are being stopped */
};

struct server {
	enum server_state state;
	const struct server_params *params;
	struct conf *conf;
	struct jwt_verifier *verifier;
	struct store *store;
	struct limits *limits;
	struct bars *bars;
	struct canary *canary;
	struct worker **workers; /* worker_count + 1, the main thread's last */
	struct mailbox **boxes;
	struct services **peers;
	struct bus **buses;
	unsigned worker_count, next_worker;
	struct services *main;
	struct server_control control;
	struct listener *listener;
	struct control *control_door;
	struct metrics_door *metrics_door; /* NULL: not asked for */
	struct loop_signal *signals[3];
	struct loop_timer *drain_poll;
	struct logging logging;
	uint64_t started_us, drain_until_us;
	bool aborted;
	struct buf listening;
};

static void server_set_state(struct server *server, enum server_state state)
{
	static const char *const names[] = {"starting", "serving", "draining", "ending"};
	log_event(LOG_DEBUG, "server state", LOG_STR("from", names[server->state]),
		LOG_STR("to", names[state]));
	server->state = state;
}

static int exit_code(int err)
{
	switch (err) {
	case 0:
		return 0;
	case ERR_CONFIG:
	case ERR_CORRUPT:
		return EXIT_CONFIG;
	default:
		return 1;
	}
}

static int report(int err, const char *what, struct buf *why)
{
	log_event(LOG_ERROR, what, LOG_STR("why", why->len > 0 ? buf_cstr(why) : err_text(err)));
	return err;
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
		server->drain_until_us += 2000000;
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

static void server_drain(void *ctx)
{
	struct server *server = ctx;
	if (server->state != SERVER_SERVING) {
		return;
	}
	server_set_state(server, SERVER_DRAINING);
	log_event(LOG_INFO, "draining");
	sd_notify(0, "STOPPING=1\nSTATUS=Draining");
	listener_stop(server->listener);
	server->main->draining = true;
	server->drain_until_us =
		loop_now_us(server->main->loop) + server->conf->server.drain_timeout_us;
	for (unsigned i = 0; i < server->worker_count; i++) {
		worker_drain(server->workers[i], server->conf->server.drain_spread_us);
	}
	loop_timer_set(server->drain_poll, DRAIN_POLL_US);
}

/* ---- reload ---- */

static int control_reload(
	void *ctx, bool apply, setting_visit_fn visit, void *visit_ctx, struct buf *why)
{
	struct server *server = ctx;
	struct conf_load_params params = {
		.path = server->params->config_path,
		.environment = server->params->environment,
	};
	struct conf *fresh = NULL;
	struct jwt_verifier *verifier = NULL;
	int err = reload_read(&params, server->conf, visit, visit_ctx, apply ? &fresh : NULL,
		apply ? &verifier : NULL, why);
	if (err != 0 || !apply) {
		return err;
	}
	conf_unref(&server->conf);
	jwt_verifier_unref(&server->verifier);
	server->conf = fresh;
	server->verifier = verifier;
	logging_reload(&server->logging, fresh);
	for (unsigned i = 0; i <= server->worker_count; i++) {
		worker_reload(server->workers[i], fresh, verifier);
	}
	log_event(LOG_INFO, "reloaded");
	return 0;
}

static void on_hangup(void *ctx)
{
	struct buf why = {0};
	int err = control_reload(ctx, true, NULL, NULL, &why);
	if (err != 0) {
		report(err, "reload refused, the old settings stay", &why);
	}
	buf_finish(&why);
}

/* ---- what operations ask of the process ---- */

static void control_gather(void *ctx, gather_collect_fn collect, size_t slot_size,
	uint64_t deadline_us, gather_done_fn done, void *done_ctx)
{
	struct server *server = ctx;
	workers_gather(server->workers, server->worker_count + 1, collect, slot_size, deadline_us,
		done, done_ctx);
}

static int control_ready(void *ctx)
{
	const struct server *server = ctx;
	return server->state == SERVER_SERVING && !server->main->draining;
}

static bool control_stopping(void *ctx)
{
	return ((struct server *)ctx)->state >= SERVER_DRAINING;
}

static const char *control_listening(void *ctx)
{
	return buf_cstr(&((struct server *)ctx)->listening);
}

static uint64_t control_uptime(void *ctx)
{
	struct server *server = ctx;
	return clock_mono_us(&clock_system) - server->started_us;
}

/* ---- start ---- */

static int open_store(struct server *server, struct buf *why)
{
	struct store_open_params params = {
		.url = bytes_str(server->conf->database.url),
		.migrate = server->conf->database.auto_migrate != CONF_MIGRATE_NO,
		.clock = &clock_system,
	};
	return store_open(&params, &server->store, why);
}

static unsigned count_workers(const struct conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t count = conf->server.workers != 0 ? conf->server.workers
						   : (uint64_t)(cores > 0 ? cores : 1);
	return count > WORKERS_MAX ? WORKERS_MAX : (unsigned)count;
}

static void make_workers(struct server *server)
{
	unsigned count = server->worker_count = count_workers(server->conf);
	server->limits = limits_create();
	server->bars = bars_create();
	server->workers = mem_zalloc((count + 1) * sizeof(*server->workers));
	server->boxes = mem_zalloc((count + 1) * sizeof(*server->boxes));
	server->peers = mem_zalloc((count + 1) * sizeof(*server->peers));
	server->buses = mem_zalloc((count + 1) * sizeof(*server->buses));
	struct worker_params params = {
		.worker_count = count,
		.boxes = server->boxes,
		.peers = server->peers,
		.buses = server->buses,
		.store = server->store,
		.conf = server->conf,
		.verifier = server->verifier,
		.control = &server->control,
		.limits = server->limits,
		.bars = server->bars,
	};
	random_bytes(&params.incarnation, sizeof(params.incarnation));
	for (params.worker = 0; params.worker <= count; params.worker++) {
		server->workers[params.worker] = worker_create(&params);
	}
	for (unsigned i = 0; i <= count; i++) {
		worker_fill(server->workers[i]);
	}
	server->main = &server->workers[count]->sv;
	logging_attach(&server->logging, server->main);
	server->control.log_switch = server->logging.log_switch;
}

static void on_accept(void *ctx, int fd, const char *peer)
{
	struct server *server = ctx;
	worker_adopt(server->workers[server->next_worker], fd, peer);
	server->next_worker = (server->next_worker + 1) % server->worker_count;
}

static int open_listener(struct server *server, struct buf *why)
{
	struct buf addresses = {0};
	char text[LISTENER_WHY_SIZE];
	const struct conf_list *listen = &server->conf->server.listen;
	for (size_t i = 0; i < listen->count; i++) {
		buf_printf(&addresses, "%s%s", i > 0 ? "," : "", listen->items[i]);
	}
	int err = listener_open(server->main->loop, buf_bytes(&addresses), on_accept, server,
		&server->listener, text);
	buf_finish(&addresses);
	if (err != 0) {
		buf_printf(why, "server.%s", text); /* it begins with "listen: " */
		return err;
	}
	listener_leave_reserve(server->listener);
	for (size_t i = 0; i < listener_count(server->listener); i++) {
		buf_printf(&server->listening, "%s%s", i > 0 ? "," : "",
			listener_address(server->listener, i));
	}
	return 0;
}

static void make_canary(struct server *server)
{
	server->canary = canary_create(server->main, listener_address(server->listener, 0));
	for (unsigned i = 0; i <= server->worker_count; i++) {
		server->peers[i]->canary = server->canary;
	}
}

static void open_signals(struct server *server)
{
	struct loop *loop = server->main->loop;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full quota is an error of the write, not our end */
	server->signals[0] = loop_signal_open(loop, SIGTERM, server_drain, server);
	server->signals[1] = loop_signal_open(loop, SIGINT, server_drain, server);
	server->signals[2] = loop_signal_open(loop, SIGHUP, on_hangup, server);
}

static int start_workers(struct server *server)
{
	for (unsigned i = 0; i < server->worker_count; i++) {
		int err = worker_start(server->workers[i]);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

static void say_ready(struct server *server, bool made_secret)
{
	const struct conf *conf = server->conf;
	server_set_state(server, SERVER_SERVING);
	/* What deleted rooms left when the last process ended. */
	op_start(op_create(server->main, &op_room_sweep, NULL), NULL, NULL, NULL);
	log_event(LOG_INFO, "ready", LOG_STR("listen", buf_cstr(&server->listening)),
		LOG_STR("control", conf->control.socket), LOG_STR("version", CHATD_VERSION),
		LOG_STR("metrics", metrics_door_address(server->metrics_door)),
		LOG_INT("workers", server->worker_count),
		LOG_INT("ms", control_uptime(server) / 1000));
	sd_notifyf(0, "READY=1\nSTATUS=Listening on %s", buf_cstr(&server->listening));
	if (made_secret) {
		log_event(LOG_INFO, "made a signing secret",
			LOG_STR("directory", conf->server.state_dir),
			LOG_STR("next", "chatctl token mint --user alice; "
					"chatctl room create general"));
	}
}

static int server_start(struct server *server, bool *ret_made, struct buf *why)
{
	process_raise_descriptors();
	int err = process_make_state_dir(server->conf->server.state_dir, why);
	if (err == 0) {
		err = keys_load(server->conf, &server->verifier, ret_made, why);
	}
	if (err == 0) {
		err = open_store(server, why);
	}
	if (err != 0) {
		return err;
	}
	make_workers(server);
	err = bars_load(server->main, why);
	if (err != 0) {
		return err;
	}
	server->drain_poll = loop_timer_create(server->main->loop, drain_poll, server);
	open_signals(server);
	err = control_open(server->main, &server->control_door, why);
	if (err == 0) {
		err = open_listener(server, why);
	}
	if (err == 0) {
		make_canary(server);
		err = metrics_door_open(server->main, &server->metrics_door, why);
	}
	if (err == 0) {
		err = start_workers(server);
	}
	return err;
}

/* ---- end ---- */

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
	for (unsigned i = 0; i <= server->worker_count; i++) {
		worker_destroy(&server->workers[i]);
	}
	store_close(&server->store);
}

static void server_finish(struct server *server)
{
	logging_detach(&server->logging);
	control_close(&server->control_door);
	metrics_door_close(&server->metrics_door);
	listener_close(&server->listener);
	for (size_t i = 0; i < sizeof(server->signals) / sizeof(server->signals[0]); i++) {
		loop_signal_close(&server->signals[i]);
	}
	loop_timer_destroy(&server->drain_poll);
	stop_workers(server);
	limits_destroy(&server->limits);
	bars_destroy(&server->bars);
	free(server->workers);
	free(server->boxes);
	free(server->peers);
	free(server->buses);
	buf_finish(&server->listening);
	conf_unref(&server->conf);
	jwt_verifier_unref(&server->verifier);
	logging_close(&server->logging);
}

int server_run(const struct server_params *params, struct conf *conf)
{
	struct server server = {
		.params = params,
		.conf = conf_ref(conf),
		.started_us = clock_mono_us(&clock_system),
	};
	server.control = (struct server_control){
		.server = &server,
		.gather = control_gather,
		.stop = server_drain,
		.ready = control_ready,
		.stopping = control_stopping,
		.reload = control_reload,
		.listening = control_listening,
		.uptime_us = control_uptime,
	};
	struct buf why = {0};
	bool made_secret = false;
	logging_open(&server.logging, conf);
	server.control.log_ring = server.logging.ring;
	int err = server_start(&server, &made_secret, &why);
	if (err == 0) {
		say_ready(&server, made_secret);
		loop_run(server.main->loop);
		log_event(LOG_INFO, "stopped");
	} else {
		report(err, "cannot start", &why);
	}
	buf_finish(&why);
	server_finish(&server);
	return exit_code(err);
}
