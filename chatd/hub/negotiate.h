/* POST PATH/negotiate: what is offered, and a connection token that is remembered nowhere. */
#ifndef CHATD_HUB_NEGOTIATE_H
#define CHATD_HUB_NEGOTIATE_H

#include "chatd/auth/principal.h"
#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

void negotiate_answer(
	struct services *sv, struct http_exchange *exchange, const struct principal *principal);

#endif
