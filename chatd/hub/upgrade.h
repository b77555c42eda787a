/* GET PATH with a WebSocket upgrade. */
#ifndef CHATD_HUB_UPGRADE_H
#define CHATD_HUB_UPGRADE_H

#include "chatd/auth/principal.h"
#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

/* Answers now or later; takes its own reference to principal. */
void upgrade_start(
	struct services *sv, struct http_exchange *exchange, struct principal *principal);

#endif
