#include "chatd/net/http_conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatd/net/http_internal.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/net/stream.h"
#include "lib/wire/target.h"

/* ---- states ---- */

#define MAY(state) (1u << (state))

void http_conn_set_state(struct http_conn *conn, enum http_conn_state state)
{
	static const uint8_t allowed[] = {
		[HTTP_CONN_NEW] = MAY(HTTP_CONN_BODY) | MAY(HTTP_CONN_HANDLING) |
				  MAY(HTTP_CONN_WRITING) | MAY(HTTP_CONN_CLOSED),
		[HTTP_CONN_IDLE] = MAY(HTTP_CONN_HEAD) | MAY(HTTP_CONN_BODY) |
				   MAY(HTTP_CONN_HANDLING) | MAY(HTTP_CONN_WRITING) |
				   MAY(HTTP_CONN_CLOSED),
		[HTTP_CONN_HEAD] = MAY(HTTP_CONN_BODY) | MAY(HTTP_CONN_HANDLING) |
				   MAY(HTTP_CONN_WRITING) | MAY(HTTP_CONN_CLOSED),
		[HTTP_CONN_BODY] =
			MAY(HTTP_CONN_HANDLING) | MAY(HTTP_CONN_WRITING) | MAY(HTTP_CONN_CLOSED),
		[HTTP_CONN_HANDLING] = MAY(HTTP_CONN_IDLE) | MAY(HTTP_CONN_WRITING) |
				       MAY(HTTP_CONN_DRAINING) | MAY(HTTP_CONN_CLOSED),
		[HTTP_CONN_WRITING] = MAY(HTTP_CONN_IDLE) | MAY(HTTP_CONN_CLOSED),
		[HTTP_CONN_DRAINING] =
			MAY(HTTP_CONN_IDLE) | MAY(HTTP_CONN_WRITING) | MAY(HTTP_CONN_CLOSED),
		[HTTP_CONN_CLOSED] = 0,
	};
	assert((allowed[conn->state] & MAY(state)) != 0);
	(void)allowed;
	list_remove(&conn->node);
	conn->state = (uint8_t)state;
	conn->since = loop_now_us(conn->server->params.loop);
	if (state != HTTP_CONN_CLOSED) {
		list_append(&conn->server->lists[state], &conn->node);
	}
}

#undef MAY

static void leave(struct http_conn *conn)
{
	conn->entered--;
	if (conn->entered == 0 && conn->state == HTTP_CONN_CLOSED) {
		free(conn);
	}
}

void http_conn_destroy(struct http_conn *conn)
{
	struct exchange *x = conn->exchange;
	bool handled = conn->state == HTTP_CONN_HANDLING;
	conn->entered++;
	http_conn_set_state(conn, HTTP_CONN_CLOSED);
	conn->server->count--;
	loop_defer_cancel(&conn->go_on);
	stream_close(&conn->stream);
	buf_finish(&conn->in);
	/* Not at once: who destroys it may stand in the middle of a list. */
	http_written_lost(&conn->written, conn->server->params.loop);
	conn->exchange = NULL;
	if (x != NULL) {
		x->conn = NULL;
	}
	if (x != NULL && handled) {
		list_append(&conn->server->orphans, &x->node);
		http_exchange_tell_gone(x);
	} else if (x != NULL) {
		http_exchange_destroy(x);
	}
	leave(conn);
}

static void close_flushed(struct http_conn *conn)
{
	stream_close_flushed(&conn->stream, HTTP_LINGER_US);
	http_conn_destroy(conn);
}

void http_conn_close_idle(struct http_conn *conn)
{
	if (conn->in.len == 0) {
		close_flushed(conn);
	}
}

/* A big answer, and one that somebody waits for, leave under the eyes of the sweep, whatever comes
 * next. */
void http_conn_go_ahead(struct http_conn *conn)
{
	if (stream_queued(conn->stream) > HTTP_WRITE_HIGH || conn->written != NULL) {
		http_conn_set_state(conn, HTTP_CONN_WRITING);
	} else if (conn->last) {
		close_flushed(conn);
	} else {
		http_conn_set_state(conn, HTTP_CONN_IDLE);
	}
}

