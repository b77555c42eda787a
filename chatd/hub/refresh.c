#include "chatd/hub/refresh.h"

#include <stdlib.h>

#include "chatd/auth/bars.h"
#include "chatd/conn/conns.h"
#include "chatd/conn/renew.h"
#include "chatd/hub/request.h"
#include "chatd/op/door_log.h"
#include "chatd/op/tour.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/value/json.h"

/* A request whose connection is being looked for: it may live on any worker. */
struct refresh {
	struct tour tour;
	struct http_exchange *exchange;
	struct principal *principal; /* of the worker that asks */
	struct uuid id;
	int err; /* ERR_NOT_FOUND until it is found */
	bool user_changed;
	char why[BARS_WHY_SIZE];
};

static void respond_error(
	struct http_exchange *exchange, int status, const char *extra, const char *code)
{
	struct buf body = {0};
	buf_append_str(&body, "{");
	json_write_member_text(&body, "error", bytes_str(code));
	buf_append_str(&body, "}");
	http_respond(exchange, status, "application/json", extra, buf_bytes(&body));
	buf_finish(&body);
}

void refresh_refuse(struct http_exchange *exchange, int status, const char *extra)
{
	respond_error(exchange, status, extra, status == 403 ? "banned" : "invalid_token");
}

static int64_t lifetime_s(const struct services *sv, const struct principal *principal)
{
	/* Leeway is for clocks, not for clients to count on. */
	int64_t leeway_ms = (int64_t)(sv->conf->auth.leeway_us / 1000);
	int64_t left_ms = principal->expires_ms - leeway_ms - clock_wall_ms(sv->clock);
	return left_ms > 0 ? left_ms / 1000 : 0;
}

int64_t refresh_lifetime_s(const struct services *sv, const struct principal *principal)
{
	return sv->conf->auth.refresh_endpoint ? lifetime_s(sv, principal) : -1;
}

/* On each worker: whose connection it is renews it with a principal of its own. */
static void visit(struct services *sv, struct tour *tour)
{
	struct refresh *refresh = CONTAINER_OF(tour, struct refresh, tour);
	struct conn *conn =
		refresh->err == ERR_NOT_FOUND ? conns_find(sv->conns, &refresh->id) : NULL;
	if (conn == NULL || conn->state == CONN_ENDED) {
		return;
	}
	struct principal *renewed = principal_create(refresh->principal);
	refresh->user_changed = !uuid_eq(&renewed->user_id, &conn->principal->user_id);
	refresh->err = conn_renew(conn, renewed, refresh->why);
	principal_unref(&renewed);
}

static void respond_renewed(const struct services *sv, const struct refresh *refresh)
{
	struct buf body = {0};
	buf_append_str(&body, "{");
	json_write_member_int(&body, "tokenLifetimeSeconds", lifetime_s(sv, refresh->principal));
	buf_append_str(&body, "}");
	http_respond(refresh->exchange, 200, "application/json", NULL, buf_bytes(&body));
	buf_finish(&body);
}

static void visited(struct tour *tour)
{
	struct refresh *refresh = CONTAINER_OF(tour, struct refresh, tour);
	struct services *sv = tour->from;
	switch (refresh->err) {
	case 0:
		respond_renewed(sv, refresh);
		break;
	case ERR_NOT_FOUND:
		respond_error(refresh->exchange, 404, NULL, "connection_not_found");
		break;
	default:
		door_log_refused(sv, refresh->exchange, refresh->why);
		if (refresh->user_changed) {
			respond_error(refresh->exchange, 403, NULL, "user_changed");
		} else {
			refresh_refuse(
				refresh->exchange, refresh->err == ERR_FORBIDDEN ? 403 : 401, NULL);
		}
	}
	principal_unref(&refresh->principal);
	free(refresh);
}

static void look_for(struct services *sv, struct http_exchange *exchange,
	struct principal *principal, const struct uuid *id)
{
	struct refresh *refresh = mem_zalloc(sizeof(*refresh));
	refresh->exchange = exchange;
	refresh->principal = principal_ref(principal);
	refresh->id = *id;
	refresh->err = ERR_NOT_FOUND;
	tour_start(sv, &refresh->tour, visit, visited);
}

void refresh_answer(
	struct services *sv, struct http_exchange *exchange, struct principal *principal)
{
	struct conn_token token;
	if (exchange->head.method != HTTP1_POST) {
		http_respond(exchange, 405, "text/plain", NULL, BYTES_NONE);
		return;
	}
	if (!sv->conf->auth.refresh_endpoint) {
		respond_error(exchange, 404, NULL, "refresh_disabled");
		return;
	}
	struct bytes id = request_id(exchange);
	if (id.len == 0) {
		respond_error(exchange, 400, NULL, "missing_connection_token");
	} else if (request_token(sv, id, &token) != 0) {
		respond_error(exchange, 404, NULL, "connection_not_found");
	} else {
		look_for(sv, exchange, principal, &token.id);
	}
}
