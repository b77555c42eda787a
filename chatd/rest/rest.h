/* The REST door: routes become operations, results JSON, failures problem+json (RFC 9457). */
#ifndef CHATD_REST_REST_H
#define CHATD_REST_REST_H

#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"

/* What the door keeps for a worker. */
struct rest;

struct rest *rest_create(void);
/* No exchange of the worker's is left. */
void rest_destroy(struct rest **rest);

/* http_handler.on_head: whether the body is wanted at all. What is to be refused by its head is
 * answered at once. */
enum http_decision rest_head(struct services *sv, struct http_exchange *exchange, size_t *body_max);
/* Answers OPTIONS for a path that takes these methods ("GET, POST"), also where a browser asks
 * beforehand. */
void rest_options(struct services *sv, struct http_exchange *exchange, const char *methods);
/* Answers, now or later. */
void rest_request(struct services *sv, struct http_exchange *exchange);

/* http_handler.fail_body: what the HTTP server itself refuses, as a problem. */
const char *rest_fail_body(int status, const char *text, struct buf *body);

#endif
