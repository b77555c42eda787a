#include "lib/client/http_line.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/wire/http1_body.h"

enum line_state {
	LINE_IDLE, /* nothing is asked; the stream is there or not */
	LINE_CONNECTING, /* connect and request are set, no stream yet */
	LINE_HEAD, /* the request is sent; no whole head yet */
	LINE_BODY, /* the head was handed on */
	LINE_CLOSED, /* only the memory is left, for a caller up the stack */
};

struct http_line {
	enum line_state state;
	uint32_t busy; /* depth of our own functions on the stack: no free meanwhile */
	struct stream_pool *pool;
	char *peer;
	const struct http_line_events *events;
	void *ctx;
	struct stream_connect *connect; /* CONNECTING */
	struct chunk *request; /* CONNECTING */
	struct stream *stream;
	bool keep_alive; /* BODY: the answer lets the connection stay */
	struct http1_parser parser;
	struct http1_body body;
	struct buf head; /* bytes of an unfinished head */
	struct loop_timer *timer;
};

/* ---- lifetime ---- */

static void set_state(struct http_line *line, enum line_state state)
{
	assert(line->state != LINE_CLOSED);
	line->state = state;
}

static void line_enter(struct http_line *line)
{
	line->busy++;
}

static void line_leave(struct http_line *line)
{
	if (--line->busy == 0 && line->state == LINE_CLOSED) {
		loop_timer_destroy(&line->timer);
		free(line->peer);
		free(line);
	}
}

/* Forgets the connection and what was asked on it. */
static void line_drop(struct http_line *line)
{
	stream_connect_cancel(&line->connect);
	stream_close(&line->stream);
	if (line->request != NULL) {
		chunk_unref(line->request);
		line->request = NULL;
	}
	buf_finish(&line->head);
	line->parser = (struct http1_parser){0};
	loop_timer_cancel(line->timer);
}

static void line_fail(struct http_line *line, int err, const char *text)
{
	line_drop(line);
	set_state(line, LINE_IDLE);
	line->events->on_fail(line->ctx, err, text);
}

static void on_timer(void *ctx)
{
	struct http_line *line = ctx;
	line_enter(line);
	line_fail(line, ERR_TIMEOUT, "the server does not answer");
	line_leave(line);
}

/* ---- answers ---- */

/* The answer is whole; more came behind it, though nothing was asked. */
static void line_done(struct http_line *line, bool more)
{
	loop_timer_cancel(line->timer);
	if (!line->keep_alive || more) {
		stream_close(&line->stream);
	}
	set_state(line, LINE_IDLE);
	line->events->on_done(line->ctx);
}

static void line_read_body(struct http_line *line, struct bytes input)
{
	struct bytes piece;
	while (line->state == LINE_BODY && !http1_body_done(&line->body)) {
		int err = http1_body_feed(&line->body, &input, &piece);
		if (err == ERR_AGAIN) {
			return;
		}
		if (err != 0) {
			line_fail(line, ERR_BAD_REQUEST, "what answers there speaks no HTTP");
			return;
		}
		if (piece.len > 0) {
			line->events->on_body(line->ctx, piece);
		}
	}
	if (line->state == LINE_BODY) {
		line_done(line, input.len > 0);
	}
}

/* Others may be there, but not here: who asks for another protocol takes the stream. */
static void line_switched(
	struct http_line *line, const struct http1_response *response, struct bytes rest)
{
	struct stream *stream = line->stream;
	if (line->events->on_switched == NULL) {
		line_fail(line, ERR_BAD_REQUEST, "what answers there is no SignalR server");
		return;
	}
	line->stream = NULL;
	line_drop(line);
	set_state(line, LINE_IDLE);
	line->events->on_switched(line->ctx, response, stream, rest);
}

static void line_answered(
	struct http_line *line, const struct http1_response *response, struct bytes rest)
{
	if (response->status == 101) {
		line_switched(line, response, rest);
		return;
	}
	set_state(line, LINE_BODY);
	line->keep_alive = response->keep_alive && response->framing != HTTP1_BODY_UNTIL_CLOSE;
	http1_body_init(&line->body, response->framing, response->content_length);
	line->events->on_head(line->ctx, response);
	if (line->state == LINE_BODY) {
		line_read_body(line, rest);
	}
}

