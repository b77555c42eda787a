#include "chatd/run/router.h"

#include "chatd/auth/cors.h"
#include "chatd/hub/endpoint.h"
#include "chatd/op/services.h"
#include "chatd/rest/rest.h"
#include "lib/base/arena.h"

#define HUB_METHODS "GET, POST, DELETE"

/* Pages of other origins may read the answer, whoever gives it. */
static void allow_origin(const struct services *sv, struct http_exchange *exchange)
{
	struct buf lines = {0};
	if (exchange->extra != NULL || cors_is_preflight(&exchange->head) ||
		http1_header(&exchange->head.headers, "Origin") == NULL) {
		return;
	}
	cors_write_answer(sv->conf, &exchange->head.headers, &lines);
	exchange->extra = arena_strdup(exchange->arena, buf_cstr(&lines));
	buf_finish(&lines);
}

static enum http_decision on_head(void *ctx, struct http_exchange *exchange, size_t *body_max)
{
	allow_origin(ctx, exchange); /* its body may be refused before it is a request */
	return hub_endpoint_owns(ctx, exchange->path) ? hub_endpoint_head(ctx, exchange, body_max)
						      : rest_head(ctx, exchange, body_max);
}

/* A preflight of a page that may not call is answered as the real server does without a policy: as
 * any OPTIONS. */
static bool may_call(const struct services *sv, const struct http_exchange *exchange)
{
	struct buf lines = {0};
	int err = cors_write_preflight(sv->conf, &exchange->head.headers, HUB_METHODS, &lines);
	buf_finish(&lines);
	return err == 0;
}

static void on_request(void *ctx, struct http_exchange *exchange)
{
	struct services *sv = ctx;
	bool hub = hub_endpoint_owns(sv, exchange->path);
	bool preflight = cors_is_preflight(&exchange->head);
	allow_origin(sv, exchange);
	if (hub && preflight && may_call(sv, exchange)) {
		rest_options(sv, exchange, HUB_METHODS);
	} else if (hub) {
		hub_endpoint_request(sv, exchange);
	} else {
		rest_request(sv, exchange);
	}
}

static const char *fail_body(void *ctx, int status, const char *text, struct buf *body)
{
	(void)ctx;
	return rest_fail_body(status, text, body);
}

const struct http_handler router_handler = {
	.on_head = on_head,
	.on_request = on_request,
	.fail_body = fail_body,
};
