/* What goes back: results as JSON with their headers, conditional and compressed, and failures. */
#ifndef CHATD_REST_ANSWER_H
#define CHATD_REST_ANSWER_H

#include "chatd/net/http_conn.h"
#include "chatd/op/op.h"
#include "chatd/rest/problem.h"
#include "chatd/rest/routes.h"

struct conf;
struct gzip;

/* Answers with a problem; ends the exchange. */
void answer_problem(struct http_exchange *exchange, const struct problem *problem);

/* Answers with what the operation brought, 200, 201, 204 or 304; ends the exchange. match: of the
 * request; its args are good still. */
void answer_result(struct http_exchange *exchange, const struct rest_match *match,
	const struct op *op, struct gzip *gzip);

/* Answers OPTIONS for a path that takes these methods; ends the exchange. ERR_FORBIDDEN, and it is
 * not ended: a browser asks for a page of an origin that is not allowed. */
int answer_options(struct http_exchange *exchange, const struct conf *conf, const char *methods,
	struct problem *ret_problem);

/* Answers GET with a body that is JSON already; ends the exchange. */
void answer_document(struct http_exchange *exchange, struct bytes body, struct gzip *gzip);

#endif
