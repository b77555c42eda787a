#include "chatd/net/http_internal.h"
#include "lib/base/err.h"
#include "lib/net/stream.h"

static const char bodies_full[] = "Too many bodies of requests are under way.";

/* What all bodies together may still grow by. */
static uint64_t bodies_room(const struct http_server *server)
{
	size_t max = server->limits.bodies_max;
	if (max == 0) {
		return UINT64_MAX;
	}
	return server->bodies < max ? max - server->bodies : 0;
}

/* Of the connections that gather a body the one with the most of it, where that is more than len.
 * NULL: there is none. */
static struct http_conn *find_larger(const struct http_server *server, uint64_t len)
{
	struct http_conn *largest = NULL;
	LIST_FOREACH (&server->lists[HTTP_CONN_BODY], node) {
		struct http_conn *conn = CONTAINER_OF(node, struct http_conn, node);
		if (conn->exchange->body_buf.len > len) {
			len = conn->exchange->body_buf.len;
			largest = conn;
		}
	}
	return largest;
}

/* Room for so much more of a body that then has len bytes. Where there is none larger ones give
 * way: a few that never end would keep all small ones out. */
static bool make_room(struct http_server *server, uint64_t more, uint64_t len)
{
	while (more > bodies_room(server)) {
		struct http_conn *larger = find_larger(server, len);
		if (larger == NULL) {
			return false;
		}
		http_conn_fail(larger, 503, bodies_full);
	}
	return true;
}

static int body_store(struct exchange *x, struct bytes piece)
{
	if (piece.len > x->body_max - x->body_buf.len) {
		return ERR_TOO_LARGE;
	}
	if (!make_room(x->server, piece.len, x->body_buf.len + piece.len)) {
		return ERR_BUSY;
	}
	if (buf_try_reserve(&x->body_buf, piece.len) != 0) {
		return ERR_NOMEM;
	}
	buf_append_bytes(&x->body_buf, piece);
	x->server->bodies += piece.len;
	return 0;
}

/* Takes what belongs to the body off the front of *input; stores it in BODY, else drops it. 0 where
 * the body is complete, ERR_AGAIN, or what http_conn_fail() is to say. */
int http_body_take(struct http_conn *conn, struct bytes *input)
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

/* After http_body_take() in BODY. */
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
	} else if (err == ERR_BUSY) {
		http_conn_fail(conn, 503, bodies_full);
	} else if (err == ERR_NOMEM) {
		http_conn_fail(conn, 503, "Out of memory.");
	} else if (err != 0) {
		http_conn_fail(conn, 400, conn->body.reason);
	} else {
		conn->exchange->public.body = buf_bytes(&conn->exchange->body_buf);
		conn->server->bodies_given += conn->exchange->body_buf.len;
		http_conn_dispatch(conn);
	}
	return true;
}

/* After http_body_take() in DRAINING. */
static bool body_drained(struct http_conn *conn, int err)
{
	if (err == ERR_AGAIN && !conn->ended) {
		return false;
	}
	conn->last = conn->last || err != 0;
	http_conn_go_ahead(conn);
	return true;
}

bool http_body_step(struct http_conn *conn, int err)
{
	return conn->state == HTTP_CONN_BODY ? body_arrived(conn, err) : body_drained(conn, err);
}

void http_body_start(struct http_conn *conn)
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
		http_conn_dispatch(conn);
	} else if (head->content_length > x->body_max) {
		http_conn_fail(conn, 413, "The body is too large.");
	} else if (!make_room(conn->server, head->content_length, head->content_length)) {
		http_conn_fail(conn, 503, bodies_full);
	} else {
		if (head->expect_continue && conn->in.len == 0) {
			stream_send_copy(conn->stream, BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
		}
		http_conn_set_state(conn, HTTP_CONN_BODY);
	}
}

bool http_bodies_crowd(const struct http_exchange *exchange)
{
	const struct exchange *x = CONTAINER_OF(exchange, const struct exchange, public);
	const struct http_server *server = x->server;
	return server != NULL && server->limits.bodies_max != 0 &&
	       server->bodies_given > server->limits.bodies_max / 2;
}
