#include "chatd/hub/endpoint.h"

#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/bars.h"
#include "chatd/auth/conn_token.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/origin.h"
#include "chatd/auth/principal.h"
#include "chatd/hub/admission.h"
#include "chatd/hub/attach.h"
#include "chatd/hub/negotiate.h"
#include "chatd/hub/refresh.h"
#include "chatd/hub/request.h"
#include "chatd/hub/upgrade.h"
#include "chatd/op/door_log.h"
#include "chatd/op/limits.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/metrics/metrics.h"
#include "lib/wire/target.h"

enum route { ROUTE_NONE, ROUTE_HUB, ROUTE_NEGOTIATE, ROUTE_REFRESH };

static struct bytes header(const struct http_exchange *exchange, const char *name)
{
	const struct bytes *value = http1_header(&exchange->head.headers, name);
	return value != NULL ? *value : BYTES_NONE;
}

/* Path and at most one slash behind it. */
static bool is_path(struct bytes path, struct bytes wanted)
{
	if (path.len == wanted.len + 1 && path.ptr[path.len - 1] == '/') {
		path.len--;
	}
	return bytes_eq_nocase(path, wanted);
}

static enum route route_of(const struct services *sv, struct bytes path)
{
	struct bytes hub = bytes_str(sv->conf->server.hub_path);
	if (!bytes_starts_nocase(path, hub)) {
		return ROUTE_NONE;
	}
	struct bytes rest = bytes_of(path.ptr + hub.len, path.len - hub.len);
	if (is_path(rest, BYTES_NONE)) {
		return ROUTE_HUB;
	}
	if (is_path(rest, BYTES_LIT("/refresh"))) {
		return ROUTE_REFRESH;
	}
	return is_path(rest, BYTES_LIT("/negotiate")) ? ROUTE_NEGOTIATE : ROUTE_NONE;
}

bool hub_endpoint_owns(const struct services *sv, struct bytes path)
{
	return route_of(sv, path) != ROUTE_NONE;
}

/* From the header, or on GET from the query, as browsers' WebSockets have no headers. */
static struct bytes find_token(const struct http_exchange *exchange)
{
	struct bytes header_value = header(exchange, "Authorization");
	struct bytes scheme = BYTES_LIT("Bearer ");
	if (bytes_starts_nocase(header_value, scheme)) {
		return bytes_trim(
			bytes_of(header_value.ptr + scheme.len, header_value.len - scheme.len));
	}
	struct bytes token = BYTES_NONE;
	if (exchange->head.method == HTTP1_GET) {
		size_t count;
		if (target_query_get(exchange->query, "access_token", exchange->arena, &token,
			    &count) != 0) {
			return BYTES_NONE;
		}
	}
	return token;
}

#define INVALID_TOKEN "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"

/* In the form that the route's clients read. */
static void refuse(const struct services *sv, struct http_exchange *exchange, int status,
	const char *extra, struct bytes text)
{
	if (route_of(sv, exchange->path) == ROUTE_REFRESH) {
		refresh_refuse(exchange, status, extra);
	} else {
		http_respond(exchange, status, text.len > 0 ? "text/plain" : NULL, extra, text);
	}
}

/* The token is good, but its user is kept out, or it was revoked. */
static bool refuse_barred(
	struct services *sv, struct http_exchange *exchange, const struct principal *principal)
{
	char why[BARS_WHY_SIZE];
	int err = bars_check(sv->bars, principal, why);
	if (err == 0) {
		return false;
	}
	door_log_refused(sv, exchange, why);
	bool banned = err == ERR_FORBIDDEN;
	refuse(sv, exchange, banned ? 403 : 401, banned ? NULL : INVALID_TOKEN, bytes_str(why));
	return true;
}

