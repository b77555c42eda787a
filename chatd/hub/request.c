#include "chatd/hub/request.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/store/store.h"
#include "lib/wire/target.h"

struct bytes request_id(struct http_exchange *exchange)
{
	struct bytes id = BYTES_NONE;
	size_t count;
	if (target_query_get(exchange->query, "id", exchange->arena, &id, &count) != 0) {
		return BYTES_NONE;
	}
	return id;
}

int request_token(const struct services *sv, struct bytes id, struct conn_token *ret_token)
{
	struct bytes secret = bytes_of(sv->store->fleet_secret, sizeof(sv->store->fleet_secret));
	int err = conn_token_open(secret, id, ret_token);
	if (err == 0 && (ret_token->incarnation != sv->incarnation ||
				ret_token->worker >= sv->worker_count)) {
		err = ERR_NOT_FOUND; /* of another process, or of this one before its restart */
	}
	return err;
}

bool request_is_fresh(const struct services *sv, const struct conn_token *token)
{
	int64_t life_ms = (int64_t)(sv->conf->limits.connect_timeout_us / 1000);
	return conn_token_is_fresh(token, clock_wall_ms(sv->clock), life_ms);
}

void request_refuse_transport(struct http_exchange *exchange, const char *extra)
{
	http_respond(exchange, 400, "text/plain", extra,
		BYTES_LIT("Cannot change transports mid-connection"));
}

void request_refuse_user(struct http_exchange *exchange, const char *extra)
{
	http_respond(exchange, 403, "text/plain", extra,
		BYTES_LIT("The connection was negotiated by another user"));
}

static int judge(struct services *sv, struct http_exchange *exchange,
	const struct principal *principal, struct conn_token *ret_token)
{
	struct bytes id = request_id(exchange);
	if (id.len == 0) {
		return ERR_BAD_REQUEST;
	}
	if (request_token(sv, id, ret_token) != 0) {
		return ERR_NOT_FOUND;
	}
	return conn_token_is_for(ret_token, &principal->user_id) ? 0 : ERR_FORBIDDEN;
}

bool request_is_good(struct services *sv, struct http_exchange *exchange,
	const struct principal *principal, struct conn_token *ret_token)
{
	return judge(sv, exchange, principal, ret_token) == 0;
}

bool request_admit(struct services *sv, struct http_exchange *exchange,
	const struct principal *principal, const char *extra, struct conn_token *ret_token)
{
	switch (judge(sv, exchange, principal, ret_token)) {
	case 0:
		return true;
	case ERR_BAD_REQUEST:
		http_respond(
			exchange, 400, "text/plain", extra, BYTES_LIT("Connection ID required"));
		return false;
	case ERR_FORBIDDEN:
		request_refuse_user(exchange, extra);
		return false;
	default:
		inbox_no_connection(exchange, extra);
		return false;
	}
}

/* ---- to another worker ---- */

struct move_mail {
	struct mail mail;
	struct services *to;
	struct http_moved moved;
};

static void move_run(struct mail *mail)
{
	struct move_mail *move = CONTAINER_OF(mail, struct move_mail, mail);
	if (move->to->http != NULL) {
		http_server_adopt_moved(move->to->http, &move->moved);
	} else {
		http_moved_drop(&move->moved);
	}
	free(move);
}

bool request_moves(struct services *sv, struct http_exchange *exchange, unsigned worker)
{
	if (worker == sv->worker) {
		return false;
	}
	struct move_mail *move = mem_zalloc(sizeof(*move));
	if (http_move(exchange, &move->moved) != 0) {
		free(move);
		http_abort(exchange); /* nobody is there to be answered */
		return true;
	}
	move->to = sv->peers[worker];
	mailbox_post(sv->boxes[worker], &move->mail, move_run);
	return true;
}