/* input views held, where something is kept of a head before. */
static void line_read_head(struct http_line *line, struct bytes input, struct buf *held)
{
	struct http1_response response;
	size_t used;
	for (;;) {
		int err = http1_response_parse(
			&line->parser, input, &http1_limits_default, false, &response, &used);
		if (err == ERR_AGAIN) {
			break;
		}
		if (err != 0) {
			line_fail(line, ERR_BAD_REQUEST, "what answers there speaks no HTTP");
			return;
		}
		struct bytes rest = bytes_of(input.ptr + used, input.len - used);
		if (response.status >= 200 || response.status == 101) {
			line_answered(line, &response, rest);
			return;
		}
		input = rest;
	}
	if (held->len > 0 && input.ptr == held->data) {
		line->head = *held;
		*held = (struct buf){0};
	} else {
		buf_append_bytes(&line->head, input);
	}
}

/* ---- the stream ---- */

static void on_data(void *ctx, struct bytes data)
{
	struct http_line *line = ctx;
	struct buf held = line->head;
	line_enter(line);
	line->head = (struct buf){0};
	if (held.len > 0) {
		buf_append_bytes(&held, data);
		data = buf_bytes(&held);
	}
	if (line->state == LINE_HEAD) {
		line_read_head(line, data, &held);
	} else if (line->state == LINE_BODY) {
		line_read_body(line, data);
	} else {
		stream_close(&line->stream); /* nothing was asked */
	}
	buf_finish(&held);
	line_leave(line);
}

static void on_end(void *ctx, int err)
{
	struct http_line *line = ctx;
	line_enter(line);
	if (line->state == LINE_IDLE) {
		stream_close(&line->stream);
	} else if (err == 0 && line->state == LINE_BODY && http1_body_may_close(&line->body)) {
		line_done(line, false);
	} else {
		line_fail(
			line, ERR_CLOSED, "the connection was lost before the server had answered");
	}
	line_leave(line);
}

static const struct stream_events stream_events = {.on_data = on_data, .on_end = on_end};

static void on_connected(void *ctx, int err, struct stream *stream)
{
	struct http_line *line = ctx;
	line->connect = NULL;
	line_enter(line);
	if (err != 0) {
		line_fail(line, ERR_UNREACHABLE, "nobody answers at that address");
	} else {
		line->stream = stream;
		stream_want_drain(stream, false);
		stream_send(stream, line->request);
		chunk_unref(line->request);
		line->request = NULL;
		set_state(line, LINE_HEAD);
	}
	line_leave(line);
}

/* ---- public ---- */

struct http_line *http_line_create(struct stream_pool *pool, const char *peer,
	const struct http_line_events *events, void *ctx)
{
	struct http_line *line = mem_zalloc(sizeof(*line));
	line->pool = pool;
	line->peer = mem_strdup(peer);
	line->events = events;
	line->ctx = ctx;
	line->timer = loop_timer_create(stream_pool_loop(pool), on_timer, line);
	return line;
}

void http_line_close(struct http_line **line)
{
	struct http_line *l = *line;
	if (l == NULL) {
		return;
	}
	*line = NULL;
	line_enter(l);
	line_drop(l);
	set_state(l, LINE_CLOSED);
	line_leave(l);
}

void http_line_goodbye(struct http_line **line, struct bytes requests, uint64_t limit_us)
{
	struct http_line *l = *line;
	if (requests.len > 0 && l->stream != NULL) {
		stream_send_copy(l->stream, requests);
		stream_close_answered(&l->stream, limit_us);
	} else if (requests.len > 0) {
		struct buf all = {0};
		if (l->request != NULL) {
			buf_append(&all, l->request->data, l->request->len);
		}
		buf_append_bytes(&all, requests);
		stream_farewell(l->pool, bytes_str(l->peer), buf_bytes(&all), limit_us);
		buf_finish(&all);
	}
	http_line_close(line);
}

void http_line_leave(struct http_line **line, uint64_t limit_us)
{
	stream_close_answered(&(*line)->stream, limit_us);
	http_line_close(line);
}

int http_line_ask(struct http_line *line, struct bytes request, uint64_t timeout_us)
{
	assert(line->state == LINE_IDLE);
	if (line->stream != NULL) {
		stream_send_copy(line->stream, request);
		set_state(line, LINE_HEAD);
	} else {
		int err = stream_connect_start(line->pool, bytes_str(line->peer), 0, &stream_events,
			line, on_connected, line, &line->connect);
		if (err != 0) {
			return err;
		}
		line->request = chunk_copy(request);
		set_state(line, LINE_CONNECTING);
	}
	if (timeout_us > 0) {
		loop_timer_set(line->timer, timeout_us);
	}
	return 0;
}

bool http_line_is_asking(const struct http_line *line)
{
	return line->state != LINE_IDLE;
}
