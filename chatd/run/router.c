#include "chatd/run/router.h"

#include "chatd/hub/endpoint.h"
#include "chatd/op/services.h"
#include "chatd/rest/rest.h"

/* The hub reads no bodies: negotiate is answered at once even if an announced body never comes. */
static enum http_decision on_head(void *ctx, struct http_exchange *exchange, size_t *body_max)
{
	(void)body_max;
	return hub_endpoint_owns(ctx, exchange->path) ? HTTP_ANSWER_NOW : HTTP_READ_BODY;
}

static void on_request(void *ctx, struct http_exchange *exchange)
{
	struct services *sv = ctx;
	if (hub_endpoint_owns(sv, exchange->path)) {
		hub_endpoint_request(sv, exchange);
	} else {
		rest_request(sv, exchange);
	}
}

const struct http_handler router_handler = {
	.on_head = on_head,
	.on_request = on_request,
};
