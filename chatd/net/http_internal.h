/* What the files of the HTTP server share; nobody else includes it. */
#ifndef CHATD_NET_HTTP_INTERNAL_H
#define CHATD_NET_HTTP_INTERNAL_H

#include "chatd/net/http_conn.h"
#include "lib/base/list.h"
#include "lib/loop/loop.h"
#include "lib/wire/http1_body.h"

/* How long a connection may take to read the rest of an answer after which it is closed. */
#define HTTP_LINGER_US 5000000
/* Above this many bytes in the send queue no further request is looked at. */
#define HTTP_WRITE_HIGH ((size_t)64 * 1024)
#define HTTP_DATE_SIZE 32

enum http_conn_state {
	HTTP_CONN_NEW, /* the first head is awaited since the accept */
	HTTP_CONN_IDLE, /* between two requests, no byte of the next one is there */
	HTTP_CONN_HEAD, /* part of a later head is there */
	HTTP_CONN_BODY, /* exchange is ours still: its body is being gathered */
	HTTP_CONN_HANDLING, /* exchange is with the handler */
	HTTP_CONN_WRITING, /* the last answer fills the send queue */
	HTTP_CONN_DRAINING, /* answered; the rest of the body is read and dropped */
	HTTP_CONN_CLOSED, /* on no list, without stream; memory for a caller up the stack */
};

/* One connection; on server->lists[state], in the order in which they came there. */
struct http_conn {
	struct list_node node;
	struct http_server *server;
	struct stream *stream;
	struct exchange *exchange; /* BODY and HANDLING */
	struct http_written *written; /* WRITING and DRAINING: who waits for the answer to be out */
	struct buf in; /* read and not used yet */
	struct http1_parser parser;
	struct http1_body body; /* BODY, DRAINING, and HANDLING where it is unread */
	uint64_t body_got; /* bytes of the connection that went into it */
	uint64_t since; /* loop time at which it came into its state */
	struct loop_defer go_on; /* pipelined requests, after an answer that came later */
	uint8_t state; /* enum http_conn_state */
	uint8_t entered; /* depth of our own functions that still use it */
	bool ended : 1; /* the peer has ended its side */
	bool last : 1; /* closes as soon as the answer is out */
	bool paused : 1; /* enough was read ahead */
	bool again : 1; /* what its last exchange said */
	char peer[HTTP_PEER_SIZE];
};

/* What is behind a struct http_exchange; lives on its own arena. */
struct exchange {
	struct http_exchange public;
	struct list_node node; /* on server->orphans when the connection has gone */
	struct http_conn *conn; /* NULL when the connection has gone */
	struct http_server *server; /* NULL when it has gone too */
	struct loop *loop;
	struct buf head_buf; /* raw_head and maybe more */
	struct buf body_buf;
	size_t body_max;
	uint64_t started_us;
	struct uuid user; /* where has_user */
	bool has_user;
	void (*gone)(void *ctx); /* NULL before it is set and after it was called */
	void *gone_ctx;
	struct loop_defer gone_defer; /* for a gone that is set too late */
};

struct http_server {
	struct http_server_params params;
	struct http_limits limits;
	struct list lists[HTTP_CONN_CLOSED];
	struct list orphans; /* exchanges that are with the handler, without a connection */
	struct list written; /* struct http_written that were not told yet */
	size_t count;
	size_t bodies; /* bytes in body_buf of all exchanges */
	size_t bodies_given; /* of them those that are complete: with the handler */
	uint64_t last_id;
	struct loop_timer *sweep;
	bool draining;
	char date[HTTP_DATE_SIZE]; /* of date_s */
	int64_t date_s;
};

/* ---- http_conn.c ---- */

/* A connection in state NEW that takes over the bytes that were read already. */
struct http_conn *http_conn_open(
	struct http_server *server, int fd, const char *peer, struct buf *in);
void http_conn_set_state(struct http_conn *conn, enum http_conn_state state);
/* Closes it at once; an exchange of the handler's is told. Frees it, unless it is in use up the
 * stack. */
void http_conn_destroy(struct http_conn *conn);
/* Closes it behind the answers that are queued; unless a request is waiting, which will be the
 * last. Only in IDLE. */
void http_conn_close_idle(struct http_conn *conn);
/* Answers with status and text, closes. Not for HANDLING. */
void http_conn_fail(struct http_conn *conn, int status, const char *text);
/* After the answer to its exchange was queued: on to the next request, or to the end. */
void http_conn_answered(struct http_conn *conn, bool keep, bool body_unread);

/* Its request is complete, as far as the handler wants it: calls him. */
void http_conn_dispatch(struct http_conn *conn);
/* The answer is queued and its request was read: into the state that follows, or to the end. */
void http_conn_go_ahead(struct http_conn *conn);

/* ---- http_body.c ---- */

/* The head announces a body: asks the handler, and for the body. */
void http_body_start(struct http_conn *conn);
/* Takes what belongs to the body off the front of *input; stores it in BODY, else (DRAINING) drops
 * it. The result is for http_body_step(). */
int http_body_take(struct http_conn *conn, struct bytes *input);
/* What follows from it; whether there may be more to do. */
bool http_body_step(struct http_conn *conn, int err);

/* ---- http_written.c ---- */

/* One that waits for an answer to be out; NULL where fn is. server may be NULL. */
struct http_written *http_written_create(struct http_server *server, http_written_fn fn, void *ctx);
/* Calls it and sets the pointer NULL, which it may be before. Not within what handlers call. */
void http_written_tell(struct http_written **written, int err);
/* The same with ERR_CLOSED, but later in this turn. */
void http_written_lost(struct http_written **written, struct loop *loop);
/* The same for all of a server, now. */
void http_written_lose_all(struct http_server *server);

/* ---- http_server.c ---- */

/* A connection has come: deadlines are looked at from now on. */
void http_server_arm(struct http_server *server);

/* ---- http_exchange.c ---- */

/* The head in conn->in, consumed bytes long, becomes an exchange of conn with raw_head, head, peer;
 * bytes behind it stay in conn->in. */
struct exchange *http_exchange_create(
	struct http_conn *conn, const struct http1_request *head, size_t consumed);
void http_exchange_destroy(struct exchange *exchange);
/* Calls gone, if it is set and was not called yet. */
void http_exchange_tell_gone(struct exchange *exchange);

/* Appends a whole answer head; keep: without Connection: close. minor: of the request. */
struct http_answer {
	int status;
	int minor;
	bool keep;
	const char *content_type; /* or NULL */
	const char *always; /* or NULL: lines before extra */
	const char *extra; /* or NULL */
	const char *request_id; /* or NULL */
	size_t body_len;
	bool endless; /* the body ends with the connection: no length is told */
};
void http_answer_head(
	struct http_server *server, const struct http_answer *answer, struct buf *out);

/* ---- http_log.c ---- */

/* One line at LOG_DEBUG for each exchange that ends: status 0 where it was broken off. Of the query
 * only numbers are shown. */
void http_log_answer(const struct exchange *exchange, int status, size_t bytes);

#endif
