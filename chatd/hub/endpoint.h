/* The hub's HTTP routes: PATH/negotiate, PATH/refresh, and PATH itself for transports (ASP.NET Core
 * SignalR's TransportProtocols.md). */
#ifndef CHATD_HUB_ENDPOINT_H
#define CHATD_HUB_ENDPOINT_H

#include <stdbool.h>

#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

/* Whether a decoded path is one of the hub's (case does not matter, one trailing slash neither). */
bool hub_endpoint_owns(const struct services *sv, struct bytes path);
/* For struct http_handler, of such a request. */
enum http_decision hub_endpoint_head(
	struct services *sv, struct http_exchange *exchange, size_t *body_max);
/* Answers such a request, now or later. */
void hub_endpoint_request(struct services *sv, struct http_exchange *exchange);

#endif
