/* The REST door's table. */
#ifndef CHATD_REST_ROUTES_H
#define CHATD_REST_ROUTES_H

#include "chatd/op/op.h"
#include "lib/wire/http1.h"

struct rest_route {
	enum http1_method method; /* GET answers HEAD as well */
	const char *path;
	const struct op_def *op;
	const char *doc;
};

/* ret_allow: where the path is known but the method is not, the methods that are, for Allow; else
 * NULL. */
const struct rest_route *rest_route_find(
	enum http1_method method, struct bytes path, const char **ret_allow);

#endif
