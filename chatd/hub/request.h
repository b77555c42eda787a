/* What the requests of a hub connection have in common: the id in the query, whose it is, and on
 * which worker it lives. */
#ifndef CHATD_HUB_REQUEST_H
#define CHATD_HUB_REQUEST_H

#include "chatd/auth/conn_token.h"
#include "chatd/auth/principal.h"
#include "chatd/conn/claims.h"
#include "chatd/net/http_conn.h"

/* The secret id in the query: len 0 where it is missing or empty. */
struct bytes request_id(struct http_exchange *exchange);
/* Reads the id as a connection token of this process. 0, or ERR_NOT_FOUND. */
int request_token(const struct services *sv, struct bytes id, struct conn_token *ret_token);
/* Whether the token may still create a connection. */
bool request_is_fresh(const struct services *sv, const struct conn_token *token);

/* The token in the query, where the caller may use it; else answers (400 without one, 404 for one
 * that is not ours, 403 for another user's) and gives false. extra: header lines of that answer, or
 * NULL. */
bool request_admit(struct services *sv, struct http_exchange *exchange,
	const struct principal *principal, const char *extra, struct conn_token *ret_token);
/* Whether request_admit() would be content, without an answer. */
bool request_is_good(struct services *sv, struct http_exchange *exchange,
	const struct principal *principal, struct conn_token *ret_token);

/* Where the connection lives on another worker, the socket moves there with the request, which is
 * then served there: true, and the exchange is gone. */
bool request_moves(struct services *sv, struct http_exchange *exchange, unsigned worker);

/* 400: the id is another transport's. */
void request_refuse_transport(struct http_exchange *exchange, const char *extra);
/* 403 */
void request_refuse_user(struct http_exchange *exchange, const char *extra);

#endif
