#include "chatd/net/http_conn.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chatd/net/http_internal.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/net/stream.h"

#define EXCHANGE_ARENA 4096
#define HEAD_USUAL 512 /* bytes of an answer's head, so that it grows once */

/* ---- answer heads ---- */

/* IMF-fixdate (RFC 9110 section 5.6.7), made anew once a second; not by strftime(), which would ask
 * the locale. */
static const char *date_text(struct http_server *server)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t now_s = clock_wall_ms(server->params.clock) / 1000;
	if (now_s != server->date_s || server->date[0] == '\0') {
		time_t seconds = (time_t)now_s;
		struct tm tm;
		gmtime_r(&seconds, &tm);
		server->date_s = now_s;
		snprintf(server->date, sizeof(server->date), "%s, %02u %s %04u %02u:%02u:%02u GMT",
			days[tm.tm_wday], (unsigned)tm.tm_mday % 100, months[tm.tm_mon],
			(unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
			(unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	}
	return server->date;
}

void http_answer_head(struct http_server *server, const struct http_answer *answer, struct buf *out)
{
	buf_reserve(out, HEAD_USUAL);
	http1_write_status(out, answer->status);
	http1_write_header(out, "Date", bytes_str(date_text(server)));
	if (answer->content_type != NULL) {
		http1_write_header(out, "Content-Type", bytes_str(answer->content_type));
	}
	/* RFC 9110 section 8.6: not with 204; with 304 it would speak of another answer. */
	if (answer->status != 204 && answer->status != 304 && !answer->endless) {
		http1_write_header_u64(out, "Content-Length", answer->body_len);
	}
	if (!answer->keep) {
		http1_write_header(out, "Connection", BYTES_LIT("close"));
	} else if (answer->minor == 0) {
		http1_write_header(out, "Connection", BYTES_LIT("keep-alive"));
	}
	if (answer->request_id != NULL) {
		http1_write_header(out, "X-Request-Id", bytes_str(answer->request_id));
	}
	if (answer->always != NULL) {
		buf_append_str(out, answer->always);
	}
	if (answer->extra != NULL) {
		buf_append_str(out, answer->extra);
	}
	http1_write_end(out);
	if (server->params.metrics != NULL) {
		server->params.metrics->http_requests++;
	}
}

/* ---- life of an exchange ---- */

static void gone_later(void *ctx)
{
	http_exchange_tell_gone(ctx);
}

struct exchange *http_exchange_create(
	struct http_conn *conn, const struct http1_request *head, size_t consumed)
{
	struct arena *arena = arena_create(EXCHANGE_ARENA);
	struct exchange *x = arena_alloc(arena, sizeof(*x));
	struct bytes rest = bytes_of(conn->in.data + consumed, conn->in.len - consumed);
	/* The buffer changes hands, so that the views in head stay good. */
	x->head_buf = conn->in;
	buf_init(&conn->in);
	buf_append_bytes(&conn->in, rest);
	x->conn = conn;
	x->server = conn->server;
	x->loop = conn->server->params.loop;
	x->body_max = conn->server->limits.body_max;
	x->public.head = *head;
	x->public.raw_head = bytes_of(x->head_buf.data, consumed);
	x->public.peer = arena_strdup(arena, conn->peer);
	x->public.id = (uint64_t)conn->server->params.number << 48 | ++conn->server->last_id;
	x->public.arena = arena;
	x->started_us = loop_now_us(x->loop);
	loop_defer_init(&x->gone_defer, gone_later, x);
	conn->exchange = x;
	return x;
}

void http_exchange_destroy(struct exchange *exchange)
{
	struct arena *arena = exchange->public.arena;
	if (exchange->conn != NULL) {
		exchange->conn->exchange = NULL;
	}
	if (exchange->server != NULL) {
		exchange->server->bodies -= exchange->body_buf.len;
		exchange->server->bodies_given -= exchange->public.body.len;
	}
	list_remove(&exchange->node);
	loop_defer_cancel(&exchange->gone_defer);
	buf_finish(&exchange->head_buf);
	buf_finish(&exchange->body_buf);
	arena_destroy(&arena);
}

void http_exchange_tell_gone(struct exchange *exchange)
{
	void (*gone)(void *ctx) = exchange->gone;
	exchange->gone = NULL;
	if (gone != NULL) {
		gone(exchange->gone_ctx);
	}
}

static struct exchange *exchange_of(struct http_exchange *public)
{
	return CONTAINER_OF(public, struct exchange, public);
}

/* ---- what handlers call ---- */

void http_id_format(uint64_t id, char out[HTTP_ID_SIZE])
{
	snprintf(out, HTTP_ID_SIZE, "%x-%" PRIx64, (unsigned)(id >> 48),
		id & ((UINT64_C(1) << 48) - 1));
}

void http_set_user(struct http_exchange *exchange, const struct uuid *user_id)
{
	struct exchange *x = exchange_of(exchange);
	x->user = *user_id;
	x->has_user = true;
}

static bool body_is_unread(const struct exchange *x)
{
	return x->public.head.framing != HTTP1_BODY_NONE && !http1_body_done(&x->conn->body);
}

/* Whether another request may follow on the connection. */
static bool may_keep(const struct exchange *x, bool body_unread)
{
	const struct http1_request *head = &x->public.head;
	const struct http_server *server = x->conn->server;
	if (!head->keep_alive || (server->draining && !x->public.again)) {
		return false;
	}
	/* Without its 100 a client may send the body or not: what follows could be either. */
	return !body_unread ||
	       (!head->expect_continue && head->content_length <= server->limits.drain_max);
}

/* What follows the head: bytes that are copied, or chunks that are shared; never both. */
struct answer_body {
	struct bytes bytes;
	struct chunk *const *chunks;
	size_t count;
};

static size_t answer_body_len(const struct answer_body *body)
{
	size_t len = body->bytes.len;
	for (size_t i = 0; i < body->count; i++) {
		len += body->chunks[i]->len;
	}
	return len;
}

/* body: NULL where only the head is sent. */
static void send_answer(
	struct http_conn *conn, const struct http_answer *answer, const struct answer_body *body)
{
	struct buf head = {NULL, 0, 0};
	http_answer_head(conn->server, answer, &head);
	size_t copied = body != NULL ? body->bytes.len : 0;
	struct chunk *chunk = chunk_create(head.len + copied);
	memcpy(chunk_space(chunk), head.data, head.len);
	if (copied > 0) {
		memcpy(chunk_space(chunk) + head.len, body->bytes.ptr, copied);
	}
	stream_send(conn->stream, chunk);
	chunk_unref(chunk);
	buf_finish(&head);
	for (size_t i = 0; body != NULL && i < body->count; i++) {
		stream_send(conn->stream, body->chunks[i]);
	}
}

/* A client that names its requests is told our name for this one, by which the log knows it. */
static const char *answered_id(const struct http_exchange *exchange, char id[HTTP_ID_SIZE])
{
	if (http1_header(&exchange->head.headers, "X-Request-Id") == NULL) {
		return NULL;
	}
	http_id_format(exchange->id, id);
	return id;
}

/* written: NULL or who waits for it, taken over. */
static void respond(struct exchange *x, int status, const char *content_type, const char *extra,
	const struct answer_body *body, struct http_written *written)
{
	const struct http1_request *head = &x->public.head;
	struct http_conn *conn = x->conn;
	assert(status >= 200 && status <= 599);
	if (conn == NULL) {
		http_log_answer(x, 0, 0);
		http_written_lost(&written, x->loop);
		http_exchange_destroy(x);
		return;
	}
	bool body_unread = body_is_unread(x);
	bool empty = status == 204 || status == 304;
	char id[HTTP_ID_SIZE];
	struct http_answer answer = {
		.status = status,
		.minor = head->minor,
		.keep = may_keep(x, body_unread),
		.content_type = content_type,
		.always = x->public.extra,
		.extra = extra,
		.request_id = answered_id(&x->public, id),
		.body_len = empty ? 0 : answer_body_len(body),
	};
	http_log_answer(x, status, answer.body_len);
	send_answer(conn, &answer, empty || head->method == HTTP1_HEAD ? NULL : body);
	conn->again = x->public.again;
	http_exchange_destroy(x);
	conn->written = written;
	http_conn_answered(conn, answer.keep, body_unread);
}

void http_respond(struct http_exchange *exchange, int status, const char *content_type,
	const char *extra, struct bytes body)
{
	const struct answer_body bytes = {.bytes = body};
	respond(exchange_of(exchange), status, content_type, extra, &bytes, NULL);
}

void http_respond_chunks(struct http_exchange *exchange, int status, const char *content_type,
	const char *extra, struct chunk *const *chunks, size_t count, http_written_fn written,
	void *ctx)
{
	struct exchange *x = exchange_of(exchange);
	const struct answer_body shared = {.chunks = chunks, .count = count};
	struct http_written *waits = http_written_create(x->server, written, ctx);
	respond(x, status, content_type, extra, &shared, waits);
}

void http_abort(struct http_exchange *exchange)
{
	struct exchange *x = exchange_of(exchange);
	struct http_conn *conn = x->conn;
	http_log_answer(x, 0, 0);
	http_exchange_destroy(x);
	if (conn != NULL) {
		stream_reset(&conn->stream);
		http_conn_destroy(conn);
	}
}

/* Whether the stream can be given away. */
static int may_give_away(const struct http_exchange *exchange)
{
	if (http_is_gone(exchange)) {
		return ERR_CLOSED;
	}
	return body_is_unread(CONTAINER_OF(exchange, const struct exchange, public))
		       ? ERR_BAD_REQUEST
		       : 0;
}

static struct stream *give_away(struct exchange *x, int status, struct bytes head)
{
	struct http_conn *conn = x->conn;
	struct stream *stream = conn->stream;
	conn->stream = NULL;
	if (head.len > 0) {
		stream_send_copy(stream, head);
	}
	if (conn->paused) {
		stream_resume(stream);
	}
	http_log_answer(x, status, 0);
	http_exchange_destroy(x);
	http_conn_destroy(conn);
	return stream;
}

int http_upgrade(struct http_exchange *exchange, struct bytes head, struct stream **ret_stream,
	struct buf *rest)
{
	int err = may_give_away(exchange);
	if (err == 0) {
		struct exchange *x = exchange_of(exchange);
		buf_append_bytes(rest, buf_bytes(&x->conn->in));
		*ret_stream = give_away(x, 101, head);
	}
	return err;
}

int http_respond_endless(struct http_exchange *exchange, const char *content_type,
	const char *extra, struct stream **ret_stream)
{
	struct exchange *x = exchange_of(exchange);
	int err = may_give_away(exchange);
	if (err != 0) {
		return err;
	}
	char id[HTTP_ID_SIZE];
	struct buf head = {NULL, 0, 0};
	struct http_answer answer = {
		.status = 200,
		.minor = exchange->head.minor,
		.content_type = content_type,
		.always = exchange->extra,
		.extra = extra,
		.request_id = answered_id(exchange, id),
		.endless = true,
	};
	http_answer_head(x->conn->server, &answer, &head);
	*ret_stream = give_away(x, 200, buf_bytes(&head));
	buf_finish(&head);
	return 0;
}

void http_on_gone(struct http_exchange *exchange, void (*gone)(void *ctx), void *ctx)
{
	struct exchange *x = exchange_of(exchange);
	x->gone = gone;
	x->gone_ctx = ctx;
	if (gone != NULL && http_is_gone(exchange)) {
		loop_defer(x->loop, &x->gone_defer, LOOP_GATHER);
	} else if (gone != NULL) {
		stream_probe(x->conn->stream);
	}
}

bool http_lacks_body(const struct http_exchange *exchange)
{
	const struct exchange *x = CONTAINER_OF(exchange, const struct exchange, public);
	return x->conn != NULL && body_is_unread(x);
}

bool http_is_gone(const struct http_exchange *exchange)
{
	const struct exchange *x = CONTAINER_OF(exchange, const struct exchange, public);
	return x->conn == NULL || x->conn->ended;
}
