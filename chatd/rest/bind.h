/* What a request brings, checked and written into the struct of its operation. */
#ifndef CHATD_REST_BIND_H
#define CHATD_REST_BIND_H

#include "chatd/net/http_conn.h"
#include "chatd/rest/problem.h"
#include "chatd/rest/routes.h"

/* Binds path, query, body and headers of an exchange whose body was read to params (zeroed; what is
 * bound lies on the arena, or views the exchange). Strict: what is unknown, given twice, of another
 * type or out of range is an error that names it. 0, or a negative error with ret_problem, whose
 * texts lie on the arena of the exchange. */
int rest_bind(const struct rest_match *match, const struct http_exchange *exchange,
	struct arena *arena, void *params, struct problem *ret_problem);

#endif