static struct principal *authenticate(struct services *sv, struct http_exchange *exchange)
{
	struct bytes token = find_token(exchange);
	struct principal *principal = NULL;
	int err = ERR_UNAUTHORIZED;
	char why[JWT_WHY_SIZE] = "there is no token";
	if (token.len > 0) {
		if (admission_is_flood(sv, exchange, token)) {
			return NULL;
		}
		err = principal_cache_verify(sv->principals, sv->verifier, token,
			clock_wall_ms(sv->clock), &principal, why);
	}
	if (err != 0) {
		door_log_refused(sv, exchange, why);
		if (token.len > 0) {
			limits_refused(sv, exchange->peer);
		}
		refuse(sv, exchange, 401,
			token.len > 0 ? INVALID_TOKEN : "WWW-Authenticate: Bearer\r\n", BYTES_NONE);
		return NULL;
	}
	http_set_user(exchange, &principal->user_id);
	if (refuse_barred(sv, exchange, principal)) {
		principal_unref(&principal);
	}
	return principal;
}

#undef INVALID_TOKEN

static bool is_upgrade(const struct http_exchange *exchange)
{
	return http1_header_has_token(&exchange->head.headers, "Upgrade", "websocket");
}

/* In the real server's order: who asks for events and an upgrade gets events. */
static void answer_get(
	struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	if (attach_wants_events(exchange)) {
		attach_events(sv, exchange, principal);
	} else if (is_upgrade(exchange)) {
		upgrade_start(sv, exchange, principal);
	} else {
		attach_poll(sv, exchange, principal);
	}
}

static void answer_hub(
	struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	switch (exchange->head.method) {
	case HTTP1_GET:
		answer_get(sv, exchange, principal);
		return;
	case HTTP1_POST:
		attach_post(sv, exchange, principal);
		return;
	case HTTP1_DELETE:
		attach_delete(sv, exchange, principal);
		return;
	default:
		http_respond(exchange, 405, "text/plain", NULL, BYTES_NONE);
	}
}

/* Connects are counted before their tokens are verified, which is what costs. Other requests belong
 * to a connection. */
static bool refuse_early(struct services *sv, struct http_exchange *exchange)
{
	if (route_of(sv, exchange->path) == ROUTE_NEGOTIATE) {
		return admission_is_early(sv, exchange, false);
	}
	return is_upgrade(exchange) &&
	       admission_is_early(sv, exchange, request_id(exchange).len > 0);
}

/* Only POSTs to a connection that is there have a body that is read: negotiate is answered at once
 * even if an announced body never comes. */
enum http_decision hub_endpoint_head(
	struct services *sv, struct http_exchange *exchange, size_t *body_max)
{
	if (exchange->head.method != HTTP1_POST || route_of(sv, exchange->path) != ROUTE_HUB) {
		return HTTP_ANSWER_NOW;
	}
	struct principal *principal = NULL;
	struct bytes token = find_token(exchange);
	uint64_t retry_us;
	bool wanted = token.len > 0 && limits_flood(sv, exchange->peer, token, &retry_us) == 0 &&
		      principal_cache_verify(sv->principals, sv->verifier, token,
			      clock_wall_ms(sv->clock), &principal, NULL) == 0 &&
		      attach_wants_body(sv, exchange, principal);
	principal_unref(&principal);
	*body_max = attach_input_max(sv->conf);
	return wanted ? HTTP_READ_BODY : HTTP_ANSWER_NOW;
}

void hub_endpoint_request(struct services *sv, struct http_exchange *exchange)
{
	if (refuse_early(sv, exchange)) {
		return;
	}
	struct principal *principal = authenticate(sv, exchange);
	if (principal == NULL) {
		return;
	}
	if (!origin_allowed(sv->conf, header(exchange, "Origin"), header(exchange, "Host"))) {
		http_respond(exchange, 403, "text/plain", NULL,
			BYTES_LIT("This Origin is not allowed (server.allowed_origins)"));
	} else if (route_of(sv, exchange->path) == ROUTE_NEGOTIATE) {
		negotiate_answer(sv, exchange, principal);
	} else if (route_of(sv, exchange->path) == ROUTE_REFRESH) {
		refresh_answer(sv, exchange, principal);
	} else {
		answer_hub(sv, exchange, principal);
	}
	principal_unref(&principal);
}
