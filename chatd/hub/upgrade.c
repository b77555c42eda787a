#include "chatd/hub/upgrade.h"

#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/limits.h"
#include "chatd/conn/conn.h"
#include "chatd/conn/conn_log.h"
#include "chatd/hub/admission.h"
#include "chatd/hub/hub.h"
#include "chatd/hub/request.h"
#include "chatd/transport/ws.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/wire/ws.h"

/* An upgrade whose connection id is being asked for at the token's worker. */
struct pending_upgrade {
	struct services *sv;
	struct http_exchange *exchange;
	struct principal *principal;
	struct conn_token token;
};

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

/* Without a type, as the real server does. */
static void no_connection(struct http_exchange *exchange)
{
	http_respond(exchange, 404, NULL, NULL, BYTES_LIT("No Connection with that ID"));
}

/* From here on it is a hub connection, with the place that was taken for it. claim: where its id
 * was claimed, or NULL. early: what POSTs brought before. */
static int upgrade_finish(struct services *sv, struct http_exchange *exchange,
	struct principal *principal, const struct uuid *id, const struct conn_token *claim,
	struct bytes early)
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
	if (early.len > 0) {
		transport->events->on_payload(transport->ctx, early);
	}
	if (conn->state != CONN_ENDED) {
		ws_start(transport, buf_bytes(&rest));
	}
	buf_finish(&rest);
	return 0;
}

static void on_claimed(void *ctx, enum claim_answer answer, struct buf *early)
{
	struct pending_upgrade *pending = ctx;
	struct services *sv = pending->sv;
	struct http_exchange *exchange = pending->exchange;
	if (answer == CLAIM_GRANTED) {
		if (upgrade_finish(sv, exchange, pending->principal, &pending->token.id,
			    &pending->token, buf_bytes(early)) != 0) {
			claims_end(sv, pending->token.worker, &pending->token.id,
				sv->conf->limits.connect_timeout_us);
		}
	} else {
		limits_leave(sv->limits);
		if (answer == CLAIM_LIVE) {
			http_respond(exchange, 409, "text/plain", NULL, BYTES_NONE);
		} else if (answer == CLAIM_OTHER) {
			request_refuse_transport(exchange, NULL);
		} else {
			no_connection(exchange);
		}
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
	claims_ask(sv, token->worker, &token->id, request_is_fresh(sv, token), on_claimed, pending);
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
	return version != NULL && bytes_eq(*version, BYTES_LIT("13")) &&
	       http1_header_count(&exchange->head.headers, "Sec-WebSocket-Version") == 1;
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
		upgrade_finish(sv, exchange, principal, &id, NULL, BYTES_NONE);
	}
}

void upgrade_start(struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	if (refuse_form(exchange) || admission_is_draining(sv, exchange)) {
		return;
	}
	struct bytes text = request_id(exchange);
	struct conn_token token;
	if (text.len == 0) {
		start_unnegotiated(sv, exchange, principal);
	} else if (request_token(sv, text, &token) != 0) {
		no_connection(exchange);
	} else if (!conn_token_is_for(&token, &principal->user_id)) {
		request_refuse_user(exchange, NULL);
	} else if (admission_enter(sv, exchange)) {
		ask_claim(sv, exchange, principal, &token);
	}
}