static const char *fail_body(
	const struct http_server *server, int status, const char *text, struct buf *body)
{
	const struct http_server_params *params = &server->params;
	if (params->handler->fail_body != NULL) {
		return params->handler->fail_body(params->ctx, status, text, body);
	}
	buf_append_str(body, text);
	return "text/plain";
}

void http_conn_fail(struct http_conn *conn, int status, const char *text)
{
	struct http_answer answer = {.status = status, .minor = 1};
	struct buf out = {NULL, 0, 0};
	struct buf body = {NULL, 0, 0};
	assert(conn->state != HTTP_CONN_HANDLING);
	answer.content_type = fail_body(conn->server, status, text, &body);
	answer.always = conn->exchange != NULL ? conn->exchange->public.extra : NULL;
	answer.extra = status == 503 ? "Retry-After: 1\r\n" : NULL;
	answer.body_len = body.len;
	log_event(LOG_DEBUG, "request refused", LOG_STR("peer", conn->peer),
		LOG_INT("status", status), LOG_STR("reason", text));
	http_answer_head(conn->server, &answer, &out);
	buf_append_bytes(&out, buf_bytes(&body));
	stream_send_copy(conn->stream, buf_bytes(&out));
	buf_finish(&out);
	buf_finish(&body);
	if (conn->exchange != NULL) {
		http_exchange_destroy(conn->exchange);
	}
	/* What was read and is not understood is of no use any more. */
	buf_finish(&conn->in);
	conn->last = true;
	http_conn_go_ahead(conn);
}

/* ---- heads ---- */

void http_conn_dispatch(struct http_conn *conn)
{
	const struct http_server_params *params = &conn->server->params;
	struct exchange *x = conn->exchange;
	assert(conn->written == NULL);
	http_conn_set_state(conn, HTTP_CONN_HANDLING);
	params->handler->on_request(params->ctx, &x->public);
}

static void start_exchange(
	struct http_conn *conn, const struct http1_request *head, size_t consumed)
{
	struct target target;
	struct exchange *x = http_exchange_create(conn, head, consumed);
	if (target_parse(head->target, x->public.arena, &target) != 0) {
		http_conn_fail(conn, 400, "malformed request target");
		return;
	}
	x->public.path = target.path;
	x->public.query = target.query;
	x->public.authority = target.authority;
	if (head->framing == HTTP1_BODY_NONE) {
		http_conn_dispatch(conn);
	} else {
		http_body_start(conn);
	}
}

static bool head_step(struct http_conn *conn)
{
	struct http1_request head;
	size_t consumed = 0;
	int err = ERR_AGAIN;
	if (conn->in.len > 0) {
		err = http1_request_parse(&conn->parser, buf_bytes(&conn->in),
			&conn->server->limits.head, &head, &consumed);
	}
	if (err == 0) {
		start_exchange(conn, &head, consumed);
		return true;
	}
	if (err != ERR_AGAIN) {
		http_conn_fail(conn, conn->parser.status, conn->parser.reason);
		return true;
	}
	if (conn->ended || (conn->in.len == 0 && conn->server->draining && !conn->again)) {
		close_flushed(conn);
	} else if (conn->in.len > 0 && conn->state == HTTP_CONN_IDLE) {
		http_conn_set_state(conn, HTTP_CONN_HEAD);
	} else if (conn->in.len == 0) {
		/* Nobody knows how long it will wait. */
		buf_finish(&conn->in);
	}
	return false;
}

/* ---- the machine ---- */

/* Whether nothing can be written any more. What the peer has sent before is still served. */
static bool write_step(struct http_conn *conn)
{
	if (!stream_is_broken(conn->stream)) {
		return false;
	}
	http_written_tell(&conn->written, ERR_CLOSED);
	http_conn_go_ahead(conn);
	return true;
}

