#include "chatd/run/server_state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "chatd/auth/bars.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/limits.h"
#include "chatd/control/control.h"
#include "chatd/hub/ask_ids.h"
#include "chatd/net/listener.h"
#include "chatd/op/canary.h"
#include "chatd/ops/ops.h"
#include "chatd/run/bars_load.h"
#include "chatd/run/gather.h"
#include "chatd/run/metrics_door.h"
#include "chatd/run/key_source.h"
#include "chatd/run/keys.h"
#include "chatd/run/lobby.h"
#include "chatd/run/logging.h"
#include "chatd/run/process.h"
#include "chatd/run/watch.h"
#include "chatd/run/worker.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/conf/load.h"
#include "lib/store/store.h"

#define EXIT_CONFIG 78
#define WORKERS_MAX 64
/* Pauses between tries to reach the database at the start: doubled each time. */
#define STORE_PAUSE_US 250000
#define STORE_PAUSE_MAX_US 2000000
/* Seconds between two lines about it. */
#define SAY_WAITING_PER_S 20

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

/* On any worker: what the store says of its connections, at most a line a second. */
static void on_link(void *ctx, int err, const char *why)
{
	struct link_trouble *trouble = ctx;
	uint64_t more = 0;
	pthread_mutex_lock(&trouble->lock);
	bool allowed = log_rate_allows(&trouble->rate, clock_mono_us(&clock_system), &more);
	pthread_mutex_unlock(&trouble->lock);
	if (!allowed) {
		return;
	}
	if (err == 0) {
		log_event(LOG_INFO, "a database connection is there again", LOG_INT("more", more));
	} else {
		log_event(err == ERR_CONFIG ? LOG_ERROR : LOG_WARN, "no database connection",
			LOG_STR("error", err_code(err)), LOG_STR("why", why),
			LOG_INT("more", more));
	}
}

/* Left to us, a file of our own is brought up to date, and a server's database is not: there may be
 * other instances on it. */
static bool may_migrate(const struct conf *conf)
{
	bool file = bytes_starts_nocase(bytes_str(conf->database.url), BYTES_LIT("sqlite:"));
	return conf->database.auto_migrate == CONF_MIGRATE_YES ||
	       (conf->database.auto_migrate == CONF_MIGRATE_AUTO && file);
}

