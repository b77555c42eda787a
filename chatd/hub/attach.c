#include "chatd/hub/attach.h"

#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/limits.h"
#include "chatd/conn/claims.h"
#include "chatd/conn/conn_log.h"
#include "chatd/conn/conns.h"
#include "chatd/hub/admission.h"
#include "chatd/hub/hub.h"
#include "chatd/hub/request.h"
#include "chatd/transport/longpoll.h"
#include "chatd/transport/sse.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

/* Hub messages of the greatest length, and the least of all. */
#define INPUT_MESSAGES 16
#define INPUT_MIN ((size_t)1024 * 1024)
/* What waits for transports that may never come has this part of send_memory, and this at least. */
#define WAITING_PART 8
#define WAITING_MIN ((size_t)1024 * 1024)

size_t attach_input_max(const struct conf *conf)
{
	size_t max = conf->hub.max_message_size * INPUT_MESSAGES;
	return max < INPUT_MIN ? INPUT_MIN : max;
}

/* ---- starting ---- */

/* Whether a transport may take the id: it is new, or only POSTs came for it. */
static bool is_free(
	const struct services *sv, const struct claim *claim, const struct conn_token *token)
{
	return claim != NULL ? claim->state == CLAIM_WAITING : request_is_fresh(sv, token);
}

/* The hub connection begins, with the place that was taken for it. */
static struct conn *start(struct services *sv, struct transport *transport,
	struct principal *principal, const struct conn_token *token, uint64_t request,
	const char *peer)
{
	struct conn *conn = conn_open(sv, transport, principal, &token->id, &hub_conn_events);
	conn_log_opened(conn, request, peer);
	return conn;
}

/* A place for one more connection; else it was answered. */
static bool may_start(struct services *sv, struct http_exchange *exchange)
{
	return !admission_is_draining(sv, exchange) && !admission_is_early(sv, exchange, true) &&
	       admission_enter(sv, exchange);
}

static void refuse_id(struct http_exchange *exchange, const struct claim *claim, const char *extra)
{
	if (claim == NULL || claim->state == CLAIM_ENDED) {
		inbox_no_connection(exchange, extra);
	} else {
		request_refuse_transport(exchange, extra);
	}
}

/* ---- server-sent events ---- */

bool attach_wants_events(const struct http_exchange *exchange)
{
	return http1_header_has_token(&exchange->head.headers, "Accept", SSE_CONTENT_TYPE);
}

static void start_events(struct services *sv, struct http_exchange *exchange,
	struct principal *principal, const struct conn_token *token, struct claim *claim)
{
	struct stream *stream = NULL;
	const uint64_t request = exchange->id;
	char peer[HTTP_PEER_SIZE];
	snprintf(peer, sizeof(peer), "%s", exchange->peer);
	int err = http_respond_endless(exchange, SSE_CONTENT_TYPE, SSE_HEADERS, &stream);
	if (err != 0) {
		limits_leave(sv->limits);
		http_respond(exchange, 400, "text/plain", NULL,
			BYTES_LIT("A request for events has no body and is not half closed"));
		return;
	}
	struct transport *transport = sse_open(sv->loop, stream, sv->conf->hub.close_timeout_us);
	struct conn *conn = start(sv, transport, principal, token, request, peer);
	conn->has_claim = true;
	conn->claim_worker = sv->worker;
	claims_take(sv->claims, claim, &token->id, CLAIM_EVENTS, transport, sse_inbox(transport));
	inbox_start(sse_inbox(transport), transport);
}

void attach_events(struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	struct conn_token token;
	if (!request_admit(sv, exchange, principal, NULL, &token) ||
		request_moves(sv, exchange, token.worker)) {
		return;
	}
	struct claim *claim = claims_find(sv->claims, &token.id);
	if (claim != NULL && claim->state == CLAIM_EVENTS) {
		http_respond(exchange, 409, "text/plain", NULL, BYTES_NONE);
	} else if (!is_free(sv, claim, &token)) {
		refuse_id(exchange, claim, NULL);
	} else if (may_start(sv, exchange)) {
		start_events(sv, exchange, principal, &token, claim);
	}
}

/* ---- long polling ---- */

/* Whose id ends with its transport, which may outlive the hub connection. */
struct polled {
	struct services *sv;
	struct uuid id;
};

static void on_polls_ended(void *ctx)
{
	struct polled *polled = ctx;
	struct services *sv = polled->sv;
	if (sv->claims != NULL) {
		claims_end(sv, sv->worker, &polled->id, sv->conf->limits.connect_timeout_us);
	}
	free(polled);
}

static void start_polls(struct services *sv, struct http_exchange *exchange,
	struct principal *principal, const struct conn_token *token, struct claim *claim)
{
	struct polled *polled = mem_alloc(sizeof(*polled));
	*polled = (struct polled){sv, token->id};
	struct transport *transport = longpoll_open(sv->polls, on_polls_ended, polled);
	start(sv, transport, principal, token, exchange->id, exchange->peer);
	claims_take(
		sv->claims, claim, &token->id, CLAIM_POLLS, transport, longpoll_inbox(transport));
	inbox_start(longpoll_inbox(transport), transport);
	longpoll_take(transport, exchange);
}

/* Each poll may bring a newer token of the same user. */
static void renew(struct services *sv, const struct uuid *id, struct principal *principal)
{
	struct conn *conn = conns_find(sv->conns, id);
	if (conn != NULL && conn->principal != principal &&
		principal->expires_ms > conn->principal->expires_ms) {
		conn_set_principal(conn, principal);
	}
}