/* Uses what is in conn->in; whether there may be more to do. */
static bool step(struct http_conn *conn)
{
	struct bytes input;
	size_t before;
	int err;
	switch ((enum http_conn_state)conn->state) {
	case HTTP_CONN_NEW:
	case HTTP_CONN_IDLE:
	case HTTP_CONN_HEAD:
		return head_step(conn);
	case HTTP_CONN_BODY:
	case HTTP_CONN_DRAINING:
		input = buf_bytes(&conn->in);
		before = input.len;
		err = http_body_take(conn, &input);
		buf_consume(&conn->in, before - input.len);
		return http_body_step(conn, err);
	case HTTP_CONN_WRITING:
		return write_step(conn);
	case HTTP_CONN_HANDLING:
	case HTTP_CONN_CLOSED:
		break;
	}
	return false;
}

/* Reads ahead only so far. */
static void settle(struct http_conn *conn)
{
	bool busy = conn->state == HTTP_CONN_HANDLING || conn->state == HTTP_CONN_WRITING;
	bool pause = busy && conn->in.len >= conn->server->limits.pipeline_max;
	if (conn->state == HTTP_CONN_CLOSED || pause == conn->paused) {
		return;
	}
	conn->paused = pause;
	if (pause) {
		stream_pause(conn->stream);
	} else {
		stream_resume(conn->stream);
	}
}

static void run(struct http_conn *conn)
{
	conn->entered++;
	while (step(conn)) {
	}
	settle(conn);
	leave(conn);
}

static void go_on(void *ctx)
{
	run(ctx);
}

void http_conn_answered(struct http_conn *conn, bool keep, bool body_unread)
{
	bool inside = conn->entered > 0;
	conn->entered++;
	conn->last = !keep;
	if (keep && body_unread) {
		http_conn_set_state(conn, HTTP_CONN_DRAINING);
	} else {
		http_conn_go_ahead(conn);
	}
	if (!inside && conn->state != HTTP_CONN_CLOSED) {
		/* Not from within the handler's call. */
		loop_defer(conn->server->params.loop, &conn->go_on, LOOP_GATHER);
	}
	leave(conn);
}

/* ---- what the stream tells ---- */

static void on_data(void *ctx, struct bytes data)
{
	struct http_conn *conn = ctx;
	bool body = conn->state == HTTP_CONN_BODY || conn->state == HTTP_CONN_DRAINING;
	conn->entered++;
	if (body && conn->in.len == 0) {
		/* Straight from the reading buffer. */
		int err = http_body_take(conn, &data);
		if (err == ERR_AGAIN) {
			leave(conn);
			return;
		}
		buf_append_bytes(&conn->in, data);
		http_body_step(conn, err);
	} else {
		buf_append_bytes(&conn->in, data);
	}
	run(conn);
	leave(conn);
}

static void on_end(void *ctx, int err)
{
	struct http_conn *conn = ctx;
	if (err != 0) {
		http_conn_destroy(conn);
		return;
	}
	conn->ended = true;
	conn->entered++;
	if (conn->state == HTTP_CONN_HANDLING) {
		http_exchange_tell_gone(conn->exchange);
	}
	run(conn);
	leave(conn);
}

static void on_drain(void *ctx)
{
	struct http_conn *conn = ctx;
	if (stream_queued(conn->stream) > 0) {
		return;
	}
	conn->entered++;
	http_written_tell(&conn->written, stream_is_broken(conn->stream) ? ERR_CLOSED : 0);
	if (conn->state == HTTP_CONN_WRITING) {
		http_conn_go_ahead(conn);
		run(conn);
	}
	leave(conn);
}

static const struct stream_events events = {on_data, on_end, on_drain};

struct http_conn *http_conn_open(
	struct http_server *server, int fd, const char *peer, struct buf *in)
{
	struct http_conn *conn = mem_zalloc(sizeof(*conn));
	conn->server = server;
	conn->state = HTTP_CONN_NEW;
	conn->since = loop_now_us(server->params.loop);
	snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
	loop_defer_init(&conn->go_on, go_on, conn);
	list_append(&server->lists[HTTP_CONN_NEW], &conn->node);
	server->count++;
	conn->stream = stream_open(server->params.pool, fd, &events, conn);
	conn->in = *in;
	buf_init(in);
	if (conn->in.len > 0) {
		loop_defer(server->params.loop, &conn->go_on, LOOP_GATHER);
	}
	return conn;
}
