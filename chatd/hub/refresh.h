/* PATH/refresh: a new token for a connection that lives, as clients of ASP.NET Core 11 bring it
 * (auth.refresh_endpoint). */
#ifndef CHATD_HUB_REFRESH_H
#define CHATD_HUB_REFRESH_H

#include "chatd/auth/principal.h"
#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

/* Answers a request whose token was good and is principal's, now or later: 200 with
 * {"tokenLifetimeSeconds":N}, where the connection that the query names is this user's; its later
 * calls are made for the new token, and it lives as long as that. Else nothing has changed: 405
 * without a body for other methods than POST, and {"error":code} with 404 refresh_disabled (the
 * setting is off), 400 missing_connection_token, 404 connection_not_found, 403 user_changed or
 * banned, 401 invalid_token (revoked). */
void refresh_answer(
	struct services *sv, struct http_exchange *exchange, struct principal *principal);
/* Answers one whose token was refused, with {"error":code}: status 401 (invalid_token) or 403
 * (banned). extra: header lines, or NULL. */
void refresh_refuse(struct http_exchange *exchange, int status, const char *extra);

/* What negotiate says of the token as tokenLifetimeSeconds; negative: nothing, the setting is off.
 */
int64_t refresh_lifetime_s(const struct services *sv, const struct principal *principal);

#endif
