#include "chatd/run/worker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "chatd/bus/bus.h"
#include "chatd/conn/claims.h"
#include "chatd/conn/conns.h"
#include "chatd/hub/attach.h"
#include "chatd/hub/hub.h"
#include "chatd/net/http_conn.h"
#include "chatd/op/op.h"
#include "chatd/rest/rest.h"
#include "chatd/room/home.h"
#include "chatd/room/rooms.h"
#include "chatd/run/router.h"
#include "chatd/transport/longpoll.h"
#include "chatd/transport/ws.h"
#include "lib/conf/conf.h"
#include "lib/loop/thread.h"
#include "lib/net/stream.h"
#include "lib/store/store.h"

/* Verified tokens that a worker remembers. */
#define PRINCIPALS_MAX 4096
/* Kernel buffer of a client's socket: a slow reader's backlog is ours to see. */
#define CLIENT_SNDBUF (128 * 1024)
/* While the process ends, what pollers are told last waits so long for their polls. */
#define LAST_POLL_US ((uint64_t)2000000)
/* Of a worker's answers over HTTP that wait to be read, at least. */
#define HTTP_QUEUE_MIN ((size_t)8 * 1024 * 1024)

static void fill_ws_params(const struct conf *conf, struct ws_params *params)
{
	*params = (struct ws_params){
		.close_timeout_us = conf->hub.close_timeout_us,
		.max_frame = attach_input_max(conf),
	};
}

static void fill_poll_params(const struct conf *conf, struct longpoll_params *params)
{
	*params = (struct longpoll_params){
		.poll_timeout_us = conf->hub.poll_timeout_us,
		.away_timeout_us = conf->limits.connect_timeout_us,
		.close_timeout_us = conf->hub.close_timeout_us,
	};
}

/* Answers over HTTP may take a quarter of what hub connections may, but some large ones always; and
 * so may the bodies of requests. */
static void fill_http_limits(const struct services *sv, struct http_limits *limits)
{
	const struct conf *conf = sv->conf;
	*limits = http_limits_default;
	limits->queue_max = conf->limits.send_memory / sv->worker_count / 4;
	if (limits->queue_max < HTTP_QUEUE_MIN) {
		limits->queue_max = HTTP_QUEUE_MIN;
	}
	size_t body_max = attach_input_max(conf);
	limits->bodies_max = limits->queue_max > body_max ? limits->queue_max : body_max;
	limits->header_timeout_us = conf->limits.header_timeout_us;
	limits->send_stall_us = conf->limits.send_stall_us;
}

/* A thread's part of the store is made here, where nothing can fail that opening it did not. */
static void attach_store(struct worker *worker)
{
	int err = store_attach(worker->store, worker->sv.loop, &worker->sv.store);
	assert(err == 0);
	(void)err;
}

struct worker *worker_create(const struct worker_params *params)
{
	struct worker *worker = mem_zalloc(sizeof(*worker));
	struct services *sv = &worker->sv;
	worker->is_main = params->worker == params->worker_count;
	sv->worker = params->worker;
	sv->worker_count = params->worker_count;
	sv->boxes = params->boxes;
	sv->peers = params->peers;
	sv->loop = loop_create();
	sv->clock = &clock_system;
	worker->store = params->store;
	sv->metrics = &worker->metrics;
	sv->control = params->control;
	sv->limits = params->limits;
	sv->bars = params->bars;
	sv->asks = params->asks;
	sv->codecs = params->codecs;
	sv->incarnation = params->incarnation;
	sv->conf = conf_ref(params->conf);
	sv->verifier = jwt_verifier_ref(params->verifier);
	attach_store(worker);
	params->boxes[params->worker] = mailbox_create(sv->loop);
	params->peers[params->worker] = sv;
	sv->ops = op_list_create();
	sv->principals = principal_cache_create(PRINCIPALS_MAX);
	sv->streams = stream_pool_create(sv->loop);
	if (!worker->is_main) {
		sv->rooms = rooms_create(sv);
		struct local_bus_params bus = {
			.worker = params->worker,
			.worker_count = params->worker_count,
			.boxes = params->boxes,
			.peers = params->buses,
			.receive = rooms_receive,
			.ctx = sv->rooms,
		};
		sv->bus = local_bus_create(&bus);
		params->buses[params->worker] = sv->bus;
	}
	return worker;
}

void worker_fill(struct worker *worker)
{
	struct services *sv = &worker->sv;
	if (worker->is_main) {
		return;
	}
	stream_pool_set_sndbuf(sv->streams, CLIENT_SNDBUF);
	sv->homes = homes_create(sv);
	sv->conns = conns_create(sv, hub_hold_over);
	sv->claims = claims_create(sv);
	struct ws_params sockets;
	fill_ws_params(sv->conf, &sockets);
	sv->sockets = ws_pool_create(sv->loop, &sockets);
	struct longpoll_params polls;
	fill_poll_params(sv->conf, &polls);
	sv->polls = longpoll_pool_create(sv->loop, &polls);
	sv->rest = rest_create();
	struct http_limits limits;
	fill_http_limits(sv, &limits);
	struct http_server_params http = {
		.loop = sv->loop,
		.pool = sv->streams,
		.clock = sv->clock,
		.limits = &limits,
		.metrics = sv->metrics,
		.number = sv->worker,
		.handler = &router_handler,
		.ctx = sv,
	};
	sv->http = http_server_create(&http);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	loop_run(worker->sv.loop);
	return NULL;
}

int worker_start(struct worker *worker)
{
	char name[16];
	snprintf(name, sizeof(name), "worker-%u", worker->sv.worker);
	int err = thread_start(&worker->thread, name, worker_main, worker);
	worker->started = err == 0;
	return err;
}