void attach_poll(struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	struct conn_token token;
	if (!request_admit(sv, exchange, principal, LONGPOLL_HEADERS, &token) ||
		request_moves(sv, exchange, token.worker)) {
		return;
	}
	struct claim *claim = claims_find(sv->claims, &token.id);
	if (claim != NULL && claim->state == CLAIM_POLLS) {
		renew(sv, &token.id, principal);
		longpoll_take(claim->transport, exchange);
	} else if (!is_free(sv, claim, &token)) {
		refuse_id(exchange, claim, LONGPOLL_HEADERS);
	} else if (may_start(sv, exchange)) {
		start_polls(sv, exchange, principal, &token, claim);
	}
}

static void refuse_delete(struct http_exchange *exchange)
{
	http_respond(exchange, 400, "text/plain", NULL,
		BYTES_LIT("Cannot terminate this connection using the DELETE endpoint."));
}

void attach_delete(struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	struct conn_token token;
	if (!request_admit(sv, exchange, principal, NULL, &token) ||
		request_moves(sv, exchange, token.worker)) {
		return;
	}
	struct claim *claim = claims_find(sv->claims, &token.id);
	if (claim != NULL && claim->state == CLAIM_POLLS) {
		longpoll_delete(claim->transport, exchange);
	} else if (claim != NULL ? claim->state == CLAIM_ENDED : !request_is_fresh(sv, &token)) {
		inbox_no_connection(exchange, NULL);
	} else {
		refuse_delete(exchange);
	}
}

/* ---- what clients send ---- */

static bool is_encoded(const struct http_exchange *exchange)
{
	return http1_header(&exchange->head.headers, "Content-Encoding") != NULL;
}

bool attach_wants_body(
	struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	struct conn_token token;
	if (is_encoded(exchange) || !request_is_good(sv, exchange, principal, &token) ||
		token.worker != sv->worker) {
		return false;
	}
	const struct claim *claim = claims_find(sv->claims, &token.id);
	return claim != NULL ? claim->state != CLAIM_SOCKET && claim->state != CLAIM_ENDED
			     : request_is_fresh(sv, &token);
}

static struct inbox *inbox_of(const struct claim *claim)
{
	switch (claim->state) {
	case CLAIM_WAITING:
		return claim->waiting;
	case CLAIM_EVENTS:
		return sse_inbox(claim->transport);
	case CLAIM_POLLS:
		return longpoll_inbox(claim->transport);
	case CLAIM_SOCKET:
	case CLAIM_ENDED:
		break;
	}
	return NULL;
}

/* Ids that were negotiated cost nothing here; what is kept for them is bounded for all together, so
 * that it does not matter how many there are. */
static bool has_room(const struct services *sv, size_t len)
{
	size_t max = sv->conf->limits.send_memory / sv->worker_count / WAITING_PART;
	size_t held = claims_held(sv->claims);
	max = max < WAITING_MIN ? WAITING_MIN : max;
	return held < max && len <= max - held;
}

/* A body that comes before its transport. */
static void keep_early(struct services *sv, struct http_exchange *exchange,
	const struct conn_token *token, struct claim *claim)
{
	if (!has_room(sv, exchange->body.len)) {
		http_respond(exchange, 503, "text/plain", "Retry-After: 1\r\n",
			BYTES_LIT("Too much is waiting for connections that are not there yet"));
		return;
	}
	if (claim == NULL) {
		claim = claims_wait(sv->claims, &token->id, sv->conf->limits.connect_timeout_us);
	}
	/* It may be refused there. */
	size_t before = inbox_held(claim->waiting);
	inbox_take(claim->waiting, exchange);
	claims_hold(sv->claims, claim, inbox_held(claim->waiting) - before);
}

/* What the head was judged by may be otherwise now: then the body that is wanted is not there. */
static bool lacks_body(struct http_exchange *exchange)
{
	bool lacks = http_lacks_body(exchange);
	if (lacks) {
		http_respond(exchange, 503, "text/plain", "Retry-After: 1\r\n",
			BYTES_LIT("The body was not read"));
	}
	return lacks;
}

static void post_to(struct services *sv, struct http_exchange *exchange,
	const struct conn_token *token, struct claim *claim)
{
	if (claim != NULL ? claim->state == CLAIM_WAITING : request_is_fresh(sv, token)) {
		if (!lacks_body(exchange)) {
			keep_early(sv, exchange, token, claim);
		}
	} else if (claim == NULL || claim->state == CLAIM_ENDED) {
		inbox_no_connection(exchange, NULL);
	} else if (claim->state == CLAIM_SOCKET) {
		http_respond(exchange, 405, "text/plain", NULL,
			BYTES_LIT("POST requests are not allowed for WebSocket connections."));
	} else if (!lacks_body(exchange)) {
		inbox_take(inbox_of(claim), exchange);
	}
}

void attach_post(struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	struct conn_token token;
	if (!request_admit(sv, exchange, principal, NULL, &token)) {
		return;
	}
	if (is_encoded(exchange)) {
		http_respond(exchange, 415, "text/plain", "Accept-Encoding: identity\r\n",
			BYTES_LIT("Bodies with a Content-Encoding are not taken"));
		return;
	}
	if (!request_moves(sv, exchange, token.worker)) {
		post_to(sv, exchange, &token, claims_find(sv->claims, &token.id));
	}
}