static int open_store(struct server *server, struct buf *why)
{
	const struct conf *conf = server->conf;
	struct store_open_params params = {
		.url = bytes_str(conf->database.url),
		.migrate = may_migrate(conf),
		.clock = &clock_system,
		.links = (unsigned)conf->database.pool_size,
		.on_link = on_link,
		.on_link_ctx = &server->link_trouble,
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
	server->asks = ask_ids_create();
	codecs_init(&server->codecs, server->conf);
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
		.asks = server->asks,
		.codecs = &server->codecs,
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

static int open_listener(struct server *server, struct loop *loop, listener_accept_fn on_accepted,
	void *ctx, struct buf *why)
{
	struct buf addresses = {0};
	char text[LISTENER_WHY_SIZE];
	const struct conf_list *listen = &server->conf->server.listen;
	if (server->listener != NULL) {
		listener_resume(server->listener, loop, on_accepted, ctx);
		return 0;
	}
	for (size_t i = 0; i < listen->count; i++) {
		buf_printf(&addresses, "%s%s", i > 0 ? "," : "", listen->items[i]);
	}
	int err = listener_open(
		loop, buf_bytes(&addresses), on_accepted, ctx, &server->listener, text);
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

/* Now and then. The service manager is told that the start is still going on. */
static void say_waiting(struct log_rate *said, const char *why)
{
	uint64_t more;
	sd_notify(0, "STATUS=Waiting for the database\nEXTEND_TIMEOUT_USEC=30000000");
	if (log_rate_allows(said, clock_mono_us(&clock_system) / SAY_WAITING_PER_S, &more)) {
		log_event(LOG_WARN, "the database cannot be reached, trying again",
			LOG_STR("why", why), LOG_INT("more", more));
	}
}

struct opening {
	struct server *server;
	struct buf *why;
	int err;
};

/* On a thread of its own: a server that is silent takes seconds. */
static void open_once_more(void *arg)
{
	struct opening *opening = arg;
	buf_clear(opening->why);
	opening->err = open_store(opening->server, opening->why);
}

/* The database cannot be reached: until it can, the node says that it is not ready. ERR_CANCELLED:
 * it was told to end. */
static int wait_for_store(struct server *server, struct buf *why)
{
	struct lobby *lobby = lobby_create();
	struct opening opening = {.server = server, .why = why};
	int err = open_listener(server, lobby_loop(lobby), lobby_accept, lobby, why);
	uint64_t pause = STORE_PAUSE_US;
	struct log_rate said = {0};
	while (err == 0 || err == ERR_UNAVAILABLE) {
		say_waiting(&said, buf_cstr(why));
		if (!lobby_serve(lobby, pause) ||
			!lobby_serve_while(lobby, open_once_more, &opening)) {
			err = ERR_CANCELLED;
			break;
		}
		err = opening.err;
		if (err == 0) {
			break;
		}
		pause = pause * 2 < STORE_PAUSE_MAX_US ? pause * 2 : STORE_PAUSE_MAX_US;
	}
	if (server->listener != NULL) {
		listener_rest(server->listener);
	}
	lobby_destroy(&lobby);
	return err;
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
	server->signals[0] = loop_signal_open(loop, SIGTERM, server_drain, server);
	server->signals[1] = loop_signal_open(loop, SIGINT, server_drain, server);
	server->signals[2] = loop_signal_open(loop, SIGHUP, server_on_hangup, server);
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
	watch_start(server->watch);
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
		err = keys_load(server->conf, server->key_source, &server->verifier, ret_made, why);
	}
	if (err == 0) {
		err = server->waits ? ERR_UNAVAILABLE : open_store(server, why);
	}
	if (err == ERR_UNAVAILABLE) {
		err = wait_for_store(server, why);
	}
	if (err != 0) {
		return err;
	}
	make_workers(server);
	err = watch_open(server->main, server_drain_anew, server, &server->watch, why);
	if (err == 0) {
		err = bars_load(server->main, why);
	}
	if (err != 0) {
		server->again = err == ERR_UNAVAILABLE;
		return err;
	}
	server_drain_prepare(server);
	key_source_start(server->key_source, server->main, server->conf);
	open_signals(server);
	err = control_open(server->main, &server->control_door, why);
	if (err == 0) {
		err = open_listener(server, server->main->loop, on_accept, server, why);
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

static void set_control(struct server *server)
{
	server->control = (struct server_control){
		.server = server,
		.gather = control_gather,
		.stop = server_drain,
		.ready = control_ready,
		.stopping = control_stopping,
		.reload = server_reload,
		.listening = control_listening,
		.uptime_us = control_uptime,
		.log_ring = server->logging.ring,
	};
}

/* From a start to its end. true: once more, on a store whose numbers started anew, or that was lost
 * meanwhile. */
static bool run_once(struct server *server, int *ret_err)
{
	struct buf why = {0};
	bool made_secret = false;
	logging_open(&server->logging, server->conf);
	set_control(server);
	int err = server_start(server, &made_secret, &why);
	if (err == 0) {
		say_ready(server, made_secret);
		loop_run(server->main->loop);
	} else if (server->again) {
		log_event(LOG_WARN, "the database was lost at the start",
			LOG_STR("why", buf_cstr(&why)));
		err = 0;
	} else if (err == ERR_CANCELLED) {
		err = 0;
	} else {
		server_report(err, "cannot start", &why);
	}
	key_source_stop(server->key_source);
	if (err == 0 && !server->again) {
		log_event(LOG_INFO, "stopped");
	}
	buf_finish(&why);
	server_finish(server);
	*ret_err = err;
	return err == 0 && server->again;
}

/* While it waits for the database, too: HUP is taken as soon as there is something to reload. */
static void ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full quota is an error of the write, not our end */
	signal(SIGHUP, SIG_IGN);
}

int server_run(const struct server_params *params, struct conf *conf)
{
	struct server server = {
		.params = params,
		.conf = conf_ref(conf),
		.started_us = clock_mono_us(&clock_system),
	};
	int err;
	server.key_source = key_source_create(server_on_keys, &server);
	ignore_signals();
	while (run_once(&server, &err)) {
		server = (struct server){
			.params = params,
			.conf = server.conf,
			.key_source = server.key_source,
			.listener = server.listener,
			.listening = server.listening,
			.started_us = server.started_us,
			.waits = server.state == SERVER_STARTING,
		};
	}
	listener_close(&server.listener);
	key_source_destroy(&server.key_source);
	buf_finish(&server.listening);
	conf_unref(&server.conf);
	return exit_code(err);
}
