/* Hub connections over plain HTTP: GET starts server-sent events or is a poll, POST brings what the
 * client sends, DELETE ends long polling (TransportProtocols.md). */
#ifndef CHATD_HUB_ATTACH_H
#define CHATD_HUB_ATTACH_H

#include "chatd/auth/principal.h"
#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

struct conf;

/* Whether a GET asks for server-sent events: its Accept names exactly that type. */
bool attach_wants_events(const struct http_exchange *exchange);
/* All of these take over the exchange; the caller has authenticated principal. */
void attach_events(
	struct services *sv, struct http_exchange *exchange, struct principal *principal);
void attach_poll(struct services *sv, struct http_exchange *exchange, struct principal *principal);
void attach_post(struct services *sv, struct http_exchange *exchange, struct principal *principal);
void attach_delete(
	struct services *sv, struct http_exchange *exchange, struct principal *principal);

/* The head of a POST is there: whether its body is wanted. */
bool attach_wants_body(
	struct services *sv, struct http_exchange *exchange, struct principal *principal);
/* The most bytes that a client may send at once, by POST or in a frame: clients pack many messages
 * into one. */
size_t attach_input_max(const struct conf *conf);

#endif
