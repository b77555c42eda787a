#include "chatd/hub/upgrade.h"

#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/conn_token.h"
#include "chatd/auth/limits.h"
#include "chatd/conn/claims.h"
#include "chatd/conn/conn.h"
#include "chatd/conn/conn_log.h"
#include "chatd/hub/admission.h"
#include "chatd/hub/hub.h"
#include "chatd/transport/ws.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/store/store.h"
#include "lib/wire/target.h"
#include "lib/wire/ws.h"

/* An upgrade whose connection id is being asked for at the token's worker. */
struct pending_upgrade {
	struct services *sv;
	struct http_exchange *exchange;
	struct principal *principal;
	struct conn_token token;
};

static void no_connection(struct http_exchange *exchange, const char *content_type)
{
	http_respond(exchange, 404, content_type, NULL, BYTES_LIT("No Connection with that ID"));
}

/* The secret id in the query: 0 with len 0 where it is missing or empty; a repeated one matches
 * nothing. */
static struct bytes find_id(struct http_exchange *exchange)
{
	struct bytes id = BYTES_NONE;
	size_t count;
	if (target_query_get(exchange->query, "id", exchange->arena, &id, &count) != 0) {
		return BYTES_NONE;
	}
	return id;
}

static int open_token(const struct services *sv, struct bytes id, struct conn_token *ret_token)
{
	struct bytes secret = bytes_of(sv->store->fleet_secret, sizeof(sv->store->fleet_secret));
	int err = conn_token_open(secret, id, ret_token);
	if (err == 0 && (ret_token->incarnation != sv->incarnation ||
				ret_token->worker >= sv->worker_count)) {
		err = ERR_NOT_FOUND; /* of another process, or of this one before its restart */
	}
	return err;
}

static void write_head(struct buf *head, const struct http_exchange *exchange)
{
	const struct bytes *key = http1_header(&exchange->head.headers, "Sec-WebSocket-Key");
	char accept[WS_ACCEPT_SIZE];
	ws_accept_key(*key, accept);
	buf_printf(head,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Accept: %s\r\n\r\n",
		accept);
}

/* From here on it is a hub connection, with the place that was taken for it. claim: where its id
 * was claimed, or NULL. */
static int upgrade_finish(struct services *sv, struct http_exchange *exchange,
	struct principal *principal, const struct uuid *id, const struct conn_token *claim)
{
	struct buf head = {0};
	struct buf rest = {0};
	struct stream *stream = NULL;
	const uint64_t request = exchange->id;
	char peer[HTTP_PEER_SIZE];
	snprintf(peer, sizeof(peer), "%s", exchange->peer);
	write_head(&head, exchange);
	int err = http_upgrade(exchange, buf_bytes(&head), &stream, &rest);
	buf_finish(&head);
	if (err != 0) {
		limits_leave(sv->limits);
		http_respond(
			exchange, 400, "text/plain", NULL, BYTES_LIT("An upgrade carries no body"));
		return err;
	}
	struct transport *transport = ws_open(sv->sockets, stream);
	struct conn *conn = conn_open(sv, transport, principal, id, &hub_conn_events);
	conn_log_opened(conn, request, peer);
	conn->has_claim = claim != NULL;
	conn->claim_worker = claim != NULL ? claim->worker : 0;
	ws_start(transport, buf_bytes(&rest));
	buf_finish(&rest);
	return 0;
}

static void on_claimed(void *ctx, enum claim_answer answer)
{
	struct pending_upgrade *pending = ctx;
	struct services *sv = pending->sv;
	switch (answer) {
	case CLAIM_GRANTED:
		if (upgrade_finish(sv, pending->exchange, pending->principal, &pending->token.id,
			    &pending->token) != 0) {
			claims_end(sv, pending->token.worker, &pending->token.id,
				sv->conf->limits.connect_timeout_us);
		}
		break;
	case CLAIM_LIVE:
		limits_leave(sv->limits);
		http_respond(pending->exchange, 409, "text/plain", NULL, BYTES_NONE);
		break;
	case CLAIM_ENDED:
		limits_leave(sv->limits);
		no_connection(pending->exchange, NULL);
		break;
	}
	principal_unref(&pending->principal);
	free(pending);
}

