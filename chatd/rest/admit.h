/* Who may come in at the REST door, and with what: all that can be judged by a request's head. */
#ifndef CHATD_REST_ADMIT_H
#define CHATD_REST_ADMIT_H

#include "chatd/net/http_conn.h"
#include "chatd/op/services.h"
#include "chatd/rest/problem.h"
#include "chatd/rest/routes.h"

struct principal;

struct admission {
	struct rest_match match;
	struct principal *principal; /* a reference; NULL: nobody */
	struct problem problem; /* why not */
	const char *why; /* what is wrong with the token, for the log; or NULL */
};

/* Finds the route, and verifies the token. Nothing is counted. 0, or the problem's error: then
 * principal may be set, or not. */
int admit_caller(
	struct services *sv, const struct http_exchange *exchange, struct admission *ret_admission);
/* Counts the call for its user, or for its address where it names none. 0 or ERR_RATE_LIMITED. */
int admit_rate(
	struct services *sv, const struct http_exchange *exchange, struct admission *admission);
/* Media types, and the body that is announced: *ret_body_max bytes of one may be read. 0, or the
 * problem's error. */
int admit_form(const struct services *sv, const struct http_exchange *exchange,
	struct admission *admission, size_t *ret_body_max);

#endif
