/* The REST door: routes become operations, results JSON, failures problem+json (RFC 9457). */
#ifndef CHATD_REST_REST_H
#define CHATD_REST_REST_H

#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

/* Answers, now or later; 404 where no route fits. */
void rest_request(struct services *sv, struct http_exchange *exchange);

#endif
