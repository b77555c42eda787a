/* A request as the REST door gets it, from its text. */
#ifndef TESTS_UNIT_REST_HELP_H
#define TESTS_UNIT_REST_HELP_H

#include "chatd/net/http_conn.h"

struct rest_request {
	struct http_exchange exchange; /* its number is 7 */
	struct buf text;
};

/* head: lines without their ends, from the request line on, separated by '\n'; body may be NULL. It
 * must be one that the HTTP server takes. */
void rest_request_open(struct rest_request *request, const char *head, const char *body);
void rest_request_close(struct rest_request *request);

#endif