static void ask_claim(struct services *sv, struct http_exchange *exchange,
	struct principal *principal, const struct conn_token *token)
{
	struct pending_upgrade *pending = mem_zalloc(sizeof(*pending));
	pending->sv = sv;
	pending->exchange = exchange;
	pending->principal = principal_ref(principal);
	pending->token = *token;
	int64_t life_ms = (int64_t)(sv->conf->limits.connect_timeout_us / 1000);
	bool fresh = conn_token_is_fresh(token, clock_wall_ms(sv->clock), life_ms);
	claims_ask(sv, token->worker, &token->id, fresh, on_claimed, pending);
}

static const char *bad_upgrade(const struct http_exchange *exchange)
{
	const struct http1_headers *headers = &exchange->head.headers;
	const struct bytes *key = http1_header(headers, "Sec-WebSocket-Key");
	if (exchange->head.minor == 0) {
		return "A WebSocket upgrade needs HTTP/1.1";
	}
	if (!http1_header_has_token(headers, "Connection", "upgrade")) {
		return "A WebSocket upgrade needs the header Connection: Upgrade";
	}
	if (key == NULL || http1_header_count(headers, "Sec-WebSocket-Key") != 1 ||
		!ws_key_valid(*key)) {
		return "The header Sec-WebSocket-Key must be the base64 of 16 bytes";
	}
	return NULL;
}

static bool right_version(const struct http_exchange *exchange)
{
	const struct bytes *version =
		http1_header(&exchange->head.headers, "Sec-WebSocket-Version");
	return version != NULL && bytes_eq(*version, BYTES_LIT("13"));
}

/* Refuses what is no proper upgrade. */
static bool refuse_form(struct http_exchange *exchange)
{
	const char *why = bad_upgrade(exchange);
	if (why != NULL) {
		http_respond(exchange, 400, "text/plain", NULL, bytes_str(why));
		return true;
	}
	if (!right_version(exchange)) {
		http_respond(exchange, 400, "text/plain", "Sec-WebSocket-Version: 13\r\n",
			BYTES_LIT("The header Sec-WebSocket-Version must be 13"));
		return true;
	}
	return false;
}

/* skipNegotiation */
static void start_unnegotiated(
	struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	struct uuid id;
	ident_random(&id);
	if (admission_enter(sv, exchange)) {
		upgrade_finish(sv, exchange, principal, &id, NULL);
	}
}

void upgrade_start(struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	if (refuse_form(exchange) || admission_is_draining(sv, exchange)) {
		return;
	}
	struct bytes text = find_id(exchange);
	struct conn_token token;
	if (text.len == 0) {
		start_unnegotiated(sv, exchange, principal);
	} else if (open_token(sv, text, &token) != 0) {
		no_connection(exchange, NULL);
	} else if (!conn_token_is_for(&token, &principal->user_id)) {
		http_respond(exchange, 403, "text/plain", NULL,
			BYTES_LIT("The connection was negotiated by another user"));
	} else if (admission_enter(sv, exchange)) {
		ask_claim(sv, exchange, principal, &token);
	}
}

void answer_without_transport(
	struct services *sv, struct http_exchange *exchange, const struct principal *principal)
{
	struct bytes text = find_id(exchange);
	struct conn_token token;
	if (text.len == 0) {
		http_respond(
			exchange, 400, "text/plain", NULL, BYTES_LIT("Connection ID required"));
	} else if (open_token(sv, text, &token) != 0) {
		no_connection(exchange, "text/plain");
	} else if (!conn_token_is_for(&token, &principal->user_id)) {
		http_respond(exchange, 403, "text/plain", NULL,
			BYTES_LIT("The connection was negotiated by another user"));
	} else if (exchange->head.method == HTTP1_POST) {
		http_respond(exchange, 405, "text/plain", NULL,
			BYTES_LIT("POST requests are not allowed for WebSocket connections."));
	} else if (exchange->head.method == HTTP1_DELETE) {
		http_respond(exchange, 400, "text/plain", NULL,
			BYTES_LIT("Cannot terminate this connection using the DELETE endpoint."));
	} else {
		http_respond(exchange, 404, "text/plain", NULL,
			BYTES_LIT("LongPolling transport not supported by this end point type"));
	}
}
