#include "chatd/run/lobby.h"

#include <signal.h>
#include <stdlib.h>

#include "chatd/net/http_conn.h"
#include "chatd/rest/rest.h"
#include "lib/base/clock.h"
#include "lib/loop/loop.h"
#include "lib/loop/mailbox.h"
#include "lib/loop/thread.h"
#include "lib/net/stream.h"

#define RETRY_AFTER "Retry-After: 1\r\n"

struct lobby {
	struct loop *loop;
	struct stream_pool *streams;
	struct http_server *http;
	struct loop_signal *signals[2];
	struct loop_timer *timer;
	struct mailbox *box; /* of the thread that works meanwhile */
	bool rested; /* the time, or the work, is over */
	bool ended;
};

static void on_request(void *ctx, struct http_exchange *exchange)
{
	struct buf body = {0};
	(void)ctx;
	if (bytes_eq(exchange->path, BYTES_LIT("/health/live"))) {
		buf_append_str(&body, "{\"status\":\"Healthy\"}");
		http_respond(exchange, 200, "application/json", NULL, buf_bytes(&body));
	} else {
		const char *type = rest_fail_body(503, "the database is not reachable yet", &body);
		http_respond(exchange, 503, type, RETRY_AFTER, buf_bytes(&body));
	}
	buf_finish(&body);
}

static enum http_decision on_head(void *ctx, struct http_exchange *exchange, size_t *body_max)
{
	(void)ctx;
	(void)exchange;
	(void)body_max;
	return HTTP_ANSWER_NOW;
}

static const char *fail_body(void *ctx, int status, const char *text, struct buf *body)
{
	(void)ctx;
	return rest_fail_body(status, text, body);
}

static const struct http_handler handler = {on_head, on_request, fail_body};

static void on_signal(void *ctx)
{
	((struct lobby *)ctx)->ended = true;
}

static void on_timer(void *ctx)
{
	((struct lobby *)ctx)->rested = true;
}

struct lobby *lobby_create(void)
{
	struct lobby *lobby = mem_zalloc(sizeof(*lobby));
	lobby->loop = loop_create();
	lobby->streams = stream_pool_create(lobby->loop);
	struct http_server_params params = {
		.loop = lobby->loop,
		.pool = lobby->streams,
		.clock = &clock_system,
		.handler = &handler,
		.ctx = lobby,
	};
	lobby->http = http_server_create(&params);
	lobby->signals[0] = loop_signal_open(lobby->loop, SIGTERM, on_signal, lobby);
	lobby->signals[1] = loop_signal_open(lobby->loop, SIGINT, on_signal, lobby);
	lobby->timer = loop_timer_create(lobby->loop, on_timer, lobby);
	lobby->box = mailbox_create(lobby->loop);
	return lobby;
}

void lobby_destroy(struct lobby **lobby)
{
	struct lobby *gone = *lobby;
	*lobby = NULL;
	http_server_destroy(&gone->http);
	stream_pool_destroy(&gone->streams);
	loop_signal_close(&gone->signals[0]);
	loop_signal_close(&gone->signals[1]);
	loop_timer_destroy(&gone->timer);
	mailbox_destroy(&gone->box);
	loop_destroy(&gone->loop);
	free(gone);
}

struct loop *lobby_loop(struct lobby *lobby)
{
	return lobby->loop;
}

void lobby_accept(void *ctx, int fd, const char *peer)
{
	http_server_adopt(((struct lobby *)ctx)->http, fd, peer);
}

bool lobby_serve(struct lobby *lobby, uint64_t us)
{
	lobby->rested = false;
	loop_timer_set(lobby->timer, us);
	while (!lobby->rested && !lobby->ended) {
		loop_turn(lobby->loop, -1);
	}
	return !lobby->ended;
}

/* ---- work meanwhile ---- */

struct lobby_work {
	struct mail mail;
	struct lobby *lobby;
	void (*work)(void *arg);
	void *arg;
};

static void work_over(struct mail *mail)
{
	CONTAINER_OF(mail, struct lobby_work, mail)->lobby->rested = true;
}

static void *work_main(void *arg)
{
	struct lobby_work *work = arg;
	work->work(work->arg);
	mailbox_post(work->lobby->box, &work->mail, work_over);
	return NULL;
}

bool lobby_serve_while(struct lobby *lobby, void (*work)(void *arg), void *arg)
{
	struct lobby_work order = {.lobby = lobby, .work = work, .arg = arg};
	pthread_t thread;
	if (thread_start(&thread, "lobby", work_main, &order) != 0) {
		work(arg); /* nobody is served meanwhile */
		return !lobby->ended;
	}
	lobby->rested = false;
	while (!lobby->rested) {
		loop_turn(lobby->loop, -1);
	}
	thread_join(thread);
	return !lobby->ended;
}
