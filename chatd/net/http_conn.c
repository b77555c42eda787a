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

static void set_state(struct http_conn *conn, enum http_conn_state state)
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
	set_state(conn, HTTP_CONN_CLOSED);
	conn->server->count--;
	loop_defer_cancel(&conn->go_on);
	stream_close(&conn->stream);
	buf_finish(&conn->in);
	conn->exchange = NULL;
	if (x != NULL) {
		x->conn = NULL;
	}
	if (x != NULL && handled) {
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

/* The answer is queued. A big one leaves under the eyes of the sweep, whatever comes next. */
static void after_answer(struct http_conn *conn)
{
	if (stream_queued(conn->stream) > HTTP_WRITE_HIGH) {
		set_state(conn, HTTP_CONN_WRITING);
	} else if (conn->last) {
		close_flushed(conn);
	} else {
		set_state(conn, HTTP_CONN_IDLE);
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
	after_answer(conn);
}

/* ---- bodies ---- */

static int body_store(struct exchange *x, struct bytes piece)
{
	if (piece.len > x->body_max - x->body_buf.len) {
		return ERR_TOO_LARGE;
	}
	if (buf_try_reserve(&x->body_buf, piece.len) != 0) {
		return ERR_NOMEM;
	}
	buf_append_bytes(&x->body_buf, piece);
	return 0;
}

/* Takes what belongs to the body off the front of *input; stores it in BODY, else drops it. 0 where
 * the body is complete, ERR_AGAIN, or what http_conn_fail() is to say. */
static int body_take(struct http_conn *conn, struct bytes *input)
{
	size_t before = input->len;
	int err = 0;
	while (err == 0 && !http1_body_done(&conn->body)) {
		struct bytes piece = BYTES_NONE;
		err = http1_body_feed(&conn->body, input, &piece);
		if (err == 0 && conn->state == HTTP_CONN_BODY) {
			err = body_store(conn->exchange, piece);
		}
	}
	conn->body_got += before - input->len;
	if (conn->state == HTTP_CONN_BODY && (err == 0 || err == ERR_AGAIN) &&
		conn->body.left > conn->exchange->body_max - conn->exchange->body_buf.len) {
		return ERR_TOO_LARGE; /* a chunk that says so before it comes */
	}
	if (conn->state == HTTP_CONN_DRAINING && conn->body_got > conn->server->limits.drain_max) {
		return ERR_TOO_LARGE;
	}
	return err;
}

static void dispatch(struct http_conn *conn)
{
	const struct http_server_params *params = &conn->server->params;
	struct exchange *x = conn->exchange;
	set_state(conn, HTTP_CONN_HANDLING);
	params->handler->on_request(params->ctx, &x->public);
}

/* After body_take() in BODY. */
static bool body_arrived(struct http_conn *conn, int err)
{
	if (err == ERR_AGAIN) {
		if (conn->ended) {
			http_conn_destroy(conn);
		}
		return false;
	}
	if (err == ERR_TOO_LARGE) {
		http_conn_fail(conn, 413, "The body is too large.");
	} else if (err == ERR_NOMEM) {
		http_conn_fail(conn, 503, "Out of memory.");
	} else if (err != 0) {
		http_conn_fail(conn, 400, conn->body.reason);
	} else {
		conn->exchange->public.body = buf_bytes(&conn->exchange->body_buf);
		dispatch(conn);
	}
	return true;
}

/* After body_take() in DRAINING. */
static bool body_drained(struct http_conn *conn, int err)
{
	if (err == ERR_AGAIN && !conn->ended) {
		return false;
	}
	conn->last = conn->last || err != 0;
	after_answer(conn);
	return true;
}

static bool body_step(struct http_conn *conn, int err)
{
	return conn->state == HTTP_CONN_BODY ? body_arrived(conn, err) : body_drained(conn, err);
}

/* ---- heads ---- */

static void start_body(struct http_conn *conn)
{
	const struct http_server_params *params = &conn->server->params;
	struct exchange *x = conn->exchange;
	const struct http1_request *head = &x->public.head;
	enum http_decision decision = HTTP_READ_BODY;
	http1_body_init(&conn->body, head->framing, head->content_length);
	conn->body_got = 0;
	if (params->handler->on_head != NULL) {
		decision = params->handler->on_head(params->ctx, &x->public, &x->body_max);
	}
	if (decision == HTTP_ANSWER_NOW) {
		dispatch(conn);
	} else if (head->content_length > x->body_max) {
		http_conn_fail(conn, 413, "The body is too large.");
	} else {
		if (head->expect_continue && conn->in.len == 0) {
			stream_send_copy(conn->stream, BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
		}
		set_state(conn, HTTP_CONN_BODY);
	}
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
		dispatch(conn);
	} else {
		start_body(conn);
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
	if (conn->ended || (conn->in.len == 0 && conn->server->draining)) {
		close_flushed(conn);
	} else if (conn->in.len > 0 && conn->state == HTTP_CONN_IDLE) {
		set_state(conn, HTTP_CONN_HEAD);
	} else if (conn->in.len == 0) {
		/* Nobody knows how long it will wait. */
		buf_finish(&conn->in);
	}
	return false;
}

/* ---- the machine ---- */

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
		err = body_take(conn, &input);
		buf_consume(&conn->in, before - input.len);
		return body_step(conn, err);
	case HTTP_CONN_HANDLING:
	case HTTP_CONN_WRITING:
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
		set_state(conn, HTTP_CONN_DRAINING);
	} else {
		after_answer(conn);
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
		int err = body_take(conn, &data);
		if (err == ERR_AGAIN) {
			leave(conn);
			return;
		}
		buf_append_bytes(&conn->in, data);
		body_step(conn, err);
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
	if (conn->state == HTTP_CONN_WRITING) {
		conn->entered++;
		after_answer(conn);
		run(conn);
		leave(conn);
	}
}

static const struct stream_events events = {on_data, on_end, on_drain};

struct http_conn *http_conn_open(
	struct http_server *server, int fd, const char *peer, struct bytes early)
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
	if (early.len > 0) {
		buf_append_bytes(&conn->in, early);
		loop_defer(server->params.loop, &conn->go_on, LOOP_GATHER);
	}
	return conn;
}