/* ---- mail from the main thread ---- */

struct worker_mail {
	struct mail mail;
	struct worker *worker;
	int fd;
	char peer[80];
	struct conf *conf;
	struct jwt_verifier *verifier;
	uint64_t spread_us;
};

static struct worker_mail *mail_of(struct mail *mail)
{
	return CONTAINER_OF(mail, struct worker_mail, mail);
}

static struct worker_mail *mail_for(struct worker *worker)
{
	struct worker_mail *mail = mem_zalloc(sizeof(*mail));
	mail->worker = worker;
	return mail;
}

static void mail_send(struct worker_mail *mail, mail_fn run)
{
	mailbox_post(services_mailbox(&mail->worker->sv), &mail->mail, run);
}

static void adopt_run(struct mail *mail)
{
	struct worker_mail *adopt = mail_of(mail);
	http_server_adopt(adopt->worker->sv.http, adopt->fd, adopt->peer);
	free(adopt);
}

void worker_adopt(struct worker *worker, int fd, const char *peer)
{
	struct worker_mail *mail = mail_for(worker);
	mail->fd = fd;
	snprintf(mail->peer, sizeof(mail->peer), "%s", peer);
	mail_send(mail, adopt_run);
}

static void reload_run(struct mail *mail)
{
	struct worker_mail *reload = mail_of(mail);
	struct services *sv = &reload->worker->sv;
	conf_unref(&sv->conf);
	jwt_verifier_unref(&sv->verifier);
	sv->conf = reload->conf;
	sv->verifier = reload->verifier;
	if (sv->sockets != NULL) {
		struct ws_params sockets;
		fill_ws_params(sv->conf, &sockets);
		ws_pool_set_params(sv->sockets, &sockets);
		struct longpoll_params polls;
		fill_poll_params(sv->conf, &polls);
		longpoll_pool_set_params(sv->polls, &polls);
		struct http_limits limits;
		fill_http_limits(sv, &limits);
		http_server_set_limits(sv->http, &limits);
	}
	free(reload);
}

void worker_reload(struct worker *worker, struct conf *conf, struct jwt_verifier *verifier)
{
	struct worker_mail *mail = mail_for(worker);
	mail->conf = conf_ref(conf);
	mail->verifier = jwt_verifier_ref(verifier);
	mail_send(mail, reload_run);
}

/* Nobody can connect any more, and who is connected comes at once or never. */
static void hurry_polls(struct services *sv)
{
	struct longpoll_params params;
	fill_poll_params(sv->conf, &params);
	if (params.close_timeout_us > LAST_POLL_US) {
		params.close_timeout_us = LAST_POLL_US;
	}
	longpoll_pool_set_params(sv->polls, &params);
}

static void drain_run(struct mail *mail)
{
	struct worker_mail *drain = mail_of(mail);
	struct services *sv = &drain->worker->sv;
	sv->draining = true;
	http_server_drain(sv->http);
	hurry_polls(sv);
	conns_drain(sv->conns, drain->spread_us);
	free(drain);
}

void worker_drain(struct worker *worker, uint64_t spread_us)
{
	struct worker_mail *mail = mail_for(worker);
	mail->spread_us = spread_us;
	mail_send(mail, drain_run);
}

static void abort_run(struct mail *mail)
{
	struct worker_mail *aborted = mail_of(mail);
	conns_abort_all(aborted->worker->sv.conns);
	free(aborted);
}

void worker_abort(struct worker *worker)
{
	mail_send(mail_for(worker), abort_run);
}

static void stop_run(struct mail *mail)
{
	struct worker_mail *stop = mail_of(mail);
	loop_stop(stop->worker->sv.loop);
	free(stop);
}

void worker_stop(struct worker *worker)
{
	mail_send(mail_for(worker), stop_run);
}

void worker_join(struct worker *worker)
{
	if (worker->started) {
		thread_join(worker->thread);
		worker->started = false;
	}
}

size_t worker_busy(const struct worker *worker)
{
	const struct services *sv = &worker->sv;
	size_t busy = op_list_count(sv->ops);
	if (!worker->is_main) {
		busy += conns_count(sv->conns) + homes_pending(sv->homes) +
			rooms_pending(sv->rooms) + ws_pool_closing(sv->sockets) +
			longpoll_pool_closing(sv->polls);
	}
	return busy;
}

void worker_close(struct worker *worker)
{
	struct services *sv = &worker->sv;
	if (worker->is_main) {
		return;
	}
	http_server_destroy(&sv->http);
	conns_abort_all(sv->conns);
	ws_pool_destroy(&sv->sockets);
	longpoll_pool_abort(sv->polls);
	homes_stop(sv->homes);
}

void worker_settle(struct worker *worker)
{
	loop_turn(worker->sv.loop, 0);
}

void worker_destroy(struct worker **worker)
{
	struct worker *gone = *worker;
	*worker = NULL;
	if (gone == NULL) {
		return;
	}
	struct services *sv = &gone->sv;
	conns_destroy(&sv->conns);
	longpoll_pool_destroy(&sv->polls);
	claims_destroy(&sv->claims);
	rest_destroy(&sv->rest);
	rooms_destroy(&sv->rooms);
	homes_destroy(&sv->homes);
	bus_destroy(&sv->bus);
	store_detach(gone->store, &sv->store);
	stream_pool_destroy(&sv->streams);
	op_list_destroy(&sv->ops);
	principal_cache_destroy(&sv->principals);
	mailbox_destroy(&sv->boxes[sv->worker]);
	loop_destroy(&sv->loop);
	conf_unref(&sv->conf);
	jwt_verifier_unref(&sv->verifier);
	free(gone);
}
