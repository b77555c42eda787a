/* What the doors write into the log about requests that came to no operation. */
#ifndef CHATD_OP_DOOR_LOG_H
#define CHATD_OP_DOOR_LOG_H

#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

/* A request was refused for its token: counted, and said at LOG_INFO, at most once a second for a
 * worker. why: a sentence without anything of the token in it, as jwt_verify() gives. */
void door_log_refused(struct services *sv, const struct http_exchange *exchange, const char *why);

#endif
